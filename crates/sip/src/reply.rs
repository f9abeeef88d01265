//! Responses made from a request (RFC 3261 8.2.6).

use std::fmt;
use std::hash::Hasher;
use std::io::Write;
use std::net::SocketAddr;

use siphasher::sip::SipHasher13;

use crate::message::{Field, Message};
use crate::name::Name;
use crate::scan::{cut, tail};
use crate::values::Values;
use crate::via::Via;

/// A To tag of our own: a keyed hash of what a retransmission has in common with its request, and the ACK of a refusal
/// with both. The same request gets the same tag, also from another server with the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(u64);

impl Tag {
    /// The tag for this request (or for the request that this ACK acknowledges). Key: 16 bytes that strangers do not
    /// know.
    pub fn of(key: &[u8; 16], request: &Message<'_>) -> Self {
        let mut hash = SipHasher13::new_with_key(key);
        let branch = request.top_via().ok().and_then(|via| via.branch());
        let from = request.from().ok().and_then(|from| from.tag());
        for part in [request.call_id().ok(), from, branch] {
            let part = part.unwrap_or_default();
            hash.write_usize(part.len());
            hash.write(part);
        }
        hash.write_u32(request.cseq().map_or(0, |cseq| cseq.number));
        Tag(hash.finish())
    }

    /// Whether the To tag of this ACK says that it acknowledges a refusal of ours, signed with any of these keys.
    pub fn acknowledged<'k>(ack: &Message<'_>, keys: impl IntoIterator<Item = &'k [u8; 16]>) -> bool {
        let Some(tag) = ack.to().ok().and_then(|to| to.tag()) else { return false };
        // Most tags are somebody else's, and show it.
        let may_be_ours = tag.len() == Tag::LENGTH && tag.starts_with(b"1");
        may_be_ours && keys.into_iter().any(|key| Tag::of(key, ack).reads(tag))
    }

    /// Whether the To tag of this message is this one.
    pub fn is_in(&self, msg: &Message<'_>) -> bool {
        msg.to().is_ok_and(|to| to.tag().is_some_and(|tag| self.reads(tag)))
    }

    fn reads(&self, tag: &[u8]) -> bool {
        let mut text = [0; Tag::LENGTH];
        let _ = write!(&mut text[..], "{self}");
        tag == text
    }

    /// Bytes of its text.
    const LENGTH: usize = 17;
}

impl fmt::Display for Tag {
    /// The format's version, then 64 bits in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1{:016x}", self.0)
    }
}

/// A response to be written.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// The status code.
    pub code: u16,
    /// The reason phrase.
    pub reason: &'a str,
    /// Further header fields, whole lines with their line ends.
    pub headers: &'a [u8],
    /// The To tag that it gets if the request has none; `None` for a 100 (RFC 3261 8.2.6.2).
    pub tag: Option<Tag>,
    /// Where the request came from, for the topmost Via.
    pub source: SocketAddr,
    /// As in [`Via::stamp`].
    pub force_rport: bool,
}

impl Reply<'_> {
    /// Appends the response to `request`.
    pub fn write(&self, request: &Message<'_>, out: &mut Vec<u8>) {
        let _ = write!(out, "SIP/2.0 {} {}\r\n", self.code, self.reason);
        let mut top = true;
        for field in request.fields() {
            match field.name {
                // A Via line may be empty: the topmost Via is the first value, not the first line.
                Name::Via if top && Values::new(field.value).next().is_some() => {
                    top = false;
                    self.write_top_via(&field, out);
                }
                Name::Via | Name::From | Name::CallId | Name::CSeq => write_line(&field, out),
                // RFC 3261 8.2.6.1: a Timestamp goes into the 100.
                Name::Timestamp if self.code == 100 => write_line(&field, out),
                Name::To => self.write_to_field(request, &field, out),
                _ => {}
            }
        }
        out.extend_from_slice(self.headers);
        out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    }

    fn write_top_via(&self, field: &Field<'_>, out: &mut Vec<u8>) {
        let via = Values::new(field.value).next().and_then(|value| Via::parse(value).ok());
        let place = via.and_then(|via| crate::scan::position(field.line, via.raw));
        let (Some(via), Some((from, to))) = (via, place) else { return write_line(field, out) };
        out.extend_from_slice(cut(field.line, 0, from));
        via.stamp(self.source, self.force_rport).write(out);
        out.extend_from_slice(tail(field.line, to));
    }

    fn write_to_field(&self, request: &Message<'_>, field: &Field<'_>, out: &mut Vec<u8>) {
        match self.tag {
            Some(tag) if request.to().is_ok_and(|to| !to.params.has("tag")) => {
                let end = crate::scan::position(field.line, field.value).map_or(0, |(_, end)| end);
                out.extend_from_slice(cut(field.line, 0, end));
                let _ = write!(out, ";tag={tag}\r\n");
            }
            _ => write_line(field, out),
        }
    }
}

