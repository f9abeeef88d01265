//! Telephone numbers made short, for logs that many people read: the last two digits stay, to tell calls apart.

/// In the place of what is not shown.
const HIDDEN: &str = "***";

/// So many digits in a row are taken for a number wherever they stand: ports have five at most.
pub const NUMBER: usize = 6;

/// The most digits that a number has (E.164 6.1).
const LONGEST_NUMBER: usize = 15;

/// The length of a UUID as text.
const UUID: usize = 36;

/// No more than the last two digits of what is a number, or the user part of a URI.
pub fn shortened(user: &str) -> String {
    let digits: Vec<char> = user.chars().rev().take_while(char::is_ascii_digit).take(2).collect();
    // Less than three digits: showing two would show all.
    let last = if user.len() > 2 { digits.into_iter().rev().collect() } else { String::new() };
    format!("{HIDDEN}{last}")
}

/// The text with those runs of digits shortened that are long enough for a number and that `hide` says so of: it gets what
/// stands before, the digits, and what stands behind.
pub fn runs(text: &str, hide: impl Fn(&str, &str, &str) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some((before, rest)) = text.split_at_checked(at).filter(|(_, rest)| !rest.is_empty()) {
        let is_digit = rest.starts_with(|char: char| char.is_ascii_digit());
        let end = rest.find(|char: char| char.is_ascii_digit() != is_digit).unwrap_or(rest.len());
        let (run, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        match is_digit && run.len() >= NUMBER && hide(before, run, behind) {
            true => out.push_str(&shortened(run)),
            false => out.push_str(run),
        }
        at += run.len();
    }
    out
}

/// A line of a log with all telephone numbers in it shortened. What is part of a word or of a UUID is none.
pub fn numbers(line: &str) -> String {
    runs(line, |before, digits, behind| {
        // "+" as URLs write it.
        let before = before.strip_suffix("%2B").or(before.strip_suffix("%2b")).unwrap_or(before);
        let in_word = before.ends_with(is_of_word) || behind.starts_with(is_of_word);
        digits.len() <= LONGEST_NUMBER && !in_word && !in_uuid(before, digits, behind)
    })
}

fn is_of_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

fn in_uuid(before: &str, digits: &str, behind: &str) -> bool {
    let part = |char: &char| char.is_ascii_hexdigit() || *char == '-';
    let length = |chars: &mut dyn Iterator<Item = char>| chars.take_while(part).take(UUID + 1).count();
    length(&mut before.chars().rev()) + digits.len() + length(&mut behind.chars()) == UUID
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shortened_wherever_they_stand_and_names_of_calls_are_not() {
        for (line, shown) in [
            ("from=\"+85516701721\" to=\"1294\"", "from=\"+***21\" to=\"1294\""),
            (
                "http://a/voice?From=%2B85516701721&To=016701721: 404",
                "http://a/voice?From=%2B***21&To=***21: 404",
            ),
            (
                "sofia/gw/85516701721@203.0.113.20:5060 (1,234 ms)",
                "sofia/gw/***21@203.0.113.20:5060 (1,234 ms)",
            ),
            ("2026-11-23T02:00:00.123456Z INFO", "2026-11-23T02:00:00.123456Z INFO"),
            ("call=\"CA12345678901234567890123456789012\"", "call=\"CA12345678901234567890123456789012\""),
            (
                "40212390-1234-4234-8234-123456789012 85516701721",
                "40212390-1234-4234-8234-123456789012 ***21",
            ),
            ("{\"a\":85516701721}", "{\"a\":***21}"),
            ("1234567890123456 bytes", "1234567890123456 bytes"),
            ("សួស្តី 85516701721é 016701721", "សួស្តី 85516701721é ***21"),
            ("", ""),
        ] {
            assert_eq!(numbers(line), shown, "{line}");
        }
    }
}
