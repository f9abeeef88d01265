//! Keys of a telephone.

use std::fmt;

/// A key: `0` to `9`, `*` or `#`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(char);

impl Key {
    /// `#`
    pub const HASH: Key = Key('#');

    /// The key with this sign; `None` if there is none.
    pub fn new(sign: char) -> Option<Key> {
        matches!(sign, '0'..='9' | '*' | '#').then_some(Key(sign))
    }

    /// Its sign.
    pub fn as_char(self) -> char {
        self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A set of keys, in the order in which they were written, each once. It can be empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Keys(String);

impl Keys {
    /// Every key.
    pub fn all() -> Keys {
        Keys("1234567890*#".to_owned())
    }

    /// The keys in `text`; `None` if anything else is in it.
    pub fn parse(text: &str) -> Option<Keys> {
        let mut keys = String::new();
        for sign in text.trim().chars() {
            let key = Key::new(sign)?;
            // There are twelve keys: this stays short.
            if !keys.contains(key.0) {
                keys.push(key.0);
            }
        }
        Some(Keys(keys))
    }

    /// Their signs in a row.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this one is among them.
    pub fn contains(&self, key: Key) -> bool {
        self.0.contains(key.0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Keys to be played: `0` to `9`, `*`, `#`, `w` for half a second of waiting and `W` for a second. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digits(String);

impl Digits {
    /// What a value must be, for messages.
    pub(crate) const EXPECTED: &'static str = "keys (0 to 9, *, #) and w or W for waiting";

    /// Reads keys; `None` if anything else is among them, or there are none.
    pub fn parse(text: &str) -> Option<Digits> {
        let text = text.trim();
        let good = |c: char| Key::new(c).is_some() || matches!(c, 'w' | 'W');
        (!text.is_empty() && text.chars().all(good)).then(|| Digits(text.to_owned()))
    }

    /// As they were written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_a_set_and_digits_are_a_row() {
        assert_eq!(Keys::parse(" 1123#1 ").unwrap().as_str(), "123#");
        assert!(Keys::parse("").unwrap().is_empty() && Keys::parse("12a").is_none());
        assert!(Keys::all().contains(Key::HASH) && Key::new('A').is_none());
        assert_eq!(Digits::parse("ww11#").unwrap().as_str(), "ww11#");
        assert!(Digits::parse("").is_none() && Digits::parse("1,2").is_none());
    }
}
