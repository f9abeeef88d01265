//! From the tasks of an ECS service to the snapshot of targets that proxies read.
//!
//! | module | what it does |
//! |---|---|
//! | [`facts`] | what ECS says, as far as it matters |
//! | [`plan`] | the snapshot that is to be: a pure function of facts, the old one and the time |
//! | [`memory`] | what one pass leaves for the next, inside the snapshot |
//! | [`event`], [`settings`] | what wakes it, what an operator has set |
//! | [`aws`], [`ecs`], [`load`], [`platform`], [`emf`] | AWS, ECS of it, tasks' own figures, the Somleng API, metrics |
//! | [`scaler`] | one invocation, from the event to what it came to |
#![forbid(unsafe_code)]

pub mod aws;
pub mod ecs;
pub mod emf;
pub mod event;
pub mod facts;
pub mod load;
pub mod memory;
pub mod plan;
pub mod platform;
pub mod scaler;
pub mod settings;
