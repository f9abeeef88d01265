//! Which connections are open, and what waits to be sent on each.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::Streams;
use crate::dns::ServerId;
use crate::route::{ConnectionId, Hop, Transport};

/// The most messages, and the most bytes, that wait for one connection's other side to read.
const MAX_QUEUED: usize = 1_000;
const MAX_QUEUED_BYTES: usize = 256 * 1024;

/// Whom a connection leads to. One that was made for a host name carries nothing that goes to another host, or to none.
type Place = (Transport, SocketAddr, Option<ServerId>);

#[derive(Debug, Default)]
pub(super) struct Open {
    by_id: HashMap<ConnectionId, Queue>,
    /// Those that may be used for anybody's messages.
    by_peer: HashMap<Place, ConnectionId>,
    /// How many there are to each address.
    by_address: HashMap<IpAddr, usize>,
}

/// What is to be sent on a connection.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    peer: SocketAddr,
    transport: Transport,
    /// The host name whose certificate the other side has shown.
    server: Option<ServerId>,
    /// Whether it is among those that its address is allowed.
    counts: bool,
    messages: Sender<Vec<u8>>,
    /// How many bytes wait.
    bytes: Arc<AtomicUsize>,
}

/// The other end of a queue.
pub(super) struct Queued {
    pub(super) id: ConnectionId,
    pub(super) messages: Receiver<Vec<u8>>,
    pub(super) bytes: Arc<AtomicUsize>,
}

impl Queued {
    /// What waits still; nothing more comes.
    pub(super) fn rest(&mut self) -> Vec<Vec<u8>> {
        self.messages.close();
        std::iter::from_fn(|| self.messages.try_recv().ok()).collect()
    }
}

impl Queue {
    fn place(&self) -> Place {
        (self.transport, self.peer, self.server)
    }

    /// Gives the message back if there is no room.
    pub(super) fn push(&self, message: Vec<u8>) -> Result<(), Vec<u8>> {
        let length = message.len();
        let outcome = match self.bytes.fetch_add(length, Ordering::Relaxed) + length {
            ..=MAX_QUEUED_BYTES => self.messages.try_send(message).map_err(TrySendError::into_inner),
            _ => Err(message),
        };
        if outcome.is_err() {
            self.bytes.fetch_sub(length, Ordering::Relaxed);
        }
        outcome
    }
}

impl Streams {
    pub(super) fn find(&self, hop: &Hop) -> Option<Queue> {
        let open = self.lock();
        let its_own = hop.connection.and_then(|id| open.by_id.get(&id));
        let its_own = its_own.filter(|queue| queue.peer.ip() == hop.address.ip());
        let same_peer = || open.by_id.get(open.by_peer.get(&(hop.transport, hop.address, hop.server))?);
        its_own.or_else(same_peer).cloned()
    }

    /// Makes room for a connection, unless there are so many or (where it counts) too many to that address.
    pub(super) fn register(
        &self,
        peer: SocketAddr,
        transport: Transport,
        server: Option<ServerId>,
        counts: bool,
        most: usize,
    ) -> Option<(Queue, Queued)> {
        let mut open = self.lock();
        if open.by_id.len() >= most || (counts && !open.count(peer.ip(), self.settings.max_per_source)) {
            return None;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel(MAX_QUEUED);
        let bytes = Arc::new(AtomicUsize::new(0));
        let queue = Queue { peer, transport, server, counts, messages: sender, bytes: Arc::clone(&bytes) };
        open.by_id.insert(id, queue.clone());
        Some((queue, Queued { id, messages: receiver, bytes }))
    }

    /// Says whom a connection is from that did not count so far; `false` if there are too many from there.
    pub(super) fn count(&self, id: ConnectionId, peer: SocketAddr) -> bool {
        let mut open = self.lock();
        let counts = open.count(peer.ip(), self.settings.max_per_source);
        if let Some(queue) = open.by_id.get_mut(&id) {
            (queue.peer, queue.counts) = (peer, counts);
        }
        counts
    }

    /// From now on the connection carries also what has none of its own.
    pub(super) fn announce(&self, id: ConnectionId) {
        let mut open = self.lock();
        if let Some(place) = open.by_id.get(&id).map(Queue::place) {
            open.by_peer.insert(place, id);
        }
    }

    pub(super) fn forget(&self, id: ConnectionId) {
        let mut open = self.lock();
        let Some(queue) = open.by_id.remove(&id) else { return };
        if open.by_peer.get(&queue.place()) == Some(&id) {
            open.by_peer.remove(&queue.place());
        }
        if queue.counts {
            open.discount(queue.peer.ip());
        }
    }
}

impl Open {
    /// One more to that address, if there are not so many.
    fn count(&mut self, ip: IpAddr, most: usize) -> bool {
        let count = self.by_address.entry(ip).or_default();
        let room = *count < most;
        *count += usize::from(room);
        room
    }

    fn discount(&mut self, ip: IpAddr) {
        if let Some(count) = self.by_address.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&ip);
            }
        }
    }
}
