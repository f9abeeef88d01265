//! TCP: connections that came and connections that we made, each with a task that reads and one that writes.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sip::Limits;
use sip::stream::{Frame, Framer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, timeout, timeout_at};

use crate::live::Live;
use crate::route::{ConnectionId, Hop, Input, Scratch, Transport};
use crate::steer::owner;

/// The most connections that are open at once, and how many of them are kept for those that we make ourselves.
const MAX_CONNECTIONS: usize = 10_000;
const RESERVED: usize = 1_000;
/// The most connections from one address.
const MAX_PER_ADDRESS: usize = 500;
/// The most messages, and the most bytes, that wait for one connection's other side to read.
const MAX_QUEUED: usize = 1_000;
const MAX_QUEUED_BYTES: usize = 256 * 1024;
/// How long a connection may be silent between messages.
const IDLE: Duration = Duration::from_secs(600);
/// How long a message may take from its first byte to its last, and how long the other side may take to read one.
const ONE_MESSAGE: Duration = Duration::from_secs(10);
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// The open connections.
#[derive(Debug)]
pub struct Streams {
    runtime: Handle,
    next: AtomicU64,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    by_id: HashMap<ConnectionId, Queue>,
    by_peer: HashMap<SocketAddr, ConnectionId>,
    /// How many there are to each address.
    by_address: HashMap<IpAddr, usize>,
}

/// What is to be sent on a connection.
#[derive(Debug, Clone)]
struct Queue {
    peer: SocketAddr,
    messages: Sender<Vec<u8>>,
    /// How many bytes wait.
    bytes: Arc<AtomicUsize>,
}

/// The other end of a queue.
struct Queued {
    id: ConnectionId,
    messages: Receiver<Vec<u8>>,
    bytes: Arc<AtomicUsize>,
}

