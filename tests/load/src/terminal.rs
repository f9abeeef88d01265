//! A run as text: a line while it goes on, figures and a histogram at its end.

use std::fmt::Write as _;

use crate::{
    outcome::{Outcome, Times},
    timeline::{Sample, ms},
};

/// How wide the longest bar is, in columns.
const WIDTH: usize = 48;

/// Eighths of a column.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// The last second in one line.
pub fn progress(sample: &Sample) -> String {
    format!(
        "{:>5.0} s  {:>6.0} calls/s  {:>6.0} completed/s  {:>6} in flight  p99 {:>7.2} ms  late {:>6.2} ms  lost {}",
        sample.at_s,
        sample.started_per_s,
        sample.completed_per_s,
        sample.in_flight,
        sample.p99_ms,
        sample.late_ms,
        sample.lost
    )
}

/// All figures.
pub fn summary(outcome: &Outcome) -> String {
    let mut text = format!(
        "\n{}: {} calls/s for {} s against {}\n",
        outcome.label, outcome.rate, outcome.time_s, outcome.against
    );
    for (name, value) in figures(outcome) {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "  {name:<14} {value}");
    }
    text.push_str("\n  INVITE to 200\n");
    text.push_str(&histogram(&outcome.histogram));
    text
}

/// The figures, by name; the page shows the same.
pub fn figures(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let calls = format!(
        "offered {}, completed {}, refused {}, lost {}",
        outcome.offered, outcome.completed, outcome.refused, outcome.lost
    );
    let drops = outcome.drops.map_or("not on this machine".to_owned(), |drops| drops.to_string());
    let targets: Vec<_> = outcome.targets.iter().map(|(target, calls)| format!("{target} {calls}")).collect();
    let mut figures = vec![
        ("calls", calls),
        ("wrong target", outcome.wrong_target.to_string()),
        ("INVITE to 200", times(&outcome.answer)),
        ("own lateness", times(&outcome.late)),
        ("drops", format!("{} at the load's own sockets; at the measured one: {drops}", outcome.own_drops)),
        ("calls at", targets.join(", ")),
    ];
    if outcome.repeated + outcome.strange > 0 {
        let (repeated, strange) = (outcome.repeated, outcome.strange);
        figures.push((
            "also",
            format!("{repeated} INVITEs came twice, {strange} datagrams were not of this run"),
        ));
    }
    if let Some(cost) = outcome.cost {
        let (call, message, core) = (cost.cpu_us_per_call, cost.cpu_us_per_message, cost.core_percent);
        figures.push(("CPU", format!("{call:.1} us/call, {message:.2} us/message, {core:.0} % of a core")));
        figures.push(("memory", format!("{:.1} MB, at most {:.1} MB", mb(cost.rss), mb(cost.peak_rss))));
    }
    figures.push(("load's own CPU", format!("{:.2} us/message, both sides", outcome.own_cpu_us_per_message)));
    figures
}

fn times(times: &Times) -> String {
    format!(
        "p50 {:.2} ms, p90 {:.2}, p99 {:.2}, p99.9 {:.2}, max {:.2}",
        times.p50_ms, times.p90_ms, times.p99_ms, times.p999_ms, times.max_ms
    )
}

/// Megabytes in so many bytes.
pub fn mb(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Ranges of 1, 2 and 5 times the powers of ten that hold all of `buckets` (upper ends in microseconds, and counts): the
/// upper end of each, and how many are in it.
pub fn ranges(buckets: &[(u32, u64)]) -> Vec<(u64, u64)> {
    let ends = (0..10).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
    let mut rows = Vec::new();
    let mut low = 0;
    for high in ends {
        let inside = |value: u32| (low == 0 || u64::from(value) > low) && u64::from(value) <= high;
        let count = buckets.iter().filter(|(value, _)| inside(*value)).map(|(_, count)| count).sum();
        rows.push((high, count));
        low = high;
    }
    let first = rows.iter().position(|(_, count)| *count > 0).unwrap_or(rows.len());
    let last = rows.iter().rposition(|(_, count)| *count > 0).map_or(0, |last| last + 1);
    rows.get(first..last).unwrap_or_default().to_vec()
}

fn histogram(buckets: &[(u32, u64)]) -> String {
    let rows = ranges(buckets);
    let (most, all) =
        (rows.iter().map(|row| row.1).max().unwrap_or(0), rows.iter().map(|row| row.1).sum::<u64>());
    let mut text = String::new();
    for (high, count) in rows {
        let share = 100.0 * count as f64 / all.max(1) as f64;
        let bar = bar(count as f64 / most.max(1) as f64);
        let _ = writeln!(text, "  <= {:>8} ms {count:>9} {share:>6.2} % {bar}", ms(high));
    }
    if all == 0 {
        text.push_str("  no call was answered\n");
    }
    text
}

/// A bar of that share of the longest one; one that is not nothing can be seen.
fn bar(share: f64) -> String {
    let eighths = (share * WIDTH as f64 * 8.0).round() as usize;
    let eighths = if share > 0.0 { eighths.max(1) } else { 0 };
    let part = (eighths % 8).checked_sub(1).and_then(|part| EIGHTHS.get(part));
    "█".repeat(eighths / 8).chars().chain(part.copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::tests::outcome;

    #[test]
    fn bars_grow_by_eighths() {
        assert_eq!(bar(0.0), "");
        assert_eq!(bar(1e-9), "▏");
        assert_eq!(bar(1.0), "█".repeat(WIDTH));
        assert_eq!(bar(1.5 / WIDTH as f64), "█▌");
    }

    #[test]
    fn ranges_hold_every_value_once_and_begin_and_end_with_some() {
        assert_eq!(
            ranges(&[(150, 3), (200, 1), (201, 2), (4000, 1)]),
            [(200, 4), (500, 2), (1000, 0), (2000, 0), (5000, 1)]
        );
        assert_eq!(ranges(&[(0, 1), (u32::MAX, 1)]).iter().map(|row| row.1).sum::<u64>(), 2);
        assert!(ranges(&[]).is_empty());
    }

    #[test]
    fn the_summary_says_what_was_lost_and_how_late_the_load_was() {
        let text = summary(&outcome());
        for part in [
            "a run: 1000 calls/s",
            "offered 3, completed 2, refused 0, lost 1",
            "wrong target   1",
            "own lateness   p50 0.00 ms",
            "max 3.00",
            "not on this machine",
            "at most 12.0 MB",
            "<=        2 ms         1  33.33 % ███",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_second_is_one_line() {
        let sample = Sample { at_s: 3.0, started_per_s: 5000.0, lost: 2, ..Sample::default() };
        let line = progress(&sample);
        assert!(line.starts_with("    3 s    5000 calls/s") && line.ends_with("lost 2"), "{line}");
    }
}
