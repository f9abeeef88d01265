//! A router with the addresses of a real deployment, and messages to put through it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "each test file uses its part; tests fail by panicking"
)]

use std::time::Duration;

use fleet::Snapshot;
use proxy::config::Config;
use proxy::pins::Pins;
use proxy::route::{Hop, Input, Router, Scratch, Transport, Verdict};
use proxy::table::Table;

/// What time it is: since 1970.
pub const NOW: Duration = Duration::from_secs(1_800_000_000);
/// The carrier's own proxy, which is allowed to start calls.
pub const CARRIER: &str = "175.100.32.29:5060";
/// A source that is not.
pub const STRANGER: &str = "198.51.100.66:5060";
/// What carriers see of us, and what targets see.
pub const ADVERTISED: &str = "52.74.4.205:5060";
pub const INTERNAL: &str = "10.10.1.162:5060";
/// The one active target, and one that drains.
pub const TARGET: &str = "10.10.1.21:5060";
pub const DRAINING: &str = "10.10.1.22:5060";

const SETTINGS: &str = include_str!("site.toml");

const TARGETS: &str = r#"{"targets": [
  {"id": "task-1", "address": "10.10.1.21", "ports": {"sip": 5060, "alternative": 5080, "control": 8081}},
  {"id": "task-2", "address": "10.10.1.22", "ports": {"sip": 5060}, "state": "draining"}]}"#;

/// A router and its table.
pub struct Site {
    pub router: Router,
    pub table: Table,
}

/// What came of a message: the verdict and the text that is sent, with our branches as `OURS`.
pub struct Outcome {
    pub verdict: Verdict,
    pub raw: String,
}

impl Site {
    pub fn new() -> Self {
        Site::with(|settings| settings, TARGETS)
    }

    /// With other settings (made from the usual ones) or other targets.
    pub fn with(settings: impl FnOnce(String) -> String, targets: &str) -> Self {
        let config = Config::parse(&settings(SETTINGS.to_owned()), "test", std::iter::empty()).unwrap();
        let names: Vec<String> = config.listeners.iter().map(|listener| listener.port_name.clone()).collect();
        let snapshot = Snapshot::from_json(targets.as_bytes()).unwrap();
        Site { router: Router::new(&config), table: Table::new(snapshot, &names, config.keys.pick, None) }
    }

    pub fn without_targets() -> Self {
        Site::with(|settings| settings, r#"{"targets": []}"#)
    }

    /// A datagram on the main listener.
    pub fn route(&self, message: impl AsRef<[u8]>, source: &str) -> Outcome {
        self.route_on(0, message, source)
    }

    /// A datagram on any listener.
    pub fn route_on(&self, listener: usize, message: impl AsRef<[u8]>, source: &str) -> Outcome {
        self.route_input(&datagram(listener, message.as_ref(), source))
    }

    /// A datagram whose answer may be no text.
    pub fn route_bytes(&self, message: &[u8], source: &str) -> (Verdict, Vec<u8>) {
        self.decide(&datagram(0, message, source))
    }

    pub fn route_input(&self, input: &Input<'_>) -> Outcome {
        let (verdict, out) = self.decide(input);
        Outcome { verdict, raw: String::from_utf8(out).unwrap() }
    }

    fn decide(&self, input: &Input<'_>) -> (Verdict, Vec<u8>) {
        let mut out = Vec::new();
        let verdict = self.router.route(input, &self.table, &mut Scratch::new(), &mut out);
        (verdict, out)
    }
}

/// A datagram that came to a listener.
pub fn datagram<'a>(listener: usize, bytes: &'a [u8], source: &str) -> Input<'a> {
    let (source, transport) = (source.parse().unwrap(), Transport::Udp);
    Input { bytes, source, local: None, listener, transport, connection: None, now: NOW }
}

