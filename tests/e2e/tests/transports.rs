//! Over which transport, listener and port a call goes.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use e2e::{
    message::is_pair_value,
    site::{ADVERTISED_ALTERNATIVE, Addresses, Site, settings},
    wire::{Stream, Wire},
};
use lab::proxy_process::{ProxyProcess, TargetList};

#[test]
fn a_caller_over_tcp_reaches_targets_over_udp_and_hangs_up() -> Result<()> {
    let site = Site::start("uas_answer", 3)?;
    let caller = site.caller("uac_call")?.over_tcp().calls(9, 50);
    let calling = site.run(&caller)?;
    let targets = site.finish()?;
    assert_eq!(targets.iter().map(|target| target.statistics.successful()).sum::<u64>(), 9);
    for answer in calling.responses(200, "INVITE") {
        let routes = answer.values("Record-Route");
        assert_eq!(routes.len(), 2, "{answer:?}");
        // RFC 5658: each side's value with its side's transport.
        assert!(!routes[0].contains("transport=tcp") && routes[1].contains("transport=tcp"), "{answer:?}");
    }
    Ok(())
}

#[test]
fn the_bye_of_a_target_reaches_a_caller_over_tcp() -> Result<()> {
    let site = Site::start("uas_hangup", 3)?;
    let calling = site.run(&site.caller("uac_hung_up")?.over_tcp().calls(9, 50))?;
    site.finish()?;
    assert_eq!(calling.requests("BYE").len(), 9);
    Ok(())
}

#[test]
fn a_caller_over_tcp_cancels_and_is_refused() -> Result<()> {
    let ringing = Site::start("uas_ringing", 3)?;
    ringing.run(&ringing.caller("uac_cancel")?.over_tcp().calls(6, 50))?;
    ringing.finish()?;
    let busy = Site::start("uas_busy", 3)?;
    busy.run(&busy.caller("uac_refused")?.over_tcp().calls(6, 50))?;
    busy.finish()?;
    Ok(())
}

#[test]
fn the_second_listener_leads_to_the_targets_second_port() -> Result<()> {
    // What answers here is at the port `alternative`; at `sip` there is nobody.
    let site = Site::start_with("uas_answer", 2, |settings| {
        if let TargetList::File(targets) = &mut settings.targets {
            for target in targets {
                let answering = target.ports.iter().map(|(_, port)| ("alternative".to_owned(), *port));
                target.ports = answering.chain([("sip".to_owned(), 9)]).collect();
            }
        }
    })?;
    let listener = site.proxy.listener_address("alternative").context("the second listener")?;
    let caller = site.caller("uac_call")?.to(listener);
    let caller = caller.key("request_uri", &format!("sip:1294@{ADVERTISED_ALTERNATIVE}")).calls(6, 50);
    let calling = site.run(&caller)?;
    let targets = site.finish()?;
    assert_eq!(targets.iter().map(|target| target.statistics.successful()).sum::<u64>(), 6);
    for answer in calling.responses(200, "INVITE") {
        let routes = answer.values("Record-Route");
        assert!(is_pair_value(routes[0], &listener.to_string()), "{answer:?}");
        assert!(is_pair_value(routes[1], ADVERTISED_ALTERNATIVE), "{answer:?}");
    }
    Ok(())
}

#[test]
#[ignore = "not so yet on a machine with several addresses and a wildcard bind: docs/operations.md says what to do"]
fn a_reply_leaves_from_the_address_that_was_addressed() -> Result<()> {
    let addresses = Addresses::take();
    let mut settings = settings(addresses);
    settings.listeners.truncate(1);
    for listener in &mut settings.listeners {
        listener.bind = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        listener.internal = Some(format!("{}:5060", addresses.proxy()));
    }
    let proxy = ProxyProcess::start(settings)?;
    let addressed = SocketAddr::new(addresses.proxy(), proxy.sip_address().port());
    // Hears nothing that comes from anywhere else.
    let wire = Wire::connect(addresses.caller(0), addressed)?;
    wire.send(wire.request("OPTIONS", "sip:203.0.113.10:5060").to_string(), addressed)?;
    let answer = wire.receive().with_context(|| proxy.log())?;
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    Ok(())
}

#[test]
fn a_keepalive_over_tcp_is_answered() -> Result<()> {
    let proxy = ProxyProcess::start(settings(Addresses::take()))?;
    let mut stream = Stream::connect(proxy.sip_address())?;
    // RFC 5626 3.5.1.
    stream.send("\r\n\r\n")?;
    stream.receive_bytes(2)?;
    // And what follows is still understood.
    let options = stream.request("OPTIONS", "sip:203.0.113.10:5060")?;
    stream.send(options.to_string())?;
    let answer = stream.receive()?;
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    Ok(())
}
