//! A call: inputs and the time go in, actions come out.
//!
//! This module and `verbs/` must not contain: sockets, files, clocks, randomness, tokio. Time is a [`Duration`] since
//! any beginning that the caller keeps to.
//!
//! Whoever drives a [`Call`] tells it what happens ([`Call::input`]) and what the time is when that was asked for
//! ([`Call::poll_timeout`], [`Call::timeout`]), and does what it wants after each of them, in order
//! ([`Call::next_action`]), until it wants to be forgotten ([`Action::Finish`]).

pub mod action;
pub(crate) mod desk;
mod end;
pub mod facts;
mod fetch;
pub mod input;
mod legs;
mod line;
mod pace;
pub(crate) mod progress;
pub mod resume;
pub mod rules;

use std::time::Duration;

use twiml::{Url, Verb};

use crate::script::Script;
use crate::verbs::{self, Begun, Running, Step};
use crate::webhook::{Request, shown};
use action::{Action, LegEnd, Report, Severity};
use desk::Desk;
use facts::{Application, Direction, Facts};
use input::{Ask, HangUp, Input, LegId, LegInput};
use pace::Pace;
use rules::{Rules, Unsupported};

/// A call.
#[derive(Debug)]
pub struct Call {
    desk: Desk,
    script: Script,
    pace: Pace,
    phase: Phase,
    /// When it has lasted long enough.
    over_at: Duration,
    /// Whether the platform was told that it rings.
    rang: bool,
    /// Whether it was forgotten in good order, and its channel goes on.
    released: bool,
    /// Whether the document that is asked for is the fallback.
    falling_back: bool,
}

/// What a call does. Each waits for something, and not forever.
#[derive(Debug)]
enum Phase {
    /// An outbound call, which nobody answered yet. It executes nothing (L9).
    Calling { application: Application, until: Duration },
    /// It is too early to ask for another document.
    Pacing { until: Duration, request: Request, owed: bool },
    /// A document was asked for.
    Fetching { ask: Ask, until: Duration, asked: Asked },
    /// The channel is being answered, for this verb.
    Answering { verb: Box<Verb>, until: Duration },
    /// A verb takes its time; at most as long as the call may last.
    Running(Running),
    /// The channel was told to end.
    Ending { until: Duration },
    /// The channel is gone, and legs or recordings are still to end.
    Tidying { until: Duration },
    /// The call is to be forgotten.
    Finished,
}

/// Where a document was asked for.
#[derive(Debug)]
struct Asked {
    /// Without the parameters of a GET.
    url: String,
    /// With them.
    target: String,
}

impl Call {
    /// A call at its beginning: an inbound one that was not answered, or an outbound one that is being set up.
    pub fn new(facts: Facts, application: Application, rules: Rules, now: Duration) -> Self {
        let outbound = facts.direction == Direction::OutboundApi;
        let mut call = Call {
            desk: Desk::new(facts, rules, now),
            script: Script::default(),
            pace: Pace::default(),
            phase: Phase::Finished,
            over_at: now.saturating_add(rules.duration),
            rang: false,
            released: false,
            falling_back: false,
        };
        if outbound {
            call.phase = Phase::Calling { application, until: now.saturating_add(rules.ringing) };
        } else {
            call.execute(application);
        }
        call
    }

    /// A leg that was answered and executes an application of its own, before it is connected with `parent`. When that is
    /// over, the channel stays: see [`Call::is_released`].
    pub fn brief(
        facts: Facts,
        parent: String,
        application: Application,
        rules: Rules,
        now: Duration,
    ) -> Self {
        let mut desk = Desk::new(facts, rules, now);
        (desk.answered_at, desk.parent) = (Some(now), Some(parent));
        let mut call = Call {
            desk,
            script: Script::default(),
            pace: Pace::default(),
            phase: Phase::Finished,
            over_at: now.saturating_add(rules.duration),
            rang: true,
            released: false,
            falling_back: false,
        };
        call.execute(application);
        call
    }

    /// Whether a leg has executed its own application, and its channel is to go on.
    pub fn is_released(&self) -> bool {
        self.released
    }

