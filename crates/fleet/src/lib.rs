//! The fleet: which targets there are, and which of them a call goes to.
//!
//! A [`Snapshot`] is the list of targets as it is written somewhere for all proxies to read; a [`Picker`] is made from
//! it and answers for every call which target it belongs to. Every proxy with the same snapshot and the same secret
//! gives the same answer. [`Newest`] keeps a reader from going back to an older one.
//!
//! This crate must not contain: sockets, clocks, randomness.
#![forbid(unsafe_code)]

mod difference;
mod drains;
mod error;
mod newest;
mod pick;
mod snapshot;
mod target;

pub use difference::{Beside, Change, differences, differences_beside};
pub use drains::{Drain, NoSuchTarget};
pub use error::SnapshotError;
pub use newest::{Newest, Older};
pub use pick::{Picker, SLOTS};
pub use snapshot::{FORMAT, MAX_BYTES, Snapshot};
pub use target::{State, Target};
