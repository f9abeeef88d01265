//! What a collector is told of calls, and that calls do not hear of it.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context, Result};
use e2e::collector::{Captured, Collector};
use e2e::site::{Addresses, settings};
use e2e::wait_until;
use e2e::wire::{self, Stream, Wire};
use lab::proxy_process::{Listener, ProxyProcess, Target, TargetList};

const URI: &str = "sip:1294@203.0.113.10:5060";

struct Scene {
    addresses: Addresses,
    proxy: ProxyProcess,
    target: Wire,
    internal: SocketAddr,
}

impl Scene {
    /// A proxy with this section of settings, and one target, which the test plays.
    fn start(addresses: Addresses, further: &str, change: impl FnOnce(&mut Listener)) -> Result<Self> {
        let target = Wire::bind(addresses.target(0))?;
        let mut settings = settings(addresses);
        settings.targets = TargetList::File(vec![Target::new("task-0", target.local())]);
        settings.further.push_str(further);
        change(settings.listeners.first_mut().context("a listener")?);
        let proxy = ProxyProcess::start(settings)?;
        let internal = SocketAddr::new(addresses.proxy(), proxy.sip_address().port());
        Ok(Self { addresses, proxy, target, internal })
    }

    /// An INVITE that is refused by the target; returns its Call-ID.
    fn call(&self) -> Result<String> {
        let caller = Wire::connect(self.addresses.caller(0), self.internal)?;
        let invite = caller.request("INVITE", URI);
        caller.send(invite.to_string(), self.internal)?;
        let came = self.target.receive().with_context(|| self.proxy.log())?;
        self.target.send(wire::answer(&came, "486 Busy Here", "sip:x@y"), self.internal)?;
        let busy = caller.receive_final().with_context(|| self.proxy.log())?;
        assert_eq!(busy.status(), Some(486), "{busy:?}");
        caller.send(invite.ack_of(&busy).to_string(), self.internal)?;
        self.target.receive_ack()?;
        Ok(invite.call_id)
    }
}

/// Which of those who take part it was: by first line, and from whom to whom.
fn summary(captured: &[Captured], names: &[(SocketAddr, &str)]) -> Vec<String> {
    let name = |address| {
        let known = names.iter().find(|(known, _)| *known == address);
        known.map_or_else(|| address.to_string(), |(_, name)| (*name).to_owned())
    };
    let line = |one: &Captured| {
        let line = one.message.start_line();
        let what = line.strip_prefix("SIP/2.0 ").unwrap_or(line).split(' ').next().unwrap_or_default();
        format!("{what} {}>{}", name(one.source), name(one.destination))
    };
    captured.iter().map(line).collect()
}

#[test]
fn a_collector_gets_each_message_of_a_call_as_it_came_and_as_it_left() -> Result<()> {
    let addresses = Addresses::take();
    let collector = Collector::bind(addresses.caller(1))?;
    let further = format!("{}node = 77\npassword = \"let me in\"\n", collector.settings()?);
    let scene = Scene::start(addresses, &further, |_| ())?;
    let caller = Wire::connect(addresses.caller(0), scene.internal)?;
    let invite = caller.request("INVITE", URI);
    caller.send(invite.to_string(), scene.internal)?;
    let forwarded = scene.target.receive().with_context(|| scene.proxy.log())?;
    let answer = wire::answer(&forwarded, "200 OK", &format!("sip:x@{}", scene.target.local()));
    scene.target.send(&answer, scene.internal)?;
    let ok = caller.receive_final().with_context(|| scene.proxy.log())?;
    caller.send(invite.next("ACK", &ok).to_string(), scene.internal)?;
    let ack = scene.target.receive_ack().with_context(|| scene.proxy.log())?;

    let names = [(caller.local(), "caller"), (scene.internal, "proxy"), (scene.target.local(), "target")];
    let mut captured = Vec::new();
    while !captured.iter().any(|one: &Captured| one.message == ack) {
        captured.push(collector.receive().with_context(|| scene.proxy.log())?);
    }
    // On a slow machine the proxy says something itself before the target does.
    captured.retain(|one| one.message.status() != Some(100));
    assert_eq!(
        summary(&captured, &names),
        [
            "INVITE caller>proxy",
            "INVITE proxy>target",
            "200 target>proxy",
            "200 proxy>caller",
            "ACK caller>proxy",
            "ACK proxy>target"
        ]
    );
    let texts = [invite.to_string(), forwarded.text().to_owned(), answer, ok.text().to_owned()];
    for (one, text) in captured.iter().zip(texts) {
        assert_eq!(one.message.text(), text);
    }
    for one in &captured {
        assert_eq!((one.protocol, one.node, one.password.as_deref()), (17, 77, Some("let me in")));
        assert_eq!(one.correlation, invite.call_id);
    }
    assert!(collector.rest()?.is_empty());
    assert!(!scene.proxy.get("/config")?.1.contains("let me in"));
    Ok(())
}

#[test]
fn what_the_proxy_sends_of_its_own_accord_is_captured_too() -> Result<()> {
    let addresses = Addresses::take();
    let collector = Collector::bind(addresses.caller(1))?;
    let scene = Scene::start(addresses, &collector.settings()?, |_| ())?;
    let caller = Wire::connect(addresses.caller(0), scene.internal)?;
    caller.send(caller.request("INVITE", URI).to_string(), scene.internal)?;
    // A target that says nothing gets it again.
    let invites = [scene.target.receive()?, scene.target.receive().with_context(|| scene.proxy.log())?];
    let mut left = Vec::new();
    while left.len() < invites.len() {
        let captured = collector.receive().with_context(|| scene.proxy.log())?;
        left.extend((captured.destination == scene.target.local()).then_some(captured.message));
    }
    assert_eq!(left, invites);
    Ok(())
}

