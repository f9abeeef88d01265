//! What is watched of each proxy from outside: what it was told, and whether what it sends follows from that.

use std::net::{IpAddr, SocketAddr};

use crate::context::Context;
use crate::ledger::Attempt;
use crate::message::Msg;
use crate::node::Node;
use crate::scenario::{Listed, caller_address, is_dead_end, stranger_address, target_address};

/// Why a proxy sends something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It passes on what came from there.
    Forwarded(SocketAddr),
    /// It answers what came from there.
    Answer(SocketAddr),
    /// Nobody asked for it: a pin's.
    Own,
}

/// Takes note of what a proxy is told.
pub(crate) fn input(context: &mut Context, node: &Node, source: SocketAddr, msg: &Msg<'_>) {
    let (Some(call), Some(leg)) = (msg.call(), msg.leg()) else { return };
    let now = context.now;
    let Some(facts) = context.ledger.calls.get_mut(call) else { return };
    let target = target_at(source);
    match (msg.method(), msg.cseq().1, target) {
        ("", "INVITE", Some(target)) => {
            facts.carried_by(leg, node.life);
            let code = msg.code().unwrap_or(0);
            if let Some(attempt) = facts.attempt(leg, node.life, target) {
                attempt.heard.get_or_insert(now);
                attempt.rang |= (101..200).contains(&code);
                if code >= 300 && !attempt.rang {
                    attempt.refused = Some(code);
                }
            }
        }
        ("INVITE" | "ACK", _, None) => facts.carried_by(leg, node.life),
        ("CANCEL", _, None) => {
            facts.carried_by(leg, node.life);
            facts.cancels.push((leg, node.life));
        }
        _ => {}
    }
}

/// Judges what a proxy sends.
pub(crate) fn output(context: &mut Context, node: &Node, to: SocketAddr, bytes: &str, origin: Origin) {
    let Some(msg) = Msg::read(bytes) else {
        return context.breach(None, format!("what was sent to {to} cannot be read: {bytes:?}"));
    };
    let inside = |ip: IpAddr| matches!(ip, IpAddr::V4(ip) if ip.octets()[..2] == [10, 10]);
    let target = target_at(to).filter(|target| *target < context.scenario.targets);
    let (calls, strangers) = (context.scenario.calls, context.scenario.strangers);
    let party = is_dead_end(to)
        || (0..calls).any(|call| caller_address(call) == to)
        || (0..strangers).any(|number| stranger_address(number) == to);
    let follows = match origin {
        Origin::Forwarded(from) => target.is_some() || (party && inside(from.ip())),
        // A target that is no target any more still gets its answers.
        Origin::Answer(from) => from.ip() == to.ip(),
        Origin::Own => target.is_some() || party,
    };
    if !follows {
        let what = format!("relayed to {to}, where nothing may go: {origin:?}");
        context.breach(msg.call(), what);
    }
    if msg.code().is_some_and(|code| code >= 200)
        && msg.cseq().1 == "INVITE"
        && matches!(origin, Origin::Forwarded(_))
        && let Some(facts) = msg.call().and_then(|call| context.ledger.calls.get_mut(call))
    {
        facts.passed_final = true;
    }
    if let (Some(target), "INVITE", "", Some(call), Some(leg)) =
        (target, msg.method(), msg.to_tag(), msg.call(), msg.leg())
    {
        invite(context, node, (call, leg), target);
    }
}

/// Judges an INVITE that goes to a target: whether the target may have it, and what led from the one before to it.
fn invite(context: &mut Context, node: &Node, (call, leg): (usize, usize), target: usize) {
    let (now, no_reply, most) = (context.now, context.scenario.no_reply, context.scenario.attempts);
    let facts = &mut context.ledger.calls[call];
    if facts.attempt(leg, node.life, target).is_some() {
        return;
    }
    let mut wrong = None;
    if node.list[target] != Listed::Active {
        wrong = Some(format!("a new call for target {}, which takes none", target + 1));
    }
    let mine = |a: &&Attempt| a.leg == leg && a.life == node.life;
    let forked = facts.carried.iter().any(|(l, life)| *l != leg && *life == node.life);
    if let (Some(last), None) = (facts.attempts.iter().rfind(mine), facts.unpinned) {
        let silent = last.heard.is_none() && now + 20 >= last.at + no_reply;
        let refused = match last.refused {
            Some(482) => !forked,
            code => matches!(code, Some(500 | 503)),
        };
        let down = last.down && !last.rang && last.refused.is_none();
        if !silent && !refused && !down {
            wrong = Some(format!("another target for no reason: {last:?}"));
        }
        if facts.attempts.iter().filter(mine).count() >= most {
            wrong = Some(format!("more than {most} targets"));
        }
        if facts.cancels.contains(&(leg, node.life)) {
            wrong = Some("another target for a call that was cancelled".to_owned());
        }
        context.seen.failovers += 1;
    }
    let attempt = Attempt {
        leg,
        life: node.life,
        target,
        at: now,
        heard: None,
        rang: false,
        refused: None,
        down: false,
    };
    facts.attempts.push(attempt);
    if let Some(wrong) = wrong {
        context.breach(Some(call), wrong);
    }
}

/// The target with this address.
pub(crate) fn target_at(address: SocketAddr) -> Option<usize> {
    (0..4).find(|target| target_address(*target) == address)
}
