//! What a call wants done.

use std::path::PathBuf;
use std::time::Duration;

use twiml::Method;

use super::facts::Application;
use super::input::{Ask, HangUp, LegId, Route};

/// Something that a call wants done. What has an [`Ask`] is answered by an input with the same.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Answer the channel. Told by `Answered`, even if it was answered before.
    Answer,
    /// Tell the channel, which was not answered, that it rings (180). Told by nothing.
    Ring180,
    /// Refuse the channel, which was not answered: 486 or 603.
    Refuse(Refusal),
    /// End the channel. Told by `HungUp`.
    HangUp,
    /// Play to the caller. Told by `Played`.
    Play {
        /// Which.
        ask: Ask,
        /// What.
        sound: Sound,
    },
    /// Stop what is played; its `Played` comes.
    StopPlaying,
    /// Record the channel, and tell the platform first. Told by `Recorded`.
    Record {
        /// Which.
        ask: Ask,
        /// Whom of those who are heard on it.
        whom: Whom,
        /// Where the platform reports that the recording can be had.
        callback: Option<(String, Method)>,
        /// No longer than that.
        most: Duration,
        /// Ends after so much silence; never if zero.
        silence: Duration,
    },
    /// Stop a recording; its `Recorded` comes.
    StopRecording(Ask),
    /// Put a recording that is over where the customer can fetch it. It has the name that the recording had. Told by
    /// `Kept`.
    KeepRecording(Ask),
    /// Remove a recording that is over, of which nobody wants anything. Told by nothing.
    DropRecording(Ask),
    /// Call somebody. Told by `Leg`.
    Ring {
        /// Which.
        leg: LegId,
        /// How.
        route: Route,
        /// Give up after so long.
        timeout: Duration,
    },
    /// Of the routes that were found, those that nobody was called by are not needed any more.
    CallNoMore,
    /// End a leg. Told by its `HungUp`.
    EndLeg {
        /// Which.
        leg: LegId,
        /// Why.
        reason: LegEnd,
    },
    /// Connect a leg that was answered with the caller. Told by its `Bridged`, and when it is over by its `HungUp`; the
    /// caller's channel stays.
    Bridge(LegId),
    /// Let a leg that was answered execute an application of its own. Told by `Briefed` when that is over; a leg that is
    /// ended by it is told by its `HungUp`.
    Brief {
        /// Which.
        leg: LegId,
        /// Who called, as the customer is told.
        from: String,
        /// Who was called.
        to: String,
        /// The platform's name for the leg.
        call_sid: String,
        /// What it executes.
        application: Application,
    },
    /// Go into a conference: told by `Room`, more than once, until it is left.
    EnterRoom {
        /// Which going in.
        ask: Ask,
        /// Where, and as what.
        guest: Box<Guest>,
    },
    /// Leave the conference, whatever becomes of it; what is heard of it is stopped beside that.
    LeaveRoom,
    /// Ask the other end to call somebody else instead (REFER, RFC 3515). Told by `Referred`.
    Refer {
        /// Which.
        ask: Ask,
        /// A `sip:` URI.
        to: String,
    },
    /// Tell the customer's server something of which the answer does not matter. What is told is told in order.
    Tell(crate::webhook::Request),
    /// Ask the customer's server for a document. Told by `Fetched`.
    Fetch {
        /// Which.
        ask: Ask,
        /// What.
        request: crate::webhook::Request,
    },
    /// Fetch a sound from a URL. Told by `Sound`.
    GetSound {
        /// Which.
        ask: Ask,
        /// Absolute.
        url: String,
    },
    /// Make speech. Told by `Sound`.
    Synthesise {
        /// Which.
        ask: Ask,
        /// What is said, and how.
        speech: Speech,
    },
    /// Find how destinations are reached. Told by `Routed`.
    FindRoutes {
        /// Which.
        ask: Ask,
        /// Numbers, and SIP URIs with their scheme.
        destinations: Vec<String>,
        /// What the customer wants the callee to see.
        caller_id: Option<String>,
    },
    /// Tell the platform.
    Report(Report),
    /// Write into the log, with the call's name.
    Log(Severity, String),
    /// Nothing more will come: the call is to be forgotten.
    Finish,
}

/// How a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 486.
    Busy,
    /// 603.
    Rejected,
    /// 503: nobody could say what to do with it.
    Unavailable,
}

/// Whom of those who are heard on a channel a recording has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// The one at the other end, and not what is played.
    Caller,
    /// All, together.
    All,
    /// The one at the other end on the left, and what that one hears on the right.
    Both,
}

/// Somebody who goes into a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// The conference, by the customer's name for it.
    pub room: String,
    /// `startConferenceOnEnter`
    pub starts: bool,
    /// `endConferenceOnExit`
    pub ends: bool,
    /// `muted`
    pub muted: bool,
    /// `participantLabel`
    pub label: Option<String>,
    /// `maxParticipants`
    pub most: u32,
    /// Who is told of the conference, if this one is the first.
    pub callback: Option<RoomTold>,
}

/// Who is told of a conference, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomTold {
    /// Absolute.
    pub url: url::Url,
    /// How.
    pub method: Method,
    /// Of what.
    pub events: Vec<twiml::RoomEvent>,
}

/// Why a leg is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegEnd {
    /// Another one was answered first.
    LostRace,
    /// The caller is gone, or the call does something else now.
    CallerGone,
    /// It was connected, and is over.
    Over,
}

/// What can be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sound {
    /// A file, by its path for FreeSWITCH.
    File(PathBuf),
    /// The tone before a recording.
    Beep,
    /// Keys, as tones: `0` to `9`, `*`, `#`, `w` for half a second of waiting, `W` for a second.
    Keys(String),
    /// What a caller hears while a leg rings, until it is stopped: tones in FreeSWITCH's language (libteletone).
    Ringback(&'static str),
    /// What a caller hears while a conference has not begun, until it is stopped.
    Waiting,
    /// A conference, of which the caller is a part until it is stopped.
    Room(Box<Seat>),
}

/// A place in a conference of FreeSWITCH's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// The conference's name for FreeSWITCH: letters, digits and `-`.
    pub room: String,
    /// Only listens.
    pub muted: bool,
    /// The others hear a beep when this one comes.
    pub beeps_on_enter: bool,
    /// The others hear a beep when this one goes.
    pub beeps_on_exit: bool,
}

/// What is said, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Speech {
    /// The voice, by the platform's name: `Basic.Slt`, `Polly.Joanna-Neural`.
    pub voice: String,
    /// The language, as the document or the voice has it: `en-US`.
    pub language: String,
    /// The text alone.
    pub text: String,
    /// The same with its SSML, where the document has any.
    pub ssml: Option<String>,
}

/// What the platform wants to know.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// An outbound call rings.
    Ringing,
    /// The call was answered.
    Answered,
    /// The call is over.
    Completed {
        /// Whether and when it was answered, since the beginning of time that inputs have.
        answered_at: Option<Duration>,
        /// How it ended.
        end: HangUp,
    },
    /// Speech that is paid for by its length.
    Speech {
        /// The voice.
        voice: String,
        /// Characters, times how often they are said.
        characters: u64,
    },
}

/// How much a log line matters to whoever runs the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// What the customer should mend.
    Customer,
    /// What the operator should know.
    Operator,
    /// For those who look closely.
    Detail,
}
