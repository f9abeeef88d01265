//! Pins and failover: which target an INVITE went to, and what becomes of it when that one fails.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

mod support;

use support::{CARRIER, PinnedSite, STRANGER, Sent, THREE, invite, request, summary};

fn site() -> PinnedSite {
    PinnedSite::new("attempts = 3", THREE)
}

/// A call that was sent to its first target: the site and the INVITE that left.
fn called(site: &mut PinnedSite) -> Sent {
    let sent = site.send(invite("Timestamp: 7\r\nRequire: 100rel\r\n"), CARRIER);
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0].what(), "INVITE");
    sent[0].clone()
}

fn of(method: &str) -> String {
    request(method, "sip:1294@52.74.4.205:5060", if method == "ACK" { "x" } else { "" }, "")
}

fn what(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(Sent::what).collect()
}

#[test]
fn a_target_that_says_nothing_is_asked_twice_and_then_the_next_is_asked() {
    let mut site = site();
    let first = called(&mut site);
    let sent = site.pass(990);
    assert_eq!(what(&sent), ["100", "INVITE"], "our own 100 after 200 ms, Timer A after 500");
    assert_eq!(sent[1], first, "sent again as it was");
    let sent = site.pass(60);
    assert_eq!(what(&sent), ["INVITE"]);
    assert_ne!(sent[0].to, first.to);
    assert_ne!(sent[0].headers("Via")[0], first.headers("Via")[0], "another attempt is another branch");
    assert_eq!(sent[0].headers("Via")[1], first.headers("Via")[1]);
    let third = site.pass(1040);
    assert_eq!(what(&third), ["INVITE", "INVITE"]);
    assert!(third[1].to != first.to && third[1].to != sent[0].to);
}

#[test]
fn when_all_attempts_failed_the_caller_gets_500_until_it_acknowledges() {
    let mut site = site();
    called(&mut site);
    let sent = site.pass(3100);
    assert_eq!(summary(&sent).last().unwrap(), &format!("500>{CARRIER}"));
    let again = site.pass(1600);
    assert_eq!(what(&again), ["500", "500"], "Timer G: after 500 ms and after 1 s");
    assert_eq!(again[0].text, sent.last().unwrap().text);
    assert_eq!(
        summary(&site.send(invite(""), CARRIER)),
        [format!("500>{CARRIER}")],
        "to a retransmission too"
    );
    assert_eq!(what(&site.send(of("ACK"), CARRIER)), [""; 0]);
    assert_eq!(site.pass(40_000), []);
    assert_eq!(site.pins.len(), 0);
}

#[test]
fn where_no_target_answered_at_all_the_caller_gets_408_if_it_is_set_so() {
    let mut site = PinnedSite::new("no_answer = 408", THREE);
    called(&mut site);
    let told = site.pass(3100);
    assert!(told.last().unwrap().text.starts_with("SIP/2.0 408 Request Timeout\r\n"), "{told:?}");
    let mut site = PinnedSite::new("no_answer = 408\nattempts = 2", THREE);
    let first = called(&mut site);
    site.send(first.answer("503 Full", ""), &first.to);
    assert_eq!(what(&site.pass(1100)).last().unwrap(), &"500", "one of them did answer");
}

#[test]
fn the_100_is_ours_without_a_to_tag_and_with_the_timestamp_and_the_targets_goes_no_further() {
    let mut site = site();
    let first = called(&mut site);
    let sent = site.send(first.answer("100 Trying", ""), &first.to);
    assert_eq!(summary(&sent), [format!("100>{CARRIER}")]);
    assert!(sent[0].text.starts_with("SIP/2.0 100 Trying\r\n"));
    assert_eq!(sent[0].headers("Timestamp"), ["7"]);
    assert!(!sent[0].headers("To")[0].contains("tag="));
    assert_eq!(site.send(first.answer("100 Trying", ""), &first.to), []);
    assert_eq!(site.pass(5000), [], "no more Timer A, no failover");
    assert_eq!(what(&site.send(first.answer("180 Ringing", ""), &first.to)), ["180"]);
}

