//! Next hops that are host names: what is asked, and which of the answers is used.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

mod support;

use std::time::Duration;

use proxy::dns::{Candidate, Destination, Known, Outcome, Rules};
use proxy::route::{Cause, Input, Scratch, Transport, Verdict};
use support::{ADVERTISED, CARRIER, INTERNAL, NOW, STRANGER, Site, TARGET, datagram, invite, request};

fn known() -> Known {
    let second = Duration::from_secs(1);
    let rules = Rules { most: 10, min_ttl: second, max_ttl: 300 * second, negative_ttl: 10 * second };
    Known::new([7; 16], rules)
}

fn candidate(transport: Transport, address: &str, priority: u16) -> Candidate {
    Candidate { transport, address: address.parse().unwrap(), rank: 0, priority, weight: 0, server: 1 }
}

fn found(candidates: &[Candidate]) -> Outcome {
    Outcome::Found { candidates: candidates.to_vec(), ttl: Duration::from_secs(60) }
}

/// A site that knows where `sip:x@a.example` leads: there, one after the other.
fn site(addresses: &[&str]) -> Site {
    let site = Site::new();
    let candidates =
        addresses.iter().zip(0..).map(|(address, place)| candidate(Transport::Udp, address, place));
    let mut known = known();
    known.put(
        Destination::new(b"a.example", None, None, false).unwrap(),
        found(&candidates.collect::<Vec<_>>()),
        NOW,
    );
    site.router.set_names(known);
    site
}

fn wanted(site: &Site, message: &str, source: &str) -> Option<Destination> {
    let (mut scratch, mut out) = (Scratch::new(), Vec::new());
    let input: Input<'_> = datagram(0, message.as_bytes(), source);
    let verdict = site.router.route(&input, &site.table, &mut scratch, &mut out);
    assert_eq!(verdict == Verdict::Wait, scratch.wanted.is_some());
    assert!(verdict != Verdict::Wait || out.is_empty());
    scratch.wanted
}

fn call(uri: &str) -> String {
    request("INVITE", uri, "", "")
}

/// A request of a dialog from outside, with our Route values.
fn bye(uri: &str, token: &str) -> String {
    let routes =
        format!("Route: <sip:{ADVERTISED};lr;r2=on;did={token}>, <sip:{INTERNAL};lr;r2=on;did={token}>\r\n");
    request("BYE", uri, "target", &routes)
}

fn token() -> String {
    Site::new().route(invite(""), CARRIER).tokens().remove(0)
}

#[test]
fn a_name_waits_with_what_its_uri_says_of_the_way() {
    let site = Site::new();
    let (udp, tcp, tls) = (Some(Transport::Udp), Some(Transport::Tcp), Some(Transport::Tls));
    for (uri, name, port, transport, secure) in [
        ("sip:x@Carrier.Example", "carrier.example", None, None, false),
        ("sip:x@carrier.example.:5080", "carrier.example", Some(5080), None, false),
        ("sip:x@carrier.example;transport=UDP", "carrier.example", None, udp, false),
        ("sip:x@carrier.example;transport=tcp", "carrier.example", None, tcp, false),
        ("sips:x@carrier.example", "carrier.example", None, None, true),
        ("sips:x@carrier.example:5071;transport=tcp", "carrier.example", Some(5071), tls, true),
        ("sip:x@192.0.2.1;maddr=gw.example", "gw.example", None, None, false),
    ] {
        let expected = Destination::new(name.as_bytes(), port, transport, secure);
        assert_eq!(wanted(&site, &call(uri), TARGET), expected, "{uri}");
    }
    assert_eq!(wanted(&site, &call("sip:x@203.0.113.7"), TARGET), None, "an address needs no DNS");
    assert_eq!(site.route(call("sip:x@a..b"), TARGET).code(), 500);
    // Route says where to go, and Request-URI no more.
    let routed = request("INVITE", "sip:x@b.example", "", "Route: <sip:gw.example;lr>\r\n");
    assert_eq!(wanted(&site, &routed, TARGET).unwrap().name(), "gw.example");
}

