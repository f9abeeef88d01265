//! Who is asked when, and what follows from the answers.
//!
//! This module must not contain: sockets, clocks, randomness, threads. Time comes in with each call, commands come out,
//! and the seed makes two proxies differ.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::hash::Hasher;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use rustc_hash::FxHashMap;
use siphasher::sip::SipHasher13;

use super::{Answer, Condition, Mark, Rules, Standing};
use crate::pins::Signal;
use crate::route::Transport;

/// A SIP port that is probed.
#[derive(Debug, Clone)]
pub struct Probed {
    /// The target's id.
    pub target: String,
    /// The port's name.
    pub port_name: String,
    /// Where it is.
    pub address: SocketAddr,
    /// How it is spoken to.
    pub transport: Transport,
    /// The listener that asks, counted from 0.
    pub listener: usize,
    /// Where the table reads what is thought.
    pub mark: Arc<Mark>,
}

/// What is to be done.
#[derive(Debug)]
pub enum Command {
    /// Send OPTIONS.
    Probe {
        /// The listener whose socket sends it, counted from 0.
        listener: usize,
        /// Where to.
        address: SocketAddr,
        /// How.
        transport: Transport,
        /// Names the port.
        slot: u32,
        /// Names the probe.
        sequence: u32,
    },
    /// Tell that more or less is thought of a port than before. Its mark says so already.
    Tell(Change),
    /// Count a probe that was answered, or not.
    CountProbe(bool),
    /// Count a call that failed at this port.
    CountCall(Probed),
}

/// A port of which something else is thought now.
#[derive(Debug)]
pub struct Change {
    /// Which.
    pub probed: Probed,
    /// What was thought before.
    pub from: Condition,
    /// What is thought now.
    pub to: Condition,
    /// Why.
    pub reason: Reason,
}

/// Why something else is thought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Probes are answered.
    Answers(u16),
    /// A probe was not answered in time.
    NoAnswer,
    /// A probe was answered with a code that counts as none.
    Failing(u16),
    /// A call was answered.
    CallAnswered,
    /// A call was not.
    CallFailed(Signal),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Answers(code) => write!(f, "it answers OPTIONS with {code}"),
            Reason::NoAnswer => write!(f, "no answer to OPTIONS"),
            Reason::Failing(code) => write!(f, "OPTIONS was answered with {code}"),
            Reason::CallAnswered => write!(f, "it answered a call"),
            Reason::CallFailed(Signal::Unreachable) => write!(f, "an INVITE could not be delivered"),
            Reason::CallFailed(_) => write!(f, "no answer to an INVITE"),
        }
    }
}

/// All ports that are probed.
#[derive(Debug)]
pub struct Prober {
    rules: Rules,
    seed: u64,
    /// The slots: each belongs to one port for as long as that is in the list.
    entries: Vec<Option<Entry>>,
    slots: FxHashMap<SocketAddr, Vec<u32>>,
    /// When each entry's turn ends; turns that were overtaken by events are passed over.
    queue: BinaryHeap<Reverse<(Instant, u32, u64)>>,
    /// Turns and probes so far.
    turns: u64,
    sequence: u32,
    /// Ports of which anything bad is known.
    troubled: usize,
    commands: VecDeque<Command>,
}

#[derive(Debug)]
struct Entry {
    probed: Probed,
    standing: Standing,
    turn: u64,
    /// The probe that waits for its answer, and since when; `None` between probes.
    asked: Option<(u32, Instant)>,
}

impl Prober {
    /// Of nobody yet. The seed has to differ between proxies and between two runs of one: it spreads the probes.
    pub fn new(rules: Rules, seed: u64) -> Self {
        Prober {
            rules,
            seed,
            entries: Vec::new(),
            slots: FxHashMap::default(),
            queue: BinaryHeap::new(),
            turns: 0,
            sequence: (seed >> 32) as u32,
            troubled: 0,
            commands: VecDeque::new(),
        }
    }

