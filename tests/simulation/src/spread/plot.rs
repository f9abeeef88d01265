//! The spread as a picture, and as a table.

use std::fmt::Write;
use std::time::Duration;

use proxy::table::Policy;

use super::{CALLS, SIZES, Spread, Way, spread};

const LEFT: f64 = 56.0;
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 220.0;
const TOP: f64 = 40.0;
/// Between the upper plot's floor and the lower one's ceiling.
const BETWEEN: f64 = 96.0;
/// How much of the newcomer's time is shown, in seconds, and how many are taken together.
const SHOWN: usize = 60;
const TOGETHER: usize = 5;

const fn way(policy: Policy, slow_start: u64, weighted: bool) -> Way {
    Way { policy, slow_start: Duration::from_secs(slow_start), weighted }
}

/// What is compared: its name, its colour, and how it chooses.
pub const WAYS: [(&str, &str, Way); 4] = [
    ("hash", "#d62728", way(Policy::Hash, 0, false)),
    ("hash, weights by size", "#ff7f0e", way(Policy::Hash, 0, true)),
    ("least-loaded, no slow start", "#9467bd", way(Policy::LeastLoaded, 0, false)),
    ("least-loaded", "#1f77b4", way(Policy::LeastLoaded, 30, false)),
];

/// All of them, each with so many seeds.
pub fn all(seeds: u64) -> Vec<Spread> {
    WAYS.iter().map(|(_, _, way)| Spread::mean((0..seeds).map(|seed| spread(*way, seed)))).collect()
}

/// As a table in Markdown.
pub fn table(spreads: &[Spread]) -> String {
    let mut text = "| policy | targets' means differ by (σ) | fullest moment | refused once | failed | newcomer's first 10 s |\n\
        |---|---|---|---|---|---|\n"
        .to_owned();
    for ((name, _, _), spread) in WAYS.iter().zip(spreads) {
        let percent = |count: u64| 100.0 * count as f64 / spread.calls as f64;
        let first = spread.newcomer.iter().take(10).sum::<f64>() / 10.0;
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            text,
            "| {name} | {:.1} % | {:.0} % | {:.2} % | {:.3} % | {first:.1} calls/s |",
            spread.deviation(),
            spread.fullest(),
            percent(spread.refused),
            percent(spread.failed),
        );
    }
    text
}

/// Above, how full each target is; below, what a newcomer gets.
pub fn svg(spreads: &[Spread]) -> String {
    let (width, height) = (LEFT + WIDTH + 20.0, TOP + 2.0 * HEIGHT + BETWEEN + 50.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\"><rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>"
    );
    text(
        &mut out,
        LEFT,
        16.0,
        "14\" font-weight=\"600",
        "#000",
        &format!("{CALLS} calls over 20 targets of unequal size"),
    );
    for (place, (name, colour, _)) in WAYS.iter().enumerate() {
        let x = LEFT + 190.0 * place as f64;
        let _ = write!(out, "<circle cx=\"{x:.0}\" cy=\"28\" r=\"4\" fill=\"{colour}\"/>");
        text(&mut out, x + 8.0, 32.0, "12", colour, name);
    }
    targets(&mut out, spreads);
    newcomer(&mut out, spreads);
    out.push_str("</svg>\n");
    out
}

fn targets(out: &mut String, spreads: &[Spread]) {
    let y = |full: f64| TOP + HEIGHT - full / 100.0 * HEIGHT;
    for full in [0, 25, 50, 75, 100] {
        line(out, [LEFT, y(f64::from(full)), LEFT + WIDTH, y(f64::from(full))], "#ddd", 1.0);
        text(out, 12.0, y(f64::from(full)) + 4.0, "12", "#555", &format!("{full} %"));
    }
    let column = WIDTH / SIZES.len() as f64;
    for (target, size) in SIZES.iter().enumerate() {
        let left = LEFT + column * target as f64;
        text(out, left + 8.0, TOP + HEIGHT + 16.0, "11", "#555", &size.to_string());
        for (place, ((_, colour, _), spread)) in WAYS.iter().zip(spreads).enumerate() {
            let Some([least, mean, most]) = spread.targets.get(target) else { continue };
            let x = left + 7.0 + 7.5 * place as f64;
            line(out, [x, y(*least), x, y(*most)], colour, 1.5);
            let _ = write!(out, "<circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>", y(*mean));
        }
    }
    let what = "sessions that each target takes; the dot is how full it was on average in half an hour, the line from least to most";
    text(out, LEFT, TOP + HEIGHT + 34.0, "12", "#555", what);
}

fn newcomer(out: &mut String, spreads: &[Spread]) {
    let top = TOP + HEIGHT + BETWEEN;
    let rates: Vec<Vec<f64>> = spreads.iter().map(rates).collect();
    let most = rates.iter().flatten().copied().fold(1.0, f64::max);
    let y = |rate: f64| top + HEIGHT - rate / most * HEIGHT;
    let x = |second: f64| LEFT + second / SHOWN as f64 * WIDTH;
    let title = "calls per second to a newcomer of 200, from the moment that it is in the list";
    text(out, LEFT, top - 14.0, "14\" font-weight=\"600", "#000", title);
    for step in 0..=4 {
        let rate = most * f64::from(step) / 4.0;
        line(out, [LEFT, y(rate), LEFT + WIDTH, y(rate)], "#ddd", 1.0);
        text(out, 12.0, y(rate) + 4.0, "12", "#555", &format!("{rate:.1}/s"));
    }
    for second in (0..=SHOWN).step_by(10) {
        text(out, x(second as f64) - 6.0, top + HEIGHT + 16.0, "12", "#555", &format!("{second} s"));
    }
    for ((_, colour, _), rates) in WAYS.iter().zip(&rates) {
        let points: Vec<String> = rates
            .iter()
            .enumerate()
            .map(|(place, rate)| format!("{:.1},{:.1}", x((place * TOGETHER) as f64 + 2.5), y(*rate)))
            .collect();
        let _ = write!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
    }
}

fn rates(spread: &Spread) -> Vec<f64> {
    let seconds: Vec<f64> = spread.newcomer.iter().copied().take(SHOWN).collect();
    seconds.chunks(TOGETHER).map(|some| some.iter().sum::<f64>() / some.len() as f64).collect()
}

fn line(out: &mut String, [x1, y1, x2, y2]: [f64; 4], colour: &str, width: f64) {
    let _ = write!(
        out,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>"
    );
}

fn text(out: &mut String, x: f64, y: f64, size: &str, colour: &str, what: &str) {
    let _ =
        write!(out, "<text x=\"{x:.0}\" y=\"{y:.0}\" font-size=\"{size}\" fill=\"{colour}\">{what}</text>");
}
