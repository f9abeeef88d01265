//! What is known of each call from above: more than any party knows, and what an excuse hangs on.

use crate::scenario::{Internal, Scenario, TIMEOUT, TIMER_C, Time};

/// A proxy from its start to its death; each restart is another.
pub(crate) type Life = u32;

/// What is known of all calls.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) calls: Vec<Facts>,
    /// When a list came into force last, or what a proxy thinks of a target's health changed.
    pub(crate) table_changed: Option<Time>,
}

/// What is known of one call.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) begins: Time,
    /// Who carried messages of its INVITE transactions: each leg and life.
    pub(crate) carried: Vec<(usize, Life)>,
    /// Why what pins promise does not hold for it: those that it had were lost, or there was no room.
    pub(crate) unpinned: Option<&'static str>,
    /// A target that it went to was dead, or never answered.
    pub(crate) unanswered: bool,
    /// A target's final answer was passed to the caller. Until it is acknowledged it is the target's to repeat.
    pub(crate) passed_final: bool,
    /// A message of its set-up, which nobody sends again over TCP, went down with its connection.
    pub(crate) went_down: bool,
    /// The same for a BYE, or its answer.
    pub(crate) bye_went_down: bool,
    /// Every INVITE that a proxy sent to a target, retransmissions aside.
    pub(crate) attempts: Vec<Attempt>,
    /// The targets, each in one of its lives, that an INVITE arrived at.
    pub(crate) arrived: Vec<(usize, Life)>,
    /// When each leg's caller had its first final answer.
    pub(crate) finals: Vec<(usize, Time)>,
    /// When each leg's CANCEL came to a proxy.
    pub(crate) cancels: Vec<(usize, Life)>,
    /// Whether the caller sends what follows to the proxy instead of along Record-Route.
    pub(crate) ignores_record_route: bool,
    /// How long after the answer its target hangs up, if it does.
    pub(crate) target_talks: Option<Time>,
    /// To tags of the dialogs that the caller knows.
    pub(crate) dialogs: Vec<String>,
}

/// An INVITE that a proxy sent to a target.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) leg: usize,
    pub(crate) life: Life,
    pub(crate) target: usize,
    pub(crate) at: Time,
    /// When the proxy first heard of the target.
    pub(crate) heard: Option<Time>,
    pub(crate) rang: bool,
    /// The refusal that the proxy had of it, if it had not rung before.
    pub(crate) refused: Option<u16>,
    /// The proxy was told that the target is down.
    pub(crate) down: bool,
}

impl Facts {
    pub(crate) fn carried_by(&mut self, leg: usize, life: Life) {
        if !self.carried.contains(&(leg, life)) {
            self.carried.push((leg, life));
        }
    }

    pub(crate) fn attempt(&mut self, leg: usize, life: Life, target: usize) -> Option<&mut Attempt> {
        self.attempts.iter_mut().find(|a| a.leg == leg && a.life == life && a.target == target)
    }

    /// When the caller knew how a leg ended.
    pub(crate) fn final_at(&self, leg: usize) -> Option<Time> {
        self.finals.iter().find(|(l, _)| *l == leg).map(|(_, at)| *at)
    }

    /// More than one target got the call.
    pub(crate) fn several_targets(&self) -> bool {
        self.attempts.iter().any(|a| a.target != self.attempts[0].target)
    }

    /// More than one proxy, or one before and after its death, carried this leg.
    fn moved(&self, leg: usize) -> bool {
        self.carried.iter().filter(|(l, _)| *l == leg).count() > 1
    }
}

impl Ledger {
    /// Whether the list or the health of targets, as any proxy sees them, has changed since a call began.
    pub(crate) fn changed_since(&self, call: usize) -> bool {
        self.table_changed.is_some_and(|at| at >= self.calls[call].begins)
    }

    /// Why the proxy's promises about the set-up of a call need not hold. A pin is one proxy's: what comes to another, or
    /// after the pin's time, is carried without it, which leads to the same target only if that is still the one of the
    /// Call-ID, and is recognised there only if the proxies look the same.
    pub(crate) fn excuse(
        &self,
        (call, leg): (usize, usize),
        scenario: &Scenario,
        now: Time,
    ) -> Option<&'static str> {
        let facts = &self.calls[call];
        if facts.unpinned.is_some() {
            return facts.unpinned;
        }
        if facts.went_down {
            return Some("a part of it went down with its connection");
        }
        if !self.changed_since(call) && !facts.several_targets() {
            let recognised = scenario.internal != Internal::Own || !facts.moved(leg);
            return (!recognised).then_some("another proxy, which looks different, carried part of it");
        }
        // Where there is one attempt only, nobody ends a call that rings for long.
        let expired = scenario.attempts == 1 && now >= facts.begins + TIMER_C;
        (facts.moved(leg) || expired).then_some("part of it was carried without its pin")
    }

    /// Whether the proxy has forgotten a leg, or will have by the time that what is sent now arrives: 64*T1 after its
    /// final answer. What a target says first then goes through without a pin.
    pub(crate) fn forgotten(&self, (call, leg): (usize, usize), now: Time) -> bool {
        self.calls[call].final_at(leg).is_some_and(|at| at + TIMEOUT <= now + 1_000)
    }

    /// Why a request that a pin or the hash leads may come to a target that does not know it.
    pub(crate) fn may_stray(&self, call: usize) -> bool {
        self.changed_since(call) || self.calls[call].several_targets()
    }
}
