//! How long to wait before trying again.
//!
//! This file must not contain: clocks, I/O of any kind.

use std::time::Duration;

/// The first wait, about.
const FIRST: Duration = Duration::from_millis(500);

/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(60);

/// The wait after so many failures (1 is the first): twice as long each time, and between half and all of that, so that many
/// who failed together do not come back together. `random` is any number.
pub(super) fn wait(failures: u32, random: u64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(LONGEST);
    let half = doubled / 2;
    let spread = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
    half + Duration::from_millis(random % (spread + 1))
}

/// Any number.
pub(super) fn random() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_minute_and_differ() {
        assert_eq!(wait(1, 0), Duration::from_millis(250));
        assert_eq!(wait(1, 250), Duration::from_millis(500));
        assert_eq!(wait(2, 0), Duration::from_millis(500));
        assert_eq!(wait(4, 0), Duration::from_secs(2));
        for failures in [8, 20, 1000, u32::MAX] {
            assert_eq!(wait(failures, 0), Duration::from_secs(30));
            assert_eq!(wait(failures, 30_000), Duration::from_secs(60));
        }
    }
}
