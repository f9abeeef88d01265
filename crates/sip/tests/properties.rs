//! What must hold for every message, and for bytes that are none.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "checks report by panicking")]

use proptest::collection::vec;
use proptest::prelude::*;
use sip::stream::{Frame, Framer};
use sip::{Edits, Index, Limits, Message, Name, NameAddr, Reply, Tag};

#[allow(unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../fuzz/src/lib.rs"]
mod checks;
mod generate;

use generate::{Generated, Spelling, Start};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Pieces of SIP in any order, which get further into a parser than bytes by chance.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "INVITE ",
        "sip:a@b",
        " SIP/2.0",
        "SIP/2.0 ",
        "200 OK",
        "\r\n",
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\r",
        "\0",
        " ",
        "\t",
        "Via: ",
        "v:",
        "SIP/2.0/UDP ",
        "a.example:5060",
        ";branch=z9hG4bK1",
        ";rport",
        ";received=1.2.3.4",
        "From: ",
        "To: ",
        "Contact: ",
        "Route: ",
        "<",
        ">",
        "\"",
        "\\",
        ",",
        ";",
        ":",
        "=",
        "@",
        "[",
        "]",
        "::1",
        "tag=1",
        "?",
        "Call-ID: x",
        "CSeq: ",
        "1 INVITE",
        "4294967296",
        "Content-Length: ",
        "l: 3",
        "Max-Forwards: 255",
        "é",
        "\u{c}",
    ];
    let piece = prop::sample::select(pieces.map(|piece| piece.as_bytes().to_vec()).to_vec());
    vec(piece, 0..60).prop_map(|pieces| [b"OPTIONS sip:a SIP/2.0\r\n".to_vec(), pieces.concat()].concat())
}

