//! Requests to targets over TCP: those that are too large for a datagram (RFC 3261 18.1.1), and all where a target takes
//! nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

mod support;

use std::time::Duration;

use proxy::route::Transport;
use support::{CARRIER, NOW, PinnedSite, STRANGER, Sent, Site, invite, request, summary};

/// One target for all calls, which takes TCP besides.
const BOTH: &str = r#"{"targets": [
  {"id": "task-1", "address": "10.10.1.21", "ports": {"sip": 5060, "sip_tcp": 5062}}]}"#;
const UDP: &str = "10.10.1.21:5060";
const TCP: &str = "10.10.1.21:5062";

/// Two that take TCP alone.
const ALONE: &str = r#"{"targets": [
  {"id": "task-1", "address": "10.10.1.21", "ports": {"sip_tcp": 5062}},
  {"id": "task-2", "address": "10.10.1.22", "ports": {"sip_tcp": 5062}}]}"#;

fn padding(length: usize) -> String {
    format!("X-Padding: {}\r\n", "x".repeat(length))
}

fn large() -> String {
    invite(&padding(1200))
}

fn site(targets: &str) -> PinnedSite {
    PinnedSite::new("attempts = 3", targets)
}

/// How and where each went.
fn ways(sent: &[Sent]) -> Vec<(Transport, &str, &str)> {
    sent.iter().map(|sent| (sent.transport, sent.what(), sent.to.as_str())).collect()
}

fn branch(sent: &Sent) -> String {
    let via = &sent.headers("Via")[0];
    via[via.find("branch=").unwrap()..].split(';').next().unwrap().to_owned()
}

fn of(method: &str) -> String {
    request(method, "sip:1294@52.74.4.205:5060", if method == "ACK" { "target" } else { "" }, "")
}

#[test]
fn a_request_of_more_than_1300_bytes_as_sent_goes_to_its_target_by_tcp() {
    let both = Site::with(|settings| settings, BOTH);
    let length = |padded: usize| both.route(invite(&padding(padded)), CARRIER).raw.len();
    let room = 1300 - length(500) + 500;
    assert_eq!((length(room), length(room + 1)), (1300, 1301));
    let fits = both.route(invite(&padding(room)), CARRIER);
    assert_eq!((fits.hop().transport, fits.forwarded_to().as_str()), (Transport::Udp, UDP));
    let large = both.route(invite(&padding(room + 1)), CARRIER);
    assert_eq!((large.hop().transport, large.forwarded_to().as_str()), (Transport::Tcp, TCP));
    assert!(large.headers("Via")[0].starts_with("SIP/2.0/TCP 10.10.1.162:5060;branch="), "{}", large.raw);
    // The dialog is no other than that of a small INVITE, and the datagram would have been the same but for Via.
    assert_eq!(large.record_routes(), fits.record_routes());
    let alone = r#"{"targets": [{"id": "task-1", "address": "10.10.1.21", "ports": {"sip": 5060}}]}"#;
    let datagram = Site::with(|settings| settings, alone).route(invite(&padding(room + 1)), CARRIER);
    assert_eq!((datagram.hop().transport, datagram.forwarded_to().as_str()), (Transport::Udp, UDP));
    assert_eq!(large.raw, datagram.raw.replacen("SIP/2.0/UDP 10.10.1.162", "SIP/2.0/TCP 10.10.1.162", 1));
}

#[test]
fn where_the_path_carries_larger_packets_so_does_udp() {
    let wide = Site::with(|settings| format!("{settings}\n[udp]\nmtu = 9000\n"), BOTH);
    assert_eq!(wide.route(large(), CARRIER).hop().transport, Transport::Udp);
    assert_eq!(
        wide.route(invite(&format!("{}{}", padding(8000), padding(900))), CARRIER).hop().transport,
        Transport::Tcp
    );
}

