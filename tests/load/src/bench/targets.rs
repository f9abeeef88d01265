//! What the proxy is to reach, and whether it does.

use super::{
    Contender,
    figures::{Figure, Figures, Spread},
    table::{Rows, shown},
};

/// The cost of a message may be so many times the bare forwarder's.
const TO_FLOOR: f64 = 1.3;

/// And whatever the explanation, not more than so many times.
const CEILING: f64 = 1.6;

/// Above this rate the cost is shown and not judged: there the load takes all that is left of a small machine.
const JUDGED_RATE: u32 = 5000;

/// At this rate and above, answers may not take longer.
const HIGH_RATE: u32 = 10_000;

/// Than so many milliseconds, for 99 % of calls.
const P99_MS: f64 = 20.0;

/// A thousand targets may cost so many times what four do.
const TO_FOUR: f64 = 1.3;

/// A target, and what was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What is judged.
    pub what: String,
    /// What it may be at most.
    pub wanted: String,
    /// What it is.
    pub measured: String,
    /// Whether that holds.
    pub holds: bool,
}

/// All targets of which something was measured.
pub fn verdicts(figures: &Figures) -> Vec<Verdict> {
    let proxy = || figures.of_contender(Contender::Proxy);
    let cost = proxy().filter(|figure| figure.rate <= JUDGED_RATE).filter_map(cost);
    let astray = proxy().chain(figures.of_contender(Contender::ManyTargets)).map(astray);
    let slow = proxy().filter(|figure| figure.rate >= HIGH_RATE).map(slow);
    let many = figures.of_contender(Contender::ManyTargets).filter_map(many);
    cost.chain(many).chain(slow).chain(astray).collect()
}

fn cost(figure: &Figure) -> Option<Verdict> {
    let ratio = figure.to_floor?;
    Some(Verdict {
        what: format!("CPU per message at {} calls/s, times the forwarder's", figure.rate),
        wanted: format!("{TO_FLOOR} (never above {CEILING})"),
        measured: over(ratio),
        holds: ratio.median <= TO_FLOOR,
    })
}

fn over(ratio: Spread) -> String {
    let note = if ratio.median > CEILING { ", above the ceiling" } else { "" };
    shown(ratio, 2) + note
}

fn many(figure: &Figure) -> Option<Verdict> {
    let ratio = figure.to_proxy?;
    Some(Verdict {
        what: format!("cost with 1000 targets at {} calls/s, times that with 4", figure.rate),
        wanted: TO_FOUR.to_string(),
        measured: shown(ratio, 2),
        holds: ratio.median <= TO_FOUR,
    })
}

fn slow(figure: &Figure) -> Verdict {
    Verdict {
        what: format!("p99 of INVITE to 200 at {} calls/s", figure.rate),
        wanted: format!("{P99_MS} ms"),
        measured: format!("{} ms", shown(figure.p99_ms, 2)),
        holds: figure.p99_ms.median < P99_MS,
    }
}

fn astray(figure: &Figure) -> Verdict {
    Verdict {
        what: format!("{}, at {} calls/s: lost, at a wrong target", figure.contender, figure.rate),
        wanted: "0, 0".to_owned(),
        measured: format!("{}, {}", figure.lost, figure.wrong),
        holds: figure.lost + figure.wrong == 0,
    }
}

/// As a table.
pub fn rows(verdicts: &[Verdict]) -> Rows {
    let head = ["target", "at most", "measured", ""].map(str::to_owned).to_vec();
    let row = |verdict: &Verdict| {
        let word = if verdict.holds { "holds" } else { "MISSED" };
        vec![verdict.what.clone(), verdict.wanted.clone(), verdict.measured.clone(), word.to_owned()]
    };
    std::iter::once(head).chain(verdicts.iter().map(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figures::tests::measured;

    fn judged(what: &str, all: &[super::super::Measured]) -> Vec<bool> {
        let verdicts = verdicts(&Figures::of(all));
        verdicts.iter().filter(|verdict| verdict.what.contains(what)).map(|verdict| verdict.holds).collect()
    }

    #[test]
    fn the_cost_is_judged_against_the_forwarders_up_to_a_rate() {
        let all = |rate, cost| {
            [measured(Contender::Floor, rate, 0, 10.0), measured(Contender::Proxy, rate, 0, cost)]
        };
        assert_eq!(judged("forwarder's", &all(5000, 13.0)), [true]);
        assert_eq!(judged("forwarder's", &all(5000, 13.1)), [false]);
        assert!(judged("forwarder's", &all(10_000, 99.0)).is_empty());
        assert!(judged("forwarder's", &all(1000, 9.0)[1..]).is_empty(), "no forwarder, no ratio");
        let verdicts = verdicts(&Figures::of(&all(1000, 17.0)));
        assert_eq!(verdicts[0].measured, "1.70, above the ceiling");
        assert!(rows(&verdicts)[1].contains(&"MISSED".to_owned()));
    }

    #[test]
    fn a_thousand_targets_are_judged_against_four() {
        let all = |cost| {
            [measured(Contender::Proxy, 1000, 0, 10.0), measured(Contender::ManyTargets, 1000, 0, cost)]
        };
        assert_eq!(
            (judged("1000 targets at", &all(13.0)), judged("1000 targets at", &all(14.0))),
            (vec![true], vec![false])
        );
    }

    #[test]
    fn a_lost_call_misses_the_target_and_another_programs_does_not() {
        assert_eq!(judged("wrong target", &[measured(Contender::Proxy, 1000, 0, 1.0)]), [false]);
        assert!(judged("", &[measured(Contender::Kamailio, 1000, 0, 1.0)]).is_empty());
        assert_eq!(judged("p99", &[measured(Contender::Proxy, 10_000, 0, 1.0)]), [true]);
    }
}
