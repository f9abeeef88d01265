//! `<Hangup>`: the call ends; unanswered, if it is the first verb.

use super::Step;

pub(super) fn step() -> Step {
    Step::HangUp
}
