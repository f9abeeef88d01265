//! `<Dial>`: legs to others, of which the first that is answered is connected with the caller; one that has a document of its
//! own (`url`, `sendDigits`) when it has executed that, while the others ring on.
//!
//! | file | what it holds |
//! |---|---|
//! | `whom.rs` | whom it calls |
//! | `recorder.rs` | what it records |
//! | `tones.rs` | how it rings |
//! | `outcome.rs` | what comes of a leg |

mod outcome;
mod recorder;
mod tones;
mod whom;

use std::collections::VecDeque;
use std::time::Duration;

use twiml::{Dial, Leg, Method, UrlRef};

use super::{Step, Target};
use crate::call::action::{Action, LegEnd, Severity, Sound};
use crate::call::desk::Desk;
use crate::call::facts::Application;
use crate::call::input::{Ask, HangUp, Input, LegId, LegInput, Route};
use crate::call::progress::Progress;
pub(crate) use outcome::DialCallStatus;
use recorder::Recorder;
use whom::Whom;
pub(super) use whom::absolute;

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
    /// What the caller hears while it rings.
    tone: &'static str,
    /// Those who are still to be called.
    whom: VecDeque<Whom>,
    /// How they are reached, in the same order.
    routes: VecDeque<Route>,
    caller_id: Option<String>,
    stage: Stage,
    legs: Vec<Called>,
    /// How long those who were answered may listen to their documents.
    listens_until: Option<Duration>,
    /// Whether the caller was told that it rings.
    rings: bool,
    recorder: Recorder,
}

/// Somebody who was called.
#[derive(Debug)]
struct Called {
    id: LegId,
    call_sid: String,
    /// What came of it; none as long as it may still be answered.
    status: Option<DialCallStatus>,
    /// What it executes when it is answered.
    brief: Option<Briefing>,
}