#[test]
fn a_large_request_of_a_dialog_goes_by_tcp_too_from_whoever_may_send_it() {
    let site = Site::with(|settings| settings, BOTH);
    let route = "Route: <sip:52.74.4.205;lr>\r\n";
    for source in [CARRIER, STRANGER] {
        let info =
            request("INFO", &format!("sip:1294@{UDP}"), "target", &format!("{route}{}", padding(1200)));
        let sent = site.route(info, source);
        assert_eq!((sent.hop().transport, sent.forwarded_to().as_str()), (Transport::Tcp, TCP));
    }
    // Towards callers nothing changes: they have named their transport.
    let out = request("INFO", "sip:1@175.100.32.29", "caller", &format!("{route}{}", padding(1200)));
    assert_eq!(site.route(out, UDP).hop().transport, Transport::Udp);
}

#[test]
fn what_went_over_tcp_is_not_sent_again_and_silence_means_the_next_target() {
    let targets = BOTH.replace(
        "]}",
        r#", {"id": "task-2", "address": "10.10.1.22", "ports": {"sip": 5060, "sip_tcp": 5062}}]}"#,
    );
    let mut site = site(&targets);
    let first = site.send(large(), CARRIER);
    assert_eq!((first.len(), first[0].transport), (1, Transport::Tcp));
    assert_eq!(summary(&site.pass(990)), [format!("100>{CARRIER}")], "no Timer A");
    let next = site.pass(60);
    assert_eq!((next.len(), next[0].what(), next[0].transport), (1, "INVITE", Transport::Tcp));
    assert_ne!(next[0].to, first[0].to);
    assert_ne!(branch(&next[0]), branch(&first[0]));
}

#[test]
fn answers_over_tcp_go_back_to_the_caller_and_cancel_and_ack_go_where_the_invite_went() {
    let mut site = site(BOTH);
    let invited = site.send(large(), CARRIER).remove(0);
    let ringing = site.send_over_tcp(invited.answer("180 Ringing", ""), TCP);
    assert_eq!(ways(&ringing), [(Transport::Udp, "180", CARRIER)]);
    let cancelled = site.send(of("CANCEL"), CARRIER);
    assert_eq!(ways(&cancelled), [(Transport::Udp, "200", CARRIER), (Transport::Tcp, "CANCEL", TCP)]);
    assert!(cancelled[1].headers("Via")[0].starts_with("SIP/2.0/TCP "), "{}", cancelled[1].text);
    assert_eq!(branch(&cancelled[1]), branch(&invited));
    assert!(site.pass(5000).is_empty(), "no Timer E over TCP");
    let terminated = site.send_over_tcp(invited.answer("487 Request Terminated", ""), TCP);
    assert_eq!(ways(&terminated), [(Transport::Udp, "487", CARRIER)]);
    let ack = site.send(of("ACK"), CARRIER);
    assert_eq!(ways(&ack), [(Transport::Tcp, "ACK", TCP)]);
    assert_eq!(branch(&ack[0]), branch(&invited));
}

#[test]
fn the_ack_of_a_2xx_goes_as_its_own_size_says_also_where_transactions_have_no_branch() {
    let mut site = site(BOTH);
    let old = |text: String| text.replace(";branch=z9hG4bKcarrier", "");
    let invited = site.send(old(large()), CARRIER).remove(0);
    assert_eq!(invited.transport, Transport::Tcp);
    site.send_over_tcp(invited.answer("200 OK", "Contact: <sip:1294@10.10.1.21>\r\n"), TCP);
    assert_eq!(ways(&site.send(old(of("ACK")), CARRIER)), [(Transport::Udp, "ACK", UDP)]);
}

#[test]
fn a_refusal_that_is_not_passed_on_is_acknowledged_over_tcp() {
    let mut site = site(BOTH);
    let invited = site.send(large(), CARRIER).remove(0);
    let sent = site.send_over_tcp(invited.answer("503 Full", ""), TCP);
    assert_eq!(ways(&sent), [(Transport::Tcp, "ACK", TCP), (Transport::Udp, "500", CARRIER)]);
    assert_eq!(branch(&sent[0]), branch(&invited));
}

