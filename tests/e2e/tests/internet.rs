//! Calls over a network with routes, NAT and loss. As root alone, who may make one.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, Result};
use e2e::{
    internet::{HIDDEN, NAT, Parties, target},
    message::Message,
    outcome::Outcome,
    sipp::Sipp,
    skipped,
};

/// Whether there can be no networks of our own here.
fn is_impossible() -> bool {
    lab::network::why_not().is_some_and(|why| skipped(&format!("no networks of our own: {why}")))
}

/// What NAT chose for a caller, as the Via of an answer says.
fn mapping(answer: &Message) -> u16 {
    let via = answer.header("Via");
    let value = |name: &str| via.split(';').find_map(|param| param.strip_prefix(name)).unwrap_or_default();
    assert_eq!(value("received="), NAT.to_string(), "{answer:?}");
    value("rport=").parse().unwrap_or_default()
}

#[test]
fn a_caller_behind_a_nat_that_changes_ports_is_reached_by_answers_and_by_its_targets_bye() -> Result<()> {
    if is_impossible() {
        return Ok(());
    }
    let parties = Parties::meet(1)?;
    let proxy = parties.start_proxy(0, 2, |_| ())?;
    for rport in ["", ";rport"] {
        for (calling, answering) in [("uac_call", "uas_answer"), ("uac_hung_up", "uas_hangup")] {
            let start = |number| parties.start_target(number, |local| Sipp::answering(answering, local));
            let targets = [start(0)?, start(1)?];
            let caller = parties.start_hidden(calling, |sipp| sipp.key("via_params", rport).calls(6, 20))?;
            let called = caller.finish().with_context(|| proxy.log())?;
            let answered = targets.map(|target| target.stop().with_context(|| proxy.log()));
            let answered = answered.into_iter().collect::<Result<Vec<_>>>()?;

            let answers = called.responses(200, "INVITE");
            assert_eq!(answers.len(), 6);
            // The NAT does change ports: without that, nothing was tested.
            assert!(answers.iter().all(|answer| (40_000..50_000).contains(&mapping(answer))), "{answers:?}");
            let invites: Vec<_> = answered.iter().flat_map(|target| target.requests("INVITE")).collect();
            assert_eq!(invites.len(), 6);
            for invite in invites {
                assert_eq!(invite.header("X-Src-Ip"), NAT.to_string(), "{invite:?}");
                assert!(invite.header("Contact").contains(&HIDDEN.to_string()), "as it came: {invite:?}");
            }
            if calling == "uac_hung_up" {
                let byes = called.requests("BYE");
                assert_eq!(byes.len(), 6);
                assert!(byes.iter().all(|bye| bye.request_uri().contains(&HIDDEN.to_string())), "{byes:?}");
            }
            assert!(answered.iter().all(|target| target.statistics.out_of_call() == 0));
        }
    }
    Ok(())
}

#[test]
fn where_a_tenth_of_all_datagrams_is_lost_every_call_succeeds_at_one_target() -> Result<()> {
    const CALLS: u32 = 60;
    if is_impossible() {
        return Ok(());
    }
    let parties = Parties::meet(1)?;
    // In four seconds an INVITE is sent four times.
    let proxy = parties.start_proxy(0, 3, |settings| {
        settings.further = "[dispatch]\nno_reply = \"4s\"\n".to_owned();
    })?;
    let start = |number| parties.start_target(number, |local| Sipp::answering("uas_lossy", local).patient());
    let targets = [start(0)?, start(1)?, start(2)?];
    parties.internet.lose(10)?;
    let calls = |sipp: Sipp| sipp.calls(CALLS / 2, 10).hold(Duration::from_secs(2)).patient();
    let callers = [parties.start_caller("uac_call", calls)?, parties.start_hidden("uac_call", calls)?];
    let called = callers.map(|caller| caller.finish().with_context(|| proxy.log()));
    let called = called.into_iter().collect::<Result<Vec<_>>>()?;
    let moved = parties.metric(0, &proxy, "switchyard_proxy_failovers_total").unwrap_or_default();
    // One whose INVITE went elsewhere meanwhile has a call that does not end as its scenario says.
    let answered = targets.map(|target| if moved == 0.0 { target.stop() } else { target.stop_anyhow() });
    let answered = answered.into_iter().collect::<Result<Vec<_>>>().with_context(|| proxy.log())?;

    let lost = parties.internet.lost()?;
    assert!(lost > u64::from(CALLS) / 2, "{lost} datagrams were lost");
    let again: u64 = called.iter().map(|caller| caller.statistics.retransmissions()).sum();
    assert!(again > 0, "nothing was sent again");
    assert_eq!(called.iter().map(|caller| caller.statistics.successful()).sum::<u64>(), u64::from(CALLS));
    at_the_target_of_its_invite(&answered, CALLS, moved);
    Ok(())
}

