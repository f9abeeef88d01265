//! The switch-controller: executes TwiML on FreeSWITCH.
//!
//! In the order in which a call travels:
//!
//! | file | what it holds |
//! |---|---|
//! | `switch.rs` | the link to FreeSWITCH: events -> inputs of calls, actions of calls -> commands |
//! | `calls.rs` | the calls that are here, each with its task |
//! | `call.rs` | a call, pure: inputs and the time in, actions out |
//! | `script.rs` | where in its document a call is |
//! | `verbs/` | one file for each verb |
//! | `voices.rs` | which voice says it |
//! | `rooms.rs` | conferences: who is in which |
//! | `tell.rs` | what customers are told beside that |
//! | `webhook.rs`, `fetch.rs` | requests to the customer: what they say, and how they are made |
//! | `files.rs`, `speech.rs` | sounds: fetched and kept, synthesised and kept |
//! | `kept.rs` | what is kept of each call, for the process that comes after this one |
//! | `platform.rs` | who a call belongs to, and how numbers are reached: the routes file, or the Somleng API |
//! | `limits.rs`, `shared.rs` | calls at once and per second of trunks and accounts; what controllers share |
//! | `membership.rs` | whether the fleet's target list lets this FreeSWITCH drain |
//! | `protection.rs` | ECS's protection of this task, held while there is work |
//! | `api.rs` | the calls API, recordings, health, load and metrics |
//! | `config.rs`, `live.rs`, `run.rs`, `metrics.rs` | settings; what all parts share; from start to end; what is counted |
#![forbid(unsafe_code)]

pub mod api;
pub mod call;
pub mod calls;
pub mod config;
pub mod fetch;
pub mod files;
pub mod kept;
pub mod limits;
pub mod live;
pub mod membership;
pub mod metrics;
pub mod platform;
pub mod protection;
pub mod rooms;
mod run;
mod script;
pub mod shared;
pub mod speech;
pub mod switch;
pub mod tell;
mod verbs;
pub mod voices;
pub mod webhook;

pub use run::{check, run};
