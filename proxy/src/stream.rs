//! TCP and TLS: connections that came and connections that we made, each with a task that reads and one that writes.
//!
//! | file | what it does |
//! |---|---|
//! | `accept.rs` | connections that come |
//! | `connection.rs` | one connection's life |
//! | `proxy_protocol.rs` | what a load balancer says of a connection |
//! | `registry.rs` | which connections are open, and what waits to be sent on each |
//! | `tls.rs` | certificates and handshakes |
//! | `unsent.rs` | what becomes of messages whose connection fails |

mod accept;
mod connection;
mod proxy_protocol;
mod registry;
mod tls;
mod unsent;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::config::TcpSettings;
use crate::live::Live;
use crate::route::Hop;
pub use accept::accept;
use connection::End;
use registry::Open;
pub use tls::{Tls, TlsError, watch_certificates};

/// How much time lies at least between two warnings of the same kind: each connection could cause one.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// The open connections.
#[derive(Debug)]
pub struct Streams {
    runtime: Handle,
    next: AtomicU64,
    open: Mutex<Open>,
    tls: Tls,
    settings: TcpSettings,
    /// When a load balancer's mistake was last told of.
    warned: Mutex<Option<Instant>>,
}

impl Streams {
    /// None yet. Tasks run on the current runtime.
    pub fn new(runtime: Handle, tls: Tls, settings: TcpSettings) -> Self {
        // Numbers of connections are in messages that outlive this process. Where they begin is the system's choice, so
        // that those of another process mean none of ours.
        let first = RandomState::new().build_hasher().finish() >> 16;
        Streams {
            runtime,
            next: AtomicU64::new(first),
            open: Mutex::default(),
            tls,
            settings,
            warned: Mutex::default(),
        }
    }

    /// Whether a load balancer's mistake is to be told of, rather than whispered.
    fn may_warn(&self) -> bool {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        let may = warned.is_none_or(|at| at.elapsed() >= WARN_EVERY);
        if may {
            *warned = Some(Instant::now());
        }
        may
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // A thread that panicked while it held the lock left whole entries behind.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a message on the connection that it belongs to, else on one to the same address, else on a new one.
    pub fn send(&self, live: &Arc<Live>, hop: &Hop, bytes: Vec<u8>) {
        let (queue, new) = match self.find(hop) {
            Some(queue) => (Some(queue), None),
            None => {
                let most = self.settings.max_connections;
                self.register(hop.address, hop.transport, hop.server, true, most).unzip()
            }
        };
        let outcome = match queue {
            Some(queue) => queue.push(bytes).map_err(|bytes| (bytes, "the other side does not read")),
            None => Err((bytes, "too many connections")),
        };
        // Not before the message waits: a connection that fails at once takes with it what does.
        if let Some(queued) = new {
            self.announce(queued.id);
            let (listener, transport) = (hop.listener, hop.transport);
            let (peer, server) = (hop.address, hop.server);
            let end = End { live: Arc::clone(live), listener, transport, peer, local: None, server };
            self.runtime.spawn(connection::connect(end, queued));
        }
        if let Err((bytes, why)) = outcome {
            // Not here: whoever sends holds pins, and those of the message have to be told.
            let (live, hop) = (Arc::clone(live), *hop);
            self.runtime.spawn(async move { live.not_sent(&hop, [bytes], &io::Error::other(why)) });
        }
    }
}

/// What comes of it, or an error if it takes longer.
async fn within<T>(limit: Duration, outcome: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let timed_out = |_| Err(io::Error::from(io::ErrorKind::TimedOut));
    tokio::time::timeout(limit, outcome).await.unwrap_or_else(timed_out)
}
