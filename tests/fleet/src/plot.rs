//! Calls per second and target over time, as a picture.

use std::fmt::Write;

const COLOURS: [&str; 6] = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b"];
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 50.0;
const TOP: f64 = 40.0;

/// Lines, each with a name and points of (seconds, calls per second); and marks at moments, with what happened.
pub fn svg(title: &str, lines: &[(String, Vec<(f64, f64)>)], marks: &[(f64, String)]) -> String {
    let all = || lines.iter().flat_map(|(_, points)| points);
    let last = all().map(|(at, _)| *at).fold(1.0, f64::max);
    let most = all().map(|(_, rate)| *rate).fold(1.0, f64::max);
    let x = |at: f64| LEFT + at / last * WIDTH;
    let y = |rate: f64| TOP + HEIGHT - rate / most * HEIGHT;
    let mut out = String::new();
    let (w, h) = (LEFT + WIDTH + 20.0, TOP + HEIGHT + 60.0);
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" font-family=\"sans-serif\" font-size=\"12\">\
         <rect width=\"{w}\" height=\"{h}\" fill=\"white\"/><text x=\"{LEFT}\" y=\"16\" font-size=\"14\">{title}</text>"
    );
    for step in 0..=4 {
        let rate = most * f64::from(step) / 4.0;
        let _ = write!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{1:.0}\" y2=\"{1:.0}\" stroke=\"#ddd\"/><text x=\"8\" y=\"{1:.0}\">{rate:.0}/s</text>",
            LEFT + WIDTH,
            y(rate)
        );
    }
    for (at, what) in marks {
        let _ = write!(
            out,
            "<line x1=\"{0:.0}\" x2=\"{0:.0}\" y1=\"{TOP}\" y2=\"{1:.0}\" stroke=\"#999\" stroke-dasharray=\"4\"/>\
             <text x=\"{2:.0}\" y=\"{3:.0}\" fill=\"#555\">{what} ({at:.1} s)</text>",
            x(*at),
            TOP + HEIGHT,
            x(*at) + 3.0,
            TOP - 4.0
        );
    }
    for (place, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS.get(place % COLOURS.len()).copied().unwrap_or("black");
        let path: Vec<String> =
            points.iter().map(|(at, rate)| format!("{:.1},{:.1}", x(*at), y(*rate))).collect();
        let _ = write!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"{:.0}\" y=\"{:.0}\" fill=\"{colour}\">{name}</text>",
            path.join(" "),
            LEFT + 60.0 * place as f64,
            TOP + HEIGHT + 40.0
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.0}\" y=\"{:.0}\">{last:.0} s</text></svg>",
        LEFT + WIDTH - 20.0,
        TOP + HEIGHT + 20.0
    );
    out
}
