//! Over which transport, listener and port a call goes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use e2e::{
    message::{Message, is_pair_value},
    site::{ADVERTISED_ALTERNATIVE, Addresses, Site, settings},
    wire::{self, Stream, Wire},
};
use lab::proxy_process::{Listener, ProxyProcess, ProxySettings, Target, TargetList};

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
fn a_reply_leaves_from_the_address_that_was_addressed() -> Result<()> {
    let addresses = Addresses::take();
    let mut settings = settings(addresses);
    settings.listeners.truncate(1);
    for listener in &mut settings.listeners {
        listener.bind = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        listener.internal = Some(format!("{}:5060", addresses.proxy()));
    }
    let target = Wire::bind(addresses.target(0))?;
    settings.targets = TargetList::File(vec![Target::new("task-0", target.local())]);
    let proxy = ProxyProcess::start(settings)?;
    let addressed = SocketAddr::new(addresses.proxy(), proxy.sip_address().port());
    // Hears nothing that comes from anywhere else.
    let wire = Wire::connect(addresses.caller(0), addressed)?;
    wire.send(wire.request("OPTIONS", "sip:203.0.113.10:5060").to_string(), addressed)?;
    let reply = wire.receive().with_context(|| proxy.log())?;
    assert_eq!(reply.status(), Some(200), "{reply:?}");
    // A target's answers, too.
    wire.send(wire.request("INVITE", "sip:1294@203.0.113.10:5060").to_string(), addressed)?;
    let invite = target.receive().with_context(|| proxy.log())?;
    target.send(wire::answer(&invite, "486 Busy Here", "sip:x@y"), addressed)?;
    let busy = wire.receive_final().with_context(|| proxy.log())?;
    assert_eq!(busy.status(), Some(486), "{busy:?}");
    Ok(())
}

/// A proxy and one target, which the test plays.
fn with_target(
    change: impl FnOnce(&mut ProxySettings, Addresses),
) -> Result<(ProxyProcess, Wire, Addresses)> {
    let addresses = Addresses::take();
    let mut settings = settings(addresses);
    let target = Wire::bind(addresses.target(0))?;
    settings.targets = TargetList::File(vec![Target::new("task-0", target.local())]);
    settings.log = "debug".to_owned();
    change(&mut settings, addresses);
    Ok((ProxyProcess::start(settings)?, target, addresses))
}

#[test]
fn an_answer_whose_connection_is_gone_goes_to_the_port_in_via_on_a_new_one() -> Result<()> {
    let (proxy, target, addresses) = with_target(|_, _| ())?;
    let listening = TcpListener::bind((addresses.caller(0), 0))?;
    let mut caller = Stream::connect(proxy.sip_address())?;
    let mut invite = caller.request("INVITE", "sip:1294@203.0.113.10:5060")?;
    // The connection is from 127.0.0.1: that is where the answer may go, and to no other host.
    let port = listening.local_addr()?.port();
    let listening = TcpListener::bind((caller.local().ip(), port)).unwrap_or(listening);
    let sent_by = format!("{}:{}", addresses.caller(1), listening.local_addr()?.port());
    invite.via = invite.via.replace(&caller.local().to_string(), &sent_by);
    caller.send(invite.to_string())?;
    let arrived = target.receive().with_context(|| proxy.log())?;
    drop(caller);
    e2e::wait_until("the connection is gone", Duration::from_secs(20), || {
        Ok(proxy.metric("switchyard_proxy_connections") == Some(0.0))
    })?;
    target.send(wire::answer(&arrived, "486 Busy Here", "sip:x@y"), proxy.sip_address())?;
    let mut stream = Stream::over(wire::accept(&listening).with_context(|| proxy.log())?)?;
    assert_eq!(stream.receive_final()?.status(), Some(486));
    Ok(())
}

#[test]
fn a_target_calls_out_over_tcp_on_one_connection_from_the_address_that_the_listener_has() -> Result<()> {
    let (proxy, target, addresses) = with_target(|_, _| ())?;
    let carrier = TcpListener::bind((addresses.caller(0), 0))?;
    let uri = format!("sip:1@{};transport=tcp", carrier.local_addr()?);
    let mut stream = None;
    for _ in 0..3 {
        let invite = target.request("INVITE", &uri);
        target.send(invite.to_string(), proxy.sip_address())?;
        if stream.is_none() {
            let accepted = wire::accept(&carrier).with_context(|| proxy.log())?;
            assert_eq!(accepted.peer_addr()?.ip(), addresses.proxy());
            stream = Some(Stream::over(accepted)?);
        }
        let stream = stream.as_mut().context("a connection")?;
        let arrived = stream.receive().with_context(|| proxy.log())?;
        assert_eq!(arrived.header("Call-ID"), invite.call_id);
        stream.send(wire::answer(&arrived, "486 Busy Here", "sip:x@y"))?;
        assert_eq!(target.receive_final()?.status(), Some(486));
        target.send(invite.ack_of(&arrived).to_string(), proxy.sip_address())?;
        ensure!(stream.receive()?.is("ACK"), "no ACK");
    }
    Ok(())
}

