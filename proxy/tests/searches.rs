//! Requests of dialogs from callers that ignore Record-Route: the target is a guess, and others are asked if it does not
//! know the dialog.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

mod support;

use support::{CARRIER, PinnedSite, STRANGER, Sent, THREE, invite, request, summary};

const OURS: &str = "sip:1294@52.74.4.205:5060";

fn within(method: &str, number: u32) -> String {
    let text = request(method, OURS, "target", "");
    text.replace("z9hG4bKcarrier", &format!("z9hG4bKother{number}"))
        .replace("CSeq: 1", &format!("CSeq: {number}"))
}

/// Answers what was sent to a target with this status, and tells what leaves then.
fn answer(site: &mut PinnedSite, sent: &Sent, status: &str) -> Vec<Sent> {
    site.send(sent.answer(status, ""), &sent.to)
}

const UNKNOWN: &str = "481 Call/Transaction Does Not Exist";

#[test]
fn a_dialog_that_a_target_does_not_know_is_looked_for_at_each_other_once() {
    let mut site = PinnedSite::new("attempts = 3", THREE);
    let mut sent = site.send(within("BYE", 2), CARRIER);
    let mut asked = Vec::new();
    for _ in 0..3 {
        assert_eq!((sent.len(), sent[0].what()), (1, "BYE"));
        assert!(!asked.contains(&sent[0].to), "{asked:?}");
        asked.push(sent[0].to.clone());
        // The caller sends it again meanwhile: it goes where it was sent last.
        assert_eq!(site.send(within("BYE", 2), CARRIER), sent);
        let first = sent[0].clone();
        sent = answer(&mut site, &first, UNKNOWN);
        assert_eq!(answer(&mut site, &first, UNKNOWN).len(), usize::from(asked.len() == 3), "once only");
    }
    assert_eq!(summary(&sent), [format!("481>{CARRIER}")], "nobody knows it");
    assert_eq!(site.pins.take_counts().searches, 2);
    site.pass(40_000);
    assert_eq!(site.pins.len(), 0);
}

#[test]
fn the_target_that_knows_the_dialog_answers_and_gets_what_follows() {
    let mut site = PinnedSite::new("attempts = 3", THREE);
    let first = site.send(within("INVITE", 2), CARRIER);
    assert!(first[0].headers("Record-Route").is_empty());
    let moved = answer(&mut site, &first[0], UNKNOWN);
    // RFC 3261 17.1.1.3: the refusal that goes no further is acknowledged by us.
    assert_eq!(moved.iter().map(Sent::what).collect::<Vec<_>>(), ["INVITE", "ACK"]);
    assert_eq!(moved[1].to, first[0].to);
    assert_eq!(moved[1].headers("Via")[0], first[0].headers("Via")[0]);
    assert_eq!(answer(&mut site, &first[0], UNKNOWN).iter().map(Sent::what).collect::<Vec<_>>(), ["ACK"]);
    let cancel = site.send(within("CANCEL", 2), CARRIER);
    assert_eq!(summary(&cancel), [format!("CANCEL>{}", moved[0].to)]);
    assert_eq!(cancel[0].headers("Via")[0], moved[0].headers("Via")[0]);
    assert!(site.pass(2000).is_empty(), "the caller sends again what has to be");
    assert_eq!(summary(&answer(&mut site, &moved[0], "200 OK")), [format!("200>{CARRIER}")]);
    let ack = within("ACK", 2).replace("other2", "ack");
    assert_eq!(summary(&site.send(ack, CARRIER)), [format!("ACK>{}", moved[0].to)]);
    assert_eq!(summary(&site.send(within("BYE", 3), CARRIER)), [format!("BYE>{}", moved[0].to)]);
}

#[test]
fn a_cancelled_request_goes_to_no_further_target() {
    let mut site = PinnedSite::new("attempts = 3", THREE);
    let first = site.send(within("INVITE", 2), CARRIER);
    assert_eq!(summary(&site.send(within("CANCEL", 2), CARRIER)), [format!("CANCEL>{}", first[0].to)]);
    assert_eq!(summary(&answer(&mut site, &first[0], UNKNOWN)), [format!("481>{CARRIER}")]);
}

#[test]
fn targets_that_drain_are_asked_before_the_next_in_rank() {
    let draining = THREE.replace(
        "]}",
        r#", {"id": "task-4", "address": "10.10.1.24", "ports": {"sip": 5060}, "state": "draining"}]}"#,
    );
    let mut site = PinnedSite::new("attempts = 3", &draining);
    let first = site.send(within("INFO", 2), CARRIER);
    assert_eq!(summary(&answer(&mut site, &first[0], UNKNOWN)), ["INFO>10.10.1.24:5060"]);
}

