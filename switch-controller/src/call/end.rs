//! How a call ends: its channel first, then what belongs to it, then the call.

use super::action::{Action, LegEnd, Report, Severity};
use super::input::{HangUp, Input};
use super::line::Line;
use super::{Call, Phase};
use crate::verbs::Step;

impl Call {
    /// Whether the channel is gone or was told to end.
    pub fn is_ending(&self) -> bool {
        self.desk.gone || matches!(self.phase, Phase::Ending { .. } | Phase::Finished)
    }

    /// The call ends, whatever it does.
    pub(super) fn end(&mut self, why: &str) {
        if !self.is_ending() {
            self.interrupt();
            self.hang_up(why);
        }
    }

    /// The call ends because of something that the customer should mend.
    pub(super) fn fail(&mut self, why: String) -> Step {
        self.desk.log(Severity::Customer, format!("the call ends: {why}"));
        self.hang_up("an error")
    }

    /// Ends the channel.
    pub(super) fn hang_up(&mut self, why: &str) -> Step {
        if self.desk.gone {
            self.wind_up();
            return Step::Stay;
        }
        self.desk.log(Severity::Detail, format!("the call ends: {why}"));
        self.desk.act(Action::HangUp);
        self.script.close();
        self.phase = Phase::Ending { until: self.desk.soon() };
        Step::Stay
    }

    /// A leg has executed its own application: its channel goes on without this.
    pub(super) fn release(&mut self) -> Step {
        self.released = true;
        self.finish();
        Step::Stay
    }

    /// The verb that runs is not wanted any more.
    pub(super) fn interrupt(&mut self) {
        let phase = std::mem::replace(&mut self.phase, Phase::Finished);
        self.desk.quiet();
        if let Phase::Running(verb) = phase {
            verb.interrupt(&mut self.desk);
        }
        self.desk.end_legs(None, LegEnd::CallerGone);
    }

    /// The channel is gone. Record and Dial still tell the customer (L8).
    pub(super) fn hung_up(&mut self, end: HangUp) {
        if self.desk.gone {
            return;
        }
        self.desk.gone = true;
        self.desk.line = Line::default();
        self.script.close();
        self.desk.report(Report::Completed { answered_at: self.desk.answered_at, end: end.clone() });
        match &mut self.phase {
            Phase::Running(verb) => {
                let step = verb.input(Input::HungUp(end), &mut self.desk);
                self.step(step);
            }
            // A request that is under way is answered in vain, and one that nobody waits for is not made.
            Phase::Pacing { owed: true, .. } => {}
            _ => self.wind_up(),
        }
    }

    /// The channel is gone, and there is nothing more to do for it.
    pub(super) fn wind_up(&mut self) {
        self.desk.end_legs(None, LegEnd::CallerGone);
        self.phase = Phase::Tidying { until: self.desk.soon() };
    }

    /// Finishes when nothing is left.
    pub(super) fn tidy(&mut self) {
        if matches!(self.phase, Phase::Tidying { .. }) && !self.desk.is_untidy() {
            self.finish();
        }
    }

    pub(super) fn finish(&mut self) {
        self.desk.act(Action::Finish);
        self.phase = Phase::Finished;
    }
}
