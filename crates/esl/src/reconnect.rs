//! When to try again, and whether it is the same FreeSWITCH that comes back. No clock and no randomness.

use std::time::Duration;

/// How long to wait before another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure; doubled after each other one.
    pub first: Duration,
    /// At most.
    pub most: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { first: Duration::from_millis(200), most: Duration::from_secs(5) }
    }
}

impl Backoff {
    /// After so many failures in a row (from 1 on). The random number, any of 64 bits, takes away up to a half, so that many
    /// clients do not come back at once.
    pub fn wait(&self, failures: u32, random: u64) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let whole = self.first.saturating_mul(factor.max(1)).min(self.most);
        let share = u32::try_from(random >> 32).unwrap_or_default();
        let half = u64::try_from(whole.as_nanos() / 2).unwrap_or(u64::MAX);
        let away = (u128::from(half) * u128::from(share)) >> 32;
        whole - Duration::from_nanos(u64::try_from(away).unwrap_or_default())
    }
}

/// What is known from one connection to the next.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    core: Option<String>,
    failures: u32,
}

impl Memory {
    /// A link is up. Says whether this is another run of FreeSWITCH than the last one: then all calls of that are gone.
    pub fn up(&mut self, core: Option<&str>) -> bool {
        self.failures = 0;
        let Some(core) = core else { return false };
        let before = self.core.replace(core.to_owned());
        before.is_some_and(|before| before != core)
    }

    /// A link ended, or did not begin. Says how long to wait.
    pub fn down(&mut self, backoff: &Backoff, random: u64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        backoff.wait(self.failures, random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_limit_and_lose_half_at_most() {
        let backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_secs(2) };
        let whole = [100, 200, 400, 800, 1600, 2000, 2000].map(Duration::from_millis);
        for (failures, whole) in (1..).zip(whole) {
            assert_eq!(backoff.wait(failures, 0), whole);
            let least = backoff.wait(failures, u64::MAX);
            assert!(least >= whole / 2 && least < whole / 2 + Duration::from_millis(1), "{least:?}");
        }
        assert_eq!(backoff.wait(u32::MAX, 0), backoff.most);
    }

    #[test]
    fn another_core_uuid_is_a_restart_and_the_first_or_a_missing_one_is_none() {
        let mut memory = Memory::default();
        assert!(!memory.up(Some("a")));
        assert!(!memory.up(Some("a")));
        assert!(!memory.up(None));
        assert!(memory.up(Some("b")));
        assert!(!memory.up(Some("b")));
    }

    #[test]
    fn a_link_that_came_up_begins_the_waits_anew() {
        let (mut memory, backoff) = (Memory::default(), Backoff::default());
        let first = memory.down(&backoff, 0);
        assert!(memory.down(&backoff, 0) > first);
        memory.up(None);
        assert_eq!(memory.down(&backoff, 0), first);
    }
}
