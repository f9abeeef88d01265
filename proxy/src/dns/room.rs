//! Messages that are kept: those that wait for what a name means, and those that were sent to one of several addresses
//! and might have to be sent to another.
//!
//! This module must not contain: sockets, clocks, randomness. What is kept is bounded in number and bytes ([`Limits`]),
//! which whoever brings a message knows at once, and in time.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::Destination;
use crate::route::{ConnectionId, Hop, Input, Transport};

/// How long a message is kept that was sent to one of several addresses: as long as a connection may take to fail, or an
/// ICMP error to come.
const STREAM_TRIAL: Duration = Duration::from_secs(11);
const DATAGRAM_TRIAL: Duration = Duration::from_secs(2);

/// The bytes of all that is kept.
const MAX_BYTES: usize = 16 << 20;

/// How much room is left. Shared by those who bring messages and those who keep them.
#[derive(Debug)]
pub struct Limits {
    most: usize,
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

impl Limits {
    /// For so many messages.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Limits { most, messages: AtomicUsize::new(0), bytes: AtomicUsize::new(0) })
    }

    /// How many messages are kept.
    pub fn messages(&self) -> usize {
        self.messages.load(Ordering::Relaxed)
    }

    /// Whether less than half of the room is taken.
    pub fn is_half_empty(&self) -> bool {
        self.messages() < self.most.div_ceil(2) && self.bytes.load(Ordering::Relaxed) < MAX_BYTES / 2
    }

    fn take(self: &Arc<Self>, bytes: usize) -> Option<Ticket> {
        let ticket = Ticket { limits: Arc::clone(self), bytes };
        let messages = self.messages.fetch_add(1, Ordering::Relaxed);
        let all = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // Without room the ticket gives back what it took.
        (messages < self.most && all <= MAX_BYTES).then_some(ticket)
    }
}

#[derive(Debug)]
struct Ticket {
    limits: Arc<Limits>,
    bytes: usize,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.limits.messages.fetch_sub(1, Ordering::Relaxed);
        self.limits.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A message that is kept, as it came.
#[derive(Debug)]
pub struct Held {
    bytes: Box<[u8]>,
    source: SocketAddr,
    local: Option<IpAddr>,
    listener: usize,
    transport: Transport,
    connection: Option<ConnectionId>,
    _ticket: Ticket,
}

impl Held {
    /// `None` if there is no room.
    pub fn new(input: &Input<'_>, limits: &Arc<Limits>) -> Option<Self> {
        let Input { bytes, source, local, listener, transport, connection, .. } = *input;
        let ticket = limits.take(bytes.len())?;
        Some(Held { bytes: bytes.into(), source, local, listener, transport, connection, _ticket: ticket })
    }

    /// The message again, at another time.
    pub fn input(&self, now: Duration) -> Input<'_> {
        let Held { source, local, listener, transport, connection, .. } = *self;
        Input { bytes: &self.bytes, source, local, listener, transport, connection, now }
    }

    fn is_again(&self, other: &Held) -> bool {
        (self.source, self.transport, &self.bytes) == (other.source, other.transport, &other.bytes)
    }
}

/// Where a message was sent that might have to be sent elsewhere.
#[derive(Debug)]
pub struct Trial {
    /// The message.
    pub held: Held,
    /// Where it has been sent without success, and last where it was sent to now.
    pub tried: Vec<(Transport, SocketAddr)>,
    until: Duration,
}

/// All that is kept.
#[derive(Debug, Default)]
pub struct Room {
    waiting: FxHashMap<Destination, Vec<Held>>,
    /// By the part of our branch that names the transaction, and the method.
    trials: FxHashMap<(u64, u64), Trial>,
}

impl Room {
    /// A message waits. Returns whether it is the first for this name: then somebody has to ask. One that comes again
    /// waits once.
    pub fn wait(&mut self, wanted: Destination, held: Held) -> bool {
        let mut is_first = false;
        let waiting = self.waiting.entry(wanted).or_insert_with(|| {
            is_first = true;
            Vec::new()
        });
        if !waiting.iter().any(|other| other.is_again(&held)) {
            waiting.push(held);
        }
        is_first
    }

    /// Those that waited for this name, in the order in which they came.
    pub fn leave(&mut self, wanted: &Destination) -> Vec<Held> {
        self.waiting.remove(wanted).unwrap_or_default()
    }

