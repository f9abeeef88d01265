//! What came of a run.

use serde::Serialize;

use crate::{
    answering::Answered,
    caller::{Called, Mark},
    histogram::Histogram,
    plan::Plan,
    timeline::{Sample, ms},
};

/// All figures of a run. Calls for warming up are among the counted ones, and in no figure of time or cost.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// What the run was called.
    pub label: String,
    /// What was measured.
    pub against: String,
    /// Calls per second, as planned.
    pub rate: f64,
    /// For how long, in seconds, without warming up.
    pub time_s: f64,
    /// Sockets that calls came from.
    pub sources: u16,
    /// Calls that were started.
    pub offered: u64,
    /// Calls that went as they must.
    pub completed: u64,
    /// Calls that got a final response other than 200.
    pub refused: u64,
    /// Calls of which a message did not come.
    pub lost: u64,
    /// Requests that came to another target than the INVITE of their call.
    pub wrong_target: u64,
    /// INVITEs that came to their target again.
    pub repeated: u64,
    /// What came to a target and was no request of this run.
    pub strange: u64,
    /// From INVITE to 200.
    pub answer: Times,
    /// From when a call was due to when its INVITE was sent: large figures here mean that the load was not what was
    /// asked for, and that the figures above tell of the load's own limits.
    pub late: Times,
    /// Calls that each target got.
    pub targets: Vec<(String, u64)>,
    /// Datagrams dropped at the load's own sockets during the run.
    pub own_drops: u64,
    /// Datagrams dropped at the measured address, if its socket is on this machine.
    pub drops: Option<u64>,
    /// What the measured processes used, if any were named.
    pub cost: Option<Cost>,
    /// CPU time that the load itself used, both sides, in microseconds per message.
    pub own_cpu_us_per_message: f64,
    /// Times from INVITE to 200: the upper end in microseconds, and how many.
    pub histogram: Vec<(u32, u64)>,
    /// How it went over time.
    pub samples: Vec<Sample>,
}

/// How long something took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// Half of them took no longer.
    pub p50_ms: f64,
    /// 90 %.
    pub p90_ms: f64,
    /// 99 %.
    pub p99_ms: f64,
    /// 99.9 %.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Times {
    fn of(histogram: &Histogram) -> Self {
        let quantile = |share| ms(histogram.quantile(share).into());
        Times {
            p50_ms: quantile(0.5),
            p90_ms: quantile(0.9),
            p99_ms: quantile(0.99),
            p999_ms: quantile(0.999),
            max_ms: ms(histogram.max().into()),
        }
    }
}

/// What processes used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// CPU time per completed call, in microseconds.
    pub cpu_us_per_call: f64,
    /// CPU time per message that came out at the other side, in microseconds.
    pub cpu_us_per_message: f64,
    /// Share of one core, in percent.
    pub core_percent: f64,
    /// Resident memory at the end, in bytes.
    pub rss: u64,
    /// The most that it has ever been, in bytes.
    pub peak_rss: u64,
}

impl Cost {
    fn between(start: &Mark, end: &Mark) -> Self {
        let cpu_us = (end.usage.cpu_s - start.usage.cpu_s) * 1e6;
        Cost {
            cpu_us_per_call: per(cpu_us, end.completed - start.completed),
            cpu_us_per_message: per(cpu_us, end.messages - start.messages),
            core_percent: 100.0 * per(cpu_us, end.at - start.at),
            rss: end.usage.rss,
            peak_rss: end.usage.peak_rss,
        }
    }
}

fn per(sum: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum / count as f64 }
}

