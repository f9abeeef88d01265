//! Next hops that are host names: found by DNS, judged as addresses are, and never waited for by anybody else.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{
    black_hole::BlackHole,
    site::{ADVERTISED, Addresses, free_address, settings},
    tls::{Issuer, Server},
    wait_until,
    wire::{Request, Stream, Wire, accept, answer},
};
use lab::dns::{DnsServer, Reply, address, alias, naptr, srv};
use lab::proxy_process::{Listener, ProxyProcess, ProxySettings, Target, TargetList, free_port};
use tempfile::TempDir;

/// How long a change may take to be seen on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A proxy that asks a DNS server of the test's, and its target.
struct Scene {
    dns: DnsServer,
    proxy: ProxyProcess,
    target: Wire,
    addresses: Addresses,
}

impl Scene {
    fn start() -> Result<Self> {
        Self::start_with("", |_| Ok(()))
    }

    /// `further` lines stand in `[dns]`.
    fn start_with(further: &str, change: impl FnOnce(&mut ProxySettings) -> Result<()>) -> Result<Self> {
        let addresses = Addresses::take();
        let target = Wire::bind(addresses.target(0))?;
        let dns = DnsServer::start(addresses.caller(2))?;
        let mut settings = settings(addresses);
        settings.targets = TargetList::File(vec![Target::new("task-0", target.local())]);
        settings.log = "proxy=debug".to_owned();
        settings.further = dns.settings(further);
        change(&mut settings)?;
        Ok(Self { dns, proxy: ProxyProcess::start(settings)?, target, addresses })
    }

    /// The target calls somebody.
    fn call(&self, uri: &str) -> Result<Request> {
        let invite = self.target.request("INVITE", uri);
        self.target.send(invite.to_string(), self.proxy.sip_address())?;
        Ok(invite)
    }

    /// What the target is answered in the end, and after how long.
    fn refused(&self, uri: &str) -> Result<(Option<u16>, String, Duration)> {
        let began = Instant::now();
        self.call(uri)?;
        let answer = self.target.receive_final().with_context(|| self.proxy.log())?;
        let reason = answer.text().lines().next().unwrap_or_default().to_owned();
        Ok((answer.status(), reason, began.elapsed()))
    }
}

fn port(wire: &Wire) -> u16 {
    wire.local().port()
}

#[test]
fn a_call_to_a_name_reaches_its_peer_by_naptr_srv_and_addresses_and_so_do_its_later_requests() -> Result<()> {
    let scene = Scene::start()?;
    let carrier = Wire::bind(scene.addresses.caller(0))?;
    let ip = carrier.local().ip();
    scene.dns.records("carrier.example", vec![naptr(1, "SIP+D2U", "_sip._udp.voice.example")]);
    scene.dns.records("_sip._udp.voice.example", vec![srv((1, 1, port(&carrier)), "gw.voice.example")]);
    scene.dns.records("gw.voice.example", vec![alias("gw1.voice.example")]);
    scene.dns.records("gw1.voice.example", vec![address(ip)]);
    let invite = scene.call("sip:0715100860@Carrier.Example")?;
    let came = carrier.receive().with_context(|| scene.proxy.log())?;
    assert_eq!(came.request_uri(), "sip:0715100860@Carrier.Example", "{came:?}");
    assert_eq!(came.values("Record-Route").len(), 2);
    carrier.send(answer(&came, "200 OK", "sip:b@carrier.example"), scene.proxy.sip_address())?;
    let ok = scene.target.receive_final().with_context(|| scene.proxy.log())?;
    assert_eq!(ok.status(), Some(200));
    // ACK and BYE follow the Contact, which is a name again.
    for method in ["ACK", "BYE"] {
        scene.target.send(invite.next(method, &ok).to_string(), scene.proxy.sip_address())?;
        let came = carrier.receive().with_context(|| scene.proxy.log())?;
        ensure!(came.is(method), "{came:?}");
    }
    assert_eq!(scene.dns.asked("carrier.example"), 1, "what is known is not asked for");
    assert_eq!(scene.proxy.metric("switchyard_proxy_dns_lookups_total{result=\"found\"}"), Some(1.0));
    assert_eq!(scene.proxy.metric("switchyard_proxy_dns_names"), Some(1.0));
    Ok(())
}

