//! How a call survives its controller: what has to be kept of it, and how another process goes on with it.

use std::time::Duration;

use twiml::{Url, Verb};

use super::facts::{Application, Direction, Facts};
use super::pace::Pace;
use super::rules::Rules;
use super::{Call, Desk, Phase};
use crate::script::Script;
use crate::verbs::{Step, Target};

pub use crate::script::Place;

/// What another process has to know of a call, beside its [`Facts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// What it goes on with.
    pub next: Next,
    /// How long ago the channel was answered, if it was.
    pub answered: Option<Duration>,
    /// How long the call has lasted.
    pub lasted: Duration,
    /// The number after which asks begin.
    pub asked: u32,
}

/// What a call goes on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A verb, from its beginning.
    Verb {
        /// The text of its document.
        document: String,
        /// Where that came from, if it came from a URL.
        url: Option<String>,
        /// Where in it the call was.
        place: Place,
        /// The verb was a Dial, which was connected, and is over.
        dialled: bool,
    },
    /// An application that was not begun, or that the API wants instead.
    Application(Application),
}

impl Call {
    /// The verb that is carried out. `None` while there is none: a document that is asked for is no reason to forget the
    /// one before, whose last verb would be begun again.
    pub fn place(&self) -> Option<Place> {
        match self.phase {
            Phase::Answering { .. } | Phase::Running(_) if !self.desk.gone => self.script.place(),
            _ => None,
        }
    }

    /// When it was answered.
    pub fn answered_at(&self) -> Option<Duration> {
        self.desk.answered_at
    }

    /// The text of the document, and the URL that it came from. It is another one when [`Place::documents`] is.
    pub fn document(&self) -> Option<(&str, Option<&str>)> {
        Some((self.script.source()?, self.desk.base.as_ref().map(Url::as_str)))
    }

    /// Goes on with a call whose controller is gone: its verb is begun again. Whoever drives it ends what the channel
    /// plays and records before. A Dial that was connected rather goes on; when that is over, the call goes on behind it.
    pub fn resume(facts: Facts, left: Left, rules: Rules, now: Duration) -> Self {
        let rings = facts.direction == Direction::OutboundApi && left.answered.is_none();
        let mut desk = Desk::new(facts, rules, now);
        desk.answered_at = left.answered.map(|ago| now.saturating_sub(ago));
        desk.begin_asks_after(left.asked);
        let mut call = Call {
            desk,
            script: Script::default(),
            pace: Pace::default(),
            phase: Phase::Finished,
            over_at: now.saturating_add(rules.duration).saturating_sub(left.lasted),
            rang: true,
            released: false,
            falling_back: false,
        };
        match left.next {
            Next::Application(application) if rings => {
                call.phase = Phase::Calling { application, until: now.saturating_add(rules.ringing) };
            }
            Next::Application(application) => call.execute(application),
            Next::Verb { document, url, place, dialled } => {
                call.desk.base = url.and_then(|url| Url::parse(&url).ok());
                let step = match call.script.load(document.as_bytes()) {
                    Ok(()) => {
                        call.script.set_place(place);
                        if dialled { call.behind_dial() } else { Step::Next }
                    }
                    Err(error) => call.fail(format!("the document that was kept: {error}")),
                };
                call.step(step);
            }
        }
        call
    }

    /// Goes on behind a Dial whose end nobody saw: how long it was connected is not known.
    fn behind_dial(&mut self) -> Step {
        let Some(Ok(Verb::Dial(dial))) = self.script.next() else { return Step::Next };
        if dial.action.is_none() {
            return Step::Next;
        }
        let extras = vec![("DialCallStatus", "completed".to_owned())];
        Step::Go(Target { url: dial.action, method: dial.method, extras, owed: false })
    }

    /// A call whose channel is gone, or is being ended: whoever is to know is told when that is told.
    pub fn over(facts: Facts, answered_at: Option<Duration>, rules: Rules, now: Duration) -> Self {
        let mut desk = Desk::new(facts, rules, now);
        desk.answered_at = answered_at;
        let until = desk.soon();
        Call {
            desk,
            script: Script::default(),
            pace: Pace::default(),
            phase: Phase::Ending { until },
            over_at: now.saturating_add(rules.duration),
            rang: true,
            released: false,
            falling_back: false,
        }
    }
}