#[test]
fn a_target_that_refuses_with_500_or_503_is_acknowledged_by_us_and_the_next_is_asked() {
    for status in ["500 Error", "503 Full", "482 Merged"] {
        let mut site = site();
        let first = called(&mut site);
        let refusal = first.answer(status, "Retry-After: 300\r\n");
        let sent = site.send(&refusal, &first.to);
        assert_eq!(what(&sent), ["ACK", "INVITE"], "{status}");
        assert_eq!(sent[0].to, first.to);
        assert_ne!(sent[1].to, first.to);
        let ack = &sent[0];
        assert_eq!(ack.headers("Via"), [first.headers("Via")[0].as_str()], "one Via: that attempt's");
        assert_eq!(ack.headers("To"), ["<sip:1294@52.74.4.205>;tag=target"]);
        assert_eq!(ack.headers("CSeq"), ["1 ACK"]);
        assert!(
            ack.text.starts_with("ACK sip:1294@52.74.4.205:5060 SIP/2.0\r\n")
                && !ack.text.contains("Require")
        );
        assert_eq!(
            summary(&site.send(&refusal, &first.to)),
            [format!("ACK>{}", first.to)],
            "its refusal again"
        );
    }
}

#[test]
fn other_refusals_go_to_the_caller_and_are_retried_nowhere() {
    for status in ["302 Moved", "404 No", "486 Busy", "501 What", "504 Slow", "600 Busy", "603 Decline"] {
        let mut site = site();
        let first = called(&mut site);
        let refusal = first.answer(status, "");
        assert_eq!(summary(&site.send(&refusal, &first.to)), [format!("{}>{CARRIER}", &status[..3])]);
        assert_eq!(what(&site.send(&refusal, &first.to)), [&status[..3]], "until the caller acknowledges");
        assert_eq!(summary(&site.send(of("ACK"), CARRIER)), [format!("ACK>{}", first.to)]);
        assert_eq!(site.pass(40_000), []);
        assert_eq!(site.pins.len(), 0);
    }
}

#[test]
fn once_a_target_rings_nobody_else_is_asked_and_a_503_becomes_a_500() {
    let mut site = site();
    let first = called(&mut site);
    site.send(first.answer("180 Ringing", ""), &first.to);
    let sent = site.send(first.answer("503 Full", ""), &first.to);
    assert_eq!(what(&sent), ["ACK", "500"]);
    // Its own 500 is the caller's.
    let mut site = self::site();
    let first = called(&mut site);
    site.send(first.answer("180 Ringing", ""), &first.to);
    let sent = site.send(first.answer("500 Broken", ""), &first.to);
    assert!(sent.len() == 1 && sent[0].text.starts_with("SIP/2.0 500 Broken\r\n"), "{sent:?}");
}

#[test]
fn a_482_is_the_callers_own_where_its_side_has_forked_the_call() {
    let mut site = site();
    let first = called(&mut site);
    let fork = invite("").replace("z9hG4bKcarrier", "z9hG4bKfork");
    let second = site.send(fork, CARRIER)[0].clone();
    assert_eq!(second.to, first.to);
    assert_eq!(what(&site.send(second.answer("482 Merged", ""), &second.to)), ["482"]);
    // Another call is no fork of that.
    for (from, to) in [("call-1", "call-2"), (";tag=caller", ";tag=another")] {
        let other = invite("").replace("z9hG4bKcarrier", &format!("z9hG4bK{}", to.len())).replace(from, to);
        let other = site.send(other, CARRIER)[0].clone();
        assert_eq!(what(&site.send(other.answer("482 Merged", ""), &other.to)), ["ACK", "INVITE"], "{to}");
    }
}

#[test]
fn a_cancel_is_answered_at_once_and_goes_to_a_target_when_that_has_said_something() {
    let mut site = site();
    let first = called(&mut site);
    assert_eq!(summary(&site.send(of("CANCEL"), CARRIER)), [format!("200>{CARRIER}")]);
    let sent = site.send(first.answer("180 Ringing", ""), &first.to);
    assert_eq!(what(&sent), ["180", "CANCEL"]);
    let cancel = &sent[1];
    assert_eq!(cancel.to, first.to);
    assert_eq!(cancel.headers("Via"), [first.headers("Via")[0].as_str()]);
    assert_eq!(cancel.headers("CSeq"), ["1 CANCEL"]);
    assert_eq!(cancel.headers("To"), ["<sip:1294@52.74.4.205>"]);
    assert_eq!(what(&site.pass(600)), ["CANCEL"], "until it is answered");
    assert_eq!(site.send(cancel.answer("200 OK", ""), &first.to), []);
    assert_eq!(site.pass(1000), []);
    assert_eq!(what(&site.send(first.answer("487 Terminated", ""), &first.to)), ["487"]);
    assert_eq!(summary(&site.send(of("ACK"), CARRIER)), [format!("ACK>{}", first.to)]);
}

