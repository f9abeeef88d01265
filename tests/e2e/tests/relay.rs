//! Nobody is led by the proxy to where he may not go, and nobody's answers are sent to a third party.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use e2e::{
    message::Message,
    site::{ADVERTISED, Addresses, settings},
    wire::{Request, Wire},
};
use lab::proxy_process::{ProxyProcess, ProxySettings, Target, TargetList};

/// A proxy, its target, a caller, and somebody whom neither of them may reach through the proxy.
struct Scene {
    proxy: ProxyProcess,
    target: Wire,
    caller: Wire,
    stranger: Wire,
}

impl Scene {
    fn start() -> Result<Self> {
        let addresses = Addresses::take();
        let target = Wire::bind(addresses.target(0))?;
        let mut settings = settings(addresses);
        settings.targets = TargetList::File(vec![Target::new("task-0", target.local())]);
        let proxy = ProxyProcess::start(settings)?;
        let caller = Wire::bind(addresses.caller(0))?;
        Ok(Self { proxy, target, caller, stranger: Wire::bind(addresses.caller(1))? })
    }

    fn internal(&self) -> SocketAddr {
        self.proxy.sip_address()
    }

    /// A request of a dialog that we made, as far as Route tells.
    fn in_dialog(&self, method: &str, uri: &str, partner: &str) -> Request {
        let request = self.caller.request(method, uri);
        Request { to: format!("{};tag=called", request.to), ..request }
            .header(&format!("Route: <sip:{ADVERTISED};lr;r2=on>, <sip:{partner};lr;r2=on>"))
    }

    fn send(&self, request: &Request) -> Result<()> {
        self.caller.send(request.to_string(), self.internal())
    }
}

#[test]
fn a_request_for_a_stranger_is_403_and_does_not_reach_him() -> Result<()> {
    let scene = Scene::start()?;
    let (stranger, target, internal) =
        (scene.stranger.local(), scene.target.local(), scene.internal().to_string());
    for uri in [format!("sip:x@{stranger}"), format!("sip:x@{target};maddr={}", stranger.ip())] {
        scene.send(&scene.in_dialog("BYE", &uri, &internal))?;
        let answer = scene.caller.receive_final().with_context(|| scene.proxy.log())?;
        assert_eq!(answer.status(), Some(403), "{answer:?}");
    }
    // A Route below ours is the next hop.
    let request = scene.in_dialog("BYE", &format!("sip:x@{target}"), &internal);
    scene.send(&request.header(&format!("Route: <sip:{stranger};lr>")))?;
    assert_eq!(scene.caller.receive_final()?.status(), Some(403));
    assert!(scene.stranger.is_silent()?);
    Ok(())
}

#[test]
fn an_ack_for_a_stranger_is_dropped() -> Result<()> {
    let scene = Scene::start()?;
    let uri = format!("sip:x@{}", scene.stranger.local());
    scene.send(&scene.in_dialog("ACK", &uri, &scene.internal().to_string()))?;
    assert!(scene.stranger.is_silent()? && scene.caller.is_silent()?);
    Ok(())
}

#[test]
fn a_request_of_a_dialog_without_route_is_404_unless_it_is_for_us() -> Result<()> {
    let scene = Scene::start()?;
    let request = scene.caller.request("BYE", &format!("sip:x@{}", scene.stranger.local()));
    scene.send(&Request { to: format!("{};tag=called", request.to), ..request })?;
    assert_eq!(scene.caller.receive_final()?.status(), Some(404));
    let request = scene.caller.request("BYE", &format!("sip:x@{ADVERTISED}"));
    scene.send(&Request { to: format!("{};tag=called", request.to), ..request })?;
    assert!(scene.target.receive().with_context(|| scene.proxy.log())?.is("BYE"), "where its INVITE went");
    assert!(scene.stranger.is_silent()?);
    Ok(())
}

#[test]
fn a_route_through_a_proxy_that_is_gone_leads_to_the_target() -> Result<()> {
    let scene = Scene::start()?;
    // The partner of our value is another proxy's internal address, where nobody is any more.
    let uri = format!("sip:1294@{}", scene.target.local());
    scene.send(&scene.in_dialog("BYE", &uri, "10.10.1.199:5060"))?;
    let bye = scene.target.receive().with_context(|| scene.proxy.log())?;
    assert!(bye.is("BYE") && bye.values("Route").is_empty(), "{bye:?}");
    Ok(())
}

#[test]
fn a_forged_response_reaches_nobody() -> Result<()> {
    let scene = Scene::start()?;
    // Our Via as if we had sent the request, and below it that of the victim.
    let forged = |branch: &str| {
        format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {ADVERTISED};branch={branch}\r\n\
             Via: SIP/2.0/UDP {};branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n\
             Call-ID: forged\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
            scene.stranger.local()
        )
    };
    for branch in ["z9hG4bKx", "z9hG4bK100000000000000000000000000000000", ""] {
        scene.caller.send(forged(branch), scene.internal())?;
    }
    assert!(scene.stranger.is_silent()?);
    Ok(())
}

