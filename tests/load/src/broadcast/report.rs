//! What came of a night: a few lines, and a page with plots that needs nothing beside itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::history::{History, Trunk};
use super::verdict::never_called;
use crate::html::STYLE;
use crate::plot::{Line, escape, lines_with};

/// The final statuses, in the order of the legend, with the classes of their lines.
const STATUSES: [(&str, &str); 5] =
    [("completed", "a"), ("busy", "b"), ("no-answer", "c"), ("canceled", "d"), ("failed", "e")];

/// Name and value of each figure.
fn figures(history: &History) -> Vec<(String, String)> {
    let mut statuses: BTreeMap<&str, usize> = BTreeMap::new();
    for call in &history.calls {
        *statuses.entry(call.status.unwrap_or("no record")).or_default() += 1;
    }
    let statuses: Vec<_> = statuses.iter().map(|(status, count)| format!("{count} {status}")).collect();
    let asked: u32 = history.calls.iter().map(|call| call.asked).sum();
    let unanswered: usize = history.calls.iter().map(|call| call.unanswered.len()).sum();
    let completed = history.inbound.iter().filter(|call| call.completed).count();
    let kills = history.marks.iter().filter(|mark| mark.what.ends_with("is killed")).count();
    let mut figures = vec![
        ("calls".to_owned(), format!("{} in {:.0} s", history.calls.len(), history.lasted.as_secs_f64())),
        ("statuses".to_owned(), statuses.join(", ")),
        ("asked for".to_owned(), format!("{asked} times, {unanswered} of them without an answer")),
        ("not looked at".to_owned(), not_looked(history)),
        (
            "made, and never called".to_owned(),
            format!("{} (their controllers were killed)", never_called(history)),
        ),
        ("killed".to_owned(), format!("{kills} controllers and proxies")),
        ("calls that came in".to_owned(), format!("{completed} of {} completed", history.inbound.len())),
    ];
    figures.extend(history.trunks.iter().map(|trunk| {
        let Trunk { name, calls, per_second, seen } = trunk;
        let (most, begun) = (trunk.most(), trunk.most_per_second(&history.stalls).0);
        (
            name.clone(),
            format!(
                "{} calls; at most {most} of {calls} at once, {begun} of {per_second} in a second",
                seen.len()
            ),
        )
    }));
    figures
}

fn not_looked(history: &History) -> String {
    let stalls = || history.stalls.iter().map(|(from, to)| to.saturating_sub(*from));
    let (sum, most) = (stalls().sum::<Duration>(), stalls().max().unwrap_or_default());
    format!("{} ms, at most {} ms at a time (a busy machine)", sum.as_millis(), most.as_millis())
}

/// The figures as lines.
pub fn text(history: &History) -> String {
    let line = |(name, value): &(String, String)| format!("  {name:<24}{value}\n");
    figures(history).iter().map(line).collect()
}

/// The page.
pub fn page(history: &History, faults: &[String], machine: &str, date: &str) -> String {
    let title = format!("Broadcast: {} calls", history.calls.len());
    let verdict = if faults.is_empty() { "PASS" } else { "FAIL" };
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
         <style>\n{STYLE}</style></head>\n<body><h1>{title}: {verdict}</h1>\n<p>{}, {}</p>\n<table>\n",
        escape(date),
        escape(machine)
    );
    for (name, value) in figures(history) {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(page, "<tr><td>{}</td><td>{}</td></tr>", escape(&name), escape(&value));
    }
    page.push_str("</table>\n");
    if !faults.is_empty() {
        page.push_str("<h2>Not as it must be</h2>\n<ul>\n");
        for fault in faults {
            let _ = writeln!(page, "<li>{}</li>", escape(fault));
        }
        page.push_str("</ul>\n");
    }
    page.push_str(&plots(history));
    page.push_str("<h2>What was done</h2>\n<ul>\n");
    for mark in &history.marks {
        let _ = writeln!(page, "<li>{:.1} s: {}</li>", mark.at.as_secs_f64(), escape(&mark.what));
    }
    page.push_str("</ul></body></html>\n");
    page
}