#[test]
fn a_cancelled_call_goes_to_no_further_target_and_is_ended_by_us_when_nobody_does() {
    let mut site = site();
    let first = called(&mut site);
    site.send(of("CANCEL"), CARRIER);
    assert_eq!(what(&site.pass(1100)), ["100", "INVITE", "487"], "a target that says nothing");
    let mut site = self::site();
    let first = {
        let _ = first;
        called(&mut site)
    };
    site.send(first.answer("180 Ringing", ""), &first.to);
    assert_eq!(what(&site.send(of("CANCEL"), CARRIER)), ["200", "CANCEL"]);
    site.pass(20_000);
    assert_eq!(what(&site.send(of("CANCEL"), CARRIER)), ["200"], "which puts nothing off");
    let sent = site.pass(12_100);
    assert!(sent.last().unwrap().text.starts_with("SIP/2.0 487 Request Terminated\r\n"), "{sent:?}");
    let mut site = self::site();
    let first = called(&mut site);
    site.send(of("CANCEL"), CARRIER);
    assert_eq!(what(&site.send(first.answer("503 Full", ""), &first.to)), ["ACK", "487"]);
}

#[test]
fn a_cancel_that_crossed_an_answer_is_not_sent_again() {
    let mut site = site();
    let first = called(&mut site);
    site.send(first.answer("180 Ringing", ""), &first.to);
    assert_eq!(what(&site.send(of("CANCEL"), CARRIER)), ["200", "CANCEL"]);
    assert_eq!(what(&site.send(first.answer("200 OK", ""), &first.to)), ["200"]);
    assert_eq!(site.pass(5000), []);
    // Nor is an answered call cancelled.
    assert_eq!(what(&site.send(of("CANCEL"), CARRIER)), ["200"]);
    assert_eq!(site.pass(5000), []);
}

#[test]
fn what_an_abandoned_target_says_late_is_cancelled_acknowledged_or_passed_on() {
    let mut site = site();
    let first = called(&mut site);
    let second = site.pass(1100).last().unwrap().clone();
    assert_ne!(second.to, first.to);
    assert_eq!(
        summary(&site.send(first.answer("180 Ringing", ""), &first.to)),
        [format!("CANCEL>{}", first.to)]
    );
    let ok = first.answer("200 OK", "Contact: <sip:fs@10.10.1.21:5060>\r\n");
    assert_eq!(summary(&site.send(&ok, &first.to)), [format!("200>{CARRIER}")], "a 2xx always");
    assert_eq!(site.send(second.answer("180 Ringing", ""), &second.to)[0].what(), "CANCEL");
    assert_eq!(
        summary(&site.send(second.answer("487 Terminated", ""), &second.to)),
        [format!("ACK>{}", second.to)]
    );
}

#[test]
fn a_2xx_after_the_caller_was_refused_is_acknowledged_and_ended_by_us() {
    let mut site = site();
    let first = called(&mut site);
    site.pass(3100);
    let ok = first.answer("200 OK", "Contact: <sip:fs@10.10.1.21:5060>\r\n");
    let sent = site.send(&ok, &first.to);
    assert_eq!(what(&sent), ["ACK", "BYE"]);
    assert!(
        sent.iter()
            .all(|sent| sent.to == first.to && sent.text.contains(" sip:fs@10.10.1.21:5060 SIP/2.0\r\n"))
    );
    assert_eq!(sent[1].headers("CSeq"), ["2 BYE"]);
    assert_eq!(sent[1].headers("To"), ["<sip:1294@52.74.4.205>;tag=target"]);
    let again = site.pass(600);
    assert!(what(&again).contains(&"BYE"), "{again:?}");
    assert_eq!(site.send(sent[1].answer("200 OK", ""), &first.to), []);
    assert!(!what(&site.pass(30_000)).contains(&"BYE"));
    assert_eq!(site.pins.take_counts().late_answers, 1);
}

