//! Blocks out of a byte stream: lines up to an empty one, then as many bytes as `Content-Length` says. Both directions
//! are cut alike.

use crate::error::Error;

/// How much one frame may hold. What is over is refused before it is all there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes up to and with the empty line.
    pub head_bytes: usize,
    /// Lines up to the empty line.
    pub head_lines: usize,
    /// Bytes of a body. The largest ones are `show channels` of a full FreeSWITCH: about 1 KB for each channel.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { head_bytes: 256 << 10, head_lines: 2_000, body_bytes: 32 << 20 }
    }
}

/// A buffer of this size is kept when it is empty; what a larger body needed is given back.
const KEPT_BYTES: usize = 256 << 10;

/// Cuts a byte stream. After an error it cannot be read on: there is no telling where the next block begins.
#[derive(Debug)]
pub(crate) struct Blocks {
    limits: Limits,
    /// Whether the first line of a head is a command and not a header.
    has_command: bool,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were given out already.
    taken: usize,
    /// Bytes behind `taken` in which no empty line ends.
    searched: usize,
    /// Lengths of the head and the body at `taken`, once the head was read.
    lengths: Option<(usize, usize)>,
    /// Where in the stream `buffer` begins.
    base: u64,
}

/// A head without its empty line, and a body.
pub(crate) type Block<'a> = (&'a [u8], &'a [u8]);

impl Blocks {
    pub(crate) fn new(limits: Limits, has_command: bool) -> Self {
        Blocks { limits, has_command, buffer: Vec::new(), taken: 0, searched: 0, lengths: None, base: 0 }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        // Only when at least half is used up, so that each byte is moved once at most, however many frames wait.
        if self.taken * 2 >= self.buffer.len() {
            self.buffer.drain(..self.taken.min(self.buffer.len()));
            self.base += self.taken as u64;
            self.taken = 0;
            if self.buffer.is_empty() && self.buffer.capacity() > KEPT_BYTES {
                self.buffer = Vec::new();
            }
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes that came and were not given out.
    pub(crate) fn waiting(&self) -> usize {
        self.buffer.len().saturating_sub(self.taken)
    }

    /// The next block, if it is there to its end.
    pub(crate) fn next_block(&mut self) -> Result<Option<Block<'_>>, Error> {
        if self.lengths.is_none() {
            self.lengths = self.measure()?;
        }
        let Some((head, body)) = self.lengths else { return Ok(None) };
        let start = self.taken;
        let Some(length) = head.checked_add(body).filter(|length| *length <= self.waiting()) else {
            return Ok(None);
        };
        (self.taken, self.searched, self.lengths) = (start + length, 0, None);
        let bytes = self.buffer.get(start..start + length).unwrap_or_default();
        Ok(bytes.split_at_checked(head))
    }

    /// The lengths of the block at `taken`, once its head is there.
    fn measure(&mut self) -> Result<Option<(usize, usize)>, Error> {
        // mod_event_socket's read_packet: line ends before a command are passed over. FreeSWITCH sends none.
        while let Some(b'\r' | b'\n') = self.buffer.get(self.taken) {
            self.taken += 1;
        }
        let at = self.base + self.taken as u64;
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let too_long = |found| {
            let limit = self.limits.head_bytes;
            Error::TooMany { what: "bytes in a head", found, limit, at }
        };
        let Some(end) = head_end(rest, self.searched) else {
            self.searched = rest.len().saturating_sub(2);
            return if rest.len() > self.limits.head_bytes { Err(too_long(rest.len())) } else { Ok(None) };
        };
        if end > self.limits.head_bytes {
            return Err(too_long(end));
        }
        let head = rest.get(..end).unwrap_or_default();
        let body = self.body_length(head, at)?;
        Ok(Some((end, body)))
    }

    fn body_length(&self, head: &[u8], at: u64) -> Result<usize, Error> {
        let mut body: Option<usize> = None;
        let mut begin = 0;
        for (count, line) in head.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let at_line = at + begin as u64;
            begin += line.len();
            if count >= self.limits.head_lines {
                let limit = self.limits.head_lines;
                return Err(Error::TooMany { what: "lines in a head", found: count + 1, limit, at });
            }
            let line = trim_end(line);
            if line.is_empty() || (count == 0 && self.has_command) {
                continue;
            }
            let Some((name, value)) = split_header(line) else {
                let what = "a header: a name and a colon";
                return Err(Error::Expected { what, found: line.first().copied(), at: at_line });
            };
            if !name.eq_ignore_ascii_case(b"Content-Length") {
                continue;
            }
            let length = number(value).map_err(|offset| {
                let in_line = (line.len() - value.len() + offset) as u64;
                let found = value.get(offset).copied();
                Error::Expected { what: "a length in bytes", found, at: at_line + in_line }
            })?;
            if length > self.limits.body_bytes {
                let limit = self.limits.body_bytes;
                return Err(Error::TooMany { what: "bytes in a body", found: length, limit, at });
            }
            if body.is_some_and(|before| before != length) {
                let what = "one Content-Length, not two that differ";
                return Err(Error::Expected { what, found: line.first().copied(), at: at_line });
            }
            body = Some(length);
        }
        Ok(body.unwrap_or(0))
    }
}