#[test]
fn answers_too_long_for_a_datagram_come_over_tcp() -> Result<()> {
    let scene = Scene::start()?;
    let carrier = Wire::bind(scene.addresses.caller(0))?;
    let good = || Box::new(Reply::Records(vec![address(carrier.local().ip())]));
    scene.dns.set("short.example", Reply::Truncated(good()));
    // One that is huge: the good address is the first of many.
    let many = (0..1_000_u16).map(|i| srv((i, 0, port(&carrier)), "short.example"));
    scene.dns.records("_sip._udp.huge.example", many.collect());
    for uri in
        [format!("sip:a@short.example:{}", port(&carrier)), "sip:a@huge.example;transport=udp".to_owned()]
    {
        scene.call(&uri)?;
        let came = carrier.receive().with_context(|| scene.proxy.log())?;
        assert_eq!(came.request_uri(), uri);
    }
    Ok(())
}

#[test]
fn slow_dns_keeps_no_other_call_waiting_and_its_own_call_gets_a_final_answer() -> Result<()> {
    let scene = Scene::start_with("timeout = \"1s\"\nwait = \"3s\"", |_| Ok(()))?;
    let caller = Wire::bind(scene.addresses.caller(0))?;
    scene.dns.set("slow.example", Reply::Silence);
    let began = Instant::now();
    for number in 0..50 {
        scene.call(&format!("sip:{number}@slow.example:5060"))?;
    }
    wait_until("somebody asks", SOON, || Ok(scene.dns.asked("slow.example") > 0))?;
    for _ in 0..20 {
        let invite = caller.request("INVITE", &format!("sip:1294@{ADVERTISED}"));
        caller.send(invite.to_string(), scene.proxy.sip_address())?;
        let came = scene.target.receive().with_context(|| scene.proxy.log())?;
        ensure!(came.is("INVITE"), "an answer before the other call: {came:?}");
        scene.target.send(answer(&came, "486 Busy Here", "sip:x@y"), scene.proxy.sip_address())?;
        let busy = caller.receive_final()?;
        assert_eq!(busy.status(), Some(486));
        caller.send(invite.ack_of(&busy).to_string(), scene.proxy.sip_address())?;
        scene.target.receive_ack()?;
    }
    let quick = began.elapsed();
    for _ in 0..50 {
        let answer = scene.target.receive_final().with_context(|| scene.proxy.log())?;
        assert_eq!(answer.status(), Some(504), "{answer:?}");
    }
    ensure!(quick < began.elapsed(), "{quick:?}");
    let lookups = scene.proxy.metric("switchyard_proxy_dns_lookups_total{result=\"failed\"}");
    ensure!(lookups <= Some(2.0), "one look-up for all that wait: {lookups:?}");
    Ok(())
}

#[test]
fn what_dns_cannot_or_will_not_say_gets_a_final_answer_in_bounded_time() -> Result<()> {
    let scene = Scene::start_with("timeout = \"300ms\"\nwait = \"2s\"", |_| Ok(()))?;
    scene.dns.set("fails.example", Reply::Failure);
    scene.dns.set("garbage.example", Reply::Garbage);
    scene.dns.set("silent.example", Reply::Silence);
    scene.dns.set("late.example", Reply::Late(Duration::from_secs(8), Box::new(Reply::Records(Vec::new()))));
    scene.dns.records("circle.example", vec![alias("square.example")]);
    scene.dns.records("square.example", vec![alias("circle.example")]);
    scene.dns.records("empty.example", Vec::new());
    scene.dns.records("_sip._udp.no.example", vec![srv((0, 0, 0), ".")]);
    for (uri, codes) in [
        ("sip:a@fails.example:5060", &[504][..]),
        ("sip:a@garbage.example:5060", &[504]),
        ("sip:a@silent.example:5060", &[504]),
        ("sip:a@late.example:5060", &[504]),
        // However a resolver calls that.
        ("sip:a@circle.example:5060", &[500, 504]),
        ("sip:a@empty.example:5060", &[500]),
        ("sip:a@unknown.example", &[500]),
        ("sip:a@no.example;transport=udp", &[500]),
        ("sip:a@no..name", &[400, 500]),
    ] {
        let (status, reason, time) = scene.refused(uri)?;
        ensure!(
            status.is_some_and(|status| codes.contains(&status)),
            "{uri}: {reason}\n{}",
            scene.proxy.log()
        );
        ensure!(time < Duration::from_secs(10), "{uri}: {time:?}");
    }
    // The proxy lives, and knows what it could not learn.
    let before = scene.dns.asked("unknown.example");
    assert_eq!(scene.refused("sip:a@unknown.example")?.0, Some(500));
    assert_eq!(scene.dns.asked("unknown.example"), before, "that there is nothing is remembered");
    Ok(())
}

