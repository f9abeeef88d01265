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
}

/// How long TCP is left alone where it has failed: what would go by it goes over UDP without trying.
const NO_STREAMS: Duration = Duration::from_secs(30);

impl Default for Mark {
    /// Healthy, from now on.
    fn default() -> Self {
        let [since, failed_calls, no_streams_until] = [0; 3].map(AtomicU64::new);
        let mark = Mark { condition: AtomicU8::new(0), since, failed_calls, no_streams_until };
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
        self.since.store(u64::try_from(now.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn count_failed_call(&self) {
        self.failed_calls.fetch_add(1, Ordering::Relaxed);
    }
}
