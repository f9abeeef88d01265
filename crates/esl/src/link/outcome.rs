//! What a link tells.

use std::fmt;
use std::time::Duration;

use crate::error::Error;
use crate::event::Event;
use crate::frame::Reply;

/// Which call an answer belongs to; counted from 1 within one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub(crate) u64);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Logged in and subscribed: events come from here on, and commands may be sent.
    Up {
        /// Core-UUID of this run of FreeSWITCH, if it told.
        core: Option<String>,
    },
    /// The answer to a call, which may be a refusal: see [`Reply::ok`].
    Answer(Ticket, Result<Reply, CallError>),
    /// An event. BACKGROUND_JOB events of calls that were made here come as their answers instead.
    Event(Event),
    /// An event that cannot be read. Others go on.
    BadEvent(Error),
    /// The last one: the link has ended.
    Down(Reason),
}

/// Why a call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallError {
    /// No connection is up: nothing was sent.
    NotUp,
    /// Too many calls wait: nothing was sent.
    TooMany,
    /// None came in time. Whether FreeSWITCH did what was asked is not known.
    TimedOut,
    /// The connection ended. Whether FreeSWITCH did what was asked is not known.
    Disconnected,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CallError::NotUp => "no connection to FreeSWITCH is up",
            CallError::TooMany => "too many commands wait for FreeSWITCH",
            CallError::TimedOut => "FreeSWITCH did not answer in time",
            CallError::Disconnected => "the connection to FreeSWITCH ended before the answer came",
        })
    }
}

impl std::error::Error for CallError {}

/// Why a link ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// There was no connection to begin with.
    Unreachable(String),
    /// FreeSWITCH said `-ERR invalid` to the password.
    WrongPassword,
    /// An ACL of event_socket.conf (`apply-inbound-acl`) forbids this address.
    Forbidden,
    /// The subscription or a filter was refused, in these words.
    Refused(String),
    /// The log-in took too long.
    LoginTimedOut,
    /// Not a byte came for so long, though one was asked for.
    Silent(Duration),
    /// What came is no Event Socket.
    Unreadable(Error),
    /// An answer came that does not fit what was asked.
    OutOfStep,
    /// FreeSWITCH said that it ends the connection, in these words; when it shuts down, for instance.
    Notice(String),
    /// The connection broke.
    Disconnected,
    /// It was closed from this side.
    Closed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Unreachable(error) => write!(f, "FreeSWITCH cannot be reached: {error}"),
            Reason::WrongPassword => f.write_str("FreeSWITCH refused the password"),
            Reason::Forbidden => f.write_str(
                "an ACL of FreeSWITCH forbids this address (event_socket.conf, apply-inbound-acl)",
            ),
            Reason::Refused(text) => write!(f, "FreeSWITCH refused the subscription: {text}"),
            Reason::LoginTimedOut => f.write_str("the log-in to FreeSWITCH was not finished in time"),
            Reason::Silent(time) => write!(f, "FreeSWITCH was silent for {} s", time.as_secs()),
            Reason::Unreadable(error) => write!(f, "what FreeSWITCH sent cannot be read: {error}"),
            Reason::OutOfStep => f.write_str("FreeSWITCH sent an answer that does not fit what was asked"),
            Reason::Notice(text) => write!(f, "FreeSWITCH ended the connection: {text}"),
            Reason::Disconnected => f.write_str("the connection to FreeSWITCH broke"),
            Reason::Closed => f.write_str("closed"),
        }
    }
}

impl std::error::Error for Reason {}
