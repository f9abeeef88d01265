//! TCP: connections that came and connections that we made, each with a task that reads and one that writes.
//!
//! | file | what it does |
//! |---|---|
//! | `accept.rs` | connections that come |
//! | `connection.rs` | one connection's life |
//! | `registry.rs` | which connections are open, and what waits to be sent on each |

mod accept;
mod connection;
mod registry;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

use crate::live::Live;
use crate::route::Hop;
pub use accept::accept;
use registry::Open;

/// The most connections that are open at once, and how many of them are kept for those that we make ourselves.
const MAX_CONNECTIONS: usize = 10_000;
const RESERVED: usize = 1_000;

/// The open connections.
#[derive(Debug)]
pub struct Streams {
    runtime: Handle,
    next: AtomicU64,
    open: Mutex<Open>,
}

impl Streams {
    /// None yet. Tasks run on the current runtime.
    pub fn new(runtime: Handle) -> Self {
        // Numbers of connections are in messages that outlive this process. Where they begin is the system's choice, so
        // that those of another process mean none of ours.
        let first = RandomState::new().build_hasher().finish() >> 16;
        Streams { runtime, next: AtomicU64::new(first), open: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // A thread that panicked while it held the lock left whole entries behind.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a message on the connection that it belongs to, else on one to the same address, else on a new one.
    pub fn send(&self, live: &Arc<Live>, hop: &Hop, bytes: Vec<u8>) {
        let queue = self.find(hop).or_else(|| {
            let (queue, queued) = self.register(hop.address, MAX_CONNECTIONS)?;
            self.runtime.spawn(connection::connect(Arc::clone(live), hop.listener, hop.address, queued));
            Some(queue)
        });
        let failed = match queue.map(|queue| queue.push(bytes)) {
            Some(true) => return,
            Some(false) => "the other side does not read",
            None => "too many connections",
        };
        live.send_failed(hop.address, &io::Error::other(failed));
    }
}
