//! How many new calls are let in: from one source, and all in all.
//!
//! A limit is a rate with a burst, kept as one number: when the next call would be due if calls came evenly (the
//! generic cell rate algorithm). Sources share a table of fixed size, so that no flood makes it grow, and no lock is
//! taken: numbers are swapped.
//!
//! This module must not contain: sockets, clocks, randomness. It is told the time and hashes.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many numbers the table of sources has (512 KiB).
const SLOTS: usize = 65_536;

/// Clocks of two workers' batches differ by no more, in nanoseconds; a number further ahead is of a clock set back.
const SKEW: u64 = 1_000_000_000;

/// `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// New calls per second from one source; 0 = no limit.
    pub source_calls: u32,
    /// New calls per second from all together; 0 = no limit.
    pub calls: u32,
    /// For how long calls that did not come are saved up: so many more may come at once.
    pub burst: Duration,
    /// How many seconds refused callers are asked to stay away, at least; up to twice as long.
    pub retry_after: u32,
}

/// Which limit a call was refused by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// That of its source.
    Source,
    /// That of all together.
    Overall,
}

/// A rate with a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rate {
    /// Nanoseconds from one call to the next.
    interval: u64,
    /// How many nanoseconds the next call may come early.
    tolerance: u64,
}

impl Rate {
    /// `None` for no limit.
    fn new(per_second: u32, burst: Duration) -> Option<Self> {
        let interval = Duration::from_secs(1).checked_div(per_second)?.as_nanos() as u64;
        let burst = u64::try_from(burst.as_nanos()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4);
        Some(Rate { interval, tolerance: burst.saturating_sub(interval) })
    }

    /// When the call after this one is due, if this one may come now; `due` is when it was.
    fn admit(self, due: u64, now: u64) -> Option<u64> {
        let furthest = now.saturating_add(self.tolerance).saturating_add(self.interval).saturating_add(SKEW);
        let due = if due > furthest { now } else { due.max(now) };
        (due - now <= self.tolerance).then(|| due.saturating_add(self.interval))
    }

    /// The same for a number that others may change at the same time.
    fn take(self, due: &AtomicU64, now: u64) -> bool {
        due.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |due| self.admit(due, now)).is_ok()
    }
}

/// The limits, and how far they are used.
#[derive(Debug)]
pub struct Guard {
    overall: Option<(Rate, AtomicU64)>,
    sources: Option<(Rate, Box<[AtomicU64]>)>,
    retry_after: u32,
}

impl Guard {
    /// Unused.
    pub fn new(limits: &Limits) -> Self {
        let table = || (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Guard {
            overall: Rate::new(limits.calls, limits.burst).map(|rate| (rate, AtomicU64::new(0))),
            sources: Rate::new(limits.source_calls, limits.burst).map(|rate| (rate, table())),
            retry_after: limits.retry_after,
        }
    }

    /// Whether there is any limit.
    pub fn is_set(&self) -> bool {
        self.overall.is_some() || self.sources.is_some()
    }

    /// Lets a call in, or says which limit keeps it out. `source` is a keyed hash of [`network`], so that nobody can
    /// choose whom to share a number with; `now` is the time since 1970.
    pub fn admit(&self, source: u64, now: Duration) -> Result<(), Limited> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX / 2);
        if let Some((rate, slots)) = &self.sources {
            let slot = |hash: u64| slots.get(hash as usize % SLOTS);
            // Two numbers, either of which lets it in: a source that shares one with a flood has the other.
            let first = slot(source).is_none_or(|due| rate.take(due, now));
            let second = slot(source >> 32).is_none_or(|due| rate.take(due, now));
            if !first && !second {
                return Err(Limited::Source);
            }
        }
        // Asked last: what a source has too many of takes nothing from the others.
        match &self.overall {
            Some((rate, due)) if !rate.take(due, now) => Err(Limited::Overall),
            _ => Ok(()),
        }
    }

    /// How many seconds a refused caller is asked to stay away: spread by a hash of its call, so that not all come
    /// back at once, and the same for a retransmission.
    pub fn retry_after(&self, call: u64) -> u32 {
        self.retry_after + (call % (u64::from(self.retry_after) + 1)) as u32
    }
}

