//! How a run goes over time: samples at even distances, for the plots and for the line of progress.

use serde::Serialize;

use crate::{calls::Counts, histogram::Histogram};

/// What happened since the last sample, and how things stood at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// When it ends, in seconds from the first call.
    pub at_s: f64,
    /// Calls started per second.
    pub started_per_s: f64,
    /// Calls completed per second.
    pub completed_per_s: f64,
    /// Calls going on.
    pub in_flight: u64,
    /// Calls lost so far.
    pub lost: u64,
    /// Calls refused so far.
    pub refused: u64,
    /// Median of INVITE to 200, in milliseconds; 0 if there was no 200, here and below.
    pub p50_ms: f64,
    /// 99 % of them were answered in this time.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
    /// How late the latest call was started.
    pub late_ms: f64,
}

/// Collects one sample after the other.
pub struct Sampler {
    every: u64,
    since: u64,
    before: Counts,
    answer_time: Histogram,
    late: u64,
}

impl Sampler {
    /// One every so many microseconds.
    pub fn new(every: u64) -> Self {
        Sampler { every, since: 0, before: Counts::default(), answer_time: Histogram::new(), late: 0 }
    }

    /// A call was started so late.
    pub fn started(&mut self, late: u64) {
        self.late = self.late.max(late);
    }

    /// A call was answered after so long.
    pub fn answered(&mut self, time: u64) {
        self.answer_time.record(time);
    }

    /// The sample that ends now, if it is time for one.
    pub fn sample(&mut self, now: u64, counts: Counts) -> Option<Sample> {
        let time = now.checked_sub(self.since).filter(|time| *time >= self.every)?;
        let per_s = |now: u64, before: u64| now.saturating_sub(before) as f64 * 1e6 / time as f64;
        let sample = Sample {
            at_s: now as f64 / 1e6,
            started_per_s: per_s(counts.started, self.before.started),
            completed_per_s: per_s(counts.completed, self.before.completed),
            in_flight: counts.in_flight(),
            lost: counts.lost,
            refused: counts.refused,
            p50_ms: ms(self.answer_time.quantile(0.5).into()),
            p99_ms: ms(self.answer_time.quantile(0.99).into()),
            max_ms: ms(self.answer_time.max().into()),
            late_ms: ms(self.late),
        };
        self.answer_time.clear();
        (self.since, self.before, self.late) = (now, counts, 0);
        Some(sample)
    }
}

/// Milliseconds in so many microseconds.
pub fn ms(microseconds: u64) -> f64 {
    microseconds as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_tells_of_its_own_time_only() {
        let mut sampler = Sampler::new(500_000);
        sampler.started(20);
        sampler.answered(3000);
        let mut counts = Counts { started: 10, completed: 4, ..Counts::default() };
        assert_eq!(sampler.sample(499_999, counts), None);
        let first = sampler.sample(500_000, counts).unwrap();
        assert_eq!((first.started_per_s, first.completed_per_s, first.in_flight), (20.0, 8.0, 6));
        assert_eq!((first.p50_ms, first.max_ms, first.late_ms), (3.0, 3.0, 0.02));
        counts.completed = 10;
        assert_eq!(sampler.sample(999_999, counts), None);
        let second = sampler.sample(1_500_000, counts).unwrap();
        assert_eq!((second.started_per_s, second.completed_per_s, second.in_flight), (0.0, 6.0, 0));
        assert_eq!((second.p50_ms, second.late_ms), (0.0, 0.0));
    }
}