    /// Something happened. After [`Action::Finish`] nothing comes of it.
    pub fn input(&mut self, input: Input, now: Duration) {
        self.desk.now = self.desk.now.max(now);
        if matches!(self.phase, Phase::Finished) {
            return;
        }
        match input {
            Input::Ringing => self.ringing(),
            Input::Answered => self.answered(),
            Input::HungUp(end) => self.hung_up(end),
            Input::End => self.end("the API ends the call"),
            Input::Update(application) => self.update(application),
            Input::Lost => self.lost(),
            Input::Fetched { .. } if matches!(self.phase, Phase::Running(_)) => self.tell(input),
            Input::Fetched { ask, result } => self.fetched(ask, result),
            Input::Played { ask, .. } => {
                if self.desk.line.played(ask, &mut self.desk.out) {
                    self.tell(input);
                }
            }
            Input::Recorded { ask, length, .. } => {
                if !self.desk.left_recording_is_over(ask, length) {
                    self.tell(input);
                }
            }
            Input::Leg(id, LegInput::HungUp(end)) => self.leg_gone(id, end),
            Input::Leg(id, _) if !self.desk.legs.has(id) => {
                // It was given up, and lives.
                if self.desk.was_rung(id) {
                    self.desk.act(Action::EndLeg { leg: id, reason: LegEnd::CallerGone });
                }
            }
            Input::Leg(id, ref what) => {
                self.desk.leg_happened(id, what);
                self.tell(input);
            }
            Input::Digit(_)
            | Input::Kept { .. }
            | Input::Sound { .. }
            | Input::Room(..)
            | Input::Referred { .. }
            | Input::Routed { .. } => {
                self.tell(input);
            }
        }
        self.tidy();
    }

    /// What is to be done next.
    pub fn next_action(&mut self) -> Option<Action> {
        let action = self.desk.out.pop_front();
        if self.desk.out.is_empty() {
            // A burst of actions is rare, and calls are many.
            self.desk.out.shrink_to(4);
        }
        action
    }