#[test]
fn without_room_to_wait_a_call_is_answered_at_once() -> Result<()> {
    let scene = Scene::start_with("timeout = \"1s\"\nwaiting = 3", |_| Ok(()))?;
    scene.dns.set("slow.example", Reply::Silence);
    let calls: Vec<_> = (0..5).map(|_| scene.call("sip:a@slow.example:5060")).collect::<Result<_>>()?;
    for _ in 0..2 {
        let answer = scene.target.receive_final().with_context(|| scene.proxy.log())?;
        assert_eq!(answer.status(), Some(500), "{answer:?}");
        ensure!(
            answer.text().contains("Too Many Lookups")
                && calls.iter().any(|c| c.call_id == answer.header("Call-ID"))
        );
    }
    assert_eq!(scene.proxy.metric("switchyard_proxy_dns_refused_total"), Some(2.0));
    for _ in 0..3 {
        assert_eq!(scene.target.receive_final()?.status(), Some(504));
    }
    Ok(())
}

#[test]
fn callers_leave_room_for_what_targets_want_to_know() -> Result<()> {
    let scene = Scene::start_with("timeout = \"1s\"\nwaiting = 4", |_| Ok(()))?;
    let caller = Wire::bind(scene.addresses.caller(0))?;
    scene.dns.set("slow.example", Reply::Silence);
    let routes = format!("Route: <sip:{ADVERTISED};lr;r2=on>, <sip:{};lr;r2=on>", scene.proxy.sip_address());
    for _ in 0..5 {
        let bye = caller.request("BYE", "sip:x@slow.example:5060").header(&routes);
        let bye = Request { to: format!("{};tag=called", bye.to), ..bye };
        caller.send(bye.to_string(), scene.proxy.sip_address())?;
    }
    for _ in 0..3 {
        assert_eq!(caller.receive_final().with_context(|| scene.proxy.log())?.status(), Some(500));
    }
    assert_eq!(scene.refused("sip:a@slow.example:5060")?.0, Some(504), "it has room to wait");
    for _ in 0..2 {
        assert_eq!(caller.receive_final()?.status(), Some(504));
    }
    Ok(())
}

#[test]
fn a_name_opens_no_way_that_its_addresses_would_not() -> Result<()> {
    let scene = Scene::start()?;
    let (caller, victim) = (Wire::bind(scene.addresses.caller(0))?, Wire::bind(scene.addresses.target(1))?);
    let own_network = victim.local();
    let places: [IpAddr; 5] = [
        [127, 0, 0, 1].into(),
        [169, 254, 169, 254].into(),
        "::ffff:127.0.0.1".parse()?,
        own_network.ip(),
        "198.51.100.7".parse()?,
    ];
    scene.dns.set_ttl(0);
    for (number, place) in places.into_iter().enumerate() {
        let name = format!("n{number}.example");
        scene.dns.records(&name, vec![address(place)]);
        // From a caller that may call, as a request of a dialog, by Request-URI and by Route.
        let routes =
            format!("Route: <sip:{ADVERTISED};lr;r2=on>, <sip:{};lr;r2=on>", scene.proxy.sip_address());
        let uri = format!("sip:x@{name}:{}", own_network.port());
        let bye = caller.request("BYE", &uri).header(&routes);
        let bye = Request { to: format!("{};tag=called", bye.to), ..bye };
        let below = caller.request("BYE", &format!("sip:x@{}", scene.target.local()));
        let below = Request { to: format!("{};tag=called", below.to), ..below };
        let below = below.header(&routes).header(&format!("Route: <{uri};lr>"));
        for request in [bye, below] {
            caller.send(request.to_string(), scene.proxy.sip_address())?;
            let answer = caller.receive_final().with_context(|| scene.proxy.log())?;
            let expected = if place.is_ipv4() { 403 } else { 500 };
            assert_eq!(answer.status(), Some(expected), "{place}: {answer:?}");
        }
    }
    // From a target: neither to where targets live, nor around to us.
    assert_eq!(scene.refused(&format!("sip:x@n3.example:{}", own_network.port()))?.0, Some(403));
    scene.dns.records("us.example", vec![address(scene.proxy.sip_address().ip())]);
    assert_eq!(
        scene.refused(&format!("sip:x@us.example:{}", scene.proxy.sip_address().port()))?.0,
        Some(403)
    );
    ensure!(victim.is_silent()?);
    Ok(())
}

