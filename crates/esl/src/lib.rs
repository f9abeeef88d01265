//! FreeSWITCH's Event Socket.
#![forbid(unsafe_code)]

mod api;
mod block;
#[cfg(feature = "client")]
pub mod client;
mod command;
mod error;
mod escape;
mod event;
mod frame;
mod link;
mod originate;
mod reconnect;
pub mod server;
mod text;

pub use api::{Api, Direction, Leg, Recording};
pub use block::Limits;
pub use command::{Command, Execute, Format, Subscription};
pub use error::{Error, Refused};
pub use event::Event;
pub use frame::{Frame, FrameDecoder, Kind, Reply};
pub use link::{CallError, Link, Login, Outcome, Reason, Ticket, Timing};
pub use originate::Originate;
pub use reconnect::{Backoff, Memory};
pub use text::{
    Argument, Cause, DialString, MOST_BYTES, Name, Password, Rest, Uuid, VariableName, VariableValue, Word,
};