impl Outcome {
    /// The hop of a message that is sent.
    pub fn hop(&self) -> Hop {
        match self.verdict {
            Verdict::Forward { hop, .. } | Verdict::Reply { hop, .. } => hop,
            other => panic!("nothing is sent: {other:?}"),
        }
    }

    /// Where a message that is forwarded goes.
    pub fn forwarded_to(&self) -> String {
        assert!(matches!(self.verdict, Verdict::Forward { .. }), "{:?}\n{}", self.verdict, self.raw);
        self.hop().address.to_string()
    }

    /// The status code of our own answer.
    pub fn code(&self) -> u16 {
        match self.verdict {
            Verdict::Reply { code, .. } => code,
            other => panic!("no answer: {other:?}\n{}", self.raw),
        }
    }

    pub fn is_dropped(&self) -> bool {
        matches!(self.verdict, Verdict::Drop(..)) && self.raw.is_empty()
    }

    /// Our branches as they stand in the message, topmost first.
    pub fn branches(&self) -> Vec<String> {
        self.raw
            .match_indices("branch=z9hG4bK1")
            .map(|(at, _)| self.raw[at + 7..at + 47].to_owned())
            .collect()
    }

    /// Our dialog tokens as they stand in the message, topmost first.
    pub fn tokens(&self) -> Vec<String> {
        let behind = self.raw.split(";did=").skip(1);
        behind.filter_map(|rest| rest.split(['>', ';']).next()).map(str::to_owned).collect()
    }

    /// The text with each of our branches as `OURS` and each of our tokens as `TOKEN`.
    pub fn text(&self) -> String {
        let text = self.branches().iter().fold(self.raw.clone(), |text, branch| text.replace(branch, "OURS"));
        self.tokens().iter().fold(text, |text, token| text.replace(token, "TOKEN"))
    }

    /// The Record-Route values, in order, without their tokens, which are the same in all that are ours.
    pub fn record_routes(&self) -> Vec<String> {
        let tokens = self.tokens();
        assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
        let token = format!(";did={}", tokens.first().map_or("", String::as_str));
        self.headers("Record-Route").iter().map(|value| value.replace(&token, "")).collect()
    }

    /// The values of a header field, in order.
    pub fn headers(&self, name: &str) -> Vec<String> {
        headers(&self.raw, name)
    }
}

fn headers(message: &str, name: &str) -> Vec<String> {
    let lines = message.split("\r\n\r\n").next().unwrap_or_default().split("\r\n").skip(1);
    let fields = lines.filter_map(|line| line.split_once(':'));
    fields.filter(|(n, _)| n.trim().eq_ignore_ascii_case(name)).map(|(_, v)| v.trim().to_owned()).collect()
}

/// A small request with these further header field lines (each with its line end).
pub fn request(method: &str, uri: &str, to_tag: &str, further: &str) -> String {
    let to = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 175.100.32.29:5060;branch=z9hG4bKcarrier\r\n{further}\
         Max-Forwards: 70\r\nFrom: <sip:0715100860@carrier.example>;tag=caller\r\nTo: <sip:1294@52.74.4.205>{to}\r\n\
         Call-ID: call-1\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// A small INVITE that begins a call.
pub fn invite(further: &str) -> String {
    request("INVITE", "sip:1294@52.74.4.205:5060", "", further)
}

/// Three active targets for calls that may be tried at each.
pub const THREE: &str = r#"{"targets": [
  {"id": "task-1", "address": "10.10.1.21", "ports": {"sip": 5060}},
  {"id": "task-2", "address": "10.10.1.22", "ports": {"sip": 5060}},
  {"id": "task-3", "address": "10.10.1.23", "ports": {"sip": 5060}}]}"#;

/// A site that remembers INVITEs, with a clock of its own.
pub struct PinnedSite {
    pub site: Site,
    pub pins: Pins,
    now: Duration,
}

/// A message that left, and where it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub transport: Transport,
    pub to: String,
    pub text: String,
}

