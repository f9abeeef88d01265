//! Pins: what is kept of an INVITE that begins a dialog until 64*T1 after its final answer.
//!
//! A pin says which target the INVITE went to, so that retransmissions, CANCEL and the ACK of a refusal follow it when
//! the list has changed meanwhile, and what was sent, so that it can be sent again and, where a target fails, to
//! another. Nothing here outlives a call's set-up: with all pins lost, established calls go on.
//!
//! With one attempt only (`dispatch.attempts = 1`) a pin is a note of the target and changes nothing else: no 1xx of
//! ours, no retransmission, no failover.
//!
//! This module must not contain: sockets, clocks, randomness. It is told the time and fills an [`Outbox`].
//!
//! | file | what it does |
//! |---|---|
//! | `pin.rs` | one INVITE and the targets that it went to |
//! | `packed.rs` | its text in less memory |
//! | `store.rs`, `wheel.rs` | all of them, and their timers |
//! | `requests.rs` | INVITE, CANCEL and ACK that belong to a pin |
//! | `responses.rs` | what targets answer |
//! | `due.rs` | what happens when nothing happens |
//! | `attempts.rs` | another target, CANCEL, our own final answer |
//! | `outbox.rs` | what is to be sent |
//! | `passed_on.rs` | what a proxy that takes over gets |
//! | `view.rs` | what operators see |

mod attempts;
mod due;
mod outbox;
mod packed;
mod passed_on;
mod pin;
mod requests;
mod responses;
mod store;
mod view;
mod wheel;

use std::net::SocketAddr;
use std::time::Duration;

use crate::route::{Input, Router, Scratch, Way};
use crate::table::Table;
pub use outbox::Outbox;
use pin::{Attempt, Caller, NEVER, Pin, Stage, Ticks};
use store::Store;
pub use view::PinView;

/// The grain of all timers.
pub const TICK: Duration = Duration::from_millis(16);

/// RFC 3261 17.1.1.1.
const T1: Ticks = ticks(Duration::from_millis(500));
/// RFC 3261 17.1.2.2.
const T2: Ticks = ticks(Duration::from_secs(4));
/// How long an answered INVITE is remembered (64*T1; RFC 3261 17.2.1, RFC 6026 7.1).
const LINGER: Ticks = ticks(Duration::from_secs(32));
/// Timer C (RFC 3261 16.6.11): more than three minutes.
const TIMER_C: Ticks = ticks(Duration::from_secs(185));
/// When the caller gets a 100 of ours if the target has said nothing (RFC 3261 17.2.1).
const TRYING_AFTER: Ticks = ticks(Duration::from_millis(200));
/// Where time stands still, after two years without a restart, with room for every timer: nothing is sent too early, and
/// when no more pins fit calls go on without.
const LAST: Ticks = NEVER - ticks(Duration::from_secs(24 * 3600));

/// A time in ticks, rounded up.
const fn ticks(time: Duration) -> Ticks {
    time.as_millis().div_ceil(TICK.as_millis()) as Ticks
}

/// `[dispatch]`: how many targets an INVITE may go to, and when to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispatch {
    /// Targets tried for one INVITE. One means no failover and no 1xx of our own.
    pub attempts: usize,
    /// Nothing at all from a target within this: the next one.
    pub no_reply: Duration,
    /// What the caller gets where no target answered at all: 500 or 408.
    pub no_answer: u16,
    /// The most pins of all workers together; INVITEs beyond are forwarded without one.
    pub max_pins: usize,
}

/// What was learnt about a target from a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// It said nothing at all to an INVITE within `no_reply`.
    Silent,
    /// What was sent to it came back as undeliverable.
    Unreachable,
    /// It answered an INVITE.
    Answered,
}

/// What pins have done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// INVITEs that had no room for a pin.
    pub refused: u64,
    /// INVITEs sent to another target: the one before said nothing.
    pub silent: u64,
    /// The same: the one before refused.
    pub refusals: u64,
    /// The same: the one before could not be reached, or is down.
    pub down: u64,
    /// INVITEs sent again to the same target.
    pub retransmissions: u64,
    /// Requests of dialogs sent to another target: the one before did not know the dialog.
    pub searches: u64,
    /// Calls for which all attempts failed.
    pub failed: u64,
    /// Calls that a target answered after the caller had been refused, and which were ended.
    pub late_answers: u64,
}

