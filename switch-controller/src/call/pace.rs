//! How fast a call may ask for documents: a loop of Redirects costs a customer's server little.

use std::time::Duration;

use super::rules::Rules;

/// A generic cell rate algorithm (ITU-T I.371): a burst at once, then one at each interval.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When the next one would come, if all had kept the interval.
    due: Duration,
}

impl Pace {
    /// When the next request may be made; it is then counted as made.
    pub(crate) fn next(&mut self, now: Duration, rules: &Rules) -> Duration {
        let ahead = rules.pace.saturating_mul(rules.burst.saturating_sub(1));
        let due = self.due.max(now);
        self.due = due.saturating_add(rules.pace);
        due.saturating_sub(ahead).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_intervals() {
        let rules = Rules { burst: 3, pace: Duration::from_secs(2), ..Rules::DEFAULT };
        let mut pace = Pace::default();
        let now = Duration::from_secs(100);
        let times: Vec<u64> = (0..5).map(|_| pace.next(now, &rules).as_secs()).collect();
        assert_eq!(times, [100, 100, 100, 102, 104]);
        let later = Duration::from_secs(1000);
        assert_eq!(pace.next(later, &rules), later);
    }
}
