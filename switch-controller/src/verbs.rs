//! Verbs: what each of them does. One file for each.
//!
//! This module must not contain: sockets, files, clocks, randomness, tokio.

mod conference;
mod dial;
mod gather;
mod hangup;
mod pause;
mod play;
mod prompts;
mod record;
mod redirect;
mod refer;
mod reject;
mod say;

use std::time::Duration;

use twiml::{Dial, DialTo, Method, UrlRef, Verb};

use crate::call::action::Refusal;
use crate::call::desk::Desk;
use crate::call::input::Input;
use conference::Conferring;
pub(crate) use dial::DialCallStatus;
use dial::Dialing;
use gather::Gathering;
use prompts::Prompts;
use record::Recording;
use refer::Referring;

/// What comes after something happened to a verb.
#[derive(Debug)]
pub(crate) enum Step {
    /// The verb goes on.
    Stay,
    /// The verb is over: the next one.
    Next,
    /// The verb is over: another document.
    Go(Target),
    /// The call is to end.
    HangUp,
    /// The call is to be refused.
    Refuse(Refusal),
}

/// Another document.
#[derive(Debug)]
pub(crate) struct Target {
    /// Where it is; the last document's own URL if nothing is said.
    pub(crate) url: Option<UrlRef>,
    /// How it is asked for.
    pub(crate) method: Method,
    /// What the verb has to tell.
    pub(crate) extras: Vec<(&'static str, String)>,
    /// Whether the customer is told even when the caller is gone.
    pub(crate) owed: bool,
}

/// A verb that takes its time.
#[derive(Debug)]
pub(crate) enum Running {
    /// Say, Play and Pause.
    Prompts(Prompts),
    /// Gather.
    Gather(Box<Gathering>),
    /// Record.
    Record(Box<Recording>),
    /// Dial.
    Dial(Box<Dialing>),
    /// Dial with a Conference.
    Conference(Box<Conferring>),
    /// Refer.
    Refer(Box<Referring>),
}

/// A verb has begun.
#[derive(Debug)]
pub(crate) enum Begun {
    /// It takes its time.
    Running(Running),
    /// It is over already.
    Over(Step),
}

/// Whether a call is answered before this verb. Twilio does so before all but these; a Pause at the beginning lets the
/// caller wait for the answer.
pub(crate) fn needs_answer(verb: &Verb) -> bool {
    let on_bridge = matches!(verb, Verb::Dial(Dial { answer_on_bridge: true, to: DialTo::Legs(_), .. }));
    !on_bridge && !matches!(verb, Verb::Reject(_) | Verb::Hangup(_) | Verb::Pause(_))
}

/// Why a verb is not carried out, though it is written well.
pub(crate) fn refused(verb: &Verb, desk: &Desk) -> Option<String> {
    match verb {
        Verb::Unsupported(verb) => Some(verb.to_string()),
        Verb::Dial(_) | Verb::Record(_) | Verb::Refer(_) | Verb::Reject(_) if desk.parent.is_some() => {
            Some(format!("<{}> is not allowed in the document of somebody who is called", verb.name()))
        }
        _ => None,
    }
}

/// Begins a verb.
pub(crate) fn begin(verb: Verb, desk: &mut Desk) -> Begun {
    let running = match verb {
        Verb::Say(say) => Running::Prompts(Prompts::new(vec![say::prompt(&say, desk)])),
        Verb::Play(play) => Running::Prompts(Prompts::new(play::prompts(&play, desk))),
        Verb::Pause(pause) => Running::Prompts(Prompts::new(vec![pause::prompt(&pause)])),
        Verb::Gather(gather) => Running::Gather(Box::new(Gathering::new(gather, desk))),
        Verb::Record(record) => Running::Record(Box::new(Recording::new(record, desk))),
        Verb::Dial(mut dial) => match take_to(&mut dial) {
            DialTo::Legs(legs) => Running::Dial(Box::new(Dialing::new(&dial, legs, desk))),
            DialTo::Conference(room) => Running::Conference(Box::new(Conferring::new(&dial, room, desk))),
        },
        Verb::Refer(refer) => Running::Refer(Box::new(Referring::new(refer, desk))),
        Verb::Redirect(redirect) => return Begun::Over(redirect::step(redirect)),
        Verb::Reject(reject) => return Begun::Over(reject::step(&reject, desk)),
        Verb::Hangup(_) => return Begun::Over(hangup::step()),
        // It was refused before.
        Verb::Unsupported(_) => return Begun::Over(Step::Next),
    };
    running.begin(desk)
}

impl Running {
    fn begin(mut self, desk: &mut Desk) -> Begun {
        let step = match &mut self {
            Running::Prompts(prompts) => next_if(prompts.begin(desk)),
            Running::Gather(gather) => gather.begin(desk),
            Running::Record(record) => record.begin(desk),
            Running::Dial(dial) => dial.begin(desk),
            Running::Conference(conference) => conference.begin(desk),
            Running::Refer(refer) => refer.begin(desk),
        };
        match step {
            Step::Stay => Begun::Running(self),
            step => Begun::Over(step),
        }
    }

    /// Something happened.
    pub(crate) fn input(&mut self, input: Input, desk: &mut Desk) -> Step {
        match self {
            Running::Prompts(prompts) => match input {
                Input::HungUp(_) => Step::HangUp,
                input => next_if(prompts.input(input, desk)),
            },
            Running::Gather(gather) => gather.input(input, desk),
            Running::Record(record) => record.input(input, desk),
            Running::Dial(dial) => dial.input(input, desk),
            Running::Conference(conference) => conference.input(input, desk),
            Running::Refer(refer) => refer.input(&input),
        }
    }

    /// When to call [`Running::timeout`].
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        match self {
            Running::Prompts(prompts) => prompts.poll_timeout(),
            Running::Gather(gather) => gather.poll_timeout(),
            Running::Record(record) => record.poll_timeout(),
            Running::Dial(dial) => dial.poll_timeout(),
            Running::Conference(conference) => conference.poll_timeout(),
            Running::Refer(refer) => Some(refer.poll_timeout()),
        }
    }

    /// The time is now.
    pub(crate) fn timeout(&mut self, desk: &mut Desk) -> Step {
        match self {
            Running::Prompts(prompts) => next_if(prompts.timeout(desk)),
            Running::Gather(gather) => gather.timeout(desk),
            Running::Record(record) => record.timeout(desk),
            Running::Dial(dial) => dial.timeout(desk),
            Running::Conference(conference) => conference.timeout(desk),
            Running::Refer(refer) => refer.timeout(desk),
        }
    }

    /// It is not wanted any more. What is heard and legs are ended beside this.
    pub(crate) fn interrupt(self, desk: &mut Desk) {
        match self {
            Running::Record(record) => record.interrupt(desk),
            Running::Dial(dial) => dial.interrupt(desk),
            Running::Conference(conference) => conference.interrupt(desk),
            Running::Prompts(_) | Running::Gather(_) | Running::Refer(_) => {}
        }
    }
}

/// Whom a Dial calls, taken out of it.
fn take_to(dial: &mut Dial) -> DialTo {
    std::mem::replace(&mut dial.to, DialTo::Legs(Vec::new()))
}

fn next_if(over: bool) -> Step {
    if over { Step::Next } else { Step::Stay }
}
