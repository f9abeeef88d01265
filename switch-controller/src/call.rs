//! A call: inputs and the time go in, actions come out.
//!
//! This module and `verbs/` must not contain: sockets, files, clocks, randomness, tokio. Time is a [`Duration`] since
//! any beginning that the caller keeps to.

pub mod action;
pub mod facts;
pub mod input;
pub mod rules;
