//! A mirror of the signalling for a collector, such as Homer: each message as it came and as it left.
//!
//! | file | what it does |
//! |---|---|
//! | `hep.rs` | a message as the collector's packet |
//! | `send.rs` | the task that sends |
//!
//! Whoever carries a message leaves a copy in a queue and never waits: with a full queue the copy is lost, and counted.

pub mod hep;
mod send;

use std::hash::Hasher;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prometheus::IntCounter;
use siphasher::sip::SipHasher13;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Receiver};

use crate::config::Config;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::route::{Hop, Input, Transport};
use send::Sender;

/// The most messages, and the most bytes of them, that wait to be sent.
const MAX_WAITING: usize = 8_192;
const MAX_WAITING_BYTES: usize = 16 << 20;
/// How long the end of the process waits for what is still in the queue, and how often it looks.
const FLUSH: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(5);

/// Takes copies.
#[derive(Debug)]
pub struct Capture {
    /// Calls are in the sample by the hash of their Call-ID under this key, which all proxies of a fleet have.
    key: [u8; 16],
    /// Those whose hash, taken as a number from 0 to 2^32, is below this.
    below: u64,
    queue: mpsc::Sender<Copied>,
    bytes: Arc<AtomicUsize>,
    lost: IntCounter,
}

/// A copy of a message.
struct Copied {
    bytes: Box<[u8]>,
    transport: Transport,
    source: SocketAddr,
    destination: SocketAddr,
    time: Duration,
}

/// The queue's other end.
struct Waiting {
    messages: Receiver<Copied>,
    /// How many bytes wait.
    bytes: Arc<AtomicUsize>,
}

impl Capture {
    /// Starts to send, on that runtime; `None` if nothing is to be captured.
    pub fn start(config: &Config, metrics: &Metrics, runtime: &Handle) -> Option<Self> {
        let settings = config.capture.as_ref()?;
        let (capture, waiting) = Self::new(config.keys.pick, settings.sample, metrics.capture_lost.clone());
        let (sent, lost) = (metrics.captured.clone(), metrics.capture_lost.clone());
        runtime.spawn(Sender { config: settings.clone(), waiting, sent, lost }.run());
        Some(capture)
    }

    fn new(key: [u8; 16], sample: f64, lost: IntCounter) -> (Self, Waiting) {
        let (queue, messages) = mpsc::channel(MAX_WAITING);
        let bytes = Arc::new(AtomicUsize::new(0));
        let below = (sample * (1u64 << 32) as f64) as u64;
        let waiting = Waiting { messages, bytes: Arc::clone(&bytes) };
        (Capture { key, below, queue, bytes, lost }, waiting)
    }

    /// Waits until the queue is empty, for a while: the last messages of a proxy are worth seeing, too.
    pub async fn flush(&self) {
        let emptied = async {
            while self.bytes.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(FLUSH, emptied).await.is_err() {
            tracing::warn!(within = ?FLUSH, "what was captured last has not all been sent to the collector");
        }
    }

    /// Whether the message belongs to a call that is in the sample. What has no Call-ID belongs to none.
    fn wants(&self, message: &[u8]) -> bool {
        sip::peek_call_id(message).is_some_and(|call_id| {
            let mut hash = SipHasher13::new_with_key(&self.key);
            hash.write(b"capture");
            hash.write(call_id);
            hash.finish() >> 32 < self.below
        })
    }

    /// Leaves a copy to be sent, if its call is in the sample.
    fn take(
        &self,
        bytes: &[u8],
        transport: Transport,
        source: SocketAddr,
        destination: SocketAddr,
        time: Duration,
    ) {
        if !self.wants(bytes) {
            return;
        }
        let length = bytes.len();
        if self.bytes.fetch_add(length, Ordering::Relaxed) + length <= MAX_WAITING_BYTES {
            // Where there is no room nothing is copied in vain.
            if let Ok(room) = self.queue.try_reserve() {
                return room.send(Copied { bytes: bytes.into(), transport, source, destination, time });
            }
        }
        self.bytes.fetch_sub(length, Ordering::Relaxed);
        self.lost.inc();
    }
}

impl Live {
    /// Captures a datagram that came.
    #[inline]
    pub fn capture_received(&self, input: &Input<'_>) {
        if let Some(capture) = &self.capture {
            let to = self.own_address(input.listener, input.local);
            capture.take(input.bytes, input.transport, input.source, to, input.now);
        }
    }

