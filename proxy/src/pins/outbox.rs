//! Messages of our own that wait to be sent.

use crate::route::Hop;

/// Messages one behind the other, each with where it goes.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    messages: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    end: usize,
    hop: Hop,
    new_call: Option<u16>,
}

/// A message that is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Posted<'a> {
    /// The message.
    pub bytes: &'a [u8],
    /// Where to.
    pub hop: Hop,
    /// For an INVITE that goes to another target: its place in the table.
    pub new_call: Option<u16>,
}

impl Posted<'_> {
    /// The status code of an answer.
    pub fn code(&self) -> Option<u16> {
        let code = self.bytes.strip_prefix(b"SIP/2.0 ")?.get(..3)?;
        std::str::from_utf8(code).ok()?.parse().ok()
    }
}

impl Outbox {
    /// Adds what `write` appends, if it says where that goes.
    pub(super) fn post(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Option<(Hop, Option<u16>)>) -> bool {
        let before = self.bytes.len();
        match write(&mut self.bytes) {
            Some((hop, new_call)) => {
                self.messages.push(Entry { end: self.bytes.len(), hop, new_call });
                true
            }
            None => {
                self.bytes.truncate(before);
                false
            }
        }
    }

    /// The messages, in order.
    pub fn iter(&self) -> impl Iterator<Item = Posted<'_>> {
        let mut from = 0;
        self.messages.iter().filter_map(move |entry| {
            let bytes = self.bytes.get(from..entry.end)?;
            from = entry.end;
            Some(Posted { bytes, hop: entry.hop, new_call: entry.new_call })
        })
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Empties it and keeps its memory, unless a rare amount went through.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.messages.clear();
        self.bytes.shrink_to(1 << 20);
        self.messages.shrink_to(1 << 10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Transport;

    #[test]
    fn what_is_posted_stands_there_in_order_until_it_is_cleared() {
        let address = ([10, 0, 0, 1], 5060).into();
        let hop = Hop {
            listener: 0,
            local: None,
            transport: Transport::Udp,
            address,
            connection: None,
            server: None,
        };
        let mut outbox = Outbox::default();
        assert!(outbox.is_empty());
        for text in ["SIP/2.0 487 Request Terminated\r\n", "INVITE sip:a SIP/2.0\r\n"] {
            assert!(outbox.post(|out| {
                out.extend_from_slice(text.as_bytes());
                Some((hop, None))
            }));
        }
        // Begun and given up: it leaves nothing behind.
        let given_up = outbox.post(|out| {
            out.extend_from_slice(b"BYE");
            None
        });
        assert!(!given_up && !outbox.is_empty());
        assert_eq!(outbox.iter().map(|posted| posted.code()).collect::<Vec<_>>(), [Some(487), None]);
        assert!(outbox.iter().all(|posted| posted.bytes.ends_with(b"\r\n")));
        outbox.clear();
        assert!(outbox.is_empty() && outbox.iter().next().is_none());
    }
}
