//! What a Dial records: the caller's channel, on which both are heard.

use std::time::Duration;

use twiml::{Dial, DialRecording, Method};

use super::whom::absolute;
use crate::call::action::{Action, Severity, Whom};
use crate::call::desk::Desk;
use crate::call::input::{Ask, Input};

/// The recording of a Dial, if it has one.
#[derive(Debug)]
pub(super) struct Recorder {
    what: DialRecording,
    callback: Option<(String, Method)>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// It has not begun.
    Off,
    On(Ask),
    /// It was told to stop, or its channel is gone.
    Stopping(Ask),
    Keeping(Ask, Duration),
    /// It is over, and can be had here.
    Kept(String, Duration),
    /// There is none any more.
    None,
}

impl Recorder {
    pub(super) fn new(dial: &Dial, desk: &mut Desk) -> Self {
        let method = dial.recording_status_callback_method.unwrap_or(Method::Post);
        let callback = dial.recording_status_callback.as_ref();
        let callback = callback.filter(|_| dial.record != DialRecording::DoNotRecord);
        let callback = callback.and_then(|url| absolute(url, "recordingStatusCallback", desk));
        Recorder { what: dial.record, callback: callback.map(|url| (url.into(), method)), state: State::Off }
    }

    /// It rings: the recording begins, if it is to have that.
    pub(super) fn ringing(&mut self, most: Duration, desk: &mut Desk) {
        if let DialRecording::FromRinging { dual } = self.what {
            self.begin(dual, most, desk);
        }
    }

    /// Both are connected: it begins now at the latest.
    pub(super) fn answered(&mut self, most: Duration, desk: &mut Desk) {
        if let DialRecording::FromRinging { dual } | DialRecording::FromAnswer { dual } = self.what {
            self.begin(dual, most, desk);
        }
    }

    fn begin(&mut self, dual: bool, most: Duration, desk: &mut Desk) {
        if matches!(self.state, State::Off) && !desk.gone {
            let ask = desk.ask();
            let (whom, callback) = (if dual { Whom::Both } else { Whom::All }, self.callback.take());
            desk.act(Action::Record { ask, whom, callback, most, silence: Duration::ZERO });
            self.state = State::On(ask);
        }
    }

    /// The Dial is over. A channel that is gone ends what is recorded on it.
    pub(super) fn stop(&mut self, desk: &mut Desk) {
        if let State::On(ask) = self.state {
            if !desk.gone {
                desk.act(Action::StopRecording(ask));
            }
            self.state = State::Stopping(ask);
        }
    }

    /// Something happened; whether it was about this.
    pub(super) fn input(&mut self, input: &Input, desk: &mut Desk) -> bool {
        match (input, &self.state) {
            (Input::Recorded { ask, length, .. }, State::On(ours) | State::Stopping(ours)) if ask == ours => {
                self.state = match length.is_zero() {
                    true => State::None,
                    false => State::Keeping(*ask, *length),
                };
                desk.act(match self.state {
                    State::Keeping(ask, _) => Action::KeepRecording(ask),
                    _ => Action::DropRecording(*ask),
                });
                true
            }
            (Input::Kept { ask, result }, State::Keeping(ours, length)) if ask == ours => {
                self.state = match result {
                    Ok(url) => State::Kept(url.clone(), *length),
                    Err(problem) => {
                        desk.log(Severity::Operator, format!("a recording cannot be kept: {}", problem.0));
                        State::None
                    }
                };
                true
            }
            _ => false,
        }
    }

    /// It has had its time: what there is of it is kept, and nobody waits for it.
    pub(super) fn overdue(&self, desk: &mut Desk) {
        if let State::On(ask) | State::Stopping(ask) = self.state {
            desk.overdue_recording(ask);
        }
    }

    /// Whether it has come to rest.
    pub(super) fn is_over(&self) -> bool {
        !matches!(self.state, State::On(_) | State::Stopping(_) | State::Keeping(..))
    }

    /// Where it can be had, and how long it is.
    pub(super) fn take(&mut self) -> Option<(String, Duration)> {
        match std::mem::replace(&mut self.state, State::None) {
            State::Kept(url, length) => Some((url, length)),
            _ => None,
        }
    }

    /// The call does something else: what was recorded is kept, and nobody waits for it.
    pub(super) fn interrupt(self, desk: &mut Desk) {
        if let State::On(ask) | State::Stopping(ask) = self.state {
            desk.leave_recording(ask);
        }
    }
}