    /// What is to be done next, until `None`.
    pub fn next_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When to call [`Prober::handle_timeout`] at the latest.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse((at, ..))| *at)
    }

    /// How many ports there are of which anything bad is known.
    pub fn troubled(&self) -> usize {
        self.troubled
    }

    /// These are the ports from now on. Those that stay keep their standing and their turn; the others are healthy until
    /// they fail to answer, and take calls at once: whoever writes the list says that they are ready.
    pub fn handle_list(&mut self, list: &[Probed], now: Instant) {
        let key = |probed: &Probed| (probed.target.clone(), probed.address);
        // Two names may stand for one port, which is asked once.
        let mut wanted: FxHashMap<_, &Probed> =
            list.iter().rev().map(|probed| (key(probed), probed)).collect();
        for place in &mut self.entries {
            let stays = place.as_ref().and_then(|entry| wanted.remove(&key(&entry.probed)));
            match (stays, &mut *place) {
                (Some(probed), Some(entry)) => {
                    probed.mark.set(entry.standing.condition());
                    entry.probed = probed.clone();
                }
                (_, place) => *place = None,
            }
        }
        let mut free: Vec<u32> =
            (0..).zip(&self.entries).filter(|(_, entry)| entry.is_none()).map(|(slot, _)| slot).collect();
        for probed in list {
            let Some(probed) = wanted.remove(&key(probed)).cloned() else { continue };
            let slot = free.pop().unwrap_or_else(|| {
                self.entries.push(None);
                u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
            });
            probed.mark.set(Condition::Healthy);
            if let Some(entry) = self.entries.get_mut(slot as usize) {
                *entry = Some(Entry { probed, standing: Standing::default(), turn: 0, asked: None });
            }
            // Spread over a whole interval, whatever came together.
            let wait = self.rules.interval.mul_f64(self.fraction());
            self.schedule(slot, now + wait);
        }
        self.slots.clear();
        self.troubled = 0;
        for (slot, entry) in (0..).zip(&self.entries) {
            if let Some(entry) = entry {
                self.troubled += usize::from(entry.standing.condition() != Condition::Healthy);
                self.slots.entry(entry.probed.address).or_default().push(slot);
            }
        }
    }

    /// Sends the probes that are due, and gives up those that were not answered in time.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(Reverse((at, slot, turn))) = self.queue.peek().copied()
            && at <= now
        {
            self.queue.pop();
            let Some(entry) = self.entry(slot).filter(|entry| entry.turn == turn) else { continue };
            match entry.asked {
                Some(_) => self.probe_failed(slot, Reason::NoAnswer, now),
                None => self.ask(slot, now),
            }
        }
    }

    /// An answer came. What nobody waits for, or comes from elsewhere, is none.
    pub fn handle_answer(&mut self, answer: &Answer, now: Instant) {
        let Answer { source, slot, sequence, code } = *answer;
        let waits = |entry: &&mut Entry| {
            entry.probed.address == source && entry.asked.is_some_and(|(asked, _)| asked == sequence)
        };
        // A provisional response is no answer yet.
        if code < 200 || self.entry(slot).filter(waits).is_none() {
            return;
        }
        if self.rules.failing.contains(&code) {
            return self.probe_failed(slot, Reason::Failing(code), now);
        }
        self.commands.push_back(Command::CountProbe(true));
        self.judge(slot, Reason::Answers(code), |standing, rules| standing.probe_answered(rules));
        self.wait(slot, now);
    }

    /// A call to this address told something.
    pub fn handle_call(&mut self, address: SocketAddr, signal: Signal, now: Instant) {
        for slot in self.slots.get(&address).cloned().unwrap_or_default() {
            if signal == Signal::Answered {
                self.judge(slot, Reason::CallAnswered, |standing, rules| standing.call_answered(rules));
                continue;
            }
            let mut counted = false;
            self.judge(slot, Reason::CallFailed(signal), |standing, rules| {
                counted = standing.call_failed(rules, now);
            });
            let Some(entry) = self.entry(slot) else { continue };
            let (probed, idle) = (entry.probed.clone(), entry.asked.is_none());
            self.commands.push_back(Command::CountCall(probed));
            if counted && idle {
                self.ask(slot, now);
            }
        }
    }

    fn entry(&mut self, slot: u32) -> Option<&mut Entry> {
        self.entries.get_mut(slot as usize)?.as_mut()
    }

    /// Lets something change what is thought, and tells if it did.
    fn judge(&mut self, slot: u32, reason: Reason, event: impl FnOnce(&mut Standing, &Rules)) {
        let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        let from = entry.standing.condition();
        event(&mut entry.standing, &self.rules);
        let to = entry.standing.condition();
        if from != to {
            entry.probed.mark.set(to);
            match (from, to) {
                (Condition::Healthy, _) => self.troubled += 1,
                (_, Condition::Healthy) => self.troubled = self.troubled.saturating_sub(1),
                _ => {}
            }
            let probed = entry.probed.clone();
            self.commands.push_back(Command::Tell(Change { probed, from, to, reason }));
        }
    }

    fn ask(&mut self, slot: u32, now: Instant) {
        self.sequence = self.sequence.wrapping_add(1);
        let (sequence, timeout) = (self.sequence, self.rules.timeout);
        let Some(entry) = self.entry(slot) else { return };
        entry.asked = Some((sequence, now));
        let Probed { listener, address, transport, .. } = entry.probed;
        self.commands.push_back(Command::Probe { listener, address, transport, slot, sequence });
        self.schedule(slot, now + timeout);
    }

    fn probe_failed(&mut self, slot: u32, reason: Reason, now: Instant) {
        self.commands.push_back(Command::CountProbe(false));
        self.judge(slot, reason, |standing, rules| standing.probe_failed(rules));
        let timeout = self.rules.timeout;
        let Some(entry) = self.entry(slot) else { return };
        let asked = entry.asked.take().map_or(now, |(_, at)| at);
        match entry.standing.condition() {
            // To know soon: again as soon as the answer had to be there.
            Condition::Suspect => self.schedule(slot, now.max(asked + timeout)),
            Condition::Healthy | Condition::Down => self.wait(slot, now),
        }
    }

    /// The next probe is an interval away, give or take the jitter.
    fn wait(&mut self, slot: u32, now: Instant) {
        if let Some(entry) = self.entry(slot) {
            entry.asked = None;
        }
        let share = 1.0 + self.rules.jitter * (2.0 * self.fraction() - 1.0);
        self.schedule(slot, now + self.rules.interval.mul_f64(share.max(0.0)));
    }

    /// The entry's turn ends then; whatever was to end before is overtaken.
    fn schedule(&mut self, slot: u32, at: Instant) {
        self.turns += 1;
        let turn = self.turns;
        if let Some(entry) = self.entry(slot) {
            entry.turn = turn;
            self.queue.push(Reverse((at, slot, turn)));
        }
    }

    /// A number from 0 to 1, another one for each turn.
    fn fraction(&self) -> f64 {
        let mut hash = SipHasher13::new_with_keys(self.seed, 0);
        hash.write_u64(self.turns);
        (hash.finish() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests;