#[test]
fn a_caller_over_ipv6_and_a_target_over_ipv4_reach_each_other() -> Result<()> {
    let six = IpAddr::from(Ipv6Addr::LOCALHOST);
    let (proxy, target, _) = with_target(|settings, _| {
        settings.listeners.truncate(1);
        settings.listeners.push(Listener::new("six", SocketAddr::new(six, 0)));
        settings.access.sources.push("::1/128".to_owned());
    })?;
    let proxy_six = proxy.listener_address("six").context("the listener")?;
    let contact = format!("sip:{}", target.local());
    let uri = format!("sip:1294@{proxy_six}");
    let answered = |arrived: &Message| -> Result<()> {
        let routes = arrived.values("Record-Route");
        ensure!(is_pair_value(routes[0], &proxy.sip_address().to_string()), "{arrived:?}");
        ensure!(
            is_pair_value(routes[1].replace(";transport=tcp", "").as_str(), &proxy_six.to_string()),
            "{arrived:?}"
        );
        target.send(wire::answer(arrived, "200 OK", &contact), proxy.sip_address())
    };
    // Over UDP, asking for rport.
    let caller = Wire::bind(six)?;
    let mut invite = caller.request("INVITE", &uri);
    invite.via.push_str(";rport");
    caller.send(invite.to_string(), proxy_six)?;
    let arrived = target.receive().with_context(|| proxy.log())?;
    ensure!(arrived.values("Via")[1].contains("received=::1"), "{arrived:?}");
    answered(&arrived)?;
    let ok = caller.receive_final().with_context(|| proxy.log())?;
    caller.send(invite.next("ACK", &ok).to_string(), proxy_six)?;
    target.receive_ack()?;
    // The target hangs up.
    let mut bye = target.request("BYE", &format!("sip:x@{}", caller.local()));
    bye.headers = arrived.values("Record-Route").iter().map(|route| format!("Route: {route}")).collect();
    bye.to = format!("{};tag=x", bye.to);
    target.send(bye.to_string(), proxy.sip_address())?;
    let bye = caller.receive().with_context(|| proxy.log())?;
    ensure!(bye.is("BYE") && bye.values("Via")[0].contains(&proxy_six.to_string()), "{bye:?}");
    caller.send(wire::answer(&bye, "200 OK", "sip:x@y"), proxy_six)?;
    assert_eq!(target.receive_final()?.status(), Some(200));
    // Over TCP.
    let mut caller = Stream::connect(proxy_six)?;
    let invite = caller.request("INVITE", &uri)?;
    caller.send(invite.to_string())?;
    answered(&target.receive().with_context(|| proxy.log())?)?;
    let ok = caller.receive_final().with_context(|| proxy.log())?;
    caller.send(invite.next("ACK", &ok).to_string())?;
    target.receive_ack()?;
    caller.send(invite.next("BYE", &ok).to_string())?;
    ensure!(target.receive()?.is("BYE"), "no BYE");
    Ok(())
}

#[test]
fn a_call_over_ipv6_fails_over_to_the_next_target() -> Result<()> {
    let six = IpAddr::from(Ipv6Addr::LOCALHOST);
    let (proxy, first, addresses) = with_target(|settings, _| {
        settings.listeners.truncate(1);
        settings.listeners.push(Listener::new("six", SocketAddr::new(six, 0)));
        settings.access.sources.push("::1/128".to_owned());
    })?;
    let second = Wire::bind(addresses.target(1))?;
    let targets = [("task-0", &first), ("task-1", &second)];
    proxy.set_targets(&targets.map(|(id, wire)| Target::new(id, wire.local())))?;
    e2e::wait_until("both are known", Duration::from_secs(20), || {
        Ok(proxy.metric("switchyard_proxy_targets{state=\"active\"}") == Some(2.0))
    })?;
    let proxy_six = proxy.listener_address("six").context("the listener")?;
    let caller = Wire::bind(six)?;
    let invite = caller.request("INVITE", &format!("sip:1294@{proxy_six}"));
    caller.send(invite.to_string(), proxy_six)?;
    // Each listener is another thread: the refusal comes to one that has not seen the INVITE.
    let asked = AtomicUsize::new(0);
    let refuse = |target: &Wire| -> Result<()> {
        let mut status = None;
        loop {
            let message = target.receive()?;
            if message.is("INVITE") {
                let next =
                    || ["503 Service Unavailable", "486 Busy Here"][asked.fetch_add(1, Ordering::Relaxed)];
                let status = status.get_or_insert_with(next);
                target.send(wire::answer(&message, status, "sip:x@y"), proxy.sip_address())?;
            } else {
                ensure!(message.is("ACK"), "{message:?}");
                return Ok(());
            }
        }
    };
    let refusal = std::thread::scope(|threads| {
        let targets = [&first, &second].map(|target| threads.spawn(|| refuse(target)));
        let refusal = caller.receive_final()?;
        caller.send(invite.ack_of(&refusal).to_string(), proxy_six)?;
        for target in targets {
            target.join().map_err(|_| anyhow!("a target failed"))??;
        }
        anyhow::Ok(refusal)
    });
    let refusal = refusal.with_context(|| proxy.log())?;
    assert_eq!(refusal.status(), Some(486), "{refusal:?}");
    Ok(())
}

#[test]
fn datagrams_that_do_not_fit_into_a_packet_are_counted() -> Result<()> {
    let (proxy, target, addresses) = with_target(|_, _| ())?;
    let caller = Wire::bind(addresses.caller(0))?;
    let fragmented = || proxy.metric("switchyard_proxy_datagrams_fragmented_total");
    let invite = |length: usize| {
        caller
            .request("INVITE", "sip:1294@203.0.113.10:5060")
            .header(&format!("X-Long: {}", "x".repeat(length)))
    };
    for (length, count) in [(10, 0.0), (2000, 1.0)] {
        caller.send(invite(length).to_string(), proxy.sip_address())?;
        target.receive().with_context(|| proxy.log())?;
        e2e::wait_until("it is counted", Duration::from_secs(20), || Ok(fragmented() == Some(count)))?;
    }
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
