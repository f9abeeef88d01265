//! What calls do, told as stories: a call, a switch that does what it is told, and a web server with a few documents.
//! Names of tests begin with the number of the behaviour that they hold on to.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod brief;
mod conference;
mod dial;
mod dial_record;
mod documents;
mod gather;
mod life;
mod play;
mod record;
mod redirect;
mod refer;
mod reject;
mod reports;
mod requests;
mod resume;
mod say;
mod simulation;
mod story;
mod update;