#[test]
fn messages_over_connections_are_captured_with_the_connections_addresses() -> Result<()> {
    let addresses = Addresses::take();
    let collector = Collector::bind(addresses.caller(1))?;
    let scene = Scene::start(addresses, &collector.settings()?, |_| ())?;
    let mut caller = Stream::connect(scene.proxy.sip_address())?;
    caller.send(caller.request("OPTIONS", "sip:203.0.113.10:5060")?.to_string())?;
    let ok = caller.receive_final()?;
    let captured = [collector.receive()?, collector.receive().with_context(|| scene.proxy.log())?];
    let names = [(caller.local(), "caller"), (scene.internal, "proxy")];
    assert_eq!(summary(&captured, &names), ["OPTIONS caller>proxy", "200 proxy>caller"]);
    assert!(captured.iter().all(|one| one.protocol == 6));
    assert_eq!(captured[1].message, ok);
    // What goes on over UDP.
    caller.send(caller.request("INVITE", URI)?.to_string())?;
    let arrived = scene.target.receive().with_context(|| scene.proxy.log())?;
    // Answered at once, it is not sent again.
    scene.target.send(wire::answer(&arrived, "486 Busy Here", "sip:x@y"), scene.internal)?;
    let (mut left, mut answered) = (Vec::new(), false);
    while !answered {
        let captured = collector.receive().with_context(|| scene.proxy.log())?;
        answered = captured.destination == caller.local() && captured.message.status() == Some(486);
        left.extend((captured.destination == scene.target.local()).then_some(captured));
    }
    let invite = left.first().context("the INVITE that left")?;
    assert_eq!((invite.protocol, invite.source, &invite.message), (17, scene.internal, &arrived));
    Ok(())
}

#[test]
fn on_a_connection_that_the_proxy_made_its_own_address_is_known() -> Result<()> {
    let addresses = Addresses::take();
    let collector = Collector::bind(addresses.caller(1))?;
    let scene = Scene::start(addresses, &collector.settings()?, |_| ())?;
    let carrier = TcpListener::bind((addresses.caller(0), 0))?;
    let uri = format!("sip:1@{};transport=tcp", carrier.local_addr()?);
    scene.target.send(scene.target.request("INVITE", &uri).to_string(), scene.internal)?;
    let accepted = wire::accept(&carrier).with_context(|| scene.proxy.log())?;
    let (ours, came) = (accepted.peer_addr()?, Stream::over(accepted)?.receive()?);
    let mut left = collector.receive()?;
    while left.protocol != 6 {
        left = collector.receive().with_context(|| scene.proxy.log())?;
    }
    assert_eq!((left.source, left.destination), (ours, carrier.local_addr()?));
    assert_eq!((ours.ip(), &left.message), (addresses.proxy(), &came));
    Ok(())
}

#[test]
fn behind_a_wildcard_the_addresses_are_those_that_datagrams_had() -> Result<()> {
    let addresses = Addresses::take();
    let collector = Collector::bind(addresses.caller(1))?;
    let internal = format!("{}:5060", addresses.proxy());
    let scene = Scene::start(addresses, &collector.settings()?, |listener| {
        listener.bind = SocketAddr::from(([0, 0, 0, 0], 0));
        listener.internal = Some(internal);
    })?;
    scene.call()?;
    let captured = (0..4).map(|_| collector.receive()).collect::<Result<Vec<_>>>()?;
    for one in captured {
        assert!(!one.source.ip().is_unspecified() && !one.destination.ip().is_unspecified(), "{one:?}");
    }
    Ok(())
}

#[test]
fn a_sample_is_of_whole_calls_and_an_empty_one_tells_nothing() -> Result<()> {
    let addresses = Addresses::take();
    let collector = Collector::bind(addresses.caller(1))?;
    let half = Scene::start(addresses, &format!("{}sample = 0.5\n", collector.settings()?), |_| ())?;
    let calls = (0..20).map(|_| half.call()).collect::<Result<Vec<_>>>()?;
    // Nothing is lost on loopback; the sender may be behind.
    let mut captured = Vec::new();
    wait_until("whole calls", Duration::from_secs(10), || {
        captured.extend(collector.rest()?);
        let of = |call: &String| captured.iter().filter(|one| one.correlation == **call).count();
        let counts: Vec<_> = calls.iter().map(of).collect();
        let is_whole = |count: &usize| *count >= 6;
        Ok(counts.contains(&0)
            && counts.iter().any(is_whole)
            && counts.iter().all(|n| *n == 0 || is_whole(n)))
    })?;
    drop(half);
    let addresses = Addresses::take();
    let none = Scene::start(addresses, &format!("{}sample = 0.0\n", collector.settings()?), |_| ())?;
    collector.rest()?;
    none.call()?;
    drop(none);
    assert!(collector.rest()?.is_empty());
    Ok(())
}

#[test]
fn a_collector_that_does_not_exist_changes_nothing_for_calls() -> Result<()> {
    let addresses = Addresses::take();
    let gone = Collector::bind(addresses.caller(1))?.settings()?;
    // The system sends nothing to the second.
    for further in [gone, "[capture]\ncollector = \"255.255.255.255:9060\"\n".to_owned()] {
        let scene = Scene::start(Addresses::take(), &further, |_| ())?;
        (0..5).map(|_| scene.call()).collect::<Result<Vec<_>>>()?;
        wait_until("it is counted", Duration::from_secs(10), || {
            Ok(scene.proxy.metric("switchyard_proxy_capture_lost_total").is_some_and(|lost| lost > 0.0))
        })?;
    }
    Ok(())
}
