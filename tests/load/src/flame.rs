//! Flame graphs: call stacks that a profiler caught, drawn as SVG. Time goes from left to right, whoever calls lies
//! below what it calls, and a box is as wide as the share of the samples that it was on the stack in.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::plot::escape;

/// Width of the drawing, in pixels.
const WIDTH: f64 = 1200.0;

/// Height of a box.
const ROW: f64 = 17.0;

/// Room above for the title.
const TITLE: f64 = 28.0;

/// Boxes narrower than this share of all samples are left out.
const LEAST: f64 = 0.002;

/// How wide a letter is, about.
const LETTER: f64 = 6.6;

/// What runs where a sample was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The program and its libraries.
    Program,
    /// The system.
    Kernel,
}

/// Samples with a part of their stacks in common.
#[derive(Debug, Default)]
pub struct Samples {
    count: u64,
    above: BTreeMap<(String, Place), Samples>,
}

impl Samples {
    /// Reads what `perf script -F comm,ip,sym` prints of stacks: for each sample a line, and then a line for each frame
    /// with its address and function, innermost first.
    pub fn read(text: &str) -> Samples {
        let mut all = Samples::default();
        for sample in text.split("\n\n") {
            let mut frames: Vec<_> = sample.lines().filter_map(frame).collect();
            if !frames.is_empty() {
                frames.reverse();
                let start = frames.iter().take_while(|(name, _)| is_start(name)).count();
                frames.drain(..start.min(frames.len() - 1));
                all.add(frames);
            }
        }
        all
    }