/// A valid message of which some bytes were changed, taken out or doubled.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let odd = prop_oneof![any::<u8>(), prop::sample::select(b"\r\n\0 \t\",;<>:=\\".to_vec())];
    let changes = vec((any::<prop::sample::Index>(), 0u8..3, odd), 1..8);
    (generate::message(Spelling::Free), changes).prop_map(|(message, changes)| {
        let mut bytes = message.bytes();
        for (at, what, byte) in changes {
            let at = at.index(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn arbitrary_bytes_pass_all_checks(bytes in vec(any::<u8>(), 0..300)) {
        checks::message(&bytes);
        checks::stream(&bytes);
    }

    #[test]
    fn pieces_of_sip_in_any_order_pass_all_checks(bytes in pieces()) {
        checks::message(&bytes);
        checks::stream(&bytes);
        checks::value(&bytes[23..]);
    }
}

proptest! {
    #![proptest_config(cases(80))]

    #[test]
    fn damaged_messages_pass_all_checks(bytes in damaged()) {
        checks::message(&bytes);
        checks::stream(&bytes);
    }

    #[test]
    fn valid_messages_pass_all_checks(message in generate::message(Spelling::Free)) {
        checks::message(&message.bytes());
        checks::stream(&message.bytes());
    }

    #[test]
    fn generated_messages_read_back_as_generated(message in generate::message(Spelling::Free)) {
        let bytes = message.bytes();
        let mut index = Index::new();
        let msg = Message::parse(&bytes, &mut index, &Limits::default()).expect("a valid message");
        reads_as(&msg, &message);
    }

    #[test]
    fn edits_change_what_they_must_and_nothing_else(
        message in generate::request(Spelling::Free),
        plan in vec((any::<prop::sample::Index>(), 0u8..4), 0..20),
    ) {
        let bytes = message.bytes();
        let mut index = Index::new();
        let msg = Message::parse(&bytes, &mut index, &Limits::default()).expect("a valid message");
        let fields: Vec<_> = msg.fields().collect();
        let (mut edits, mut model) = (Edits::new(), Model::of(&message));
        for (number, (at, what)) in plan.iter().enumerate() {
            let (at, text) = (at.index(fields.len()), format!("Added: {number}\r\n"));
            let write = |out: &mut Vec<u8>| out.extend_from_slice(text.as_bytes());
            match what {
                0 => edits.insert_before(&msg, fields[at].line, write),
                1 => edits.insert_after(&msg, fields[at].line, write),
                2 => edits.remove(&msg, &fields[at]),
                _ => edits.replace(&msg, msg.request().expect("a request").uri, write),
            }
            model.apply(at, *what, &text);
        }
        let mut out = Vec::new();
        edits.write_to(&msg, &mut out);
        prop_assert_eq!(out.escape_ascii().to_string(), model.bytes(&message).escape_ascii().to_string());
    }

    #[test]
    fn removed_values_leave_and_all_others_stay(
        message in generate::message(Spelling::Free),
        goes in vec(any::<bool>(), 20),
    ) {
        let bytes = message.bytes();
        let mut index = Index::new();
        let msg = Message::parse(&bytes, &mut index, &Limits::default()).expect("a valid message");
        let mut edits = Edits::new();
        for name in [Name::Route, Name::Via] {
            edits.remove_values(&msg, name, |ordinal, _| goes[ordinal]);
        }
        let mut out = Vec::new();
        edits.write_to(&msg, &mut out);
        let mut index = Index::new();
        let after = Message::parse(&out, &mut index, &Limits::default()).expect("a shorter message");
        for (name, text) in [(Name::Route, "route"), (Name::Via, "via")] {
            let stays = message.values(text).into_iter().enumerate().filter(|(ordinal, _)| !goes[*ordinal]);
            prop_assert!(after.values(name).eq(stays.map(|(_, value)| value)));
        }
        let others = |msg: &Message<'_>| -> Vec<Vec<u8>> {
            let fields = msg.fields().filter(|field| !matches!(field.name, Name::Route | Name::Via));
            fields.map(|field| field.line.to_vec()).collect()
        };
        prop_assert_eq!(others(&after), others(&msg));
        prop_assert_eq!(after.body(), msg.body());
    }

    #[test]
    fn a_stream_gives_the_same_messages_however_it_is_cut(
        messages in vec((generate::message(Spelling::Free), "(\r\n)?"), 1..4),
        sizes in vec(1usize..700, 1..20),
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|(msg, gap)| [gap.as_bytes().to_vec(), msg.bytes()].concat()).collect();
        let mut framer = Framer::new(Limits::default());
        let (mut frames, mut rest, mut sizes) = (Vec::new(), &stream[..], sizes.iter().cycle());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(*sizes.next().expect("a size")));
            framer.push(now);
            rest = later;
            while let Some(frame) = framer.next_frame().expect("a good stream") {
                let Frame::Message(bytes) = frame else { panic!("a ping that nobody sent") };
                frames.push(bytes.to_vec());
            }
        }
        prop_assert!(frames.iter().eq(&messages.iter().map(|(msg, _)| msg.bytes()).collect::<Vec<_>>()));
        prop_assert!(!framer.is_in_message());
    }

    #[test]
    fn a_reply_has_what_its_request_has(message in generate::request(Spelling::Free), code in 100u16..700) {
        let bytes = message.bytes();
        let mut index = Index::new();
        let msg = Message::parse(&bytes, &mut index, &Limits::default()).expect("a valid message");
        let tag = (code > 100).then(|| Tag::of(b"0123456789abcdef", &msg));
        let source = "203.0.113.9:40000".parse().expect("an address");
        let mut out = Vec::new();
        Reply { code, reason: "Because", headers: b"", tag, source, force_rport: false }.write(&msg, &mut out);
        let mut index = Index::new();
        let reply = Message::parse(&out, &mut index, &Limits::default()).expect("a reply");
        prop_assert_eq!(reply.status().map(|line| line.code), Some(code));
        let answer = Generated {
            start: Start::Status { code, reason: "Because".to_owned() },
            to_tag: message.to_tag.clone().or(tag.map(|tag| tag.to_string())),
            ..message
        };
        head_reads_as(&reply, &answer);
        prop_assert_eq!(reply.body(), Ok(&b""[..]));
        prop_assert_eq!(reply.top_via().expect("a Via").received(), "203.0.113.9".parse().ok());
    }
}

