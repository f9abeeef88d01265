//! Targets that take a call and then say nothing more.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use e2e::{
    message::Message,
    pause,
    site::{Addresses, settings},
    wire::{Request, Wire, answer},
};
use lab::proxy_process::{ProxyProcess, Target, TargetList};

/// How long an operation may take on a busy machine, besides what it has to take.
const WITHIN: Duration = Duration::from_secs(15);

/// How often sockets are looked at.
const MOMENT: Duration = Duration::from_millis(10);

/// A proxy with these targets.
fn proxy(addresses: Addresses, targets: &[&Wire], health: &str) -> Result<ProxyProcess> {
    let list = (1..).zip(targets).map(|(number, wire)| Target::new(&format!("task-{number}"), wire.local()));
    let mut settings = settings(addresses);
    settings.targets = TargetList::File(list.collect());
    settings.health = health.to_owned();
    ProxyProcess::start(settings)
}

/// The next message that `wanted` likes; what comes before is answered with 200 if it is a probe.
fn next(wire: &Wire, proxy: &ProxyProcess, wanted: impl Fn(&Message) -> bool) -> Result<Message> {
    let deadline = Instant::now() + WITHIN;
    while Instant::now() < deadline {
        let message = wire.receive().with_context(|| proxy.log())?;
        if wanted(&message) {
            return Ok(message);
        }
        if message.is("OPTIONS") {
            wire.send(answer(&message, "200 OK", "sip:here"), proxy.sip_address())?;
        }
    }
    bail!("nothing of the kind within {WITHIN:?}\n{}", proxy.log())
}

fn call(caller: &Wire, proxy: &ProxyProcess) -> Result<Request> {
    let invite = caller.request("INVITE", "sip:1294@203.0.113.10:5060");
    caller.send(invite.to_string(), proxy.sip_address())?;
    Ok(invite)
}

#[test]
fn a_call_of_a_target_that_says_100_and_then_nothing_goes_to_another_once_probes_find_that_out() -> Result<()>
{
    let addresses = Addresses::take();
    let caller = Wire::bind(addresses.caller(0))?;
    let (one, other) = (Wire::bind(addresses.target(0))?, Wire::bind(addresses.target(1))?);
    let health = "interval = \"1s\"\ntimeout = \"500ms\"\nfall = 2";
    let proxy = proxy(addresses, &[&one, &other], health)?;
    let invite = call(&caller, &proxy)?;

    // Whichever has it says 100 and falls silent; the other one answers probes.
    let (mut came, mut at) = (None, None);
    let deadline = Instant::now() + WITHIN;
    while at.is_none() && Instant::now() < deadline {
        pause(MOMENT);
        for (wire, alive) in [(&one, &other), (&other, &one)] {
            if let Some(message) = wire.receive_now()? {
                match message.is("INVITE") {
                    true => (came, at) = (Some((message, wire)), Some(alive)),
                    false => wire.send(answer(&message, "200 OK", "sip:here"), proxy.sip_address())?,
                }
            }
        }
    }
    let ((came, silent), alive) = (came.context("no INVITE came")?, at.context("no INVITE came")?);
    silent
        .send(answer(&came, "100 Trying", "sip:here").replace(";tag=answering", ""), proxy.sip_address())?;
    assert_eq!(caller.receive()?.status(), Some(100));

    let again = next(alive, &proxy, |message| message.is("INVITE"))?;
    assert_eq!(again.header("Call-ID"), invite.call_id);
    assert_ne!(again.values("Via").first(), came.values("Via").first(), "another attempt is another branch");
    alive.send(answer(&again, "200 OK", &format!("sip:1294@{}", alive.local())), proxy.sip_address())?;
    let ok = caller.receive_final()?;
    assert_eq!(ok.status(), Some(200), "{ok:?}");
    caller.send(invite.next("ACK", &ok).to_string(), proxy.sip_address())?;
    next(alive, &proxy, |message| message.is("ACK"))?;
    assert_eq!(proxy.metric("switchyard_proxy_failovers_total{reason=\"down\"}"), Some(1.0));
    Ok(())
}

#[test]
fn a_caller_gives_up_on_a_target_that_takes_its_call_and_never_answers_not_even_cancel() -> Result<()> {
    let addresses = Addresses::take();
    let (caller, target) = (Wire::bind(addresses.caller(0))?, Wire::bind(addresses.target(0))?);
    let proxy = proxy(addresses, &[&target], "enabled = false")?;
    let invite = call(&caller, &proxy)?;
    let came = next(&target, &proxy, |message| message.is("INVITE"))?;
    target.send(answer(&came, "180 Ringing", "sip:here"), proxy.sip_address())?;
    next(&caller, &proxy, |message| message.status() == Some(180))?;

    let mut cancel = invite.clone();
    cancel.method = "CANCEL".to_owned();
    let cancelled = Instant::now();
    caller.send(cancel.to_string(), proxy.sip_address())?;
    let ok = next(&caller, &proxy, |message| message.cseq_method() == "CANCEL")?;
    assert_eq!(ok.status(), Some(200), "at once");
    // The target hears it again and again, and says nothing.
    for _ in 0..3 {
        let heard = next(&target, &proxy, |message| message.is("CANCEL"))?;
        assert_eq!(heard.values("Via"), came.values("Via").get(..1).unwrap_or_default(), "hop by hop");
    }
    // RFC 3261 9.1: 64*T1 after the CANCEL the proxy takes the call for cancelled.
    let mut terminated = None;
    while terminated.is_none() && cancelled.elapsed() < Duration::from_secs(32) + WITHIN {
        pause(MOMENT);
        terminated = caller.receive_now()?.filter(|message| message.cseq_method() == "INVITE");
    }
    let terminated = terminated.with_context(|| proxy.log())?;
    assert_eq!(terminated.status(), Some(487), "{terminated:?}");
    assert!(cancelled.elapsed() > Duration::from_secs(30), "{:?}", cancelled.elapsed());
    caller.send(invite.ack_of(&terminated).to_string(), proxy.sip_address())?;
    e2e::wait_until("the answer is acknowledged and no more sent", WITHIN, || caller.is_silent())?;
    Ok(())
}
