//! The messages of telephones and machines, as they were sent and received.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::locked;

/// Messages that a trace keeps unless told otherwise; later ones are only seen live.
const KEPT: usize = 100_000;

/// Which end of a message's way noted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Its sender.
    Sent,
    /// Its receiver.
    Received,
}

/// One message on its way.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// When it was sent or received.
    pub at: Instant,
    /// Who noted it.
    pub seen: Seen,
    /// Its sender's address.
    pub from: SocketAddr,
    /// Its receiver's address.
    pub to: SocketAddr,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// Records messages, for all that hold a clone of it.
#[derive(Debug, Clone)]
pub struct Trace(Arc<Mutex<Recorder>>);

#[derive(Debug)]
struct Recorder {
    limit: usize,
    messages: Vec<Recorded>,
    names: Vec<(SocketAddr, String)>,
    watchers: Vec<UnboundedSender<Recorded>>,
}

impl Trace {
    /// An empty trace.
    #[must_use]
    pub fn new() -> Self {
        Self::keeping(KEPT)
    }

    /// An empty trace that keeps no more than so many messages; with 0 it is for watching alone.
    #[must_use]
    pub fn keeping(limit: usize) -> Self {
        let recorder = Recorder { limit, messages: Vec::new(), names: Vec::new(), watchers: Vec::new() };
        Self(Arc::new(Mutex::new(recorder)))
    }

    /// Says who is at an address. Addresses with the same name are shown as one.
    pub fn name(&self, address: SocketAddr, name: &str) {
        locked(&self.0).names.push((address, name.to_owned()));
    }

    /// Notes a message.
    pub fn record(&self, message: Recorded) {
        let mut recorder = locked(&self.0);
        recorder.watchers.retain(|watcher| watcher.send(message.clone()).is_ok());
        if recorder.messages.len() < recorder.limit {
            recorder.messages.push(message);
        }
    }

    /// All messages so far, in the order in which they were noted.
    #[must_use]
    pub fn messages(&self) -> Vec<Recorded> {
        locked(&self.0).messages.clone()
    }

    /// The names given so far.
    #[must_use]
    pub fn names(&self) -> Vec<(SocketAddr, String)> {
        locked(&self.0).names.clone()
    }

    /// Every message from now on, as it happens.
    #[must_use]
    pub fn watch(&self) -> UnboundedReceiver<Recorded> {
        let (sender, receiver) = unbounded_channel();
        locked(&self.0).watchers.push(sender);
        receiver
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}
