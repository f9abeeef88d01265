//! Calls from carriers of every kind: behind a proxy of their own, behind a NAT, with and without rport.

use anyhow::Result;
use e2e::{
    message::{Message, is_pair_value},
    outcome::Outcome,
    sipp::Sipp,
    site::{ADVERTISED, Site, free_address},
    wire::Wire,
};

/// The telephone behind the carrier's proxy.
const PHONE: &str = "sip:0715100860@10.65.104.1:5060;user=phone";

/// What a telephone behind the carrier's proxy has written: its Via below, a Contact that only the carrier can reach,
/// the carrier's Record-Route.
fn from_behind_its_proxy(carrier: Sipp) -> Sipp {
    let record_route = record_route_of(&carrier);
    carrier
        .key("via_params", "\r\nVia: SIP/2.0/UDP 10.65.104.1:5060;branch=z9hG4bK-phone")
        .key("contact", PHONE)
        .headers(&[&format!("Record-Route: {record_route}")])
}

fn record_route_of(carrier: &Sipp) -> String {
    format!("<sip:{};lr;transport=udp>", carrier.local())
}

fn requests<'a>(targets: &'a [Outcome], method: &str) -> Vec<&'a Message> {
    targets.iter().flat_map(|target| target.requests(method)).collect()
}

#[test]
fn a_target_sees_our_record_routes_above_the_carriers_and_our_via_above_its_vias() -> Result<()> {
    let site = Site::start("uas_answer", 1)?;
    let internal = site.proxy.sip_address().to_string();
    let caller = from_behind_its_proxy(site.caller("uac_carrier")?);
    let calling = site.run(&caller)?;
    let targets = site.finish()?;

    let invites = requests(&targets, "INVITE");
    assert_eq!(invites.len(), 1, "{invites:?}");
    for invite in invites {
        assert_eq!(invite.request_uri(), "sip:1294@203.0.113.10:5060;user=phone", "{invite:?}");
        assert_eq!(invite.header("Contact"), format!("<{PHONE}>"), "{invite:?}");
        assert_eq!(invite.header("Max-Forwards"), "69", "{invite:?}");
        let routes = invite.values("Record-Route");
        assert_eq!(routes.len(), 3, "{invite:?}");
        assert!(is_pair_value(routes[0], &internal) && is_pair_value(routes[1], ADVERTISED), "{invite:?}");
        assert_eq!(routes[2], record_route_of(&caller), "{invite:?}");
        let vias = invite.values("Via");
        assert_eq!(vias.len(), 3, "{invite:?}");
        assert!(vias[0].starts_with(&format!("SIP/2.0/UDP {internal};")), "{invite:?}");
        assert!(vias[1].starts_with(&format!("SIP/2.0/UDP {};", caller.local())), "{invite:?}");
        assert_eq!(vias[2], "SIP/2.0/UDP 10.65.104.1:5060;branch=z9hG4bK-phone", "{invite:?}");
    }
    for answer in calling.responses(200, "INVITE") {
        assert_eq!(answer.values("Via").len(), 2, "ours is gone from {answer:?}");
        assert_eq!(answer.values("Record-Route").len(), 3, "{answer:?}");
    }
    Ok(())
}

#[test]
fn calls_from_behind_a_carriers_proxy_are_ended_by_the_caller() -> Result<()> {
    let site = Site::start("uas_answer", 3)?;
    site.run(&from_behind_its_proxy(site.caller("uac_carrier")?).calls(9, 20))?;
    let targets = site.finish()?;
    let (acks, byes) = (requests(&targets, "ACK"), requests(&targets, "BYE"));
    assert_eq!((acks.len(), byes.len()), (9, 9));
    for request in acks.into_iter().chain(byes) {
        assert!(request.values("Route").is_empty(), "both were ours: {request:?}");
        assert!(
            request.values("Record-Route").is_empty(),
            "only an INVITE that starts a call has it: {request:?}"
        );
    }
    Ok(())
}

#[test]
fn calls_from_behind_a_carriers_proxy_are_ended_by_the_target() -> Result<()> {
    let site = Site::start("uas_hangup", 3)?;
    let caller = from_behind_its_proxy(site.caller("uac_hung_up")?).calls(9, 20);
    let calling = site.run(&caller)?;
    site.finish()?;
    let byes = calling.requests("BYE");
    assert_eq!(byes.len(), 9);
    for bye in byes {
        assert_eq!(bye.request_uri(), PHONE, "{bye:?}");
        assert_eq!(bye.values("Route"), [record_route_of(&caller)], "the carrier's alone: {bye:?}");
    }
    Ok(())
}

