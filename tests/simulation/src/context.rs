//! What all parties share: the clock, the network, the ledger, and the record of all that was sent.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

use proxy::dns::Destination;

use crate::caller::CallerTimer;
use crate::ledger::{Ledger, Life};
use crate::links::{Link, LinkId};
use crate::message::{Bytes, Msg};
use crate::rng::Rng;
use crate::scenario::{Fault, Listed, Scenario, Time};
use crate::target::TargetTimer;

/// Something that happens.
#[derive(Debug)]
pub(crate) enum Event {
    /// A datagram arrives: its place in the record.
    Arrives(usize),
    Caller(usize, CallerTimer),
    Target(usize, Life, TargetTimer),
    /// A proxy looks for what is due.
    Look(usize, Life),
    /// A proxy reads the list.
    Reads(usize, Life, usize, Listed),
    /// A proxy learns that a target is down, or up again.
    Health {
        proxy: usize,
        life: Life,
        target: usize,
        up: bool,
    },
    /// A datagram reached nobody, and ICMP says so: its place in the record.
    CameBack {
        proxy: usize,
        life: Life,
        place: usize,
        target: usize,
    },
    /// A proxy that makes a connection to a target hears what came of that.
    Connects {
        proxy: usize,
        life: Life,
        target: usize,
        waited: bool,
    },
    /// A proxy learns that a connection is gone.
    LinkGone {
        proxy: usize,
        life: Life,
        link: LinkId,
    },
    /// DNS answers a proxy.
    Named {
        proxy: usize,
        life: Life,
        wanted: Destination,
    },
    /// ICMP says that nobody is at one of a name's addresses: the datagram's place in the record.
    DeadEnd {
        proxy: usize,
        life: Life,
        place: usize,
    },
    Stranger(usize),
    Fault(Fault),
}

/// A datagram that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) at: Time,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Bytes,
    /// When it arrives, if it does.
    pub(crate) arrives: Option<Time>,
    /// Where it arrived behind the load balancer.
    pub(crate) taken_by: Option<usize>,
    /// The connection that it goes on; a datagram has none.
    pub(crate) link: Option<LinkId>,
}

/// A promise that was broken.
#[derive(Debug, Clone)]
pub(crate) struct Breach {
    pub(crate) at: Time,
    pub(crate) call: Option<usize>,
    pub(crate) what: String,
}

/// What was seen in one history, or in several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Seen {
    pub datagrams: u64,
    pub lost: u64,
    pub calls: u64,
    pub answered: u64,
    pub refused: u64,
    pub cancelled: u64,
    pub failovers: u64,
    pub late_answers: u64,
    pub connections: u64,
    pub broken: u64,
    pub over_tcp: u64,
    pub fallbacks: u64,
    pub names: u64,
    pub dead_ends: u64,
    pub excused: u64,
}

impl Seen {
    /// Adds what was seen in another history.
    pub fn add(&mut self, other: &Seen) {
        self.datagrams += other.datagrams;
        self.lost += other.lost;
        self.calls += other.calls;
        self.answered += other.answered;
        self.refused += other.refused;
        self.cancelled += other.cancelled;
        self.failovers += other.failovers;
        self.late_answers += other.late_answers;
        self.connections += other.connections;
        self.broken += other.broken;
        self.over_tcp += other.over_tcp;
        self.fallbacks += other.fallbacks;
        self.names += other.names;
        self.dead_ends += other.dead_ends;
        self.excused += other.excused;
    }
}

/// What all parties share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) now: Time,
    pub(crate) rng: Rng,
    pub(crate) scenario: Scenario,
    pub(crate) ledger: Ledger,
    pub(crate) record: Vec<Sent>,
    pub(crate) breach: Option<Breach>,
    pub(crate) seen: Seen,
    /// Each target's present life, and whether it is alive.
    pub(crate) target_lives: Vec<(Life, bool)>,
    /// The same of each proxy.
    pub(crate) proxy_lives: Vec<(Life, bool)>,
    /// All connections that there ever were.
    pub(crate) links: Vec<Link>,
    queue: BinaryHeap<Reverse<Due>>,
    number: u64,
    /// How often each datagram was lost, by a hash of it.
    losses: HashMap<u64, u8>,
}

