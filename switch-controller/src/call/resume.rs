//! How a call survives its controller: what has to be kept of it, and how another process goes on with it.

use std::time::Duration;

use twiml::Url;

use super::facts::Facts;
use super::pace::Pace;
use super::rules::Rules;
use super::{Call, Desk, Phase};
use crate::script::Script;
use crate::verbs::Step;

pub use crate::script::Place;

/// What another process has to know of a call, beside its [`Facts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The text of its document.
    pub document: String,
    /// Where that came from, if it came from a URL.
    pub url: Option<String>,
    /// Where in it the call was.
    pub place: Place,
    /// How long ago the channel was answered, if it was.
    pub answered: Option<Duration>,
    /// How long the call has lasted.
    pub lasted: Duration,
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

    /// The text of the document, and the URL that it came from. It is another one when [`Place::documents`] is.
    pub fn document(&self) -> Option<(&str, Option<&str>)> {
        Some((self.script.source()?, self.desk.base.as_ref().map(Url::as_str)))
    }

    /// Goes on with a call whose controller is gone: its verb is begun again. Whoever drives it ends what the channel
    /// plays, records and is connected with before. A Dial that was connected rather goes on: then the place behind it is
    /// the one to be resumed, when that is over.
    pub fn resume(facts: Facts, kept: Kept, rules: Rules, now: Duration) -> Self {
        let mut desk = Desk::new(facts, rules, now);
        desk.answered_at = kept.answered.map(|ago| now.saturating_sub(ago));
        desk.base = kept.url.and_then(|url| Url::parse(&url).ok());
        let mut call = Call {
            desk,
            script: Script::default(),
            pace: Pace::default(),
            phase: Phase::Finished,
            over_at: now.saturating_add(rules.duration).saturating_sub(kept.lasted),
            rang: true,
            falling_back: false,
        };
        let step = match call.script.load(kept.document.as_bytes()) {
            Ok(()) => {
                call.script.set_place(kept.place);
                Step::Next
            }
            Err(error) => call.fail(format!("the document that was kept: {error}")),
        };
        call.step(step);
        call
    }
}
