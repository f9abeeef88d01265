//! What a caller hears: nothing, a sound, or a leg. One at a time: what comes next waits until the one before is known to
//! be over, or has had its time to end.

use std::collections::VecDeque;
use std::time::Duration;

use super::action::Action;
use super::input::{Ask, LegId};

/// What the caller hears.
#[derive(Debug, Default)]
pub(crate) struct Line {
    on: On,
    /// Set when what is on was told to end: it is taken to be over then, at the latest.
    over_by: Option<Duration>,
    /// What is to come when nothing is on any more.
    next: Option<Action>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum On {
    #[default]
    Nothing,
    Sound(Ask),
    Leg(LegId),
}

impl Line {
    /// Does this as soon as nothing is on. What is on is told to end, and what waited is forgotten.
    pub(crate) fn begin(&mut self, action: Action, over_by: Duration, out: &mut VecDeque<Action>) {
        self.stop(over_by, out);
        self.next = Some(action);
        self.go_on(out);
    }

    /// Ends what is on, and forgets what waited. A leg has to be ended beside that.
    pub(crate) fn stop(&mut self, over_by: Duration, out: &mut VecDeque<Action>) {
        self.next = None;
        if self.on == On::Nothing || self.over_by.is_some() {
            return;
        }
        if let On::Sound(_) = self.on {
            out.push_back(Action::StopPlaying);
        }
        self.over_by = Some(over_by);
    }

    /// A sound is over. Whether anybody waits for that: not if it was told to end.
    pub(crate) fn played(&mut self, ask: Ask, out: &mut VecDeque<Action>) -> bool {
        let on = self.on == On::Sound(ask);
        let waited_for = on && self.over_by.is_none();
        if on {
            self.clear(out);
        }
        waited_for
    }

    /// A leg is over.
    pub(crate) fn left(&mut self, leg: LegId, out: &mut VecDeque<Action>) {
        if self.next == Some(Action::Bridge(leg)) {
            self.next = None;
        }
        if self.on == On::Leg(leg) {
            self.clear(out);
        }
    }

    /// When to call [`Line::timeout`].
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.over_by
    }

    /// The time is now.
    pub(crate) fn timeout(&mut self, now: Duration, out: &mut VecDeque<Action>) {
        if self.over_by.is_some_and(|by| by <= now) {
            self.clear(out);
        }
    }

    fn clear(&mut self, out: &mut VecDeque<Action>) {
        self.on = On::Nothing;
        self.over_by = None;
        self.go_on(out);
    }

    fn go_on(&mut self, out: &mut VecDeque<Action>) {
        if self.on != On::Nothing {
            return;
        }
        let Some(next) = self.next.take() else { return };
        match &next {
            Action::Play { ask, .. } => self.on = On::Sound(*ask),
            Action::Bridge(leg) => self.on = On::Leg(*leg),
            // A recording is beside what is heard.
            _ => {}
        }
        out.push_back(next);
    }
}