#[derive(Debug)]
struct Due {
    at: Time,
    number: u64,
    event: Event,
}

impl Context {
    pub(crate) fn new(scenario: Scenario, rng: Rng) -> Self {
        Context {
            now: 0,
            rng,
            scenario,
            ledger: Ledger::default(),
            record: Vec::new(),
            breach: None,
            seen: Seen::default(),
            target_lives: Vec::new(),
            proxy_lives: Vec::new(),
            links: Vec::new(),
            queue: BinaryHeap::new(),
            number: 0,
            losses: HashMap::new(),
        }
    }

    /// Lets something happen after so long.
    pub(crate) fn after(&mut self, wait: Time, event: Event) {
        self.number += 1;
        self.queue.push(Reverse(Due { at: self.now + wait, number: self.number, event }));
    }

    /// The next thing that happens; the clock goes there.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let Reverse(due) = self.queue.pop()?;
        self.now = due.at;
        Some(due.event)
    }

    /// Sends a datagram over the bad network.
    pub(crate) fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        self.seen.datagrams += 1;
        let mut arrives = Some(self.now + self.delay());
        if self.rng.per_mille(self.scenario.loss) && self.may_lose(from, to, &bytes) {
            self.seen.lost += 1;
            arrives = None;
        }
        let link = None;
        self.deliver(Sent { at: self.now, from, to, bytes: bytes.clone(), arrives, taken_by: None, link });
        if arrives.is_some() && self.rng.per_mille(self.scenario.doubled) {
            let again = Some(self.now + self.delay() + self.rng.between(0, 1500));
            self.deliver(Sent { at: self.now, from, to, bytes, arrives: again, taken_by: None, link });
        }
    }

    pub(crate) fn deliver(&mut self, sent: Sent) {
        let (place, arrives) = (self.record.len(), sent.arrives);
        self.record.push(sent);
        if let Some(at) = arrives {
            self.after(at - self.now, Event::Arrives(place));
        }
    }

    fn delay(&mut self) -> Time {
        let late = if self.rng.per_mille(self.scenario.late) { self.rng.between(50, 400) } else { 0 };
        self.rng.between(1, 12) + late
    }

    /// Whether a request of a call with this method was lost, or an answer to one.
    pub(crate) fn has_lost(&self, call: usize, method: &str) -> bool {
        let lost = self.record.iter().filter(|sent| sent.arrives.is_none());
        let mut lost = lost.filter_map(|sent| Msg::read(&sent.bytes));
        lost.any(|msg| msg.call() == Some(call) && msg.cseq().1 == method)
    }

    /// Whether a target that had a call has died since.
    pub(crate) fn has_died(&self, call: usize) -> bool {
        let arrived = &self.ledger.calls[call].arrived;
        arrived.iter().any(|(target, life)| self.target_lives[*target] != (*life, true))
    }

    fn may_lose(&mut self, from: SocketAddr, to: SocketAddr, bytes: &str) -> bool {
        let mut hash = DefaultHasher::new();
        (from, to, bytes).hash(&mut hash);
        let count = self.losses.entry(hash.finish()).or_default();
        *count += 1;
        *count <= self.scenario.most_losses
    }

    /// A promise was broken. The first one ends the history.
    pub(crate) fn breach(&mut self, call: Option<usize>, what: impl Into<String>) {
        let at = self.now;
        self.breach.get_or_insert_with(|| Breach { at, call, what: what.into() });
    }

    /// A promise about the set-up of a call was broken, unless the call has an excuse.
    pub(crate) fn set_up_breach(&mut self, call: usize, leg: usize, what: impl Into<String>) {
        if self.ledger.excuse((call, leg), &self.scenario, self.now).is_some() {
            self.seen.excused += 1;
        } else {
            self.breach(Some(call), what);
        }
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}