impl PinnedSite {
    /// With these settings in `[dispatch]` and these targets.
    pub fn new(dispatch: &str, targets: &str) -> Self {
        let settings = |text: String| format!("{text}\n[dispatch]\n{dispatch}\n");
        let config = Config::parse(&settings(SETTINGS.to_owned()), "test", std::iter::empty()).unwrap();
        PinnedSite {
            site: Site::with(settings, targets),
            pins: Pins::new(config.dispatch),
            now: Duration::ZERO,
        }
    }

    /// Puts a datagram through and tells all that leaves.
    pub fn send(&mut self, message: impl AsRef<[u8]>, source: &str) -> Vec<Sent> {
        self.put(&datagram(0, message.as_ref(), source))
    }

    /// The same for a message on a connection.
    pub fn send_over_tcp(&mut self, message: impl AsRef<[u8]>, source: &str) -> Vec<Sent> {
        let input = datagram(0, message.as_ref(), source);
        self.put(&Input { transport: Transport::Tcp, connection: Some(42), ..input })
    }

    /// The same for whatever came in.
    pub fn put(&mut self, input: &Input<'_>) -> Vec<Sent> {
        let mut out = Vec::new();
        let Site { router, table } = &self.site;
        let verdict = router.route_pinned(input, table, &mut self.pins, &mut Scratch::new(), &mut out);
        let mut sent = Vec::new();
        if let Verdict::Forward { hop, .. } | Verdict::Reply { hop, .. } = verdict {
            sent.push(Sent::new(&hop, &out));
        }
        sent.extend(self.posted());
        sent
    }

    /// Lets time pass, in steps of 10 ms, and tells all that leaves meanwhile.
    pub fn pass(&mut self, milliseconds: u64) -> Vec<Sent> {
        let mut sent = Vec::new();
        for _ in 0..milliseconds / 10 {
            self.now += Duration::from_millis(10);
            self.pins.set_time(self.now);
            while self.pins.expire(&self.site.router, &self.site.table, 64) {}
            sent.extend(self.posted());
        }
        sent
    }

    /// What pins have to send.
    pub fn posted(&mut self) -> Vec<Sent> {
        let outbox = self.pins.outbox();
        let sent = outbox.iter().map(|posted| Sent::new(&posted.hop, posted.bytes)).collect();
        outbox.clear();
        sent
    }
}

impl Sent {
    fn new(hop: &Hop, bytes: &[u8]) -> Self {
        let (transport, to) = (hop.transport, hop.address.to_string());
        Sent { transport, to, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// The method of a request, or the code of a response.
    pub fn what(&self) -> &str {
        let mut words = self.text.split(' ');
        match words.next() {
            Some("SIP/2.0") => words.next().unwrap(),
            word => word.unwrap(),
        }
    }

    /// A response to this request, as its target sends it.
    pub fn answer(&self, status: &str, further: &str) -> String {
        let kept = ["via:", "from:", "call-id:", "cseq:", "record-route:"];
        let mut text = format!("SIP/2.0 {status}\r\n");
        for line in self.text.split("\r\n\r\n").next().unwrap().split("\r\n").skip(1) {
            let small = line.to_ascii_lowercase();
            if kept.iter().any(|name| small.starts_with(name)) {
                text += &format!("{line}\r\n");
            } else if small.starts_with("to:") {
                let tag =
                    if status.starts_with("100") || small.contains(";tag=") { "" } else { ";tag=target" };
                text += &format!("{line}{tag}\r\n");
            }
        }
        text + further + "Content-Length: 0\r\n\r\n"
    }

    /// The values of a header field, in order.
    pub fn headers(&self, name: &str) -> Vec<String> {
        headers(&self.text, name)
    }
}

/// What was sent, each as `METHOD>address` or `code>address`.
pub fn summary(sent: &[Sent]) -> Vec<String> {
    sent.iter().map(|sent| format!("{}>{}", sent.what(), sent.to)).collect()
}
