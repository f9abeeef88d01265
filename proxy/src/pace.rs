//! How long a worker lets datagrams gather before it takes the next ones.
//!
//! Being woken costs more than most messages do, and a message that follows another finds the code and data that it
//! needs in the caches. So where many come, a worker takes them in company, as network cards do with their interrupts
//! (interrupt coalescing); where few come, each is carried at once.
//!
//! This module must not wait and must not read a clock.

use std::time::Duration;

/// How long datagrams are counted before it is decided anew.
const WINDOW: Duration = Duration::from_millis(10);

/// As many as a pause is to bring, and as few as make one worth its price: a pause itself costs as much as some two
/// messages do.
const COMPANY: u32 = 12;
const LEAST_COMPANY: u32 = 3;

/// Where a pause would be shorter they come in company by themselves.
const SHORTEST: Duration = Duration::from_micros(50);

/// The pauses of one worker.
#[derive(Debug)]
pub struct Pace {
    longest: Duration,
    since: Duration,
    came: u32,
    pause: Option<Duration>,
}

impl Pace {
    /// With pauses up to that; zero for none.
    pub fn new(longest: Duration) -> Self {
        Pace { longest, since: Duration::ZERO, came: 0, pause: None }
    }

    /// How long to wait after a turn that began at `now` and took so many datagrams.
    pub fn after(&mut self, came: usize, now: Duration) -> Option<Duration> {
        self.came = self.came.saturating_add(u32::try_from(came).unwrap_or(u32::MAX));
        // A clock that was set back begins a window, too.
        let window = now.checked_sub(self.since).unwrap_or(Duration::MAX);
        if window >= WINDOW {
            self.pause = self.pause_for(window / self.came.max(1));
            (self.came, self.since) = (0, now);
        }
        self.pause.filter(|_| came > 0)
    }

    /// The pause for datagrams that come so far apart.
    fn pause_for(&self, apart: Duration) -> Option<Duration> {
        let pause = apart.saturating_mul(COMPANY).min(self.longest);
        (pause >= SHORTEST && pause >= apart.saturating_mul(LEAST_COMPANY)).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_millis(1);
    const START: Duration = Duration::from_secs(1_700_000_000);

    /// What follows turns of one datagram each, so many a second, after a silence.
    fn after(pace: &mut Pace, per_s: u32, from: Duration) -> Vec<Option<Duration>> {
        let apart = Duration::from_secs(1) / per_s;
        (0..per_s.min(10_000)).map(|turn| pace.after(1, from + apart * turn)).collect()
    }

    #[test]
    fn few_are_carried_at_once_and_many_in_company() {
        for (per_s, pause_us) in [
            (1, 0),
            (500, 0),
            (2_900, 0),
            (3_100, 1_000),
            (6_000, 1_000),
            (12_000, 1_000),
            (24_000, 500),
            (60_000, 200),
            (300_000, 0),
        ] {
            let turns = after(&mut Pace::new(LONGEST), per_s, START);
            let last = turns.last().copied().flatten().unwrap_or_default().as_micros();
            assert!(last.abs_diff(pause_us) * 20 <= pause_us, "{per_s} datagrams a second: {last} us");
            assert_eq!(turns.first(), Some(&None), "the first after a silence");
        }
    }

    #[test]
    fn pauses_end_when_it_grows_quiet() {
        let mut pace = Pace::new(LONGEST);
        let paused = after(&mut pace, 6_000, START);
        assert!(paused.last().copied().flatten().is_some());
        let end = START + Duration::from_millis(999);
        assert!(pace.after(1, end + Duration::from_millis(1)).is_some() && pace.after(0, end).is_none());
        assert_eq!(pace.after(1, end + Duration::from_millis(30)), None);
    }

    #[test]
    fn no_pause_is_none_and_a_clock_that_goes_back_does_no_harm() {
        assert!(after(&mut Pace::new(Duration::ZERO), 20_000, START).iter().all(Option::is_none));
        let mut pace = Pace::new(LONGEST);
        after(&mut pace, 6_000, START);
        let earlier = Duration::from_secs(8);
        assert_eq!(pace.after(1, earlier), None);
        assert!(after(&mut pace, 6_000, earlier).last().copied().flatten().is_some());
    }
}