    /// Captures a datagram that leaves.
    #[inline]
    pub fn capture_sent(&self, hop: &Hop, bytes: &[u8]) {
        if let Some(capture) = &self.capture {
            let from = self.own_address(hop.listener, hop.local);
            capture.take(bytes, hop.transport, from, hop.address, Live::now());
        }
    }

    /// Captures a message of a connection between these two.
    #[inline]
    pub fn capture_stream(&self, bytes: &[u8], transport: Transport, from: SocketAddr, to: SocketAddr) {
        if let Some(capture) = &self.capture {
            capture.take(bytes, transport, from, to, Live::now());
        }
    }

    /// The address that a listener's datagrams come to and leave from; the unspecified one where the system chooses.
    fn own_address(&self, listener: usize, local: Option<IpAddr>) -> SocketAddr {
        let bind = self.config.listeners.get(listener).map(|listener| listener.bind);
        let bind = bind.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
        SocketAddr::new(local.unwrap_or(bind.ip()), bind.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(key: u8, sample: f64) -> (Capture, Waiting) {
        Capture::new([key; 16], sample, IntCounter::new("lost", "lost").unwrap())
    }

    fn message(call: usize, method: &str) -> Vec<u8> {
        format!("{method} sip:a SIP/2.0\r\nVia: x\r\nCall-ID: {call}@x\r\n\r\n").into_bytes()
    }

    fn take(capture: &Capture, bytes: &[u8]) {
        let [source, destination] = ["192.0.2.1:5060", "10.0.0.1:5060"].map(|text| text.parse().unwrap());
        capture.take(bytes, Transport::Udp, source, destination, Duration::ZERO);
    }

    #[test]
    fn a_sample_has_its_share_of_calls_with_all_messages_of_each_whoever_chooses() {
        let (some, other) = (capture(3, 0.25).0, capture(3, 0.25).0);
        let chosen = |call: &usize| some.wants(&message(*call, "INVITE"));
        assert!((2_250..2_750).contains(&(0..10_000).filter(chosen).count()));
        for call in 0..1000 {
            assert_eq!(chosen(&call), other.wants(&message(call, "BYE")));
        }
        let all =
            |sample| (0..1000).filter(|call| capture(3, sample).0.wants(&message(*call, "BYE"))).count();
        assert_eq!((all(1.0), all(0.0)), (1000, 0));
    }

    #[test]
    fn what_belongs_to_no_call_is_not_captured() {
        let capture = capture(3, 1.0).0;
        assert!(
            !capture.wants(b"\r\n\r\n") && !capture.wants(b"") && !capture.wants(b"GET / HTTP/1.1\r\n\r\n")
        );
    }

    #[test]
    fn with_a_full_queue_copies_are_lost_and_counted_and_nobody_waits() {
        let (capture, mut waiting) = capture(3, 1.0);
        (0..MAX_WAITING + 5).for_each(|call| take(&capture, &message(call, "BYE")));
        assert_eq!((waiting.messages.len(), capture.lost.get()), (MAX_WAITING, 5));
        while let Ok(copied) = waiting.messages.try_recv() {
            waiting.bytes.fetch_sub(copied.bytes.len(), Ordering::Relaxed);
        }
        assert_eq!(waiting.bytes.load(Ordering::Relaxed), 0);
        // Few, but long.
        let long = [message(1, "INVITE"), vec![b'x'; 60_000]].concat();
        let room = MAX_WAITING_BYTES / long.len();
        (0..room + 5).for_each(|_| take(&capture, &long));
        assert_eq!((waiting.messages.len(), capture.lost.get()), (room, 10));
    }

    #[tokio::test]
    async fn the_end_waits_for_what_is_queued_and_not_for_ever() {
        let (capture, mut waiting) = capture(3, 1.0);
        (0..20).for_each(|call| take(&capture, &message(call, "BYE")));
        let mut flushed = tokio::spawn(async move { capture.flush().await });
        for _ in 0..20 {
            let copied = waiting.messages.recv().await.unwrap();
            assert!(!flushed.is_finished());
            waiting.bytes.fetch_sub(copied.bytes.len(), Ordering::Relaxed);
        }
        tokio::time::timeout(Duration::from_secs(20), &mut flushed).await.unwrap().unwrap();
        let (capture, _waiting) = super::tests::capture(3, 1.0);
        take(&capture, &message(1, "BYE"));
        tokio::time::timeout(Duration::from_secs(20), capture.flush()).await.unwrap();
    }

    #[test]
    fn a_sender_that_is_gone_is_no_matter() {
        let (capture, waiting) = capture(3, 1.0);
        drop(waiting);
        take(&capture, &message(1, "BYE"));
        assert_eq!(capture.lost.get(), 1);
    }
}
