//! What the proxy answers itself, as whole messages.

use anyhow::{Context, Result};
use e2e::{
    message::Message,
    site::{Addresses, Site, settings},
    wire::{Request, Wire},
};
use lab::proxy_process::{ProxyProcess, ProxySettings};

const NUMBER: &str = "sip:1294@203.0.113.10:5060";

/// A proxy without targets, and a caller that hears only what comes from where it sends to.
struct Alone {
    proxy: ProxyProcess,
    wire: Wire,
    addresses: Addresses,
}

impl Alone {
    fn start() -> Result<Self> {
        Self::start_with(|_, _| ())
    }

    fn start_with(change: impl FnOnce(&mut ProxySettings, Addresses)) -> Result<Self> {
        let addresses = Addresses::take();
        let mut settings = settings(addresses);
        change(&mut settings, addresses);
        let proxy = ProxyProcess::start(settings)?;
        let wire = Wire::connect(addresses.caller(0), proxy.sip_address())?;
        Ok(Self { proxy, wire, addresses })
    }

    fn request(&self, method: &str, uri: &str) -> Request {
        self.wire.request(method, uri)
    }

    fn ask(&self, request: &Request) -> Result<Message> {
        self.wire.send(request.to_string(), self.proxy.sip_address())?;
        let answer = self.wire.receive_final().with_context(|| format!("{request}{}", self.proxy.log()))?;
        check_reply(request, &answer);
        Ok(answer)
    }
}

/// RFC 3261 8.2.6.2.
fn check_reply(request: &Request, answer: &Message) {
    let asked = Message::new(request.to_string());
    for name in ["From", "Call-ID", "CSeq"] {
        assert_eq!(answer.headers(name), asked.headers(name), "{answer:?}");
    }
    assert_eq!(answer.headers("Via").len(), 1, "{answer:?}");
    assert!(answer.header("Via").starts_with(&request.via), "{answer:?}");
    assert!(answer.header("To").starts_with(&format!("{};tag=", request.to)), "{answer:?}");
    assert_eq!(answer.header("Content-Length"), "0", "{answer:?}");
}

#[test]
fn a_call_from_a_source_that_is_not_allowed_is_403() -> Result<()> {
    let alone = Alone::start_with(|settings, addresses| {
        settings.access.sources = vec![format!("{}/32", addresses.caller(1))];
    })?;
    let invite = alone.request("INVITE", NUMBER);
    let refusal = alone.ask(&invite)?;
    assert_eq!(refusal.status(), Some(403), "{refusal:?}");
    // The same again is answered the same, by whichever proxy.
    assert_eq!(alone.ask(&invite)?, refusal);
    alone.wire.send(invite.ack_of(&refusal).to_string(), alone.proxy.sip_address())?;
    assert!(alone.wire.is_silent()?, "an ACK is never answered");

    let allowed = Wire::connect(alone.addresses.caller(1), alone.proxy.sip_address())?;
    allowed.send(allowed.request("INVITE", NUMBER).to_string(), alone.proxy.sip_address())?;
    assert_eq!(allowed.receive_final()?.status(), Some(500), "it is allowed; only, there is no target");
    Ok(())
}

#[test]
fn a_call_from_a_source_that_is_not_allowed_is_dropped_if_so_set() -> Result<()> {
    let alone = Alone::start_with(|settings, addresses| {
        settings.access.sources = vec![format!("{}/32", addresses.caller(1))];
        settings.access.refused = "drop".to_owned();
    })?;
    alone.wire.send(alone.request("INVITE", NUMBER).to_string(), alone.proxy.sip_address())?;
    assert!(alone.wire.is_silent()?);
    Ok(())
}

#[test]
fn an_unexpected_method_from_outside_is_405_with_allow() -> Result<()> {
    let alone = Alone::start()?;
    for method in ["REGISTER", "SUBSCRIBE", "MESSAGE", "BYE", "INFO", "UPDATE", "FLY"] {
        let refusal = alone.ask(&alone.request(method, NUMBER))?;
        assert_eq!(refusal.status(), Some(405), "{refusal:?}");
        let allow = refusal.values("Allow");
        for allowed in ["INVITE", "ACK", "CANCEL", "OPTIONS"] {
            assert!(allow.contains(&allowed), "{refusal:?}");
        }
    }
    Ok(())
}

#[test]
fn options_are_answered() -> Result<()> {
    let alone = Alone::start()?;
    for uri in ["sip:203.0.113.10:5060", &format!("sip:{}", alone.proxy.sip_address())] {
        let answer = alone.ask(&alone.request("OPTIONS", uri))?;
        assert_eq!(answer.status(), Some(200), "{answer:?}");
    }
    Ok(())
}

#[test]
fn a_request_at_its_last_hop_is_483() -> Result<()> {
    let alone = Alone::start()?;
    for method in ["INVITE", "OPTIONS"] {
        let refusal = alone.ask(&Request { max_forwards: Some(0), ..alone.request(method, NUMBER) })?;
        assert_eq!(refusal.status(), Some(483), "{refusal:?}");
    }
    Ok(())
}

#[test]
fn a_call_to_nobody_is_484_and_a_telephone_number_is_somebody() -> Result<()> {
    let alone = Alone::start()?;
    let refusal = alone.ask(&alone.request("INVITE", "sip:203.0.113.10:5060"))?;
    assert_eq!(refusal.status(), Some(484), "{refusal:?}");
    let refusal = alone.ask(&alone.request("INVITE", "tel:+85512345678"))?;
    assert_eq!(refusal.status(), Some(500), "no target, but a number: {refusal:?}");
    Ok(())
}

#[test]
fn a_call_without_a_target_is_500_with_todays_words() -> Result<()> {
    let alone = Alone::start()?;
    let refusal = alone.ask(&alone.request("INVITE", NUMBER))?;
    assert_eq!(refusal.start_line(), "SIP/2.0 500 No Destination available");
    Ok(())
}

#[test]
fn an_unknown_scheme_is_416_and_an_unknown_extension_420() -> Result<()> {
    let alone = Alone::start()?;
    let refusal = alone.ask(&alone.request("INVITE", "mailto:1294@203.0.113.10"))?;
    assert_eq!(refusal.status(), Some(416), "{refusal:?}");
    let refusal = alone.ask(&alone.request("INVITE", NUMBER).header("Proxy-Require: teleport"))?;
    assert_eq!((refusal.status(), refusal.header("Unsupported")), (Some(420), "teleport"), "{refusal:?}");
    Ok(())
}

#[test]
fn a_request_without_max_forwards_gets_seventy() -> Result<()> {
    let site = Site::start("uas_answer", 1)?;
    let wire = Wire::connect(site.addresses.caller(0), site.proxy.sip_address())?;
    let invite = Request { max_forwards: None, ..wire.request("INVITE", NUMBER) };
    wire.send(invite.to_string(), site.proxy.sip_address())?;
    let success = wire.receive_final()?;
    for method in ["ACK", "BYE"] {
        wire.send(invite.next(method, &success).to_string(), site.proxy.sip_address())?;
    }
    assert_eq!(wire.receive_final()?.status(), Some(200));
    for target in site.finish()? {
        // RFC 3261 16.6 step 3.
        let invites = target.requests("INVITE");
        assert!(invites.iter().all(|invite| invite.header("Max-Forwards") == "70"), "{invites:?}");
    }
    Ok(())
}
