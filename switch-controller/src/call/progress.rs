//! What the customer is told of a leg as it gets on: `statusCallback` of a noun. It is told of legs that no verb waits for
//! any more, too.

use std::time::Duration;

use twiml::{CallEvent, Method, Url};

use super::facts::Facts;
use super::input::LegInput;
use crate::verbs::DialCallStatus;
use crate::webhook::Request;

/// Who is told of a leg.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(crate) url: Url,
    pub(crate) method: Method,
    /// Of what.
    pub(crate) events: Vec<CallEvent>,
    /// The platform's name for the leg.
    pub(crate) call_sid: String,
    /// Whom the callee sees.
    pub(crate) from: String,
    /// Who is called.
    pub(crate) to: String,
    /// What came last: nothing is told twice, nor too late.
    last: CallEvent,
    answered_at: Option<Duration>,
    told: u32,
}

impl Progress {
    pub(crate) fn new(callback: (Url, Method, Vec<CallEvent>), call_sid: &str, from: &str, to: &str) -> Self {
        let (url, method, events) = callback;
        let (call_sid, from, to) = (call_sid.to_owned(), from.to_owned(), to.to_owned());
        let last = CallEvent::Initiated;
        Progress { url, method, events, call_sid, from, to, last, answered_at: None, told: 0 }
    }

    /// The leg is being called.
    pub(crate) fn initiated(&mut self, facts: &Facts) -> Option<Request> {
        self.tell(CallEvent::Initiated, "initiated", None, facts)
    }

    /// Something happened to it.
    pub(crate) fn happened(&mut self, what: &LegInput, facts: &Facts, now: Duration) -> Option<Request> {
        let (event, status) = match what {
            LegInput::Ringing => (CallEvent::Ringing, "ringing"),
            LegInput::Answered => (CallEvent::Answered, "in-progress"),
            LegInput::HungUp(_) if self.answered_at.is_some() => (CallEvent::Completed, "completed"),
            LegInput::HungUp(end) => (CallEvent::Completed, DialCallStatus::of(end).as_str()),
            LegInput::Briefed | LegInput::Bridged => return None,
        };
        if event <= self.last {
            return None;
        }
        self.last = event;
        if event == CallEvent::Answered {
            self.answered_at = Some(now);
        }
        let lasted = self.answered_at.map(|at| now.saturating_sub(at));
        self.tell(event, status, lasted.filter(|_| event == CallEvent::Completed), facts)
    }

    fn tell(
        &mut self,
        event: CallEvent,
        status: &str,
        lasted: Option<Duration>,
        facts: &Facts,
    ) -> Option<Request> {
        if !self.events.contains(&event) {
            return None;
        }
        let sequence = self.told.to_string();
        self.told = self.told.saturating_add(1);
        let (from, to) = (self.from.as_str(), self.to.as_str());
        let seconds = lasted.map(|lasted| lasted.as_secs().to_string());
        let mut parameters = vec![
            ("Caller", from),
            ("Called", to),
            ("From", from),
            ("To", to),
            ("CallSid", &self.call_sid),
            ("ParentCallSid", &facts.call_sid),
            ("Direction", "outbound-dial"),
            ("AccountSid", &facts.account_sid),
            ("ApiVersion", &facts.api_version),
            ("CallStatus", status),
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", &sequence),
        ];
        if let Some(seconds) = &seconds {
            parameters.push(("CallDuration", seconds));
        }
        let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut url = self.url.clone();
        url.set_fragment(None);
        Some(Request { url: url.into(), method: self.method, parameters: parameters.collect() })
    }
}
