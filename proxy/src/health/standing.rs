//! What is thought of one SIP port, after each answer and each failure.
//!
//! Failed probes and failed calls are counted apart: a target that answers OPTIONS and leaves INVITEs without an answer
//! is as bad as a dead one. Both together take it down.

use std::time::{Duration, Instant};

use super::{Condition, Rules};

/// What is known of one SIP port.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    down: bool,
    /// Probes without an answer, since the last good one.
    probes: u32,
    /// Moments at which calls got nothing, since the last that got something.
    calls: u32,
    /// Good probes in a row, since the last failure of any kind.
    good: u32,
    /// When a failed call last counted.
    counted: Option<Instant>,
}

impl Standing {
    /// What is thought.
    pub fn condition(&self) -> Condition {
        match self.probes.saturating_add(self.calls) {
            _ if self.down => Condition::Down,
            0 => Condition::Healthy,
            _ => Condition::Suspect,
        }
    }

    /// A probe was answered. After `rise` of them in a row, what calls told before is forgotten, too.
    pub fn probe_answered(&mut self, rules: &Rules) {
        self.probes = 0;
        self.good = self.good.saturating_add(1);
        if self.good >= rules.rise {
            self.calls = 0;
            self.down = false;
        }
    }

    /// A probe was not answered.
    pub fn probe_failed(&mut self, rules: &Rules) {
        self.probes = self.probes.saturating_add(1);
        self.fail(rules);
    }

    /// A call got an answer.
    pub fn call_answered(&mut self, rules: &Rules) {
        self.calls = 0;
        self.probe_answered(rules);
    }

    /// A call got nothing. Those that fail within one `timeout` fail for one reason and count once: else a moment's
    /// silence would take down a target that many calls go to. Whether it counted.
    pub fn call_failed(&mut self, rules: &Rules, now: Instant) -> bool {
        let known =
            |at: Instant| now.saturating_duration_since(at) < rules.timeout.max(Duration::from_millis(1));
        if self.down || self.counted.is_some_and(known) {
            return false;
        }
        self.counted = Some(now);
        self.calls = self.calls.saturating_add(1);
        self.fail(rules);
        true
    }

    fn fail(&mut self, rules: &Rules) {
        self.good = 0;
        if self.probes.saturating_add(self.calls) >= rules.fall {
            self.down = true;
        }
    }
}
