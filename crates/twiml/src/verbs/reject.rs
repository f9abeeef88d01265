//! `<Reject>`: refuses a call that was not answered.

use super::Reading;
use crate::element::Element;

/// `<Reject>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// `reason`
    pub reason: RejectReason,
}

/// What the caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectReason {
    /// Declined: SIP 603 (RFC 3261 21.6.2).
    Rejected,
    /// Busy: SIP 486 (RFC 3261 21.4.24).
    Busy,
}

impl Reject {
    pub(super) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Reject {
        reading.ignored_content(element);
        let words = [("rejected", RejectReason::Rejected), ("busy", RejectReason::Busy)];
        let reason = element.choice("reason", &words, RejectReason::Rejected, "rejected or busy", reading);
        Reject { reason }
    }
}
