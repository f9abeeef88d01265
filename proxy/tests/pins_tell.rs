//! What pins tell besides messages: to health what targets did, to metrics what was done, to operators what goes on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod support;

use std::time::Duration;

use proxy::pins::{Counts, PinView, Signal};
use support::{CARRIER, PinnedSite, Sent, THREE, invite, request, summary};

fn site() -> PinnedSite {
    PinnedSite::new("attempts = 3", THREE)
}

fn call(site: &mut PinnedSite, number: usize) -> Sent {
    let text = invite("").replace("z9hG4bKcarrier", &format!("z9hG4bK{number}"));
    site.send(text.replace("call-1", &format!("call-{number}")), CARRIER).remove(0)
}

fn cancel(site: &mut PinnedSite, number: usize) {
    let text = request("CANCEL", "sip:1294@52.74.4.205:5060", "", "");
    let text = text.replace("z9hG4bKcarrier", &format!("z9hG4bK{number}"));
    site.send(text.replace("call-1", &format!("call-{number}")), CARRIER);
}

fn answer(site: &mut PinnedSite, to: &Sent, status: &str) -> Vec<Sent> {
    site.send(to.answer(status, "Contact: <sip:fs@10.10.1.21:5060>\r\n"), &to.to)
}

fn signals(site: &mut PinnedSite) -> Vec<(String, Signal)> {
    site.pins.signals().map(|(target, signal)| (target.to_string(), signal)).collect()
}

#[test]
fn what_targets_did_is_told_once() {
    let mut site = site();
    let first = call(&mut site, 1);
    assert!(signals(&mut site).is_empty());
    let second = site.pass(1050).pop().unwrap();
    assert_eq!(signals(&mut site), [(first.to.clone(), Signal::Silent)]);
    answer(&mut site, &second, "100 Trying");
    answer(&mut site, &second, "180 Ringing");
    answer(&mut site, &second, "200 OK");
    assert_eq!(signals(&mut site), [(second.to.clone(), Signal::Answered)], "by its first answer");
    answer(&mut site, &first, "486 Busy");
    assert_eq!(signals(&mut site), [(first.to.clone(), Signal::Answered)], "late is not never");
    let third = call(&mut site, 2);
    let support::Site { router, table } = &site.site;
    site.pins.came_back(third.to.parse().unwrap(), third.text.as_bytes(), (router, table));
    assert_eq!(signals(&mut site), [(third.to, Signal::Unreachable)]);
    // A target that rings for too long has answered.
    let mut site = self::site();
    let first = call(&mut site, 1);
    answer(&mut site, &first, "180 Ringing");
    signals(&mut site);
    site.pass(230_000);
    assert!(signals(&mut site).is_empty());
    // With one attempt nobody waits for an answer.
    let mut site = PinnedSite::new("attempts = 1", THREE);
    call(&mut site, 1);
    site.pass(200_000);
    assert!(signals(&mut site).is_empty());
}

#[test]
fn what_was_done_is_counted_once() {
    let mut site = site();
    let first = call(&mut site, 1);
    let moved =
        answer(&mut site, &first, "503 Full").into_iter().find(|sent| sent.what() == "INVITE").unwrap();
    assert_eq!(site.pins.take_counts(), Counts { refusals: 1, ..Counts::default() });
    site.pass(600);
    assert_eq!(site.pins.take_counts(), Counts { retransmissions: 1, ..Counts::default() });
    site.pass(450);
    assert_eq!(site.pins.take_counts(), Counts { silent: 1, ..Counts::default() });
    site.pass(1050);
    assert_eq!(site.pins.take_counts(), Counts { retransmissions: 1, failed: 1, ..Counts::default() });
    // The caller has a refusal: this answer comes too late, and so does the same one again.
    for late in [1, 0] {
        answer(&mut site, &moved, "200 OK");
        assert_eq!(site.pins.take_counts(), Counts { late_answers: late, ..Counts::default() });
    }
}

