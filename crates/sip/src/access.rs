//! The view's typed header fields, read on demand.

use crate::cseq::CSeq;
use crate::error::Error;
use crate::message::Message;
use crate::name::Name;
use crate::name_addr::NameAddr;
use crate::scan::number;
use crate::values::Values;
use crate::via::{RawVia, Via, Vias};

impl<'a> Message<'a> {
    /// The values of a header field that is a list, over all its lines, in order.
    pub fn values(&self, name: Name) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.all(name).flat_map(|field| Values::new(field.value))
    }

    /// The Call-ID (RFC 3261 20.8), compared byte by byte.
    pub fn call_id(&self) -> Result<&'a [u8], Error> {
        let value = self.only(Name::CallId)?;
        if value.is_empty() { Err(Error::expected("a Call-ID", value, 0)) } else { Ok(value) }
    }

    /// The CSeq (RFC 3261 20.16).
    pub fn cseq(&self) -> Result<CSeq<'a>, Error> {
        CSeq::parse(self.only(Name::CSeq)?)
    }

    /// The From (RFC 3261 20.20).
    pub fn from(&self) -> Result<NameAddr<'a>, Error> {
        NameAddr::parse(self.only(Name::From)?)
    }

    /// The To (RFC 3261 20.39).
    pub fn to(&self) -> Result<NameAddr<'a>, Error> {
        NameAddr::parse(self.only(Name::To)?)
    }

    /// The topmost Via (RFC 3261 20.42).
    pub fn top_via(&self) -> Result<Via<'a>, Error> {
        let line = self.first_value(Name::Via).map_or(&b""[..], |(line, _)| line);
        match Vias::new(line).only() {
            Some(via) => via.read(),
            None => self.vias().next().unwrap_or(Err(Error::Missing("Via"))),
        }
    }

    /// All Vias, topmost first.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'a>, Error>> + use<'a> {
        self.raw_vias().map(|via| via.read())
    }

    /// The same, not read yet.
    pub fn raw_vias(&self) -> impl Iterator<Item = RawVia<'a>> + use<'a> {
        self.all(Name::Via).flat_map(|field| Vias::new(field.value))
    }

    /// Whether something holds for the value of any Via but the topmost, which is `top`.
    pub fn any_via_below(&self, top: &Via<'_>, mut holds: impl FnMut(&'a [u8]) -> bool) -> bool {
        let others = self.all(Name::Via).filter(|line| !std::ptr::eq(line.value, top.raw));
        others.map(|line| line.value).any(|line| match Vias::new(line).only() {
            Some(via) => holds(via.as_bytes()),
            None => Values::behind(line, top.raw).any(&mut holds),
        })
    }

    /// The hops left (RFC 3261 20.22: 0 to 255), `None` where the header field is absent.
    pub fn max_forwards(&self) -> Result<Option<u8>, Error> {
        let Some(value) = self.at_most_one(Name::MaxForwards)? else { return Ok(None) };
        let hops = number(value).and_then(|hops| u8::try_from(hops).ok());
        hops.map(Some).ok_or_else(|| Error::expected("a Max-Forwards from 0 to 255", value, 0))
    }

    /// The body's length as the message tells it (RFC 3261 20.14), in bytes.
    pub fn content_length(&self) -> Result<Option<usize>, Error> {
        let Some(value) = self.at_most_one(Name::ContentLength)? else { return Ok(None) };
        let length = number(value).and_then(|length| usize::try_from(length).ok());
        length.map(Some).ok_or_else(|| Error::expected("a Content-Length", value, 0))
    }

    /// A header field that must be there once. Twice with one value is taken for once.
    fn only(&self, name: Name) -> Result<&'a [u8], Error> {
        self.at_most_one(name)?.ok_or(Error::Missing(name.as_str()))
    }

    fn at_most_one(&self, name: Name) -> Result<Option<&'a [u8]>, Error> {
        let Some((first, more)) = self.first_value(name) else { return Ok(None) };
        match more && self.all(name).any(|other| other.value != first) {
            true => Err(Error::Contradiction(name.as_str())),
            false => Ok(Some(first)),
        }
    }
}
