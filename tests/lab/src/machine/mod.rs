//! Answering machines: they take calls over UDP, each in its own way, and note what they got.
//!
//! | file | what it holds |
//! |---|---|
//! | `behaviour.rs` | what to do with a call |
//! | `uas.rs` | the machine without its socket: whose message is this |
//! | `call.rs` | one call, from INVITE to BYE |
//! | `report.rs` | what was seen |

mod behaviour;
mod call;
mod report;
mod uas;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::Result;
use tokio::task::JoinHandle;

pub use behaviour::{Answering, Behaviour, RINGING, seconds};
pub(crate) use call::Call;
pub use report::{CallRecord, MachineReport, Stranger};
pub use uas::Uas;

use crate::locked;
use crate::media::{AudioReport, MediaPort, Playing, Source};
use crate::signalling::Ids;
use crate::trace::Trace;
use crate::wire::{LONGEST, Wire};

/// The port at which mute machines say that they hear: discard's (RFC 863).
pub(crate) const DISCARD: u16 = 9;

/// What a [`Uas`] wants done. Calls are named by the To tag that the machine gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this message.
    Send {
        /// Where it goes.
        to: SocketAddr,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// Open a media port, begin to play, and say so with [`Uas::audio_opened`].
    OpenAudio {
        /// Which call.
        call: String,
        /// Where the caller wants its sound, if it has said so.
        peer: Option<SocketAddr>,
        /// What to play.
        source: Source,
    },
    /// Send the sound to another address.
    RedirectAudio {
        /// Which call.
        call: String,
        /// The new address.
        peer: SocketAddr,
    },
    /// End the sound, and tell with [`Uas::audio_closed`] what there was.
    CloseAudio {
        /// Which call.
        call: String,
    },
}

/// A running answering machine; it stops when dropped.
#[derive(Debug)]
pub struct Machine {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    wire: Wire,
    uas: Mutex<Uas>,
    playing: Mutex<HashMap<String, Playing>>,
    ids: Mutex<Ids>,
    sound: bool,
}

impl Machine {
    /// Starts a machine at an address; port 0 takes any free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr, answering: Answering, trace: &Trace) -> Result<Self> {
        Self::begin(address, answering, trace, true).await
    }

    /// The same without sound: a port is named that nobody has. For calls by the thousand.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start_mute(address: SocketAddr, answering: Answering, trace: &Trace) -> Result<Self> {
        Self::begin(address, answering, trace, false).await
    }

    async fn begin(address: SocketAddr, answering: Answering, trace: &Trace, sound: bool) -> Result<Self> {
        let wire = Wire::bind(address, trace.clone()).await?;
        let uas = Uas::new(wire.here(), answering, Ids::random());
        let (uas, playing, ids) = (Mutex::new(uas), Mutex::default(), Mutex::new(Ids::random()));
        let shared = Arc::new(Shared { wire, uas, playing, ids, sound });
        let task = tokio::spawn(Arc::clone(&shared).run());
        Ok(Self { shared, task })
    }

    /// Where it receives SIP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.wire.here()
    }

    /// What it has seen so far.
    #[must_use]
    pub fn report(&self) -> MachineReport {
        let playing = locked(&self.shared.playing);
        let audio: HashMap<&str, AudioReport> =
            playing.iter().map(|(call, playing)| (call.as_str(), playing.report())).collect();
        locked(&self.shared.uas).report(|call| audio.get(call).cloned())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn run(self: Arc<Self>) {
        let mut buffer = vec![0; LONGEST];
        loop {
            let next = locked(&self.uas).next_timeout();
            let actions = tokio::select! {
                received = self.wire.receive(&mut buffer) => match received {
                    Some((bytes, source)) => locked(&self.uas).receive(bytes, source, Instant::now()),
                    None => continue,
                },
                () = crate::until(next) => locked(&self.uas).timeout(Instant::now()),
            };
            self.perform(actions).await;
        }
    }

    async fn perform(&self, actions: Vec<Action>) {
        let mut actions = std::collections::VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Send { to, bytes } => self.wire.send(to, bytes).await,
                Action::OpenAudio { call, peer, source } => {
                    actions.extend(self.open(call, peer, source).await)
                }
                Action::RedirectAudio { call, peer } => {
                    if let Some(playing) = locked(&self.playing).get(&call) {
                        playing.redirect(peer);
                    }
                }
                Action::CloseAudio { call } => {
                    let ended = locked(&self.playing).remove(&call);
                    if let Some(playing) = ended {
                        locked(&self.uas).audio_closed(&call, playing.report());
                    }
                }
            }
        }
    }

    async fn open(&self, call: String, peer: Option<SocketAddr>, source: Source) -> Vec<Action> {
        let address = self.wire.here().ip();
        if !self.sound {
            let nowhere = SocketAddr::new(address, DISCARD);
            return locked(&self.uas).audio_opened(&call, Ok(nowhere), Instant::now());
        }
        let opened = MediaPort::bind(address).await.map(|port| {
            let media = SocketAddr::new(address, port.number());
            let ssrc = locked(&self.ids).number() as u32;
            locked(&self.playing).insert(call.clone(), port.play(peer, source, ssrc));
            media
        });
        locked(&self.uas).audio_opened(&call, opened.map_err(|error| format!("{error:#}")), Instant::now())
    }
}