#[test]
fn operators_see_how_far_each_call_is() {
    let mut site = site();
    let calls: Vec<Sent> = (0..7).map(|number| call(&mut site, number)).collect();
    for (call, status) in calls.iter().zip(["100 Trying", "180 Ringing", "200 OK", "486 Busy"]) {
        answer(&mut site, call, status);
    }
    cancel(&mut site, 4);
    let sent = site.pass(990);
    assert_eq!(sent.iter().filter(|sent| sent.what() == "INVITE").count(), 3, "Timer A of the last three");
    let stages = |site: &PinnedSite| -> Vec<_> {
        site.pins
            .view(100)
            .iter()
            .map(|pin| (pin.stage, pin.cancelled, pin.targets.len(), pin.silent.len()))
            .collect()
    };
    let calling = ("calling", false, 1, 1);
    let answered = |stage| (stage, false, 1, 0);
    let [trying, ringing, success, refused] = ["trying", "ringing", "answered", "refused"].map(answered);
    assert_eq!(stages(&site), [trying, ringing, success, refused, ("calling", true, 1, 1), calling, calling]);
    site.pass(50);
    let ended = ("ended", true, 1, 1);
    let another = ("calling", false, 2, 2);
    assert_eq!(stages(&site), [trying, ringing, success, refused, ended, another, another]);
    assert_eq!(site.pins.view(2).len(), 2);
    let PinView { caller, targets, silent, seconds, .. } = site.pins.view(6).pop().unwrap();
    assert_eq!((caller.to_string().as_str(), seconds), (CARRIER, 0));
    assert_eq!(targets[0].to_string(), calls[5].to);
    assert_eq!(silent, targets);
    site.pass(20_000);
    let seconds = |at: usize| site.pins.view(7)[at].seconds;
    assert_eq!((seconds(0), seconds(1)), (21, 21), "since its present target was asked");
    // With one attempt, too.
    let mut site = PinnedSite::new("attempts = 1", THREE);
    let calls: Vec<Sent> = (0..3).map(|number| call(&mut site, number)).collect();
    for (call, status) in calls.iter().zip(["180 Ringing", "200 OK", "486 Busy"]) {
        answer(&mut site, call, status);
    }
    assert_eq!(stages(&site), [ringing, success, refused]);
}

#[test]
fn no_more_is_done_at_a_time_than_was_asked_for() {
    let mut site = site();
    let first = call(&mut site, 0);
    let mut to_first = 1;
    for number in 1..20 {
        to_first += usize::from(call(&mut site, number).to == first.to);
    }
    let address = first.to.parse().unwrap();
    let (mut from, mut steps, mut moved) = (Some(0), 0, 0);
    while let Some(at) = from {
        let support::Site { router, table } = &site.site;
        from = site.pins.target_is_down(address, (router, table), (at, 5));
        moved += site.posted().len();
        steps += 1;
    }
    assert_eq!((steps, moved), (4, to_first), "each of its calls goes to another");
    assert_eq!(site.pins.take_counts().down, to_first as u64);
    let support::Site { router, table } = &site.site;
    site.pins.set_time(Duration::from_millis(600));
    for more in [true, true, false] {
        assert_eq!(site.pins.expire(router, table, 9), more);
    }
}

#[test]
fn after_two_years_calls_go_on_though_time_stands_still() {
    let mut site = site();
    site.pins.set_time(Duration::MAX);
    let first = call(&mut site, 1);
    let support::Site { router, table } = &site.site;
    assert!(!site.pins.expire(router, table, 64));
    let ringing = answer(&mut site, &first, "180 Ringing");
    assert_eq!(summary(&ringing), [format!("180>{CARRIER}")]);
    cancel(&mut site, 1);
    let ended = answer(&mut site, &first, "487 Request Terminated");
    assert_eq!(summary(&ended), [format!("487>{CARRIER}")]);
    assert!(site.posted().is_empty());
}

#[test]
fn a_call_that_rings_takes_less_memory() {
    let mut site = site();
    let first = call(&mut site, 1);
    let before = site.pins.pass_on().len();
    answer(&mut site, &first, "180 Ringing");
    let after = site.pins.pass_on().len();
    assert!(3 * after < 2 * before, "{before} bytes became {after}");
}
