//! The view: a message as an index of spans over its bytes.

use crate::block::{first, not_plain, up_to};
use crate::error::Error;
use crate::method::Method;
use crate::name::Name;
use crate::scan::{TOKEN, cut, is_lws, is_token, position, span, tail};

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

impl Default for Limits {
    /// A datagram's worth of bytes, 256 header fields, 8 KiB in each.
    fn default() -> Self {
        Limits { message_bytes: 65_535, fields: 256, line_bytes: 8_192 }
    }
}

/// Where the header fields of a message lie. Reused from message to message: it allocates when it is made, and again
/// only for a message of more than 64 header fields.
#[derive(Debug)]
pub struct Index {
    entries: Vec<Entry>,
    /// For each name the places of its first and last entry.
    places: [(u16, u16); Name::COUNT + 1],
}

/// The places of a name that does not occur.
const NOWHERE: (u16, u16) = (u16::MAX, 0);

#[derive(Debug, Clone, Copy)]
struct Entry {
    name: Name,
    /// The first byte of its name as it came.
    initial: u8,
    start: u32,
    name_end: u32,
    value: u32,
    value_end: u32,
    end: u32,
}

impl Index {
    /// Room for 64 header fields.
    pub fn new() -> Self {
        Index { entries: Vec::with_capacity(64), places: [NOWHERE; Name::COUNT + 1] }
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.places = [NOWHERE; Name::COUNT + 1];
    }

    /// Reads the header field in `bytes[start..end]`, whose line end reaches to `next`. Returns whether it is one.
    #[inline(always)]
    fn read(&mut self, bytes: &[u8], start: usize, end: usize, next: usize) -> bool {
        let entry = Entry::parse(bytes, start, end, next);
        entry.map(|entry| self.push(entry)).is_some()
    }

    #[inline(always)]
    fn push(&mut self, entry: Entry) {
        let place = u16::try_from(self.entries.len()).unwrap_or(u16::MAX);
        if let Some((first, last)) = self.places.get_mut(entry.name as usize) {
            *first = place.min(*first);
            *last = place;
        }
        self.entries.push(entry);
    }

    /// The entries from the first of that name to the last.
    fn around(&self, name: Name) -> &[Entry] {
        let (first, last) = self.places.get(name as usize).copied().unwrap_or(NOWHERE);
        self.entries.get(usize::from(first)..=usize::from(last)).unwrap_or_default()
    }
}

impl Default for Index {
    fn default() -> Self {
        Index::new()
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
    body: Result<&'a [u8], Error>,
    defect: Option<Error>,
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
        let mut lines = Lines { bytes, at: 0, lone: None };
        let (_, first_end, next) = lines.next(false).ok_or_else(|| no_end(bytes))?;
        check("bytes in a line", first_end, limits.line_bytes)?;
        let start = StartLine::parse(cut(bytes, 0, first_end))?;
        index.clear();
        lines.at = next;
        let mut defect = None;
        let head_end = loop {
            let (start, end, next) = lines.next(true).ok_or_else(|| no_end(bytes))?;
            if start == end {
                break next;
            }
            check("bytes in a line", end - start, limits.line_bytes)?;
            check("header fields", index.entries.len() + 1, limits.fields.min(MAX_FIELDS))?;
            if !index.read(bytes, start, end, next) {
                defect = defect.or(Entry::name(bytes, start, end).err());
            }
        };
        let body = Ok(tail(bytes, head_end));
        let defect = lines.defect().or(defect);
        let mut msg = Message { bytes, index, start, head_end, body, defect };
        msg.cut_to_content_length();
        Ok(msg)
    }

    fn cut_to_content_length(&mut self) {
        match self.content_length() {
            Ok(Some(promised)) => {
                let came = self.bytes.len() - self.head_end;
                self.body = match self.bytes.get(self.head_end..self.head_end.saturating_add(promised)) {
                    Some(body) => Ok(body),
                    None => Err(Error::Short { promised, came }),
                };
                self.bytes = cut(self.bytes, 0, self.head_end.saturating_add(promised).min(self.bytes.len()));
            }
            Ok(None) => {}
            Err(error) => self.body = Err(error),
        }
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
        self.body
    }

    /// The first thing in the head that is malformed: a line without a colon, a name that is no token, a CR or NUL
    /// where none may be. Another reader may find other header fields in such a message than this one does, so it
    /// must not be passed on.
    pub fn defect(&self) -> Option<Error> {
        self.defect
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
        self.index.entries.iter().map(move |entry| entry.field(bytes))
    }

