//! What a call is told, on its way to the call's task. The link never waits: what is too much is counted as lost, but that a
//! channel is gone is never lost.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use twiml::Key;

use crate::call::input::{Ask, HangUp, Input, LegId, Problem};
use crate::platform::Begun;

/// So many messages wait at most, those apart that there is one of.
const MOST: usize = 512;

/// Something that a call's task is told.
#[derive(Debug)]
pub enum Message {
    /// Of the call's own channel.
    Channel(Happened),
    /// Of a leg's.
    Leg(LegId, Happened),
    /// Not by FreeSWITCH.
    Input(Input),
    /// A leg has executed its own application; whether its channel is still to be connected.
    Briefed(LegId, bool),
    /// The platform has a name for a recording that is to begin, or refuses it.
    Recording(Ask, Result<Begun, Problem>),
}

/// Something that happened to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// It waits for what is next.
    Parked,
    /// It rings.
    Ringing,
    /// It was answered.
    Answered,
    /// A key was pressed.
    Digit(Key),
    /// What was played is over.
    Played(Ask, String),
    /// A recording is over.
    RecordStopped {
        /// Its file.
        path: PathBuf,
        /// How long it is.
        length: Duration,
        /// Why it ended.
        cause: Option<String>,
    },
    /// It was connected with this channel.
    Bridged(String),
    /// The other end was asked to call somebody else: its answer, and what came of that.
    Referred(Option<u16>, Option<u16>),
    /// It is gone.
    HungUp(HangUp),
}

/// The messages that wait.
#[derive(Debug, Default)]
pub struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
    /// The call's channel, and its legs'.
    channels: Mutex<Vec<String>>,
}

#[derive(Debug, Default)]
struct Inner {
    messages: VecDeque<Message>,
    overflowed: bool,
}

impl Queue {
    /// Of a call with this channel.
    pub(super) fn of(channel: &str) -> Self {
        Queue { channels: Mutex::new(vec![channel.to_owned()]), ..Queue::default() }
    }

    /// The channels that it is told of.
    pub(super) fn channels(&self) -> Vec<String> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn own(&self, channel: &str) {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).push(channel.to_owned());
    }

    pub(super) fn disown(&self, channel: &str) {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).retain(|own| own != channel);
    }

    /// Tells something. What finds no room is dropped, and the call is told that something is lost. Says whether there was
    /// room.
    pub fn push(&self, message: Message) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        // Answers and ends come once for what there is a bounded number of.
        let is_sure = match &message {
            Message::Channel(what) | Message::Leg(_, what) => matches!(what, Happened::HungUp(_)),
            Message::Input(input) => !matches!(input, Input::Update(_) | Input::Digit(_)),
            Message::Recording(..) | Message::Briefed(..) => true,
        };
        let room = is_sure || inner.messages.len() < MOST;
        match room {
            true => inner.messages.push_back(message),
            false => inner.overflowed = true,
        }
        drop(inner);
        self.changed.notify_one();
        room
    }

    /// The next one, when there is one.
    pub async fn next(&self) -> Message {
        loop {
            {
                let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(message) = inner.messages.pop_front() {
                    return message;
                }
                if std::mem::take(&mut inner.overflowed) {
                    return Message::Input(Input::Lost);
                }
            }
            self.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn too_much_is_lost_but_never_the_end() {
        let queue = Queue::default();
        let digit = || Message::Channel(Happened::Digit(Key::HASH));
        (0..MOST).for_each(|_| assert!(queue.push(digit())));
        assert!(!queue.push(digit()));
        let end = HangUp { cause: "NORMAL_CLEARING".to_owned(), sip_status: None };
        assert!(queue.push(Message::Channel(Happened::HungUp(end))));
        for _ in 0..MOST {
            assert!(matches!(queue.next().await, Message::Channel(Happened::Digit(_))));
        }
        assert!(matches!(queue.next().await, Message::Channel(Happened::HungUp(_))));
        assert!(matches!(queue.next().await, Message::Input(Input::Lost)));
    }
}