fn plots(history: &History) -> String {
    let end = history.lasted.as_secs_f64();
    let killed = history.marks.iter().filter(|mark| !mark.what.ends_with("again"));
    let marks: Vec<_> = killed.map(|mark| (mark.at.as_secs_f64(), mark.what.clone())).collect();
    let mut plots = lines_with("Final statuses so far", "", &statuses(history), &marks);
    for trunk in &history.trunks {
        let title = format!("{}: calls in progress, as the carrier sees it", trunk.name);
        let limit = |most: u32| Line {
            name: "limit",
            class: "b",
            points: vec![(0.0, most.into()), (end, most.into())],
        };
        let load = Line { name: "calls", class: "a", points: steps(&trunk.load()) };
        plots.push_str(&lines_with(&title, "", &[limit(trunk.calls), load], &marks));
        let title = format!("{}: calls begun in a second", trunk.name);
        let begun = Line { name: "calls", class: "a", points: begun(trunk) };
        plots.push_str(&lines_with(&title, "", &[limit(trunk.per_second), begun], &marks));
    }
    plots
}

/// How many calls had come to each status, second by second.
fn statuses(history: &History) -> Vec<Line<'static>> {
    let line = |(status, class): (&'static str, &'static str)| {
        let ended = history.calls.iter().filter(|call| call.status == Some(status));
        let mut ended: Vec<_> = ended.filter_map(|call| call.ended).collect();
        ended.sort_unstable();
        let by = |second: u64| ended.partition_point(|at| *at <= Duration::from_secs(second)) as f64;
        let points = (0..=history.lasted.as_secs()).map(|second| (second as f64, by(second))).collect();
        Line { name: status, class, points }
    };
    STATUSES.map(line).into()
}

/// A number that stays until it changes.
fn steps(changes: &[(Duration, u32)]) -> Vec<(f64, f64)> {
    let (mut points, mut before) = (Vec::new(), 0);
    for (at, now) in changes {
        points.extend([(at.as_secs_f64(), f64::from(before)), (at.as_secs_f64(), f64::from(*now))]);
        before = *now;
    }
    points
}

/// Calls that began in each second of the clock.
fn begun(trunk: &Trunk) -> Vec<(f64, f64)> {
    let mut seconds: BTreeMap<u64, u32> = BTreeMap::new();
    for seen in &trunk.seen {
        *seconds.entry(seen.began.as_secs()).or_default() += 1;
    }
    let last = seconds.keys().last().copied().unwrap_or_default();
    (0..=last)
        .map(|second| (second as f64 + 0.5, seconds.get(&second).copied().unwrap_or_default().into()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broadcast::history::{Call, Mark, Seen};

    #[test]
    fn a_page_has_all_plots_and_needs_nothing_from_elsewhere() {
        let seen = Seen { ended: Some(Duration::from_secs(2)), ..Seen::default() };
        let trunk = Trunk { name: "<one>".to_owned(), calls: 1, per_second: 1, seen: vec![seen] };
        let mark = Mark { at: Duration::from_secs(1), what: "controller 1 is killed".to_owned(), kill: true };
        let history = History {
            calls: vec![Call {
                status: Some("busy"),
                ended: Some(Duration::from_secs(1)),
                ..Call::default()
            }],
            trunks: vec![trunk],
            marks: vec![mark],
            lasted: Duration::from_secs(3),
            ..History::default()
        };
        let page = page(&history, &["<wrong>".to_owned()], "2 cores", "2025-01-31");
        assert_eq!((page.matches("<svg").count(), page.matches("</svg>").count()), (3, 3));
        assert_eq!(page.matches("class=\"mark\"").count(), 3);
        for foreign in ["http", "src=", "href=", "@import", "url(", "<one>", "<wrong>"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert!(page.contains("FAIL") && page.contains("1 busy"));
        assert!(text(&history).contains("at most 1 of 1 at once"));
    }
}
