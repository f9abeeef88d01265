//! `<Dial>`: legs to others, of which the first that is answered is connected with the caller.

mod outcome;

use std::collections::VecDeque;
use std::time::Duration;

use twiml::{Dial, DialRecording, DialTo, Leg, Method, UrlRef};

use super::{Step, Target};
use crate::call::action::{Action, LegEnd, Severity, Sound};
use crate::call::desk::Desk;
use crate::call::input::{Ask, HangUp, Input, LegId, LegInput, Route};
use outcome::DialCallStatus;

/// A Dial that is going on.
#[derive(Debug)]
pub(crate) struct Dialing {
    action: Option<UrlRef>,
    method: Method,
    /// How long a leg rings.
    timeout: Duration,
    /// How long legs are connected at most.
    limit: Duration,
    hangup_on_star: bool,
    sequential: bool,
    destinations: Vec<String>,
    caller_id: Option<String>,
    stage: Stage,
    /// Those who are still to be called, if it is one after another.
    routes: VecDeque<Route>,
    legs: Vec<Called>,
    ringback: Option<Ask>,
}

/// Somebody who was called.
#[derive(Debug)]
struct Called {
    id: LegId,
    call_sid: String,
    /// What came of it; none as long as it may still be answered.
    status: Option<DialCallStatus>,
}

#[derive(Debug)]
enum Stage {
    Routing {
        ask: Ask,
        until: Duration,
    },
    Ringing {
        until: Duration,
    },
    /// This leg was answered, and is being connected.
    Joining {
        leg: LegId,
        until: Duration,
    },
    Joined {
        leg: LegId,
        since: Duration,
        until: Duration,
    },
    /// This leg is ending, after so long a connection.
    Parting {
        leg: LegId,
        lasted: Duration,
    },
    /// The caller is gone before anybody answered.
    Abandoned,
}

impl Dialing {
    pub(super) fn new(dial: Dial, desk: &mut Desk) -> Self {
        ignored(&dial, desk);
        let legs = match dial.to {
            DialTo::Legs(legs) => legs,
            DialTo::Conference(_) => Vec::new(),
        };
        let destination = |leg: Leg| match leg {
            Leg::Number(number) => number.number,
            Leg::Sip(sip) => sip.uri,
        };
        Dialing {
            action: dial.action,
            method: dial.method,
            timeout: dial.timeout,
            limit: dial.time_limit,
            hangup_on_star: dial.hangup_on_star,
            sequential: dial.sequential,
            destinations: legs.into_iter().map(destination).collect(),
            caller_id: dial.caller_id,
            stage: Stage::Routing { ask: Ask(0), until: desk.after(desk.rules.platform) },
            routes: VecDeque::new(),
            legs: Vec::new(),
            ringback: None,
        }
    }

    pub(super) fn begin(&mut self, desk: &mut Desk) -> Step {
        let ask = desk.ask();
        self.stage = Stage::Routing { ask, until: desk.after(desk.rules.platform) };
        let destinations = std::mem::take(&mut self.destinations);
        desk.act(Action::FindRoutes { ask, destinations, caller_id: self.caller_id.take() });
        Step::Stay
    }

