//! What the routing of one message costs: parse, decide, edit, no sockets.
//!
//! `cargo bench -p proxy` prints nanoseconds. `cargo xtask instructions` runs the same under Valgrind, which counts the
//! instructions of `measured` alone, and compares them with the figures kept in `instructions.toml`.
#![allow(clippy::expect_used, reason = "a benchmark whose own messages are wrong has to end")]

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fleet::{Snapshot, Target};
use proxy::config::Config;
use proxy::route::{Input, Router, Scratch, Transport, Verdict};
use proxy::table::Table;
use sip::{Index, Limits, Message};

const SETTINGS: &str = r#"
secrets = ["k1:0123456789abcdef0123456789abcdef"]
[[listener]]
name = "main"
bind = "0.0.0.0:5060"
advertise = "52.74.4.205:5060"
internal = "10.10.1.162:5060"
[targets]
url = "file:///unused"
networks = ["10.10.0.0/16"]
[access]
sources = ["175.100.32.29", "203.0.113.0/24", "198.51.100.0/24"]
[headers]
strip = ["X-Somleng-*"]
add = { "X-Src-Ip" = "{source_ip}", "X-Somleng-Caller-Identity" = "{from_user}", "X-Somleng-Callee-Identity" = "{to_user}" }
"#;

const CARRIER: &str = "175.100.32.29:5060";
const TARGET: &str = "10.10.1.1:5060";
const SDP: &str = "v=0\r\no=Sonus_UAC 49198 405588 IN IP4 10.65.104.1\r\ns=SIP Media Capabilities\r\nc=IN IP4 10.65.104.1\r\n\
    t=0 0\r\nm=audio 20606 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\na=sendrecv\r\n";