/// Each call is at one target, unless failover took it to another; and whatever follows is at a target that has it.
fn at_the_target_of_its_invite(answered: &[Outcome], calls: u32, moved: f64) {
    let mut at: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (number, target) in answered.iter().enumerate() {
        for invite in target.requests("INVITE") {
            at.entry(invite.header("Call-ID")).or_default().insert(number);
        }
    }
    assert_eq!(at.len(), calls as usize);
    let more = at.values().map(|targets| targets.len() - 1).sum::<usize>();
    assert!(more as f64 <= moved, "{more} calls at two targets, and {moved} failovers");
    for (number, outcome) in answered.iter().enumerate() {
        for request in outcome.received().filter(|message| message.status().is_none()) {
            let known = at.get(request.header("Call-ID")).is_some_and(|targets| targets.contains(&number));
            assert!(known, "not of target {number}: {request:?}");
            if request.is("BYE") {
                let own = target(u8::try_from(number).unwrap_or_default()).to_string();
                assert!(request.request_uri().contains(&own), "not of target {number}: {request:?}");
            }
        }
        if moved == 0.0 {
            assert_eq!(outcome.statistics.out_of_call(), 0);
        }
    }
}

#[test]
fn when_the_proxy_of_established_calls_is_killed_their_targets_byes_come_through_another() -> Result<()> {
    const CALLS: u32 = 6;
    if is_impossible() {
        return Ok(());
    }
    let parties = Parties::meet(2)?;
    let first = parties.start_proxy(0, 2, |_| ())?;
    let second = parties.start_proxy(1, 2, |_| ())?;
    let hangs_up = |local| Sipp::answering("uas_hangup", local).hold(Duration::from_secs(10)).patient();
    let targets = [parties.start_target(0, hangs_up)?, parties.start_target(1, hangs_up)?];
    // One caller behind a NAT, one that everybody can reach.
    let calls = |sipp: Sipp| sipp.calls(CALLS / 2, 20).patient();
    let mut callers =
        [parties.start_caller("uac_hung_up", calls)?, parties.start_hidden("uac_hung_up", calls)?];
    for caller in &mut callers {
        caller.wait_sent(CALLS as usize / 2, |message| message.is("ACK"))?;
    }
    e2e::wait_until("all calls are established", Duration::from_secs(9), || {
        let acks = targets.iter().map(|target| target.received(|message| message.is("ACK")));
        Ok(acks.sum::<usize>() == CALLS as usize)
    })?;
    // Dropped is killed: nothing is handed over.
    drop(first);
    parties.lead_to(1)?;
    let byes = targets.iter().map(|target| target.sent(|message| message.is("BYE"))).sum::<usize>();
    assert_eq!(byes, 0, "a target hung up before the proxy was killed");

    let called = callers.map(|caller| caller.finish().with_context(|| second.log()));
    let called = called.into_iter().collect::<Result<Vec<_>>>()?;
    let answered = targets.map(|target| target.stop().with_context(|| second.log()));
    let answered = answered.into_iter().collect::<Result<Vec<_>>>()?;
    assert!(called.iter().all(|caller| caller.requests("BYE").len() == CALLS as usize / 2));
    assert_eq!(
        answered.iter().map(|target| target.responses(200, "BYE").len()).sum::<usize>(),
        CALLS as usize
    );
    Ok(())
}
