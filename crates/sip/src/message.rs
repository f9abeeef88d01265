//! The view: a message as an index of spans over its bytes.

mod index;
mod lines;

use crate::error::Error;
use crate::method::Method;
use crate::name::Name;
use crate::scan::{cut, find, is_token, position, tail};

pub use index::Index;
use lines::Lines;

/// How much of a message is taken. What is over a limit is refused with an error that names it. Nothing in the
/// grammar is read recursively, so that there is no depth to limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in a message, body included.
    pub message_bytes: usize,
    /// Header field lines in a message.
    pub fields: usize,
    /// Bytes in the start line or in one header field, folded lines included.
    pub line_bytes: usize,
}

impl Limits {
    /// Places of header fields are numbered with 16 bits.
    fn max_fields(&self) -> usize {
        self.fields.min(usize::from(u16::MAX))
    }
}

impl Default for Limits {
    /// A datagram's worth of bytes, 256 header fields, 8 KiB in each.
    fn default() -> Self {
        Limits { message_bytes: 65_535, fields: 256, line_bytes: 8_192 }
    }
}

/// A request's first line (RFC 3261 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLine<'a> {
    /// What is asked for.
    pub method: Method<'a>,
    /// The Request-URI as it came; [`crate::Uri::parse`] says whether it is one.
    pub uri: &'a [u8],
    /// `SIP/2.0`, or whatever stands there.
    pub version: &'a [u8],
}

/// A response's first line (RFC 3261 7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusLine<'a> {
    /// 100 to 699.
    pub code: u16,
    /// The text behind it, possibly empty.
    pub reason: &'a [u8],
}

/// A header field, folded lines included.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// Its name, if it is a known one.
    pub name: Name,
    /// Its name as it came.
    pub raw_name: &'a [u8],
    /// Its value, trimmed; inside, folded lines are as they came.
    pub value: &'a [u8],
    /// All of it, its line end included.
    pub line: &'a [u8],
}

/// A view of one message. Cheap to copy; everything it gives out is a slice of the bytes that came in.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    index: &'a Index,
    start: StartLine<'a>,
    head_end: usize,
}

