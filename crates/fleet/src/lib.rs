//! The fleet: which targets there are, and which of them a call goes to.
//!
//! A [`Snapshot`] is the list of targets as it is written somewhere for all proxies to read; a [`Picker`] is made from
//! it and answers for every call which target it belongs to. Every proxy with the same snapshot and the same secret
//! gives the same answer.
//!
//! This crate must not contain: sockets, clocks, randomness.
#![forbid(unsafe_code)]

mod pick;
mod snapshot;

pub use pick::{Picker, SLOTS};
pub use snapshot::{Snapshot, SnapshotError, State, Target};
