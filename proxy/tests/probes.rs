//! Probes of targets: what leaves, and which answers are taken for answers.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::net::SocketAddr;

use proxy::health::Answer;
use proxy::route::{Cause, Transport, Verdict};
use support::{Outcome, STRANGER, Site, TARGET};

fn probe(site: &Site, listener: usize) -> String {
    let mut out = Vec::new();
    site.router.write_probe(listener, (Transport::Udp, TARGET.parse().unwrap()), 7, 0xabcd, &mut out);
    String::from_utf8(out).unwrap()
}

/// What a target answers.
fn answer(probe: &str, code: u16) -> String {
    let copied: String = probe
        .split("\r\n")
        .filter(|line| {
            ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name))
        })
        .map(|line| format!("{line}\r\n"))
        .collect();
    let copied = copied.replace(";rport", ";received=10.10.1.162;rport=5060");
    format!("SIP/2.0 {code} Whatever\r\n{copied}Content-Length: 0\r\n\r\n")
}

#[test]
fn a_target_that_takes_tcp_alone_is_probed_over_that() {
    let mut out = Vec::new();
    let target = "10.10.1.21:5062".parse().unwrap();
    Site::new().router.write_probe(0, (Transport::Tcp, target), 7, 0xabcd, &mut out);
    let probe = String::from_utf8(out).unwrap();
    assert!(probe.starts_with("OPTIONS sip:10.10.1.21:5062;transport=tcp SIP/2.0\r\n"), "{probe}");
    assert!(probe.contains("\r\nVia: SIP/2.0/TCP 10.10.1.162:5060;branch=z9hG4bKp1"), "{probe}");
}

fn is_for_nobody(outcome: &Outcome) -> bool {
    matches!(outcome.verdict, Verdict::Drop(Cause::ForUs | Cause::NotOurs, _)) && outcome.raw.is_empty()
}

#[test]
fn a_probe_is_options_from_the_address_that_targets_see() {
    let site = Site::new();
    let probe = probe(&site, 0);
    assert!(probe.starts_with("OPTIONS sip:10.10.1.21:5060 SIP/2.0\r\n"), "{probe}");
    assert!(
        probe.contains("\r\nVia: SIP/2.0/UDP 10.10.1.162:5060;branch=z9hG4bKp1000000070000abcd"),
        "{probe}"
    );
    assert!(probe.contains(";rport\r\n") && probe.contains("\r\nMax-Forwards: 70\r\n"), "{probe}");
    // It is a request as we would take it ourselves: another proxy answers it.
    let outcome = site.route(probe.replace("sip:10.10.1.21:5060 SIP", "sip:10.10.1.162:5060 SIP"), TARGET);
    assert_eq!(outcome.code(), 200);
}

#[test]
fn each_listener_probes_with_its_own_address() {
    assert!(probe(&Site::new(), 1).contains("Via: SIP/2.0/UDP 10.10.1.162:5080;"));
}

#[test]
fn the_answer_to_a_probe_is_known_again_with_its_code_and_source() {
    let site = Site::new();
    for code in [100, 200, 404, 503] {
        let outcome = site.route(answer(&probe(&site, 0), code), TARGET);
        let source: SocketAddr = TARGET.parse().unwrap();
        assert_eq!(outcome.verdict, Verdict::Answer(Answer { source, slot: 7, sequence: 0xabcd, code }));
        assert!(outcome.raw.is_empty());
    }
}

#[test]
fn what_we_did_not_sign_answers_no_probe() {
    let site = Site::new();
    let good = answer(&probe(&site, 0), 200);
    for (from, to) in
        [("p1000000070000abcd", "p1000000080000abcd"), ("p1000000070000abcd", "p1000000070000abce")]
    {
        assert!(is_for_nobody(&site.route(good.replace(from, to), TARGET)));
    }
    assert!(is_for_nobody(&site.route(good.replace("z9hG4bKp1", "z9hG4bKp2"), TARGET)));
    assert!(is_for_nobody(&site.route(good.replace(";received", "0;received"), TARGET)));
    assert!(is_for_nobody(
        &site.route(good.replace("10.10.1.162:5060;branch", "10.10.1.163:5060;branch"), TARGET)
    ));
    // Another fleet's secret.
    let stranger =
        Site::with(|settings| settings.replace("k1:0123456789", "k1:9876543210"), r#"{"targets": []}"#);
    assert!(is_for_nobody(&stranger.route(&good, TARGET)));
    // A real answer from elsewhere says whom it came from: the prober asked nobody there.
    let source: SocketAddr = STRANGER.parse().unwrap();
    let outcome = site.route(&good, STRANGER);
    assert!(matches!(outcome.verdict, Verdict::Answer(Answer { source: found, .. }) if found == source));
}

#[test]
fn a_probes_branch_opens_no_way_through() {
    let site = Site::new();
    // With somebody's Via below it is an answer to nothing that we sent.
    let below = answer(&probe(&site, 0), 200)
        .replace("From:", "Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKx\r\nFrom:");
    let outcome = site.route(below, STRANGER);
    assert!(matches!(outcome.verdict, Verdict::Drop(Cause::Unsolicited, _)), "{:?}", outcome.verdict);
}
