//! One call from a carrier behind its own proxy, message by message, as it comes in and as it goes out.
//!
//! Caller 10.65.104.1 -> its proxy 175.100.32.29 -> NLB 52.74.4.205 -> our proxy 10.10.1.162 -> FreeSWITCH 10.10.1.21.
//! Every byte that no rule changes is the same on both sides.

mod support;

use support::{CARRIER, Outcome, Site, TARGET};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 10.65.104.1\r\ns=-\r\nc=IN IP4 10.65.104.1\r\nt=0 0\r\nm=audio 20606 RTP/AVP 8 101\r\n";

/// What the caller's proxy put on the caller's INVITE.
const CALLER_VIAS: &str = "Via: SIP/2.0/UDP 175.100.32.29:5060;branch=z9hG4bKop7;rport\r\n\
    Via: SIP/2.0/UDP 10.65.104.1:5064;received=10.65.104.1;branch=z9hG4bKrrnz4ie7;X-DptMsg=138\r\n";
/// The same once we have seen where it came from.
const CALLER_VIAS_STAMPED: &str = "Via: SIP/2.0/UDP 175.100.32.29:5060;branch=z9hG4bKop7;rport=5060;received=175.100.32.29\r\n\
    Via: SIP/2.0/UDP 10.65.104.1:5064;received=10.65.104.1;branch=z9hG4bKrrnz4ie7;X-DptMsg=138\r\n";
const OUR_VIA_INSIDE: &str = "Via: SIP/2.0/UDP 10.10.1.162:5060;branch=OURS\r\n";
const OUR_RECORD_ROUTES: &str = "Record-Route: <sip:10.10.1.162:5060;lr;r2=on;did=TOKEN>\r\nRecord-Route: <sip:52.74.4.205:5060;lr;r2=on;did=TOKEN>\r\n";
const CARRIERS_RECORD_ROUTE: &str = "Record-Route: <sip:175.100.32.29:5060;lr;transport=udp>\r\n";

fn invite(vias: &str, max_forwards: u8, record_routes: &str, added: &str) -> String {
    format!(
        "INVITE sip:1294@52.74.4.205:5060;user=phone SIP/2.0\r\n{record_routes}{CARRIERS_RECORD_ROUTE}{vias}\
         call-id:  isbcABC==@10.65.104.1\r\nf: \"0715100860\" <sip:0715100860@10.65.104.1;user=phone>;tag=sbc0412\r\n\
         T : \"1294\" <sip:1294@52.74.4.205;user=phone>\r\nCSeq: 57106 INVITE\r\nMax-Forwards: {max_forwards}\r\n\
         Allow: INVITE,ACK,\r\n OPTIONS,BYE\r\nP-Charging-Vector: icid-value=A416;orig-ioi=10.65.104.1\r\nX-Odd: \"a,b\"; c\r\n\
         Contact: <sip:0715100860@10.65.104.1:5060;user=phone>\r\nContent-Type: application/sdp\r\nc0ntent: x\r\n\
         Content-Length: {}\r\n{added}\r\n{SDP}",
        SDP.len()
    )
}