/// An INVITE of 1 kB of header fields and a body, as a carrier sends it.
fn invite() -> String {
    format!(
        "INVITE sip:1294@52.74.4.205:5060;user=phone SIP/2.0\r\n\
         Via: SIP/2.0/UDP 175.100.32.29:5060;branch=z9hG4bKop7a1b2c3d;rport\r\n\
         Via: SIP/2.0/UDP 10.65.104.1:5064;branch=z9hG4bKrrnz4ie7rxtx7gtnn77x0z0y6;X-DptMsg=138\r\n\
         Record-Route: <sip:175.100.32.29:5060;lr;transport=udp>\r\nCall-ID: isbcABCDEF0123456789@10.65.104.1\r\n\
         From: \"0715100860\" <sip:0715100860@10.65.104.1;user=phone>;tag=sbc0412\r\n\
         To: \"1294\" <sip:1294@52.74.4.205;user=phone>\r\nCSeq: 57106 INVITE\r\nMax-Forwards: 29\r\n\
         Allow: INVITE,ACK,CANCEL,BYE,REFER,INFO,NOTIFY,PRACK,UPDATE,OPTIONS\r\n\
         Contact: <sip:0715100860@10.65.104.1:5060;user=phone>\r\nSupported: timer,100rel,histinfo\r\n\
         P-Charging-Vector: icid-value=A41680119C62202285175914;orig-ioi=10.65.104.1\r\nP-Early-Media: supported\r\n\
         Session-Expires: 1800\r\nMin-SE: 90\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}

/// FreeSWITCH's 200 to that INVITE.
fn response(vias: &str) -> String {
    format!(
        "SIP/2.0 200 OK\r\n{vias}Record-Route: <sip:10.10.1.162:5060;lr;r2=on>\r\nRecord-Route: <sip:52.74.4.205:5060;lr;r2=on>\r\n\
         Record-Route: <sip:175.100.32.29:5060;lr;transport=udp>\r\n\
         From: \"0715100860\" <sip:0715100860@10.65.104.1;user=phone>;tag=sbc0412\r\n\
         To: \"1294\" <sip:1294@52.74.4.205;user=phone>;tag=Zy1aZy1a\r\nCall-ID: isbcABCDEF0123456789@10.65.104.1\r\n\
         CSeq: 57106 INVITE\r\nContact: <sip:1294@10.10.1.1:5060;transport=udp>\r\nUser-Agent: FreeSWITCH\r\n\
         Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, INFO, UPDATE\r\nSupported: timer, path, replaces\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}

/// The caller's BYE.
fn bye() -> String {
    "BYE sip:1294@10.10.1.1:5060;transport=udp SIP/2.0\r\n\
     Via: SIP/2.0/UDP 175.100.32.29:5060;branch=z9hG4bKop7a1b2c3e;rport\r\n\
     Route: <sip:52.74.4.205:5060;lr;r2=on>\r\nRoute: <sip:10.10.1.162:5060;lr;r2=on>\r\n\
     Call-ID: isbcABCDEF0123456789@10.65.104.1\r\nFrom: \"0715100860\" <sip:0715100860@10.65.104.1;user=phone>;tag=sbc0412\r\n\
     To: \"1294\" <sip:1294@52.74.4.205;user=phone>;tag=Zy1aZy1a\r\nCSeq: 57107 BYE\r\nMax-Forwards: 29\r\nContent-Length: 0\r\n\r\n"
        .to_owned()
}

struct Bench {
    router: Router,
    table: Table,
    scratch: Scratch,
    out: Vec<u8>,
}

impl Bench {
    fn new(targets: u8) -> Self {
        let config = Config::parse(SETTINGS, "settings", std::iter::empty()).expect("settings are right");
        let target = |i: u16| {
            let address = [10, 10, (i / 250) as u8 + 1, (i % 250) as u8 + 1];
            Target::new(format!("task-{i}"), address.into(), [("sip".to_owned(), 5060)].into())
        };
        let snapshot =
            Snapshot::of((0..u16::from(targets) * 4).map(target).collect()).expect("targets are right");
        let table = Table::new(snapshot, &["sip".to_owned()], config.keys.pick, None);
        Bench {
            router: Router::new(&config),
            table,
            scratch: Scratch::new(),
            out: Vec::with_capacity(65_536),
        }
    }

    /// The one function whose instructions are counted.
    #[inline(never)]
    fn measured(&mut self, input: &Input<'_>) -> Verdict {
        self.out.clear();
        self.router.route(black_box(input), &self.table, &mut self.scratch, &mut self.out)
    }

    fn run(&mut self, message: &str, source: &str, times: u32) -> f64 {
        let source: SocketAddr = source.parse().expect("an address");
        let bytes = message.as_bytes();
        let now = Duration::from_secs(1_800_000_000);
        let (local, connection) = (None, None);
        let input = Input { bytes, source, local, listener: 0, transport: Transport::Udp, connection, now };
        let began = Instant::now();
        for _ in 0..times {
            let verdict = self.measured(&input);
            assert!(!matches!(verdict, Verdict::Drop(..)), "{verdict:?}");
        }
        began.elapsed().as_secs_f64() * 1e9 / f64::from(times)
    }

    /// What a target sends back: the INVITE as it went there, as a response.
    fn response(&mut self) -> String {
        self.run(&invite(), CARRIER, 1);
        let sent = String::from_utf8_lossy(&self.out).into_owned();
        response(
            &sent
                .lines()
                .filter(|line| line.starts_with("Via:"))
                .map(|line| format!("{line}\r\n"))
                .collect::<String>(),
        )
    }
}

#[inline(never)]
fn measured_parse(bytes: &[u8], index: &mut Index) -> usize {
    Message::parse(black_box(bytes), index, &Limits::default()).map_or(0, |msg| msg.head_len())
}

fn main() {
    // `--bench` comes from cargo. A case and a number of times come from `cargo xtask instructions`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let only = arguments.first().map(String::as_str);
    let times: u32 = arguments.get(1).and_then(|times| times.parse().ok()).unwrap_or(200_000);
    let options = "OPTIONS sip:52.74.4.205 SIP/2.0\r\nVia: SIP/2.0/UDP 175.100.32.29:5060;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n\
        To: <sip:52.74.4.205>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    let few = || Bench::new(1);
    type Case<'a> = (&'a str, Box<dyn Fn() -> f64>);
    let cases: [Case<'_>; 6] = [
        (
            "parse",
            Box::new(move || {
                let (message, mut index) = (invite(), Index::new());
                let began = Instant::now();
                let read: usize = (0..times).map(|_| measured_parse(message.as_bytes(), &mut index)).sum();
                assert!(read > 0);
                began.elapsed().as_secs_f64() * 1e9 / f64::from(times)
            }),
        ),
        ("invite", Box::new(move || few().run(&invite(), CARRIER, times))),
        ("invite-1000-targets", Box::new(move || Bench::new(250).run(&invite(), CARRIER, times))),
        (
            "response",
            Box::new(move || {
                let mut bench = few();
                let message = bench.response();
                bench.run(&message, TARGET, times)
            }),
        ),
        ("bye", Box::new(move || few().run(&bye(), CARRIER, times))),
        ("reply", Box::new(move || few().run(options, CARRIER, times))),
    ];
    for (name, case) in cases.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        println!("{name:<22} {:>8.0} ns", case());
    }
}
