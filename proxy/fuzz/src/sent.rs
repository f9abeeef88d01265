//! What must hold of each message that leaves.

use std::net::SocketAddr;

use proxy::route::{Check, Hop, Input, Transport};
use sip::{Index, Limits, Message, Method, Name};

use super::site;

/// Wider than what comes in: messages grow on their way.
const WIDE: Limits = Limits { message_bytes: 1 << 20, fields: 4096, line_bytes: 1 << 18 };

/// Reads a message that was sent.
fn read<'a>(bytes: &'a [u8], index: &'a mut Index) -> Message<'a> {
    let msg = Message::parse(bytes, index, &WIDE).expect("what is sent reads");
    assert_eq!(msg.bytes(), bytes, "nothing stands before or behind it");
    msg
}

/// A message that goes on is what came, but for what the rules change.
pub fn forwarded(input: &Input<'_>, inside: bool, new_call: bool, out: &[u8]) {
    let (mut before, mut after) = (Index::new(), Index::new());
    let came = Message::parse(input.bytes, &mut before, &Limits::default()).expect("it was read before");
    let went = read(out, &mut after);
    assert_eq!((came.defect(), went.defect()), (None, None));
    assert_eq!(came.body(), went.body());
    assert_eq!(came.status(), went.status());
    let vias = |msg: &Message<'_>| msg.values(Name::Via).count();
    match (came.request(), went.request()) {
        (Some(came_line), Some(went_line)) => {
            assert_eq!((came_line.method, came_line.version), (went_line.method, went_line.version));
            assert_eq!(vias(&went), vias(&came) + 1);
            let hops = came.max_forwards().expect("it was read before");
            assert_eq!(went.max_forwards(), Ok(Some(hops.map_or(70, |hops| hops - 1))));
        }
        (None, None) => assert!(vias(&went) < vias(&came) && vias(&went) > 0),
        _ => panic!("a request became a response, or the other way round"),
    }
    let routing = [Name::Via, Name::Route, Name::RecordRoute, Name::MaxForwards];
    let stays = |msg: &Message<'_>| -> Vec<Vec<u8>> {
        let fields = msg.fields().filter(|field| !routing.contains(&field.name));
        let ours = |name: &[u8]| !inside && site::is_stripped(&String::from_utf8_lossy(name));
        fields.filter(|field| !ours(field.raw_name)).map(|field| field.line.to_vec()).collect()
    };
    assert_eq!(stays(&came), stays(&went));
    if !inside {
        nothing_of_ours(out, new_call);
    }
}

/// No header field that we strip is there, but those that we add to a new call, once each.
pub fn nothing_of_ours(out: &[u8], new_call: bool) {
    let mut names: Vec<String> = generously_read(out);
    names.retain(|name| site::is_stripped(name));
    names.sort();
    let added: &[&str] =
        if new_call { &["X-Somleng-Callee-Identity", "X-Somleng-Caller-Identity", "X-Src-Ip"] } else { &[] };
    assert_eq!(names, added);
}

/// The names of header fields that the most generous reader might find: any kind of line end ends a line, white space
/// before the colon is nothing.
fn generously_read(message: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(message);
    let head = text.split("\n\r\n").next().and_then(|text| text.split("\n\n").next()).unwrap_or_default();
    let lines = head.split(['\r', '\n', '\0']).filter(|line| !line.starts_with([' ', '\t']));
    lines.skip(1).filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

/// Whether a message may go there. `token` is what its dialog token was worth, if that was asked.
pub fn goes_where_it_may(input: &Input<'_>, inside: bool, token: Option<Check>, pinned: bool, hop: &Hop) {
    let address = hop.address;
    let msg_is_request = !input.bytes.trim_ascii_start().starts_with(b"SIP/");
    if site::was_ever_target(address) && (site::may_be_spoken_to(address, hop.transport) || pinned) {
        return;
    }
    if !msg_is_request {
        // An answer goes where a request came from. From outside it only goes in.
        assert!(inside || site::lives_inside(address.ip()), "an answer to {hop:?}");
        assert!(hop.transport == Transport::Udp || hop.connection.is_some(), "a stream to {hop:?}");
        return;
    }
    assert!(!site::is_forbidden(address), "{hop:?}");
    let vouched = token == Some(Check::Valid);
    if site::lives_inside(address.ip()) || !inside {
        assert!(vouched, "without a token to {hop:?}");
    }
    if !inside {
        assert!(site::lives_inside(address.ip()) || site::was_ever_target(address), "out again: {hop:?}");
        assert!(address.port() >= 1024 && !site::is_other_port(address), "no SIP there: {hop:?}");
    }
}

/// An answer of our own goes back to where its request came from.
pub fn replied(input: &Input<'_>, code: u16, hop: &Hop, out: &[u8]) {
    assert_eq!(hop.address.ip(), input.source.ip().to_canonical(), "not back");
    assert_eq!((hop.transport, hop.connection), (input.transport, input.connection));
    let (mut before, mut after) = (Index::new(), Index::new());
    let came = Message::parse(input.bytes, &mut before, &Limits::default()).expect("it was read before");
    let went = read(out, &mut after);
    assert_eq!(went.status().map(|line| line.code), Some(code));
    assert!(came.request().is_some_and(|line| line.method != Method::Ack), "an answer to no request");
    assert!(went.defect().is_none() || came.defect().is_some());
    assert_eq!(went.values(Name::Via).count(), came.values(Name::Via).count());
    assert_eq!(went.body(), Ok(&b""[..]));
}

/// A message that nobody sent us: requests go to targets, answers to callers.
pub fn posted(callers: &[SocketAddr], from_outside_alone: bool, hop: &Hop, out: &[u8]) {
    let mut index = Index::new();
    let msg = read(out, &mut index);
    assert_eq!(msg.defect(), None);
    let Some(line) = msg.request() else {
        assert!(callers.iter().any(|caller| caller.ip().to_canonical() == hop.address.ip()), "to {hop:?}");
        return;
    };
    let in_dialog = msg.to().is_ok_and(|to| to.tag().is_some());
    let ours = [Method::Invite, Method::Ack, Method::Cancel, Method::Bye];
    // A request of a dialog whose target was a guess is sent to the next, as it came.
    assert!(in_dialog || ours.contains(&line.method), "{:?}", line.method);
    assert!(site::was_ever_target(hop.address), "to {hop:?}");
    assert!(site::may_be_spoken_to(hop.address, hop.transport), "to {hop:?}");
    if from_outside_alone {
        nothing_of_ours(out, line.method == Method::Invite && !in_dialog);
    }
    if line.method == Method::Ack || line.method == Method::Cancel && !in_dialog {
        assert_eq!(msg.values(Name::Via).count(), 1);
    }
}
