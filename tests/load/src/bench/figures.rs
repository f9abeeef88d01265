//! From single measurements to medians.

use super::Contender;
use crate::outcome::{Cost, Outcome};

/// One measurement.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Of what.
    pub contender: Contender,
    /// At how many calls per second.
    pub rate: u32,
    /// In which run.
    pub number: u8,
    /// What came of it.
    pub outcome: Outcome,
}

impl Measured {
    /// It in one line.
    pub fn line(&self) -> String {
        let Outcome { lost, refused, wrong_target, answer, late, .. } = &self.outcome;
        format!(
            "{:>6} calls/s  {:<20} {:>7.2} us/message  lost {}  wrong target {wrong_target}  p99 {:.2} ms  late p99 {:.2} ms",
            self.rate,
            self.contender.to_string(),
            self.cpu_us(),
            lost + refused,
            answer.p99_ms,
            late.p99_ms
        )
    }

    fn cpu_us(&self) -> f64 {
        self.outcome.cost.map_or(0.0, |cost| cost.cpu_us_per_message)
    }

    /// Its cost compared with another contender's at the same rate in the same run.
    fn ratio_to(&self, other: Contender, all: &[Measured]) -> Option<f64> {
        let same =
            |one: &&Measured| one.contender == other && (one.rate, one.number) == (self.rate, self.number);
        let cost = all.iter().find(same).map(Measured::cpu_us).filter(|cost| *cost > 0.0)?;
        Some(self.cpu_us() / cost)
    }
}

/// A median, and how far from it single values lie.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl Spread {
    /// Of these values; `None` if there are none.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.collect();
        values.sort_by(f64::total_cmp);
        let middle = |place: usize| values.get(place).copied();
        let median = (middle(values.len().checked_sub(1)? / 2)? + middle(values.len() / 2)?) / 2.0;
        Some(Spread { median, min: *values.first()?, max: *values.last()? })
    }
}

/// All measurements of one contender at one rate.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Of what.
    pub contender: Contender,
    /// At how many calls per second.
    pub rate: u32,
    /// CPU time per message, in microseconds.
    pub cpu_us: Spread,
    /// That compared with the forwarder's in the same run.
    pub to_floor: Option<Spread>,
    /// That compared with the proxy's with four targets in the same run.
    pub to_proxy: Option<Spread>,
    /// Calls offered in all runs.
    pub offered: u64,
    /// Calls lost or refused in all runs.
    pub lost: u64,
    /// Requests at a wrong target in all runs.
    pub wrong: u64,
    /// 99 % of INVITEs were answered in this time, in milliseconds.
    pub p99_ms: Spread,
    /// 99 % of calls were started with no more delay than this, in milliseconds.
    pub late_ms: Spread,
    /// The most memory that it had, in bytes, of all runs.
    pub peak_rss: u64,
}

/// All of them, by rate and contender.
pub struct Figures(pub Vec<Figure>);

impl Figures {
    /// From all measurements.
    pub fn of(all: &[Measured]) -> Self {
        let mut kinds: Vec<_> = all.iter().map(|one| (one.rate, one.contender)).collect();
        kinds.sort();
        kinds.dedup();
        Figures(kinds.into_iter().filter_map(|(rate, contender)| figure(rate, contender, all)).collect())
    }

    /// Those of a contender.
    pub fn of_contender(&self, contender: Contender) -> impl Iterator<Item = &Figure> {
        self.0.iter().filter(move |figure| figure.contender == contender)
    }
}

fn figure(rate: u32, contender: Contender, all: &[Measured]) -> Option<Figure> {
    let own: Vec<_> = all.iter().filter(|one| (one.rate, one.contender) == (rate, contender)).collect();
    let spread = |value: fn(&Measured) -> f64| Spread::of(own.iter().map(|one| value(one)));
    let sum = |value: fn(&Outcome) -> u64| own.iter().map(|one| value(&one.outcome)).sum();
    let ratio = |other: Contender| {
        Spread::of(own.iter().filter_map(|one| one.ratio_to(other, all))).filter(|_| other != contender)
    };
    let cost = |one: &&Measured| one.outcome.cost;
    Some(Figure {
        contender,
        rate,
        cpu_us: spread(Measured::cpu_us)?,
        to_floor: ratio(Contender::Floor),
        to_proxy: ratio(Contender::Proxy).filter(|_| contender == Contender::ManyTargets),
        offered: sum(|outcome| outcome.offered),
        lost: sum(|outcome| outcome.lost + outcome.refused),
        wrong: sum(|outcome| outcome.wrong_target),
        p99_ms: spread(|one| one.outcome.answer.p99_ms)?,
        late_ms: spread(|one| one.outcome.late.p99_ms)?,
        peak_rss: own.iter().filter_map(cost).map(|cost: Cost| cost.peak_rss).max().unwrap_or_default(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::outcome::tests::outcome;

    /// A measurement with this cost; the outcome's other figures are 3 calls offered, 1 lost, 1 at a wrong target.
    pub(crate) fn measured(contender: Contender, rate: u32, number: u8, cpu_us_per_message: f64) -> Measured {
        let outcome = outcome();
        let cost = outcome.cost.map(|cost| Cost { cpu_us_per_message, ..cost });
        Measured { contender, rate, number, outcome: Outcome { cost, ..outcome } }
    }

    #[test]
    fn a_median_is_the_middle() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
    }

    #[test]
    fn ratios_are_taken_within_a_run() {
        let all = [
            measured(Contender::Floor, 1000, 0, 10.0),
            measured(Contender::Proxy, 1000, 0, 12.0),
            measured(Contender::Floor, 1000, 1, 20.0),
            measured(Contender::Proxy, 1000, 1, 22.0),
            measured(Contender::ManyTargets, 1000, 1, 33.0),
            measured(Contender::Proxy, 2000, 0, 8.0),
        ];
        let figures = Figures::of(&all);
        let proxies: Vec<_> = figures.of_contender(Contender::Proxy).collect();
        let ratio = proxies[0].to_floor.unwrap();
        assert!((ratio.median - 1.15).abs() < 1e-9 && (ratio.max - 1.2).abs() < 1e-9, "{ratio:?}");
        assert_eq!((proxies[1].rate, proxies[1].to_floor), (2000, None));
        let many = figures.of_contender(Contender::ManyTargets).next().unwrap();
        assert_eq!(many.to_proxy.unwrap().median, 1.5);
        assert_eq!((proxies[0].to_proxy, proxies[0].offered, proxies[0].lost), (None, 6, 2));
        assert!(figures.of_contender(Contender::Floor).all(|floor| floor.to_floor.is_none()));
    }
}
