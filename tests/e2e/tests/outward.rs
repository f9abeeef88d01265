//! Calls that targets place to carriers.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use e2e::{
    message::is_pair_value,
    outcome::Outcome,
    sipp::Sipp,
    site::{ADVERTISED, Addresses, free_address, settings},
    wire::Wire,
};
use lab::proxy_process::{ProxyProcess, Target, TargetList};

/// A proxy whose only target is at `target`.
fn proxy_for(addresses: Addresses, target: SocketAddr) -> Result<ProxyProcess> {
    let mut settings = settings(addresses);
    settings.targets = TargetList::File(vec![Target::new("task-0", target)]);
    ProxyProcess::start(settings)
}

/// What the carrier and the target saw of calls from the target.
fn call_outward(calling: &str, answering: &str) -> Result<(Outcome, Outcome, SocketAddr)> {
    let addresses = Addresses::take();
    let (target, carrier) = (free_address(addresses.target(0))?, free_address(addresses.caller(0))?);
    let answering = Sipp::answering(answering, carrier).start()?;
    let proxy = proxy_for(addresses, target)?;
    let caller = Sipp::caller(calling, target, proxy.sip_address());
    let caller = caller.key("request_uri", &format!("sip:0715100860@{carrier}")).calls(6, 50);
    let called = caller.run().with_context(|| proxy.log())?;
    Ok((answering.stop().with_context(|| proxy.log())?, called, proxy.sip_address()))
}

#[test]
fn a_call_from_a_target_reaches_the_carrier_with_the_advertised_address_on_top() -> Result<()> {
    let (carrier, _, internal) = call_outward("uac_call", "uas_answer")?;
    let invites = carrier.requests("INVITE");
    assert_eq!(invites.len(), 6);
    for invite in invites {
        let routes = invite.values("Record-Route");
        assert_eq!(routes.len(), 2, "{invite:?}");
        assert!(is_pair_value(routes[0], ADVERTISED), "{invite:?}");
        assert!(is_pair_value(routes[1], &internal.to_string()), "{invite:?}");
        let via = invite.header("Via");
        assert!(
            via.starts_with(&format!("SIP/2.0/UDP {ADVERTISED};")) && via.contains(";rport"),
            "{invite:?}"
        );
        assert!(invite.headers("X-Src-Ip").is_empty(), "that is for targets: {invite:?}");
    }
    assert_eq!(carrier.requests("BYE").len(), 6);
    Ok(())
}

#[test]
fn a_call_from_a_target_is_ended_by_the_carrier() -> Result<()> {
    let (_, target, _) = call_outward("uac_hung_up", "uas_hangup")?;
    let byes = target.requests("BYE");
    assert_eq!(byes.len(), 6);
    assert!(byes.iter().all(|bye| bye.values("Route").is_empty()), "both were ours: {byes:?}");
    Ok(())
}

#[test]
fn a_call_from_a_target_is_refused_and_cancelled() -> Result<()> {
    call_outward("uac_refused", "uas_busy")?;
    call_outward("uac_cancel", "uas_ringing")?;
    Ok(())
}

#[test]
fn what_a_target_sends_is_never_405() -> Result<()> {
    let addresses = Addresses::take();
    let (target, carrier) = (Wire::bind(addresses.target(0))?, Wire::bind(addresses.caller(0))?);
    let proxy = proxy_for(addresses, target.local())?;
    let message = target.request("MESSAGE", &format!("sip:0715100860@{}", carrier.local()));
    target.send(message.to_string(), proxy.sip_address())?;
    let received = carrier.receive().with_context(|| proxy.log())?;
    assert!(received.is("MESSAGE"), "{received:?}");
    Ok(())
}
