//! `<Gather>`: keys. Those that were pressed before it are not counted, as Twilio has it.

use std::time::Duration;

use twiml::{Gather, Key, Prompt};

use super::prompts::Prompts;
use super::{Step, Target, pause, play, say};
use crate::call::desk::Desk;
use crate::call::input::Input;

/// A Gather that is going on.
#[derive(Debug)]
pub(crate) struct Gathering {
    gather: Gather,
    digits: String,
    prompts: Prompts,
    /// Until when a key is waited for; none while prompts are heard.
    until: Option<Duration>,
    /// Whether no more keys are wanted. Prompts without barge-in are heard to their end nevertheless.
    complete: bool,
}

impl Gathering {
    pub(super) fn new(mut gather: Gather, desk: &mut Desk) -> Self {
        let mut row = Vec::new();
        for prompt in std::mem::take(&mut gather.prompts) {
            match prompt {
                Prompt::Say(verb) => row.push(say::prompt(&verb, desk)),
                Prompt::Play(verb) => row.extend(play::prompts(&verb, desk)),
                Prompt::Pause(verb) => row.push(pause::prompt(&verb)),
            }
        }
        Gathering { gather, digits: String::new(), prompts: Prompts::new(row), until: None, complete: false }
    }

    pub(super) fn begin(&mut self, desk: &mut Desk) -> Step {
        let over = self.prompts.begin(desk);
        self.prompted(over, desk)
    }

    pub(super) fn input(&mut self, input: Input, desk: &mut Desk) -> Step {
        match input {
            Input::Digit(key) => self.pressed(key, desk),
            // Twilio requests no action when the caller hung up.
            Input::HungUp(_) => Step::HangUp,
            input => {
                let over = self.prompts.input(input, desk);
                self.prompted(over, desk)
            }
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        self.until.or_else(|| self.prompts.poll_timeout())
    }

    pub(super) fn timeout(&mut self, desk: &mut Desk) -> Step {
        if self.until.is_some_and(|until| until <= desk.now) {
            return self.finish();
        }
        let over = self.prompts.timeout(desk);
        self.prompted(over, desk)
    }

    /// The time for the first key begins when the prompts are over.
    fn prompted(&mut self, over: bool, desk: &Desk) -> Step {
        if !over || self.until.is_some() {
            return Step::Stay;
        }
        self.wait_or_finish(desk)
    }

    fn pressed(&mut self, key: Key, desk: &mut Desk) -> Step {
        if self.complete {
            return Step::Stay;
        }
        if self.gather.finish_on_key == Some(key) {
            self.complete = true;
        } else {
            self.digits.push(key.as_char());
            let limit = self.gather.num_digits.map_or(Gather::MAX_DIGITS, |digits| digits.get());
            self.complete = self.digits.len() as u64 >= u64::from(limit);
        }
        if self.until.is_none() {
            if !self.gather.barge_in {
                return Step::Stay;
            }
            self.prompts.stop(desk);
        }
        self.wait_or_finish(desk)
    }

    /// `timeout` is for each key anew.
    fn wait_or_finish(&mut self, desk: &Desk) -> Step {
        if self.complete {
            return self.finish();
        }
        self.until = Some(desk.after(self.gather.timeout));
        Step::Stay
    }

    fn finish(&mut self) -> Step {
        if self.digits.is_empty() && !self.gather.action_on_empty_result {
            return Step::Next;
        }
        let digits = std::mem::take(&mut self.digits);
        let extras = if digits.is_empty() { Vec::new() } else { vec![("Digits", digits)] };
        Step::Go(Target { url: self.gather.action.take(), method: self.gather.method, extras, owed: false })
    }
}