impl Queue {
    /// Whether there was room.
    fn push(&self, message: Vec<u8>) -> bool {
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
            self.runtime.spawn(connect(Arc::clone(live), hop.listener, hop.address, queued));
            Some(queue)
        });
        let failed = match queue.map(|queue| queue.push(bytes)) {
            Some(true) => return,
            Some(false) => "the other side does not read",
            None => "too many connections",
        };
        live.send_failed(hop.address, &io::Error::other(failed));
    }

    fn find(&self, hop: &Hop) -> Option<Queue> {
        let open = self.lock();
        let its_own = hop.connection.and_then(|id| open.by_id.get(&id));
        let its_own = its_own.filter(|queue| queue.peer.ip() == hop.address.ip());
        let same_peer = || open.by_id.get(open.by_peer.get(&hop.address)?);
        its_own.or_else(same_peer).cloned()
    }

    /// Makes room for a connection, unless there are so many or too many to that address.
    fn register(&self, peer: SocketAddr, most: usize) -> Option<(Queue, Queued)> {
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

    fn forget(&self, id: ConnectionId) {
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

/// Takes connections until the task is aborted.
pub async fn accept(live: Arc<Live>, number: usize, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                match live.streams.register(peer, MAX_CONNECTIONS - RESERVED) {
                    Some((_, queued)) => {
                        tokio::spawn(run(Arc::clone(&live), number, stream, peer, queued));
                    }
                    None => {
                        live.metrics.connections_refused.inc();
                        tracing::debug!(%peer, "connection refused: too many are open");
                    }
                }
            }
            Err(error) => {
                // Too many open files, for instance: others may close some.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connect(live: Arc<Live>, number: usize, peer: SocketAddr, queued: Queued) {
    let timed_out = |_| Err(io::Error::from(io::ErrorKind::TimedOut));
    match timeout(CONNECT, TcpStream::connect(peer)).await.unwrap_or_else(timed_out) {
        Ok(stream) => run(live, number, stream, peer, queued).await,
        Err(error) => {
            live.streams.forget(queued.id);
            live.send_failed(peer, &error);
        }
    }
}

/// One connection's life.
async fn run(live: Arc<Live>, number: usize, stream: TcpStream, peer: SocketAddr, queued: Queued) {
    let id = queued.id;
    live.metrics.connections.inc();
    tracing::debug!(%peer, id, "connection opened");
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let reader = Reader { live: Arc::clone(&live), listener: number, peer, id };
    let mut writing = pin!(write_all(write, queued));
    let reason = tokio::select! {
        reason = reader.run(read) => {
            // The other side may have ended its half alone, and still wait for what is queued.
            live.streams.forget(id);
            let _ = timeout(ONE_MESSAGE, writing).await;
            reason
        }
        reason = &mut writing => reason,
    };
    live.streams.forget(id);
    live.metrics.connections.dec();
    tracing::debug!(%peer, id, reason, "connection closed");
}

async fn write_all(mut write: OwnedWriteHalf, mut queued: Queued) -> String {
    while let Some(bytes) = queued.messages.recv().await {
        match timeout(ONE_MESSAGE, write.write_all(&bytes)).await {
            Ok(Ok(())) => queued.bytes.fetch_sub(bytes.len(), Ordering::Relaxed),
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "the other side does not read".to_owned(),
        };
    }
    "no longer wanted".to_owned()
}

struct Reader {
    live: Arc<Live>,
    listener: usize,
    peer: SocketAddr,
    id: ConnectionId,
}

impl Reader {
    /// Reads messages until the connection ends; returns why it did.
    async fn run(self, mut read: OwnedReadHalf) -> String {
        let mut framer = Framer::new(Limits::default());
        let mut buffer = vec![0; 16 * 1024];
        let (mut scratch, mut out) = (Scratch::new(), Vec::new());
        // Whoever connects has something to say.
        let mut deadline = Instant::now() + ONE_MESSAGE;
        loop {
            let count = match timeout_at(deadline, read.read(&mut buffer)).await {
                Ok(Ok(0)) => return "closed by the other side".to_owned(),
                Ok(Ok(count)) => count,
                Ok(Err(error)) => return error.to_string(),
                Err(_) => return "silent for too long, or too slow with a message".to_owned(),
            };
            let was_in_message = framer.is_in_message();
            framer.push(buffer.get(..count).unwrap_or_default());
            let mut any = false;
            loop {
                match framer.next_frame() {
                    Ok(Some(Frame::Message(bytes))) => self.message(bytes, &mut scratch, &mut out),
                    // RFC 5626 4.4.1: a ping of two empty lines is answered by one.
                    Ok(Some(Frame::Ping)) => self.pong(),
                    Ok(None) => break,
                    Err(error) => return format!("no SIP: {error}"),
                }
                any = true;
            }
            // A message that goes on keeps the deadline it began with: slow senders gain nothing by single bytes.
            if any || was_in_message != framer.is_in_message() {
                deadline = Instant::now() + if framer.is_in_message() { ONE_MESSAGE } else { IDLE };
            }
        }
    }

    fn message(&self, bytes: &[u8], scratch: &mut Scratch, out: &mut Vec<u8>) {
        let Some(targets) = self.live.table.load_full() else { return };
        self.live.metrics.received.with_label_values(&["tcp"]).inc();
        let input = Input {
            bytes,
            source: self.peer,
            listener: self.listener,
            transport: Transport::Tcp,
            connection: Some(self.id),
            now: Live::now(),
        };
        out.clear();
        let worker = owner(&self.live.config.keys.pick, bytes, self.live.config.workers).unwrap_or(0);
        let Some(mut pins) = self.live.pins(self.listener, worker) else { return };
        if let Some(hop) = self.live.decide(&targets, &mut pins, &input, scratch, out) {
            self.live.send(&hop, out);
        }
        self.live.empty_outbox(&targets, &mut pins, |hop, bytes| self.live.send(hop, bytes));
    }

    fn pong(&self) {
        self.live.metrics.received.with_label_values(&["tcp"]).inc();
        let hop = Hop {
            listener: self.listener,
            transport: Transport::Tcp,
            address: self.peer,
            connection: Some(self.id),
        };
        self.live.streams.send(&self.live, &hop, b"\r\n".to_vec());
    }
}