fn reads_as(msg: &Message<'_>, message: &Generated) {
    head_reads_as(msg, message);
    assert_eq!((msg.defect(), msg.body()), (None, Ok(&message.body[..])));
    assert!(msg.fields().map(|field| field.line).eq(message.lines.iter().map(|line| &line.bytes[..])));
    assert_eq!(msg.max_forwards(), Ok(Some(message.max_forwards)));
    for (name, text) in
        [(Name::Route, "route"), (Name::RecordRoute, "record-route"), (Name::Contact, "contact")]
    {
        assert!(msg.values(name).eq(message.values(text)));
        for value in msg.values(name) {
            NameAddr::parse(value).expect("an address").uri().expect("a URI");
        }
    }
    let mut out = Vec::new();
    Edits::new().write_to(msg, &mut out);
    assert_eq!(out, message.bytes());
}

fn head_reads_as(msg: &Message<'_>, message: &Generated) {
    match &message.start {
        Start::Request { method, user, host, port } => {
            let line = msg.request().expect("a request");
            let uri = sip::Uri::parse(line.uri).expect("a URI");
            assert_eq!((line.method.as_bytes(), line.version), (method.as_bytes(), &b"SIP/2.0"[..]));
            assert_eq!((uri.user, uri.port), (user.as_ref().map(String::as_bytes), *port));
            assert_eq!(uri.host.expect("a host").to_string(), *host);
            assert_eq!(uri.transport(), Some(&b"udp"[..]));
        }
        Start::Status { code, reason } => {
            let line = msg.status().expect("a response");
            assert_eq!((line.code, line.reason), (*code, reason.as_bytes()));
        }
    }
    assert_eq!(msg.call_id(), Ok(message.call_id.as_bytes()));
    let cseq = msg.cseq().expect("a CSeq");
    assert_eq!((cseq.number, cseq.method.as_bytes()), (message.cseq.0, message.cseq.1.as_bytes()));
    assert_eq!(msg.from().expect("a From").tag(), Some(message.from_tag.as_bytes()));
    assert_eq!(msg.to().expect("a To").tag(), message.to_tag.as_ref().map(String::as_bytes));
    let vias: Vec<_> = msg.vias().map(|via| via.expect("a Via")).collect();
    assert_eq!(vias.len(), message.vias.len());
    for (via, parts) in vias.iter().zip(&message.vias) {
        assert_eq!((via.transport, via.port), (parts.transport.as_bytes(), parts.port));
        assert_eq!((via.host.to_string(), via.branch()), (parts.host.clone(), Some(parts.branch.as_bytes())));
    }
}

/// The naive model of edits: another Request-URI, lines that go, and texts before and behind lines, in the order they
/// came.
struct Model {
    uri: String,
    gone: Vec<bool>,
    before: Vec<String>,
}

impl Model {
    fn of(message: &Generated) -> Self {
        let lines = message.lines.len();
        Model { uri: String::new(), gone: vec![false; lines], before: vec![String::new(); lines + 1] }
    }

    fn apply(&mut self, at: usize, what: u8, text: &str) {
        match what {
            0 => self.before[at].push_str(text),
            1 => self.before[at + 1].push_str(text),
            2 => self.gone[at] = true,
            _ => self.uri.push_str(text),
        }
    }

    fn bytes(&self, message: &Generated) -> Vec<u8> {
        let mut out = message.start_line.clone();
        if !self.uri.is_empty() {
            out = format!("{} {} SIP/2.0\r\n", message.cseq.1, self.uri).into_bytes();
        }
        for (at, line) in message.lines.iter().enumerate() {
            out.extend_from_slice(self.before[at].as_bytes());
            out.extend_from_slice(if self.gone[at] { b"" } else { &line.bytes });
        }
        out.extend_from_slice(self.before[message.lines.len()].as_bytes());
        [out, b"\r\n".to_vec(), message.body.clone()].concat()
    }
}
