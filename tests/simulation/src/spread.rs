//! How calls spread over targets of unequal size, by the hash alone and by load: the proxy's own table, calls as a
//! random process, and a clock of its own.
//!
//! Two proxies get the calls in turn by chance. Each asks every target by itself how full it is, every two seconds, give or
//! take a fifth; what it hears is what is so at that moment. A call at a target that is full goes to another one, as after a
//! 503, three times at most. Nothing else goes wrong here: that is for the histories.

pub mod plot;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Duration;

use fleet::{Snapshot, State, Target};
use proxy::load::Figures;
use proxy::table::{Choice, Policy, Table};

use crate::rng::Rng;

/// What each target takes, one after the other: 2,500 together.
pub const SIZES: [u64; 20] =
    [60, 60, 60, 60, 60, 100, 100, 100, 100, 100, 140, 140, 140, 140, 140, 200, 200, 200, 200, 200];
/// Calls at once, on average.
pub const CALLS: u64 = 2_000;

const SECOND: u64 = 1_000;
/// How long a call lasts on average; times are in milliseconds.
const LASTS: f64 = 120_000.0;
const POLL: u64 = 2 * SECOND;
/// The fleet fills for so long; then it is watched, until a newcomer takes calls, too.
const FILLS: u64 = 600 * SECOND;
const NEWCOMER: u64 = 2_400 * SECOND;
const END: u64 = NEWCOMER + WATCHED as u64 * SECOND;
/// For how many seconds the newcomer is.
const WATCHED: usize = 120;
const ATTEMPTS: usize = 3;
/// When it all begins, since 1970.
const BEGAN: Duration = Duration::from_secs(1_800_000_000);

/// How targets are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// By what.
    pub policy: Policy,
    /// How long a newcomer takes to get its whole share.
    pub slow_start: Duration,
    /// Whether the list knows how large the targets are: their weights say so.
    pub weighted: bool,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spread {
    /// For each target the least, the mean and the most of it that was taken, in percent of what it takes, looked at every
    /// second.
    pub targets: Vec<[f64; 3]>,
    /// Calls.
    pub calls: u64,
    /// Those of them that a target refused since it was full.
    pub refused: u64,
    /// Those for which nobody was found.
    pub failed: u64,
    /// How many calls a newcomer got in each second since it came, on average.
    pub newcomer: Vec<f64>,
}

impl Spread {
    /// Of several: means of what are means, sums of what are sums.
    pub(crate) fn mean(several: impl Iterator<Item = Spread>) -> Self {
        let several: Vec<Spread> = several.collect();
        let count = several.len().max(1) as f64;
        let mut all = Spread { newcomer: vec![0.0; WATCHED], ..Spread::default() };
        for one in &several {
            all.targets.resize(one.targets.len(), [f64::MAX, 0.0, 0.0]);
            for (known, new) in all.targets.iter_mut().zip(&one.targets) {
                *known = [known[0].min(new[0]), known[1] + new[1] / count, known[2].max(new[2])];
            }
            all.newcomer.iter_mut().zip(&one.newcomer).for_each(|(known, new)| *known += new / count);
            all.calls += one.calls;
            all.refused += one.refused;
            all.failed += one.failed;
        }
        all
    }

    /// How far the targets' means are from each other: one standard deviation, in percent of what a target takes.
    pub fn deviation(&self) -> f64 {
        let count = self.targets.len().max(1) as f64;
        let mean = self.targets.iter().map(|[_, mean, _]| mean).sum::<f64>() / count;
        (self.targets.iter().map(|[_, own, _]| (own - mean).powi(2)).sum::<f64>() / count).sqrt()
    }

    /// The fullest that any target was, in percent.
    pub fn fullest(&self) -> f64 {
        self.targets.iter().map(|[_, _, most]| *most).fold(0.0, f64::max)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Call,
    Ends { target: usize },
    Poll { proxy: usize, target: usize },
    Look,
    Comes,
}

struct Fleet {
    way: Way,
    rng: Rng,
    now: u64,
    due: BinaryHeap<Reverse<(u64, u64, Happens)>>,
    sequence: u64,
    /// Each proxy's own.
    tables: Vec<Table>,
    sizes: Vec<u64>,
    calls: Vec<u64>,
    looks: u64,
    spread: Spread,
}

/// Lets it happen.
pub fn spread(way: Way, seed: u64) -> Spread {
    let sizes = SIZES.to_vec();
    let table = || table(&sizes, way, None);
    let mut fleet = Fleet {
        way,
        rng: Rng::new(seed),
        now: 0,
        due: BinaryHeap::new(),
        sequence: 0,
        tables: vec![table(), table()],
        calls: vec![0; sizes.len()],
        spread: Spread {
            targets: vec![[f64::MAX, 0.0, 0.0]; sizes.len()],
            newcomer: vec![0.0; WATCHED],
            ..Spread::default()
        },
        sizes,
        looks: 0,
    };
    fleet.at(0, Happens::Call);
    fleet.at(FILLS, Happens::Look);
    fleet.at(NEWCOMER, Happens::Comes);
    (0..SIZES.len()).for_each(|target| fleet.is_asked(target));
    while let Some(Reverse((at, _, what))) = fleet.due.pop()
        && at < END
    {
        fleet.now = at;
        fleet.happens(what);
    }
    let looks = fleet.looks.max(1) as f64;
    fleet.spread.targets.iter_mut().for_each(|[_, mean, _]| *mean /= looks);
    fleet.spread
}

impl Fleet {
    fn at(&mut self, at: u64, what: Happens) {
        self.sequence += 1;
        self.due.push(Reverse((at, self.sequence, what)));
    }

