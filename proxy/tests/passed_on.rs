//! Pins that a proxy passes on to the one that takes over from it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod support;

use support::{CARRIER, PinnedSite, Sent, THREE, invite, request, summary};

fn site() -> PinnedSite {
    PinnedSite::new("attempts = 3", THREE)
}

/// A call that was sent to its first target: the INVITE that left.
fn called(site: &mut PinnedSite) -> Sent {
    site.send(invite(""), CARRIER).remove(0)
}

fn cancel() -> String {
    request("CANCEL", "sip:1294@52.74.4.205:5060", "", "")
}

fn what(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(Sent::what).collect()
}

#[test]
fn pins_that_are_passed_on_go_on_where_they_were() {
    let (mut old, mut new) = (site(), site());
    let first = called(&mut old);
    old.pass(700);
    let ringing = {
        let other = invite("").replace("z9hG4bKcarrier", "z9hG4bKother").replace("call-1", "call-2");
        let sent = old.send(other, CARRIER)[0].clone();
        old.send(sent.answer("180 Ringing", ""), &sent.to);
        sent
    };
    new.pass(5000);
    assert_eq!(new.pins.take_over(&old.pins.pass_on()).unwrap(), 2);
    let sent = new.pass(400);
    assert_eq!(what(&sent), ["INVITE"], "1.1 s after the call came");
    assert_ne!(sent[0].to, first.to);
    let other = cancel().replace("z9hG4bKcarrier", "z9hG4bKother").replace("call-1", "call-2");
    let sent = new.send(other, CARRIER);
    assert_eq!(summary(&sent), [format!("200>{CARRIER}"), format!("CANCEL>{}", ringing.to)]);
    assert_eq!(sent[1].headers("Via")[0], ringing.headers("Via")[0]);
}

#[test]
fn pins_are_as_old_in_the_proxy_that_takes_over_as_they_were_though_that_is_younger() {
    for (older, younger) in [(10_000, 60_000), (60_000, 10_000), (10_000, 0)] {
        let (mut old, mut new) = (site(), site());
        old.pass(older);
        let ringing = called(&mut old);
        old.send(ringing.answer("180 Ringing", ""), &ringing.to);
        old.pass(3100);
        new.pass(younger);
        assert_eq!(new.pins.take_over(&old.pins.pass_on()).unwrap(), 1);
        assert_eq!(new.pins.view(1)[0].seconds, if younger == 0 { 0 } else { 3 }, "no clock goes below 0");
        assert_eq!(new.pass(2000), [], "nothing was due");
        assert_eq!(what(&new.send(cancel(), CARRIER)), ["200", "CANCEL"]);
        assert_eq!(what(&new.pass(1600)), ["CANCEL", "CANCEL"], "a timer that stood still begins");
    }
}

#[test]
fn pins_of_another_version_are_left_and_broken_ones_do_no_harm() {
    let mut site = site();
    called(&mut site);
    let bytes = site.pins.pass_on();
    let mut new = self::site();
    assert!(new.pins.take_over(&[9, 0, 0, 0, 0]).unwrap_err().contains("version 3"));
    assert!(new.pins.take_over(&[]).is_err());
    for end in 6..bytes.len() {
        assert!(new.pins.take_over(&bytes[..end]).is_err(), "{end}");
    }
    assert_eq!(new.pins.len(), 0);
    assert_eq!(new.pins.take_over(&bytes).unwrap(), 1);
}
