//! Rules that are easily taken for granted, each by itself.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod support;

use support::{CARRIER, INTERNAL, PinnedSite, STRANGER, Sent, Site, TARGET, THREE, invite, request, summary};

const CONTACT: &str = "sip:1294@10.10.1.21:5060";

fn what(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(Sent::what).collect()
}

#[test]
fn a_route_is_ours_in_any_spelling_on_any_listener_and_whatever_lr_says() {
    for ours in [
        "sip:52.74.4.205;lr",
        "sip:52.74.4.205:5060;lr=on",
        "SIP:52.74.4.205:5060;LR=true;r2=on",
        "sip:[::ffff:52.74.4.205];lr",
        "sip:somebody@52.74.4.205:05060;lr",
        // The other listener's.
        "sip:52.74.4.205:5080;lr",
        "sip:10.10.1.162:5080;lr",
    ] {
        for listener in [0, 1] {
            let bye = request("BYE", CONTACT, "theirs", &format!("Route: <{ours}>\r\n"));
            let out = Site::new().route_on(listener, bye, CARRIER);
            assert_eq!((out.forwarded_to().as_str(), out.headers("Route").len()), (TARGET, 0), "{ours}");
        }
    }
    let bye = request("BYE", CONTACT, "theirs", "Route: <sip:52.74.4.205:5070;lr>\r\n");
    assert_eq!(Site::new().route(bye, CARRIER).code(), 404, "another port is another element");
}

#[test]
fn a_next_route_is_a_loose_router_whatever_its_lr_says() {
    for lr in ["lr", "lr=on", "LR=no", "x=y;lr=false"] {
        let routes = format!("Route: <sip:{INTERNAL};lr>, <sip:203.0.113.1;{lr}>\r\n");
        let out = Site::new().route(request("BYE", "sip:x@203.0.113.7", "theirs", &routes), TARGET);
        assert_eq!(out.forwarded_to(), "203.0.113.1:5060");
        assert!(out.raw.starts_with("BYE sip:x@203.0.113.7 SIP/2.0\r\n"), "{lr}: {}", out.raw);
    }
}

#[test]
fn a_maddr_that_is_ours_goes_and_leads_nowhere_else() {
    // RFC 3261 16.4: for a new call, for one of a dialog, however often and in any spelling.
    for maddr in [";maddr=52.74.4.205", ";MADDR=10.10.1.162;maddr=203.0.113.7"] {
        let new = request("INVITE", &format!("sip:1294@52.74.4.205{maddr};user=phone"), "", "");
        let out = Site::new().route(new, CARRIER);
        assert_eq!(out.forwarded_to(), TARGET);
        assert!(out.raw.starts_with("INVITE sip:1294@52.74.4.205;user=phone SIP/2.0\r\n"), "{}", out.raw);
        let routes = format!("Route: <sip:{INTERNAL};lr>\r\n");
        let out = Site::new().route(request("BYE", &format!("{CONTACT}{maddr}"), "theirs", &routes), CARRIER);
        assert_eq!(out.forwarded_to(), TARGET);
        assert!(out.raw.starts_with(&format!("BYE {CONTACT} SIP/2.0\r\n")), "{}", out.raw);
    }
    // Anybody else's does lead, and stays.
    let uri = format!("{CONTACT};maddr=203.0.113.7");
    let out = Site::new().route(request("BYE", &uri, "theirs", "Route: <sip:10.10.1.162;lr>\r\n"), TARGET);
    assert_eq!(out.forwarded_to(), "203.0.113.7:5060");
    assert!(out.raw.starts_with(&format!("BYE {uri} SIP/2.0\r\n")), "{}", out.raw);
}

#[test]
fn what_belongs_to_a_call_loses_a_maddr_that_is_ours_as_the_call_did() {
    let mut site = PinnedSite::new("attempts = 3", THREE);
    let uri = "sip:1294@52.74.4.205:5060;maddr=52.74.4.205";
    let invited = site.send(request("INVITE", uri, "", ""), CARRIER).remove(0);
    site.send(invited.answer("180 Ringing", ""), &invited.to);
    let cancelled = site.send(request("CANCEL", uri, "", ""), CARRIER);
    assert_eq!(summary(&cancelled), [format!("200>{CARRIER}"), format!("CANCEL>{}", invited.to)]);
    site.send(invited.answer("487 Terminated", ""), &invited.to);
    let ack = site.send(request("ACK", uri, "target", ""), CARRIER).remove(0);
    for sent in [&invited, &cancelled[1], &ack] {
        assert!(sent.text.contains(" sip:1294@52.74.4.205:5060 SIP/2.0\r\n"), "{}", sent.text);
        assert_eq!(sent.headers("Via")[0], invited.headers("Via")[0]);
    }
}

#[test]
fn require_is_not_judged_nor_what_is_not_understood() {
    let strange = "Require: 100rel, x-unheard-of\r\nSupported: ,,\r\nX-Odd: \"\r\nAllow: \u{e4}\r\n";
    for (method, to_tag) in [("INVITE", ""), ("BYE", "theirs")] {
        let out = Site::new().route(request(method, "sip:1294@52.74.4.205", to_tag, strange), CARRIER);
        assert_eq!(out.forwarded_to(), TARGET);
        assert!(out.raw.contains(strange), "byte for byte: {}", out.raw);
    }
}

