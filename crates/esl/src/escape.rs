//! What switch_separate_string undoes: FreeSWITCH splits arguments at a separator, and takes quotes and backslashes away
//! from each part (cleanup_separated_string). Where parts are split again, text was escaped once for each time.
//!
//! Of the escapes that it knows, those are used that work wherever they stand: `\\`, `\'`, `\s` for a space (which at an
//! end would be cut) and a backslash before the separator. Quotes are not: they work only in pairs.

/// Appends text so that one split at `separator` gives it back.
pub(crate) fn escape(text: &str, separator: char, out: &mut String) {
    for char in text.chars() {
        match char {
            ' ' => out.push_str("\\s"),
            '\\' | '\'' => out.extend(['\\', char]),
            _ if char == separator => out.extend(['\\', char]),
            _ => out.push(char),
        }
    }
}

/// Appends one word of arguments that are split at spaces. An empty one is a pair of quotes.
pub(crate) fn word(text: &str, out: &mut String) {
    match text.is_empty() {
        true => out.push_str("''"),
        false => escape(text, ' ', out),
    }
}