    fn happens(&mut self, what: Happens) {
        match what {
            Happens::Call => {
                let between = self.exponential(LASTS / CALLS as f64);
                self.at(self.now + between, Happens::Call);
                self.call();
            }
            Happens::Ends { target } => self.calls[target] -= 1,
            Happens::Poll { proxy, target } => {
                self.poll(proxy, target);
                let next = self.now + self.rng.between(POLL * 4 / 5, POLL * 6 / 5);
                self.at(next, Happens::Poll { proxy, target });
            }
            Happens::Look => {
                self.look();
                if self.now + SECOND < NEWCOMER {
                    self.at(self.now + SECOND, Happens::Look);
                }
            }
            Happens::Comes => self.newcomer_comes(),
        }
    }

    fn call(&mut self) {
        let (number, now) = (self.spread.calls, self.time());
        self.spread.calls += 1;
        let proxy = self.rng.below(self.tables.len());
        let (call_id, mut tried): (String, Vec<SocketAddr>) =
            (format!("{number}@caller.example"), Vec::new());
        while tried.len() < ATTEMPTS {
            let chosen = self.tables[proxy].choose("sip", call_id.as_bytes(), &tried, now);
            let Some((target, endpoint)) = chosen.map(|(place, e)| (usize::from(place), e.address)) else {
                break;
            };
            if target >= SIZES.len() {
                self.count_newcomers();
            }
            if self.calls[target] < self.sizes[target] {
                self.calls[target] += 1;
                let lasts = self.exponential(LASTS);
                return self.at(self.now + lasts, Happens::Ends { target });
            }
            self.spread.refused += u64::from(tried.is_empty());
            tried.push(endpoint);
        }
        self.spread.failed += 1;
    }

    fn count_newcomers(&mut self) {
        let second = ((self.now - NEWCOMER) / SECOND) as usize;
        if let Some(calls) = self.spread.newcomer.get_mut(second) {
            *calls += 1.0;
        }
    }

    fn poll(&mut self, proxy: usize, target: usize) {
        let (sessions, max_sessions) = (self.calls[target], self.sizes[target]);
        let idle_cpu = 100.0 - 80.0 * sessions as f64 / max_sessions as f64;
        let figures = Figures {
            sessions,
            max_sessions,
            calls: sessions,
            max_calls: 0,
            idle_cpu,
            accepting: sessions < max_sessions,
            age: 0.0,
        };
        let now = self.time();
        if let Some((_, gauge)) = self.tables[proxy].gauges().nth(target) {
            gauge.take(figures, now);
        }
    }

    fn look(&mut self) {
        self.looks += 1;
        for ((calls, size), [least, mean, most]) in
            self.calls.iter().zip(&self.sizes).zip(&mut self.spread.targets)
        {
            let full = 100.0 * *calls as f64 / *size as f64;
            (*least, *most) = (least.min(full), most.max(full));
            *mean += full;
        }
    }

    fn newcomer_comes(&mut self) {
        self.sizes.push(200);
        self.calls.push(0);
        let now = self.time();
        for before in &mut self.tables {
            let after = table(&self.sizes, self.way, Some(before));
            after.begin_slowly(before, now);
            *before = after;
        }
        self.is_asked(self.sizes.len() - 1);
    }

    fn is_asked(&mut self, target: usize) {
        for proxy in 0..self.tables.len() {
            let at = self.now + self.rng.between(0, POLL);
            self.at(at, Happens::Poll { proxy, target });
        }
    }

    fn time(&self) -> Duration {
        BEGAN + Duration::from_millis(self.now)
    }

    /// In whole milliseconds.
    fn exponential(&mut self, mean: f64) -> u64 {
        let unit = ((self.rng.next() >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
        (-unit.ln() * mean) as u64
    }
}

fn table(sizes: &[u64], way: Way, before: Option<&Table>) -> Table {
    let target = |(number, size): (usize, &u64)| Target {
        id: format!("task-{number}"),
        address: [10, 0, 1, number as u8 + 1].into(),
        ports: [("sip".to_owned(), 5060), ("control".to_owned(), 8081)].into(),
        state: State::Active,
        weight: if way.weighted { *size as u32 } else { 100 },
        ..Target::new("", [10, 0, 0, 1].into(), Default::default())
    };
    let targets = sizes.iter().enumerate().map(target).collect();
    let snapshot = Snapshot { targets, ..Snapshot::default() };
    let choice = Choice { policy: way.policy, slow_start: way.slow_start, stale: Duration::from_secs(30) };
    Table::new(snapshot, &["sip".to_owned()], [7; 16], before).choosing_by(choice)
}
