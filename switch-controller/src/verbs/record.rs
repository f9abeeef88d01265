//! `<Record>`: the caller, recorded. The customer is told of a recording even when the caller hung up; not of an empty one.

use std::time::Duration;

use twiml::{Method, Record};

use super::{Step, Target};
use crate::call::action::{Action, Severity, Sound, Whom};
use crate::call::desk::Desk;
use crate::call::input::{Ask, Input, Problem};

/// FreeSWITCH's word for a recording in which nobody ever spoke.
const NOTHING_SAID: &str = "no-input-timeout";

/// A Record that is going on.
#[derive(Debug)]
pub(crate) struct Recording {
    record: Record,
    callback: Option<(String, Method)>,
    /// The key that ended it.
    key: Option<char>,
    /// When it was begun.
    began: Duration,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Beeping {
        ask: Ask,
        until: Duration,
    },
    Recording {
        ask: Ask,
        until: Duration,
    },
    /// It was told to stop.
    Stopping {
        ask: Ask,
        until: Duration,
    },
    Keeping {
        ask: Ask,
        until: Duration,
        length: Duration,
    },
}

impl Recording {
    pub(super) fn new(record: Record, desk: &mut Desk) -> Self {
        let method = record.recording_status_callback_method.unwrap_or(Method::Post);
        let callback = record.recording_status_callback.as_ref().map(|url| desk.resolve(url));
        let callback = callback.and_then(|url| match url {
            Ok(url) => Some((url.into(), method)),
            Err(problem) => {
                desk.log(Severity::Customer, format!("'recordingStatusCallback' is left out: {}", problem.0));
                None
            }
        });
        let stage = Stage::Beeping { ask: Ask(0), until: desk.now };
        Recording { record, callback, key: None, began: desk.now, stage }
    }

    pub(super) fn begin(&mut self, desk: &mut Desk) -> Step {
        if !self.record.play_beep {
            return self.record(desk);
        }
        let ask = desk.play(Sound::Beep);
        // What was heard before may have to end first.
        let until = desk.soon().saturating_add(desk.rules.switch);
        self.stage = Stage::Beeping { ask, until };
        Step::Stay
    }

    fn record(&mut self, desk: &mut Desk) -> Step {
        let ask = desk.ask();
        let Record { max_length: most, timeout: silence, .. } = self.record;
        desk.when_quiet(Action::Record {
            ask,
            whom: Whom::Caller,
            callback: self.callback.take(),
            most,
            silence,
        });
        self.began = desk.now;
        // The platform is told first.
        let until = desk.soon().saturating_add(most).saturating_add(desk.rules.platform);
        self.stage = Stage::Recording { ask, until };
        Step::Stay
    }

    pub(super) fn input(&mut self, input: Input, desk: &mut Desk) -> Step {
        match (input, &self.stage) {
            (Input::Played { ask, .. }, Stage::Beeping { ask: beep, .. }) if ask == *beep => {
                self.record(desk)
            }
            (Input::Digit(key), Stage::Recording { ask, .. }) if self.record.finish_on_key.contains(key) => {
                let ask = *ask;
                self.key = Some(key.as_char());
                self.stop(ask, desk)
            }
            (
                Input::Recorded { ask, length, cause },
                Stage::Recording { ask: ours, .. } | Stage::Stopping { ask: ours, .. },
            ) if ask == *ours => self.recorded(ask, length, cause, desk),
            (Input::Kept { ask, result }, Stage::Keeping { ask: ours, length, .. }) if ask == *ours => {
                let length = *length;
                self.kept(result, length, desk)
            }
            (Input::Lost, Stage::Recording { ask, .. }) => {
                let ask = *ask;
                self.stop(ask, desk)
            }
            (Input::Lost, Stage::Beeping { .. }) => {
                desk.quiet();
                self.begin(desk)
            }
            (Input::HungUp(_), Stage::Beeping { .. }) => Step::HangUp,
            // FreeSWITCH ends a recording with its channel, and tells.
            (Input::HungUp(_), Stage::Recording { ask, .. }) => {
                self.stage = Stage::Stopping { ask: *ask, until: desk.soon() };
                Step::Stay
            }
            _ => Step::Stay,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        match self.stage {
            Stage::Beeping { until, .. }
            | Stage::Recording { until, .. }
            | Stage::Stopping { until, .. }
            | Stage::Keeping { until, .. } => Some(until),
        }
    }

    pub(super) fn timeout(&mut self, desk: &mut Desk) -> Step {
        if self.poll_timeout().is_none_or(|until| until > desk.now) {
            return Step::Stay;
        }
        match self.stage {
            Stage::Beeping { .. } => self.record(desk),
            Stage::Recording { ask, .. } => self.stop(ask, desk),
            Stage::Stopping { ask, .. } => {
                desk.overdue_recording(ask);
                let length = desk.now.saturating_sub(self.began).min(self.record.max_length);
                self.stage = Stage::Keeping { ask, until: desk.after(desk.rules.platform), length };
                Step::Stay
            }
            Stage::Keeping { .. } => {
                desk.log(Severity::Operator, "a recording was not kept in time: no action is requested");
                Step::Next
            }
        }
    }

    fn stop(&mut self, ask: Ask, desk: &mut Desk) -> Step {
        desk.act(Action::StopRecording(ask));
        self.stage = Stage::Stopping { ask, until: desk.soon() };
        Step::Stay
    }

    fn recorded(&mut self, ask: Ask, length: Duration, cause: Option<String>, desk: &mut Desk) -> Step {
        if length.is_zero() || cause.as_deref() == Some(NOTHING_SAID) {
            let cause = cause.unwrap_or_else(|| "nothing was recorded".to_owned());
            desk.log(Severity::Customer, format!("a recording is empty, no action is requested: {cause}"));
            desk.act(Action::DropRecording(ask));
            return Step::Next;
        }
        desk.act(Action::KeepRecording(ask));
        self.stage = Stage::Keeping { ask, until: desk.after(desk.rules.platform), length };
        Step::Stay
    }

    fn kept(&mut self, result: Result<String, Problem>, length: Duration, desk: &mut Desk) -> Step {
        let url = match result {
            Ok(url) => url,
            Err(problem) => {
                let text = format!("a recording cannot be kept, no action is requested: {}", problem.0);
                desk.log(Severity::Operator, text);
                return Step::Next;
            }
        };
        let mut extras = vec![("RecordingUrl", url), ("RecordingDuration", length.as_secs().to_string())];
        match self.key {
            Some(key) => extras.push(("Digits", key.to_string())),
            None if desk.gone => extras.push(("Digits", "hangup".to_owned())),
            None => {}
        }
        let url = self.record.action.take();
        Step::Go(Target { url, method: self.record.method, extras, owed: true })
    }

    /// The call does something else: what was recorded is kept, and no action requested.
    pub(super) fn interrupt(self, desk: &mut Desk) {
        if let Stage::Recording { ask, .. } | Stage::Stopping { ask, .. } = self.stage {
            desk.leave_recording(ask);
        }
    }
}
