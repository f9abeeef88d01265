//! A telephone: places calls from one UDP port, and reports what came of each.
//!
//! | file | what it holds |
//! |---|---|
//! | `plan.rs` | what to do in a call |
//! | `uac.rs`, `uac/talk.rs` | one call without its socket: up to the answer, and from there |
//! | `report.rs` | what came of it |

mod plan;
mod report;
mod uac;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use plan::{CallPlan, Step};
pub use report::{CallReport, Response};
pub use uac::Uac;

use crate::locked;
use crate::media::{MediaPort, Playing, Source};
use crate::signalling::respond::respond;
use crate::signalling::{Ids, Incoming, Start};
use crate::trace::Trace;
use crate::wire::{LONGEST, Wire};

/// How long a call that has ended still answers retransmissions.
const LINGER: Duration = Duration::from_secs(5);

/// How often a telephone that listens looks whether there was sound: once a packet.
const LISTEN: Duration = Duration::from_millis(20);

/// What a [`Uac`] wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this message.
    Send {
        /// Where it goes.
        to: SocketAddr,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// Begin to play, or go on, into this address.
    Play {
        /// The other end's media port.
        peer: SocketAddr,
    },
    /// Press digits.
    Press {
        /// One after another.
        digits: String,
    },
    /// Send another sound.
    Speak {
        /// Which.
        source: Source,
    },
    /// The call is over: no more sound.
    Stop,
}

/// A telephone; it stops when dropped, with all its calls.
#[derive(Debug)]
pub struct Phone {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    wire: Wire,
    ids: Mutex<Ids>,
    calls: Mutex<HashMap<String, UnboundedSender<(Incoming, SocketAddr)>>>,
    wrong: AtomicU64,
    malformed: AtomicU64,
}

impl Phone {
    /// Starts a telephone at an address; port 0 takes any free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr, trace: &Trace) -> Result<Self> {
        let shared = Arc::new(Shared {
            wire: Wire::bind(address, trace.clone()).await?,
            ids: Mutex::new(Ids::random()),
            calls: Mutex::default(),
            wrong: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
        });
        let task = tokio::spawn(Arc::clone(&shared).run());
        Ok(Self { shared, task })
    }

    /// Where it sends from and receives.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.wire.here()
    }

    /// Requests that belonged to none of its calls.
    #[must_use]
    pub fn wrong(&self) -> u64 {
        self.shared.wrong.load(Relaxed)
    }

    /// Datagrams that were no SIP.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        self.shared.malformed.load(Relaxed)
    }

    /// Places a call and waits for its end. Any number may be under way at once.
    ///
    /// # Errors
    /// When there is no media port. A call that fails is no error but a report that says so.
    pub async fn call(&self, plan: CallPlan) -> Result<CallReport> {
        let address = self.address().ip();
        let port = MediaPort::bind(address).await?;
        let media = SocketAddr::new(address, port.number());
        let ids = Ids::seeded(locked(&self.shared.ids).number());
        let source = plan.source;
        let uac = Uac::new(plan, self.address(), media, ids, Instant::now());
        let (sender, receiver) = unbounded_channel();
        locked(&self.shared.calls).insert(uac.call_id().to_owned(), sender);
        // Nothing is sent before the other end's port is known.
        let playing = port.play(None, source, locked(&self.shared.ids).number() as u32);
        let (done, report) = oneshot::channel();
        let running =
            Running { shared: Arc::clone(&self.shared), uac, playing: Some(playing), done: Some(done) };
        tokio::spawn(running.run(receiver));
        report.await.context("the telephone was stopped")
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.task.abort();
        // Without their senders the calls end too.
        locked(&self.shared.calls).clear();
    }
}

impl Shared {
    async fn run(self: Arc<Self>) {
        let mut buffer = vec![0; LONGEST];
        loop {
            let Some((bytes, source)) = self.wire.receive(&mut buffer).await else { continue };
            if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                continue;
            }
            let Ok(message) = Incoming::parse(bytes) else {
                self.malformed.fetch_add(1, Relaxed);
                continue;
            };
            let call = locked(&self.calls).get(&message.call_id).cloned();
            match call {
                Some(call) => drop(call.send((message, source))),
                None => self.stranger(&message, source).await,
            }
        }
    }

    /// A request of no call of ours (RFC 3261 12.2.2); responses are dropped (18.1.2).
    async fn stranger(&self, message: &Incoming, source: SocketAddr) {
        if !matches!(message.start, Start::Request(_)) {
            return;
        }
        self.wrong.fetch_add(1, Relaxed);
        if message.method != "ACK" {
            let tag = locked(&self.ids).word();
            let answer = respond(message, source, 481, Some(&tag)).end();
            self.wire.send(message.reply_address(source), answer).await;
        }
    }
}

/// A call under way.
struct Running {
    shared: Arc<Shared>,
    uac: Uac,
    playing: Option<Playing>,
    done: Option<oneshot::Sender<CallReport>>,
}

impl Running {
    async fn run(mut self, mut messages: UnboundedReceiver<(Incoming, SocketAddr)>) {
        let actions = self.uac.start(Instant::now());
        self.perform(actions).await;
        let mut leave_at = None;
        loop {
            if self.uac.is_over() && leave_at.is_none() {
                leave_at = Some(Instant::now() + LINGER);
            }
            let look_at = self.uac.is_listening().then(|| Instant::now() + LISTEN);
            let next = leave_at.or(self.uac.next_timeout().into_iter().chain(look_at).min());
            let actions = tokio::select! {
                message = messages.recv() => match message {
                    Some((message, source)) => self.uac.receive(&message, source, Instant::now()),
                    None => break,
                },
                () = crate::until(next) => {
                    if leave_at.is_some() {
                        break;
                    }
                    let now = Instant::now();
                    let heard = self.playing.as_ref().and_then(Playing::last_sound);
                    let mut actions = self.uac.hear(heard, now);
                    actions.extend(self.uac.timeout(now));
                    actions
                }
            };
            self.perform(actions).await;
        }
        locked(&self.shared.calls).remove(self.uac.call_id());
    }

    async fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send { to, bytes } => self.shared.wire.send(to, bytes).await,
                Action::Play { peer } => {
                    if let Some(playing) = &self.playing {
                        playing.redirect(peer);
                    }
                }
                Action::Press { digits } => {
                    if let Some(playing) = &self.playing {
                        playing.press(&digits);
                    }
                }
                Action::Speak { source } => {
                    if let Some(playing) = &self.playing {
                        playing.speak(source);
                    }
                }
                Action::Stop => self.stop(),
            }
        }
    }

    fn stop(&mut self) {
        let audio = self.playing.take().map(|playing| playing.report()).unwrap_or_default();
        if let Some(done) = self.done.take() {
            // Nobody may be waiting any more.
            let _ = done.send(CallReport { audio, ..self.uac.report().clone() });
        }
    }
}