/// One worker's pins.
#[derive(Debug)]
pub struct Pins {
    store: Store,
    dispatch: Dispatch,
    now: Ticks,
    outbox: Outbox,
    /// Working memory for messages of our own; taken while one is made.
    spare: Option<Box<Scratch>>,
    unpacked: Vec<u8>,
    short: (Vec<u8>, Vec<u8>),
    counts: Counts,
    signals: Vec<(SocketAddr, Signal)>,
}

/// What messages of our own are made with.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) router: &'a Router,
    pub(crate) table: &'a Table,
}

impl Pins {
    /// None yet.
    pub fn new(dispatch: Dispatch) -> Self {
        Pins {
            store: Store::new(dispatch.max_pins),
            dispatch,
            now: 0,
            outbox: Outbox::default(),
            spare: Some(Box::default()),
            unpacked: Vec::new(),
            short: (Vec::new(), Vec::new()),
            counts: Counts::default(),
            signals: Vec::new(),
        }
    }

    /// Says how long the proxy has been running. Everything else happens at that time.
    pub fn set_time(&mut self, since_start: Duration) {
        let now = since_start.as_millis() / TICK.as_millis();
        self.now = self.now.max(Ticks::try_from(now).unwrap_or(LAST).min(LAST));
    }

    /// Messages that are to be sent besides the one that [`Router::route`] wrote.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// What was learnt about targets since this was last asked.
    pub fn signals(&mut self) -> impl Iterator<Item = (SocketAddr, Signal)> {
        self.signals.drain(..)
    }

    /// What was done since this was last asked.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there are none, and so nothing will happen by itself.
    pub fn is_empty(&self) -> bool {
        self.store.len() == 0
    }

    /// Keeps a request that was just forwarded.
    pub(crate) fn begin(
        &mut self,
        names: Names,
        input: &Input<'_>,
        (listener, way): (usize, Way),
        kept: Kept,
    ) {
        let one = self.is_one_attempt();
        if kept == Kept::Search && one {
            return;
        }
        let in_dialog = kept != Kept::Call;
        let passive = in_dialog || one;
        let text = if one || kept == Kept::Note { Box::default() } else { input.bytes.into() };
        let attempt = Attempt::new(&way, listener, names.hop);
        let pin = Pin {
            caller: Caller::of(input),
            text,
            attempts: [attempt].into_iter().collect(),
            packed: false,
            in_dialog,
            stage: Stage::Calling,
            told: passive,
            merged: false,
            cancelled: None,
            closing: None,
            began: self.now,
            resend: if passive || attempt.is_by_stream() { NEVER } else { self.now + T1 },
            interval: T1,
            deadline: self.now
                + match kept {
                    Kept::Search => LINGER,
                    _ if passive => TIMER_C,
                    _ => self.no_reply(),
                },
        };
        if !self.store.insert(names.transaction, names.call, pin) {
            self.counts.refused += u64::from(!in_dialog);
        }
    }

    /// The target that the call with this name went to.
    pub(crate) fn target_of_call(&self, call: u64) -> Option<Way> {
        self.store.find_call(call)?.attempt().map(Attempt::way)
    }

    fn is_one_attempt(&self) -> bool {
        self.dispatch.attempts <= 1
    }

    fn no_reply(&self) -> Ticks {
        ticks(self.dispatch.no_reply)
    }
}

/// What is kept of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// An INVITE that begins a dialog.
    Call,
    /// A request of a dialog whose target is a guess: it is sent to others if that does not know the dialog.
    Search,
    /// Of an INVITE in a dialog no more than the way that it went, for its CANCEL and the ACK of its refusal.
    Note,
}

/// By what a pin is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Names {
    /// The transaction.
    pub(crate) transaction: u64,
    /// The next hop's part of our branch.
    pub(crate) hop: u32,
    /// The call: Call-ID and From tag.
    pub(crate) call: u64,
}
