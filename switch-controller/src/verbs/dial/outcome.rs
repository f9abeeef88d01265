//! What came of a leg: FreeSWITCH's causes as Twilio's words.

use crate::call::input::HangUp;

/// `DialCallStatus`, from what says least of why nobody answered to what says most: of several legs the last one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DialCallStatus {
    Canceled,
    Failed,
    Busy,
    NoAnswer,
    Completed,
}

impl DialCallStatus {
    /// What came of a leg that was not connected.
    pub(crate) fn of(end: &HangUp) -> Self {
        match (end.cause.as_str(), end.sip_status) {
            // Some carriers say so of a callee who does not answer.
            (_, Some(603)) => DialCallStatus::NoAnswer,
            ("USER_BUSY", _) | (_, Some(486 | 600)) => DialCallStatus::Busy,
            ("NO_ANSWER" | "NO_USER_RESPONSE" | "ALLOTTED_TIMEOUT" | "PROGRESS_TIMEOUT", _) => {
                DialCallStatus::NoAnswer
            }
            ("ORIGINATOR_CANCEL" | "LOSE_RACE", _) => DialCallStatus::Canceled,
            _ => DialCallStatus::Failed,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            DialCallStatus::Canceled => "canceled",
            DialCallStatus::Failed => "failed",
            DialCallStatus::Busy => "busy",
            DialCallStatus::NoAnswer => "no-answer",
            DialCallStatus::Completed => "completed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn di17_causes_are_told_apart() {
        let of = |cause: &str, sip_status| {
            DialCallStatus::of(&HangUp { cause: cause.to_owned(), sip_status }).as_str()
        };
        assert_eq!(of("USER_BUSY", Some(486)), "busy");
        assert_eq!(of("NORMAL_UNSPECIFIED", Some(600)), "busy");
        assert_eq!(of("NO_ANSWER", None), "no-answer");
        assert_eq!(of("NO_USER_RESPONSE", Some(480)), "no-answer");
        assert_eq!(of("CALL_REJECTED", Some(603)), "no-answer");
        assert_eq!(of("CALL_REJECTED", Some(403)), "failed");
        assert_eq!(of("ORIGINATOR_CANCEL", Some(487)), "canceled");
        assert_eq!(of("LOSE_RACE", None), "canceled");
        assert_eq!(of("UNALLOCATED_NUMBER", Some(404)), "failed");
        assert_eq!(of("RECOVERY_ON_TIMER_EXPIRE", None), "failed");
        assert_eq!(of("", None), "failed");
    }
}