#[test]
fn a_cancel_that_found_its_connection_gone_is_a_datagram_and_sent_until_it_is_answered() {
    let mut site = site(BOTH);
    let invited = site.send(large(), CARRIER).remove(0);
    site.send_over_tcp(invited.answer("180 Ringing", ""), TCP);
    let cancel = site.send(of("CANCEL"), CARRIER).remove(1);
    assert_eq!(ways(std::slice::from_ref(&cancel)), [(Transport::Tcp, "CANCEL", TCP)]);
    site.pins.left_tcp(cancel.text.as_bytes());
    let again = site.pass(1_600);
    assert_eq!(ways(&again), [(Transport::Udp, "CANCEL", UDP); 2], "Timer E");
    assert_eq!(branch(&again[0]), branch(&invited));
    site.send(again[0].answer("200 OK", ""), UDP);
    assert_eq!(site.pass(5_000), []);
}

#[test]
fn a_refusal_that_came_over_tcp_is_sent_to_its_caller_until_that_acknowledges_it() {
    for dispatch in ["attempts = 3", "attempts = 1"] {
        let mut site = PinnedSite::new(dispatch, BOTH);
        let invited = site.send(large(), CARRIER).remove(0);
        site.send_over_tcp(invited.answer("180 Ringing", ""), TCP);
        let busy = site.send_over_tcp(invited.answer("486 Busy Here", ""), TCP);
        assert_eq!(ways(&busy), [(Transport::Udp, "486", CARRIER)]);
        // A CANCEL that crosses it, and its answer, change nothing.
        let crossed = site.send(of("CANCEL"), CARRIER);
        if let Some(cancel) = crossed.iter().find(|sent| sent.what() == "CANCEL") {
            site.send_over_tcp(cancel.answer("200 OK", ""), TCP);
        }
        // RFC 3261 17.2.1, Timer G: after 500 ms, 1.5 s and 3.5 s.
        for (milliseconds, again) in [(450, 0), (150, 1), (850, 0), (150, 1), (1_800, 0), (200, 1)] {
            assert_eq!(site.pass(milliseconds), vec![busy[0].clone(); again], "{dispatch}");
        }
        assert_eq!(ways(&site.send(of("ACK"), CARRIER)), [(Transport::Tcp, "ACK", TCP)]);
        assert_eq!(site.pass(40_000), []);
        assert_eq!(site.pins.len(), 0);
        // Without an ACK there is an end, too.
        let invited = site.send(large(), CARRIER).remove(0);
        site.send_over_tcp(invited.answer("486 Busy Here", ""), TCP);
        assert_eq!(site.pass(40_000).len(), 10, "as often as a target does in 32 seconds");
        assert_eq!(site.pins.len(), 0);
        // What came as a datagram is its target's to send again.
        let invited = site.send(invite(""), CARRIER).remove(0);
        site.send(invited.answer("486 Busy Here", ""), UDP);
        assert_eq!(site.pass(5_000), []);
    }
}

#[test]
fn a_refusal_that_leaves_over_a_connection_leaves_once() {
    let mut site = site(BOTH);
    let over_tcp = large().replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    let invited = site.send_over_tcp(over_tcp, CARRIER).remove(0);
    let busy = site.send_over_tcp(invited.answer("486 Busy Here", ""), TCP);
    assert_eq!(ways(&busy), [(Transport::Tcp, "486", CARRIER)]);
    assert_eq!(site.pass(10_000), []);
}

#[test]
fn when_the_connection_cannot_be_made_all_that_belongs_to_the_invite_follows_it_over_udp() {
    for attempts in ["attempts = 3", "attempts = 1"] {
        let mut site = PinnedSite::new(attempts, BOTH);
        let invited = site.send(large(), CARRIER).remove(0);
        site.pins.left_tcp(invited.text.as_bytes());
        if attempts == "attempts = 3" {
            let again = site.pass(600);
            assert_eq!(ways(&again)[1], (Transport::Udp, "INVITE", UDP), "Timer A: it is a datagram now");
            assert_eq!(branch(&again[1]), branch(&invited));
        }
        // However large it is.
        site.send(invited.answer("486 Busy", "").replace("/TCP", "/UDP"), UDP);
        let ack = site.send(of("ACK"), CARRIER);
        assert_eq!(ways(&ack), [(Transport::Udp, "ACK", UDP)]);
        assert_eq!(branch(&ack[0]), branch(&invited));
    }
}

