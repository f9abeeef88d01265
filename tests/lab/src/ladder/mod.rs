//! A call as a ladder: one column for each party, one arrow for each message.
//!
//! Everything here turns a trace into text and touches nothing else.

mod draw;
mod live;

use std::io::IsTerminal;
use std::time::Instant;

use sip::Name;

use draw::{Column, Drawing};
pub use live::Live;

use crate::signalling::compose::reason;
use crate::signalling::{Incoming, Start};
use crate::trace::{Recorded, Seen, Trace};

/// The header fields that show how a call finds its way.
const SHOWN: [(Name, &str); 4] = [
    (Name::RecordRoute, "Record-Route"),
    (Name::Route, "Route"),
    (Name::Via, "Via"),
    (Name::Contact, "Contact"),
];

/// How a ladder is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// With colours.
    pub colour: bool,
    /// Characters between two columns.
    pub gap: usize,
}

impl Look {
    /// Without colours.
    #[must_use]
    pub fn plain() -> Self {
        Self { colour: false, gap: 46 }
    }

    /// With colours where standard output is a terminal and `NO_COLOR` is unset or empty.
    #[must_use]
    pub fn of_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colour: std::io::stdout().is_terminal() && !unwanted, ..Self::plain() }
    }
}

/// Draws one call of a trace; an empty text where it has no such call.
#[must_use]
pub fn ladder(trace: &Trace, call_id: &str, look: Look) -> String {
    let names = trace.names();
    let messages = messages_of(&trace.messages(), call_id);
    let Some(first) = messages.first().map(|(recorded, _)| recorded.at) else { return String::new() };
    let mut columns: Vec<Column> = Vec::new();
    for address in messages.iter().flat_map(|(recorded, _)| [recorded.from, recorded.to]) {
        let name = names.iter().find(|(named, _)| *named == address).map(|(_, name)| name.as_str());
        let known = |column: &Column| column.addresses.contains(&address);
        if columns.iter().any(known) {
            continue;
        }
        match columns.iter_mut().find(|column| name == Some(column.title.as_str())) {
            Some(column) => column.addresses.push(address),
            None => columns.push(Column::new(name.unwrap_or_default(), address)),
        }
    }
    let mut drawing = Drawing::new(columns, look);
    for (number, (recorded, message)) in messages.iter().enumerate() {
        let again = messages.iter().take(number).any(|(earlier, _)| same(earlier, recorded));
        drawing.space();
        let label = label(message) + if again { " (again)" } else { "" };
        drawing.arrow(since(first, recorded.at), recorded.from, recorded.to, &label, message);
        if !again {
            drawing.notes(recorded.from, recorded.to, &headers(message));
        }
    }
    drawing.finish()
}

/// The messages of one call in the order of time; each once, though sender and receiver may both have noted it.
fn messages_of(messages: &[Recorded], call_id: &str) -> Vec<(Recorded, Incoming)> {
    let of_call = |recorded: &Recorded| {
        let message = Incoming::parse(&recorded.bytes).ok().filter(|message| message.call_id == call_id)?;
        Some((recorded.clone(), message))
    };
    let mut sent = Vec::new();
    let mut chosen: Vec<_> = messages
        .iter()
        .filter_map(of_call)
        .filter(|(recorded, _)| {
            if recorded.seen == Seen::Sent {
                sent.push(recorded.clone());
                return true;
            }
            let noted = sent.iter().position(|earlier| same(earlier, recorded));
            noted.map(|at| sent.swap_remove(at)).is_none()
        })
        .collect();
    chosen.sort_by_key(|(recorded, _)| recorded.at);
    chosen
}

fn same(one: &Recorded, other: &Recorded) -> bool {
    (one.from, one.to) == (other.from, other.to) && one.bytes == other.bytes
}

fn since(first: Instant, at: Instant) -> String {
    format!("{:>8.1} ms", at.saturating_duration_since(first).as_secs_f64() * 1000.0)
}

fn label(message: &Incoming) -> String {
    match &message.start {
        Start::Request(uri) => format!("{} {uri}", message.method),
        Start::Response(code) => format!("{code} {} ({})", reason(*code), message.method),
    }
}