#[test]
fn nothing_is_looked_for_where_the_way_is_known_or_nobody_may_ask() {
    let relayed = |site: &mut PinnedSite, sent: &[Sent], source: &str| {
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert_eq!(summary(&answer(site, &sent[0], UNKNOWN)), [format!("481>{source}")]);
    };
    let mut site = PinnedSite::new("attempts = 3", THREE);
    // With a Route, and with one attempt.
    let route = "Route: <sip:52.74.4.205;lr>\r\n";
    let sent = site.send(request("BYE", "sip:1294@10.10.1.21:5060", "target", route), CARRIER);
    relayed(&mut site, &sent, CARRIER);
    let mut one = PinnedSite::new("attempts = 1", THREE);
    let sent = one.send(within("BYE", 2), CARRIER);
    relayed(&mut one, &sent, CARRIER);
    // While the call's INVITE is remembered.
    let mut site = PinnedSite::new("attempts = 3", THREE);
    let invited = site.send(invite(""), CARRIER);
    answer(&mut site, &invited[0], "200 OK");
    let sent = site.send(within("BYE", 2), CARRIER);
    assert_eq!(sent[0].to, invited[0].to);
    relayed(&mut site, &sent, CARRIER);
    // A stranger, and an ACK.
    let mut site = PinnedSite::new("attempts = 3", THREE);
    assert_eq!(summary(&site.send(within("BYE", 2), STRANGER)), [format!("403>{STRANGER}")]);
    site.send(within("ACK", 2), CARRIER);
    assert_eq!(site.pins.len(), 0);
}

#[test]
fn other_answers_go_to_the_caller_whoever_gives_them() {
    for status in ["200 OK", "486 Busy", "503 Full", "404 Not Found"] {
        let mut site = PinnedSite::new("attempts = 3", THREE);
        let first = site.send(within("INFO", 2), CARRIER);
        let code = &status[..3];
        assert_eq!(summary(&answer(&mut site, &first[0], status)), [format!("{code}>{CARRIER}")]);
        assert_eq!(
            summary(&answer(&mut site, &first[0], status)),
            [format!("{code}>{CARRIER}")],
            "and again"
        );
        assert_eq!(
            summary(&answer(&mut site, &first[0], UNKNOWN)),
            [format!("481>{CARRIER}")],
            "it has answered"
        );
    }
}

#[test]
fn a_provisional_answer_ends_no_search_and_a_final_one_of_a_target_that_was_given_up_is_none() {
    let mut site = PinnedSite::new("attempts = 3", THREE);
    site.pass(1000);
    let first = site.send(within("INVITE", 2), CARRIER);
    for status in ["100 Trying", "180 Ringing"] {
        assert_eq!(summary(&answer(&mut site, &first[0], status)), [format!("{}>{CARRIER}", &status[..3])]);
    }
    let moved = answer(&mut site, &first[0], UNKNOWN);
    assert_eq!(moved.iter().map(Sent::what).collect::<Vec<_>>(), ["INVITE", "ACK"]);
    assert_eq!(answer(&mut site, &first[0], "200 OK").iter().map(Sent::what).collect::<Vec<_>>(), ["ACK"]);
    assert_eq!(summary(&answer(&mut site, &moved[0], "200 OK")), [format!("200>{CARRIER}")]);
    site.pass(31_900);
    assert_eq!(site.pins.len(), 1);
    site.pass(200);
    assert_eq!(site.pins.len(), 0, "64*T1 after the answer");
}

#[test]
fn no_more_than_eight_targets_are_asked() {
    let target =
        |n: usize| format!(r#"{{"id": "t{n}", "address": "10.10.2.{n}", "ports": {{"sip": 5060}}}}"#);
    let targets: Vec<String> = (1..=20).map(target).collect();
    let mut site = PinnedSite::new("attempts = 2", &format!("{{\"targets\": [{}]}}", targets.join(", ")));
    let mut sent = site.send(within("BYE", 2), CARRIER);
    let mut asked = 0;
    while sent[0].what() == "BYE" {
        asked += 1;
        let last = sent[0].clone();
        sent = answer(&mut site, &last, UNKNOWN);
    }
    assert_eq!((asked, summary(&sent)), (8, vec![format!("481>{CARRIER}")]));
}

#[test]
fn a_search_that_nobody_answers_is_forgotten_when_its_caller_has_given_up() {
    let mut site = PinnedSite::new("attempts = 3", THREE);
    site.send(within("BYE", 2), CARRIER);
    assert!(site.pass(31_900).is_empty());
    assert_eq!(site.pins.len(), 1);
    // RFC 3261 17.1.2.2, Timer F: 64*T1.
    assert!(site.pass(200).is_empty());
    assert_eq!(site.pins.len(), 0);
}

#[test]
fn what_leaves_by_a_listener_whose_answers_others_get_is_not_kept() {
    let both = THREE.replace("\"sip\": 5060", "\"sip\": 5060, \"alternative\": 5080");
    let mut site = PinnedSite::new("attempts = 3", &both);
    for (port, kept) in [(5080, 0), (5060, 1)] {
        let bye = request("BYE", OURS, "target", &format!("Route: <sip:52.74.4.205:{port};lr>\r\n"));
        let sent = site.send(bye, CARRIER);
        assert!(sent[0].to.ends_with(&port.to_string()), "{sent:?}");
        assert_eq!(site.pins.len(), kept);
    }
}