#[test]
fn nothing_is_looked_up_for_a_new_call_from_outside_nor_for_strangers() {
    let site = Site::new();
    assert_eq!(wanted(&site, &call("sip:1294@a.example"), CARRIER), None, "it goes to a target");
    assert_eq!(wanted(&site, &bye("sip:x@a.example", "x"), STRANGER), None);
    assert_eq!(site.route(bye("sip:x@a.example", "x"), STRANGER).code(), 403);
    assert!(wanted(&site, &bye("sip:x@a.example", &token()), STRANGER).is_some(), "with a token of a call");
    assert!(wanted(&site, &bye("sip:x@a.example", "x"), CARRIER).is_some(), "who may call");
}

#[test]
fn an_answer_is_used_in_order_and_as_long_as_it_holds() {
    let site = site(&["203.0.113.7:5070", "203.0.113.8:5060"]);
    assert_eq!(site.route(call("sip:x@a.example"), TARGET).forwarded_to(), "203.0.113.7:5070");
    let text = call("sip:x@a.example");
    let later = Input { now: NOW + Duration::from_secs(60), ..datagram(0, text.as_bytes(), TARGET) };
    assert_eq!(site.route_input(&later).verdict, Verdict::Wait);
    assert_eq!(
        wanted(&site, &call("sip:x@a.example:5060"), TARGET).unwrap().port,
        Some(5060),
        "another question"
    );
}

#[test]
fn no_answer_is_a_final_answer_and_an_ack_gets_none() {
    let site = Site::new();
    let mut known = known();
    let name = |name: &str| Destination::new(name.as_bytes(), None, None, false).unwrap();
    known.put(name("nothing.example"), Outcome::Nothing, NOW);
    known.put(name("silent.example"), Outcome::Failed, NOW);
    site.router.set_names(known);
    assert_eq!(site.route(call("sip:x@nothing.example"), TARGET).code(), 500);
    assert_eq!(site.route(call("sip:x@silent.example"), TARGET).code(), 504);
    let ack = request("ACK", "sip:x@silent.example", "there", "");
    assert_eq!(site.route(ack, TARGET).verdict, Verdict::Drop(Cause::Ack, None));
}

#[test]
fn from_targets_a_name_leads_anywhere_but_to_this_machine_our_own_networks_and_us() {
    for bad in [
        "127.0.0.1:5060",
        "169.254.169.254:5060",
        "168.63.129.16:5060",
        "0.0.0.0:5060",
        "224.0.0.1:5060",
        "255.255.255.255:5060",
        "10.10.7.7:5060",
        // A target's port that is not SIP's, and ourselves from either side.
        "10.10.1.21:8081",
        ADVERTISED,
        INTERNAL,
    ] {
        assert_eq!(site(&[bad]).route(call("sip:x@a.example"), TARGET).code(), 403, "{bad}");
        // What may be used is used, wherever it stands.
        let mixed = site(&[bad, "203.0.113.7:5060"]);
        assert_eq!(mixed.route(call("sip:x@a.example"), TARGET).forwarded_to(), "203.0.113.7:5060", "{bad}");
    }
    assert_eq!(site(&[TARGET]).route(call("sip:x@a.example"), TARGET).forwarded_to(), TARGET);
    let v6 = site(&["[2001:db8::1]:5060"]);
    assert_eq!(v6.route(call("sip:x@a.example"), TARGET).code(), 500, "no listener speaks IPv6");
}

