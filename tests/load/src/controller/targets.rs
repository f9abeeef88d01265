//! What the controller is to reach, and whether it does.

use crate::bench::targets::Verdict;

/// A call in progress may cost so many bytes.
const BYTES: f64 = 15.0 * 1024.0;

/// A call that has ended may leave so many bytes behind: less than any text of it has.
const LEFT: f64 = 32.0;

/// From the end of a verb to the next one, for 99 % of them, in milliseconds.
const P99_MS: f64 = 20.0;

/// The controller's CPU time for each second of FreeSWITCH's own.
const CPU: f64 = 0.1;

/// What was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Calls in progress.
    pub held: u32,
    /// Memory of each of them.
    pub bytes_per_call: f64,
    /// Calls per second that were asked for.
    pub rate: u32,
    /// And that were made.
    pub reached: f64,
    /// What memory grew by with each call that has ended.
    pub growth_per_call: f64,
    /// How often one sound followed another.
    pub gaps: u64,
    /// How often it had to.
    pub expected_gaps: u64,
    /// How long that took.
    pub p50_ms: f64,
    /// How long that took at most for 99 %.
    pub p99_ms: f64,
    /// The controller's CPU time, and a real FreeSWITCH's, in seconds for the same calls.
    pub cpu: Option<(f64, f64)>,
}

impl Figures {
    /// All targets.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict> {
        let verdict = |what: String, wanted: &str, measured: String, holds: bool| Verdict {
            what,
            wanted: wanted.to_owned(),
            measured,
            holds,
        };
        let mut verdicts = vec![
            verdict(
                format!("memory of a call, {} in progress", self.held),
                "15 KB",
                format!("{:.1} KB", self.bytes_per_call / 1024.0),
                self.bytes_per_call <= BYTES,
            ),
            verdict(
                "memory that a call leaves behind".to_owned(),
                "none (32 bytes)",
                format!("{:.0} bytes", self.growth_per_call),
                self.growth_per_call <= LEFT,
            ),
            verdict(
                format!("p99 from the end of a verb to the next one, at {} calls/s", self.rate),
                "20 ms",
                format!("{:.2} ms (median {:.2}), at {:.0} calls/s", self.p99_ms, self.p50_ms, self.reached),
                self.p99_ms <= P99_MS && self.reached >= 0.95 * f64::from(self.rate),
            ),
            verdict(
                "verbs that did not follow the one before".to_owned(),
                "0",
                self.expected_gaps.saturating_sub(self.gaps).to_string(),
                self.gaps >= self.expected_gaps,
            ),
        ];
        if let Some((own, switch)) = self.cpu {
            let share = own / switch.max(f64::MIN_POSITIVE);
            verdicts.push(verdict(
                "CPU time, of what FreeSWITCH takes for the same calls".to_owned(),
                "1/10",
                format!("1/{:.0} ({own:.2} s of {switch:.2} s)", 1.0 / share),
                share <= CPU,
            ));
        }
        verdicts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Figures {
        Figures {
            held: 5000,
            bytes_per_call: 9000.0,
            rate: 200,
            reached: 199.0,
            growth_per_call: 1.0,
            gaps: 30,
            expected_gaps: 30,
            p50_ms: 1.0,
            p99_ms: 19.0,
            cpu: Some((1.0, 11.0)),
        }
    }

    #[test]
    fn each_target_can_be_missed() {
        let missed = |figures: Figures| figures.verdicts().iter().filter(|verdict| !verdict.holds).count();
        assert_eq!((missed(good()), good().verdicts().len()), (0, 5));
        for bad in [
            Figures { bytes_per_call: 15.5 * 1024.0, ..good() },
            Figures { growth_per_call: 40.0, ..good() },
            Figures { p99_ms: 20.5, ..good() },
            Figures { reached: 150.0, ..good() },
            Figures { gaps: 29, ..good() },
            Figures { cpu: Some((1.2, 11.0)), ..good() },
        ] {
            assert_eq!(missed(bad), 1, "{bad:?}");
        }
        assert_eq!(Figures { cpu: None, ..good() }.verdicts().len(), 4);
    }
}
