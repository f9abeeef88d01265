//! What was found out about names: one value that all workers read, made anew by the task that asks.
//!
//! This module must not contain: sockets, clocks, randomness. Times are since 1970, as those of messages.

use std::cmp::Ordering;
use std::hash::Hasher;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use siphasher::sip::SipHasher13;

use super::{Candidate, Destination, Outcome};
use crate::route::Transport;

/// How long an address that could not be reached comes after all others.
const DOWN_FOR: Duration = Duration::from_secs(30);
/// How long nobody is asked again about a name of which nobody could say anything.
const FAILED_FOR: Duration = Duration::from_secs(2);
/// How long what was known holds on when nobody can say anything new (RFC 8767), and until when it may.
const STALE_FOR: Duration = Duration::from_secs(30);
const STALE_UNTIL: Duration = Duration::from_secs(3600);
/// The most addresses that are remembered as unreachable.
const MAX_DOWN: usize = 1_000;

/// Names a host in hops to it over TLS.
pub type ServerId = u64;

/// How long answers hold, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The most names.
    pub most: usize,
    /// The least that an answer holds, whatever it says itself.
    pub min_ttl: Duration,
    /// The most.
    pub max_ttl: Duration,
    /// How long it holds that there is no answer.
    pub negative_ttl: Duration,
}

/// Why a name leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It has no address.
    Nothing,
    /// Nobody could say whether it has one.
    Unanswered,
}

/// What is known.
#[derive(Debug, Clone)]
pub struct Known {
    key: [u8; 16],
    rules: Rules,
    entries: FxHashMap<Destination, Entry>,
    down: FxHashMap<(Transport, SocketAddr), Duration>,
}

#[derive(Debug, Clone)]
struct Entry {
    found: Result<Arc<[Candidate]>, Missing>,
    /// Until when it is good.
    until: Duration,
    /// When it was asked for last with success.
    learnt: Duration,
}

/// The place of a candidate among all for one request: the least is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    down: bool,
    rank: u16,
    priority: u16,
    score: f64,
    tie: u64,
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let first = (self.down, self.rank, self.priority).cmp(&(other.down, other.rank, other.priority));
        Some(first.then(self.score.total_cmp(&other.score)).then(self.tie.cmp(&other.tie)))
    }
}

impl Known {
    /// Nothing yet. The key is the fleet's: proxies that share it choose alike.
    pub fn new(key: [u8; 16], rules: Rules) -> Self {
        Known { key, rules, entries: FxHashMap::default(), down: FxHashMap::default() }
    }

    /// Where a name leads, if that is known at this time.
    pub fn find(&self, wanted: &Destination, now: Duration) -> Option<Result<&[Candidate], Missing>> {
        let entry = self.entries.get(wanted).filter(|entry| now < entry.until)?;
        Some(entry.found.as_deref().map_err(|missing| *missing))
    }

