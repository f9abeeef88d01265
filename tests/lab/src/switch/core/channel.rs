//! A channel: what FreeSWITCH knows of one leg.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use super::media::Media;
use super::record::Recorder;
use super::sound::Sound;
use crate::media::FRAME;

/// A step in a channel's life, by FreeSWITCH's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Init,
    Routing,
    SoftExecute,
    Execute,
    ExchangeMedia,
    Park,
    ConsumeMedia,
    Hibernate,
    Hangup,
    Reporting,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            State::Init => "CS_INIT",
            State::Routing => "CS_ROUTING",
            State::SoftExecute => "CS_SOFT_EXECUTE",
            State::Execute => "CS_EXECUTE",
            State::ExchangeMedia => "CS_EXCHANGE_MEDIA",
            State::Park => "CS_PARK",
            State::ConsumeMedia => "CS_CONSUME_MEDIA",
            State::Hibernate => "CS_HIBERNATE",
            State::Hangup => "CS_HANGUP",
            State::Reporting => "CS_REPORTING",
        }
    }

    pub(super) fn number(self) -> u8 {
        match self {
            State::Init => 1,
            State::Routing => 2,
            State::SoftExecute => 3,
            State::Execute => 4,
            State::ExchangeMedia => 5,
            State::Park => 6,
            State::ConsumeMedia => 7,
            State::Hibernate => 8,
            State::Hangup => 10,
            State::Reporting => 11,
        }
    }
}

/// Which way a channel came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Inbound,
    Outbound,
}

impl Direction {
    pub(super) fn word(self) -> &'static str {
        if self == Direction::Inbound { "inbound" } else { "outbound" }
    }
}

/// Something that a channel is to do when its turn comes.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Execute { application: String, argument: String, uuid: String, loops: i32 },
    Hangup { cause: String },
}

/// An application that takes time.
#[derive(Debug)]
pub(super) enum Running {
    /// Waits for its media port.
    Answer,
    /// Waits for its file.
    Read,
    Playback {
        sound: Sound,
        samples: u64,
    },
    Sleep {
        until: Instant,
    },
    /// Is a part of a conference.
    Conference(Box<Seat>),
}

/// A place in a conference.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) room: String,
    pub(super) id: u32,
    pub(super) muted: bool,
    /// What was said here in the last 20 ms.
    pub(super) voice: [i16; FRAME],
    /// What is played to all is heard here, as far as it has come.
    pub(super) playing: Option<Sound>,
}

/// What runs, and what to tell when it is over.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) running: Running,
    pub(super) application: String,
    pub(super) argument: String,
    pub(super) uuid: String,
    pub(super) loops: i32,
    /// `uuid_answer` runs no application: nothing is told of its end.
    pub(super) told: bool,
}

/// Waiting in `park`.
#[derive(Debug, Default)]
pub(super) struct Parked {
    /// The Application-UUID of the `park` that the dialplan, or an originate, runs.
    pub(super) application: Option<String>,
    /// Second of the day's clock at which it ends, and the cause.
    pub(super) until: Option<(u64, String)>,
}

/// Who is told of an originate's end.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    /// A job: its UUID and its arguments.
    Job { uuid: String, arguments: String },
    /// A connection that waits for it.
    Api { listener: u64 },
}

/// Microseconds since 1970; 0 where it has not happened.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    pub(super) created: u64,
    pub(super) progress: u64,
    pub(super) answered: u64,
    pub(super) bridged: u64,
    pub(super) hung_up: u64,
}

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) uuid: String,
    pub(super) direction: Direction,
    pub(super) name: String,
    /// Channel-State: what it does.
    pub(super) running: State,
    /// Channel-State-Number: what it is to do.
    pub(super) state: State,
    pub(super) call_state: &'static str,
    pub(super) answer_state: &'static str,
    pub(super) caller: String,
    pub(super) destination: String,
    /// Callee-ID-Number of an originated channel. When it is answered, caller and callee change places.
    pub(super) callee: String,
    pub(super) network: Option<SocketAddr>,
    pub(super) times: Times,
    pub(super) variables: Vec<(String, String)>,
    pub(super) cause: Option<String>,
    /// `sip_hangup_disposition`, which is known only when the SIP was sent.
    pub(super) disposition: &'static str,
    /// Variables that are set with it.
    pub(super) late: Vec<(&'static str, &'static str)>,
    pub(super) messages: VecDeque<Message>,
    pub(super) task: Option<Task>,
    pub(super) parked: Option<Parked>,
    /// `uuid_park` was asked for, and the channel goes there then.
    pub(super) moved: Option<Instant>,
    /// Was parked again while it was: FreeSWITCH leaves `park` and goes nowhere.
    pub(super) stuck: bool,
    /// The channel that it is, or was last, connected with.
    pub(super) other: Option<String>,
    pub(super) bridged: bool,
    /// Leads the bridge: this one's events tell of it.
    pub(super) leads: bool,
    pub(super) media: Option<Media>,
    pub(super) recorders: Vec<Recorder>,
    /// When an originated channel is given up.
    pub(super) ring_until: Option<Instant>,
    pub(super) asked: Option<Asked>,
    /// When it was told last that a sound was played.
    pub(super) played: Option<Instant>,
    pub(super) tick: Instant,
}

impl Channel {
    pub(super) fn new(uuid: String, direction: Direction, name: String, now: Instant) -> Self {
        Channel {
            uuid,
            direction,
            name,
            running: State::Init,
            state: State::Routing,
            call_state: "DOWN",
            answer_state: "ringing",
            caller: String::new(),
            destination: String::new(),
            callee: String::new(),
            network: None,
            times: Times::default(),
            variables: Vec::new(),
            cause: None,
            disposition: "",
            late: Vec::new(),
            messages: VecDeque::new(),
            task: None,
            parked: None,
            moved: None,
            stuck: false,
            other: None,
            bridged: false,
            leads: false,
            media: None,
            recorders: Vec::new(),
            ring_until: None,
            asked: None,
            played: None,
            tick: now + super::TICK,
        }
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        if let Some(at) = self.variables.iter().position(|(other, _)| other.eq_ignore_ascii_case(name)) {
            self.variables.remove(at);
        }
        if !value.is_empty() {
            self.variables.push((name.to_owned(), value.to_owned()));
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut variables = self.variables.iter();
        variables.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| ["true", "yes", "on", "1"].contains(&value))
    }

    pub(super) fn is_answered(&self) -> bool {
        self.times.answered != 0
    }

    /// Whether a frame would change nothing about it.
    pub(super) fn rests(&self, now: Instant) -> bool {
        !self.is_hung_up()
            && self.messages.is_empty()
            && self.task.is_none()
            && self.moved.is_none()
            && self.recorders.is_empty()
            && self.state != State::Hibernate
            && self.ring_until.is_none_or(|until| until > now)
            && self.parked.as_ref().is_none_or(|parked| parked.until.is_none())
    }

    pub(super) fn is_hung_up(&self) -> bool {
        self.cause.is_some()
    }
}
