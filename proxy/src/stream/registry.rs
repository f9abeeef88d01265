//! Which connections are open, and what waits to be sent on each.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::{self, Receiver, Sender};

use super::Streams;
use crate::route::{ConnectionId, Hop};

/// The most connections from one address.
const MAX_PER_ADDRESS: usize = 500;
/// The most messages, and the most bytes, that wait for one connection's other side to read.
const MAX_QUEUED: usize = 1_000;
const MAX_QUEUED_BYTES: usize = 256 * 1024;

#[derive(Debug, Default)]
pub(super) struct Open {
    by_id: HashMap<ConnectionId, Queue>,
    by_peer: HashMap<SocketAddr, ConnectionId>,
    /// How many there are to each address.
    by_address: HashMap<IpAddr, usize>,
}

/// What is to be sent on a connection.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    peer: SocketAddr,
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

impl Queue {
    /// Whether there was room.
    pub(super) fn push(&self, message: Vec<u8>) -> bool {
        let length = message.len();
        if self.bytes.fetch_add(length, Ordering::Relaxed) + length <= MAX_QUEUED_BYTES
            && self.messages.try_send(message).is_ok()
        {
            return true;
        }
        self.bytes.fetch_sub(length, Ordering::Relaxed);
        false
    }
}

impl Streams {
    pub(super) fn find(&self, hop: &Hop) -> Option<Queue> {
        let open = self.lock();
        let its_own = hop.connection.and_then(|id| open.by_id.get(&id));
        let its_own = its_own.filter(|queue| queue.peer.ip() == hop.address.ip());
        let same_peer = || open.by_id.get(open.by_peer.get(&hop.address)?);
        its_own.or_else(same_peer).cloned()
    }

    /// Makes room for a connection, unless there are so many or too many to that address.
    pub(super) fn register(&self, peer: SocketAddr, most: usize) -> Option<(Queue, Queued)> {
        let mut open = self.lock();
        if open.by_id.len() >= most
            || open.by_address.get(&peer.ip()).is_some_and(|count| *count >= MAX_PER_ADDRESS)
        {
            return None;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel(MAX_QUEUED);
        let bytes = Arc::new(AtomicUsize::new(0));
        let queue = Queue { peer, messages: sender, bytes: Arc::clone(&bytes) };
        open.by_id.insert(id, queue.clone());
        open.by_peer.insert(peer, id);
        *open.by_address.entry(peer.ip()).or_default() += 1;
        Some((queue, Queued { id, messages: receiver, bytes }))
    }

    pub(super) fn forget(&self, id: ConnectionId) {
        let mut open = self.lock();
        let Some(queue) = open.by_id.remove(&id) else { return };
        if open.by_peer.get(&queue.peer) == Some(&id) {
            open.by_peer.remove(&queue.peer);
        }
        if let Some(count) = open.by_address.get_mut(&queue.peer.ip()) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&queue.peer.ip());
            }
        }
    }
}