    /// Those header fields, in order, for whose name and first letter (as it came) `which` holds. Takes less than looking
    /// at each.
    pub fn fields_that(&self, which: impl Fn(Name, u8) -> bool) -> impl Iterator<Item = Field<'a>> {
        let bytes = self.bytes;
        let entries = self.index.entries.iter().filter(move |entry| which(entry.name, entry.initial));
        entries.map(move |entry| entry.field(bytes))
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
        self.all(name).next()
    }

    /// The value of the first header field of a known name, and whether there may be more of them.
    pub(crate) fn first_value(&self, name: Name) -> Option<(&'a [u8], bool)> {
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

/// Places of entries are numbered with 16 bits.
const MAX_FIELDS: usize = u16::MAX as usize;

fn no_end(bytes: &[u8]) -> Error {
    Error::expected("an empty line after the header fields", bytes, bytes.len())
}

impl<'a> StartLine<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, Error> {
        let space =
            line.iter().position(|b| *b == b' ').ok_or_else(|| Error::expected("a start line", line, 0))?;
        let (first, rest) = (cut(line, 0, space), tail(line, space + 1));
        // RFC 3261 7.1: the version is compared without case.
        if first.len() >= 4 && cut(first, 0, 4).eq_ignore_ascii_case(b"SIP/") {
            return StartLine::status(line, first, rest);
        }
        let method = Method::of(first);
        if matches!(method, Method::Other(_)) && !is_token(first) {
            return Err(Error::expected("a method", line, 0));
        }
        let last = rest.iter().rposition(|b| *b == b' ').unwrap_or(rest.len());
        Ok(StartLine::Request(RequestLine { method, uri: cut(rest, 0, last), version: tail(rest, last + 1) }))
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

impl Entry {
    /// Reads the header field in `bytes[start..end]`, whose line end reaches to `next`.
    #[inline(always)]
    fn parse(bytes: &[u8], start: usize, end: usize, next: usize) -> Option<Self> {
        // Almost all names are known or short, and have their colon right behind them.
        let (name, length, value) = match bytes.get(start..).and_then(Name::at_start) {
            Some((name, length)) => (name, length, start + length + 1),
            None => Entry::name(bytes, start, end).ok()?,
        };
        let blank = |at: usize| bytes.get(at).is_some_and(|byte| is_lws(*byte));
        let (mut value, mut value_end) = (value, end);
        while value < end && blank(value) {
            value += 1;
        }
        while value_end > value && blank(value_end - 1) {
            value_end -= 1;
        }
        // A message is no larger than `MAX_BYTES`.
        let [start, name_end, value, value_end, end] =
            [start, start + length, value, value_end, next].map(|at| at as u32);
        let initial = bytes.get(start as usize).copied().unwrap_or(0);
        Some(Entry { name, initial, start, name_end, value, value_end, end })
    }

    /// Any name, its length, and where the value begins.
    #[cold]
    fn name(bytes: &[u8], start: usize, end: usize) -> Result<(Name, usize, usize), Error> {
        let line = cut(bytes, start, end);
        let plain = first(line, 0, not_plain);
        let length = plain + span(tail(line, plain), TOKEN);
        let (name, rest) = line.split_at_checked(length).unwrap_or_default();
        // RFC 3261 25.1, HCOLON: white space may stand before the colon.
        let blank = rest.iter().take_while(|byte| is_lws(**byte)).count();
        if name.is_empty() {
            return Err(Error::expected("the name of a header field", bytes, start));
        }
        let colon = start + length + blank;
        if rest.get(blank) != Some(&b':') {
            return Err(Error::expected("a colon", bytes, colon));
        }
        Ok((Name::of(name), length, colon + 1))
    }

    fn field<'a>(&self, bytes: &'a [u8]) -> Field<'a> {
        let slice = |from: u32, to: u32| cut(bytes, from as usize, to as usize);
        Field {
            name: self.name,
            raw_name: slice(self.start, self.name_end),
            value: slice(self.value, self.value_end),
            line: slice(self.start, self.end),
        }
    }
}

/// The lines of a head. A line ends with CR LF or, as tolerant readers have it, with LF alone. A lone CR or a NUL is
/// a defect: some readers end a line there.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the first lone CR or NUL is.
    lone: Option<usize>,
}

impl Lines<'_> {
    /// Start, end, and start of the next line; `None` where no line end is left. Folded lines are taken together.
    #[inline(always)]
    fn next(&mut self, fold: bool) -> Option<(usize, usize, usize)> {
        let start = self.at;
        let mut from = start;
        loop {
            // Line ends are almost the only bytes up to there.
            let end = first(self.bytes, from, |block| up_to(block, b'\r'));
            let next = match self.bytes.get(end..)? {
                [b'\r', b'\n', ..] => end + 2,
                [b'\n', ..] => end + 1,
                [byte, ..] => {
                    if matches!(byte, b'\r' | 0) {
                        self.lone = self.lone.or(Some(end));
                    }
                    from = end + 1;
                    continue;
                }
                [] => return None,
            };
            // RFC 3261 7.3.1: a line that begins with white space continues the one before.
            if matches!(self.bytes.get(next), Some(b' ' | b'\t')) && fold && end > start {
                from = next;
                continue;
            }
            self.at = next;
            return Some((start, end, next));
        }
    }

    /// What is wrong with the bytes of the lines so far.
    fn defect(&self) -> Option<Error> {
        let expected = "a line without a lone CR or a NUL";
        self.lone.map(|at| Error::expected(expected, self.bytes, at))
    }
}

#[cfg(test)]
mod tests;
