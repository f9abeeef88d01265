//! Calls by the thousand, to measure a SIP proxy with, and the benchmark that compares ours with others.
//!
//! The load is open-loop: a call starts when it is due, whatever has become of those before it. Each call is
//! INVITE -> 180 -> 200 -> ACK -> BYE -> 200, six messages that a proxy between caller and target carries. Nothing is
//! sent twice: a message that is lost is a lost call.
//!
//! | module | what it holds |
//! |---|---|
//! | [`plan`] | what a run is to do |
//! | [`message`], [`dialog`] | what the caller sends: its first request, and the later ones along the route set |
//! | [`datagrams`] | what waits for being sent |
//! | [`calls`] | what became of each call |
//! | [`caller`], [`answering`] | the two sides, one thread each |
//! | [`mod@run`] | a run: both sides, and what the system says about them ([`system`]) |
//! | [`histogram`], [`timeline`] | how long things took, and how it went over time |
//! | [`outcome`], [`terminal`], [`html`], [`plot`] | what came of it, as JSON, text and a page with plots |
//! | [`forward`] | the bare forwarder: the least that anything between the two sides can do |
//! | [`flame`] | call stacks as a drawing |
//! | [`broadcast`] | the night of the flood: calls by the thousand through controllers that are killed meanwhile |
//! | [`controller`] | the benchmark of the controller |
//! | [`bench`](mod@bench) | forwarder, proxy and Kamailio at several rates in one run, against the targets |

pub mod answering;
pub mod bench;
pub mod broadcast;
pub mod caller;
pub mod calls;
pub mod controller;
pub mod datagrams;
pub mod dialog;
pub mod flame;
pub mod forward;
pub mod histogram;
pub mod html;
pub mod message;
pub mod outcome;
pub mod plan;
pub mod plot;
pub mod run;
pub mod system;
pub mod terminal;
pub mod timeline;