fn write_line(field: &Field<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(field.line);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Index, Limits};

    const KEY: &[u8; 16] = b"0123456789abcdef";

    fn reply(request: &str, code: u16) -> String {
        let mut index = Index::new();
        let msg = Message::parse(request.as_bytes(), &mut index, &Limits::default()).unwrap();
        let tag = (code > 100).then(|| Tag::of(KEY, &msg));
        let source = "203.0.113.9:40000".parse().unwrap();
        let mut out = Vec::new();
        Reply { code, reason: "Because", headers: b"Allow: INVITE\r\n", tag, source, force_rport: false }
            .write(&msg, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn request(method: &str, to: &str) -> String {
        format!(
            "{method} sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1, SIP/2.0/UDP h2\r\nVia: SIP/2.0/UDP h3\r\n\
             Max-Forwards: 70\r\nf: <sip:x@y>;tag=1\r\nTimestamp: 54\r\nt:  {to}\r\ni: abc\r\nCSeq: 7 {method}\r\n\r\n"
        )
    }

    #[test]
    fn a_reply_copies_what_it_must_and_stamps_the_topmost_via() {
        let text = reply(&request("INVITE", "<sip:a@b>"), 486);
        let head = "SIP/2.0 486 Because\r\n\
            v: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=203.0.113.9;rport=40000, SIP/2.0/UDP h2\r\n\
            Via: SIP/2.0/UDP h3\r\nf: <sip:x@y>;tag=1\r\nt:  <sip:a@b>;tag=1";
        assert!(text.starts_with(head), "{text}");
        assert!(
            text.ends_with("\r\ni: abc\r\nCSeq: 7 INVITE\r\nAllow: INVITE\r\nContent-Length: 0\r\n\r\n"),
            "{text}"
        );
    }

    #[test]
    fn an_empty_via_line_is_not_taken_for_the_topmost_via() {
        let text = reply(&request("INVITE", "<sip:a@b>").replace("\r\nv: ", "\r\nv: ,\r\nv: "), 486);
        assert!(
            text.contains("\r\nv: ,\r\nv: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=203.0.113.9"),
            "{text}"
        );
    }

    #[test]
    fn a_tag_that_is_there_stays_and_a_100_gets_none_but_the_timestamp() {
        assert!(reply(&request("BYE", "<sip:a@b>;tag=theirs"), 404).contains("t:  <sip:a@b>;tag=theirs\r\n"));
        let trying = reply(&request("INVITE", "<sip:a@b>"), 100);
        assert!(trying.contains("t:  <sip:a@b>\r\n") && trying.contains("Timestamp: 54\r\n"), "{trying}");
    }

    #[test]
    fn the_tag_is_known_again_in_the_ack_and_in_no_other() {
        let refusal = reply(&request("INVITE", "<sip:a@b>"), 486);
        let to = refusal.lines().find_map(|line| line.strip_prefix("t:  ")).unwrap();
        let is_ours = |ack: String| {
            let mut index = Index::new();
            let msg = Message::parse(ack.as_bytes(), &mut index, &Limits::default()).unwrap();
            Tag::acknowledged(&msg, [KEY])
        };
        assert!(is_ours(request("ACK", to)));
        assert!(!is_ours(request("ACK", "<sip:a@b>;tag=10123456789abcdef")));
        assert!(!is_ours(request("ACK", to).replace("i: abc", "i: abd")));
    }
}
