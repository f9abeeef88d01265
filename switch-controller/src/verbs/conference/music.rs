//! What a caller hears until a conference begins: `waitUrl`, a document of Say, Play, Pause and Redirect or a sound, again and
//! again.

use std::time::Duration;

use twiml::{Document, Method, Redirect, Url, Verb, WaitMusic};

use crate::call::action::{Action, Severity, Sound};
use crate::call::desk::Desk;
use crate::call::input::{Answer, Ask, Input, Problem};
use crate::verbs::prompts::{Prompt, Prompts};
use crate::verbs::{dial, pause, play, say};
use crate::webhook::Request;

/// Between one round and the next: a document that is soon over costs no more than that.
const BETWEEN: Duration = Duration::from_secs(1);

/// A sound is played so often at most, which is longer than anybody waits.
const TIMES: u32 = 1000;

/// What is heard.
#[derive(Debug)]
pub(super) struct Music {
    what: What,
    method: Method,
    /// The room, by its name for the customer.
    room: String,
    now: Now,
}

#[derive(Debug)]
enum What {
    Tone,
    Silence,
    Url(Url),
}

#[derive(Debug)]
enum Now {
    Nothing,
    Tone,
    Fetching { ask: Ask, until: Duration },
    Prompts(Prompts),
}

impl Music {
    pub(super) fn new(wait: WaitMusic, method: Method, room: String, desk: &mut Desk) -> Self {
        let what = match wait {
            WaitMusic::Default => What::Tone,
            WaitMusic::Silence => What::Silence,
            WaitMusic::Url(url) => dial::absolute(&url, "waitUrl", desk).map_or(What::Tone, What::Url),
        };
        Music { what, method, room, now: Now::Nothing }
    }

    pub(super) fn begin(&mut self, desk: &mut Desk) {
        self.now = match &self.what {
            What::Silence => Now::Nothing,
            What::Tone => {
                desk.play(Sound::Waiting);
                Now::Tone
            }
            What::Url(url) => {
                let ask = desk.ask();
                let extras = vec![("FriendlyName", self.room.clone())];
                let request = Request::about(&desk.facts, desk.status(), url, self.method, extras);
                desk.act(Action::Fetch { ask, request });
                Now::Fetching { ask, until: desk.after(desk.rules.fetch) }
            }
        };
    }

    pub(super) fn input(&mut self, input: Input, desk: &mut Desk) {
        let over = match (input, &mut self.now) {
            (Input::Fetched { ask, result }, Now::Fetching { ask: ours, .. }) if ask == *ours => {
                self.fetched(result, desk);
                false
            }
            (Input::Fetched { .. }, _) => false,
            (Input::Lost, Now::Tone) => {
                desk.quiet();
                true
            }
            (input, Now::Prompts(prompts)) => prompts.input(input, desk),
            _ => false,
        };
        if over {
            self.begin(desk);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        match &self.now {
            Now::Nothing | Now::Tone => None,
            Now::Fetching { until, .. } => Some(*until),
            Now::Prompts(prompts) => prompts.poll_timeout(),
        }
    }

    pub(super) fn timeout(&mut self, desk: &mut Desk) {
        let over = match &mut self.now {
            Now::Fetching { until, .. } if *until <= desk.now => {
                self.fetched(Err(Problem("no answer in time".to_owned())), desk);
                false
            }
            Now::Prompts(prompts) => prompts.timeout(desk),
            _ => false,
        };
        if over {
            self.begin(desk);
        }
    }

    /// The conference begins.
    pub(super) fn stop(&mut self, desk: &mut Desk) {
        match std::mem::replace(&mut self.now, Now::Nothing) {
            Now::Tone => desk.quiet(),
            Now::Prompts(mut prompts) => prompts.stop(desk),
            Now::Nothing | Now::Fetching { .. } => {}
        }
    }

    /// What answers with no TwiML may be a sound.
    fn fetched(&mut self, result: Result<Answer, Problem>, desk: &mut Desk) {
        let What::Url(url) = &self.what else { return };
        let document = result.ok().and_then(|answer| {
            Some((
                Document::parse(&answer.body).ok()?,
                Url::parse(&answer.url).unwrap_or_else(|_| url.clone()),
            ))
        });
        let mut row = Vec::new();
        match document {
            None => row.push(Prompt::file(url.clone().into(), TIMES)),
            Some((document, from)) => {
                // What it names is relative to itself.
                let base = desk.base.replace(from);
                let next = self.read(&document, &mut row, desk);
                let next =
                    next.and_then(|next| dial::absolute(&next.url, "waitUrl", desk).zip(Some(next.method)));
                desk.base = base;
                if let Some((url, method)) = next {
                    (self.what, self.method) = (What::Url(url), method);
                }
            }
        }
        row.push(Prompt::silence(BETWEEN));
        let mut prompts = Prompts::new(row);
        let over = prompts.begin(desk);
        self.now = if over { Now::Nothing } else { Now::Prompts(prompts) };
    }

    /// The sounds of a document, up to what leads elsewhere.
    fn read(&self, document: &Document, row: &mut Vec<Prompt>, desk: &mut Desk) -> Option<Redirect> {
        let mut number = 0;
        while let Some(verb) = document.verb(number) {
            number += 1;
            match verb {
                Ok(Verb::Say(verb)) => row.push(say::prompt(&verb, desk)),
                Ok(Verb::Play(verb)) => row.extend(play::prompts(&verb, desk)),
                Ok(Verb::Pause(verb)) => row.push(pause::prompt(&verb)),
                Ok(Verb::Redirect(verb)) => return Some(verb),
                Ok(verb) => {
                    desk.log(Severity::Customer, format!("<{}> is ignored in a waitUrl", verb.name()));
                }
                Err(error) => {
                    desk.log(Severity::Customer, format!("waitUrl: {error}"));
                    return None;
                }
            }
        }
        None
    }
}
