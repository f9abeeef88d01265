//! What a call notices of a proxy that dies: nothing, for no proxy remembers it.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use e2e::{
    message::Message,
    site::{Addresses, free_address, settings},
    wire::Wire,
};
use lab::proxy_process::{ProxyProcess, ProxySettings, Target, TargetList};

#[test]
fn a_call_goes_on_when_the_proxy_is_killed_and_started_again() -> Result<()> {
    let Parties { caller, target, settings, address } = Parties::meet()?;
    let proxy = ProxyProcess::start(settings.clone())?;
    let invite = caller.request("INVITE", &format!("sip:1294@{address}"));
    caller.send(invite.to_string(), address)?;
    let came = target.receive().with_context(|| proxy.log())?;
    target.send(success(&came, target.local()), address)?;
    let ok = caller.receive_final().with_context(|| proxy.log())?;
    caller.send(invite.next("ACK", &ok).to_string(), address)?;
    target.receive_ack()?;

    // Killed, not asked to end: nothing can be handed over.
    drop(proxy);
    let proxy = ProxyProcess::start(settings)?;
    caller.send(invite.next("BYE", &ok).to_string(), address)?;
    let bye = target.receive().with_context(|| proxy.log())?;
    assert!(bye.is("BYE"), "{bye:?}");
    target.send(success(&bye, target.local()), address)?;
    assert_eq!(caller.receive_final().with_context(|| proxy.log())?.status(), Some(200));
    Ok(())
}

#[test]
fn a_call_is_set_up_when_the_proxy_is_killed_meanwhile() -> Result<()> {
    let Parties { caller, target, settings, address } = Parties::meet()?;
    let proxy = ProxyProcess::start(settings.clone())?;
    let invite = caller.request("INVITE", &format!("sip:1294@{address}"));
    caller.send(invite.to_string(), address)?;
    let came = target.receive().with_context(|| proxy.log())?;

    drop(proxy);
    let proxy = ProxyProcess::start(settings)?;
    // The caller has heard nothing and sends its INVITE again: for the target it is the same.
    caller.send(invite.to_string(), address)?;
    let again = target.receive().with_context(|| proxy.log())?;
    assert_eq!(again.values("Via"), came.values("Via"));
    target.send(success(&came, target.local()), address)?;
    assert_eq!(caller.receive_final().with_context(|| proxy.log())?.status(), Some(200));
    Ok(())
}

#[test]
fn the_bye_of_a_target_reaches_its_caller_through_another_proxy_when_the_first_is_killed() -> Result<()> {
    let Parties { caller, target, mut settings, .. } = Parties::meet()?;
    // Proxies of one fleet: to the outside and to targets they are one, and here each has an address besides.
    let start = |mut settings: ProxySettings| {
        for listener in &mut settings.listeners {
            listener.bind.set_port(0);
            listener.advertise = Some("203.0.113.10:5060".to_owned());
            listener.internal = Some("proxies.internal.example:5060".to_owned());
        }
        ProxyProcess::start(settings)
    };
    let first = start(settings.clone())?;
    // The second one has never heard of the target.
    settings.targets = TargetList::File(Vec::new());
    let second = start(settings)?;

    let invite = caller.request("INVITE", "sip:1294@203.0.113.10:5060");
    caller.send(invite.to_string(), first.sip_address())?;
    let came = target.receive().with_context(|| first.log())?;
    target.send(success(&came, target.local()), first.sip_address())?;
    let ok = caller.receive_final().with_context(|| first.log())?;
    caller.send(invite.next("ACK", &ok).to_string(), first.sip_address())?;
    target.receive_ack()?;

    drop(first);
    let mut bye = target.request("BYE", &format!("sip:855715100860@{}", caller.local()));
    // RFC 3261 12.1.1: a callee's route set is the INVITE's Record-Route in its order, From and To change places.
    bye.headers = came.values("Record-Route").iter().map(|value| format!("Route: {value}")).collect();
    bye.call_id = came.header("Call-ID").to_owned();
    bye.to = came.header("From").to_owned();
    target.send(bye.to_string(), second.sip_address())?;
    let bye = caller.receive().with_context(|| second.log())?;
    assert!(bye.is("BYE") && bye.values("Route").is_empty(), "{bye:?}");
    caller.send(success(&bye, caller.local()), second.sip_address())?;
    assert_eq!(target.receive_final().with_context(|| second.log())?.status(), Some(200));
    Ok(())
}

/// A caller and the only target of a proxy that is about to start.
struct Parties {
    caller: Wire,
    target: Wire,
    settings: ProxySettings,
    /// The proxy's, for all.
    address: SocketAddr,
}

impl Parties {
    fn meet() -> Result<Self> {
        let addresses = Addresses::take();
        let (caller, target) = (Wire::bind(addresses.caller(0))?, Wire::bind(addresses.target(0))?);
        let mut settings = settings(addresses);
        settings.listeners.truncate(1);
        // What callers see has to lead back to the proxy here.
        let address = free_address(addresses.proxy())?;
        for listener in &mut settings.listeners {
            (listener.bind, listener.advertise) = (address, None);
        }
        settings.targets = TargetList::File(vec![Target::new("only", target.local())]);
        Ok(Self { caller, target, settings, address })
    }
}

/// A 200 to a request, as RFC 3261 8.2.6 makes one.
fn success(request: &Message, contact: SocketAddr) -> String {
    let copied = ["Via", "Record-Route", "From", "Call-ID", "CSeq"].map(|name| {
        request.values(name).iter().map(|value| format!("{name}: {value}\r\n")).collect::<String>()
    });
    let to = request.header("To");
    let tag = if to.contains(";tag=") { "" } else { ";tag=target" };
    format!(
        "SIP/2.0 200 OK\r\n{}To: {to}{tag}\r\nContact: <sip:1294@{contact}>\r\nContent-Length: 0\r\n\r\n",
        copied.concat()
    )
}