#[test]
fn a_request_that_came_on_two_ways_is_passed_on_on_both() {
    // RFC 3261 8.2.2.2 is for user agents: the target says 482 if it minds.
    let mut site = PinnedSite::new("attempts = 3", THREE);
    let first = site.send(invite(""), CARRIER);
    let second = site.send(invite("").replace("z9hG4bKcarrier", "z9hG4bKelsewhere"), CARRIER);
    assert_eq!((what(&first), what(&second)), (vec!["INVITE"], vec!["INVITE"]));
    assert_eq!(first[0].to, second[0].to);
    assert_ne!(first[0].headers("Via")[0], second[0].headers("Via")[0]);
}

#[test]
fn the_ack_of_a_2xx_has_a_branch_of_its_own_changes_no_pin_and_is_never_answered() {
    let mut site = PinnedSite::new("attempts = 3", THREE);
    let invited = site.send(invite(""), CARRIER).remove(0);
    site.send(invited.answer("200 OK", &format!("Contact: <{CONTACT}>\r\n")), &invited.to);
    let routes = format!("Route: <sip:52.74.4.205;lr;r2=on>\r\nRoute: <sip:{INTERNAL};lr;r2=on>\r\n");
    let ack = |uri: &str| request("ACK", uri, "target", &routes).replace("z9hG4bKcarrier", "z9hG4bKack");
    // Where Route and Contact say, wherever the INVITE went.
    let elsewhere = if invited.to == "10.10.1.22:5060" { "10.10.1.23:5060" } else { "10.10.1.22:5060" };
    let sent = site.send(ack(&format!("sip:1294@{elsewhere}")), CARRIER);
    assert_eq!(summary(&sent), [format!("ACK>{elsewhere}")]);
    assert_ne!(sent[0].headers("Via")[0], invited.headers("Via")[0]);
    assert_eq!(site.pins.len(), 1);
    for nowhere in ["sip:x@203.0.113.7", "tel:1", "sip:x@10.10.1.21;transport=sctp", "foo:bar"] {
        assert_eq!(site.send(ack(nowhere), STRANGER), [], "{nowhere}");
    }
    let without_hops = ack(CONTACT).replace("Max-Forwards: 70", "Max-Forwards: 0");
    assert_eq!(site.send(without_hops, CARRIER), []);
}

#[test]
fn requests_other_than_invite_get_no_100_and_no_408() {
    // RFC 4320. Some have pins: they ignore Record-Route, and may be sent to another target.
    let mut site = PinnedSite::new("attempts = 3", THREE);
    for (number, method) in ["BYE", "INFO", "UPDATE", "OPTIONS", "MESSAGE"].into_iter().enumerate() {
        for uri in ["sip:1294@52.74.4.205:5060", CONTACT] {
            let route =
                if uri == CONTACT { format!("Route: <sip:{INTERNAL};lr>\r\n") } else { String::new() };
            let branch = format!("z9hG4bK{number}{}", route.len());
            let sent =
                site.send(request(method, uri, "theirs", &route).replace("z9hG4bKcarrier", &branch), CARRIER);
            assert_eq!(what(&sent), [method]);
            assert_eq!(site.pass(40_000), [], "{method}");
        }
    }
    assert_eq!(site.pins.len(), 0);
}

#[test]
fn a_503_with_retry_after_removes_no_target_from_service() {
    // FreeSWITCH says `Retry-After: 300` with every 503, for one call too many as for all.
    let mut site = PinnedSite::new("attempts = 3", THREE);
    let first = site.send(invite(""), CARRIER).remove(0);
    let sent = site.send(first.answer("503 Full", "Retry-After: 300\r\n"), &first.to);
    assert_eq!(what(&sent), ["ACK", "INVITE"]);
    site.send(sent[1].answer("486 Busy", ""), &sent[1].to);
    site.pass(40_000);
    let again = site.send(invite("").replace("z9hG4bKcarrier", "z9hG4bKagain"), CARRIER);
    assert_eq!(summary(&again), [format!("INVITE>{}", first.to)], "the same call, later");
}

#[test]
fn callers_of_rfc_2543_have_transactions_too() {
    let mut site = PinnedSite::new("attempts = 3", THREE);
    let without = |message: String| message.replace(";branch=z9hG4bKcarrier", "");
    let invited = site.send(without(invite("")), CARRIER);
    assert_eq!(what(&invited), ["INVITE"]);
    assert_eq!(what(&site.send(without(invite("")), CARRIER)), ["100"], "a retransmission");
    let other = without(invite("")).replace("CSeq: 1", "CSeq: 2");
    assert_eq!(what(&site.send(other, CARRIER)), ["INVITE"], "another transaction");
    site.send(invited[0].answer("180 Ringing", ""), &invited[0].to);
    let cancel = without(request("CANCEL", "sip:1294@52.74.4.205:5060", "", ""));
    assert_eq!(
        summary(&site.send(cancel, CARRIER)),
        [format!("200>{CARRIER}"), format!("CANCEL>{}", invited[0].to)]
    );
    site.send(invited[0].answer("487 Terminated", ""), &invited[0].to);
    let ack = without(request("ACK", "sip:1294@52.74.4.205:5060", "target", ""));
    let sent = site.send(ack, CARRIER);
    assert_eq!(summary(&sent), [format!("ACK>{}", invited[0].to)]);
    assert_eq!(sent[0].headers("Via")[0], invited[0].headers("Via")[0]);
}
