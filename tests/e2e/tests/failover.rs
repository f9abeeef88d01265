//! Targets that die, hang, refuse or are drained while calls come in.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use e2e::{
    outcome::Outcome,
    sipp::Sipp,
    site::{Addresses, Answering, Site},
    wait_until,
};

const CALLS: u32 = 20;
const WITHIN: Duration = Duration::from_secs(20);

/// The INVITEs that the proxy has sent to a target.
fn invites(site: &Site, id: &str) -> f64 {
    let sample = format!("switchyard_proxy_invites_total{{target=\"{id}\"}}");
    site.proxy.metric(&sample).unwrap_or_default()
}

/// For each call that was answered, who answered it and whether it ended with its own BYE.
fn answered(calling: &Outcome) -> HashMap<String, (String, bool)> {
    let mut calls = HashMap::new();
    for ok in calling.responses(200, "INVITE") {
        calls.insert(ok.header("Call-ID").to_owned(), (ok.header("Contact").to_owned(), false));
    }
    for ok in calling.responses(200, "BYE") {
        if let Some((_, ended)) = calls.get_mut(ok.header("Call-ID")) {
            *ended = true;
        }
    }
    calls
}

#[test]
fn a_killed_target_loses_its_own_calls_alone_and_a_drained_one_gets_no_more() -> Result<()> {
    let mut site = Site::start_with("uas_answer", 4, |settings| settings.workers = 2)?;
    let caller = site.caller("uac_call")?.calls(1000, 50).hold(Duration::from_secs(2)).start()?;
    wait_until("calls at every target", WITHIN, || {
        Ok((0..4).all(|number| invites(&site, &format!("task-{number}")) >= 20.0))
    })?;
    // One is told to take no more, which the proxy sees at its next look at the list.
    let targets: Vec<_> =
        (0..4).map(|number| Ok(site.target(number)?.target.clone())).collect::<Result<_>>()?;
    let mut list = targets.clone();
    if let Some(drained) = list.get_mut(1) {
        *drained = drained.clone().draining();
    }
    site.proxy.set_targets(&list)?;
    wait_until("the drain is known", WITHIN, || {
        Ok(site.proxy.metric("switchyard_proxy_targets{state=\"draining\"}") == Some(1.0))
    })?;
    let before = invites(&site, "task-1");
    // Another one dies.
    let Answering { target: killed, mut sipp } = site.take_target(0);
    sipp.kill()?;

    let calling = caller.finish_anyhow()?;
    let calls = answered(&calling);
    let port = killed.ports.first().context("a port")?.1;
    let at_killed = format!("sip:1294@{}:{port};", killed.address);
    // A call that the killed one was ringing is its own: nobody else can answer that.
    let rang = calling.responses(180, "INVITE").into_iter();
    let rang = rang.filter(|ringing| ringing.header("Contact").contains(&at_killed));
    let lost = rang.map(|ringing| ringing.header("Call-ID")).filter(|call| !calls.contains_key(*call));
    let lost = lost.collect::<HashSet<_>>().len();
    ensure!(calls.len() + lost == 1000, "{} calls were answered\n{}", calls.len(), site.proxy.log());
    for (call, (contact, ended)) in &calls {
        ensure!(*ended || contact.contains(&at_killed), "{call} at {contact} did not end with its BYE");
    }
    assert_eq!(invites(&site, "task-1"), before, "new calls at the drained target");
    let survivors = site.finish()?;
    assert!(survivors.iter().all(|target| target.statistics.failed() == 0));
    Ok(())
}

#[test]
fn calls_of_a_target_that_hangs_go_to_another_within_seconds() -> Result<()> {
    let mut site = Site::start("uas_answer", 2)?;
    let frozen = site.take_target(0);
    frozen.sipp.freeze()?;
    let calling = site.run(&site.caller("uac_call")?.calls(CALLS, 20))?;
    assert_eq!(calling.statistics.successful(), u64::from(CALLS));
    let moved = site.proxy.metric("switchyard_proxy_failovers_total{reason=\"silent\"}");
    assert!(moved > Some(0.0), "{moved:?}\n{}", site.proxy.log());
    Ok(())
}

#[test]
fn calls_of_a_target_that_is_gone_go_to_another_at_once() -> Result<()> {
    let mut site = Site::start("uas_answer", 2)?;
    site.take_target(0).sipp.kill()?;
    let calling = site.run(&site.caller("uac_call")?.calls(CALLS, 20))?;
    assert_eq!(
        (calling.statistics.successful(), calling.statistics.retransmissions()),
        (u64::from(CALLS), 0)
    );
    assert!(site.proxy.metric("switchyard_proxy_failovers_total{reason=\"down\"}") > Some(0.0));
    Ok(())
}

#[test]
fn calls_that_one_target_refuses_for_want_of_room_go_to_another() -> Result<()> {
    let addresses = Addresses::take();
    let full = |local: std::net::SocketAddr| match local.ip() == addresses.target(0) {
        true => Sipp::answering("uas_full", local),
        false => Sipp::answering("uas_answer", local),
    };
    let site = Site::start_at(addresses, 2, |_| (), full)?;
    let calling = site.run(&site.caller("uac_call")?.calls(CALLS, 20))?;
    assert_eq!(
        (calling.statistics.successful(), calling.statistics.retransmissions()),
        (u64::from(CALLS), 0)
    );
    let moved = site.proxy.metric("switchyard_proxy_failovers_total{reason=\"refused\"}");
    assert!(moved > Some(0.0));
    // Each refusal was acknowledged by the proxy: the scenario ends with its ACK.
    let targets = site.finish()?;
    assert!(targets.iter().all(|target| target.statistics.retransmissions() == 0));
    Ok(())
}