impl Outcome {
    /// From what both sides saw.
    pub fn new(plan: &Plan, called: Called, answered: Answered) -> Self {
        let (calls, start, end) = (called.calls, called.warm, called.end);
        let own_cpu_us = (end.own.cpu_s - start.own.cpu_s) * 1e6;
        let contacts = plan.targets.iter().map(|target| target.contact.to_string());
        Outcome {
            label: plan.label.clone(),
            against: plan.against.to_string(),
            rate: plan.rate,
            time_s: plan.time.as_secs_f64(),
            sources: plan.sources,
            offered: calls.counts.started,
            completed: calls.counts.completed,
            refused: calls.counts.refused,
            lost: calls.counts.lost,
            wrong_target: answered.wrong,
            repeated: answered.repeated,
            strange: answered.strange,
            answer: Times::of(&calls.answer_time),
            late: Times::of(&calls.lateness),
            targets: contacts.zip(answered.calls).collect(),
            own_drops: 0,
            drops: None,
            cost: (!plan.pids.is_empty()).then(|| Cost::between(&start, &end)),
            own_cpu_us_per_message: per(own_cpu_us, end.messages - start.messages),
            histogram: calls.answer_time.filled().collect(),
            samples: called.samples,
        }
    }

    /// Whether every call went as it must.
    pub fn all_completed(&self) -> bool {
        self.completed == self.offered && self.wrong_target == 0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::calls::Calls;
    use crate::plan::tests::plan;
    use crate::system::Usage;

    pub(crate) fn outcome() -> Outcome {
        let mut calls = Calls::new(3, 0, crate::plan::GIVE_UP);
        for call in 0..3 {
            calls.started(call, 0, 0);
            calls.answered(call, 1000 * (call as u64 + 1));
        }
        calls.completed(0);
        calls.completed(1);
        calls.expire(3_000_000);
        let mark = |at, messages, completed, cpu_s| Mark {
            at,
            messages,
            completed,
            usage: Usage { cpu_s, rss: 10 << 20, peak_rss: 12 << 20 },
            own: Usage { cpu_s: cpu_s / 10.0, ..Usage::default() },
        };
        let sample = Sample { at_s: 1.0, started_per_s: 3.0, p99_ms: 3.0, ..Sample::default() };
        let called = Called {
            calls,
            samples: vec![sample, Sample { at_s: 2.0, ..sample }],
            warm: mark(0, 6, 0, 1.0),
            end: mark(2_000_000, 18, 2, 1.5),
        };
        let answered = Answered { calls: vec![2, 1], wrong: 1, ..Answered::default() };
        Outcome::new(&Plan { pids: vec![1], ..plan() }, called, answered)
    }

    #[test]
    fn cost_is_that_of_what_happened_after_warming_up() {
        let outcome = outcome();
        let cost = outcome.cost.unwrap();
        assert_eq!((cost.cpu_us_per_call, cost.core_percent), (250_000.0, 25.0));
        assert!((cost.cpu_us_per_message - 500_000.0 / 12.0).abs() < 1e-6);
        assert!((outcome.own_cpu_us_per_message - 50_000.0 / 12.0).abs() < 1e-6);
        assert_eq!(cost.peak_rss, 12 << 20);
    }

    #[test]
    fn counts_are_those_of_the_calls() {
        let outcome = outcome();
        assert_eq!((outcome.offered, outcome.completed, outcome.lost, outcome.wrong_target), (3, 2, 1, 1));
        assert!(!outcome.all_completed());
        assert_eq!(outcome.targets[0], ("127.0.1.1:7001".to_owned(), 2));
        assert_eq!((outcome.answer.max_ms, outcome.histogram.len()), (3.0, 3));
    }

    #[test]
    fn it_is_written_as_json() {
        let json: serde_json::Value = serde_json::to_value(outcome()).unwrap();
        assert_eq!(json["lost"], 1);
        assert_eq!(json["answer"]["max_ms"], 3.0);
        assert_eq!(json["samples"][1]["at_s"], 2.0);
    }

    #[test]
    fn nothing_divided_by_nothing_is_nothing() {
        assert_eq!((per(0.0, 0), per(6.0, 2)), (0.0, 3.0));
    }
}
