//! FreeSWITCH's Event Socket.
#![forbid(unsafe_code)]

mod api;
mod block;
mod command;
mod error;
mod escape;
mod event;
mod frame;
mod originate;
pub mod server;
mod text;

pub use api::{Api, Direction, Leg, Recording};
pub use block::Limits;
pub use command::{Command, Execute, Format, Subscription};
pub use error::{Error, Refused};
pub use event::Event;
pub use frame::{Frame, FrameDecoder, Kind, Reply};
pub use originate::Originate;
pub use text::{
    Argument, Cause, DialString, MOST_BYTES, Name, Password, Rest, Uuid, VariableName, VariableValue, Word,
};
