//! Targets that take TCP: what is too large for a datagram goes there by it, and all where they take nothing else.

use std::{
    net::{SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use e2e::{
    black_hole::BlackHole,
    message::Message,
    outcome::Outcome,
    sipp::Sipp,
    site::{Addresses, Site, free_address, settings},
    wait_until,
    wire::{self, Stream, Wire},
};
use lab::proxy_process::{ProxyProcess, ProxySettings, Target, TargetList};

/// Enough that all targets get some.
const CALLS: u32 = 12;
const WITHIN: Duration = Duration::from_secs(20);
const FALLBACKS: &str = "switchyard_proxy_tcp_fallbacks_total";

/// A header line that makes a request too large for a datagram.
fn padding() -> String {
    format!("X-Padding: {}", "x".repeat(1300))
}

/// Says of each target which ports it has.
fn with_ports(settings: &mut ProxySettings, ports: impl Fn(u16) -> Vec<(&'static str, u16)>) {
    if let TargetList::File(targets) = &mut settings.targets {
        for target in targets {
            let port = target.ports.first().map_or(0, |(_, port)| *port);
            target.ports = ports(port).into_iter().map(|(name, port)| (name.to_owned(), port)).collect();
        }
    }
}

/// Targets that listen for TCP alone, whatever the list says of them.
fn over_tcp(scenario: &str, targets: u8, ports: impl Fn(u16) -> Vec<(&'static str, u16)>) -> Result<Site> {
    let sipp = |local: SocketAddr| Sipp::answering(scenario, local).over_tcp();
    Site::start_at(Addresses::take(), targets, |settings| with_ports(settings, ports), sipp)
}

/// The list says UDP at a port where nobody listens for it: what comes is what went by TCP.
fn both(port: u16) -> Vec<(&'static str, u16)> {
    vec![("sip", port), ("sip_tcp", port)]
}

fn alone(port: u16) -> Vec<(&'static str, u16)> {
    vec![("sip_tcp", port)]
}

fn top_via(message: &Message) -> &str {
    message.values("Via").first().copied().unwrap_or_default()
}

/// That all calls were made, each target had some, and all that these got came by TCP.
fn check(targets: &[Outcome]) {
    assert_eq!(targets.iter().map(|target| target.statistics.successful()).sum::<u64>(), u64::from(CALLS));
    for target in targets {
        let invites = target.requests("INVITE");
        assert!(!invites.is_empty());
        for invite in invites {
            assert!(top_via(invite).starts_with("SIP/2.0/TCP "), "{invite:?}");
        }
        assert_eq!(target.statistics.retransmissions(), 0);
    }
}

#[test]
fn calls_with_large_invites_are_answered_over_tcp_and_hung_up_from_either_end() -> Result<()> {
    let site = over_tcp("uas_answer", 2, both)?;
    let calling = site.run(&site.caller("uac_call")?.headers(&[&padding()]).calls(CALLS, 50))?;
    check(&site.finish()?);
    assert_eq!(calling.statistics.retransmissions(), 0);
    for answer in calling.responses(200, "INVITE") {
        let routes = answer.values("Record-Route");
        assert!(routes.iter().all(|route| !route.contains("transport=tcp")), "{answer:?}");
    }
    let site = over_tcp("uas_hangup", 2, both)?;
    site.run(&site.caller("uac_hung_up")?.headers(&[&padding()]).calls(CALLS, 50))?;
    check(&site.finish()?);
    Ok(())
}

#[test]
fn cancel_and_the_ack_of_a_refusal_follow_their_large_invite_over_tcp() -> Result<()> {
    let ringing = over_tcp("uas_ringing", 2, both)?;
    let calling = ringing.run(&ringing.caller("uac_cancel")?.headers(&[&padding()]).calls(CALLS, 50))?;
    check(&ringing.finish()?);
    assert_eq!(calling.responses(487, "INVITE").len() as u32, CALLS);
    let busy = over_tcp("uas_busy", 2, both)?;
    let calling = busy.run(&busy.caller("uac_refused")?.headers(&[&padding()]).calls(CALLS, 50))?;
    check(&busy.finish()?);
    assert_eq!(calling.responses(486, "INVITE").len() as u32, CALLS);
    Ok(())
}

#[test]
fn targets_that_take_tcp_alone_get_calls_and_what_belongs_to_calls() -> Result<()> {
    let sipp = |local: SocketAddr| Sipp::answering("uas_answer", local).over_tcp();
    let site = Site::start_at(Addresses::take(), 2, |settings| with_ports(settings, alone), sipp)?;
    site.run(&site.caller("uac_call")?.calls(CALLS, 50))?;
    check(&site.finish()?);
    let cancelled = over_tcp("uas_ringing", 2, alone)?;
    cancelled.run(&cancelled.caller("uac_cancel")?.over_tcp().calls(CALLS, 50))?;
    check(&cancelled.finish()?);
    // One that is gone.
    let mut site = over_tcp("uas_answer", 2, alone)?;
    site.take_target(0).sipp.kill()?;
    site.run(&site.caller("uac_call")?.calls(CALLS, 50))?;
    check(&site.finish()?);
    Ok(())
}

#[test]
fn a_target_that_takes_tcp_alone_is_probed_over_that() -> Result<()> {
    let addresses = Addresses::take();
    let mut settings = settings(addresses);
    let local = free_address(addresses.target(0))?;
    let listening = TcpListener::bind(local)?;
    settings.targets = TargetList::File(vec![Target::new("task-0", local)]);
    with_ports(&mut settings, alone);
    settings.listeners.truncate(1);
    settings.health = "interval = \"200ms\"\ntimeout = \"200ms\"".to_owned();
    let proxy = ProxyProcess::start(settings)?;
    let answered = || proxy.metric("switchyard_proxy_probes_total{result=\"answered\"}");
    let up = || proxy.metric("switchyard_proxy_target_up");
    let mut stream = Stream::over(wire::accept(&listening).with_context(|| proxy.log())?)?;
    while answered().unwrap_or_default() < 5.0 {
        let probe = stream.receive().with_context(|| proxy.log())?;
        ensure!(probe.is("OPTIONS"), "{probe:?}");
        stream.send(wire::answer(&probe, "200 OK", "sip:x@y"))?;
    }
    wait_until("it is up", WITHIN, || Ok(up() == Some(1.0)))?;
    drop((stream, listening));
    wait_until("it is down", WITHIN, || Ok(up() == Some(0.0)))
}

/// A proxy and a target, both of whose ports the test plays; TCP may be at a port where nobody listens.
struct Scene {
    proxy: ProxyProcess,
    caller: Wire,
    udp: Wire,
    tcp: SocketAddr,
}

impl Scene {
    fn start(further: &str) -> Result<Self> {
        let addresses = Addresses::take();
        Self::start_at(addresses, free_address(addresses.target(0))?, further)
    }

    fn start_at(addresses: Addresses, tcp: SocketAddr, further: &str) -> Result<Self> {
        let mut settings = settings(addresses);
        let udp = Wire::bind(addresses.target(0))?;
        let mut target = Target::new("task-0", udp.local());
        target.ports.push(("sip_tcp".to_owned(), tcp.port()));
        settings.targets = TargetList::File(vec![target]);
        settings.log = "debug".to_owned();
        settings.further.push_str(further);
        Ok(Self { proxy: ProxyProcess::start(settings)?, caller: Wire::bind(addresses.caller(0))?, udp, tcp })
    }

    fn invite(&self) -> Result<wire::Request> {
        let invite = self.caller.request("INVITE", "sip:1294@203.0.113.10:5060").header(&padding());
        self.caller.send(invite.to_string(), self.proxy.sip_address())?;
        Ok(invite)
    }

    /// The INVITE as the target gets it by UDP, which it refuses; and the caller's ACK.
    fn refuse_over_udp(&self, invite: &wire::Request) -> Result<()> {
        let came = self.udp.receive().with_context(|| self.proxy.log())?;
        ensure!(came.is("INVITE") && top_via(&came).starts_with("SIP/2.0/UDP "), "{came:?}");
        self.udp.send(wire::answer(&came, "486 Busy Here", "sip:x@y"), self.proxy.sip_address())?;
        let busy = self.caller.receive_final().with_context(|| self.proxy.log())?;
        ensure!(busy.status() == Some(486), "{busy:?}");
        self.caller.send(invite.ack_of(&busy).to_string(), self.proxy.sip_address())?;
        let ack = self.udp.receive_ack().with_context(|| self.proxy.log())?;
        ensure!(top_via(&ack) == top_via(&came), "{ack:?}");
        Ok(())
    }
}

#[test]
fn where_nobody_takes_the_connection_a_large_request_is_a_datagram() -> Result<()> {
    let scene = Scene::start("")?;
    let invite = scene.invite()?;
    scene.refuse_over_udp(&invite)?;
    ensure!(scene.proxy.metric(FALLBACKS) == Some(1.0), "{}", scene.proxy.log());
    // For a while it is not tried again.
    let invite = scene.invite()?;
    scene.refuse_over_udp(&invite)?;
    ensure!(scene.proxy.metric(FALLBACKS) == Some(1.0), "{}", scene.proxy.log());
    Ok(())
}

#[test]
fn where_the_connection_breaks_before_any_answer_a_large_invite_becomes_a_datagram() -> Result<()> {
    let scene = Scene::start("[dispatch]\nno_reply = \"30s\"\n")?;
    let listening = TcpListener::bind(scene.tcp)?;
    let invite = scene.invite()?;
    let mut stream = Stream::over(wire::accept(&listening).with_context(|| scene.proxy.log())?)?;
    let came = stream.receive().with_context(|| scene.proxy.log())?;
    ensure!(came.is("INVITE") && top_via(&came).starts_with("SIP/2.0/TCP "), "{came:?}");
    drop(stream);
    scene.refuse_over_udp(&invite)
}

#[test]
fn one_connection_carries_all_and_is_made_anew_when_it_is_gone() -> Result<()> {
    let scene = Scene::start("")?;
    let listening = TcpListener::bind(scene.tcp)?;
    for _ in 0..2 {
        let mut stream = None;
        for _ in 0..3 {
            let invite = scene.invite()?;
            if stream.is_none() {
                let accepted = wire::accept(&listening).with_context(|| scene.proxy.log())?;
                stream = Some(Stream::over(accepted)?);
            }
            let stream = stream.as_mut().context("a connection")?;
            let came = stream.receive().with_context(|| scene.proxy.log())?;
            assert_eq!(came.header("Call-ID"), invite.call_id);
            stream.send(wire::answer(&came, "486 Busy Here", "sip:x@y"))?;
            let busy = scene.caller.receive_final().with_context(|| scene.proxy.log())?;
            assert_eq!(busy.status(), Some(486), "{busy:?}");
            scene.caller.send(invite.ack_of(&busy).to_string(), scene.proxy.sip_address())?;
            let ack = stream.receive().with_context(|| scene.proxy.log())?;
            ensure!(ack.is("ACK") && top_via(&ack) == top_via(&came), "{ack:?}");
        }
        drop(stream);
        wait_until("the connection is gone", WITHIN, || {
            Ok(scene.proxy.metric("switchyard_proxy_connections") == Some(0.0))
        })?;
    }
    ensure!(scene.udp.is_silent()?, "nothing went by UDP");
    Ok(())
}

#[test]
fn where_packets_to_its_tcp_port_vanish_a_large_request_is_a_datagram_before_its_target_counts_as_silent()
-> Result<()> {
    let addresses = Addresses::take();
    let hole = BlackHole::bind(addresses.target(0))?;
    // Half of it is for the connection, and none of it for a second target: there is none.
    let scene = Scene::start_at(addresses, hole.local(), "[dispatch]\nno_reply = \"3s\"\n")?;
    let began = Instant::now();
    let invite = scene.invite()?;
    scene.refuse_over_udp(&invite)?;
    let took = began.elapsed();
    ensure!(took >= Duration::from_millis(1_400), "nobody waited for the connection: {took:?}");
    ensure!(took < Duration::from_secs(3), "{took:?}\n{}", scene.proxy.log());
    ensure!(scene.proxy.metric(FALLBACKS) == Some(1.0), "{}", scene.proxy.log());
    // The next one does not wait for what failed a moment ago.
    let began = Instant::now();
    let invite = scene.invite()?;
    scene.refuse_over_udp(&invite)?;
    ensure!(began.elapsed() < Duration::from_millis(1_400), "{:?}", began.elapsed());
    ensure!(scene.proxy.metric(FALLBACKS) == Some(1.0), "{}", scene.proxy.log());
    Ok(())
}

#[test]
fn where_packets_to_a_target_that_takes_tcp_alone_vanish_its_calls_go_to_another() -> Result<()> {
    let addresses = Addresses::take();
    let hole = BlackHole::bind(addresses.target(0))?;
    let listening = TcpListener::bind((addresses.target(1), 0))?;
    let mut settings = settings(addresses);
    let places = [hole.local(), listening.local_addr()?];
    let list = (0..).zip(places).map(|(number, at)| Target::new(&format!("task-{number}"), at));
    settings.targets = TargetList::File(list.collect());
    with_ports(&mut settings, alone);
    settings.further.push_str("[dispatch]\nno_reply = \"2s\"\n");
    settings.log = "debug".to_owned();
    let proxy = ProxyProcess::start(settings)?;
    let caller = Wire::bind(addresses.caller(0))?;
    let mut stream = None;
    let mut waited = 0;
    for number in 0..CALLS {
        let began = Instant::now();
        let invite = caller.request("INVITE", &format!("sip:{number}@203.0.113.10:5060"));
        caller.send(invite.to_string(), proxy.sip_address())?;
        if stream.is_none() {
            stream = Some(Stream::over(wire::accept(&listening).with_context(|| proxy.log())?)?);
        }
        let stream = stream.as_mut().context("a connection")?;
        let came = stream.receive().with_context(|| proxy.log())?;
        ensure!(came.is("INVITE") && came.header("Call-ID") == invite.call_id, "{came:?}");
        stream.send(wire::answer(&came, "486 Busy Here", "sip:x@y"))?;
        let busy = caller.receive_final().with_context(|| proxy.log())?;
        ensure!(busy.status() == Some(486), "{busy:?}");
        caller.send(invite.ack_of(&busy).to_string(), proxy.sip_address())?;
        ensure!(stream.receive()?.is("ACK"), "no ACK");
        // One second for the connection, which is less than the two for an answer.
        let took = began.elapsed();
        ensure!(took < Duration::from_secs(2), "call {number}: {took:?}\n{}", proxy.log());
        waited += u32::from(took >= Duration::from_millis(900));
    }
    ensure!(waited > 0 && waited < CALLS, "{waited} of {CALLS} calls were to go to the silent one first");
    let moved = proxy.metric("switchyard_proxy_failovers_total{reason=\"down\"}");
    ensure!(moved == Some(f64::from(waited)), "{moved:?} of {waited}");
    Ok(())
}
