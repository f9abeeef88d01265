//! Lines of a ladder: life lines, arrows between them, and text in the space between.

use std::net::SocketAddr;

use super::Look;
use crate::signalling::{Incoming, Start};

/// Characters before the first life line: room for the time, and for half of the first title.
const MARGIN: usize = 13;

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";

/// One party.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) title: String,
    pub(super) addresses: Vec<SocketAddr>,
}

impl Column {
    pub(super) fn new(title: &str, address: SocketAddr) -> Self {
        Self { title: title.to_owned(), addresses: vec![address] }
    }
}

/// A ladder being drawn.
#[derive(Debug)]
pub(super) struct Drawing {
    columns: Vec<Column>,
    look: Look,
    text: String,
}

impl Drawing {
    /// Begins with the heads of the columns.
    pub(super) fn new(columns: Vec<Column>, look: Look) -> Self {
        let mut drawing = Self { columns, look, text: String::new() };
        let titles: Vec<_> = drawing.columns.iter().map(|column| column.title.clone()).collect();
        drawing.heads(&titles, BOLD);
        let addresses =
            drawing.columns.iter().map(|column| column.addresses.first().map(SocketAddr::to_string));
        let addresses: Vec<_> = addresses.map(Option::unwrap_or_default).collect();
        drawing.heads(&addresses, DIM);
        drawing
    }

    /// A line on which nothing happens.
    pub(super) fn space(&mut self) {
        self.line("", 0, 0, "", "");
    }

    /// A message: what it is, and an arrow below.
    pub(super) fn arrow(
        &mut self,
        time: String,
        from: SocketAddr,
        to: SocketAddr,
        label: &str,
        of: &Incoming,
    ) {
        let (left, right, rightward) = self.span(from, to);
        let width = self.width(left, right);
        let colour = colour_of(of);
        for (number, part) in wrap(label, width.saturating_sub(2)).iter().enumerate() {
            let time = if number == 0 { time.as_str() } else { "" };
            self.line(time, left, right, &format!(" {part}"), colour);
        }
        let shaft = "─".repeat(width.saturating_sub(1));
        let arrow = if rightward { format!("{shaft}>") } else { format!("<{shaft}") };
        self.line("", left, right, &arrow, colour);
    }

    /// Lines of text below an arrow.
    pub(super) fn notes(&mut self, from: SocketAddr, to: SocketAddr, notes: &[String]) {
        let (left, right, _) = self.span(from, to);
        let width = self.width(left, right).saturating_sub(4);
        for note in notes {
            for part in wrap(note, width) {
                self.line("", left, right, &format!("   {part}"), DIM);
            }
        }
    }

    /// The whole ladder.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn heads(&mut self, heads: &[String], colour: &str) {
        let mut line = String::new();
        let mut reached = 0;
        for (number, head) in heads.iter().enumerate() {
            let middle = MARGIN + number * (self.look.gap + 1);
            let start = middle.saturating_sub(head.chars().count() / 2).max(reached);
            line += &" ".repeat(start - reached);
            line += head;
            reached = start + head.chars().count();
        }
        self.text += &self.paint(&line, colour);
        self.text += "\n";
    }

    /// One line: the time, the life lines, and text between the life lines `left` and `right`.
    fn line(&mut self, time: &str, left: usize, right: usize, text: &str, colour: &str) {
        let mut line = self.paint(&format!("{time:<MARGIN$}"), DIM);
        let last = self.columns.len().saturating_sub(1);
        let mut column = 0;
        while column <= last {
            line.push('│');
            if column == last {
                break;
            }
            if column == left && right > left {
                let width = self.width(left, right);
                let padding = " ".repeat(width.saturating_sub(text.chars().count()));
                line += &self.paint(text, colour);
                line += &padding;
                column = right;
            } else {
                line += &" ".repeat(self.look.gap);
                column += 1;
            }
        }
        self.text += &line;
        self.text += "\n";
    }

    /// The life lines left and right of a message, and whether it goes to the right.
    fn span(&self, from: SocketAddr, to: SocketAddr) -> (usize, usize, bool) {
        let column = |address| {
            let here = |column: &Column| column.addresses.contains(&address);
            self.columns.iter().position(here).unwrap_or(0)
        };
        let (from, to) = (column(from), column(to));
        (from.min(to), from.max(to), from <= to)
    }

    fn width(&self, left: usize, right: usize) -> usize {
        (right.saturating_sub(left) * (self.look.gap + 1)).saturating_sub(1)
    }

    fn paint(&self, text: &str, colour: &str) -> String {
        paint(self.look, text, colour)
    }
}

/// Text in a colour, where the look has any.
pub(super) fn paint(look: Look, text: &str, colour: &str) -> String {
    if !look.colour || colour.is_empty() || text.trim().is_empty() {
        return text.to_owned();
    }
    format!("{colour}{text}{RESET}")
}

/// Requests cyan, provisional answers yellow, good ones green and others red.
pub(super) fn colour_of(message: &Incoming) -> &'static str {
    match message.start {
        Start::Request(_) => "\x1b[36m",
        Start::Response(..200) => "\x1b[33m",
        Start::Response(200..300) => "\x1b[32m",
        Start::Response(_) => "\x1b[31m",
    }
}

/// Breaks a text into lines of at most so many characters, where it can behind a space, semicolon or comma.
/// Lines after the first are indented.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(16);
    let mut lines = Vec::new();
    let mut rest: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    loop {
        let room = if lines.is_empty() { width } else { width - 2 };
        let indent = if lines.is_empty() { "" } else { "  " };
        if rest.len() <= room {
            lines.push(format!("{indent}{}", rest.iter().collect::<String>()));
            return lines;
        }
        let breaks = |c: &char| matches!(c, ' ' | ';' | ',');
        let at = rest.iter().take(room).rposition(breaks).map_or(room, |at| at + 1);
        let line: String = rest.drain(..at).collect();
        lines.push(format!("{indent}{}", line.trim_end()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_break_behind_separators_and_lose_nothing() {
        assert_eq!(
            wrap("Via: SIP/2.0/UDP 127.0.0.1:4000;branch=z9", 24),
            ["Via: SIP/2.0/UDP", "  127.0.0.1:4000;", "  branch=z9"]
        );
        assert_eq!(wrap("short", 24), ["short"]);
        assert_eq!(wrap("", 24), [""]);
        assert_eq!(wrap(&"x".repeat(40), 20).concat().replace(' ', "").len(), 40);
    }
}
