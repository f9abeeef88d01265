//! Which part of a limit is a controller's own: all controllers have about as much, and never more in sum than there is.
//!
//! Each controller says now and then that it is there. One that was not heard of for a while is not counted; and whoever could
//! not make itself heard for as long, or has come just now, has no share, since the others may not count with it.
//!
//! This file must not contain: I/O, clocks.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use super::SECOND;

/// So many intervals without a sign, and a controller counts as gone. It itself thinks so one earlier.
const GONE: u32 = 3;

/// A controller's part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Its place among all, from 0.
    pub place: u32,
    /// How many there are.
    pub of: u32,
}

impl Share {
    /// Without others.
    pub const WHOLE: Share = Share { place: 0, of: 1 };

    /// Its part of a limit: those at the first places have what cannot be divided.
    pub fn part(self, limit: u32) -> u32 {
        let of = self.of.max(1);
        limit / of + u32::from(self.place < limit % of)
    }
}

/// Who is there, as one controller knows.
#[derive(Debug)]
pub struct Members {
    own: String,
    interval: Duration,
    /// Since when the others can know of us.
    heard_since: Option<Instant>,
    /// When we last made ourselves heard.
    heard: Option<Instant>,
    share: Option<Share>,
    /// The shares of late, each with the moment from which it was had; the newest is last.
    shares: VecDeque<(Instant, Share)>,
    /// The names of those that are there, in their order.
    alive: Vec<String>,
}

impl Members {
    /// Of a controller of this name that makes itself heard this often.
    pub fn new(own: String, interval: Duration) -> Self {
        Members {
            own,
            interval,
            heard_since: None,
            heard: None,
            share: None,
            shares: VecDeque::new(),
            alive: Vec::new(),
        }
    }

