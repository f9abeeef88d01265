//! `<Dial><Conference>`: the call goes into a room, waits there until the conference begins, and is a part of it until one of
//! them ends. Who else is there, and when it begins, is not known here: see `rooms.rs`.

mod music;

use std::time::Duration;

use twiml::{Beep, Conference, Dial, DialRecording, Method, UrlRef};

use super::dial::absolute;
use super::{Step, Target};
use crate::call::action::{Action, Guest, RoomTold, Seat, Severity, Sound};
use crate::call::desk::Desk;
use crate::call::input::{Ask, Input, RoomInput};
use music::Music;

/// A call in a room.
#[derive(Debug)]
pub(crate) struct Conferring {
    action: Option<UrlRef>,
    method: Method,
    hangup_on_star: bool,
    limit: Duration,
    guest: Option<Box<Guest>>,
    beep: Beep,
    muted: bool,
    /// The entry that what is told of the room is about.
    ask: Ask,
    music: Music,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The room has not answered.
    Entering { until: Duration },
    /// The conference has not begun.
    Waiting { until: Duration },
    /// This is heard of it.
    Inside { heard: Ask, until: Duration },
}

impl Conferring {
    pub(super) fn new(dial: &Dial, conference: Conference, desk: &mut Desk) -> Self {
        if conference.record || dial.record != DialRecording::DoNotRecord {
            desk.log(Severity::Customer, "'record' of a conference is ignored");
        }
        let callback = conference.status_callback.and_then(|told| {
            let url = absolute(&told.url, "statusCallback", desk)?;
            Some(RoomTold { url, method: told.method, events: told.events })
        });
        let guest = Guest {
            room: conference.name.clone(),
            starts: conference.start_conference_on_enter,
            ends: conference.end_conference_on_exit,
            muted: conference.muted,
            label: conference.participant_label,
            most: conference.max_participants,
            callback,
        };
        Conferring {
            action: dial.action.clone(),
            method: dial.method,
            hangup_on_star: dial.hangup_on_star,
            limit: dial.time_limit,
            guest: Some(Box::new(guest)),
            beep: conference.beep,
            muted: conference.muted,
            ask: Ask(0),
            music: Music::new(conference.wait, conference.wait_method, conference.name, desk),
            stage: Stage::Entering { until: desk.soon() },
        }
    }

    pub(super) fn begin(&mut self, desk: &mut Desk) -> Step {
        let Some(guest) = self.guest.take() else { return Step::Next };
        self.ask = desk.ask();
        self.stage = Stage::Entering { until: desk.soon() };
        desk.act(Action::EnterRoom { ask: self.ask, guest });
        Step::Stay
    }

    pub(super) fn input(&mut self, input: Input, desk: &mut Desk) -> Step {
        match (input, &self.stage) {
            (Input::Room(ask, what), _) if ask == self.ask => self.told(what, desk),
            (Input::Digit(key), _) if self.hangup_on_star && key.as_char() == '*' => self.leave(desk),
            (Input::HungUp(_), _) => self.leave(desk),
            (Input::Played { ask, response }, Stage::Inside { heard, .. }) if ask == *heard => {
                desk.log(Severity::Operator, format!("FreeSWITCH has ended a conference: {response}"));
                self.leave(desk)
            }
            (input, Stage::Waiting { .. }) => {
                self.music.input(input, desk);
                Step::Stay
            }
            _ => Step::Stay,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        match self.stage {
            Stage::Entering { until } | Stage::Inside { until, .. } => Some(until),
            Stage::Waiting { until } => self.music.poll_timeout().into_iter().chain([until]).min(),
        }
    }

    pub(super) fn timeout(&mut self, desk: &mut Desk) -> Step {
        match self.stage {
            Stage::Entering { until } if until <= desk.now => {
                desk.log(Severity::Operator, "nobody says whether there is room in a conference");
                self.leave(desk)
            }
            Stage::Waiting { until } | Stage::Inside { until, .. } if until <= desk.now => self.leave(desk),
            Stage::Waiting { .. } => {
                self.music.timeout(desk);
                Step::Stay
            }
            _ => Step::Stay,
        }
    }

    fn told(&mut self, what: RoomInput, desk: &mut Desk) -> Step {
        match (what, &self.stage) {
            (RoomInput::Wait, Stage::Entering { .. }) => {
                self.stage = Stage::Waiting { until: desk.after(self.limit) };
                self.music.begin(desk);
                Step::Stay
            }
            (RoomInput::Join(room), Stage::Entering { .. } | Stage::Waiting { .. }) => {
                let until = match self.stage {
                    Stage::Waiting { until } => until,
                    _ => desk.after(self.limit),
                };
                self.music.stop(desk);
                let beeps = |beep| self.beep == Beep::Both || self.beep == beep;
                let seat = Seat {
                    room,
                    muted: self.muted,
                    beeps_on_enter: beeps(Beep::OnEnter),
                    beeps_on_exit: beeps(Beep::OnExit),
                };
                let heard = desk.play(Sound::Room(Box::new(seat)));
                self.stage = Stage::Inside { heard, until };
                Step::Stay
            }
            (RoomInput::Full, _) => {
                desk.log(Severity::Customer, "a conference has as many participants as it may have");
                self.done("failed")
            }
            (RoomInput::Over, _) => self.leave(desk),
            _ => Step::Stay,
        }
    }

    /// The call is no part of it any more.
    fn leave(&mut self, desk: &mut Desk) -> Step {
        desk.quiet();
        desk.act(Action::LeaveRoom);
        self.done("answered")
    }

    fn done(&mut self, status: &str) -> Step {
        let Some(url) = self.action.take() else { return Step::Next };
        let extras = vec![("DialCallStatus", status.to_owned())];
        Step::Go(Target { url: Some(url), method: self.method, extras, owed: true })
    }

    /// The call does something else. What is heard is ended beside this.
    pub(super) fn interrupt(self, desk: &mut Desk) {
        desk.act(Action::LeaveRoom);
    }
}
