//! A whole telephone system in one process, with nothing external: real SIP and RTP over loopback UDP.
//!
//! | module | what it is for |
//! |---|---|
//! | [`machine`] | answering machines: they take calls and note what they got |
//! | [`phone`] | a telephone: places calls and reports what came of them |
//! | [`trace`], [`ladder`] | the messages of both, and a picture of them |
//! | [`signalling`] | SIP as both ends need it: reading, writing, dialogs, retransmission |
//! | [`media`] | PCMU, RTP, digits, and how loud it was |
//! | [`application`] | a customer: the registration menu of an early-warning line, in TwiML |
//! | [`platform`] | a stand-in for the Somleng API, which notes what a switch does wrong |
//! | [`speech`] | a voice of tones, where there is no other |
//! | [`aws`] | a stand-in for ECS, S3 and Lambda's Runtime API |
//! | [`dns`] | a DNS server that says what a test wants |
//! | [`child`] | programs as child processes: started, looked at, never left behind |
//! | [`proxy_process`], [`controller_process`], [`kamailio`] | the real programs, and a real peer, as child processes |
//! | [`real_switch`] | a real FreeSWITCH as a child process, where there is one |
//! | [`python`] | programs from PyPI, where they are there |
//! | [`network`] | networks with NAT and loss, inside this machine |
//! | [`switch`] | a stand-in for FreeSWITCH: event socket, SIP and RTP |
//! | [`system`], [`demo`] | all of it together, and `lab demo` |
//!
//! The protocol is in [`machine::Uas`], [`phone::Uac`] and [`switch::Core`], which know no socket and no clock;
//! [`machine::Machine`], [`phone::Phone`] and [`switch::Switch`] move their datagrams.

pub mod application;
pub mod aws;
pub mod child;
pub mod controller_process;
pub mod demo;
pub mod dns;
pub mod http;
pub mod kamailio;
pub mod ladder;
pub mod machine;
pub mod media;
pub mod network;
pub mod phone;
pub mod platform;
pub mod proxy_process;
pub mod python;
pub mod real_switch;
pub mod signalling;
pub mod speech;
pub mod switch;
pub mod system;
pub mod trace;
mod wire;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Lets time pass: for slow senders, and for looking at other processes, which tell us nothing by themselves.
#[expect(clippy::disallowed_methods, reason = "blocking tests have nothing else to wait for")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Locks without the case that cannot matter here: a panic in another thread has been reported already.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until an instant; without one, for ever.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