fn response(status: &str, vias: &str) -> String {
    format!(
        "SIP/2.0 {status}\r\n{vias}{OUR_RECORD_ROUTES}{CARRIERS_RECORD_ROUTE}\
         From: \"0715100860\" <sip:0715100860@10.65.104.1;user=phone>;tag=sbc0412\r\n\
         To: \"1294\" <sip:1294@52.74.4.205;user=phone>;tag=Zy1a\r\nCall-ID: isbcABC==@10.65.104.1\r\nCSeq: 57106 INVITE\r\n\
         Contact: <sip:1294@10.10.1.21:5060;transport=udp>\r\nUser-Agent: FreeSWITCH\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}

fn from_caller(method: &str, vias: &str, max_forwards: u8, routes: &str) -> String {
    format!(
        "{method} sip:1294@10.10.1.21:5060;transport=udp SIP/2.0\r\n{vias}{routes}\
         From: \"0715100860\" <sip:0715100860@10.65.104.1;user=phone>;tag=sbc0412\r\n\
         To: \"1294\" <sip:1294@52.74.4.205;user=phone>;tag=Zy1a\r\nCall-ID: isbcABC==@10.65.104.1\r\n\
         CSeq: 57106 {method}\r\nMax-Forwards: {max_forwards}\r\nContent-Length: 0\r\n\r\n"
    )
}

fn from_target(vias: &str, max_forwards: u8, routes: &str) -> String {
    format!(
        "BYE sip:0715100860@10.65.104.1:5060;user=phone SIP/2.0\r\n{vias}Max-Forwards: {max_forwards}\r\n\
         From: \"1294\" <sip:1294@52.74.4.205;user=phone>;tag=Zy1a\r\n\
         To: \"0715100860\" <sip:0715100860@10.65.104.1;user=phone>;tag=sbc0412\r\nCall-ID: isbcABC==@10.65.104.1\r\n\
         CSeq: 128 BYE\r\n{routes}Reason: Q.850;cause=16;text=\"NORMAL_CLEARING\"\r\nContent-Length: 0\r\n\r\n"
    )
}

fn routes(uris: &[&str]) -> String {
    uris.iter().map(|uri| format!("Route: <sip:{uri}>\r\n")).collect()
}

fn check(outcome: &Outcome, to: &str, text: &str) {
    assert_eq!(outcome.forwarded_to(), to);
    assert_eq!(outcome.text(), text);
}

#[test]
fn the_invite_reaches_freeswitch_with_our_record_routes_on_top() {
    let out = Site::new().route(invite(CALLER_VIAS, 29, "", ""), CARRIER);
    // The carrier's record route stands first in this message; our Via goes above the Vias, wherever they are.
    let vias = format!("{OUR_VIA_INSIDE}{CALLER_VIAS_STAMPED}");
    let added = "X-Somleng-Callee-Identity: 1294\r\nX-Somleng-Caller-Identity: 0715100860\r\nX-Src-Ip: 175.100.32.29\r\n";
    check(&out, TARGET, &invite(&vias, 28, OUR_RECORD_ROUTES, added));
}

#[test]
fn responses_follow_via_alone() {
    let site = Site::new();
    let branch = site.route(invite(CALLER_VIAS, 29, "", ""), CARRIER).branches().remove(0);
    let ours = OUR_VIA_INSIDE.replace("OURS", &branch);
    for status in ["100 Trying", "183 Session Progress", "200 OK"] {
        let came = response(status, &format!("{ours}{CALLER_VIAS_STAMPED}"));
        check(&site.route(came, TARGET), CARRIER, &response(status, CALLER_VIAS_STAMPED));
    }
}

#[test]
fn ack_and_bye_from_the_caller_lose_both_our_routes_and_reach_freeswitch() {
    let site = Site::new();
    for (method, branch) in [("ACK", "z9hG4bKack"), ("BYE", "z9hG4bKbye")] {
        let via = format!("Via: SIP/2.0/UDP 175.100.32.29:5060;branch={branch}\r\n");
        let ours = routes(&["52.74.4.205:5060;lr;r2=on;did=TOKEN", "10.10.1.162:5060;lr;r2=on;did=TOKEN"]);
        let out = site.route(from_caller(method, &via, 70, &ours), CARRIER);
        check(&out, TARGET, &from_caller(method, &format!("{OUR_VIA_INSIDE}{via}"), 69, ""));
    }
}

#[test]
fn a_bye_from_freeswitch_reaches_the_carriers_proxy_and_its_answer_freeswitch() {
    let site = Site::new();
    let via = "Via: SIP/2.0/UDP 10.10.1.21;rport;branch=z9hG4bKfs\r\n";
    let stamped = "Via: SIP/2.0/UDP 10.10.1.21;rport=5060;branch=z9hG4bKfs;received=10.10.1.21\r\n";
    let carriers = "175.100.32.29:5060;lr;transport=udp";
    let ours = ["10.10.1.162:5060;lr;r2=on;did=TOKEN", "52.74.4.205:5060;lr;r2=on;did=TOKEN"];
    let all = routes(&[ours[0], ours[1], carriers]);
    let out = site.route(from_target(via, 70, &all), TARGET);
    let our_via = "Via: SIP/2.0/UDP 52.74.4.205:5060;branch=OURS;rport\r\n";
    check(&out, CARRIER, &from_target(&format!("{our_via}{stamped}"), 69, &routes(&[carriers])));

    let ours = format!("Via: SIP/2.0/UDP 52.74.4.205:5060;branch={};rport=5060\r\n", out.branches()[0]);
    let ok = |vias: &str| {
        format!(
            "SIP/2.0 200 OK\r\n{vias}Call-ID: isbcABC==@10.65.104.1\r\nCSeq: 128 BYE\r\nContent-Length: 0\r\n\r\n"
        )
    };
    check(&site.route(ok(&format!("{ours}{stamped}")), CARRIER), TARGET, &ok(stamped));
}
