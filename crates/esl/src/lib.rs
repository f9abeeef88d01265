//! FreeSWITCH's Event Socket.
#![forbid(unsafe_code)]

mod block;
mod error;
mod event;
mod frame;

pub use block::Limits;
pub use error::{Error, Refused};
pub use event::Event;
pub use frame::{Frame, FrameDecoder, Kind, Reply};
