//! Messages as they happen, one line each, between the columns outside, proxy and inside.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Instant;

use super::draw::{colour_of, paint};
use super::{Look, label, since};
use crate::signalling::Incoming;
use crate::trace::{Recorded, Seen};

const GAP: usize = 44;

/// Turns messages into lines, one by one.
#[derive(Debug)]
pub struct Live {
    look: Look,
    start: Instant,
    names: Vec<(SocketAddr, String)>,
    senders: HashSet<SocketAddr>,
}

impl Live {
    /// A view that counts its times from `start`. `names` are a trace's; the name `proxy` is the middle column's, those
    /// that begin with `machine` or `switch` are the right one's.
    #[must_use]
    pub fn new(names: Vec<(SocketAddr, String)>, start: Instant, look: Look) -> Self {
        Self { look, start, names, senders: HashSet::new() }
    }

    /// The heads of the columns.
    #[must_use]
    pub fn head(&self) -> String {
        format!("{:<13}{:<width$}{:<width$}machine", "", "telephone", "proxy", width = GAP + 1)
    }

    /// The line of a message; `None` for what is no SIP, or was shown when it was sent.
    pub fn line(&mut self, recorded: &Recorded) -> Option<String> {
        if recorded.seen == Seen::Sent {
            self.senders.insert(recorded.from);
        } else if self.senders.contains(&recorded.from)
            && self.name(recorded.to).is_some_and(|name| name != "proxy")
        {
            return None;
        }
        let message = Incoming::parse(&recorded.bytes).ok()?;
        let inside = self.is_machine(recorded.from) || self.is_machine(recorded.to);
        let rightward = self.is_machine(recorded.to) || !(inside || self.name(recorded.to) != Some("proxy"));
        let arrow = paint(self.look, &arrow(&label(&message), rightward), colour_of(&message));
        let blank = " ".repeat(GAP);
        let lane =
            if inside { format!("│{blank}│{arrow}│") } else { format!("│{arrow}│{blank}│") };
        let machine = [recorded.from, recorded.to].into_iter().find(|address| self.is_machine(*address));
        let machine = machine.and_then(|address| self.name(address)).unwrap_or_default();
        let call: String = message.call_id.chars().take(8).collect();
        Some(format!("{} {lane} {machine:<10} {call}", since(self.start, recorded.at)))
    }

    fn name(&self, address: SocketAddr) -> Option<&str> {
        self.names.iter().find(|(named, _)| *named == address).map(|(_, name)| name.as_str())
    }

    fn is_machine(&self, address: SocketAddr) -> bool {
        self.name(address).is_some_and(|name| name.starts_with("machine") || name.starts_with("switch"))
    }
}

/// An arrow as wide as the gap, with a label in it.
fn arrow(label: &str, rightward: bool) -> String {
    let label: String = label.chars().take(GAP - 6).collect();
    let rest = GAP - 3 - label.chars().count();
    let (before, after) = ("─".repeat(rest / 2), "─".repeat(rest - rest / 2));
    if rightward { format!("{before} {label} {after}>") } else { format!("<{before} {label} {after}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_one_line_in_its_lane() {
        let text = "INVITE sip:echo@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z\r\nFrom: <sip:a@b>;tag=1\r\n\
            To: <sip:b@c>\r\nCall-ID: 0123456789\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n";
        let (proxy, machine) = ("127.0.0.1:5060".parse().unwrap(), "127.0.1.1:5060".parse().unwrap());
        let phone = "127.0.0.1:4000".parse().unwrap();
        let start = Instant::now();
        let message = |from, to| Recorded { at: start, seen: Seen::Received, from, to, bytes: text.into() };
        let names = vec![(proxy, "proxy".to_owned()), (machine, "machine 1".to_owned())];
        let mut live = Live::new(names, start, Look::plain());
        let inside = live.line(&message(proxy, machine)).unwrap();
        assert!(inside.contains("│──────── INVITE sip:echo@127.0.0.1"), "{inside}");
        assert!(inside.ends_with("─>│ machine 1  01234567"), "{inside}");
        let outside = live.line(&message(phone, proxy)).unwrap();
        assert!(outside.contains(&format!("─>│{}│", " ".repeat(GAP))), "{outside}");
        let back = live.line(&message(proxy, phone)).unwrap();
        assert!(back.contains("│<──"), "{back}");
    }
}