    pub(super) fn input(&mut self, input: Input, desk: &mut Desk) -> Step {
        match input {
            Input::Routed { ask, result } => match (&self.stage, result) {
                (Stage::Routing { ask: ours, .. }, _) if ask != *ours => Step::Stay,
                (Stage::Routing { .. }, Ok(routes)) => {
                    self.routes = routes.into();
                    self.call_next(desk)
                }
                (Stage::Routing { .. }, Err(problem)) => {
                    desk.log(Severity::Customer, format!("<Dial> reaches nobody: {}", problem.0));
                    self.finish(desk)
                }
                _ => Step::Stay,
            },
            Input::Leg(id, LegInput::Ringing) => self.ringing(id, desk),
            Input::Leg(id, LegInput::Answered) => self.answered(id, desk),
            Input::Leg(id, LegInput::Bridged) => self.bridged(id, desk),
            Input::Leg(id, LegInput::HungUp(end)) => self.leg_gone(id, &end, desk),
            Input::Digit(key) if self.hangup_on_star && key.as_char() == '*' => self.part(desk),
            Input::HungUp(_) => self.caller_gone(desk),
            Input::Lost if self.ringback.is_some() && matches!(self.stage, Stage::Ringing { .. }) => {
                desk.quiet();
                self.ringback = Some(desk.play(Sound::Ringback));
                Step::Stay
            }
            _ => Step::Stay,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        match self.stage {
            Stage::Routing { until, .. }
            | Stage::Ringing { until }
            | Stage::Joining { until, .. }
            | Stage::Joined { until, .. } => Some(until),
            // Legs that were ended have a time to be gone.
            Stage::Parting { .. } | Stage::Abandoned => None,
        }
    }

    pub(super) fn timeout(&mut self, desk: &mut Desk) -> Step {
        if self.poll_timeout().is_none_or(|until| until > desk.now) {
            return Step::Stay;
        }
        match self.stage {
            Stage::Routing { .. } => {
                desk.log(Severity::Operator, "<Dial> reaches nobody: no routes were found in time");
                self.finish(desk)
            }
            Stage::Ringing { .. } => {
                // FreeSWITCH should have given up before.
                for leg in self.legs.iter_mut().filter(|leg| leg.status.is_none()) {
                    leg.status = Some(DialCallStatus::NoAnswer);
                    desk.end_leg(leg.id, LegEnd::CallerGone);
                }
                self.call_next(desk)
            }
            Stage::Joining { .. } => {
                desk.log(Severity::Operator, "a leg was answered, and not connected in time");
                self.part(desk)
            }
            _ => self.part(desk),
        }
    }

    /// Calls all, or the next one, or nobody if there is none.
    fn call_next(&mut self, desk: &mut Desk) -> Step {
        let now = if self.sequential { self.routes.len().min(1) } else { self.routes.len() };
        if now == 0 {
            return self.finish(desk);
        }
        for route in self.routes.drain(..now) {
            let call_sid = route.call_sid.clone();
            let id = desk.ring(route, self.timeout);
            self.legs.push(Called { id, call_sid, status: None });
        }
        self.stage = Stage::Ringing { until: desk.soon().saturating_add(self.timeout) };
        Step::Stay
    }

    fn ringing(&mut self, id: LegId, desk: &mut Desk) -> Step {
        let ours = self.open(id);
        if ours && self.ringback.is_none() && matches!(self.stage, Stage::Ringing { .. }) {
            self.ringback = Some(desk.play(Sound::Ringback));
        }
        Step::Stay
    }

    fn answered(&mut self, id: LegId, desk: &mut Desk) -> Step {
        if !matches!(self.stage, Stage::Ringing { .. }) || !self.open(id) {
            // Too late, unless it is told twice.
            if !matches!(self.stage, Stage::Joining { leg, .. } | Stage::Joined { leg, .. } if leg == id) {
                desk.end_leg(id, LegEnd::LostRace);
            }
            return Step::Stay;
        }
        desk.end_legs(Some(id), LegEnd::LostRace);
        desk.bridge(id);
        // The ringing has to end first.
        let until = desk.soon().saturating_add(desk.rules.switch);
        self.stage = Stage::Joining { leg: id, until };
        Step::Stay
    }

    fn bridged(&mut self, id: LegId, desk: &Desk) -> Step {
        if matches!(self.stage, Stage::Joining { leg, .. } if leg == id) {
            self.stage = Stage::Joined { leg: id, since: desk.now, until: desk.after(self.limit) };
        }
        Step::Stay
    }

    fn leg_gone(&mut self, id: LegId, end: &HangUp, desk: &mut Desk) -> Step {
        let Some(leg) = self.legs.iter_mut().find(|leg| leg.id == id) else { return Step::Stay };
        leg.status.get_or_insert_with(|| DialCallStatus::of(end));
        match self.stage {
            Stage::Ringing { .. } if self.legs.iter().all(|leg| leg.status.is_some()) => self.call_next(desk),
            Stage::Joining { leg, .. } if leg == id => self.over(id, Duration::ZERO),
            Stage::Joined { leg, since, .. } if leg == id => self.over(id, desk.now.saturating_sub(since)),
            Stage::Parting { leg, lasted } if leg == id => self.over(id, lasted),
            Stage::Abandoned if !self.legs.iter().any(|leg| desk.legs.has(leg.id)) => self.finish(desk),
            _ => Step::Stay,
        }
    }

    /// Ends the leg that is connected; `Over` follows when it is gone.
    fn part(&mut self, desk: &mut Desk) -> Step {
        let (leg, lasted) = match self.stage {
            Stage::Joining { leg, .. } => (leg, Duration::ZERO),
            Stage::Joined { leg, since, .. } => (leg, desk.now.saturating_sub(since)),
            _ => return Step::Stay,
        };
        desk.end_leg(leg, LegEnd::Over);
        self.stage = Stage::Parting { leg, lasted };
        Step::Stay
    }

    fn caller_gone(&mut self, desk: &mut Desk) -> Step {
        match self.stage {
            Stage::Routing { .. } | Stage::Ringing { .. } => {
                self.routes.clear();
                for leg in self.legs.iter_mut().filter(|leg| leg.status.is_none()) {
                    leg.status = Some(DialCallStatus::Canceled);
                }
                self.stage = Stage::Abandoned;
                desk.end_legs(None, LegEnd::CallerGone);
                if self.legs.iter().any(|leg| desk.legs.has(leg.id)) { Step::Stay } else { self.finish(desk) }
            }
            _ => self.part(desk),
        }
    }

    /// Whether this is a leg that may still be answered.
    fn open(&self, id: LegId) -> bool {
        self.legs.iter().any(|leg| leg.id == id && leg.status.is_none())
    }

    /// The connection is over.
    fn over(&mut self, id: LegId, lasted: Duration) -> Step {
        let sid = self.legs.iter().find(|leg| leg.id == id).map(|leg| leg.call_sid.clone());
        self.done(DialCallStatus::Completed, sid, Some(lasted))
    }

    /// Nobody answered.
    fn finish(&mut self, desk: &mut Desk) -> Step {
        desk.quiet();
        let best =
            self.legs.iter().filter_map(|leg| Some((leg.status?, leg))).max_by_key(|(status, _)| *status);
        let sid = best.map(|(_, leg)| leg.call_sid.clone());
        let none = if desk.gone { DialCallStatus::Canceled } else { DialCallStatus::Failed };
        self.done(best.map_or(none, |(status, _)| status), sid, None)
    }

    fn done(&mut self, status: DialCallStatus, sid: Option<String>, lasted: Option<Duration>) -> Step {
        let Some(url) = self.action.take() else { return Step::Next };
        let mut extras = vec![("DialCallStatus", status.as_str().to_owned())];
        extras.extend(sid.map(|sid| ("DialCallSid", sid)));
        extras.extend(lasted.map(|lasted| ("DialCallDuration", lasted.as_secs().to_string())));
        Step::Go(Target { url: Some(url), method: self.method, extras, owed: true })
    }
}

/// Says what is not done of what the document asks for.
fn ignored(dial: &Dial, desk: &mut Desk) {
    let legs = match &dial.to {
        DialTo::Legs(legs) => legs.as_slice(),
        DialTo::Conference(_) => &[],
    };
    let document = |leg: &Leg| match leg {
        Leg::Number(number) => number.url.is_some(),
        Leg::Sip(sip) => sip.url.is_some(),
    };
    let callback = |leg: &Leg| match leg {
        Leg::Number(number) => number.status_callback.is_some(),
        Leg::Sip(sip) => sip.status_callback.is_some(),
    };
    let keys = |leg: &Leg| matches!(leg, Leg::Number(number) if number.send_digits.is_some());
    let password =
        |leg: &Leg| matches!(leg, Leg::Sip(sip) if sip.username.is_some() || sip.password.is_some());
    let ignored = [
        ("answerOnBridge", dial.answer_on_bridge),
        ("record", dial.record != DialRecording::DoNotRecord),
        ("ringTone", dial.ring_tone.is_some()),
        ("url", legs.iter().any(document)),
        ("statusCallback", legs.iter().any(callback)),
        ("sendDigits", legs.iter().any(keys)),
        ("username and password", legs.iter().any(password)),
    ];
    for (name, _) in ignored.iter().filter(|(_, there)| *there) {
        desk.log(Severity::Customer, format!("'{name}' in <Dial> is ignored"));
    }
}
