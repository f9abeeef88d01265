//! No header field that we strip arrives from outside, however it is spelled: a property of all messages.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod support;

use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proxy::route::{Scratch, Verdict};
use support::{ADVERTISED, CARRIER, INTERNAL, Site, TARGET, datagram, invite, request};

/// What is stripped here, in long form and in short form where there is one, and what only looks so.
const NAMES: [&str; 12] = [
    "X-Src-Ip",
    "X-Somleng-Caller-Identity",
    "X-Somleng-Callee-Identity",
    "X-Somleng-",
    "X-Somleng-Account-Sid",
    "Subject",
    "s",
    "Referred-By",
    "b",
    "X-Other",
    "X-Src-Ip2",
    "Allow",
];

/// What header fields may be torn apart by, or be smuggled in by.
const PIECES: [&str; 22] = [
    "1.2.3.4",
    "a",
    ",",
    ";",
    "\"",
    "<",
    "<sip:a>",
    " ",
    "\t",
    ":",
    "\\",
    "\r",
    "\n",
    "\0",
    "\r\n ",
    "\r\n\t",
    "\n ",
    "\r ",
    "\r\n",
    "X-Src-Ip: 6.6.6.6",
    "\r\nx-somleng-a : 1\r\n",
    "\u{b}\u{c}\u{85}\u{2028}X-Src-Ip: 7.7.7.7",
];

fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let strip =
            |text: String| text.replace(r#"["X-Somleng-*"]"#, r#"["X-Somleng-*", "Subject", "Referred-By"]"#);
        Site::with(strip, r#"{"targets": [{"id": "a", "address": "10.10.1.21", "ports": {"sip": 5060}}]}"#)
    })
}

/// Whether nobody outside may set a header field of this name.
fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("x-somleng-")
        || ["x-src-ip", "subject", "s", "referred-by", "b"].contains(&name.as_str())
}

fn line() -> impl Strategy<Value = String> {
    let name = (prop::sample::select(&NAMES[..]), any::<u64>());
    let cased = name.prop_map(|(name, upper)| {
        let letters = name.chars().enumerate();
        letters
            .map(|(at, c)| if upper >> at & 1 == 1 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect()
    });
    let colon = prop::sample::select(
        &[":", ": ", " :", "\t: ", "  \t :", ":\r\n ", " :\r\n\t", "", "\r\n :", "\0:", "\r:"][..],
    );
    let value = vec(prop::sample::select(&PIECES[..]), 0..6);
    let end = prop_oneof![8 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r"), 1 => Just("")];
    (cased, colon, value, end).prop_map(|(name, colon, value, end): (String, _, _, _)| {
        format!("{name}{colon}{}{end}", value.concat())
    })
}

/// The header fields that the most generous reader might find: any kind of line end ends a line, white space before
/// the colon is nothing, a line that begins with white space belongs to the one above.
fn generously_read(message: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(message);
    // Behind an empty line is the body.
    let head = text.split("\n\r\n").next().and_then(|text| text.split("\n\n").next());
    let text = head.unwrap_or_default();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.split(['\r', '\n', '\0']).filter(|line| !line.is_empty()) {
        if let (false, Some((name, value))) = (line.starts_with([' ', '\t']), line.split_once(':')) {
            fields.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    fields
}

/// What arrives of ours, if the message does: `None` if it is refused.
fn ours_in(message: &str, source: &str) -> Option<Vec<(String, String)>> {
    let (mut scratch, mut out) = (Scratch::new(), Vec::new());
    let input = datagram(0, message.as_bytes(), source);
    match site().router.route(&input, &site().table, &mut scratch, &mut out) {
        Verdict::Forward { .. } => {
            Some(generously_read(&out).into_iter().filter(|(name, _)| is_ours(name)).collect())
        }
        Verdict::Reply { .. } | Verdict::Answer(_) | Verdict::Drop(..) | Verdict::Wait => None,
    }
}

fn added() -> Vec<(String, String)> {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    vec![
        field("X-Somleng-Callee-Identity", "1294"),
        field("X-Somleng-Caller-Identity", "0715100860"),
        field("X-Src-Ip", "175.100.32.29"),
    ]
}

/// A BYE of a dialog, and the answer from outside to a request of a target's.
fn others(further: &str) -> [String; 2] {
    let routes = format!("Route: <sip:{ADVERTISED};lr;r2=on>, <sip:{INTERNAL};lr;r2=on>\r\n{further}");
    let sent = site().route(request("INVITE", "sip:1@175.100.32.29", "", ""), TARGET);
    let vias: String = sent.headers("Via").iter().map(|via| format!("Via: {via}\r\n")).collect();
    let answer =
        format!("SIP/2.0 200 OK\r\n{vias}{further}Call-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n");
    [request("BYE", "sip:x@10.10.1.21", "target", &routes), answer]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_we_strip_or_add_arrives_from_outside_in_any_spelling(lines in vec(line(), 0..6)) {
        let further = lines.concat();
        if let Some(ours) = ours_in(&invite(&further), CARRIER) {
            prop_assert_eq!(ours, added());
        }
        for message in others(&further) {
            if let Some(ours) = ours_in(&message, CARRIER) {
                prop_assert!(ours.is_empty(), "{:?}", ours);
            }
        }
    }
}

#[test]
fn messages_with_header_fields_that_are_spelled_rightly_arrive_without_them() {
    let further = "x-SRC-ip\t :\r\n 9.9.9.9\r\nS: a\r\nsubject: b\r\nB : <sip:c>\r\nX-SOMLENG-A:\r\nX-Somleng-B: 1,\r\n\t2\r\nX-Src-Ip2: stays\r\n";
    assert_eq!(ours_in(&invite(further), CARRIER), Some(added()));
    for message in others(further) {
        assert_eq!(ours_in(&message, CARRIER), Some(Vec::new()));
    }
}