#[test]
fn a_carrier_that_leaves_its_own_route_on_top_reaches_its_target() -> Result<()> {
    let site = Site::start("uas_answer", 3)?;
    // This scenario sends its whole route set back, the carrier's own on top.
    site.run(&from_behind_its_proxy(site.caller("uac_call")?).calls(9, 20))?;
    let targets = site.finish()?;
    let byes = requests(&targets, "BYE");
    assert_eq!(byes.len(), 9);
    assert!(byes.iter().all(|bye| bye.values("Route").is_empty()), "{byes:?}");
    Ok(())
}

#[test]
fn a_carrier_behind_a_nat_is_answered_where_its_packets_come_from() -> Result<()> {
    let site = Site::start("uas_answer", 1)?;
    let caller = site.caller("uac_call")?.key("sent_by", "10.65.104.1:5060");
    let calling = site.run(&caller)?;
    site.finish()?;
    for answer in calling.responses(200, "INVITE") {
        let via = answer.header("Via");
        assert!(via.contains(&format!(";received={}", caller.local().ip())), "{answer:?}");
        assert!(via.contains(&format!(";rport={}", caller.local().port())), "{answer:?}");
    }
    Ok(())
}

#[test]
fn a_target_ends_the_call_of_a_caller_behind_a_nat() -> Result<()> {
    let site = Site::start("uas_hangup", 2)?;
    let caller = site.caller("uac_hung_up")?.key("sent_by", "10.65.104.1:5060");
    let caller = caller.key("contact", "sip:0715100860@10.65.104.1:5060").calls(5, 20);
    let calling = site.run(&caller)?;
    site.finish()?;
    let byes = calling.requests("BYE");
    assert_eq!(byes.len(), 5);
    for bye in byes {
        assert_eq!(bye.request_uri(), "sip:0715100860@10.65.104.1:5060", "{bye:?}");
    }
    Ok(())
}

#[test]
fn a_carrier_that_sends_from_another_port_is_answered_at_its_sent_by_port() -> Result<()> {
    let site = Site::start("uas_answer", 1)?;
    let (proxy, ip) = (site.proxy.sip_address(), site.addresses.caller(0));
    let (sending, answered) = (Wire::bind(ip)?, Wire::bind(ip)?);
    // RFC 3261 18.2.2, without rport.
    let invite = answered.request("INVITE", "sip:1294@203.0.113.10:5060");
    sending.send(invite.to_string(), proxy)?;
    let success = answered.receive_final()?;
    assert_eq!(success.status(), Some(200), "{success:?}");
    assert!(!success.header("Via").contains("rport"), "{success:?}");
    sending.send(invite.next("ACK", &success).to_string(), proxy)?;
    sending.send(invite.next("BYE", &success).to_string(), proxy)?;
    let ended = answered.receive_final()?;
    assert_eq!((ended.status(), ended.cseq_method()), (Some(200), "BYE"), "{ended:?}");
    assert!(sending.is_silent()?, "nothing goes to the source port");
    site.finish()?;
    Ok(())
}

#[test]
fn a_carrier_that_asks_for_rport_is_answered_at_its_source_port() -> Result<()> {
    let site = Site::start("uas_answer", 1)?;
    let ip = site.addresses.caller(0);
    // Nobody is at the port that it gives.
    let elsewhere = free_address(ip)?.to_string();
    let caller = site.caller("uac_call")?.key("sent_by", &elsewhere).key("via_params", ";rport");
    let calling = site.run(&caller)?;
    site.finish()?;
    for answer in calling.responses(200, "INVITE") {
        let via = answer.header("Via");
        assert!(via.contains(&format!(";rport={}", caller.local().port())), "RFC 3581 4: {answer:?}");
        assert!(via.contains(&format!(";received={ip}")), "RFC 3581 4: {answer:?}");
    }
    Ok(())
}

#[test]
fn a_route_that_a_carrier_preloads_is_removed_and_its_call_goes_to_a_target() -> Result<()> {
    let site = Site::start("uas_answer", 1)?;
    let internal = site.proxy.sip_address();
    site.run(&site.caller("uac_call")?.headers(&[
        "Route: <sip:10.65.104.1:5060;lr>, <sip:203.0.113.10:5060;lr>",
        "Route: <sip:198.51.100.7;lr>",
    ]))?;
    site.run(&site.caller("uac_call")?.headers(&["Route: <sip:203.0.113.10:5060;lr>"]))?;
    site.run(&site.caller("uac_call")?.headers(&[&format!("Route: <sip:{internal};lr>")]))?;
    let targets = site.finish()?;
    let invites = requests(&targets, "INVITE");
    assert_eq!(invites.len(), 3);
    assert!(invites.iter().all(|invite| invite.values("Route").is_empty()), "{invites:?}");
    Ok(())
}
