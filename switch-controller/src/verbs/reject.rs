//! `<Reject>`: a call that was not answered is refused; one that was ends.

use twiml::{Reject, RejectReason};

use super::Step;
use crate::call::action::Refusal;
use crate::call::desk::Desk;

pub(super) fn step(reject: &Reject, desk: &Desk) -> Step {
    match reject.reason {
        _ if desk.answered_at.is_some() => Step::HangUp,
        RejectReason::Busy => Step::Refuse(Refusal::Busy),
        RejectReason::Rejected => Step::Refuse(Refusal::Rejected),
    }
}