    /// How many names are known.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where a candidate stands for the requests of one call. RFC 3263 4.4: what remembers nothing of a request has to
    /// choose by what its retransmissions, its CANCEL and its ACK have in common with it, and not at random. By the
    /// exponential race that is made of it servers come in the order that RFC 2782 wants: a server is the first of its
    /// priority as often as its weight says, the next likewise among those that remain.
    pub fn place(&self, candidate: &Candidate, call_id: &[u8], now: Duration) -> Place {
        let Candidate { transport, address, rank, priority, weight, server } = *candidate;
        let hash = |number: u64, port: u16| {
            let mut hash = SipHasher13::new_with_key(&self.key);
            hash.write(b"d");
            hash.write_u64(number);
            hash.write_u16(port);
            hash.write(call_id);
            hash.finish()
        };
        let unit = ((hash(server, 0) >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
        // RFC 2782: those of weight 0 have a very small chance.
        let weight = if weight == 0 { 0.01 } else { f64::from(weight) };
        let down = self.down.get(&(transport, address)).is_some_and(|until| now < *until);
        let number = match address.ip() {
            std::net::IpAddr::V4(ip) => u64::from(ip.to_bits()),
            std::net::IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64 ^ ip.to_bits() as u64,
        };
        Place { down, rank, priority, score: -unit.ln() / weight, tie: hash(number, address.port()) }
    }

    /// What a TLS server at the end of a hop has to prove to be.
    pub fn server_id(&self, name: &str) -> ServerId {
        let mut hash = SipHasher13::new_with_key(&self.key);
        hash.write(b"n");
        hash.write(name.as_bytes());
        hash.finish()
    }

    /// The name behind that number, as long as it is known.
    pub fn server_name(&self, id: ServerId) -> Option<&str> {
        self.entries.keys().map(Destination::name).find(|name| self.server_id(name) == id)
    }

    /// Takes in what a look-up came to. A failure changes nothing of what was known, for a while.
    pub fn put(&mut self, wanted: Destination, outcome: Outcome, now: Duration) {
        let (found, ttl) = match outcome {
            Outcome::Found { candidates, ttl } => {
                (Ok(candidates.into()), ttl.clamp(self.rules.min_ttl, self.rules.max_ttl))
            }
            Outcome::Nothing => (Err(Missing::Nothing), self.rules.negative_ttl),
            Outcome::Failed => {
                if let Some(entry) = self.entries.get_mut(&wanted)
                    && entry.found.is_ok()
                    && now < entry.learnt + STALE_UNTIL
                {
                    entry.until = now + STALE_FOR;
                    return;
                }
                (Err(Missing::Unanswered), FAILED_FOR)
            }
        };
        if !self.entries.contains_key(&wanted) {
            self.make_room(now);
        }
        self.entries.insert(wanted, Entry { found, until: now + ttl, learnt: now });
    }

    /// One that could not be reached.
    pub fn mark_down(&mut self, transport: Transport, address: SocketAddr, now: Duration) {
        self.down.retain(|_, until| now < *until);
        if self.down.len() < MAX_DOWN {
            self.down.insert((transport, address), now + DOWN_FOR);
        }
    }

    /// Room for one more: without those that nobody would use any more, else without the one that is the first to end.
    fn make_room(&mut self, now: Duration) {
        if self.entries.len() < self.rules.most {
            return;
        }
        self.entries.retain(|_, entry| now < entry.until);
        while self.entries.len() >= self.rules.most {
            let first =
                self.entries.iter().min_by_key(|(_, entry)| entry.until).map(|(wanted, _)| wanted.clone());
            let Some(first) = first else { return };
            self.entries.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn known(most: usize) -> Known {
        let (min_ttl, max_ttl, negative_ttl) = (SECOND, 300 * SECOND, 10 * SECOND);
        Known::new([3; 16], Rules { most, min_ttl, max_ttl, negative_ttl })
    }

    fn name(name: &str) -> Destination {
        Destination::new(name.as_bytes(), None, None, false).unwrap()
    }

    fn candidate(address: &str, priority: u16, weight: u16, server: u64) -> Candidate {
        let address = address.parse().unwrap();
        Candidate { transport: Transport::Udp, address, rank: 0, priority, weight, server }
    }

    fn found(addresses: &[&str], ttl: u64) -> Outcome {
        let candidates = addresses.iter().map(|address| candidate(address, 0, 0, 1)).collect();
        Outcome::Found { candidates, ttl: Duration::from_secs(ttl) }
    }

    #[test]
    fn an_answer_holds_as_long_as_it_says_within_bounds() {
        for (ttl, holds) in [(0, 1), (60, 60), (86_400, 300)] {
            let mut known = known(10);
            known.put(name("a"), found(&["192.0.2.1:5060"], ttl), 100 * SECOND);
            let at = |seconds: u32| known.find(&name("a"), 100 * SECOND + seconds * SECOND).is_some();
            assert!(at(holds - 1) && !at(holds), "{ttl}");
        }
    }

    #[test]
    fn no_answer_holds_too_and_a_failure_shorter() {
        let mut known = known(10);
        known.put(name("a"), Outcome::Nothing, SECOND);
        known.put(name("b"), Outcome::Failed, SECOND);
        assert_eq!(known.find(&name("a"), 10 * SECOND), Some(Err(Missing::Nothing)));
        assert_eq!(known.find(&name("a"), 11 * SECOND), None);
        assert_eq!(known.find(&name("b"), 2 * SECOND), Some(Err(Missing::Unanswered)));
        assert_eq!(known.find(&name("b"), 3 * SECOND), None);
    }

    #[test]
    fn what_was_known_holds_for_an_hour_when_nobody_can_say_anything_new() {
        let mut known = known(10);
        known.put(name("a"), found(&["192.0.2.1:5060"], 60), Duration::ZERO);
        known.put(name("a"), Outcome::Failed, 60 * SECOND);
        assert!(known.find(&name("a"), 61 * SECOND).unwrap().is_ok());
        known.put(name("a"), Outcome::Failed, 3599 * SECOND);
        assert!(known.find(&name("a"), 3600 * SECOND).unwrap().is_ok());
        known.put(name("a"), Outcome::Failed, 3601 * SECOND);
        assert_eq!(known.find(&name("a"), 3602 * SECOND), Some(Err(Missing::Unanswered)));
        // That there is nothing any more is news.
        known.put(name("a"), found(&["192.0.2.1:5060"], 60), 4000 * SECOND);
        known.put(name("a"), Outcome::Nothing, 4060 * SECOND);
        assert_eq!(known.find(&name("a"), 4061 * SECOND), Some(Err(Missing::Nothing)));
    }

    #[test]
    fn there_are_never_more_names_than_allowed_and_the_newest_is_among_them() {
        let mut known = known(3);
        for (number, ttl) in [(1, 50), (2, 5), (3, 40), (4, 30), (5, 20)] {
            known.put(name(&format!("n{number}")), found(&["192.0.2.1:5060"], ttl), SECOND);
            assert!(known.len() <= 3 && known.find(&name(&format!("n{number}")), SECOND).is_some());
        }
        assert!(known.find(&name("n1"), SECOND).is_some() && known.find(&name("n2"), SECOND).is_none());
    }

    #[test]
    fn servers_come_first_by_priority_then_as_often_as_their_weight_says() {
        let known = known(3);
        let all = [
            candidate("192.0.2.1:5060", 10, 75, 1),
            candidate("192.0.2.2:5060", 10, 25, 2),
            candidate("192.0.2.3:5060", 10, 0, 3),
            candidate("192.0.2.4:5060", 20, 100, 4),
        ];
        let mut first = [0; 4];
        for call in 0..10_000 {
            let call_id = format!("{call}@x");
            let mut order = [0, 1, 2, 3];
            let place = |at: usize| known.place(&all[at], call_id.as_bytes(), SECOND);
            order.sort_by(|one, other| place(*one).partial_cmp(&place(*other)).unwrap());
            first[order[0]] += 1;
            assert_eq!(order[3], 3, "another priority comes last");
        }
        assert!((7_200..7_800).contains(&first[0]) && (2_200..2_800).contains(&first[1]), "{first:?}");
        assert!(first[2] < 30, "{first:?}");
    }

    #[test]
    fn the_choice_is_the_same_for_one_call_and_another_for_other_calls() {
        let known = known(3);
        let all = [candidate("192.0.2.1:5060", 0, 0, 1), candidate("192.0.2.2:5060", 0, 0, 1)];
        let first = |call: &str| {
            let place = |at: usize| known.place(&all[at], call.as_bytes(), SECOND);
            usize::from(place(1) < place(0))
        };
        let firsts: Vec<_> = (0..100).map(|call| first(&format!("{call}"))).collect();
        assert_eq!(firsts, (0..100).map(|call| first(&format!("{call}"))).collect::<Vec<_>>());
        assert!((25..75).contains(&firsts.iter().sum::<usize>()), "all addresses of a server are used");
    }

    #[test]
    fn one_that_could_not_be_reached_comes_last_for_a_while() {
        let mut known = known(3);
        let all = [candidate("192.0.2.1:5060", 0, 1, 1), candidate("192.0.2.2:5060", 9, 1, 2)];
        let before = |known: &Known, now: u32| {
            let place = |at: usize| known.place(&all[at], b"x", now * SECOND);
            place(0) < place(1)
        };
        known.mark_down(Transport::Udp, all[0].address, SECOND);
        assert!(!before(&known, 30) && before(&known, 31));
        known.mark_down(Transport::Tcp, all[1].address, SECOND);
        assert!(before(&known, 31), "another transport");
    }
}
