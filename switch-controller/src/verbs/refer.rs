//! `<Refer>`: the other end is asked to call somebody else instead (RFC 3515). It may hang up when that has come about, and
//! the customer is told nevertheless.

use std::time::Duration;

use twiml::Refer;

use super::{Step, Target};
use crate::call::action::{Action, Severity};
use crate::call::desk::Desk;
use crate::call::input::{Ask, Input};

/// How long the other end may take until its own call is answered: about as long as a telephone rings.
const PATIENCE: Duration = Duration::from_secs(90);

/// A Refer that is going on.
#[derive(Debug)]
pub(crate) struct Referring {
    refer: Refer,
    ask: Ask,
    until: Duration,
}

impl Referring {
    pub(super) fn new(refer: Refer, desk: &Desk) -> Self {
        Referring { refer, ask: Ask(0), until: desk.after(PATIENCE) }
    }

    pub(super) fn begin(&mut self, desk: &mut Desk) -> Step {
        self.ask = desk.ask();
        desk.quiet();
        desk.act(Action::Refer { ask: self.ask, to: self.refer.to.clone() });
        Step::Stay
    }

    pub(super) fn input(&mut self, input: &Input) -> Step {
        match input {
            Input::Referred { ask, answer, notified } if *ask == self.ask => self.finish(*answer, *notified),
            // What was said before comes before.
            Input::HungUp(_) => self.done(Some("canceled"), None, None),
            _ => Step::Stay,
        }
    }

    pub(super) fn poll_timeout(&self) -> Duration {
        self.until
    }

    pub(super) fn timeout(&mut self, desk: &mut Desk) -> Step {
        if self.until > desk.now {
            return Step::Stay;
        }
        desk.log(Severity::Customer, "<Refer>: the other end did not say what became of it");
        self.finish(None, None)
    }

    fn finish(&mut self, answer: Option<u16>, notified: Option<u16>) -> Step {
        let status = match (answer, notified) {
            (_, Some(200..=299)) => Some("in-progress"),
            (_, Some(486 | 600)) => Some("busy"),
            (_, Some(408 | 480 | 487)) => Some("no-answer"),
            (_, Some(_)) => Some("failed"),
            // It was taken, and nothing was said any more.
            (Some(200..=299), None) => None,
            _ => Some("failed"),
        };
        self.done(status, answer, notified)
    }

    fn done(&mut self, status: Option<&str>, answer: Option<u16>, notified: Option<u16>) -> Step {
        let Some(url) = self.refer.action.take() else { return Step::Next };
        let mut extras = Vec::new();
        extras.extend(status.map(|status| ("ReferCallStatus", status.to_owned())));
        extras.extend(answer.map(|code| ("ReferSipResponseCode", code.to_string())));
        extras.extend(notified.map(|code| ("NotifySipResponseCode", code.to_string())));
        Step::Go(Target { url: Some(url), method: self.refer.method, extras, owed: true })
    }
}