    /// When to call [`Call::timeout`], if nothing happens before. `None` when the call is to be forgotten.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let phase = match &self.phase {
            Phase::Finished => return None,
            Phase::Calling { until, .. }
            | Phase::Pacing { until, .. }
            | Phase::Fetching { until, .. }
            | Phase::Answering { until, .. }
            | Phase::Ending { until }
            | Phase::Tidying { until } => Some(*until),
            Phase::Running(verb) => verb.poll_timeout(),
        };
        let over_at = (!self.is_ending()).then_some(self.over_at);
        [phase, self.desk.poll_timeout(), over_at].into_iter().flatten().min()
    }

    /// The time is now. Nothing happens if it is too early.
    pub fn timeout(&mut self, now: Duration) {
        self.desk.now = self.desk.now.max(now);
        if matches!(self.phase, Phase::Finished) {
            return;
        }
        self.desk.timeout();
        while let Some(leg) = self.desk.legs.overdue(self.desk.now) {
            self.desk.log(Severity::Operator, "a leg was ended, and FreeSWITCH did not say that it is gone");
            self.leg_gone(leg, HangUp { cause: "NORMAL_UNSPECIFIED".to_owned(), sip_status: None });
        }
        if self.over_at <= self.desk.now && !self.is_ending() {
            self.end("the call has lasted as long as a call may");
        }
        self.phase_timeout();
        self.tidy();
    }

    /// A leg is gone.
    fn leg_gone(&mut self, id: LegId, end: HangUp) {
        let gone = LegInput::HungUp(end);
        self.desk.leg_happened(id, &gone);
        if self.desk.legs.remove(id) {
            self.desk.line.left(id, &mut self.desk.out);
            self.tell(Input::Leg(id, gone));
        }
    }

    /// Begins with an application.
    fn execute(&mut self, application: Application) {
        self.falling_back = false;
        let step = match application {
            Application::Url { url, method } => match Url::parse(&url) {
                Ok(url) if matches!(url.scheme(), "http" | "https") => {
                    self.go(&url, method, Vec::new(), false)
                }
                _ => self.fail(format!("expected an absolute http or https URL, found {:?}", shown(&url))),
            },
            Application::Twiml(text) => match self.count_document() {
                true => self.load(text.as_bytes(), "TwiML of the call itself"),
                false => Step::Stay,
            },
        };
        self.step(step);
    }

    /// Begins the next verb.
    fn next_verb(&mut self) -> Step {
        if self.desk.gone {
            self.wind_up();
            return Step::Stay;
        }
        let rules = self.desk.rules;
        if self.script.verbs() >= rules.verbs {
            return self.fail(format!("more than {} verbs in a call", rules.verbs));
        }
        let verb = match self.script.next() {
            None if self.desk.parent.is_some() => return self.release(),
            None => return self.hang_up("the document is over"),
            Some(Err(error)) => return self.fail(error.to_string()),
            Some(Ok(verb)) => verb,
        };
        match verbs::refused(&verb, &self.desk) {
            Some(why) if rules.unsupported == Unsupported::Skip => {
                self.desk.log(Severity::Customer, format!("a verb is left out: {why}"));
                Step::Next
            }
            Some(why) => self.fail(why),
            None if self.desk.answered_at.is_none() && verbs::needs_answer(&verb) => {
                self.desk.act(Action::Answer);
                self.phase = Phase::Answering { verb: Box::new(verb), until: self.desk.soon() };
                Step::Stay
            }
            None => self.begin(verb),
        }
    }

    fn begin(&mut self, verb: Verb) -> Step {
        self.desk.log(Severity::Detail, format!("<{}>", verb.name()));
        match verbs::begin(verb, &mut self.desk) {
            Begun::Running(running) => {
                self.phase = Phase::Running(running);
                Step::Stay
            }
            Begun::Over(step) => step,
        }
    }

    /// Tells the verb.
    fn tell(&mut self, input: Input) {
        if let Phase::Running(verb) = &mut self.phase {
            let step = verb.input(input, &mut self.desk);
            self.step(step);
        }
    }

    /// Goes on, until a verb takes its time.
    fn step(&mut self, mut step: Step) {
        loop {
            step = match step {
                Step::Stay => return,
                Step::Next => self.next_verb(),
                Step::Go(target) => self.go_to(target),
                Step::HangUp => self.hang_up("a verb ends it"),
                Step::Refuse(refusal) => {
                    self.desk.act(Action::Refuse(refusal));
                    self.phase = Phase::Ending { until: self.desk.soon() };
                    return;
                }
            };
        }
    }

    fn ringing(&mut self) {
        if matches!(self.phase, Phase::Calling { .. }) && !self.rang {
            self.rang = true;
            self.desk.report(Report::Ringing);
        }
    }

    fn answered(&mut self) {
        if self.desk.gone || self.desk.answered_at.is_some() {
            return;
        }
        self.desk.answered_at = Some(self.desk.now);
        self.desk.report(Report::Answered);
        match std::mem::replace(&mut self.phase, Phase::Finished) {
            Phase::Calling { application, .. } => self.execute(application),
            Phase::Answering { verb, .. } => {
                let step = self.begin(*verb);
                self.step(step);
            }
            phase => {
                self.phase = phase;
                self.tell(Input::Answered);
            }
        }
    }

    fn lost(&mut self) {
        match &self.phase {
            Phase::Answering { .. } => self.desk.act(Action::Answer),
            Phase::Ending { .. } => self.desk.act(Action::HangUp),
            _ => self.tell(Input::Lost),
        }
    }

    fn update(&mut self, application: Application) {
        if self.is_ending() {
            return self.desk.log(Severity::Detail, "too late for another application");
        }
        self.desk.log(Severity::Detail, "the API has another application for the call");
        if let Phase::Calling { application: old, .. } = &mut self.phase {
            *old = application;
            return;
        }
        self.interrupt();
        self.execute(application);
    }

    fn phase_timeout(&mut self) {
        let now = self.desk.now;
        match &mut self.phase {
            Phase::Calling { until, .. } if *until <= now => self.end("nobody answers"),
            Phase::Pacing { until, .. } if *until <= now => self.fetch(),
            Phase::Fetching { until, .. } if *until <= now => self.not_fetched("no answer in time"),
            Phase::Answering { until, .. } if *until <= now => {
                self.desk.log(Severity::Operator, "FreeSWITCH did not say that the call is answered");
                self.end("it cannot be answered");
            }
            Phase::Running(verb) => {
                let step = verb.timeout(&mut self.desk);
                self.step(step);
            }
            Phase::Ending { until } if *until <= now => {
                self.desk.log(Severity::Operator, "FreeSWITCH did not say that the channel is gone");
                self.hung_up(HangUp { cause: "NORMAL_UNSPECIFIED".to_owned(), sip_status: None });
            }
            Phase::Tidying { until } if *until <= now => self.finish(),
            _ => {}
        }
    }
}