fn headers(message: &Incoming) -> Vec<String> {
    let lines = |(name, title): (Name, &str)| {
        let values = message.raw(name).into_iter();
        values.map(|value| format!("{title}: {}", String::from_utf8_lossy(&value))).collect::<Vec<_>>()
    };
    SHOWN.into_iter().flat_map(lines).collect()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;

    const PHONE: &str = "127.0.0.1:4000";
    const PROXY: &str = "127.0.0.1:5060";
    const MACHINE: &str = "127.0.1.1:5060";

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn request(method: &str, extra: &str) -> Vec<u8> {
        format!(
            "{method} sip:echo@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:4000;branch=z9hG4bKa\r\n{extra}\
             From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 7 {method}\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }

    fn response(code: u16) -> Vec<u8> {
        let request = String::from_utf8(request("INVITE", "")).unwrap();
        let (_, rest) = request.split_once("\r\n").unwrap();
        format!("SIP/2.0 {code} Whatever\r\n{rest}").into_bytes()
    }

    fn trace(messages: &[(u64, Seen, &str, &str, Vec<u8>)]) -> Trace {
        let (trace, start) = (Trace::new(), Instant::now());
        for (millis, seen, from, to, bytes) in messages {
            let at = start + Duration::from_millis(*millis);
            let (from, to, bytes) = (address(from), address(to), bytes.clone());
            trace.record(Recorded { at, seen: *seen, from, to, bytes });
        }
        trace.name(address(PHONE), "telephone");
        trace.name(address(PROXY), "proxy");
        trace
    }

    #[test]
    fn a_call_is_drawn_with_its_columns_arrows_times_and_headers() {
        let with_route = request("INVITE", "Record-Route: <sip:127.0.0.1:5060;lr;r2=on>\r\n");
        let trace = trace(&[
            (0, Seen::Sent, PHONE, PROXY, request("INVITE", "")),
            (2, Seen::Received, PROXY, MACHINE, with_route),
            (3, Seen::Sent, MACHINE, PROXY, response(486)),
            (4, Seen::Received, PROXY, PHONE, response(486)),
        ]);
        let drawn = ladder(&trace, "x", Look { colour: false, gap: 32 });
        let expected = "
         telephone                          proxy
      127.0.0.1:4000                   127.0.0.1:5060                   127.0.1.1:5060
             │                                │                                │
     0.0 ms  │ INVITE sip:echo@127.0.0.1      │                                │
             │───────────────────────────────>│                                │
             │   Via: SIP/2.0/UDP             │                                │
             │     127.0.0.1:4000;            │                                │
             │     branch=z9hG4bKa            │                                │
             │                                │                                │
     2.0 ms  │                                │ INVITE sip:echo@127.0.0.1      │
             │                                │───────────────────────────────>│
             │                                │   Record-Route:                │
             │                                │     <sip:127.0.0.1:5060;lr;    │
             │                                │     r2=on>                     │
             │                                │   Via: SIP/2.0/UDP             │
             │                                │     127.0.0.1:4000;            │
             │                                │     branch=z9hG4bKa            │
             │                                │                                │
     3.0 ms  │                                │ 486 Busy Here (INVITE)         │
             │                                │<───────────────────────────────│
             │                                │   Via: SIP/2.0/UDP             │
             │                                │     127.0.0.1:4000;            │
             │                                │     branch=z9hG4bKa            │
             │                                │                                │
     4.0 ms  │ 486 Busy Here (INVITE)         │                                │
             │<───────────────────────────────│                                │
             │   Via: SIP/2.0/UDP             │                                │
             │     127.0.0.1:4000;            │                                │
             │     branch=z9hG4bKa            │                                │
";
        let trimmed: Vec<_> = drawn.lines().map(str::trim_end).collect();
        assert_eq!(trimmed.join("\n"), expected.trim_matches('\n'), "\n{drawn}");
    }

    #[test]
    fn a_message_noted_at_both_ends_is_one_and_a_retransmission_is_two() {
        let invite = request("INVITE", "");
        let trace = trace(&[
            (0, Seen::Sent, PHONE, MACHINE, invite.clone()),
            (1, Seen::Received, PHONE, MACHINE, invite.clone()),
            (500, Seen::Sent, PHONE, MACHINE, invite.clone()),
            (501, Seen::Received, PHONE, MACHINE, invite),
            (502, Seen::Sent, PHONE, MACHINE, b"nonsense".to_vec()),
        ]);
        let drawn = ladder(&trace, "x", Look::plain());
        assert_eq!(drawn.matches("INVITE").count(), 2, "{drawn}");
        assert_eq!(drawn.matches("(again)").count(), 1, "{drawn}");
        assert_eq!(ladder(&trace, "another", Look::plain()), "");
    }

    #[test]
    fn colours_are_only_there_when_asked_for() {
        let trace = trace(&[(0, Seen::Sent, PHONE, PROXY, request("INVITE", ""))]);
        assert!(!ladder(&trace, "x", Look::plain()).contains('\x1b'));
        assert!(ladder(&trace, "x", Look { colour: true, gap: 46 }).contains('\x1b'));
    }
}