#[test]
fn a_connection_that_cannot_be_made_changes_nothing_for_calls_that_do_not_wait_for_it() {
    let left = |site: &mut PinnedSite, text: &str| site.pins.left_tcp(text.as_bytes());
    // Its target has said something all the same: nothing begins again.
    let mut site = site(BOTH);
    let invited = site.send(large(), CARRIER).remove(0);
    site.send_over_tcp(invited.answer("100 Trying", ""), TCP);
    left(&mut site, &invited.text);
    assert!(site.pass(5000).is_empty());
    // Another attempt, or one that went as a datagram.
    for (text, other) in [(large(), true), (invite(""), false)] {
        let mut site = self::site(BOTH);
        let invited = site.send(text, CARRIER).remove(0);
        assert_eq!(ways(&site.pass(990)).len(), if other { 1 } else { 2 }, "100, and Timer A for a datagram");
        let hop = &branch(&invited)["branch=z9hG4bK1".len() + 16..][..8];
        let told = if other { invited.text.replace(hop, "00000000") } else { invited.text.clone() };
        left(&mut site, &told);
        assert_eq!(ways(&site.pass(60)), [(Transport::Udp, "500", CARRIER)], "no second beginning");
    }
    // A note of one in a dialog stays as long as it would have.
    let mut site = self::site(BOTH);
    let lines = format!("Route: <sip:52.74.4.205;lr>\r\n{}", padding(1200));
    let invited =
        site.send(request("INVITE", &format!("sip:1294@{UDP}"), "target", &lines), CARRIER).remove(0);
    left(&mut site, &invited.text);
    assert!(site.pass(5000).is_empty());
    assert_eq!(site.pins.len(), 1);
}

#[test]
fn when_the_connection_breaks_before_any_answer_the_invite_is_sent_over_udp_at_once() {
    let mut site = site(BOTH);
    let invited = site.send(large(), CARRIER).remove(0);
    let gone = |site: &mut PinnedSite| {
        let at = (&site.site.router, &site.site.table);
        assert_eq!(site.pins.connection_is_gone(TCP.parse().unwrap(), at, (0, 16)), None);
        site.posted()
    };
    let again = gone(&mut site);
    assert_eq!(ways(&again), [(Transport::Udp, "INVITE", UDP)]);
    assert_eq!(again[0].text, invited.text.replacen("SIP/2.0/TCP", "SIP/2.0/UDP", 1));
    assert!(gone(&mut site).is_empty(), "once");
    // Answers that were on their way are answers still.
    let ringing = site.send(again[0].answer("180 Ringing", ""), UDP);
    assert_eq!(ways(&ringing), [(Transport::Udp, "180", CARRIER)]);
    // A call that its target has said something to stays.
    let mut site = self::site(BOTH);
    let invited = site.send(large(), CARRIER).remove(0);
    site.send_over_tcp(invited.answer("100 Trying", ""), TCP);
    assert!(gone(&mut site).is_empty());
    // One in a dialog is its sender's to send again, and what belongs to it goes the same way.
    let mut site = self::site(BOTH);
    let lines = format!("Route: <sip:52.74.4.205;lr>\r\n{}", padding(1200));
    let uri = format!("sip:1294@{UDP}");
    site.send(request("INVITE", &uri, "target", &lines), CARRIER);
    assert!(gone(&mut site).is_empty());
    let cancel = request("CANCEL", &uri, "target", "Route: <sip:52.74.4.205;lr>\r\n");
    assert_eq!(ways(&site.send(cancel, CARRIER)), [(Transport::Tcp, "CANCEL", TCP)]);
}

