//! Responses: ours is popped, the next Via says where to, and nobody makes a reflector of us.

mod support;

use proxy::route::{Cause, Transport, Verdict};
use support::{CARRIER, INTERNAL, Outcome, STRANGER, Site, TARGET, invite, request};

const OURS: &str = "SIP/2.0/UDP 10.10.1.162:5060;branch=z9hG4bK1000000000000000000000000000000aa";

fn response(vias: &[&str]) -> String {
    let vias: String = vias.iter().map(|via| format!("Via: {via}\r\n")).collect();
    format!(
        "SIP/2.0 200 OK\r\n{vias}Call-ID: x\r\nCSeq: 1 INVITE\r\nX-Src-Ip: 6.6.6.6\r\nContent-Length: 0\r\n\r\n"
    )
}

fn answer(vias: &[&str]) -> Outcome {
    Site::new().route(response(vias), TARGET)
}

fn dropped(outcome: &Outcome, cause: Cause) {
    assert!(matches!(outcome.verdict, Verdict::Drop(found, _) if found == cause), "{:?}", outcome.verdict);
}

#[test]
fn the_next_via_says_where_to() {
    let to = |via: &str| answer(&[OURS, via, "SIP/2.0/UDP far"]).forwarded_to();
    assert_eq!(to("SIP/2.0/UDP 203.0.113.1"), "203.0.113.1:5060");
    assert_eq!(to("SIP/2.0/UDP 203.0.113.1:5070"), "203.0.113.1:5070");
    assert_eq!(to("SIP/2.0/UDP 192.168.0.1:5070;received=203.0.113.1"), "203.0.113.1:5070");
    assert_eq!(to("SIP/2.0/UDP 192.168.0.1:5070;received=203.0.113.1;rport=40000"), "203.0.113.1:40000");
    assert_eq!(to("SIP/2.0/UDP host.example;received=203.0.113.1"), "203.0.113.1:5060");
    assert_eq!(to("SIP/2.0/UDP 203.0.113.1;maddr=203.0.113.9;received=203.0.113.2"), "203.0.113.9:5060");
    // Over IPv6 by a listener that speaks it, or not at all.
    let six = response(&[OURS, "SIP/2.0/UDP [2001:db8::1]:5070;received=2001:db8::2", "SIP/2.0/UDP far"]);
    let listener = "[[listener]]\nname = \"six\"\nbind = \"[2001:db8::10]:5060\"\n[targets]\n";
    let site = Site::with(|settings| settings.replace("[targets]\n", listener), r#"{"targets": []}"#);
    let hop = site.route(&six, TARGET).hop();
    assert_eq!((hop.listener, hop.address.to_string()), (2, "[2001:db8::2]:5070".to_owned()));
    dropped(&Site::new().route(&six, TARGET), Cause::NoAddress);
}

#[test]
fn our_via_is_popped_from_its_own_line_or_a_shared_one() {
    let out = answer(&[&format!("{OURS} , SIP/2.0/UDP 203.0.113.1;x=1,SIP/2.0/UDP far")]);
    assert_eq!(out.headers("Via"), ["SIP/2.0/UDP 203.0.113.1;x=1,SIP/2.0/UDP far"]);
    // From a target, everything else stays.
    assert_eq!(out.headers("X-Src-Ip"), ["6.6.6.6"]);
}

#[test]
fn a_next_via_that_is_ours_again_is_taken_off_here() {
    // The call went through another proxy of ours, which dispatched it again under another Request-URI.
    let site = Site::new();
    let once = site.route(invite(""), CARRIER).raw.replace("INVITE sip:1294@", "INVITE sip:1295@");
    let vias = site.route(once, INTERNAL).headers("Via");
    let vias: Vec<&str> = vias.iter().map(String::as_str).collect();
    assert_eq!(vias.len(), 3);
    let out = site.route(response(&vias), TARGET);
    assert_eq!((out.forwarded_to().as_str(), out.headers("Via")), (CARRIER, vec![vias[2].to_owned()]));
}

#[test]
fn a_via_that_only_looks_like_ours_is_not_taken_off() {
    let site = Site::new();
    let forged = "Via: SIP/2.0/UDP 52.74.4.205:5060;branch=z9hG4bKa;i=0-42\r\nVia: SIP/2.0/TCP 169.254.169.254:80;branch=z9hG4bKb\r\n";
    let bye = request("BYE", "sip:x@10.10.1.21", "any", "Route: <sip:52.74.4.205;lr>\r\n");
    let bye = bye.replace("Via: SIP/2.0/UDP 175.100.32.29:5060;branch=z9hG4bKcarrier\r\n", forged);
    let vias = site.route(bye, STRANGER).headers("Via");
    let vias: Vec<&str> = vias.iter().map(String::as_str).collect();
    assert_eq!(site.route(response(&vias), TARGET).forwarded_to(), STRANGER);
}

#[test]
fn a_caller_cannot_have_its_answer_sent_to_somebody_else() {
    let site = Site::new();
    let aimed = |via: &str| {
        let bye = request("BYE", "sip:x@10.10.1.21", "any", "Route: <sip:52.74.4.205;lr>\r\n");
        let bye = bye.replace("SIP/2.0/UDP 175.100.32.29:5060;branch=z9hG4bKcarrier", via);
        let vias = site.route(bye, STRANGER).headers("Via");
        let vias: Vec<&str> = vias.iter().map(String::as_str).collect();
        site.route(response(&vias), TARGET)
    };
    assert_eq!(aimed("SIP/2.0/UDP 198.51.100.66;branch=z9hG4bKx;maddr=127.0.0.1").forwarded_to(), STRANGER);
    // It came as a datagram: nobody has shown that a connection to there is wanted.
    dropped(&aimed("SIP/2.0/TCP 198.51.100.66:22;branch=z9hG4bKx"), Cause::NoAddress);
}

#[test]
fn a_response_from_outside_reaches_nobody_but_where_targets_live() {
    let site = Site::new();
    let sent = site.route(request("INVITE", "sip:1@175.100.32.29", "", ""), TARGET).headers("Via");
    let below = |further: &str| format!("SIP/2.0/UDP 175.100.32.29:5060;branch=z9hG4bKcarrier{further}");
    let answer = |further: &str| site.route(response(&[&sent[0], &below(further)]), CARRIER);
    assert_eq!(answer(";received=10.10.1.21").forwarded_to(), TARGET);
    dropped(&answer(";received=203.0.113.99;rport=53"), Cause::NoAddress);
    dropped(&answer(";received=10.10.1.21;maddr=127.0.0.1"), Cause::NoAddress);
}

#[test]
fn what_is_not_ours_or_ends_with_us_is_dropped() {
    dropped(
        &answer(&["SIP/2.0/UDP 10.10.1.163:5060;branch=z9hG4bKx", "SIP/2.0/UDP 203.0.113.1"]),
        Cause::NotOurs,
    );
    dropped(&answer(&[OURS]), Cause::ForUs);
    dropped(&answer(&[OURS, "SIP/2.0/UDP host.example"]), Cause::NoAddress);
    dropped(&answer(&[OURS, "SIP/2.0/SCTP 203.0.113.1"]), Cause::NoAddress);
    dropped(&answer(&[OURS, "nonsense"]), Cause::Malformed);
    dropped(&answer(&[]), Cause::NotOurs);
    let short = response(&[OURS, "SIP/2.0/UDP 203.0.113.1"]).replace("Length: 0", "Length: 9");
    dropped(&Site::new().route(short, TARGET), Cause::Malformed);
}

#[test]
fn from_outside_only_the_answer_to_what_we_sent_passes_and_is_stripped() {
    let site = Site::new();
    dropped(
        &site.route(response(&[OURS, "SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKvictim"]), STRANGER),
        Cause::Unsolicited,
    );
    let sent = site.route(request("INVITE", "sip:1@175.100.32.29", "", ""), TARGET);
    let vias = sent.headers("Via");
    let vias: Vec<&str> = vias.iter().map(String::as_str).collect();
    let out = site.route(response(&vias), CARRIER);
    assert_eq!(out.forwarded_to(), TARGET);
    assert!(out.headers("X-Src-Ip").is_empty());
    let elsewhere = vias[1].replace("z9hG4bKcarrier", "z9hG4bKvictim");
    dropped(&site.route(response(&[vias[0], &elsewhere]), STRANGER), Cause::Unsolicited);
}

#[test]
fn the_way_back_over_tcp_is_the_connection_that_the_request_came_on() {
    let own = format!("{OURS};i=1-42");
    let hop = answer(&[&own, "SIP/2.0/TCP 192.168.0.1:5070;received=203.0.113.1;rport=40000"]).hop();
    assert_eq!((hop.transport, hop.connection, hop.listener), (Transport::Tcp, Some(42), 1));
    dropped(&answer(&[&format!("{OURS};i=9-42"), "SIP/2.0/TCP 203.0.113.1"]), Cause::NoAddress);
}

#[test]
fn a_caller_behind_a_nat_gets_its_answers_at_the_port_it_sent_from() {
    let site = Site::new();
    let behind = invite("").replace("175.100.32.29:5060;branch", "192.168.1.2:5060;branch");
    let vias = site.route(behind, "175.100.32.29:40000").headers("Via");
    let vias: Vec<&str> = vias.iter().map(String::as_str).collect();
    assert_eq!(site.route(response(&vias), TARGET).forwarded_to(), "175.100.32.29:40000");
    // One that is not behind a NAT and sends from another port wants them where its Via says.
    let vias = site.route(invite(""), "175.100.32.29:40000").headers("Via");
    let vias: Vec<&str> = vias.iter().map(String::as_str).collect();
    assert_eq!(site.route(response(&vias), TARGET).forwarded_to(), CARRIER);
}