#[test]
fn strangers_make_the_proxy_ask_nobody() -> Result<()> {
    let scene = Scene::start()?;
    let stranger = Wire::bind([127, 0, 2, 9].into())?;
    scene.dns.records("a.example", vec![address(scene.target.local().ip())]);
    let routes = format!("Route: <sip:{ADVERTISED};lr;r2=on>, <sip:{};lr;r2=on>", scene.proxy.sip_address());
    let bye = stranger.request("BYE", &format!("sip:x@a.example:{}", port(&scene.target))).header(&routes);
    let bye = Request { to: format!("{};tag=called", bye.to), ..bye };
    stranger.send(bye.to_string(), scene.proxy.sip_address())?;
    assert_eq!(stranger.receive_final()?.status(), Some(403));
    assert_eq!(scene.dns.asked("a.example"), 0);
    // The same from somebody who may call reaches the target: a name of a target is as good as its address.
    let caller = Wire::bind(scene.addresses.caller(0))?;
    let bye = Request { via: caller.request("BYE", "sip:x@y").via, ..bye };
    caller.send(bye.to_string(), scene.proxy.sip_address())?;
    ensure!(scene.target.receive().with_context(|| scene.proxy.log())?.is("BYE"));
    Ok(())
}

#[test]
fn a_name_that_leads_elsewhere_later_is_judged_again() -> Result<()> {
    let scene = Scene::start()?;
    let (carrier, victim) = (Wire::bind(scene.addresses.caller(0))?, Wire::bind(scene.addresses.target(1))?);
    scene.dns.set_ttl(1);
    let name = |wire: &Wire| {
        scene.dns.records("_sip._udp.re.example", vec![srv((0, 0, port(wire)), "host.re.example")]);
        scene.dns.records("host.re.example", vec![address(wire.local().ip())]);
    };
    name(&carrier);
    scene.call("sip:a@re.example;transport=udp")?;
    ensure!(carrier.receive().with_context(|| scene.proxy.log())?.is("INVITE"));
    name(&victim);
    wait_until("the new answer counts", SOON, || {
        scene.call("sip:a@re.example;transport=udp")?;
        Ok(scene.target.receive_final().is_ok_and(|answer| answer.status() == Some(403)))
    })?;
    ensure!(victim.is_silent()?);
    Ok(())
}

#[test]
fn where_one_address_cannot_be_reached_the_next_is_tried_at_once_and_then_the_caller_is_told() -> Result<()> {
    let scene = Scene::start()?;
    let (carrier, ip) = (Wire::bind(scene.addresses.caller(0))?, scene.addresses.caller(0));
    let (dead, other) = (free_address(ip)?, free_address(ip)?);
    let servers = |good: u16| {
        let port = |address: SocketAddr| address.port();
        vec![
            srv((1, 0, port(dead)), "h.up.example"),
            srv((2, 0, port(other)), "h.up.example"),
            srv((3, 0, good), "h.up.example"),
        ]
    };
    scene.dns.records("h.up.example", vec![address(ip)]);
    scene.dns.records("_sip._udp.up.example", servers(port(&carrier)));
    scene.call("sip:a@up.example;transport=udp")?;
    // The target has sent its INVITE once.
    ensure!(carrier.receive().with_context(|| scene.proxy.log())?.is("INVITE"));
    // TCP: nobody listens at the first two.
    let listener = TcpListener::bind((ip, 0))?;
    scene.dns.records("_sip._tcp.up.example", servers(listener.local_addr()?.port()));
    scene.call("sip:a@up.example;transport=tcp")?;
    let mut stream = Stream::over(accept(&listener).with_context(|| scene.proxy.log())?)?;
    ensure!(stream.receive()?.is("INVITE"));
    // And where nobody is anywhere.
    scene.dns.records("_sip._udp.down.example", servers(free_port(ip)?));
    let (status, reason, _) = scene.refused("sip:a@down.example;transport=udp")?;
    assert_eq!((status, reason.contains("Next Hop Cannot Be Reached")), (Some(500), true), "{reason}");
    Ok(())
}

