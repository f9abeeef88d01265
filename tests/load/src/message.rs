//! What the caller sends, prepared so that a message costs one copy: texts with gaps for the call's number.

use std::{
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::plan::Plan;

/// Where a call's number goes in a text.
const GAP: &str = "{n}";

/// Hexadecimal digits of a call's number.
const DIGITS: usize = 8;

/// A call's number as it stands in messages.
pub type Number = [u8; DIGITS];

/// Writes a call's number.
pub fn number(call: usize) -> Number {
    let mut digits = [b'0'; DIGITS];
    let mut rest = call;
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef".get(rest & 15).copied().unwrap_or(b'0');
        rest >>= 4;
    }
    digits
}

/// Tells the calls of this run from those of any other.
#[derive(Clone, Debug)]
pub struct Run {
    /// What follows the call's number in its Call-ID.
    suffix: String,
}

impl Run {
    /// A run unlike those before it.
    pub fn new() -> Self {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as u64);
        Run { suffix: format!("-{:x}{:04x}@sbc.carrier.example", time, std::process::id() & 0xffff) }
    }

    /// The call that a Call-ID belongs to, if it is of this run.
    pub fn call(&self, call_id: &[u8]) -> Option<usize> {
        let (digits, suffix) = call_id.split_at_checked(DIGITS)?;
        if suffix != self.suffix.as_bytes() {
            return None;
        }
        usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }
}

impl Default for Run {
    fn default() -> Self {
        Run::new()
    }
}

/// A text with gaps for a call's number.
#[derive(Clone, Debug)]
pub struct Text {
    pieces: Vec<Vec<u8>>,
}

impl Text {
    fn new(text: &str) -> Self {
        Text { pieces: text.split(GAP).map(|piece| piece.as_bytes().to_vec()).collect() }
    }

    /// Appends the text for a call.
    pub fn write(&self, number: &Number, out: &mut Vec<u8>) {
        for (place, piece) in self.pieces.iter().enumerate() {
            if place > 0 {
                out.extend_from_slice(number);
            }
            out.extend_from_slice(piece);
        }
    }
}

/// A later request of a call: what stands between what its dialog decides. The Request-URI comes first, the Route set
/// between the two texts, the To behind them.
#[derive(Clone, Debug)]
pub struct Later {
    /// `ACK `
    pub method: &'static [u8],
    /// From behind the Request-URI to the Route set.
    pub before_routes: Text,
    /// From behind the Route set to the value of To, which ends the message.
    pub before_to: Text,
}

/// All that one source of calls says.
#[derive(Clone, Debug)]
pub struct Script {
    /// The INVITE.
    pub invite: Text,
    /// The ACK of a 200, a request of its own (RFC 3261 13.2.2.4).
    pub ack: Later,
    /// The BYE.
    pub bye: Later,
    /// The ACK of a refusal, which belongs to the INVITE's transaction (RFC 3261 17.1.1.3).
    pub refused: Later,
    /// The Request-URI of the INVITE.
    pub uri: String,
}

impl Script {
    /// For calls from this address.
    pub fn new(run: &Run, own: SocketAddr, plan: &Plan) -> Self {
        let uri = format!("sip:1294@{};user=phone", plan.against);
        let common = Common { run, own, to: format!("<{uri}>") };
        let later = |method, letter, line: &str| common.later(method, letter, line);
        Script {
            invite: Text::new(&common.invite(&uri, plan.pad)),
            ack: later(b"ACK ", 'a', "1 ACK"),
            bye: later(b"BYE ", 'b', "2 BYE"),
            refused: later(b"ACK ", 'i', "1 ACK"),
            uri,
        }
    }
}

/// What the requests of a call have in common.
struct Common<'a> {
    run: &'a Run,
    own: SocketAddr,
    to: String,
}

