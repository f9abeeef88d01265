//! Requests of a dialog: Route and Request-URI say where they go, and nobody is led where nobody may go.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::time::Duration;

use proxy::load::Figures;
use proxy::table::{Choice, Policy};
use support::{
    ADVERTISED, CARRIER, DRAINING, INTERNAL, NOW, Outcome, STRANGER, Site, TARGET, invite, request,
};

const CALLER: &str = "sip:0715100860@10.65.104.1:5060";
const CONTACT: &str = "sip:1294@10.10.1.21:5060";

fn routes(uris: &[&str]) -> String {
    uris.iter().map(|uri| format!("Route: <sip:{uri}>\r\n")).collect()
}

fn bye(uri: &str, uris: &[&str], source: &str) -> Outcome {
    Site::new().route(request("BYE", uri, "theirs", &routes(uris)), source)
}

#[test]
fn both_our_routes_go_whichever_line_they_stand_in() {
    let (a, i) = (format!("<sip:{ADVERTISED};lr;r2=on>"), format!("<sip:{INTERNAL};r2=on;lr>"));
    for routes in [format!("Route: {a},{i}\r\n"), format!("route: {a}\r\nX: 1\r\nROUTE :{i}\r\n")] {
        let out = Site::new().route(request("BYE", CONTACT, "theirs", &routes), CARRIER);
        assert_eq!((out.forwarded_to(), out.headers("Route").len()), (TARGET.to_owned(), 0));
        assert!(out.headers("Record-Route").is_empty());
    }
}

#[test]
fn the_partner_goes_too_when_it_names_another_proxy_of_ours() {
    let out = bye(CONTACT, &["52.74.4.205;lr;r2=on", "10.10.9.9:5060;lr;r2=on"], CARRIER);
    assert_eq!((out.forwarded_to(), out.headers("Route").len()), (TARGET.to_owned(), 0));
    let out = bye(CALLER, &["10.10.1.162;lr;r2=on", "52.74.4.205;lr;r2=on", "175.100.32.29;lr"], TARGET);
    assert_eq!(
        (out.forwarded_to(), out.headers("Route")),
        (CARRIER.to_owned(), vec!["<sip:175.100.32.29;lr>".into()])
    );
}

#[test]
fn the_partner_selects_the_listener_that_sends() {
    let out =
        bye(CALLER, &["10.10.1.162:5060;lr;r2=on", "52.74.4.205:5080;lr;r2=on", "175.100.32.29;lr"], TARGET);
    assert_eq!(out.hop().listener, 1);
    assert!(out.headers("Via")[0].starts_with("SIP/2.0/UDP 52.74.4.205:5080;"));
    // And the answer finds its way back to the listener that the request came to.
    assert!(out.headers("Via")[0].ends_with(";i=0"), "{}", out.headers("Via")[0]);
}

#[test]
fn a_pair_that_is_not_ours_stays() {
    let out = bye(CALLER, &["10.10.1.162;lr", "203.0.113.1;lr;r2=on", "203.0.113.2;lr;r2=on"], TARGET);
    assert_eq!((out.forwarded_to(), out.headers("Route").len()), ("203.0.113.1:5060".to_owned(), 2));
}

#[test]
fn from_outside_what_lies_above_our_topmost_route_goes_with_it() {
    let out = bye(
        CONTACT,
        &["175.100.32.29;lr", "10.0.0.9;lr", "52.74.4.205;lr;r2=on", "10.10.1.162;lr;r2=on"],
        CARRIER,
    );
    assert_eq!((out.forwarded_to(), out.headers("Route").len()), (TARGET.to_owned(), 0));
}

#[test]
fn a_caller_that_ignores_record_route_reaches_the_target_of_its_call() {
    for further in [&[][..], &["10.99.1.1;lr"]] {
        let out = bye("sip:1294@52.74.4.205", further, CARRIER);
        assert_eq!((out.forwarded_to(), out.headers("Route").len()), (TARGET.to_owned(), 0));
    }
}

#[test]
fn whom_a_dialog_belongs_to_is_nothing_that_load_changes() {
    let two = r#"{"targets": [{"id": "a", "address": "10.10.1.21", "ports": {"sip": 5060, "control": 8081}},
                              {"id": "b", "address": "10.10.1.22", "ports": {"sip": 5060, "control": 8081}}]}"#;
    let mut site = Site::with(|settings| settings, two);
    let (policy, time) = (Policy::LeastLoaded, Duration::from_secs(30));
    site.table = site.table.choosing_by(Choice { policy, slow_start: time, stale: time });
    let bye = || site.route(request("BYE", "sip:1294@52.74.4.205", "theirs", ""), CARRIER).hop().address;
    let first = bye();
    for (target, gauge) in site.table.gauges() {
        let sessions = if target.address == first.ip() { 9 } else { 0 };
        let figures = format!(
            r#"{{"sessions": {sessions}, "max_sessions": 9, "idle_cpu": 90, "accepting": true, "age": 0}}"#
        );
        gauge.take(Figures::from_json(figures.as_bytes()).unwrap(), NOW);
    }
    assert_ne!(site.route(invite(""), CARRIER).hop().address, first, "a new call");
    assert_eq!(bye(), first);
}

#[test]
fn without_a_route_to_us_anything_else_gets_404_and_an_ack_nothing() {
    assert_eq!(bye(CONTACT, &[], CARRIER).code(), 404);
    assert_eq!(bye(CONTACT, &["203.0.113.1;lr"], CARRIER).code(), 404);
    assert!(Site::new().route(request("ACK", CONTACT, "theirs", ""), STRANGER).is_dropped());
}