#[test]
fn what_was_known_is_good_enough_while_dns_is_silent() -> Result<()> {
    let scene = Scene::start_with("timeout = \"200ms\"\nwait = \"1s\"", |_| Ok(()))?;
    let carrier = Wire::bind(scene.addresses.caller(0))?;
    scene.dns.set_ttl(1);
    scene.dns.records("a.example", vec![address(carrier.local().ip())]);
    let uri = format!("sip:a@a.example:{}", port(&carrier));
    scene.call(&uri)?;
    ensure!(carrier.receive().with_context(|| scene.proxy.log())?.is("INVITE"));
    scene.dns.say_to_all(Some(Reply::Silence));
    let before = scene.dns.asked("a.example");
    wait_until("it is asked again, in vain", SOON, || {
        scene.call(&uri)?;
        ensure!(carrier.receive().with_context(|| scene.proxy.log())?.is("INVITE"));
        Ok(scene.dns.asked("a.example") > before + 1)
    })?;
    scene.call(&uri)?;
    ensure!(carrier.receive().with_context(|| scene.proxy.log())?.is("INVITE"));
    Ok(())
}

#[test]
fn a_tls_server_has_to_prove_the_name_and_not_its_address() -> Result<()> {
    let (directory, issuer) = (TempDir::new()?, Issuer::new()?);
    let scene = Scene::start_with("", |settings| {
        let bind = settings.listeners.first().context("a listener")?.bind.ip();
        issuer.issue(&[&bind.to_string()])?.write(directory.path())?;
        let ca = issuer.write(directory.path().join("ca.pem"))?;
        settings.further += &format!("[tls]\nca = {ca:?}\n");
        settings.listeners.truncate(1);
        let (place, tls) = (directory.path().display(), SocketAddr::new(bind, free_port(bind)?));
        for listener in &mut settings.listeners {
            listener.further = format!(
                "[listener.tls]\nbind = \"{tls}\"\ncertificate = \"{place}/certificate.pem\"\nkey = \"{place}/key.pem\"\n"
            );
        }
        Ok(())
    })?;
    let ip = scene.addresses.caller(0);
    let right = Server::bind(ip, &issuer.issue(&["carrier.example"])?)?;
    let wrong = Server::bind(ip, &issuer.issue(&[&ip.to_string(), "gw.carrier.example"])?)?;
    scene.dns.records("gw.carrier.example", vec![address(ip)]);
    let lead_to = |server: &Server, name: &str| -> Result<()> {
        let server = srv((0, 0, server.local()?.port()), "gw.carrier.example");
        scene.dns.records(&format!("_sips._tcp.{name}"), vec![server]);
        Ok(())
    };
    lead_to(&right, "carrier.example")?;
    scene.call("sips:a@carrier.example")?;
    let mut stream = right.accept().with_context(|| scene.proxy.log())?;
    ensure!(stream.receive()?.is("INVITE"));
    // Its connection is not for another name that leads there, too.
    lead_to(&right, "other.example")?;
    scene.call("sips:a@other.example")?;
    ensure!(right.accept().and_then(|mut stream| stream.receive()).is_err());
    // RFC 5922 4: neither its address nor the name that SRV gives it counts.
    lead_to(&wrong, "wrong.example")?;
    scene.call("sip:a@wrong.example;transport=tls")?;
    ensure!(wrong.accept().and_then(|mut stream| stream.receive()).is_err());
    Ok(())
}

/// A proxy that speaks IPv6, too.
fn with_six(settings: &mut ProxySettings) -> Result<()> {
    settings.listeners.truncate(1);
    settings.listeners.push(Listener::new("six", SocketAddr::from((Ipv6Addr::LOCALHOST, 0))));
    Ok(())
}