impl Common<'_> {
    fn via(&self, letter: char) -> String {
        let run = self.run.suffix.trim_start_matches('-').split('@').next().unwrap_or_default();
        format!("Via: SIP/2.0/UDP {};branch=z9hG4bK{run}{letter}{GAP};rport\r\n", self.own)
    }

    fn identity(&self) -> String {
        format!(
            "Call-ID: {GAP}{}\r\n\
             From: \"+85510715860\" <sip:+85510715860@{};user=phone>;tag=sbc{GAP}\r\n",
            self.run.suffix, self.own
        )
    }

    fn later(&self, method: &'static [u8], letter: char, cseq: &str) -> Later {
        let identity = self.identity();
        Later {
            method,
            before_routes: Text::new(&format!(" SIP/2.0\r\n{}", self.via(letter))),
            before_to: Text::new(&format!(
                "Max-Forwards: 68\r\n{identity}CSeq: {cseq}\r\nContent-Length: 0\r\nTo: "
            )),
        }
    }

    /// A carrier's border controller stands here: it hands on the call of a subscriber behind it, and so there are two
    /// Vias and a Record-Route of its own.
    fn invite(&self, uri: &str, pad: usize) -> String {
        let (via, identity, own, to) = (self.via('i'), self.identity(), self.own, &self.to);
        let pad = if pad > 0 { format!("X-Pad: {}\r\n", "x".repeat(pad)) } else { String::new() };
        format!(
            "INVITE {uri} SIP/2.0\r\n\
             {via}Via: SIP/2.0/UDP 10.65.2.14:5062;branch=z9hG4bKcscf{GAP}\r\n\
             Record-Route: <sip:{own};lr>\r\n\
             Max-Forwards: 68\r\n\
             {identity}To: {to}\r\n\
             CSeq: 1 INVITE\r\n\
             Contact: <sip:+85510715860@{own};transport=udp>\r\n\
             Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, INFO, OPTIONS, NOTIFY\r\n\
             Supported: timer, 100rel, replaces\r\n\
             Session-Expires: 1800;refresher=uac\r\n\
             P-Asserted-Identity: <sip:+85510715860@carrier.example;user=phone>\r\n\
             P-Charging-Vector: icid-value={GAP}.20240611;orig-ioi=carrier.example\r\n\
             {pad}Content-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{OFFER}",
            OFFER.len()
        )
    }
}

/// What the caller offers.
const OFFER: &str = "v=0\r\n\
    o=sbc 781264 1 IN IP4 127.0.0.1\r\n\
    s=-\r\n\
    c=IN IP4 127.0.0.1\r\n\
    t=0 0\r\n\
    m=audio 30044 RTP/AVP 8 0 101\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\n\
    a=ptime:20\r\n\
    a=sendrecv\r\n";

#[cfg(test)]
mod tests {
    use sip::{Index, Limits, Message, Method, Name};

    use super::*;
    use crate::plan::tests::plan;

    fn invite(plan: &Plan, call: usize) -> (Run, Vec<u8>) {
        let (run, mut out) = (Run::new(), Vec::new());
        Script::new(&run, plan.caller, plan).invite.write(&number(call), &mut out);
        (run, out)
    }

    #[test]
    fn an_invite_is_a_sound_message_of_about_a_kilobyte() {
        let (run, bytes) = invite(&plan(), 0xbeef);
        assert!((950..=1250).contains(&bytes.len()), "{} bytes", bytes.len());
        let mut index = Index::new();
        let msg = Message::parse(&bytes, &mut index, &Limits::default()).unwrap();
        assert_eq!(msg.request().unwrap().method, Method::Invite);
        assert_eq!(msg.defect(), None);
        assert_eq!(msg.body().unwrap(), OFFER.as_bytes());
        assert_eq!((msg.vias().count(), msg.values(Name::RecordRoute).count()), (2, 1));
        assert_eq!(run.call(msg.call_id().unwrap()), Some(0xbeef));
        assert_eq!(msg.from().unwrap().tag(), Some(&b"sbc0000beef"[..]));
        assert_eq!((msg.to().unwrap().tag(), msg.cseq().unwrap().number), (None, 1));
    }

    #[test]
    fn padding_makes_it_longer_by_as_much_and_a_name() {
        let (plain, padded) = (invite(&plan(), 1).1, invite(&Plan { pad: 500, ..plan() }, 1).1);
        assert_eq!(padded.len(), plain.len() + 500 + "X-Pad: \r\n".len());
    }

    #[test]
    fn numbers_come_back_from_call_ids_of_the_same_run_only() {
        let run = Run { suffix: "-1@host".to_owned() };
        assert_eq!(number(0x12ab), *b"000012ab");
        assert_eq!(run.call(b"000012ab-1@host"), Some(0x12ab));
        for other in [&b"000012ab-2@host"[..], b"0000zzzz-1@host", b"12ab", b""] {
            assert_eq!(run.call(other), None);
        }
    }
}