#[test]
fn from_outside_a_name_leads_to_targets_alone_or_where_a_token_leads() {
    let uri = "sip:x@a.example";
    assert_eq!(site(&[TARGET]).route(bye(uri, "x"), CARRIER).forwarded_to(), TARGET);
    for bad in
        ["127.0.0.1:5060", "169.254.169.254:80", "10.10.7.7:5062", "203.0.113.7:5060", "10.10.1.21:8081"]
    {
        assert_eq!(site(&[bad]).route(bye(uri, "x"), CARRIER).code(), 403, "{bad}");
    }
    let gone = site(&["127.0.0.1:5060", "10.10.1.99:53", "203.0.113.7:5060", "10.10.1.99:5062"]);
    assert_eq!(gone.route(bye(uri, &token()), STRANGER).forwarded_to(), "10.10.1.99:5062");
    // A token opens the last hop alone.
    let below = bye("sip:x@10.10.1.21", &token())
        .replace("Max-Forwards", "Route: <sip:a.example;lr>\r\nMax-Forwards");
    assert_eq!(gone.route(below, STRANGER).code(), 403);
}

#[test]
fn requests_of_one_call_go_one_way_and_calls_are_spread() {
    let site = Site::new();
    let mut known = known();
    let two = ["203.0.113.7:5060", "203.0.113.8:5060"].map(|address| candidate(Transport::Udp, address, 0));
    known.put(Destination::new(b"a.example", None, None, false).unwrap(), found(&two), NOW);
    let way = |site: &Site, method: &str, call: usize| {
        let text = request(method, "sip:x@a.example", "", "").replace("call-1", &format!("call-{call}"));
        site.route(text, TARGET).forwarded_to()
    };
    site.router.set_names(known.clone());
    let first: Vec<_> = (0..40).map(|call| way(&site, "INVITE", call)).collect();
    for method in ["INVITE", "CANCEL", "ACK"] {
        assert_eq!(first, (0..40).map(|call| way(&site, method, call)).collect::<Vec<_>>(), "{method}");
    }
    let to_first = first.iter().filter(|way| way.contains("113.7")).count();
    assert!((8..32).contains(&to_first), "{to_first}");
    // Where one cannot be reached, its calls go to the other, and come back to it when all are down.
    known.mark_down(Transport::Udp, two[0].address, NOW);
    site.router.set_names(known.clone());
    assert!((0..40).all(|call| way(&site, "INVITE", call).contains("113.8")));
    known.mark_down(Transport::Udp, two[1].address, NOW);
    site.router.set_names(known);
    assert_eq!(first, (0..40).map(|call| way(&site, "INVITE", call)).collect::<Vec<_>>());
}

#[test]
fn a_strict_router_before_us_waits_for_the_name_that_it_has_put_away() {
    let message =
        request("BYE", &format!("sip:{INTERNAL};lr"), "there", "Route: <sip:x@carrier.example>\r\n");
    assert_eq!(wanted(&Site::new(), &message, TARGET).unwrap().name(), "carrier.example");
}

#[test]
fn over_tls_a_hop_tells_whose_certificate_is_wanted_and_over_nothing_else() {
    let site = Site::with(
        |settings| {
            let tls = "tls = { bind = \"0.0.0.0:5061\", certificate = \"c\", key = \"k\" }\n";
            settings
                .replace("[targets]\n", &format!("{tls}[targets]\n"))
                .replace("port_name = \"alternative\"\n", "")
        },
        r#"{"targets": []}"#,
    );
    let mut known = known();
    for (transport, name) in [(Transport::Udp, "udp"), (Transport::Tcp, "tcp"), (Transport::Tls, "tls")] {
        let wanted = Destination::new(b"a.example", None, Some(transport), false).unwrap();
        known.put(wanted, found(&[candidate(transport, "192.0.2.7:5061", 1)]), NOW);
        site.router.set_names(known.clone());
        let hop = site.route(call(&format!("sip:x@a.example;transport={name}")), TARGET).hop();
        let server = (transport == Transport::Tls).then(|| known.server_id("a.example"));
        assert_eq!((hop.transport, hop.server), (transport, server));
    }
}
