//! name-addr and addr-spec: From, To, Contact, Route, Record-Route (RFC 3261 20.10, 20.20).

use crate::block::{first, is, up_to};
use crate::error::Error;
use crate::params::Params;
use crate::scan::{cut, find, find_unquoted, quote_end, quotes_close, tail, trim};
use crate::uri::{Uri, outside, split_user};

/// A URI with an optional display name before it and parameters behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name as it came, quotes and all; empty where there is none.
    pub display: &'a [u8],
    /// What stands between the angle brackets; [`NameAddr::uri`] reads it.
    pub raw_uri: &'a [u8],
    /// The header field's parameters (`tag`), not the URI's.
    pub params: Params<'a>,
    /// Whether it was seen that the URI has nothing that none may have.
    checked: bool,
    /// Whether it was seen that there is at most one parameter, without white space and quotes.
    single: bool,
}

impl<'a> NameAddr<'a> {
    /// Reads one value.
    pub fn parse(value: &'a [u8]) -> Result<Self, Error> {
        // Many begin with a quoted string.
        let from = if value.first() == Some(&b'"') { quote_end(value, 0) } else { 0 };
        let open = find_unquoted(value, from, b'<', b';');
        if value.get(open) != Some(&b'<') {
            // RFC 3261 20.10: without brackets, every parameter is the header field's.
            let raw_uri = trim(cut(value, 0, open));
            if raw_uri.is_empty() {
                return Err(Error::expected("a URI", value, 0));
            }
            let params = Params::new(tail(value, open));
            return NameAddr { display: b"", raw_uri, params, checked: false, single: false }.closed(value);
        }
        let odd = first(value, open + 1, outside);
        let checked = value.get(odd) == Some(&b'>');
        let close = if checked { odd } else { find(value, odd, b'>') };
        if close == value.len() {
            return Err(Error::expected("'>'", value, close));
        }
        let rest = trim(tail(value, close + 1));
        if !rest.is_empty() && !rest.starts_with(b";") {
            return Err(Error::expected("';' or the end", value, close + 1));
        }
        let (display, raw_uri) = (trim(cut(value, 0, open)), cut(value, open + 1, close));
        let separates = |block| up_to(block, b' ') | is(block, b'"') | is(block, b';');
        let single = first(rest, 1, separates) == rest.len();
        let read = NameAddr { display, raw_uri, params: Params::new(rest), checked, single };
        // Most have no quotes behind the display name.
        if checked && single { Ok(read) } else { read.closed(value) }
    }

    /// A tag that is written behind an open quoted string would be no tag.
    fn closed(self, value: &[u8]) -> Result<Self, Error> {
        match quotes_close(self.raw_uri) && quotes_close(self.params.as_bytes()) {
            true => Ok(self),
            false => Err(Error::expected("the end of a quoted string", value, value.len())),
        }
    }

    /// The URI.
    pub fn uri(&self) -> Result<Uri<'a>, Error> {
        Uri::parse(self.raw_uri)
    }

    /// The same as [`Uri::check`], whatever else is to be said of the URI.
    pub fn check_uri(&self) -> Result<(), Error> {
        if self.checked { Ok(()) } else { Uri::check(self.raw_uri) }
    }

    /// The URI's user, whether the rest of it can be read or not.
    pub fn user(&self) -> Option<&'a [u8]> {
        match self.raw_uri.strip_prefix(b"sip:") {
            Some(rest) if self.checked => split_user(rest).0,
            _ => Uri::user_of(self.raw_uri),
        }
    }

    /// The `tag` parameter (RFC 3261 19.3); `None` also for an empty one.
    pub fn tag(&self) -> Option<&'a [u8]> {
        // Most have nothing else.
        match self.params.as_bytes().strip_prefix(b";tag=") {
            Some(tag @ [_, ..]) if self.single => Some(tag),
            None if self.params.as_bytes().is_empty() => None,
            _ => self.params.value("tag"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_name_uri_and_parameters_come_apart() {
        let a =
            NameAddr::parse(b"\"A. <G>; \\\" Bell\" <sip:agb@example.com;transport=tcp> ;tag=a48s").unwrap();
        assert_eq!(a.raw_uri, b"sip:agb@example.com;transport=tcp");
        assert_eq!(a.tag(), Some(&b"a48s"[..]));
        assert!(a.display.starts_with(b"\"A.") && !a.params.has("transport"));
        let a = NameAddr::parse(b"Mr. Watson <sip:w@b>;q=0.7").unwrap();
        assert_eq!((a.display, a.params.value("q")), (&b"Mr. Watson"[..], Some(&b"0.7"[..])));
    }

    #[test]
    fn without_brackets_parameters_are_the_header_fields() {
        let a = NameAddr::parse(b"sip:c8oqz84zk7z@privacy.org;tag=hyh8").unwrap();
        assert_eq!((a.raw_uri, a.tag()), (&b"sip:c8oqz84zk7z@privacy.org"[..], Some(&b"hyh8"[..])));
    }

    #[test]
    fn what_is_no_address_is_an_error() {
        for bad in [&b""[..], b"<sip:a@b", b";tag=1", b"<sip:a@b> x", b"\"open <sip:a@b>", b"<sip:a@b>;x=\"y"]
        {
            let read = NameAddr::parse(bad).and_then(|a| a.uri());
            assert!(read.is_err(), "{}", bad.escape_ascii());
        }
    }
}
