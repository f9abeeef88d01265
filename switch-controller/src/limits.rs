//! How many calls at once, and how many in a second: of each trunk, and of each account.
//!
//! A trunk's limit holds for all controllers together. Each has a share of it: see [`Share`] and [`Ledger`].
//!
//! This module must not contain: I/O, clocks.

mod reserve;
mod share;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use reserve::{Announced, Ledger, Reserves, TrunkLoad};
pub use share::{Members, Share};

/// The time in which calls per second are counted: a little more than a second, since calls that begin here at different
/// times do not all need as long to their carrier.
const SECOND: Duration = Duration::from_millis(1_100);

/// When a trunk or an account that is full is worth another try.
const FULL: Duration = Duration::from_secs(10);

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Group {
    /// Calls that leave by this host.
    Trunk(String),
    /// Calls of this account.
    Account(String),
}

/// What a group may have. None: as much as it likes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limit {
    /// Calls at once.
    pub calls: Option<u32>,
    /// Calls that begin in any second.
    pub per_second: Option<u32>,
}

/// A group has as much as it may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Over {
    /// Which limit, in words.
    pub what: String,
    /// When to try again.
    pub after: Duration,
}

/// What groups have.
#[derive(Debug, Default)]
pub struct Limits {
    groups: Mutex<HashMap<Group, Meter>>,
}

#[derive(Debug, Default)]
struct Meter {
    calls: u32,
    /// Those of them that are yet to begin: they may do so at any time.
    waiting: u32,
    /// When those began that count for this second, oldest first.
    begun: VecDeque<Instant>,
}

/// A call's place in its groups, until it is dropped.
#[derive(Debug)]
pub struct Place {
    limits: Arc<Limits>,
    /// Each group, and whether its calls are counted per second.
    groups: Vec<(Group, bool)>,
    waits: bool,
}

impl Limits {
    fn lock(&self) -> MutexGuard<'_, HashMap<Group, Meter>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call is to begin in all of these groups, or in none if one of them is full.
    pub fn enter(self: &Arc<Self>, groups: &[(Group, Limit)], now: Instant) -> Result<Place, Over> {
        let mut meters = self.lock();
        for (group, limit) in groups {
            meters.entry(group.clone()).or_default().check(group, *limit, now)?;
        }
        for (group, limit) in groups {
            let meter = meters.entry(group.clone()).or_default();
            meter.calls += 1;
            meter.waiting += u32::from(limit.per_second.is_some());
        }
        let groups =
            groups.iter().map(|(group, limit)| (group.clone(), limit.per_second.is_some())).collect();
        Ok(Place { limits: Arc::clone(self), groups, waits: true })
    }

    /// How many calls a group has.
    pub fn calls(&self, group: &Group) -> u32 {
        self.lock().get(group).map_or(0, |meter| meter.calls)
    }
}

impl Place {
    /// The call begins: from now on it counts for a second.
    pub fn begin(&mut self, now: Instant) {
        self.settle(Some(now));
    }