#[test]
fn a_call_reaches_its_target_byte_for_byte() -> Result<()> {
    let scene = Scene::start()?;
    let head = format!(
        "INVITE sip:1294@{ADVERTISED};user=phone SIP/2.0\r\n\
         v: SIP/2.0/UDP {};branch=z9hG4bKodd ,\r\n SIP/2.0/UDP 10.65.104.1;branch=z9hG4bKphone\r\n\
         MAX-forwards :   70\r\nf:\"Some, One\"<sip:855715100860@203.0.113.99>;tag=1\r\n",
        scene.caller.local()
    );
    let rest = "t: <sip:1294@203.0.113.10>\r\ni: byte-for-byte\r\nCSeq:   1\tINVITE\r\nm: <sip:x@10.65.104.1>\r\n\
         X-Unknown: a,\r\n\tb ;c\r\nSubject:\r\nc: application/x\r\nl: 9\r\n\r\nbody\r\n\r\n.";
    scene.caller.send(format!("{head}{rest}"), scene.internal())?;
    let received = scene.target.receive().with_context(|| scene.proxy.log())?;

    let ours = |line: &&str| {
        let added = ["Via: ", "Record-Route: ", "X-Src-Ip: ", "X-Somleng-"];
        !added.iter().any(|name| line.starts_with(name))
    };
    let without_ours: String = received.text().split_inclusive("\r\n").filter(ours).collect();
    assert_eq!(without_ours, format!("{}{rest}", head.replace("70\r\n", "69\r\n")), "{received:?}");
    assert_eq!(received.headers("X-Src-Ip"), [scene.caller.local().ip().to_string()], "{received:?}");
    Ok(())
}

/// The 200 to a request, from this target.
fn ok(request: &Message, target: &Wire) -> String {
    let names = ["Via", "Record-Route", "From", "Call-ID", "CSeq"];
    let lines = names
        .iter()
        .flat_map(|name| request.values(name).into_iter().map(move |value| format!("{name}: {value}\r\n")));
    let to = request.header("To");
    let tag = if to.contains(";tag=") { "" } else { ";tag=called" };
    format!(
        "SIP/2.0 200 OK\r\n{}To: {to}{tag}\r\nContact: <sip:1294@{}>\r\nContent-Length: 0\r\n\r\n",
        lines.collect::<String>(),
        target.local()
    )
}

#[test]
fn a_call_goes_on_through_another_proxy_that_does_not_know_its_target() -> Result<()> {
    let addresses = Addresses::take();
    let (target, caller) = (Wire::bind(addresses.target(0))?, Wire::bind(addresses.caller(0))?);
    let with_targets = |targets: Vec<Target>| {
        ProxyProcess::start(ProxySettings { targets: TargetList::File(targets), ..settings(addresses) })
    };
    let first = with_targets(vec![Target::new("task-0", target.local())])?;
    let other = with_targets(Vec::new())?;
    let invite = caller.request("INVITE", &format!("sip:1294@{ADVERTISED}"));
    caller.send(invite.to_string(), first.sip_address())?;
    let came = target.receive().with_context(|| first.log())?;
    target.send(ok(&came, &target), first.sip_address())?;
    let success = caller.receive_final().with_context(|| first.log())?;
    // The proxy that carried the INVITE is gone.
    drop(first);
    let bye = invite.next("BYE", &success);
    // Without its token it goes nowhere, and with it to its target.
    let without = bye.headers.iter().map(|line| line.replace(";did=", ";dod=")).collect();
    caller.send(Request { headers: without, ..bye.clone() }.to_string(), other.sip_address())?;
    assert_eq!(caller.receive_final()?.status(), Some(403));
    caller.send(bye.to_string(), other.sip_address())?;
    let came = target.receive().with_context(|| other.log())?;
    assert!(came.is("BYE") && came.values("Route").is_empty(), "{came:?}");
    target.send(ok(&came, &target), other.sip_address())?;
    let answer = caller.receive_final().with_context(|| other.log())?;
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    assert_eq!(other.metric("switchyard_proxy_tokens_total{worth=\"valid\"}"), Some(1.0));
    Ok(())
}

#[test]
fn a_stranger_with_a_made_up_to_tag_reaches_no_target() -> Result<()> {
    let scene = Scene::start()?;
    let stranger = Wire::bind([127, 0, 2, 9].into())?;
    for method in ["BYE", "INVITE", "OPTIONS"] {
        let request = stranger.request(method, &format!("sip:1294@{ADVERTISED}"));
        let request = Request { to: format!("{};tag=made-up", request.to), ..request };
        let internal = scene.internal();
        let routes = format!("Route: <sip:{ADVERTISED};lr;r2=on>, <sip:{internal};lr;r2=on>");
        for request in [request.clone(), request.header(&routes)] {
            stranger.send(request.to_string(), internal)?;
            assert_eq!(stranger.receive_final()?.status(), Some(403), "{request}");
        }
    }
    assert!(scene.target.is_silent()?);
    Ok(())
}
