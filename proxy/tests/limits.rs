//! How many new calls are let in, and what the others get.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod support;

use std::time::Duration;

use proxy::guard::Limited;
use proxy::route::{Input, Notes, Scratch};
use support::{CARRIER, NOW, Outcome, PinnedSite, STRANGER, Site, TARGET, datagram, invite, request};

const OTHER: &str = "175.100.32.30:5060";
const OUR_URI: &str = "sip:1294@52.74.4.205:5060";

fn limited(limits: &str) -> impl FnOnce(String) -> String {
    let section = format!("[limits]\n{limits}\n[access]");
    move |settings| settings.replace("[access]", &section)
}

fn site(limits: &str) -> Site {
    let one = r#"{"targets": [{"id": "task-1", "address": "10.10.1.21", "ports": {"sip": 5060}}]}"#;
    Site::with(limited(limits), one)
}

fn at(site: &Site, message: &str, source: &str, now: Duration) -> (Outcome, Notes) {
    let (mut scratch, mut out) = (Scratch::new(), Vec::new());
    let input = Input { now, ..datagram(0, message.as_bytes(), source) };
    let verdict = site.router.route(&input, &site.table, &mut scratch, &mut out);
    (Outcome { verdict, raw: String::from_utf8(out).unwrap() }, scratch.notes)
}

fn call(number: u32) -> String {
    invite("")
        .replace("call-1", &format!("call-{number}"))
        .replace("z9hG4bKcarrier", &format!("z9hG4bK{number}"))
}

#[test]
fn calls_over_the_limit_of_their_source_get_503_with_retry_after_and_others_pass() {
    let site = site("source_calls = 10\nburst = \"1s\"");
    let flood: Vec<_> = (0..100).map(|number| at(&site, &call(number), CARRIER, NOW)).collect();
    assert!(flood[..10].iter().all(|(out, _)| out.forwarded_to() == TARGET));
    for (out, notes) in &flood[10..] {
        assert_eq!((out.code(), notes.limited), (503, Some(Limited::Source)));
        let seconds: u32 = out.headers("Retry-After")[0].parse().unwrap();
        assert!((5..=10).contains(&seconds), "{seconds}");
    }
    assert_eq!(at(&site, &call(0), OTHER, NOW).0.forwarded_to(), TARGET);
    assert_eq!(at(&site, &call(0), CARRIER, NOW + Duration::from_millis(100)).0.forwarded_to(), TARGET);
    assert_eq!(at(&site, &call(0), CARRIER, NOW + Duration::from_millis(101)).0.code(), 503);
}

#[test]
fn the_same_call_gets_the_same_503_and_its_ack_is_absorbed() {
    let site = site("source_calls = 1\nburst = \"0s\"");
    site.route(call(1), CARRIER);
    let (first, again) = (site.route(call(2), CARRIER), site.route(call(2), CARRIER));
    assert_eq!((first.code(), &first.raw), (503, &again.raw));
    let tag = first.headers("To")[0].split(";tag=").nth(1).unwrap().to_owned();
    let ack = call(2)
        .replace("INVITE", "ACK")
        .replace("To: <sip:1294@52.74.4.205>", &format!("To: <sip:1294@52.74.4.205>;tag={tag}"));
    assert!(site.route(ack, CARRIER).is_dropped());
}

#[test]
fn calls_over_the_overall_limit_get_503_whoever_sends_them() {
    let site = site("calls = 10\nburst = \"1s\"");
    let source = |number: u32| format!("175.100.32.{}:5060", number + 1);
    let codes = (0..100).map(|number| at(&site, &call(number), &source(number), NOW).1.limited);
    assert_eq!(codes.filter(|limited| *limited == Some(Limited::Overall)).count(), 90);
}

#[test]
fn only_new_calls_of_those_who_may_call_count() {
    let site = site("source_calls = 1\ncalls = 1\nburst = \"0s\"");
    for number in 0..100 {
        assert_eq!(site.route(call(number), STRANGER).code(), 403);
        // What targets begin, and what is no call.
        site.route(call(number), TARGET);
        assert_eq!(site.route(request("OPTIONS", OUR_URI, "", ""), CARRIER).forwarded_to(), TARGET);
    }
    assert_eq!(site.route(call(1), CARRIER).forwarded_to(), TARGET);
    assert_eq!(site.route(call(2), CARRIER).code(), 503);
    for method in ["CANCEL", "ACK", "BYE", "INVITE"] {
        let to_tag = if method == "CANCEL" { "" } else { "target" };
        assert_eq!(
            site.route(request(method, OUR_URI, to_tag, ""), CARRIER).forwarded_to(),
            TARGET,
            "{method}"
        );
    }
}

#[test]
fn an_invite_that_was_let_in_may_come_again() {
    let limits = "attempts = 3\n[limits]\nsource_calls = 1\nburst = \"0s\"";
    let one = r#"{"targets": [{"id": "task-1", "address": "10.10.1.21", "ports": {"sip": 5060}}]}"#;
    let mut proxy = PinnedSite::new(limits, one);
    assert_eq!(proxy.send(call(1), CARRIER)[0].to, TARGET);
    for _ in 0..5 {
        let sent = proxy.send(call(1), CARRIER);
        assert!(sent.iter().all(|sent| !sent.text.starts_with("SIP/2.0 503")), "{:?}", sent[0].text);
    }
    assert!(proxy.send(call(2), CARRIER)[0].text.starts_with("SIP/2.0 503"));
}