/// What counts as one source: an IPv4 address, or an IPv6 network of 64 bits, which is what one party is given.
pub fn network(ip: IpAddr) -> u128 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits() >> 64 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: u64 = 1_000_000;

    fn limits(source_calls: u32, calls: u32) -> Limits {
        Limits { source_calls, calls, burst: Duration::from_secs(2), retry_after: 5 }
    }

    fn admitted(guard: &Guard, source: u64, from: Duration, over: Duration, count: u32) -> usize {
        (0..count).filter(|i| guard.admit(source, from + over * *i / count).is_ok()).count()
    }

    const START: Duration = Duration::from_secs(1_800_000_000);
    const SECOND: Duration = Duration::from_secs(1);
    const A: u64 = 0x1234_5678_9abc_def0;

    #[test]
    fn a_flood_gets_the_burst_and_then_the_rate_and_nothing_is_lost_of_calls_below_it() {
        let guard = Guard::new(&limits(10, 0));
        assert_eq!(admitted(&guard, A, START, 10 * SECOND, 100), 100);
        let flood = admitted(&guard, A, START + 20 * SECOND, 10 * SECOND, 10_000);
        assert!((118..=121).contains(&flood), "{flood}");
        // What came too often has not made it worse.
        assert_eq!(admitted(&guard, A, START + 40 * SECOND, 10 * SECOND, 100), 100);
    }

    #[test]
    fn a_single_call_is_let_in_even_without_a_burst() {
        let guard = Guard::new(&Limits { burst: Duration::ZERO, ..limits(1, 0) });
        assert!(guard.admit(A, START).is_ok());
        assert_eq!(guard.admit(A, START + SECOND / 2), Err(Limited::Source));
        assert!(guard.admit(A, START + SECOND).is_ok());
    }

    #[test]
    fn a_flood_takes_nothing_from_other_sources_nor_of_what_all_share() {
        let guard = Guard::new(&limits(10, 50));
        let flood = admitted(&guard, A, START, SECOND, 10_000);
        assert!((28..=31).contains(&flood), "{flood}");
        for other in 1..5u64 {
            // One of their numbers is the flood's.
            let other = other << 32 | A & 0xffff_ffff;
            assert_eq!(admitted(&guard, other, START, SECOND, 10), 10);
        }
    }

    #[test]
    fn all_together_get_the_overall_rate() {
        let guard = Guard::new(&limits(0, 100));
        let mut refused = 0;
        for i in 0..2000 {
            let now = START + SECOND * i / 1000;
            refused +=
                usize::from(guard.admit(u64::from(i) << 32 | u64::from(i), now) == Err(Limited::Overall));
        }
        assert!((1595..=1605).contains(&refused), "{refused}");
    }

    #[test]
    fn no_limit_lets_everything_in() {
        let guard = Guard::new(&limits(0, 0));
        assert!(!guard.is_set());
        assert_eq!(admitted(&guard, A, START, Duration::ZERO, 100_000), 100_000);
    }

    #[test]
    fn a_clock_that_is_set_back_shuts_nobody_out() {
        let guard = Guard::new(&limits(10, 10));
        assert!(guard.admit(A, START).is_ok());
        let before = START - Duration::from_secs(86_400);
        assert_eq!(admitted(&guard, A, before, 10 * SECOND, 100), 100);
        let rate = Rate::new(10, 2 * SECOND).unwrap();
        assert_eq!(rate.admit(0, 5), Some(5 + 100 * MILLISECOND));
        assert_eq!(rate.admit(u64::MAX, u64::MAX / 2), Some(u64::MAX / 2 + 100 * MILLISECOND));
        assert_eq!(Rate::new(u32::MAX, Duration::MAX).unwrap().admit(u64::MAX, u64::MAX), Some(u64::MAX));
    }

    #[test]
    fn callers_are_asked_back_at_different_times() {
        let guard = Guard::new(&limits(1, 0));
        let times: std::collections::BTreeSet<u32> = (0..100).map(|call| guard.retry_after(call)).collect();
        assert_eq!(times, (5..=10).collect());
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let is = |a: &str, b: &str| network(a.parse().unwrap()) == network(b.parse().unwrap());
        assert!(is("2001:db8::1", "2001:db8::ffff:1") && is("::ffff:10.0.0.1", "10.0.0.1"));
        assert!(!is("2001:db8::1", "2001:db8:0:1::1") && !is("10.0.0.1", "10.0.0.2"));
    }
}
