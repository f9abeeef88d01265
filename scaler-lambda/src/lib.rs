//! From the tasks of an ECS service to the snapshot of targets that proxies read.
//!
//! | module | what it does |
//! |---|---|
//! | [`facts`] | what ECS says, as far as it matters |
//! | [`plan`] | the snapshot that is to be: a pure function of facts, the old one and the time |
//! | [`memory`] | what one pass leaves for the next, inside the snapshot |
#![forbid(unsafe_code)]

pub mod facts;
pub mod memory;
pub mod plan;