    /// It waits no more: it has begun, or never will.
    fn settle(&mut self, begun: Option<Instant>) {
        if !std::mem::replace(&mut self.waits, false) {
            return;
        }
        let mut meters = self.limits.lock();
        for (group, _) in self.groups.iter().filter(|(_, is_counted)| *is_counted) {
            if let Some(meter) = meters.get_mut(group) {
                meter.waiting = meter.waiting.saturating_sub(1);
                meter.begun.extend(begun);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.settle(None);
        let mut meters = self.limits.lock();
        for (group, _) in &self.groups {
            if let Some(meter) = meters.get_mut(group) {
                meter.calls = meter.calls.saturating_sub(1);
            }
        }
        // Groups of which nothing is left are not kept: accounts are many.
        let is_idle =
            |meter: &Meter| meter.calls == 0 && meter.begun.back().is_none_or(|at| at.elapsed() > SECOND);
        for (group, _) in &self.groups {
            if meters.get(group).is_some_and(is_idle) {
                meters.remove(group);
            }
        }
    }
}

impl Meter {
    fn check(&mut self, group: &Group, limit: Limit, now: Instant) -> Result<(), Over> {
        let name = match group {
            Group::Trunk(host) => format!("the trunk {host}"),
            Group::Account(sid) => format!("the account {sid}"),
        };
        if let Some(most) = limit.calls.filter(|most| self.calls >= *most) {
            return Err(Over {
                what: format!("{name} has the {most} calls that it may have here"),
                after: FULL,
            });
        }
        while self.begun.front().is_some_and(|at| now.saturating_duration_since(*at) >= SECOND) {
            self.begun.pop_front();
        }
        match limit.per_second {
            Some(most) if self.begun.len() + self.waiting as usize >= most as usize => {
                let oldest = self.begun.front().map(|at| now.saturating_duration_since(*at));
                let after = oldest.map_or(SECOND, |age| SECOND.saturating_sub(age));
                Err(Over {
                    what: format!("{name} has begun the {most} calls a second that it may here"),
                    after,
                })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers below what is asked for, the same ones for the same seed.
    pub(super) fn random(seed: u64) -> impl FnMut(u64) -> u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        move |below| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        }
    }

    fn trunk(calls: Option<u32>, per_second: Option<u32>) -> Vec<(Group, Limit)> {
        vec![(Group::Trunk("t".to_owned()), Limit { calls, per_second })]
    }

    #[test]
    fn a_group_has_as_many_calls_as_it_may_and_again_when_one_ends() {
        let (limits, now) = (Arc::new(Limits::default()), Instant::now());
        let groups = trunk(Some(2), None);
        let first = limits.enter(&groups, now).unwrap();
        let _second = limits.enter(&groups, now).unwrap();
        let over = limits.enter(&groups, now).unwrap_err();
        assert_eq!(
            (over.what.as_str(), over.after),
            ("the trunk t has the 2 calls that it may have here", FULL)
        );
        drop(first);
        assert!(limits.enter(&groups, now).is_ok());
    }

    #[test]
    fn no_second_has_more_calls_than_it_may() {
        let (limits, now) = (Arc::new(Limits::default()), Instant::now());
        let groups = trunk(None, Some(3));
        let mut taken = Vec::new();
        // A try each hundredth of a second, for ten seconds.
        for hundredth in 0..1000 {
            let at = now + Duration::from_millis(hundredth * 10);
            if let Ok(mut place) = limits.enter(&groups, at) {
                place.begin(at);
                taken.push(at);
            }
        }
        assert_eq!(taken.len(), 30);
        assert!(taken.windows(4).all(|four| four[3] - four[0] >= SECOND), "{taken:?}");
        let over = limits.enter(&groups, taken[29]).unwrap_err();
        assert!(over.after <= SECOND && !over.after.is_zero(), "{over:?}");
    }

    #[test]
    fn what_waits_to_begin_counts_until_it_has_begun_for_a_second() {
        let (limits, now) = (Arc::new(Limits::default()), Instant::now());
        let groups = trunk(None, Some(2));
        let after = |seconds| now + Duration::from_secs(seconds);
        let mut slow = limits.enter(&groups, now).unwrap();
        let given_up = limits.enter(&groups, now).unwrap();
        assert!(limits.enter(&groups, after(5)).is_err(), "both may still begin");
        drop(given_up);
        let mut quick = limits.enter(&groups, after(5)).unwrap();
        quick.begin(after(5));
        slow.begin(after(6));
        let _third = limits.enter(&groups, after(7)).unwrap();
        assert!(limits.enter(&groups, after(7)).is_err(), "the slow one has begun a second ago");
        assert!(limits.enter(&groups, after(8)).is_ok());
    }

    #[test]
    fn who_is_refused_by_one_group_takes_no_place_in_another() {
        let (limits, now) = (Arc::new(Limits::default()), Instant::now());
        let mut both = trunk(Some(10), Some(10));
        both.push((Group::Account("AC1".to_owned()), Limit { calls: Some(0), per_second: None }));
        assert!(limits.enter(&both, now).is_err());
        assert_eq!(limits.calls(&Group::Trunk("t".to_owned())), 0);
    }

    #[test]
    fn nothing_is_kept_of_groups_without_calls() {
        let (limits, now) = (Arc::new(Limits::default()), Instant::now());
        for number in 0..100 {
            let group = Group::Account(number.to_string());
            drop(limits.enter(&[(group, Limit::default())], now));
        }
        assert!(limits.lock().is_empty());
    }
}
