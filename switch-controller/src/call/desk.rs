//! What a verb works with: the call's facts, the time, and what it can ask for.

use std::collections::VecDeque;
use std::time::Duration;

use twiml::{Url, UrlRef};

use super::action::{Action, LegEnd, Report, Severity, Sound};
use super::facts::Facts;
use super::input::{Ask, LegId, LegInput, Problem, Route};
use super::legs::Legs;
use super::line::Line;
use super::progress::Progress;
use super::rules::Rules;
use crate::webhook::CallStatus;

/// What a verb works with.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) facts: Facts,
    pub(crate) rules: Rules,
    pub(crate) now: Duration,
    /// When the channel was answered.
    pub(crate) answered_at: Option<Duration>,
    /// Whether the channel is gone.
    pub(crate) gone: bool,
    /// The call of which this is a leg, if it is one: see [`super::Call::brief`].
    pub(crate) parent: Option<String>,
    /// Where the last document came from: what relative URLs are resolved against.
    pub(crate) base: Option<Url>,
    pub(crate) line: Line,
    pub(crate) legs: Legs,
    /// Recordings that no verb waits for any more, and when they are given up. They are kept when they are over.
    left_recordings: Vec<(Ask, Duration)>,
    asked: u32,
    rung: u32,
    pub(crate) out: VecDeque<Action>,
}

impl Desk {
    pub(crate) fn new(facts: Facts, rules: Rules, now: Duration) -> Self {
        Desk {
            facts,
            rules,
            now,
            answered_at: None,
            gone: false,
            parent: None,
            base: None,
            line: Line::default(),
            legs: Legs::default(),
            left_recordings: Vec::new(),
            asked: 0,
            rung: 0,
            out: VecDeque::new(),
        }
    }

    /// Names for what is asked for begin after this number.
    pub(crate) fn begin_asks_after(&mut self, number: u32) {
        self.asked = number;
    }

    /// A name for something that is asked for.
    pub(crate) fn ask(&mut self) -> Ask {
        self.asked = self.asked.wrapping_add(1);
        Ask(self.asked)
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.out.push_back(action);
    }

    pub(crate) fn log(&mut self, severity: Severity, text: impl Into<String>) {
        self.act(Action::Log(severity, text.into()));
    }

    /// Of a leg the platform is told no more than what it says.
    pub(crate) fn report(&mut self, report: Report) {
        if self.parent.is_none() || matches!(report, Report::Speech { .. }) {
            self.act(Action::Report(report));
        }
    }

    /// Now and so much.
    pub(crate) fn after(&self, wait: Duration) -> Duration {
        self.now.saturating_add(wait)
    }

    /// By when FreeSWITCH should have done what it does at once.
    pub(crate) fn soon(&self) -> Duration {
        self.after(self.rules.switch)
    }

    /// What the customer is told of the call.
    pub(crate) fn status(&self) -> CallStatus {
        match (self.gone, self.answered_at) {
            (true, _) => CallStatus::Completed,
            (false, Some(_)) => CallStatus::InProgress,
            (false, None) => CallStatus::Ringing,
        }
    }

    /// Where a reference leads from the last document.
    pub(crate) fn resolve(&self, url: &UrlRef) -> Result<Url, Problem> {
        url.resolve(self.base.as_ref()).map_err(|error| Problem(format!("{url:?}: {error}")))
    }

    /// Plays this when what is heard is over. Whoever asks is told by `Played`.
    pub(crate) fn play(&mut self, sound: Sound) -> Ask {
        let ask = self.ask();
        self.when_quiet(Action::Play { ask, sound });
        ask
    }

    /// Connects a leg when what is heard is over.
    pub(crate) fn bridge(&mut self, leg: LegId) {
        self.when_quiet(Action::Bridge(leg));
    }

    /// Does this when what is heard, which is ended, is over.
    pub(crate) fn when_quiet(&mut self, action: Action) {
        let soon = self.soon();
        self.line.begin(action, soon, &mut self.out);
    }

    /// Ends what is heard.
    pub(crate) fn quiet(&mut self) {
        let soon = self.soon();
        self.line.stop(soon, &mut self.out);
    }

    /// Calls somebody.
    pub(crate) fn ring(&mut self, route: Route, timeout: Duration, mut progress: Option<Progress>) -> LegId {
        self.rung = self.rung.wrapping_add(1);
        let leg = LegId(self.rung);
        let told = progress.as_mut().and_then(|progress| progress.initiated(&self.facts));
        self.legs.add(leg, progress);
        self.act(Action::Ring { leg, route, timeout });
        self.out.extend(told.map(Action::Tell));
        leg
    }

    /// Something happened to a leg: the customer is told, if that was asked for.
    pub(crate) fn leg_happened(&mut self, leg: LegId, what: &LegInput) {
        let told = self.legs.happened(leg, what, &self.facts, self.now);
        self.out.extend(told.map(Action::Tell));
    }

    /// Whether this leg was ever called.
    pub(crate) fn was_rung(&self, leg: LegId) -> bool {
        (1..=self.rung).contains(&leg.0)
    }

    /// Ends a leg; once.
    pub(crate) fn end_leg(&mut self, leg: LegId, reason: LegEnd) {
        let soon = self.soon();
        self.legs.end(leg, reason, soon, &mut self.out);
    }

    /// Ends all legs but one; each once.
    pub(crate) fn end_legs(&mut self, but: Option<LegId>, reason: LegEnd) {
        let soon = self.soon();
        self.legs.end_those(|leg| Some(leg) != but, reason, soon, &mut self.out);
    }

    /// Ends a recording that nobody waits for any more. What there is of it is kept for the platform.
    pub(crate) fn leave_recording(&mut self, ask: Ask) {
        if !self.gone {
            self.act(Action::StopRecording(ask));
        }
        self.left_recordings.push((ask, self.soon()));
    }

    /// FreeSWITCH did not say that a recording is over: what there is of it is kept all the same.
    pub(crate) fn overdue_recording(&mut self, ask: Ask) {
        self.log(Severity::Operator, "FreeSWITCH did not say that a recording is over: it is kept as it is");
        self.act(Action::KeepRecording(ask));
    }

    /// A recording is over. Whether nobody waited for it any more.
    pub(crate) fn left_recording_is_over(&mut self, ask: Ask, length: Duration) -> bool {
        let before = self.left_recordings.len();
        self.left_recordings.retain(|(left, _)| *left != ask);
        let left = self.left_recordings.len() < before;
        if left {
            self.act(if length.is_zero() { Action::DropRecording(ask) } else { Action::KeepRecording(ask) });
        }
        left
    }

    /// Whether legs or recordings are still to end.
    pub(crate) fn is_untidy(&self) -> bool {
        !self.legs.is_empty() || !self.left_recordings.is_empty()
    }

    /// When something here has had its time.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        let recordings = self.left_recordings.iter().map(|(_, by)| *by);
        recordings.chain(self.line.poll_timeout()).chain(self.legs.poll_timeout()).min()
    }

    /// Has done with what has had its time. Legs are for [`Legs::overdue`].
    pub(crate) fn timeout(&mut self) {
        let now = self.now;
        self.line.timeout(now, &mut self.out);
        let late: Vec<Ask> =
            self.left_recordings.iter().filter(|(_, by)| *by <= now).map(|(ask, _)| *ask).collect();
        self.left_recordings.retain(|(_, by)| *by > now);
        for ask in late {
            self.overdue_recording(ask);
        }
    }
}
