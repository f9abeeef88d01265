//! Which worker a message belongs to, and how it gets there.
//!
//! The kernel spreads datagrams over the sockets of a listener by their source: a carrier that sends everything from
//! one address and port would keep one worker busy and leave the others idle. So a worker that receives a message of a
//! call that is not its own hands it to the worker whose it is. All messages of a call are one worker's, and it gets
//! those that one source sent in the order in which they came.

use std::hash::Hasher;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use siphasher::sip::SipHasher13;

use crate::socket::Bell;

/// The most bytes that wait for a worker; what comes then is lost, as it would be in a full receive buffer.
const MAX_WAITING: usize = 16 << 20;

/// The worker to which the message's call belongs, of so many; `None` for what has no Call-ID, which is anybody's.
pub fn owner(key: &[u8; 16], message: &[u8], workers: usize) -> Option<usize> {
    let call_id = sip::peek_call_id(message)?;
    let mut hash = SipHasher13::new_with_key(key);
    hash.write(b"worker");
    hash.write(call_id);
    usize::try_from(hash.finish() % u64::try_from(workers).ok()?).ok()
}

/// Who sent a datagram, and which of our addresses to, where that is known.
pub type Origin = (SocketAddr, Option<IpAddr>);

/// Messages one behind the other, with their sources.
#[derive(Debug, Default)]
pub struct Parcel {
    bytes: Vec<u8>,
    messages: Vec<(usize, Origin)>,
}

impl Parcel {
    /// Adds a message.
    pub fn push(&mut self, message: &[u8], origin: Origin) {
        self.bytes.extend_from_slice(message);
        self.messages.push((self.bytes.len(), origin));
    }

    /// The messages, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Origin)> {
        let mut from = 0;
        self.messages.iter().filter_map(move |(to, origin)| {
            let message = self.bytes.get(from..*to)?;
            from = *to;
            Some((message, *origin))
        })
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.messages.clear();
    }
}

/// Where others leave messages for a worker.
#[derive(Debug)]
pub struct Mailbox {
    waiting: Mutex<Parcel>,
    asleep: AtomicBool,
    bell: Bell,
}

impl Mailbox {
    /// An empty one.
    pub fn new() -> std::io::Result<Self> {
        Ok(Mailbox { waiting: Mutex::default(), asleep: AtomicBool::new(false), bell: Bell::new()? })
    }

    fn lock(&self) -> MutexGuard<'_, Parcel> {
        // Parcels are only ever added to or swapped as wholes.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves messages and wakes the worker if it sleeps. One lock for a whole batch. Returns how many were lost.
    pub fn put(&self, parcel: &Parcel) -> usize {
        let mut lost = 0;
        let mut waiting = self.lock();
        for (message, origin) in parcel.iter() {
            match waiting.bytes.len() + message.len() <= MAX_WAITING {
                true => waiting.push(message, origin),
                false => lost += 1,
            }
        }
        drop(waiting);
        if self.asleep.swap(false, Ordering::AcqRel) {
            self.bell.ring();
        }
        lost
    }

    /// Takes what waits, in exchange for an empty parcel.
    pub fn take(&self, parcel: &mut Parcel) {
        parcel.clear();
        std::mem::swap(&mut *self.lock(), parcel);
    }

    /// Says that the worker is about to sleep: from now on, whoever leaves messages rings. `None` if there are some
    /// already.
    pub fn before_sleep(&self) -> Option<&Bell> {
        self.asleep.store(true, Ordering::Release);
        // Whoever left messages before the store above did not ring; whoever does so after this look will.
        if self.lock().is_empty() {
            return Some(&self.bell);
        }
        self.asleep.store(false, Ordering::Release);
        None
    }

    /// Says that the worker is awake again.
    pub fn after_sleep(&self) {
        self.asleep.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(call: usize, number: usize) -> String {
        format!("INFO sip:a SIP/2.0\r\nVia: x\r\ncall-ID : {call}@x\r\nCSeq: {number} INFO\r\n\r\n")
    }

    #[test]
    fn a_call_has_one_owner_whatever_its_messages_and_calls_are_spread() {
        let owner = |message: String| owner(&[3; 16], message.as_bytes(), 4).unwrap();
        let mut shares = [0; 4];
        for call in 0..1000 {
            shares[owner(message(call, 1))] += 1;
            assert_eq!(owner(message(call, 1)), owner(message(call, 2)));
            assert_eq!(owner(message(call, 1)), owner(message(call, 1).replace("call-ID :", "i:")));
        }
        assert!(shares.iter().all(|share| (200..300).contains(share)), "{shares:?}");
        assert_eq!(super::owner(&[3; 16], b"\r\n\r\n", 4), None);
    }

    #[test]
    fn messages_come_out_in_the_order_they_went_in_and_too_many_are_lost_not_kept() {
        let mailbox = Mailbox::new().unwrap();
        let source = ("10.0.0.1:5060".parse().unwrap(), None);
        let (mut parcel, mut taken) = (Parcel::default(), Parcel::default());
        (0..10).for_each(|i| parcel.push(message(1, i).as_bytes(), source));
        assert_eq!(mailbox.put(&parcel), 0);
        assert_eq!(mailbox.put(&parcel), 0);
        assert!(mailbox.before_sleep().is_none());
        mailbox.take(&mut taken);
        let got: Vec<_> =
            taken.iter().map(|(bytes, _)| String::from_utf8_lossy(bytes).into_owned()).collect();
        assert_eq!(got, (0..10).chain(0..10).map(|i| message(1, i)).collect::<Vec<_>>());
        assert!(mailbox.before_sleep().is_some());
        parcel.clear();
        parcel.push(&vec![b'x'; MAX_WAITING], source);
        parcel.push(b"one too many", source);
        assert_eq!(mailbox.put(&parcel), 1);
    }
}
