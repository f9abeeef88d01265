//! Numbers as they are dialled within their country: 855 16 701 721 is 016 701 721 there. What stands before the number
//! instead of the country's code is its trunk prefix (ITU-T E.164, and the Operational Bulletin's list of dialling
//! procedures).

/// Countries whose code has one digit or two. All other codes have three.
const SHORT: [&str; 45] = [
    "1", "7", "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47",
    "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66",
    "81", "82", "84", "86", "90", "91", "92", "93", "94", "95",
];

/// Codes of two digits that stand at the end of the list above.
const SHORT_TOO: [&str; 1] = ["98"];

/// Countries where a number is dialled without anything before it.
const WITHOUT: [&str; 41] = [
    "1", "30", "34", "39", "45", "47", "48", "52", "56", "65", "216", "220", "221", "223", "225", "226",
    "228", "229", "237", "351", "352", "354", "356", "357", "371", "372", "376", "377", "420", "503", "504",
    "506", "507", "509", "591", "852", "853", "965", "968", "973", "974",
];

/// The national form of an international number in digits alone; `None` if it is no such number.
pub(super) fn national(digits: &str) -> Option<String> {
    let code = code(digits)?;
    let rest = digits.strip_prefix(code)?;
    let prefix = match code {
        "7" | "993" => "8",
        "36" => "06",
        code if WITHOUT.contains(&code) => "",
        _ => "0",
    };
    Some(format!("{prefix}{rest}"))
}

/// Whether it can be an international number: E.164 allows 15 digits, and short codes have fewer than 8.
pub(super) fn is_plausible(digits: &str) -> bool {
    (8..=15).contains(&digits.len()) && !digits.starts_with('0')
}

/// The country's code.
fn code(digits: &str) -> Option<&str> {
    if !is_plausible(digits) {
        return None;
    }
    let short = (1..=2).filter_map(|length| digits.get(..length));
    let mut short = short.filter(|code| SHORT.contains(code) || SHORT_TOO.contains(code));
    short.next().or_else(|| digits.get(..3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trunk_prefix_stands_instead_of_the_country() {
        let cases = [
            ("855716100987", "0716100987"),
            ("16505130514", "6505130514"),
            ("442079460123", "02079460123"),
            ("4930901820", "030901820"),
            ("390612345678", "0612345678"),
            ("79161234567", "89161234567"),
            ("3612345678", "0612345678"),
            ("85229123456", "29123456"),
        ];
        for (international, expected) in cases {
            assert_eq!(national(international).as_deref(), Some(expected), "{international}");
        }
    }

    #[test]
    fn short_codes_have_no_national_form() {
        for short in ["", "1393", "117", "0123456789", "1234567890123456"] {
            assert_eq!(national(short), None, "{short}");
        }
    }
}
