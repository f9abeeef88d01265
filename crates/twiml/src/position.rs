//! Where something stands in a document, as an editor shows it.

use std::fmt;

/// A place in a document. Lines and columns count from 1; columns count characters (Unicode scalar values, a tab is
/// one). A line ends with LF, CR LF or CR (XML 1.0, 2.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The character in the line, from 1.
    pub column: u32,
}

impl Position {
    /// Where a document begins.
    pub const START: Position = Position { line: 1, column: 1 };

    /// The position of the byte at `offset`; one behind the last character where `offset` is the end. Takes time in
    /// proportion to `offset`.
    pub(crate) fn at(text: &str, offset: usize) -> Position {
        let mut here = Position::START;
        let mut after_cr = false;
        for (start, c) in text.char_indices() {
            if start >= offset {
                break;
            }
            match c {
                '\n' if after_cr => {}
                '\n' | '\r' => here = Position { line: here.line.saturating_add(1), column: 1 },
                _ => here.column = here.column.saturating_add(1),
            }
            after_cr = c == '\r';
        }
        here
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_any_line_end_counts_once() {
        let text = "ថ្ងៃé\tx\r\ny\rz\n\nw";
        let at = |what: char| {
            let place = Position::at(text, text.find(what).unwrap());
            (place.line, place.column)
        };
        assert_eq!((at('x'), at('y'), at('z'), at('w')), ((1, 7), (2, 1), (3, 1), (5, 1)));
        assert_eq!(Position::at(text, text.len()), Position { line: 5, column: 2 });
        assert_eq!(Position::at("", 9), Position::START);
    }
}
