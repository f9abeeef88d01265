//! A run as a page with plots. It needs nothing beside itself, so that it can be kept and sent.

use std::fmt::Write as _;

use crate::{
    outcome::Outcome,
    plot::{Line, bars, escape, lines},
    terminal::{figures, ranges},
    timeline::{Sample, ms},
};

/// How the page looks, in the reader's choice of light or dark.
pub(crate) const STYLE: &str = "\
:root { color-scheme: light dark; --text: #222; --grid: #ddd; --a: #2563a8; --b: #c2571a; --c: #999; --d: #3a8a4d; --e: #b03060; }
@media (prefers-color-scheme: dark) { :root { --text: #ddd; --grid: #444; --a: #6ea8e0; --b: #e89a63; --c: #888; --d: #76c48a; --e: #e07aa0; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); max-width: 780px; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; } td { padding: .1em 1em .1em 0; vertical-align: top; }
figure { margin: 1.5em 0; } figcaption { font-weight: 600; } svg { width: 100%; height: auto; }
svg text { font-size: 11px; fill: var(--text); } .grid { stroke: var(--grid); }
polyline { fill: none; stroke-width: 1.5; } .legend { margin: 0 0 0 5em; }
polyline.a { stroke: var(--a); } polyline.b { stroke: var(--b); } polyline.c { stroke: var(--c); }
polyline.d { stroke: var(--d); } polyline.e { stroke: var(--e); } .mark { stroke: var(--c); stroke-dasharray: 3; }
rect.a { fill: var(--a); } span.a { color: var(--a); } span.b { color: var(--b); } span.c { color: var(--c); }
span.d { color: var(--d); } span.e { color: var(--e); }
";

/// The page.
pub fn page(outcome: &Outcome, machine: &str, date: &str) -> String {
    let title = format!("{}: {} calls/s against {}", outcome.label, outcome.rate, outcome.against);
    let title = escape(&title);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
         <style>\n{STYLE}</style></head>\n<body><h1>{title}</h1>\n<p>{}, {}</p>\n<table>\n",
        escape(date),
        escape(machine)
    );
    for (name, value) in figures(outcome) {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "<tr><td>{name}</td><td>{}</td></tr>", escape(&value));
    }
    page.push_str("</table>\n");
    page.push_str(&plots(outcome));
    page.push_str("</body></html>\n");
    page
}

fn plots(outcome: &Outcome) -> String {
    let all = outcome.histogram.iter().map(|(_, count)| count).sum::<u64>().max(1) as f64;
    let share = |(high, count): (u64, u64)| (ms(high).to_string(), 100.0 * count as f64 / all);
    let ranges: Vec<_> = ranges(&outcome.histogram).into_iter().map(share).collect();
    let line = |name, class, value: fn(&Sample) -> f64| Line {
        name,
        class,
        points: outcome.samples.iter().map(|sample| (sample.at_s, value(sample))).collect(),
    };
    let times = [
        line("slowest", "c", |sample| sample.max_ms),
        line("p99", "b", |sample| sample.p99_ms),
        line("median", "a", |sample| sample.p50_ms),
    ];
    let rates = [
        line("started", "b", |sample| sample.started_per_s),
        line("completed", "a", |sample| sample.completed_per_s),
    ];
    let flight = [
        line("in flight", "a", |sample| sample.in_flight as f64),
        line("lost so far", "b", |sample| sample.lost as f64),
    ];
    [
        bars("INVITE to 200: share of calls that took up to so many milliseconds", "%", &ranges),
        lines("INVITE to 200 over time", "ms", &times),
        lines("Calls per second", "", &rates),
        lines("Calls in flight", "", &flight),
        lines("Lateness of the load itself", "ms", &[line("latest call", "a", |sample| sample.late_ms)]),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::tests::outcome;

    #[test]
    fn a_page_has_all_plots_and_needs_nothing_from_elsewhere() {
        let page = page(&outcome(), "2 cores", "2025-01-31");
        assert_eq!((page.matches("<svg").count(), page.matches("</svg>").count()), (5, 5));
        assert_eq!(page.matches("<polyline").count(), 8);
        for foreign in ["http", "src=", "href=", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert!(page.contains("offered 3, completed 2") && page.contains("2025-01-31, 2 cores"));
    }

    #[test]
    fn a_label_is_text() {
        let page = page(&Outcome { label: "<b>".to_owned(), ..outcome() }, "", "");
        assert!(page.contains("&lt;b&gt;: 1000") && !page.contains("<b>"));
    }
}