#[test]
fn a_target_that_takes_tcp_alone_gets_all_by_that() {
    let mut site = site(ALONE);
    let invited = site.send(invite(""), CARRIER).remove(0);
    assert_eq!(invited.transport, Transport::Tcp);
    let routes = invited.headers("Record-Route");
    assert!(routes[0].starts_with("<sip:10.10.1.162:5060;transport=tcp;lr;r2=on;did="), "{routes:?}");
    assert!(routes[1].starts_with("<sip:52.74.4.205:5060;lr;r2=on;did="), "{routes:?}");
    let first = invited.to.clone();
    // Its connection fails: the other one is asked.
    let at = (&site.site.router, &site.site.table);
    site.pins.connection_is_gone(first.parse().unwrap(), at, (0, 16));
    let next = site.posted();
    assert_eq!((next.len(), next[0].what(), next[0].transport), (1, "INVITE", Transport::Tcp));
    assert_ne!(next[0].to, first);
    let ok = site.send_over_tcp(next[0].answer("200 OK", "Contact: <sip:x@y>\r\n"), &next[0].to);
    assert_eq!(ways(&ok), [(Transport::Udp, "200", CARRIER)]);
}

#[test]
fn a_large_invite_of_a_dialog_takes_its_cancel_and_ack_along_and_nothing_else() {
    let lines = "Route: <sip:52.74.4.205;lr>\r\n";
    let uri = format!("sip:1294@{UDP}");
    let within = |method: &str, padded: usize| {
        let text = request(method, &uri, "target", &format!("{lines}{}", padding(padded)));
        text.replace("z9hG4bKcarrier", "z9hG4bKagain").replace("CSeq: 1", "CSeq: 2")
    };
    for attempts in ["attempts = 3", "attempts = 1"] {
        let mut site = PinnedSite::new(attempts, BOTH);
        let invited = site.send(within("INVITE", 1200), CARRIER);
        assert_eq!(ways(&invited), [(Transport::Tcp, "INVITE", TCP)]);
        assert!(site.pass(3000).is_empty(), "it is the caller's to send again");
        for method in ["CANCEL", "ACK"] {
            let sent = site.send(within(method, 0), CARRIER);
            assert_eq!(ways(&sent), [(Transport::Tcp, method, TCP)]);
            assert_eq!(branch(&sent[0]), branch(&invited[0]));
            if method == "CANCEL" {
                let ended = site.send_over_tcp(invited[0].answer("487 Request Terminated", ""), TCP);
                assert_eq!(ways(&ended), [(Transport::Udp, "487", CARRIER)]);
            }
        }
        let bye = request("BYE", &uri, "target", lines);
        assert_eq!(ways(&site.send(bye, CARRIER)), [(Transport::Udp, "BYE", UDP)]);
        // When the connection failed it went as a datagram, and so do they.
        let mut site = PinnedSite::new(attempts, BOTH);
        let invited = site.send(within("INVITE", 1200), CARRIER);
        site.pins.left_tcp(invited[0].text.as_bytes());
        assert_eq!(ways(&site.send(within("CANCEL", 0), CARRIER)), [(Transport::Udp, "CANCEL", UDP)]);
        site.pass(400_000);
        assert_eq!(site.pins.len(), 0, "a note is not kept for ever");
    }
}

#[test]
fn where_tcp_has_failed_of_late_large_requests_are_datagrams() {
    let site = Site::with(|settings| settings, BOTH);
    site.table.avoid_tcp(TCP.parse().unwrap(), NOW);
    assert_eq!(site.route(large(), CARRIER).hop().transport, Transport::Udp);
    site.table.avoid_tcp(TCP.parse().unwrap(), NOW - Duration::from_secs(3600));
    assert_eq!(site.route(large(), CARRIER).hop().transport, Transport::Tcp);
}

#[test]
fn a_proxy_that_takes_over_has_no_connections_and_goes_on_over_udp() {
    let (mut old, mut new) = (site(BOTH), site(BOTH));
    let invited = old.send(large(), CARRIER).remove(0);
    assert_eq!(new.pins.take_over(&old.pins.pass_on()), Ok(1));
    let again = new.pass(20);
    assert_eq!(ways(&again), [(Transport::Udp, "INVITE", UDP)]);
    assert_eq!(branch(&again[0]), branch(&invited));
}