#[test]
fn from_outside_a_dialog_leads_to_sip_ports_of_targets_alone() {
    let ours = [ADVERTISED.to_owned() + ";lr;r2=on", INTERNAL.to_owned() + ";lr;r2=on"];
    let ours = [ours[0].as_str(), ours[1].as_str()];
    assert_eq!(bye("sip:x@10.10.1.22", &ours, STRANGER).forwarded_to(), DRAINING);
    let forbidden = [
        "10.10.1.21:8081",
        "10.10.1.21:8021",
        "10.10.7.7",
        "127.0.0.1:5060",
        "169.254.169.254:80",
        "203.0.113.7",
        "[::1]:5060",
    ];
    for host in forbidden {
        assert_eq!(bye(&format!("sip:x@{host}"), &ours, STRANGER).code(), 403, "{host}");
        let mut through = ours.to_vec();
        let route = format!("{host};lr");
        through.push(&route);
        assert_eq!(bye(CONTACT, &through, STRANGER).code(), 403, "through {host}");
        assert_eq!(
            bye(&format!("sip:x@10.10.1.21;maddr={}", host.trim_end_matches(":5060")), &ours, STRANGER)
                .code()
                / 100,
            4
        );
    }
    assert_eq!(bye("sip:x@10.10.1.21;transport=tcp", &ours, STRANGER).code(), 403);
    assert!(Site::new().route(request("ACK", "sip:x@10.10.7.7", "t", &routes(&ours)), STRANGER).is_dropped());
}

#[test]
fn from_targets_a_dialog_leads_anywhere_but_to_this_machine_and_our_own_networks() {
    let ours = ["10.10.1.162;lr"];
    assert_eq!(bye("sip:x@203.0.113.7:5070", &ours, TARGET).forwarded_to(), "203.0.113.7:5070");
    assert_eq!(bye("sip:x@10.10.1.22", &ours, TARGET).forwarded_to(), DRAINING);
    for host in [
        "127.0.0.1",
        "169.254.169.254",
        "10.10.7.7",
        "10.10.1.21:8021",
        "0.0.0.0",
        "224.0.0.1",
        "[fe80::1]",
        "255.255.255.255",
    ] {
        assert_eq!(bye(&format!("sip:x@{host}"), &ours, TARGET).code(), 403, "{host}");
    }
}

#[test]
fn a_strict_router_after_us_gets_itself_in_the_request_uri() {
    let out = bye(CALLER, &["10.10.1.162;lr", "203.0.113.1;x=y", "203.0.113.2;lr"], TARGET);
    assert_eq!(out.forwarded_to(), "203.0.113.1:5060");
    assert!(out.raw.starts_with("BYE sip:203.0.113.1;x=y SIP/2.0\r\n"), "{}", out.raw);
    assert_eq!(out.headers("Route"), ["<sip:203.0.113.2;lr>".to_owned(), format!("<{CALLER}>")]);
    let out = bye(CALLER, &["10.10.1.162;lr", "203.0.113.1"], TARGET);
    assert_eq!(
        (out.forwarded_to(), out.headers("Route")),
        ("203.0.113.1:5060".to_owned(), vec![format!("<{CALLER}>")])
    );
}

#[test]
fn a_strict_router_before_us_is_given_its_request_uri_back() {
    let out =
        bye("sip:52.74.4.205:5060;lr;r2=on", &["10.10.1.162:5060;lr;r2=on", "1294@10.10.1.21:5060"], CARRIER);
    assert_eq!(out.forwarded_to(), TARGET);
    assert!(out.raw.starts_with("BYE sip:1294@10.10.1.21:5060 SIP/2.0\r\n"), "{}", out.raw);
    assert!(out.headers("Route").is_empty());
}

#[test]
fn a_request_uri_that_is_no_record_route_value_of_ours_stays_though_there_is_a_route() {
    // Our address with a user part, as callers have it that ignore Record-Route; and a value of somebody else's.
    for (uri, routes, source) in [
        ("sip:1294@52.74.4.205:5060", ["52.74.4.205;lr", "10.10.1.162;lr"], CARRIER),
        ("sip:52.74.4.205:5060", ["52.74.4.205;lr", "10.10.1.162;lr"], CARRIER),
        ("sip:175.100.32.29;lr", ["10.10.1.162;lr", "52.74.4.205;lr"], TARGET),
    ] {
        let out = bye(uri, &routes, source);
        assert!(out.raw.starts_with(&format!("BYE {uri} SIP/2.0\r\n")), "{}", out.raw);
    }
}

#[test]
fn a_strict_router_of_our_own_making_does_not_make_us_turn_in_circles() {
    let many: Vec<&str> = std::iter::repeat_n("52.74.4.205;lr", 200).collect();
    let out = bye("sip:52.74.4.205;lr", &many, CARRIER);
    // Once is enough: what is left after that is ours from top to bottom and goes where the call went.
    assert_eq!((out.forwarded_to(), out.headers("Route").len()), (TARGET.to_owned(), 0));
}

#[test]
fn a_next_hop_that_wants_tls_is_told_so() {
    assert_eq!(bye("sips:x@203.0.113.7", &["10.10.1.162;lr"], TARGET).code(), 500);
    assert_eq!(bye("sip:x@203.0.113.7;transport=tls", &["10.10.1.162;lr"], TARGET).code(), 500);
}

#[test]
fn max_forwards_counts_down_in_a_dialog_too() {
    let out = bye(CONTACT, &["52.74.4.205;lr", "10.10.1.162;lr"], CARRIER);
    assert_eq!(out.headers("Max-Forwards"), ["69"]);
}
