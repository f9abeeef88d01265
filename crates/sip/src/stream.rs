//! Messages out of a byte stream: TCP and TLS (RFC 3261 18.3).

use crate::error::Error;
use crate::message::{Index, Limits, Message};
use crate::scan::{cut, tail};

/// Cuts a byte stream into messages. After an error the stream cannot be read on: there is no telling where the next
/// message begins.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    index: Index,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were given out already.
    taken: usize,
    /// Bytes behind `taken` in which no empty line ends.
    searched: usize,
    /// The length of the message at `taken`, once its head was read: a body that comes byte by byte must not have the
    /// head read again each time.
    length: Option<usize>,
}

/// What a stream holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The bytes of one whole message.
    Message(&'a [u8]),
    /// Two empty lines before a start line: a keepalive that wants a CR LF back (RFC 5626 4.4.1).
    Ping,
}

impl Framer {
    /// For one stream.
    pub fn new(limits: Limits) -> Self {
        Framer { limits, index: Index::new(), buffer: Vec::new(), taken: 0, searched: 0, length: None }
    }

    /// Takes bytes that came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.taken.min(self.buffer.len()));
        self.taken = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether a message has begun and not ended.
    pub fn is_in_message(&self) -> bool {
        tail(&self.buffer, self.taken).iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
    }

    /// The next message, if it is there to its end.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        // RFC 3261 7.5: empty lines before the start line are passed over. What begins as one is not judged until four
        // bytes are there, so that it is the same however the stream is cut.
        loop {
            match cut(&self.buffer, self.taken, self.taken + 4) {
                b"\r\n\r\n" => {
                    self.taken += 4;
                    return Ok(Some(Frame::Ping));
                }
                [] => return Ok(None),
                [b'\r', b'\n', ..] => self.taken += 2,
                [b'\n', ..] => self.taken += 1,
                _ => break,
            }
        }
        if self.length.is_none() {
            self.length = self.message_length()?;
        }
        let start = self.taken;
        let Some(length) = self.length.filter(|length| *length <= self.buffer.len() - start) else {
            return Ok(None);
        };
        (self.taken, self.searched, self.length) = (start + length, 0, None);
        Ok(Some(Frame::Message(cut(&self.buffer, start, start + length))))
    }

    /// The length of the message that begins at `taken`, once its head is there.
    fn message_length(&mut self) -> Result<Option<usize>, Error> {
        let rest = tail(&self.buffer, self.taken);
        let Some(end) = head_end(rest, self.searched) else {
            self.searched = rest.len().saturating_sub(3);
            return match rest.len() > self.limits.message_bytes {
                true => Err(self.too_large(rest.len())),
                false => Ok(None),
            };
        };
        let head = cut(rest, 0, end);
        let msg = Message::parse(head, &mut self.index, &self.limits)?;
        if let Some(defect) = msg.defect() {
            return Err(defect);
        }
        // RFC 3261 18.3: on a stream, Content-Length must be there; without it the end cannot be known.
        let body = msg.content_length()?.ok_or(Error::Missing("Content-Length"))?;
        let length = end.saturating_add(body);
        if length > self.limits.message_bytes {
            return Err(self.too_large(length));
        }
        Ok(Some(length))
    }

    fn too_large(&self, found: usize) -> Error {
        Error::TooMany { what: "bytes in a message", found, limit: self.limits.message_bytes }
    }
}

/// The end of the first empty line that ends at or after `from`: a line end with another one right behind it.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let feed = at + memchr::memchr(b'\n', tail(bytes, at))?;
        match (bytes.get(feed + 1), bytes.get(feed + 2)) {
            (Some(b'\n'), _) => return Some(feed + 2),
            (Some(b'\r'), Some(b'\n')) => return Some(feed + 3),
            _ => at = feed + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nl: 4\r\n\r\nbody";
    const TWO: &[u8] = b"\r\nACK sip:a SIP/2.0\nContent-Length: 0\n\n";

    fn frames(framer: &mut Framer) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(frame) = framer.next_frame().unwrap() {
            all.push(match frame {
                Frame::Message(bytes) => bytes.to_vec(),
                Frame::Ping => b"ping".to_vec(),
            });
        }
        all
    }

    #[test]
    fn messages_are_the_same_however_the_stream_is_cut() {
        let stream = [ONE, TWO, b"\r\n\r\n", ONE, b"\r\n\r\n"].concat();
        let expected = [ONE, &TWO[2..], b"ping", ONE, b"ping"].map(<[u8]>::to_vec);
        for size in 1..stream.len() {
            let mut framer = Framer::new(Limits::default());
            let mut all = Vec::new();
            for bytes in stream.chunks(size) {
                framer.push(bytes);
                all.extend(frames(&mut framer));
            }
            assert_eq!(all, expected, "chunks of {size}");
            assert!(!framer.is_in_message());
        }
    }

    #[test]
    fn line_feeds_alone_before_a_start_line_are_empty_lines_too() {
        let mut framer = Framer::new(Limits::default());
        framer.push(&[b"\n\r\n\n", ONE, b"\n\n", ONE].concat());
        assert_eq!(frames(&mut framer), [ONE, ONE].map(<[u8]>::to_vec));
    }

    #[test]
    fn a_head_is_not_read_again_for_every_byte_of_its_body() {
        let head = format!("OPTIONS sip:a SIP/2.0\r\n{}l: 9\r\n\r\n", "X: 1\r\n".repeat(200));
        let mut framer = Framer::new(Limits::default());
        framer.push(head.as_bytes());
        assert_eq!(framer.next_frame(), Ok(None));
        assert_eq!(framer.length, Some(head.len() + 9));
        framer.push(b"123456789");
        assert!(
            matches!(framer.next_frame(), Ok(Some(Frame::Message(all))) if all.ends_with(b"\r\n123456789"))
        );
        assert_eq!(framer.length, None);
    }

    #[test]
    fn a_stream_without_content_length_cannot_be_read_on() {
        let mut framer = Framer::new(Limits::default());
        framer.push(b"OPTIONS sip:a SIP/2.0\r\n\r\n");
        assert_eq!(framer.next_frame(), Err(Error::Missing("Content-Length")));
    }

    #[test]
    fn a_message_over_the_limit_is_refused_before_it_is_all_there() {
        let limits = Limits { message_bytes: 100, ..Limits::default() };
        let mut framer = Framer::new(limits);
        framer.push(b"OPTIONS sip:a SIP/2.0\r\nl: 4000000000\r\n\r\n");
        assert!(framer.next_frame().is_err());
        let mut framer = Framer::new(limits);
        framer.push(&[b'x'; 101]);
        assert!(framer.next_frame().is_err());
    }
}