/// Two that take datagrams and TCP.
const TWO: &str = r#"{"targets": [
  {"id": "task-1", "address": "10.10.1.21", "ports": {"sip": 5060, "sip_tcp": 5062}},
  {"id": "task-2", "address": "10.10.1.22", "ports": {"sip": 5060, "sip_tcp": 5062}}]}"#;

#[test]
fn what_claims_to_belong_to_an_invite_and_leads_elsewhere_goes_the_way_of_its_own() {
    let mut site = site(TWO);
    let lines = "Route: <sip:52.74.4.205;lr>\r\n";
    let large = format!("{lines}{}", padding(1200));
    let invited = site.send(request("INVITE", &format!("sip:1294@{UDP}"), "target", &large), CARRIER);
    assert_eq!(ways(&invited), [(Transport::Tcp, "INVITE", TCP)]);
    let other = "10.10.1.22:5060";
    let cancel = site.send(request("CANCEL", &format!("sip:1294@{other}"), "target", lines), CARRIER);
    assert_eq!(ways(&cancel), [(Transport::Udp, "CANCEL", other)]);
    assert!(cancel[0].headers("Via")[0].starts_with("SIP/2.0/UDP "));
}

#[test]
fn the_size_of_a_request_is_its_own_whatever_else_is_to_be_sent() {
    let mut site = site(TWO);
    for number in 0..4 {
        let call = invite(&padding(400)).replace("call-1", &format!("call-{number}"));
        site.send(call.replace("z9hG4bKcarrier", &format!("z9hG4bK{number}")), CARRIER);
    }
    let sent = site.pass(1050);
    let moved: Vec<_> = sent.iter().filter(|sent| sent.what() == "INVITE").collect();
    assert_eq!(moved.len(), 8, "each was sent again and then went to the other target");
    assert!(moved.iter().all(|sent| sent.transport == Transport::Udp), "{:?}", ways(&sent));
}

#[test]
fn what_is_sent_over_a_connection_is_sent_once() {
    let mut site = site(ALONE);
    let call = invite("").replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    let invited = site.send_over_tcp(&call, CARRIER).remove(0);
    // RFC 3261 17.2.1: no Timer G for a caller over TCP.
    let refused = site.pass(2100);
    assert_eq!(ways(&refused).last().unwrap(), &(Transport::Tcp, "500", CARRIER), "{:?}", ways(&refused));
    assert!(site.pass(5000).is_empty());
    // 17.1.2.2: no Timer E for the BYE of a late answer to a target over TCP.
    let ok = invited.answer("200 OK", "Contact: <sip:fs@10.10.1.21:5062;transport=tcp>\r\n");
    let ended = site.send_over_tcp(ok, &invited.to);
    assert_eq!(ended.iter().map(Sent::what).collect::<Vec<_>>(), ["ACK", "BYE"]);
    assert!(ended.iter().all(|sent| (sent.transport, &sent.to) == (Transport::Tcp, &invited.to)));
    assert!(site.pass(5000).is_empty());
    site.pass(40_000);
    assert_eq!(site.pins.len(), 0);
}

#[test]
fn a_connection_that_is_gone_is_that_of_no_other_call() {
    let mut site = site(TWO);
    let datagram = site.send(invite(""), CARRIER).remove(0);
    assert_eq!(datagram.transport, Transport::Udp);
    let gone = |site: &mut PinnedSite, address: &str| {
        let at = (&site.site.router, &site.site.table);
        assert_eq!(site.pins.connection_is_gone(address.parse().unwrap(), at, (0, 16)), None);
        site.posted()
    };
    // A call by datagram to the same target, and one by TCP to another.
    assert!(gone(&mut site, &datagram.to).is_empty());
    let other = invite(&padding(1200)).replace("call-1", "call-2").replace("z9hG4bKcarrier", "z9hG4bKother");
    let large = site.send(other, CARRIER).remove(0);
    assert_eq!(large.transport, Transport::Tcp);
    let elsewhere = if large.to == TCP { "10.10.1.22:5062" } else { TCP };
    assert!(gone(&mut site, elsewhere).is_empty());
    assert_eq!(gone(&mut site, &large.to).len(), 1);
}