    fn add(&mut self, stack: Vec<(String, Place)>) {
        self.count += 1;
        let mut place = self;
        for frame in stack {
            place = place.above.entry(frame).or_default();
            place.count += 1;
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    fn depth(&self, least: f64) -> usize {
        let wide = self.above.values().filter(|samples| samples.count as f64 >= least);
        wide.map(|samples| 1 + samples.depth(least)).max().unwrap_or(0)
    }

    /// The drawing.
    pub fn svg(&self, title: &str) -> String {
        let least = self.count as f64 * LEAST;
        let height = TITLE + self.depth(least) as f64 * ROW + 4.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" font-size=\"11\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/><text x=\"4\" y=\"18\" font-size=\"13\">{}</text>\n",
            escape(title)
        );
        let scale = Scale { all: self.count.max(1) as f64, least, bottom: height };
        self.draw_above(&scale, 0.0, 1, &mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    fn draw_above(&self, scale: &Scale, mut left: f64, row: usize, svg: &mut String) {
        for ((name, place), samples) in &self.above {
            let share = samples.count as f64 / scale.all;
            let (wide, fill) = (share * WIDTH, place.fill(name));
            if samples.count as f64 >= scale.least {
                let y = scale.bottom - row as f64 * ROW;
                let letters = ((wide - 4.0) / LETTER).max(0.0) as usize;
                // Writing to a String cannot fail.
                let _ = write!(
                    svg,
                    "<g><title>{} ({:.1} %)</title><rect x=\"{left:.1}\" y=\"{y:.0}\" width=\"{:.1}\" height=\"{:.0}\" fill=\"{fill}\"/>",
                    escape(name),
                    share * 100.0,
                    (wide - 0.5).max(0.3),
                    ROW - 1.0
                );
                if letters >= 3 {
                    let text: String = short(name).chars().take(letters).collect();
                    let _ = write!(
                        svg,
                        "<text x=\"{:.1}\" y=\"{:.0}\">{}</text>",
                        left + 2.0,
                        y + 12.0,
                        escape(&text)
                    );
                }
                svg.push_str("</g>\n");
                samples.draw_above(scale, left, row + 1, svg);
            }
            left += wide;
        }
    }
}

/// How samples become pixels.
struct Scale {
    all: f64,
    least: f64,
    bottom: f64,
}

impl Place {
    /// The system's boxes are blue, the program's orange; neighbours differ a little.
    fn fill(self, name: &str) -> &'static str {
        let shade = name.bytes().fold(0u8, u8::wrapping_add) % 3;
        match (self, shade) {
            (Place::Kernel, 0) => "#a8c6ea",
            (Place::Kernel, 1) => "#9bbce4",
            (Place::Kernel, _) => "#b5d0ef",
            (Place::Program, 0) => "#f5a65b",
            (Place::Program, 1) => "#f2b774",
            (Place::Program, _) => "#f79c4a",
        }
    }
}

/// A frame as `perf script` prints it: an address in hexadecimal, then the function.
fn frame(line: &str) -> Option<(String, Place)> {
    let (address, function) = line.strip_prefix([' ', '\t'])?.trim_start().split_once(' ')?;
    u64::from_str_radix(address, 16).ok()?;
    // The kernel has the upper half of all addresses.
    let place = if address.len() == 16 && address.starts_with('f') { Place::Kernel } else { Place::Program };
    Some((plain(function), place))
}

/// What every thread begins with, and what is there in place of that where a stack could not be followed to its end.
fn is_start(name: &str) -> bool {
    let starts = ["[unknown]", "clone", "start_thread", "std::", "<std::", "core::ops::function::FnOnce"];
    starts.iter().any(|start| name.starts_with(start))
}

/// Without the offset in the function and the hash that Rust puts behind a name.
fn plain(function: &str) -> String {
    let name = function.rsplit_once("+0x").map_or(function, |(name, _)| name);
    let hash = |text: &str| text.len() == 17 && text.starts_with('h');
    match name.rsplit_once("::") {
        Some((rest, last)) if hash(last) => rest.to_owned(),
        _ => name.to_owned(),
    }
}

/// The end of a path, which says more than its beginning, where only a part can be shown.
fn short(name: &str) -> &str {
    let last = |places| name.rmatch_indices("::").nth(places).and_then(|(at, _)| name.get(at + 2..));
    let no_type = |part: &&str| !part.contains(['<', '>']);
    last(1).filter(no_type).or_else(|| last(0).filter(no_type)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "proxy \n\tffffffff81001234 udp_sendmsg\n\t    55d0c0ffee00 sip::message::Message::parse::h0123456789abcdef+0x12\n\
        \t    55d0c0ffee10 main\n\nproxy \n\t    55d0c0ffee00 a<b>\n\t    55d0c0ffee10 main\n\n";

    #[test]
    fn stacks_that_begin_alike_are_one() {
        let samples = Samples::read(
            SCRIPT.replace("main\n\nproxy", "main\n\t 7f0000000000 start_thread\n\nproxy").as_str(),
        );
        assert_eq!((samples.count(), samples.above.len(), samples.depth(0.0)), (2, 1, 3));
        let main = &samples.above[&("main".to_owned(), Place::Program)];
        let parse = &main.above[&("sip::message::Message::parse".to_owned(), Place::Program)];
        assert_eq!((main.count, parse.count), (2, 1));
        assert!(parse.above.contains_key(&("udp_sendmsg".to_owned(), Place::Kernel)));
    }

    #[test]
    fn a_box_is_as_wide_as_its_share_and_names_are_escaped() {
        let svg = Samples::read(SCRIPT).svg("proxy & system");
        assert!(
            svg.contains("proxy &amp; system") && svg.contains("<title>a&lt;b&gt; (50.0 %)</title>"),
            "{svg}"
        );
        assert!(svg.contains("width=\"1199.5\"") && svg.contains("width=\"599.5\""), "{svg}");
        assert!(svg.contains(">Message::parse</text>"), "{svg}");
        assert_eq!(
            (short("a::<impl b::C>::d"), short("a::b::c"), short("<T>::a<b>")),
            ("d", "b::c", "<T>::a<b>")
        );
    }

    #[test]
    fn nothing_can_be_drawn_too() {
        assert!(Samples::read("").svg("none").ends_with("</svg>\n"));
    }
}