/// Behind the first empty line that ends at or after `from`.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let feed = at + memchr::memchr(b'\n', bytes.get(at..)?)?;
        match (bytes.get(feed + 1), bytes.get(feed + 2)) {
            (Some(b'\n'), _) => return Some(feed + 2),
            (Some(b'\r'), Some(b'\n')) => return Some(feed + 3),
            _ => at = feed + 1,
        }
    }
}

/// A line without its end.
pub(crate) fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Name and value of a header line.
pub(crate) fn split_header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line).filter(|colon| *colon > 0)?;
    let (name, value) = line.split_at_checked(colon)?;
    Some((name, value.get(1..)?.trim_ascii_start()))
}

/// A number of decimal digits; where it is none, the offset of the first byte that does not fit.
fn number(text: &[u8]) -> Result<usize, usize> {
    let mut number: usize = 0;
    for (offset, byte) in text.iter().enumerate() {
        let digit = byte.is_ascii_digit().then(|| usize::from(byte - b'0')).ok_or(offset)?;
        number = number.checked_mul(10).and_then(|number| number.checked_add(digit)).ok_or(offset)?;
    }
    if text.is_empty() { Err(0) } else { Ok(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { head_bytes: 100, head_lines: 4, body_bytes: 50 };

    fn error(bytes: &[u8]) -> Error {
        let mut blocks = Blocks::new(LIMITS, false);
        blocks.push(bytes);
        loop {
            match blocks.next_block() {
                Ok(Some(_)) => (),
                Ok(None) => panic!("no error in {:?}", String::from_utf8_lossy(bytes)),
                Err(error) => return error,
            }
        }
    }

    #[test]
    fn errors_tell_where_in_the_connection_they_are() {
        let good = "A: 1\nContent-Length: 2\n\nxx";
        let head = format!("{good}B: 1\nno colon\n\n");
        let what = "a header: a name and a colon";
        assert_eq!(error(head.as_bytes()), Error::Expected { what, found: Some(b'n'), at: 31 });
        let length = format!("{good}Content-Length: 1x\n\n");
        let what = "a length in bytes";
        assert_eq!(error(length.as_bytes()), Error::Expected { what, found: Some(b'x'), at: 43 });
        let none = error(b"Content-Length:\n\n");
        assert_eq!(none, Error::Expected { what, found: None, at: 15 });
        let what = "one Content-Length, not two that differ";
        let two = error(b"Content-Length: 1\nContent-Length: 2\n\n");
        assert_eq!(two, Error::Expected { what, found: Some(b'C'), at: 18 });
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_all_there() {
        let too_many = |what, found, limit| Error::TooMany { what, found, limit, at: 0 };
        assert_eq!(error(&[b'a'; 101]), too_many("bytes in a head", 101, 100));
        assert_eq!(error(b"Content-Length: 51\n\n"), too_many("bytes in a body", 51, 50));
        assert_eq!(error(b"A: 1\nB: 2\nC: 3\nD: 4\nE: 5\n\n"), too_many("lines in a head", 5, 4));
        assert!(matches!(error(b"Content-Length: 99999999999999999999\n\n"), Error::Expected { at: 35, .. }));
    }

    #[test]
    fn nothing_is_searched_twice() {
        let mut blocks = Blocks::new(Limits::default(), false);
        blocks.push(&[b'a'; 5000]);
        assert_eq!(blocks.next_block(), Ok(None));
        assert_eq!(blocks.searched, 4998);
        blocks.push(b": 1\nContent-Length: 9\n\n1234");
        assert_eq!(blocks.next_block(), Ok(None));
        assert_eq!(blocks.lengths, Some((5023, 9)));
        blocks.push(b"56789");
        assert!(matches!(blocks.next_block(), Ok(Some((_, b"123456789")))));
        assert_eq!((blocks.lengths, blocks.searched, blocks.waiting()), (None, 0, 0));
    }

    #[test]
    fn memory_is_given_back() {
        let mut blocks = Blocks::new(Limits::default(), false);
        blocks.push(b"Content-Length: 10000000\n\n");
        for _ in 0..10 {
            blocks.push(&[0; 1_000_000]);
        }
        assert!(matches!(blocks.next_block(), Ok(Some((_, body))) if body.len() == 10_000_000));
        blocks.push(b"A: 1\n\n");
        assert!(blocks.buffer.capacity() <= KEPT_BYTES, "{}", blocks.buffer.capacity());
        assert!(matches!(blocks.next_block(), Ok(Some((b"A: 1\n\n", b"")))));
    }

    #[test]
    fn line_ends_between_frames_do_not_count_as_heads() {
        let mut blocks = Blocks::new(LIMITS, false);
        blocks.push(b"\r\n\n\nA: 1\r\n\r\n\nB: 2\n\n");
        assert_eq!(blocks.next_block(), Ok(Some((&b"A: 1\r\n\r\n"[..], &b""[..]))));
        assert_eq!(blocks.next_block(), Ok(Some((&b"B: 2\n\n"[..], &b""[..]))));
        assert_eq!(blocks.next_block(), Ok(None));
    }
}
