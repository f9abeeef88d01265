//! Numbers as they are dialled within their country: 855 16 701 721 is 016 701 721 there. What stands before the number
//! instead of the country's code is its trunk prefix (ITU-T E.164, and the Operational Bulletin's list of dialling
//! procedures). What is here follows the metadata of libphonenumber 9.0.43.
//!
//! It is not right where the length of a number, or what stands in its middle, decides: mobile numbers of Argentina (9 11 is
//! 011 15), and some of Lebanon and Nepal, which have no 0.

/// Calling codes of countries where a 0 stands before a number.
const ZERO: [&str; 93] = [
    "20", "27", "31", "32", "33", "40", "41", "43", "44", "46", "49", "51", "53", "54", "58", "60", "61",
    "62", "63", "64", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98", "211", "212",
    "213", "218", "231", "232", "233", "234", "243", "249", "251", "254", "255", "256", "260", "261", "262",
    "263", "264", "265", "291", "353", "355", "358", "359", "370", "373", "374", "380", "381", "382", "383",
    "385", "386", "387", "389", "421", "508", "590", "593", "594", "595", "596", "850", "855", "856", "880",
    "886", "961", "962", "963", "964", "966", "967", "970", "971", "972", "977", "994", "995", "996",
];

/// Those where something else does.
const OTHERS: [(&str, &str); 4] = [("7", "8"), ("36", "06"), ("375", "80"), ("993", "8")];

/// Those where nothing does, and those that are no country's.
const WITHOUT: [&str; 118] = [
    "1", "30", "34", "39", "45", "47", "48", "52", "55", "56", "57", "65", "216", "220", "221", "222", "223",
    "224", "225", "226", "227", "228", "229", "230", "235", "236", "237", "238", "239", "240", "241", "242",
    "244", "245", "246", "247", "248", "250", "252", "253", "257", "258", "266", "267", "268", "269", "290",
    "297", "298", "299", "350", "351", "352", "354", "356", "357", "371", "372", "376", "377", "378", "420",
    "423", "500", "501", "502", "503", "504", "505", "506", "507", "509", "591", "592", "597", "598", "599",
    "670", "672", "673", "674", "675", "676", "677", "678", "679", "680", "681", "682", "683", "685", "686",
    "687", "688", "689", "690", "691", "692", "800", "808", "852", "853", "870", "878", "881", "882", "883",
    "888", "960", "965", "968", "973", "974", "975", "976", "979", "992", "998",
];

/// Numbers that are dialled otherwise than most of their country: how they begin, and what stands before them. All are
/// mobile ones.
const BUT: [(&str, &str); 12] = [
    ("2507", "0"),
    ("3776", "0"),
    ("519", ""),
    ("5989", "0"),
    ("8613", ""),
    ("8614", ""),
    ("8615", ""),
    ("8616", ""),
    ("8617", ""),
    ("8618", ""),
    ("8619", ""),
    ("9955", ""),
];

/// The national form of an international number in digits alone; `None` if it is no such number.
pub(super) fn national(digits: &str) -> Option<String> {
    if !is_plausible(digits) {
        return None;
    }
    let (code, most) = (1..=3).filter_map(|length| digits.get(..length)).find_map(country)?;
    let rest = digits.strip_prefix(code)?;
    let prefix = BUT.iter().find(|(beginning, _)| digits.starts_with(beginning)).map_or(most, |but| but.1);
    Some(format!("{prefix}{rest}"))
}

/// A country's code, and what stands before most of its numbers. No code begins with another one.
fn country(code: &str) -> Option<(&str, &'static str)> {
    let other = OTHERS.iter().find(|(known, _)| *known == code).map(|(_, prefix)| *prefix);
    let prefix = match other {
        Some(prefix) => prefix,
        None if ZERO.contains(&code) => "0",
        None if WITHOUT.contains(&code) => "",
        None => return None,
    };
    Some((code, prefix))
}

/// Whether it can be an international number: E.164 allows 15 digits, and short codes have fewer than 8.
pub(super) fn is_plausible(digits: &str) -> bool {
    (8..=15).contains(&digits.len()) && !digits.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number of each kind that a country has, and how libphonenumber writes it within that country.
    const NUMBERS: &str = include_str!("national/numbers.txt");

    #[test]
    fn n4_n5_the_trunk_prefix_stands_instead_of_the_country() {
        let mut of = std::collections::BTreeMap::<_, u32>::new();
        for line in NUMBERS.lines() {
            let (international, expected) = line.split_once(' ').expect("two numbers in a line");
            assert_eq!(national(international).as_deref(), Some(expected), "{international}");
            let code = (1..=3).filter_map(|length| international.get(..length)).find_map(country);
            *of.entry(code.expect("a code").0).or_default() += 1;
        }
        // 690 has numbers of seven digits alone; those from 800 on are no country's.
        let without = ["690", "800", "808", "870", "878", "881", "882", "883", "888", "979"];
        let codes = ZERO.iter().chain(&WITHOUT).chain(OTHERS.iter().map(|(code, _)| code));
        for code in codes {
            assert_eq!(of.contains_key(code), !without.contains(code), "{code}");
        }
        for (beginning, _) in BUT {
            assert!(NUMBERS.lines().any(|line| line.starts_with(beginning)), "{beginning}");
        }
    }

    #[test]
    fn no_code_stands_twice_or_begins_with_another_one() {
        let codes: Vec<_> = ZERO.iter().chain(&WITHOUT).chain(OTHERS.iter().map(|(code, _)| code)).collect();
        for (at, code) in codes.iter().enumerate() {
            let other =
                codes.iter().enumerate().find(|(other, known)| *other != at && code.starts_with(**known));
            assert_eq!(other, None, "{code}");
        }
    }

    #[test]
    fn what_is_no_international_number_has_no_national_form() {
        for short in ["", "1393", "117", "0123456789", "1234567890123456", "2101234567", "9991234567"] {
            assert_eq!(national(short), None, "{short}");
        }
    }
}
