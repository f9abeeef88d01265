//! Plots as SVG that stands in a page by itself: lines over time, and bars.

use std::fmt::Write as _;

/// Width of a drawing, in the units of its own coordinates.
const WIDTH: f64 = 720.0;

/// Its height.
const HEIGHT: f64 = 220.0;

/// Room for the scale on the left.
const LEFT: f64 = 64.0;

/// Room for the scale below.
const BELOW: f64 = 24.0;

/// Room above and on the right.
const EDGE: f64 = 20.0;

/// One line of a plot.
pub struct Line<'a> {
    /// Its name in the legend.
    pub name: &'a str,
    /// The CSS class that colours it.
    pub class: &'a str,
    /// Its points.
    pub points: Vec<(f64, f64)>,
}

/// Lines over time, from zero on both scales. `unit` is that of the values; times are in seconds.
pub fn lines(title: &str, unit: &str, lines: &[Line<'_>]) -> String {
    lines_with(title, unit, lines, &[])
}

/// The same with moments at which something happened, which the reader's mouse finds out.
pub fn lines_with(title: &str, unit: &str, lines: &[Line<'_>], marks: &[(f64, String)]) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let right = points().map(|point| point.0).fold(0.0, f64::max);
    let top = points().map(|point| point.1).fold(0.0, f64::max);
    let scale = Scale { right: if right > 0.0 { right } else { 1.0 }, top: nice(top) };
    let mut svg = open(title);
    scale.draw(unit, &mut svg);
    for (at, what) in marks {
        let (x, bottom) = (scale.x(*at), HEIGHT - BELOW);
        let _ = write!(
            svg,
            "<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{EDGE}\" y2=\"{bottom}\"><title>{at:.1} s: {}</title></line>",
            escape(what)
        );
    }
    for line in lines {
        let points: Vec<_> =
            line.points.iter().map(|(x, y)| format!("{:.1},{:.1}", scale.x(*x), scale.y(*y))).collect();
        // Writing to a String cannot fail, here and below.
        let _ = write!(svg, "<polyline class=\"{}\" points=\"{}\"/>", line.class, points.join(" "));
    }
    svg.push_str("</svg><p class=\"legend\">");
    for line in lines {
        let _ = write!(svg, "<span class=\"{}\">{}</span> ", line.class, escape(line.name));
    }
    svg.push_str("</p></figure>\n");
    svg
}

/// Bars, each with its name below and its value above.
pub fn bars(title: &str, unit: &str, bars: &[(String, f64)]) -> String {
    let top = nice(bars.iter().map(|bar| bar.1).fold(0.0, f64::max));
    let scale = Scale { right: bars.len().max(1) as f64, top };
    let mut svg = open(title);
    scale.draw_values(unit, &mut svg);
    for (place, (name, value)) in bars.iter().enumerate() {
        let (left, right) = (scale.x(place as f64 + 0.1), scale.x(place as f64 + 0.9));
        let (y, bottom, middle) = (scale.y(*value), scale.y(0.0), (left + right) / 2.0);
        let _ = write!(
            svg,
            "<rect class=\"a\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>\
             <text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            right - left,
            bottom - y,
            y - 3.0,
            number(*value),
            HEIGHT - 8.0,
            escape(name),
        );
    }
    svg.push_str("</svg></figure>\n");
    svg
}

/// Text for a place in HTML where tags and attributes begin.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn open(title: &str) -> String {
    let title = escape(title);
    format!(
        "<figure><figcaption>{title}</figcaption>\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
    )
}

/// Where values lie in the drawing; both scales begin at 0.
struct Scale {
    right: f64,
    top: f64,
}

impl Scale {
    fn x(&self, value: f64) -> f64 {
        LEFT + value / self.right * (WIDTH - LEFT - EDGE)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BELOW - value / self.top * (HEIGHT - BELOW - EDGE)
    }

    fn draw(&self, unit: &str, svg: &mut String) {
        self.draw_values(unit, svg);
        for part in 0..=5 {
            let time = self.right * f64::from(part) / 5.0;
            let (x, y) = (self.x(time), HEIGHT - 8.0);
            let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{time:.1} s</text>");
        }
    }

    fn draw_values(&self, unit: &str, svg: &mut String) {
        for part in 0..=4 {
            let value = self.top * f64::from(part) / 4.0;
            let (y, right) = (self.y(value), WIDTH - EDGE);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{} {}</text>",
                LEFT - 6.0,
                y + 4.0,
                number(value),
                escape(unit),
            );
        }
    }
}

/// The next of 1, 2, 4, 5, 8 and 10 times a power of ten, so that quarters of it are short numbers; 1 for nothing.
fn nice(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let digits = [1.0, 2.0, 4.0, 5.0, 8.0, 10.0];
    digits.iter().map(|digit| digit * power).find(|nice| *nice >= value).unwrap_or(value)
}

/// As many digits as are worth reading.
fn number(value: f64) -> String {
    let text = match value {
        1000.0.. => return format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        0.1.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        assert_eq!([0.0, 0.3, 3.0, 4.1, 7.0, 9.0, 4321.0].map(nice), [1.0, 0.4, 4.0, 5.0, 8.0, 10.0, 5000.0]);
        assert_eq!([0.0, 0.25, 12.5, 40.0, 5000.0].map(number), ["0", "0.25", "12.5", "40", "5000"]);
    }

    #[test]
    fn points_lie_inside_the_drawing() {
        let scale = Scale { right: 10.0, top: 4.0 };
        assert_eq!((scale.x(0.0), scale.y(0.0)), (LEFT, HEIGHT - BELOW));
        assert_eq!((scale.x(10.0), scale.y(4.0)), (WIDTH - EDGE, EDGE));
    }

    #[test]
    fn a_plot_of_nothing_is_a_plot() {
        let empty = Line { name: "none", class: "a", points: Vec::new() };
        for svg in [lines("nothing", "ms", &[empty]), bars("nothing", "ms", &[])] {
            assert!(svg.contains("nothing") && svg.ends_with("</figure>\n") && !svg.contains("NaN"), "{svg}");
        }
    }

    #[test]
    fn names_cannot_break_out() {
        let svg = bars("<script>", "%", &[("\"&".to_owned(), 1.0)]);
        assert!(!svg.contains("<script>") && svg.contains("&quot;&amp;"), "{svg}");
    }
}
