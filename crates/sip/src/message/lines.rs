//! The lines of a head: one header field in each, or in several that are folded.
//!
//! A line ends with CR LF or, as tolerant readers have it, with LF alone. A lone CR or a NUL is a defect: some readers
//! end a line there.

use crate::block::{Block, WIDTH, first, not_plain, up_to};
use crate::error::Error;
use crate::name::Name;
use crate::scan::{TOKEN, cut, is_lws, span, tail};

/// A header field: places counted from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) name: Name,
    /// Bytes of its name.
    pub(super) length: usize,
    /// Where its value begins.
    pub(super) value: usize,
    pub(super) value_end: usize,
    /// Where the next one begins.
    pub(super) next: usize,
}

impl Line {
    /// Reads the header field that `bytes` begin with if it is written as almost all are: a short name without anything odd,
    /// the colon right behind it, at most one space behind that, a value, and CR LF at the end of the only line.
    #[inline(always)]
    pub(super) fn plain(bytes: &[u8]) -> Option<Self> {
        let (name, length) = Name::short(bytes.first_chunk()?)?;
        Line::behind(bytes, name, length)
    }

    /// The same for one with a long name.
    #[inline(always)]
    pub(super) fn long(bytes: &[u8]) -> Option<Self> {
        let (name, length) = Name::long(bytes)?;
        Line::behind(bytes, name, length)
    }

    /// What stands behind a name of that length.
    #[inline(always)]
    fn behind(bytes: &[u8], name: Name, length: usize) -> Option<Self> {
        let (blocks, _) = bytes.as_chunks::<WIDTH>();
        let mut blocks = blocks.iter();
        // Line ends are almost the only bytes up to CR.
        let ends = |block: &[u8; WIDTH]| up_to(Block::new(*block), b'\r').to_bitmask();
        let (mut at, mut marked) = (0, ends(blocks.next()?));
        while marked == 0 {
            at += WIDTH;
            marked = ends(blocks.next()?);
        }
        let value_end = at + marked.trailing_zeros() as usize;
        let (line, behind) = bytes.split_at_checked(value_end)?;
        if !matches!(behind, [b'\r', b'\n', next, ..] if !matches!(next, b' ' | b'\t')) {
            return None;
        }
        let (value, text) = match line.get(length + 1..)? {
            [b' ', text @ ..] => (length + 2, text),
            text => (length + 1, text),
        };
        let is_text = |byte: Option<&u8>| byte.is_some_and(|byte| *byte > b' ');
        let is_trimmed = is_text(text.first()) && is_text(text.last());
        is_trimmed.then_some(Line { name, length, value, value_end, next: value_end + 2 })
    }

    /// Reads any header field, which stands in the first `end` bytes and whose line end reaches to `next`. An error says
    /// where it is among all the bytes of the message, of which `start` stand before it.
    #[cold]
    pub(super) fn any(message: &[u8], start: usize, end: usize, next: usize) -> Result<Self, Error> {
        let line = cut(message, start, end);
        let plain = first(line, 0, not_plain);
        let length = plain + span(tail(line, plain), TOKEN);
        let (name, rest) = line.split_at_checked(length).unwrap_or_default();
        // RFC 3261 25.1, HCOLON: white space may stand before the colon.
        let blank = |bytes: &[u8]| bytes.iter().take_while(|byte| is_lws(**byte)).count();
        let colon = length + blank(rest);
        if name.is_empty() {
            return Err(Error::expected("the name of a header field", message, start));
        }
        if line.get(colon) != Some(&b':') {
            return Err(Error::expected("a colon", message, start + colon));
        }
        let value = colon + 1 + blank(tail(line, colon + 1));
        let trailing = tail(line, value).iter().rev().take_while(|byte| is_lws(**byte)).count();
        Ok(Line { name: Name::of(name), length, value, value_end: line.len() - trailing, next: next - start })
    }
}

/// One line after another.
pub(super) struct Lines<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    /// Where the first lone CR or NUL is.
    lone: Option<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Lines { bytes, at: 0, lone: None }
    }

    /// Start, end, and start of the next line; `None` where no line end is left. Folded lines are taken together.
    pub(super) fn next(&mut self, fold: bool) -> Option<(usize, usize, usize)> {
        let start = self.at;
        let mut from = start;
        loop {
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

    /// What is wrong with bytes that hold no whole head.
    #[cold]
    pub(super) fn no_end(&self) -> Error {
        Error::expected("an empty line after the header fields", self.bytes, self.bytes.len())
    }

    /// What is wrong with the bytes of the lines so far.
    pub(super) fn defect(&self) -> Option<Error> {
        let expected = "a line without a lone CR or a NUL";
        self.lone.map(|at| Error::expected(expected, self.bytes, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_the_short_way_is_what_the_long_way_reads() {
        let names = [
            "To",
            "v",
            "Call-ID",
            "CALL-id",
            "X",
            "X-A",
            "a%b",
            "P-Charging-Vector",
            "Content-Encoding",
            "",
            "To ",
            "T o",
        ];
        let colons = [":", ": ", " : ", ":  ", ":\t", "", ":\r\n "];
        let values = [
            "1",
            "",
            "a b",
            " a",
            "a ",
            "a\t",
            "\"\u{e9}\"",
            "a\rb",
            "a\nb",
            "a\0b",
            "0123456789abcdef0123456789abcdef",
        ];
        let ends = ["\r\n", "\n", "\r\n ", "\r\n\t", "\r", ""];
        let (mut short, mut all) = (0, 0);
        for (name, colon) in names.iter().flat_map(|name| colons.iter().map(move |colon| (name, colon))) {
            for (value, end) in values.iter().flat_map(|value| ends.iter().map(move |end| (value, end))) {
                let text = format!("{name}{colon}{value}{end}Via: SIP/2.0/UDP a\r\n\r\n");
                let found = Line::plain(text.as_bytes()).or_else(|| Line::long(text.as_bytes()));
                let (start, end, next) = Lines::new(text.as_bytes()).next(true).unwrap();
                if let Some(line) = found {
                    assert_eq!(Line::any(text.as_bytes(), start, end, next), Ok(line), "{text:?}");
                    short += 1;
                }
                all += 1;
            }
        }
        assert!(short > 50 && short < all / 4, "{short} of {all}");
    }
}