#[test]
fn a_name_with_an_aaaa_record_leads_over_ipv6_through_the_whole_call() -> Result<()> {
    let scene = Scene::start_with("", with_six)?;
    let proxy_six = scene.proxy.listener_address("six").context("the listener")?;
    let carrier = Wire::bind(proxy_six.ip())?;
    scene.dns.records("_sip._udp.six.example", vec![srv((1, 1, port(&carrier)), "gw.six.example")]);
    scene.dns.records("gw.six.example", vec![address(proxy_six.ip())]);
    let invite = scene.call("sip:0715100860@six.example")?;
    let came = carrier.receive().with_context(|| scene.proxy.log())?;
    ensure!(came.is("INVITE") && came.values("Via")[0].contains(&proxy_six.to_string()), "{came:?}");
    ensure!(came.values("Record-Route")[0].contains(&format!("sip:{proxy_six};")), "{came:?}");
    carrier.send(answer(&came, "200 OK", "sip:b@six.example"), proxy_six)?;
    let ok = scene.target.receive_final().with_context(|| scene.proxy.log())?;
    ensure!(ok.status() == Some(200), "{ok:?}");
    for method in ["ACK", "BYE"] {
        scene.target.send(invite.next(method, &ok).to_string(), scene.proxy.sip_address())?;
        let came = carrier.receive().with_context(|| scene.proxy.log())?;
        ensure!(came.is(method), "{came:?}");
    }
    // Over TCP.
    let listener = TcpListener::bind((proxy_six.ip(), 0))?;
    let server = srv((1, 1, listener.local_addr()?.port()), "gw.six.example");
    scene.dns.records("_sip._tcp.six.example", vec![server]);
    scene.call("sip:a@six.example;transport=tcp")?;
    let mut stream = Stream::over(accept(&listener).with_context(|| scene.proxy.log())?)?;
    ensure!(stream.receive()?.is("INVITE"));
    Ok(())
}

#[test]
fn where_a_name_has_addresses_of_both_ip_versions_the_living_one_is_found() -> Result<()> {
    let six = IpAddr::from(Ipv6Addr::LOCALHOST);
    for living in [six, Addresses::take().caller(1)] {
        let scene = Scene::start_with("", with_six)?;
        let carrier = Wire::bind(living)?;
        // The other one has nobody at that port, which is told by ICMP.
        let four = if living.is_ipv4() { living } else { scene.addresses.caller(1) };
        scene.dns.records("both.example", vec![address(four), address(six)]);
        for number in 0..8 {
            // Which comes first is the Call-ID's choice; what was found dead comes last for a while.
            scene.call(&format!("sip:{number}@both.example:{}", port(&carrier)))?;
            let came = carrier.receive().with_context(|| scene.proxy.log())?;
            ensure!(came.request_uri().contains(&format!("{number}@")), "{came:?}");
        }
    }
    Ok(())
}

#[test]
fn where_packets_to_one_address_vanish_over_tcp_the_next_is_tried_in_bounded_time() -> Result<()> {
    let scene = Scene::start_with("", |settings| {
        settings.further += "[tcp]\nconnect_timeout = \"1s\"\n";
        Ok(())
    })?;
    let ip = scene.addresses.caller(0);
    let (hole, listener) = (BlackHole::bind(ip)?, TcpListener::bind((ip, 0))?);
    scene.dns.records("h.up.example", vec![address(ip)]);
    let servers = [hole.local().port(), listener.local_addr()?.port()];
    let servers = (1..).zip(servers).map(|(priority, port)| srv((priority, 0, port), "h.up.example"));
    scene.dns.records("_sip._tcp.up.example", servers.collect());
    let began = Instant::now();
    scene.call("sip:a@up.example;transport=tcp")?;
    let mut stream = Stream::over(accept(&listener).with_context(|| scene.proxy.log())?)?;
    ensure!(stream.receive()?.is("INVITE"));
    let took = began.elapsed();
    ensure!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&took), "{took:?}");
    // For a while the one that was found silent comes last: the connection that is there is used at once.
    let began = Instant::now();
    scene.call("sip:b@up.example;transport=tcp")?;
    ensure!(stream.receive()?.is("INVITE"));
    ensure!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
    // Where nobody else is there, the caller is told.
    scene.dns.records("_sip._tcp.down.example", vec![srv((1, 0, hole.local().port()), "h.up.example")]);
    let (status, reason, took) = scene.refused("sip:a@down.example;transport=tcp")?;
    ensure!(status == Some(500) && reason.contains("Next Hop Cannot Be Reached"), "{reason}");
    ensure!(took < Duration::from_secs(4), "{took:?}");
    Ok(())
}