#[test]
fn the_bye_of_a_late_answer_is_sent_again_though_the_caller_has_acknowledged_its_refusal() {
    let mut site = site();
    let first = called(&mut site);
    site.pass(3100);
    site.send(of("ACK"), CARRIER);
    let sent = site.send(first.answer("200 OK", "Contact: <sip:fs@10.10.1.21:5060>\r\n"), &first.to);
    assert_eq!(what(&sent), ["ACK", "BYE"]);
    let bye = &sent[1];
    assert_eq!(site.pass(1600), [bye.clone(), bye.clone()], "Timer E: after 500 ms and after 1 s");
    site.send(bye.answer("200 OK", ""), &first.to);
    assert_eq!(site.pass(5000), []);
}

#[test]
fn retransmissions_follow_their_call_when_the_list_has_changed() {
    let mut site = site();
    let first = called(&mut site);
    site.send(first.answer("180 Ringing", ""), &first.to);
    site.site.table = support::Site::with(|s| s, r#"{"targets": []}"#).table;
    let again = site.send(invite(""), CARRIER);
    assert_eq!(summary(&again), [format!("INVITE>{}", first.to), format!("100>{CARRIER}")]);
    assert_eq!(
        summary(&site.send(of("CANCEL"), CARRIER)),
        [format!("200>{CARRIER}"), format!("CANCEL>{}", first.to)]
    );
}

#[test]
fn an_answered_invite_is_absorbed_when_it_comes_again() {
    let mut site = site();
    let first = called(&mut site);
    let ok = first.answer("200 OK", "Contact: <sip:fs@10.10.1.21:5060>\r\n");
    assert_eq!(what(&site.send(&ok, &first.to)), ["200"]);
    assert_eq!(what(&site.send(&ok, &first.to)), ["200"], "each retransmission");
    assert_eq!(site.send(invite(""), CARRIER), []);
    assert_eq!(site.pass(33_000), []);
    assert_eq!(site.pins.len(), 0, "64*T1 after the answer nothing is left");
    assert_eq!(what(&site.send(&ok, &first.to)), ["200"], "pin or not");
}

#[test]
fn requests_that_ignore_record_route_follow_the_target_that_answered() {
    let mut site = site();
    called(&mut site);
    let second = site.pass(1100).last().unwrap().clone();
    site.send(second.answer("200 OK", "Contact: <sip:fs@10.10.1.21:5060>\r\n"), &second.to);
    let bye =
        request("BYE", "sip:1294@52.74.4.205:5060", "target", "").replace("z9hG4bKcarrier", "z9hG4bKbye");
    assert_eq!(summary(&site.send(bye, CARRIER)), [format!("BYE>{}", second.to)]);
}

#[test]
fn a_branch_that_is_the_cookie_alone_names_no_transaction() {
    let mut site = site();
    let bare = |call: &str| invite("").replace("z9hG4bKcarrier", "z9hG4bK").replace("call-1", call);
    assert_eq!(what(&site.send(bare("call-1"), CARRIER)), ["INVITE"]);
    assert_eq!(what(&site.send(bare("call-2"), CARRIER)), ["INVITE"], "another call of the same caller");
    assert_eq!(what(&site.send(bare("call-2"), CARRIER)), ["100"], "a retransmission");
}

#[test]
fn timer_c_ends_a_call_that_rings_for_more_than_three_minutes() {
    let mut site = site();
    let first = called(&mut site);
    site.send(first.answer("180 Ringing", ""), &first.to);
    site.pass(150_000);
    assert_eq!(what(&site.send(first.answer("183 Progress", ""), &first.to)), ["183"], "which restarts it");
    assert_eq!(site.pass(180_000), []);
    assert_eq!(what(&site.pass(6_000))[0], "CANCEL");
    assert_eq!(what(&site.send(first.answer("487 Terminated", ""), &first.to)), ["487"]);
}

#[test]
fn a_target_that_went_down_after_no_more_than_a_100_loses_its_calls_to_others() {
    let mut site = site();
    let first = called(&mut site);
    site.send(first.answer("100 Trying", ""), &first.to);
    let support::Site { router, table } = &site.site;
    assert_eq!(site.pins.target_is_down(first.to.parse().unwrap(), (router, table), (0, 100)), None);
    let sent: Vec<_> = site.pins.outbox().iter().map(|p| p.hop.address.to_string()).collect();
    assert_eq!(sent.len(), 1);
    assert_ne!(sent[0], first.to);
    assert_eq!(site.pins.take_counts().down, 1);
}

#[test]
fn an_invite_that_comes_back_as_undeliverable_goes_to_the_next_target_at_once() {
    let mut site = site();
    let first = called(&mut site);
    let back_from = |to: &str, text: &str, site: &mut PinnedSite| {
        let support::Site { router, table } = &site.site;
        site.pins.came_back(to.parse().unwrap(), text.as_bytes(), (router, table));
        let sent: Vec<_> = site.pins.outbox().iter().map(|p| p.hop.address.to_string()).collect();
        site.pins.outbox().clear();
        sent
    };
    let back = |text: &str, site: &mut PinnedSite| back_from(&first.to, text, site);
    let cut_off = first.text.find(";branch=").unwrap() + 20;
    assert!(back(&first.text[..cut_off], &mut site).is_empty(), "the branch is cut off");
    assert!(back(&first.text.replace("INVITE", "OPTIONS"), &mut site).is_empty());
    assert!(back_from("10.10.1.99:5060", &first.text, &mut site).is_empty(), "it went elsewhere");
    let hop = &first.text[cut_off - 12 + 24..cut_off - 12 + 32];
    assert!(back(&first.text.replace(hop, "00000000"), &mut site).is_empty(), "of another attempt");
    let sent = back(&first.text[..cut_off + 40], &mut site);
    assert_eq!(sent.len(), 1);
    assert_ne!(sent[0], first.to);
    assert!(back(&first.text, &mut site).is_empty(), "it has gone on already");
    assert_eq!(site.pins.take_counts().down, 1);
}

#[test]
fn a_re_invite_with_the_branch_of_the_first_invite_is_one_of_the_dialog_all_the_same() {
    let mut site = site();
    let first = called(&mut site);
    site.send(first.answer("200 OK", ""), &first.to);
    // RFC 3261 8.1.1.7 wants another branch; the To tag says what this is.
    let again = request("INVITE", "sip:1294@52.74.4.205:5060", "target", "").replace("CSeq: 1", "CSeq: 2");
    assert_eq!(summary(&site.send(again, CARRIER)), [format!("INVITE>{}", first.to)]);
    let cancel = request("CANCEL", "sip:1294@52.74.4.205:5060", "target", "").replace("CSeq: 1", "CSeq: 2");
    assert_eq!(summary(&site.send(cancel, CARRIER)), [format!("CANCEL>{}", first.to)]);
}

#[test]
fn what_is_neither_invite_nor_cancel_nor_ack_follows_no_invite_whatever_its_branch() {
    let mut site = site();
    called(&mut site);
    assert_eq!(summary(&site.send(of("OPTIONS"), STRANGER)), [format!("403>{STRANGER}")]);
}

#[test]
fn with_one_attempt_a_pin_changes_nothing_but_the_target() {
    let mut site = PinnedSite::new("attempts = 1", THREE);
    let first = called(&mut site);
    assert_eq!(site.pass(10_000), []);
    site.site.table = support::Site::with(|s| s, r#"{"targets": []}"#).table;
    assert_eq!(summary(&site.send(invite(""), CARRIER)), [format!("INVITE>{}", first.to)]);
    assert_eq!(what(&site.send(first.answer("100 Trying", ""), &first.to)), ["100"]);
    let cancel = site.send(of("CANCEL"), CARRIER);
    assert_eq!(summary(&cancel), [format!("CANCEL>{}", first.to)]);
    assert_eq!(cancel[0].headers("Via")[0], first.headers("Via")[0]);
    assert_eq!(what(&site.send(cancel[0].answer("200 OK", ""), &first.to)), ["200"]);
    assert_eq!(what(&site.send(first.answer("503 Full", ""), &first.to)), ["503"]);
    assert_eq!(summary(&site.send(of("ACK"), CARRIER)), [format!("ACK>{}", first.to)]);
    site.pass(33_000);
    assert_eq!(site.pins.len(), 0);
    // It lives as long as its call rings, and not much longer.
    let mut site = PinnedSite::new("attempts = 1", THREE);
    let first = called(&mut site);
    site.pass(1000);
    site.send(first.answer("180 Ringing", ""), &first.to);
    site.pass(180_000);
    assert_eq!(site.pins.len(), 1);
    site.send(first.answer("200 OK", ""), &first.to);
    site.pass(31_900);
    assert_eq!(site.pins.len(), 1);
    site.pass(200);
    assert_eq!(site.pins.len(), 0);
}

#[test]
fn with_one_attempt_a_target_that_went_down_and_came_back_is_still_told_of_the_ack() {
    let mut site = PinnedSite::new("attempts = 1", THREE);
    let first = called(&mut site);
    let support::Site { router, table } = &site.site;
    assert_eq!(site.pins.target_is_down(first.to.parse().unwrap(), (router, table), (0, 100)), None);
    assert_eq!(site.pins.take_counts().failed, 0, "the caller's retransmissions may find it up again");
    assert_eq!(what(&site.send(first.answer("486 Busy", ""), &first.to)), ["486"]);
    assert_eq!(summary(&site.send(of("ACK"), CARRIER)), [format!("ACK>{}", first.to)]);
}

#[test]
fn a_call_that_leaves_by_another_listener_is_kept_where_the_answers_come() {
    let six = "[[listener]]\nname = \"six\"\nbind = \"[2001:db8::10]:5060\"\n";
    let targets = r#"{"targets": [{"id": "six", "address": "2001:db8:10::1", "ports": {"sip": 5060}}]}"#;
    let mut site = PinnedSite::new(&format!("attempts = 3\n{six}"), targets);
    assert_eq!(called(&mut site).to, "[2001:db8:10::1]:5060");
    assert_eq!(what(&site.pass(1100)), ["100", "INVITE", "500"]);
}

#[test]
fn beyond_the_most_pins_calls_go_on_without() {
    let mut site = PinnedSite::new("max_pins = 1", THREE);
    called(&mut site);
    let other = invite("").replace("z9hG4bKcarrier", "z9hG4bKother").replace("call-1", "call-2");
    assert_eq!(what(&site.send(other, CARRIER)), ["INVITE"]);
    assert_eq!((site.pins.len(), site.pins.take_counts().refused), (1, 1));
    // What goes on without one in a dialog is no call that was set up worse than others.
    let bye = request("BYE", "sip:1294@52.74.4.205:5060", "x", "").replace("call-1", "call-3");
    assert_eq!(what(&site.send(bye.replace("z9hG4bKcarrier", "z9hG4bKbye"), CARRIER)), ["BYE"]);
    assert_eq!((site.pins.len(), site.pins.take_counts().refused), (1, 0));
}

#[test]
fn a_target_that_went_down_keeps_the_calls_that_ring_are_cancelled_or_are_not_its_own() {
    let mut site = site();
    let first = called(&mut site);
    let down = |site: &mut PinnedSite, address: &str| {
        let support::Site { router, table } = &site.site;
        assert_eq!(site.pins.target_is_down(address.parse().unwrap(), (router, table), (0, 100)), None);
        site.posted()
    };
    let other = if first.to == "10.10.1.21:5060" { "10.10.1.22:5060" } else { "10.10.1.21:5060" };
    assert_eq!(down(&mut site, other), []);
    site.send(first.answer("180 Ringing", ""), &first.to);
    assert_eq!(down(&mut site, &first.to), [], "it may be the probes that fail");
    let mut site = self::site();
    let first = called(&mut site);
    site.send(first.answer("100 Trying", ""), &first.to);
    site.send(of("CANCEL"), CARRIER);
    assert_eq!(down(&mut site, &first.to), []);
    let mut site = self::site();
    let first = called(&mut site);
    site.send(first.answer("486 Busy", ""), &first.to);
    assert_eq!(down(&mut site, &first.to), []);
    assert_eq!(site.pins.take_counts().down, 0);
}

#[test]
fn an_invite_is_sent_again_in_intervals_that_double_as_long_as_its_target_may_be_silent() {
    let mut site = PinnedSite::new("no_reply = \"10s\"", THREE);
    let first = called(&mut site);
    // RFC 3261 17.1.1.2, Timer A: after 500 ms, 1.5 s, 3.5 s and 7.5 s.
    for (milliseconds, sent) in
        [(1_000, 1), (1_000, 1), (1_000, 0), (1_000, 1), (3_000, 0), (1_000, 1), (1_500, 0)]
    {
        let again = site.pass(milliseconds);
        assert_eq!(again.iter().filter(|sent| **sent == first).count(), sent, "{:?}", what(&again));
    }
}
