//! A row of sounds, each played some times: what Say, Play, Pause and Gather let a caller hear.
//!
//! A sound is asked for while the one before it plays. One that cannot be had or played is left out.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use crate::call::action::{Action, Severity, Sound, Speech};
use crate::call::desk::Desk;
use crate::call::input::{Ask, Input, Problem};

/// FreeSWITCH's word for a sound that was played, to its end or until it was stopped.
const PLAYED: &str = "FILE PLAYED";

/// One of the row.
#[derive(Debug)]
pub(super) struct Prompt {
    what: What,
    /// How often it is still to be played.
    left: u32,
}

#[derive(Debug)]
enum What {
    /// To be fetched.
    File(String),
    /// To be made.
    Speech(Box<Speech>),
    /// Asked for; a customer's file or not.
    Asked(Ask, bool),
    /// To be played.
    Ready(Sound),
    Silence(Duration),
}

impl Prompt {
    pub(super) fn file(url: String, times: u32) -> Self {
        Prompt { what: What::File(url), left: times }
    }

    pub(super) fn speech(speech: Speech, times: u32) -> Self {
        Prompt { what: What::Speech(Box::new(speech)), left: times }
    }

    pub(super) fn keys(keys: String, times: u32) -> Self {
        Prompt { what: What::Ready(Sound::Keys(keys)), left: times }
    }

    pub(super) fn silence(length: Duration) -> Self {
        Prompt { what: What::Silence(length), left: 1 }
    }

    pub(super) fn nothing() -> Self {
        Prompt { what: What::Silence(Duration::ZERO), left: 0 }
    }

    /// Asks for it, if it is not there and was not asked for.
    fn fetch(&mut self, desk: &mut Desk) {
        if self.left == 0 {
            return;
        }
        let ask = match &self.what {
            What::File(_) | What::Speech(_) => desk.ask(),
            _ => return,
        };
        match std::mem::replace(&mut self.what, What::Silence(Duration::ZERO)) {
            What::File(url) => {
                desk.act(Action::GetSound { ask, url });
                self.what = What::Asked(ask, true);
            }
            What::Speech(speech) => {
                desk.act(Action::Synthesise { ask, speech: *speech });
                self.what = What::Asked(ask, false);
            }
            what => self.what = what,
        }
    }

    /// It is there, or cannot be had.
    fn arrived(&mut self, result: Result<PathBuf, Problem>, desk: &mut Desk) {
        let What::Asked(_, customers) = self.what else { return };
        match result {
            Ok(path) => self.what = What::Ready(Sound::File(path)),
            Err(problem) => {
                let (severity, what) = match customers {
                    true => (Severity::Customer, "a file to be played"),
                    false => (Severity::Operator, "speech"),
                };
                desk.log(severity, format!("{what} cannot be had and is left out: {}", problem.0));
                self.left = 0;
            }
        }
    }
}

/// A row of sounds.
#[derive(Debug)]
pub(crate) struct Prompts {
    /// The first is the one that is on.
    row: VecDeque<Prompt>,
    now: Now,
}

#[derive(Debug)]
enum Now {
    /// For a sound to arrive.
    Waiting(Duration),
    Playing(Ask),
    Silent(Duration),
    Nothing,
}

impl Prompts {
    pub(super) fn new(row: Vec<Prompt>) -> Self {
        Prompts { row: row.into(), now: Now::Nothing }
    }

    /// Begins. Whether it is over.
    pub(super) fn begin(&mut self, desk: &mut Desk) -> bool {
        self.now = Now::Nothing;
        loop {
            let Some(prompt) = self.row.front_mut() else { return true };
            if prompt.left == 0 {
                self.row.pop_front();
                continue;
            }
            prompt.fetch(desk);
            match &prompt.what {
                What::Ready(sound) => {
                    self.now = Now::Playing(desk.play(sound.clone()));
                    if let Some(next) = self.row.get_mut(1) {
                        next.fetch(desk);
                    }
                    return false;
                }
                What::Silence(length) if length.is_zero() => prompt.left = 0,
                What::Silence(length) => {
                    self.now = Now::Silent(desk.after(*length));
                    return false;
                }
                _ => {
                    self.now = Now::Waiting(desk.after(desk.rules.sound));
                    return false;
                }
            }
        }
    }

    /// Something happened. Whether it is over.
    pub(super) fn input(&mut self, input: Input, desk: &mut Desk) -> bool {
        match (input, &self.now) {
            (Input::Sound { ask, result }, now) => {
                let waiting = matches!(now, Now::Waiting(_));
                let asked = |prompt: &Prompt| matches!(prompt.what, What::Asked(asked, _) if asked == ask);
                let Some(place) = self.row.iter().position(asked) else { return false };
                if let Some(prompt) = self.row.get_mut(place) {
                    prompt.arrived(result, desk);
                }
                waiting && place == 0 && self.begin(desk)
            }
            (Input::Played { ask, response }, Now::Playing(playing)) if ask == *playing => {
                if let Some(prompt) = self.row.front_mut() {
                    prompt.left -= 1;
                    if response != PLAYED {
                        prompt.left = 0;
                        let text = format!("a sound could not be played and is left out: {response}");
                        desk.log(Severity::Customer, text);
                    }
                }
                self.begin(desk)
            }
            (Input::Lost, Now::Playing(_)) => {
                desk.quiet();
                self.begin(desk)
            }
            _ => false,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        match self.now {
            Now::Waiting(until) | Now::Silent(until) => Some(until),
            Now::Playing(_) | Now::Nothing => None,
        }
    }

    /// The time is now. Whether it is over.
    pub(super) fn timeout(&mut self, desk: &mut Desk) -> bool {
        if self.poll_timeout().is_none_or(|until| until > desk.now) {
            return false;
        }
        if let Some(prompt) = self.row.front_mut() {
            prompt.arrived(Err(Problem("it did not come in time".to_owned())), desk);
            prompt.left = 0;
        }
        self.begin(desk)
    }

    /// Ends it.
    pub(super) fn stop(&mut self, desk: &mut Desk) {
        if let Now::Playing(_) = self.now {
            desk.quiet();
        }
        self.row.clear();
        self.now = Now::Nothing;
    }
}
