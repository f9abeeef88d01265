//! What a call is told.

use std::path::PathBuf;
use std::time::Duration;

use twiml::Key;

use super::facts::Application;

/// Names what a call asked for, so that an answer which comes too late is known as such. Never used twice by one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ask(pub u32);

/// Names a leg of a Dial: its place in the whole call. Never used twice by one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u32);

/// Something that a call is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// An outbound call rings.
    Ringing,
    /// Its channel was answered; also when it was asked to answer and had been answered before.
    Answered,
    /// A playback or speech that it asked for is over, because it came to its end or was stopped.
    Played {
        /// Which.
        ask: Ask,
        /// FreeSWITCH's `Application-Response`: `FILE PLAYED`, `FILE NOT FOUND`, `PLAYBACK ERROR`, ...
        response: String,
    },
    /// The caller pressed a key.
    Digit(Key),
    /// A recording is over. One that could not be begun has no length.
    Recorded {
        /// Which.
        ask: Ask,
        /// How long it is.
        length: Duration,
        /// FreeSWITCH's `Record-Completion-Cause`, where it gave one.
        cause: Option<String>,
    },
    /// A recording is where the customer can fetch it.
    Kept {
        /// Which.
        ask: Ask,
        /// `RecordingUrl` to the customer.
        result: Result<String, Problem>,
    },
    /// Something happened to a leg of a Dial.
    Leg(LegId, LegInput),
    /// The channel is gone. Told as soon as it is known (CHANNEL_HANGUP): what ends with it is told behind it.
    HungUp(HangUp),
    /// What a request to the customer came to.
    Fetched {
        /// Which.
        ask: Ask,
        /// The answer.
        result: Result<Answer, Problem>,
    },
    /// A sound that was asked for is there, or cannot be had.
    Sound {
        /// Which.
        ask: Ask,
        /// Where it is, for FreeSWITCH.
        result: Result<PathBuf, Problem>,
    },
    /// How the destinations of a Dial are reached.
    Routed {
        /// Which.
        ask: Ask,
        /// One for each destination that was asked for, in the same order.
        result: Result<Vec<Route>, Problem>,
    },
    /// Something about the conference that was entered by this.
    Room(Ask, RoomInput),
    /// What came of asking the other end to call somebody else.
    Referred {
        /// Which.
        ask: Ask,
        /// The answer to the REFER; none if none came.
        answer: Option<u16>,
        /// What the other end said then of its own call (NOTIFY); none if nothing that is final came.
        notified: Option<u16>,
    },
    /// The API has another application for the call, in the middle of whatever it is doing.
    Update(Application),
    /// The API ends the call.
    End,
    /// Events may have been lost. What the call hears is begun again, but for a conference, of which `Played` comes if it is not
    /// heard any more; an answer or a hang-up is asked for again, and a
    /// recording ended; what became of channels (`Answered`, `HungUp`, and `Leg` for each leg) is told anew by whoever
    /// tells this, who knows by then.
    Lost,
}

/// Something that happened to a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegInput {
    /// It rings, or plays something before it is answered.
    Ringing,
    /// It was answered, and waits.
    Answered,
    /// It has executed its own application, and waits again.
    Briefed,
    /// It is connected with the caller.
    Bridged,
    /// It is gone; also when it could not be called at all.
    HungUp(HangUp),
}

/// Something about a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomInput {
    /// It has not begun.
    Wait,
    /// It goes on: this is its name for FreeSWITCH.
    Join(String),
    /// There are as many in it as may be.
    Full,
    /// It is over.
    Over,
}

/// How a channel ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HangUp {
    /// FreeSWITCH's name of the cause: `NORMAL_CLEARING`, `USER_BUSY`.
    pub cause: String,
    /// The SIP status that ended it, if any did (`sip_term_status`, `sip_invite_failure_status`).
    pub sip_status: Option<u16>,
}

/// What a customer's server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The URL that answered, after redirects: what relative URLs are resolved against.
    pub url: String,
    /// The document, within the size that is allowed.
    pub body: Vec<u8>,
}

/// How one destination is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The platform's name for the leg; `DialCallSid` to the customer.
    pub call_sid: String,
    /// FreeSWITCH's dial string, without variables.
    pub dial_string: String,
    /// Whom the callee sees.
    pub caller_id: String,
    /// Header fields that the leg's INVITE carries.
    pub headers: Vec<(String, String)>,
    /// Variables that its channel gets.
    pub variables: Vec<(String, String)>,
    /// Why it must not be called, if so.
    pub barred: Option<String>,
}

/// Why something could not be had, in words for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(pub String);
