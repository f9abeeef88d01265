//! Tables, for the terminal and for Markdown.

use super::figures::{Figure, Figures, Spread};
use crate::terminal::mb;

/// A table: its head is the first row.
pub type Rows = Vec<Vec<String>>;

/// All figures.
pub fn rows(figures: &Figures) -> Rows {
    let head = [
        "calls/s",
        "through",
        "CPU us/message",
        "x forwarder",
        "calls lost",
        "wrong target",
        "p99 ms",
        "load late, p99 ms",
        "peak MB",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(figures.0.iter().map(row));
    rows
}

fn row(figure: &Figure) -> Vec<String> {
    let lost = match figure.lost {
        0 => "0".to_owned(),
        lost => format!("{lost} of {}", figure.offered),
    };
    vec![
        figure.rate.to_string(),
        figure.contender.to_string(),
        shown(figure.cpu_us, 1),
        figure.to_floor.map_or("1".to_owned(), |ratio| shown(ratio, 2)),
        lost,
        figure.wrong.to_string(),
        shown(figure.p99_ms, 2),
        shown(figure.late_ms, 2),
        format!("{:.1}", mb(figure.peak_rss)),
    ]
}

/// The median, and least and most where they differ.
pub fn shown(spread: Spread, digits: usize) -> String {
    let Spread { median, min, max } = spread;
    if min == max {
        return format!("{median:.digits$}");
    }
    format!("{median:.digits$} ({min:.digits$} to {max:.digits$})")
}

/// For the terminal: columns under each other.
pub fn text(rows: &Rows) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let cell = |row: &Vec<String>, column: usize| row.get(column).map_or(0, |cell| cell.chars().count());
    let widths: Vec<_> =
        (0..columns).map(|column| rows.iter().map(|row| cell(row, column)).max().unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// For Markdown.
pub fn markdown(rows: &Rows) -> String {
    let line = |row: &Vec<String>| format!("| {} |\n", row.join(" | "));
    let mut lines: Vec<_> = rows.iter().map(line).collect();
    if let Some(head) = rows.first() {
        lines.insert(1, format!("|{}\n", "---|".repeat(head.len())));
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Contender, figures::tests::measured};

    #[test]
    fn every_row_has_as_many_cells_as_the_head() {
        let all = [measured(Contender::Floor, 1000, 0, 10.0), measured(Contender::Proxy, 1000, 0, 12.0)];
        let rows = rows(&Figures::of(&all));
        assert!(rows.len() == 3 && rows.iter().all(|row| row.len() == rows[0].len()), "{rows:?}");
        assert_eq!(rows[2][1..5], ["proxy, 4 targets", "12.0", "1.20", "1 of 3"]);
    }

    #[test]
    fn columns_stand_under_each_other() {
        let rows = vec![vec!["a".to_owned(), "b".to_owned()], vec!["long".to_owned(), "c".to_owned()]];
        assert_eq!(text(&rows), "a     b\nlong  c\n");
        assert_eq!(markdown(&rows), "| a | b |\n|---|---|\n| long | c |\n");
        assert_eq!((text(&Vec::new()), markdown(&Vec::new())), (String::new(), String::new()));
    }

    #[test]
    fn one_value_has_no_spread() {
        assert_eq!(shown(Spread { median: 1.0, min: 1.0, max: 1.0 }, 1), "1.0");
        assert_eq!(shown(Spread { median: 2.0, min: 1.0, max: 4.0 }, 1), "2.0 (1.0 to 4.0)");
    }
}
