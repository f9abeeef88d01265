//! What is thought of one SIP port of one target: written by the prober, read wherever a target is picked.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is thought of a SIP port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Condition {
    /// It answers, or has not been asked yet.
    #[default]
    Healthy,
    /// It did not answer of late, too seldom to be given up. It gets calls.
    Suspect,
    /// It does not answer and gets no new calls.
    Down,
}

impl Condition {
    /// As it stands in the admin port's JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Condition::Healthy => "healthy",
            Condition::Suspect => "suspect",
            Condition::Down => "down",
        }
    }
}

/// A condition that several threads share, and what is shown beside it. Reading it is one load; nothing is ordered by it.
#[derive(Debug)]
pub struct Mark {
    condition: AtomicU8,
    /// Milliseconds since 1970.
    since: AtomicU64,
    failed_calls: AtomicU64,
    /// Seconds since 1970 until which nothing is sent over TCP that UDP would carry as well.
    no_streams_until: AtomicU64,
    /// Milliseconds since 1970 since when it takes calls, if it came while others did; else 0.
    new_since: AtomicU64,
}

/// What a newcomer's share of its calls begins with: not none, or nobody would learn how it does.
const FIRST_SHARE: f64 = 0.1;

/// How long TCP is left alone where it has failed: what would go by it goes over UDP without trying.
const NO_STREAMS: Duration = Duration::from_secs(30);

impl Default for Mark {
    /// Healthy, from now on.
    fn default() -> Self {
        let [since, failed_calls, no_streams_until, new_since] = [0; 4].map(AtomicU64::new);
        let mark = Mark { condition: AtomicU8::new(0), since, failed_calls, no_streams_until, new_since };
        mark.changed_now();
        mark
    }
}

impl Mark {
    /// What is thought now.
    pub fn condition(&self) -> Condition {
        match self.condition.load(Ordering::Relaxed) {
            0 => Condition::Healthy,
            1 => Condition::Suspect,
            _ => Condition::Down,
        }
    }

    /// Changes what is thought.
    pub fn set(&self, condition: Condition) {
        self.condition.store(condition as u8, Ordering::Relaxed);
    }

    /// Whether new calls may go there.
    pub fn takes_calls(&self) -> bool {
        self.condition() != Condition::Down
    }

    /// Whether TCP is worth a try there, at this time since 1970.
    pub fn takes_streams(&self, now: Duration) -> bool {
        now.as_secs() >= self.no_streams_until.load(Ordering::Relaxed)
    }

    /// TCP has failed there.
    pub fn avoid_streams(&self, now: Duration) {
        self.no_streams_until.store((now + NO_STREAMS).as_secs(), Ordering::Relaxed);
    }

    /// It takes calls from this time since 1970 on, and others did before: it gets its share little by little.
    pub fn begin_slowly(&self, now: Duration) {
        self.new_since.store(milliseconds(now), Ordering::Relaxed);
    }

    /// What part of its share of the calls it gets, from 0.1 to 1, where newcomers take so long to get all of it.
    pub fn share(&self, now: Duration, slow_start: Duration) -> f64 {
        let since = self.new_since.load(Ordering::Relaxed);
        // Whichever way a clock was set meanwhile.
        let passed = Duration::from_millis(since).abs_diff(now);
        if since == 0 || passed >= slow_start {
            return 1.0;
        }
        FIRST_SHARE + (1.0 - FIRST_SHARE) * passed.as_secs_f64() / slow_start.as_secs_f64()
    }

    /// Since when that is thought.
    pub fn since(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.since.load(Ordering::Relaxed))
    }

    /// Calls that got nothing from there.
    pub fn failed_calls(&self) -> u64 {
        self.failed_calls.load(Ordering::Relaxed)
    }

    pub(super) fn changed_now(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.since.store(milliseconds(now), Ordering::Relaxed);
    }

    pub(super) fn count_failed_call(&self) {
        self.failed_calls.fetch_add(1, Ordering::Relaxed);
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