    /// We made ourselves heard before `now`, and then saw these: their names, and when each was heard last, by one clock of
    /// the store's. Those that are gone for long, and may be forgotten.
    pub fn seen(&mut self, listed: &[(String, SystemTime)], now: Instant) -> Vec<String> {
        if !self.is_heard(now) {
            self.heard_since = Some(now);
        }
        self.heard = Some(now);
        let newest = listed.iter().map(|(_, at)| *at).max();
        let age =
            |at: &SystemTime| newest.and_then(|newest| newest.duration_since(*at).ok()).unwrap_or_default();
        let mut alive: Vec<_> = listed
            .iter()
            .filter(|(name, at)| *name == self.own || age(at) < self.interval * GONE)
            .map(|(name, _)| name.as_str())
            .collect();
        alive.sort_unstable();
        let place = alive.iter().position(|name| *name == self.own);
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.share = place.map(|place| Share { place: number(place), of: number(alive.len()) });
        if let Some(share) =
            self.share.filter(|share| self.shares.back().is_none_or(|(_, last)| last != share))
        {
            self.shares.push_back((now, share));
        }
        // The last one that had begun a second ago was had within this second.
        while self.shares.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= SECOND) {
            self.shares.pop_front();
        }
        self.alive = alive.into_iter().map(str::to_owned).collect();
        let gone = listed.iter().filter(|(_, at)| age(at) > self.interval * GONE * 10);
        gone.map(|(name, _)| name.clone()).collect()
    }

    /// The name of this one.
    pub fn own(&self) -> &str {
        &self.own
    }

    /// The place of a controller among those that are there.
    pub fn place_of(&self, name: &str) -> Option<u32> {
        let place = self.alive.iter().position(|alive| alive == name)?;
        u32::try_from(place).ok()
    }

    /// The controller's part now. None while the others may not count with it.
    pub fn share(&self, now: Instant) -> Option<Share> {
        let since = self.heard_since?;
        let is_known = now.saturating_duration_since(since) >= self.interval * 2;
        self.share.filter(|_| is_known && self.is_heard(now))
    }

    /// The controller's part now of what may begin in a second: the least that it had within one. What another had before
    /// may be of the same second.
    pub fn part_of_second(&self, limit: u32, now: Instant) -> Option<u32> {
        let part = self.share(now)?.part(limit);
        let shares = self.shares.iter().zip(self.shares.iter().skip(1).map(Some).chain([None]));
        let lately = shares
            .filter(|(_, next)| next.is_none_or(|(until, _)| now.saturating_duration_since(*until) < SECOND));
        lately.map(|((_, share), _)| share.part(limit)).min().map(|least| least.min(part))
    }

    fn is_heard(&self, now: Instant) -> bool {
        self.heard.is_some_and(|at| now.saturating_duration_since(at) < self.interval * (GONE - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::random;
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_parts_of_all_are_the_whole() {
        for of in 1..20 {
            for limit in [0, 1, 2, 7, 10, 99, 1000] {
                let parts = (0..of).map(|place| Share { place, of }.part(limit));
                let parts: Vec<_> = parts.collect();
                assert_eq!(parts.iter().sum::<u32>(), limit);
                assert!(parts.iter().max().unwrap() - parts.iter().min().unwrap() <= 1);
            }
        }
    }

    #[test]
    fn what_another_had_within_this_second_is_not_had_again() {
        let (interval, start, wall) = (Duration::from_secs(2), Instant::now(), SystemTime::UNIX_EPOCH);
        let mut members = Members::new("b".to_owned(), interval);
        let listed = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), wall)).collect::<Vec<_>>();
        let after = |millis| start + Duration::from_millis(millis);
        for second in [0, 2, 4] {
            members.seen(&listed(&["a", "b", "c"]), after(1000 * second));
        }
        assert_eq!(members.part_of_second(10, after(4_000)), Some(3));
        // It is the first of two now: five, instead of three.
        members.seen(&listed(&["b", "c"]), after(6_000));
        assert_eq!(members.share(after(6_000)), Some(Share { place: 0, of: 2 }));
        assert_eq!(members.part_of_second(10, after(6_000)), Some(3));
        assert_eq!(members.part_of_second(10, after(7_000)), Some(3));
        assert_eq!(members.part_of_second(10, after(7_200)), Some(5));
        // What it has no more it has no more at once.
        members.seen(&listed(&["a", "b", "c"]), after(8_000));
        assert_eq!(members.part_of_second(10, after(8_000)), Some(3));
        assert_eq!(members.part_of_second(10, after(60_000)), None);
    }

    /// Controllers that come and go, with a store between them that some do not reach for a while: what all of them think is
    /// theirs is never more than there is.
    #[test]
    fn controllers_that_come_and_go_never_have_more_than_there_is() {
        const LIMIT: u32 = 17;
        let interval = Duration::from_secs(10);
        let (began, wall) = (Instant::now(), SystemTime::UNIX_EPOCH);
        for seed in 1..200_u64 {
            let mut random = random(seed);
            let mut store: BTreeMap<String, SystemTime> = BTreeMap::new();
            let mut controllers: Vec<(Members, u64, u64)> = Vec::new();
            let mut some_had = false;
            for second in 0..600_u64 {
                let now = began + Duration::from_secs(second);
                if controllers.len() < 6 && random(30) == 0 {
                    controllers.push((Members::new(format!("{second}"), interval), random(10), 0));
                }
                if !controllers.is_empty() && random(100) == 0 {
                    let index = usize::try_from(random(controllers.len() as u64)).unwrap();
                    controllers.remove(index);
                }
                for (members, phase, cut_off) in &mut controllers {
                    if random(200) == 0 {
                        *cut_off = second + random(90);
                    }
                    if (second + *phase).is_multiple_of(10) && *cut_off < second {
                        store.insert(members.own.clone(), wall + Duration::from_secs(second));
                        let listed: Vec<_> = store.iter().map(|(name, at)| (name.clone(), *at)).collect();
                        for gone in members.seen(&listed, now) {
                            store.remove(&gone);
                        }
                    }
                }
                let parts: u32 = controllers
                    .iter()
                    .filter_map(|(members, ..)| Some(members.share(now)?.part(LIMIT)))
                    .sum();
                some_had |= parts == LIMIT;
                assert!(parts <= LIMIT, "seed {seed}, second {second}: {parts}\n{controllers:#?}");
            }
            assert!(some_had, "seed {seed}: nobody ever had all that there is");
        }
    }
}
