//! The legs of a call that are not known to be gone, whichever verb they belong to.

use std::collections::VecDeque;
use std::time::Duration;

use super::action::{Action, LegEnd};
use super::facts::Facts;
use super::input::{LegId, LegInput};
use super::progress::Progress;
use crate::webhook::Request;

/// The legs that are not known to be gone.
#[derive(Debug, Default)]
pub(crate) struct Legs(Vec<Known>);

#[derive(Debug)]
struct Known {
    id: LegId,
    /// Set when it was told to end: it is taken to be gone then, at the latest.
    gone_by: Option<Duration>,
    /// Who is told how it gets on.
    progress: Option<Box<Progress>>,
}

impl Legs {
    /// A leg is being called.
    pub(crate) fn add(&mut self, id: LegId, progress: Option<Progress>) {
        self.0.push(Known { id, gone_by: None, progress: progress.map(Box::new) });
    }

    /// Something happened to a leg: what the customer is told of it.
    pub(crate) fn happened(
        &mut self,
        id: LegId,
        what: &LegInput,
        facts: &Facts,
        now: Duration,
    ) -> Option<Request> {
        let leg = self.0.iter_mut().find(|leg| leg.id == id)?;
        leg.progress.as_mut()?.happened(what, facts, now)
    }

    /// Whether it is not known to be gone.
    pub(crate) fn has(&self, id: LegId) -> bool {
        self.0.iter().any(|leg| leg.id == id)
    }

    /// Whether none is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends one; once.
    pub(crate) fn end(&mut self, id: LegId, reason: LegEnd, gone_by: Duration, out: &mut VecDeque<Action>) {
        self.end_those(|leg| leg == id, reason, gone_by, out);
    }

    /// Ends those for which that holds; each once.
    pub(crate) fn end_those(
        &mut self,
        those: impl Fn(LegId) -> bool,
        reason: LegEnd,
        gone_by: Duration,
        out: &mut VecDeque<Action>,
    ) {
        for leg in self.0.iter_mut().filter(|leg| leg.gone_by.is_none() && those(leg.id)) {
            leg.gone_by = Some(gone_by);
            out.push_back(Action::EndLeg { leg: leg.id, reason });
        }
    }

    /// It is gone. Whether it was there.
    pub(crate) fn remove(&mut self, id: LegId) -> bool {
        let before = self.0.len();
        self.0.retain(|leg| leg.id != id);
        self.0.len() < before
    }

    /// When to call [`Legs::overdue`].
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.0.iter().filter_map(|leg| leg.gone_by).min()
    }

    /// One that should be gone by now.
    pub(crate) fn overdue(&self, now: Duration) -> Option<LegId> {
        self.0.iter().find(|leg| leg.gone_by.is_some_and(|by| by <= now)).map(|leg| leg.id)
    }
}