#[derive(Debug, Clone, Copy)]
enum StartLine<'a> {
    Request(RequestLine<'a>),
    Status(StatusLine<'a>),
}

impl<'a> Message<'a> {
    /// Reads a message that begins at the first byte of `bytes`, after any empty lines (RFC 3261 7.5).
    ///
    /// What follows Content-Length is cut off (18.3). An error means that nothing can be made of the bytes; a message
    /// that can be read but not trusted has a [`Message::defect`].
    pub fn parse(bytes: &'a [u8], index: &'a mut Index, limits: &Limits) -> Result<Self, Error> {
        let blank = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let bytes = tail(bytes, blank);
        check("bytes in a message", bytes.len(), limits.message_bytes.min(MAX_BYTES))?;
        let mut lines = Lines::new(bytes);
        let (_, end, _) = lines.next(false).ok_or_else(|| lines.no_end())?;
        check("bytes in a line", end, limits.line_bytes)?;
        let start = StartLine::parse(cut(bytes, 0, end))?;
        index.clear();
        loop {
            lines.at += index.read_plain(tail(bytes, lines.at), lines.at, limits);
            if tail(bytes, lines.at).starts_with(b"\r\n") {
                lines.at += 2;
                break;
            }
            if !index.read_any(&mut lines, limits)? {
                break;
            }
        }
        if let Some(error) = lines.defect() {
            index.defect = Some(error);
        }
        let head_end = lines.at;
        // Its body is not cut off yet.
        let bytes = match (Message { bytes, index, start, head_end }).content_length() {
            Ok(None) => bytes,
            Ok(Some(promised)) => {
                let came = bytes.len() - head_end;
                index.short = (promised > came).then_some(Error::Short { promised, came });
                cut(bytes, 0, head_end + promised.min(came))
            }
            Err(error) => {
                index.short = Some(error);
                bytes
            }
        };
        Ok(Message { bytes, index, start, head_end })
    }

    /// The message's bytes: without what stood before its start line or behind its body.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes up to the body, the empty line included.
    pub fn head_len(&self) -> usize {
        self.head_end
    }

    /// The body that Content-Length tells of, or all that follows the head where there is none (RFC 3261 18.3). An
    /// error where it tells of more than came or makes no sense.
    pub fn body(&self) -> Result<&'a [u8], Error> {
        match self.index.short {
            Some(error) => Err(error),
            None => Ok(tail(self.bytes, self.head_end)),
        }
    }

    /// The first thing in the head that is malformed: a line without a colon, a name that is no token, a CR or NUL
    /// where none may be. Another reader may find other header fields in such a message than this one does, so it
    /// must not be passed on.
    pub fn defect(&self) -> Option<Error> {
        self.index.defect
    }

    /// Whether the message has neither a defect nor a body that is not all there.
    #[inline]
    pub fn check(&self) -> Result<(), Error> {
        match (&self.index.defect, &self.index.short) {
            (None, None) => Ok(()),
            (Some(error), _) | (None, Some(error)) => Err(*error),
        }
    }

    /// The request line, if this is a request.
    pub fn request(&self) -> Option<RequestLine<'a>> {
        match self.start {
            StartLine::Request(line) => Some(line),
            StartLine::Status(_) => None,
        }
    }

    /// The status line, if this is a response.
    pub fn status(&self) -> Option<StatusLine<'a>> {
        match self.start {
            StartLine::Status(line) => Some(line),
            StartLine::Request(_) => None,
        }
    }

    /// Every header field, in order.
    pub fn fields(&self) -> impl DoubleEndedIterator<Item = Field<'a>> + use<'a> {
        let bytes = self.bytes;
        self.index.entries().iter().map(move |entry| entry.field(bytes))
    }

    /// What the names of header fields that are not known begin with, a bit for each letter: its lowest five bits.
    pub fn initials(&self) -> u32 {
        self.index.initials()
    }

    /// The header fields of a known name, in order.
    pub fn all(&self, name: Name) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let bytes = self.bytes;
        self.index
            .around(name)
            .iter()
            .filter(move |entry| entry.name == name)
            .map(move |entry| entry.field(bytes))
    }

    /// The first header field of a known name.
    pub fn first(&self, name: Name) -> Option<Field<'a>> {
        self.index.around(name).first().map(|entry| entry.field(self.bytes))
    }

    /// The whole of the first header field of a known name, line end and all.
    pub fn first_line(&self, name: Name) -> Option<&'a [u8]> {
        self.index.around(name).first().map(|entry| entry.line(self.bytes))
    }

    /// The whole of the last header field, line end and all.
    pub fn last_line(&self) -> Option<&'a [u8]> {
        self.index.entries().last().map(|entry| entry.line(self.bytes))
    }

    /// The value of the first header field of a known name, and whether there may be more of them.
    pub fn first_value(&self, name: Name) -> Option<(&'a [u8], bool)> {
        let entries = self.index.around(name);
        let first = entries.first()?;
        Some((cut(self.bytes, first.value as usize, first.value_end as usize), entries.len() > 1))
    }

    /// The header fields of any name, compared without case but not between long and compact form.
    pub fn named<'n>(&self, name: &'n str) -> impl Iterator<Item = Field<'a>> + use<'a, 'n> {
        self.fields().filter(move |field| field.raw_name.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Where a slice of this message lies in [`Message::bytes`]; `None` for any other slice.
    pub(crate) fn position(&self, part: &[u8]) -> Option<(usize, usize)> {
        position(self.bytes, part)
    }
}

fn check(what: &'static str, found: usize, limit: usize) -> Result<(), Error> {
    if found > limit { Err(Error::TooMany { what, found, limit }) } else { Ok(()) }
}

/// Places of bytes are numbered with 32 bits.
const MAX_BYTES: usize = u32::MAX as usize;

impl<'a> StartLine<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, Error> {
        let space = find(line, 0, b' ');
        let (first, rest) = (cut(line, 0, space), line.get(space + 1..));
        let rest = rest.ok_or_else(|| Error::expected("a start line", line, 0))?;
        // RFC 3261 7.1: the version is compared without case.
        if first.len() >= 4 && cut(first, 0, 4).eq_ignore_ascii_case(b"SIP/") {
            return StartLine::status(line, first, rest);
        }
        let method = Method::of(first);
        if matches!(method, Method::Other(_)) && !is_token(first) {
            return Err(Error::expected("a method", line, 0));
        }
        let (uri, version) = match rest.strip_suffix(b" SIP/2.0") {
            Some(uri) => (uri, tail(rest, uri.len() + 1)),
            None => {
                let last = rest.iter().rposition(|b| *b == b' ').unwrap_or(rest.len());
                (cut(rest, 0, last), tail(rest, last + 1))
            }
        };
        Ok(StartLine::Request(RequestLine { method, uri, version }))
    }

    fn status(line: &'a [u8], version: &'a [u8], rest: &'a [u8]) -> Result<Self, Error> {
        if !version.eq_ignore_ascii_case(b"SIP/2.0") {
            return Err(Error::expected("SIP/2.0", line, 0));
        }
        let code = match rest {
            [a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9']
            | [a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ', ..] => {
                [a, b, c].iter().fold(0, |sum, digit| sum * 10 + u16::from(**digit - b'0'))
            }
            _ => return Err(Error::expected("a status code from 100 to 699", line, version.len() + 1)),
        };
        Ok(StartLine::Status(StatusLine { code, reason: tail(rest, 4) }))
    }
}

#[cfg(test)]
mod tests;