    /// A message was sent to `hop`. One that is sent again, to wherever, stays what it is.
    pub fn keep(&mut self, key: (u64, u64), held: Held, hop: &Hop, now: Duration) {
        let place = (hop.transport, hop.address);
        let trial = self.trials.entry(key).or_insert_with(|| Trial { held, tried: Vec::new(), until: now });
        trial.until = now + if hop.transport == Transport::Udp { DATAGRAM_TRIAL } else { STREAM_TRIAL };
        if !trial.tried.contains(&place) {
            trial.tried.push(place);
        }
    }

    /// The message of that key, if it was last sent there.
    pub fn failed(&mut self, key: (u64, u64), place: (Transport, SocketAddr)) -> Option<&Trial> {
        self.trials.get(&key).filter(|trial| trial.tried.last() == Some(&place))
    }

    /// No further try is worth anything.
    pub fn give_up(&mut self, key: (u64, u64)) {
        self.trials.remove(&key);
    }

    /// Forgets what has been kept for long enough.
    pub fn expire(&mut self, now: Duration) {
        self.trials.retain(|_, trial| now < trial.until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(bytes: &[u8], limits: &Arc<Limits>) -> Option<Held> {
        let (source, now) = ("192.0.2.1:5060".parse().unwrap(), Duration::ZERO);
        let (local, listener, transport, connection) = (None, 0, Transport::Udp, None);
        Held::new(&Input { bytes, source, local, listener, transport, connection, now }, limits)
    }

    fn name(name: &str) -> Destination {
        Destination::new(name.as_bytes(), None, None, false).unwrap()
    }

    fn hop(address: &str) -> Hop {
        let (local, connection, server) = (None, None, None);
        Hop {
            listener: 0,
            local,
            transport: Transport::Udp,
            address: address.parse().unwrap(),
            connection,
            server,
        }
    }

    #[test]
    fn one_asks_and_the_others_wait_with_it_each_once_in_order() {
        let (mut room, limits) = (Room::default(), Limits::new(10));
        assert!(room.wait(name("a"), held(b"1", &limits).unwrap()));
        assert!(!room.wait(name("a"), held(b"1", &limits).unwrap()), "comes again");
        assert!(!room.wait(name("a"), held(b"2", &limits).unwrap()));
        assert!(room.wait(name("b"), held(b"3", &limits).unwrap()));
        assert_eq!(limits.messages(), 3);
        let left = room.leave(&name("a"));
        assert_eq!(
            left.iter().map(|held| held.input(Duration::ZERO).bytes).collect::<Vec<_>>(),
            [b"1", b"2"]
        );
        drop(left);
        assert_eq!((limits.messages(), room.leave(&name("a")).len()), (1, 0));
        assert!(room.wait(name("a"), held(b"1", &limits).unwrap()));
    }

    #[test]
    fn room_is_bounded_in_messages_and_bytes_and_is_given_back() {
        let limits = Limits::new(3);
        let mut all: Vec<_> = (0..3).map(|_| held(b"x", &limits).unwrap()).collect();
        assert!(held(b"x", &limits).is_none() && limits.messages() == 3);
        all.pop();
        assert!(held(b"x", &limits).is_some());
        drop(all);
        let limits = Limits::new(1_000_000);
        let large = vec![0; 65_535];
        let all: Vec<_> = (0..).map_while(|_| held(&large, &limits)).collect();
        assert_eq!(all.len(), MAX_BYTES / large.len());
        drop(all);
        assert_eq!((limits.messages(), limits.bytes.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn a_message_that_could_not_be_sent_is_found_by_where_it_was_sent_last() {
        let (mut room, limits, key) = (Room::default(), Limits::new(3), (1, 2));
        let (one, other) = (hop("192.0.2.1:5060"), hop("192.0.2.2:5060"));
        let place = |hop: &Hop| (hop.transport, hop.address);
        room.keep(key, held(b"1", &limits).unwrap(), &one, Duration::ZERO);
        assert!(room.failed(key, place(&other)).is_none() && room.failed((1, 3), place(&one)).is_none());
        assert_eq!(room.failed(key, place(&one)).unwrap().tried, [place(&one)]);
        room.keep(key, held(b"1", &limits).unwrap(), &other, Duration::ZERO);
        assert!(room.failed(key, place(&one)).is_none(), "that is over");
        assert_eq!(room.failed(key, place(&other)).unwrap().tried, [place(&one), place(&other)]);
        assert_eq!(limits.messages(), 1, "kept once");
        room.expire(DATAGRAM_TRIAL);
        assert_eq!((room.trials.len(), limits.messages()), (0, 0));
    }
}