/// What a leg executes before it is connected.
#[derive(Debug)]
enum Briefing {
    /// It has not been answered.
    Due { application: Application, from: String, to: String },
    /// It does.
    Going,
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
    /// This leg waits for the caller to be answered.
    Answering {
        leg: LegId,
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
    /// Nothing is left but a recording, which is being ended and kept.
    Keeping {
        until: Duration,
        extras: Vec<(&'static str, String)>,
    },
}

impl Dialing {
    pub(super) fn new(dial: &Dial, legs: Vec<Leg>, desk: &mut Desk) -> Self {
        let tone = dial.ring_tone.as_deref().and_then(|country| {
            let tone = tones::of(country);
            if tone.is_none() {
                desk.log(
                    Severity::Customer,
                    format!("'ringTone' {country:?} is not known: the usual one rings"),
                );
            }
            tone
        });
        Dialing {
            action: dial.action.clone(),
            method: dial.method,
            timeout: dial.timeout,
            limit: dial.time_limit,
            hangup_on_star: dial.hangup_on_star,
            sequential: dial.sequential,
            tone: tone.unwrap_or(tones::USUAL),
            recorder: Recorder::new(dial, desk),
            whom: legs.into_iter().map(|leg| Whom::new(leg, desk)).collect(),
            routes: VecDeque::new(),
            caller_id: dial.caller_id.clone(),
            stage: Stage::Routing { ask: Ask(0), until: desk.after(desk.rules.platform) },
            legs: Vec::new(),
            listens_until: None,
            rings: false,
        }
    }

    pub(super) fn begin(&mut self, desk: &mut Desk) -> Step {
        let ask = desk.ask();
        self.stage = Stage::Routing { ask, until: desk.after(desk.rules.platform) };
        let destinations = self.whom.iter().map(|whom| whom.to.clone()).collect();
        desk.act(Action::FindRoutes { ask, destinations, caller_id: self.caller_id.take() });
        Step::Stay
    }

    pub(super) fn input(&mut self, input: Input, desk: &mut Desk) -> Step {
        if self.recorder.input(&input, desk) {
            return self.kept();
        }
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
            Input::Leg(id, LegInput::Briefed) => self.briefed(id, desk),
            Input::Leg(id, LegInput::Bridged) => self.bridged(id, desk),
            Input::Leg(id, LegInput::HungUp(end)) => self.leg_gone(id, &end, desk),
            Input::Digit(key) if self.hangup_on_star && key.as_char() == '*' => self.part(desk),
            Input::Answered => self.caller_answered(desk),
            Input::HungUp(_) => self.caller_gone(desk),
            Input::Lost if self.rings && matches!(self.stage, Stage::Ringing { .. }) => {
                desk.quiet();
                self.ring(desk);
                Step::Stay
            }
            Input::Lost if matches!(self.stage, Stage::Answering { .. }) => {
                desk.act(Action::Answer);
                Step::Stay
            }
            _ => Step::Stay,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        match self.stage {
            Stage::Routing { until, .. }
            | Stage::Ringing { until }
            | Stage::Answering { until, .. }
            | Stage::Joining { until, .. }
            | Stage::Joined { until, .. }
            | Stage::Keeping { until, .. } => Some(until),
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
            Stage::Ringing { .. } => self.rang_long_enough(desk),
            Stage::Answering { .. } | Stage::Joining { .. } => {
                desk.log(Severity::Operator, "a leg was answered, and not connected in time");
                self.part(desk)
            }
            Stage::Keeping { .. } => {
                desk.log(Severity::Operator, "a recording was not kept in time");
                self.recorder.overdue(desk);
                self.close()
            }
            _ => self.part(desk),
        }
    }

    /// Calls all, or the next one, or nobody if there is none.
    fn call_next(&mut self, desk: &mut Desk) -> Step {
        let count = if self.sequential { self.routes.len().min(1) } else { self.routes.len() };
        if count == 0 {
            return self.finish(desk);
        }
        for _ in 0..count {
            let (Some(route), Some(whom)) = (self.routes.pop_front(), self.whom.pop_front()) else { break };
            let (call_sid, from) = (route.call_sid.clone(), route.caller_id.clone());
            let progress = whom.callback.map(|callback| Progress::new(callback, &call_sid, &from, &whom.to));
            let brief = whom.brief.map(|application| Briefing::Due { application, from, to: whom.to });
            let id = desk.ring(route, self.timeout, progress);
            self.legs.push(Called { id, call_sid, status: None, brief });
        }
        self.stage = Stage::Ringing { until: desk.soon().saturating_add(self.timeout) };
        Step::Stay
    }

    /// FreeSWITCH should have given up before. Those who listen to their document have as long as a connection has.
    fn rang_long_enough(&mut self, desk: &mut Desk) -> Step {
        let until = self.listens_until.filter(|until| *until > desk.now);
        let late = |leg: &&mut Called| {
            leg.status.is_none() && (until.is_none() || !matches!(leg.brief, Some(Briefing::Going)))
        };
        for leg in self.legs.iter_mut().filter(late) {
            leg.status = Some(DialCallStatus::NoAnswer);
            desk.end_leg(leg.id, LegEnd::CallerGone);
        }
        if let Some(until) = until.filter(|_| self.legs.iter().any(|leg| leg.status.is_none())) {
            self.stage = Stage::Ringing { until };
            return Step::Stay;
        }
        self.call_next(desk)
    }

    fn ringing(&mut self, id: LegId, desk: &mut Desk) -> Step {
        if self.open(id) && !self.rings && matches!(self.stage, Stage::Ringing { .. }) {
            self.rings = true;
            self.ring(desk);
        }
        Step::Stay
    }

    /// A caller who was not answered hears the ringing of its own exchange.
    fn ring(&mut self, desk: &mut Desk) {
        match desk.answered_at {
            None => desk.act(Action::Ring180),
            Some(_) => {
                desk.play(Sound::Ringback(self.tone));
                self.recorder.ringing(self.limit, desk);
            }
        }
    }

    fn answered(&mut self, id: LegId, desk: &mut Desk) -> Step {
        if !matches!(self.stage, Stage::Ringing { .. }) || !self.open(id) {
            if self.has_call(id) {
                // It is told twice.
                return Step::Stay;
            }
            desk.end_leg(id, LegEnd::LostRace);
            return Step::Stay;
        }
        let Some(leg) = self.legs.iter_mut().find(|leg| leg.id == id) else { return Step::Stay };
        match leg.brief.take() {
            None => return self.join(id, desk),
            Some(Briefing::Due { application, from, to }) => {
                let call_sid = leg.call_sid.clone();
                self.listens_until.get_or_insert(desk.after(self.limit));
                desk.act(Action::Brief { leg: id, from, to, call_sid, application });
            }
            Some(Briefing::Going) => {}
        }
        leg.brief = Some(Briefing::Going);
        Step::Stay
    }

    /// A leg has executed its document: the first that has gets the call.
    fn briefed(&mut self, id: LegId, desk: &mut Desk) -> Step {
        let listened = |leg: &Called| leg.id == id && matches!(leg.brief, Some(Briefing::Going));
        if matches!(self.stage, Stage::Ringing { .. }) && self.open(id) && self.legs.iter().any(listened) {
            return self.join(id, desk);
        }
        if !self.has_call(id) {
            desk.end_leg(id, LegEnd::LostRace);
        }
        Step::Stay
    }

    /// Connects a leg with the caller, who is answered before that.
    fn join(&mut self, id: LegId, desk: &mut Desk) -> Step {
        self.call_no_more(desk);
        desk.end_legs(Some(id), LegEnd::LostRace);
        // The ringing has to end first.
        let until = desk.soon().saturating_add(desk.rules.switch);
        if desk.answered_at.is_none() {
            desk.act(Action::Answer);
            self.stage = Stage::Answering { leg: id, until };
        } else {
            desk.bridge(id);
            self.stage = Stage::Joining { leg: id, until };
        }
        Step::Stay
    }

    fn caller_answered(&mut self, desk: &mut Desk) -> Step {
        if let Stage::Answering { leg, .. } = self.stage {
            desk.bridge(leg);
            self.stage = Stage::Joining { leg, until: desk.soon().saturating_add(desk.rules.switch) };
        }
        Step::Stay
    }

    /// Whether this leg has the call, or is about to.
    fn has_call(&self, id: LegId) -> bool {
        matches!(self.stage, Stage::Answering { leg, .. } | Stage::Joining { leg, .. } | Stage::Joined { leg, .. } if leg == id)
    }

    fn bridged(&mut self, id: LegId, desk: &mut Desk) -> Step {
        if matches!(self.stage, Stage::Joining { leg, .. } if leg == id) {
            self.recorder.answered(self.limit, desk);
            self.stage = Stage::Joined { leg: id, since: desk.now, until: desk.after(self.limit) };
        }
        Step::Stay
    }

    fn leg_gone(&mut self, id: LegId, end: &HangUp, desk: &mut Desk) -> Step {
        let Some(leg) = self.legs.iter_mut().find(|leg| leg.id == id) else { return Step::Stay };
        // One who listened to its document had answered.
        let answered = matches!(leg.brief, Some(Briefing::Going));
        let status = if answered { DialCallStatus::Completed } else { DialCallStatus::of(end) };
        leg.status.get_or_insert(status);
        match self.stage {
            Stage::Ringing { .. } if self.legs.iter().all(|leg| leg.status.is_some()) => self.call_next(desk),
            Stage::Answering { leg, .. } | Stage::Joining { leg, .. } if leg == id => {
                self.over(id, Duration::ZERO, desk)
            }
            Stage::Joined { leg, since, .. } if leg == id => {
                self.over(id, desk.now.saturating_sub(since), desk)
            }
            Stage::Parting { leg, lasted } if leg == id => self.over(id, lasted, desk),
            Stage::Abandoned if !self.legs.iter().any(|leg| desk.legs.has(leg.id)) => self.finish(desk),
            _ => Step::Stay,
        }
    }

    /// Ends the leg that is connected; `Over` follows when it is gone.
    fn part(&mut self, desk: &mut Desk) -> Step {
        let (leg, lasted) = match self.stage {
            Stage::Answering { leg, .. } | Stage::Joining { leg, .. } => (leg, Duration::ZERO),
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
                self.call_no_more(desk);
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

    /// Whoever was not called is not called any more.
    fn call_no_more(&mut self, desk: &mut Desk) {
        if !self.routes.is_empty() {
            self.routes.clear();
            desk.act(Action::CallNoMore);
        }
    }

    /// Whether this is a leg that may still be answered.
    fn open(&self, id: LegId) -> bool {
        self.legs.iter().any(|leg| leg.id == id && leg.status.is_none())
    }

    /// The connection is over.
    fn over(&mut self, id: LegId, lasted: Duration, desk: &mut Desk) -> Step {
        let sid = self.legs.iter().find(|leg| leg.id == id).map(|leg| leg.call_sid.clone());
        self.done(DialCallStatus::Completed, sid, Some(lasted), desk)
    }

    /// Nobody answered.
    fn finish(&mut self, desk: &mut Desk) -> Step {
        desk.quiet();
        let best =
            self.legs.iter().filter_map(|leg| Some((leg.status?, leg))).max_by_key(|(status, _)| *status);
        let sid = best.map(|(_, leg)| leg.call_sid.clone());
        let none = if desk.gone { DialCallStatus::Canceled } else { DialCallStatus::Failed };
        self.done(best.map_or(none, |(status, _)| status), sid, None, desk)
    }

    /// It is over, but for what is being recorded.
    fn done(
        &mut self,
        status: DialCallStatus,
        sid: Option<String>,
        lasted: Option<Duration>,
        desk: &mut Desk,
    ) -> Step {
        let mut extras = vec![("DialCallStatus", status.as_str().to_owned())];
        extras.extend(sid.map(|sid| ("DialCallSid", sid)));
        extras.extend(lasted.map(|lasted| ("DialCallDuration", lasted.as_secs().to_string())));
        self.recorder.stop(desk);
        self.stage = Stage::Keeping { until: desk.soon().saturating_add(desk.rules.platform), extras };
        self.kept()
    }

    /// Something became of the recording.
    fn kept(&mut self) -> Step {
        let ended = matches!(self.stage, Stage::Keeping { .. });
        if ended && self.recorder.is_over() { self.close() } else { Step::Stay }
    }

    fn close(&mut self) -> Step {
        let (Some(url), Stage::Keeping { extras, .. }) = (self.action.take(), &mut self.stage) else {
            return Step::Next;
        };
        let mut extras = std::mem::take(extras);
        if let Some((url, length)) = self.recorder.take() {
            extras.push(("RecordingUrl", url));
            extras.push(("RecordingDuration", length.as_secs().to_string()));
        }
        Step::Go(Target { url: Some(url), method: self.method, extras, owed: true })
    }

    /// The call does something else: what was recorded is kept. What is heard and legs are ended beside this.
    pub(super) fn interrupt(mut self, desk: &mut Desk) {
        self.call_no_more(desk);
        self.recorder.interrupt(desk);
    }
}
