//! Several values in one header field line, separated by commas (RFC 3261 7.3.1).

use crate::scan::{cut, find, find3, position, quote_end, trim};

/// The values of one line, each trimmed. Commas in quoted strings and between angle brackets separate nothing; empty
/// values are passed over. Brackets do not nest, so that no input makes this recurse.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Values<'a> {
    /// The values in `bytes`, which is the whole of a header field's value.
    pub fn new(bytes: &'a [u8]) -> Self {
        Values { bytes, at: 0 }
    }

    /// All that there is, as one value, if none was taken yet, there is one, and `is_one` says so.
    #[inline(always)]
    pub(crate) fn only(&mut self, is_one: impl Fn(&[u8]) -> bool) -> Option<&'a [u8]> {
        if self.at > 0 || self.bytes.is_empty() || !is_one(self.bytes) {
            return None;
        }
        self.at = self.bytes.len();
        Some(self.bytes)
    }

    /// Those behind `value`, if it is one of these; else all.
    pub(crate) fn behind(bytes: &'a [u8], value: &[u8]) -> Self {
        Values { bytes, at: position(bytes, value).map_or(0, |(_, end)| end) }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while self.at < self.bytes.len() {
            let end = comma(self.bytes, self.at);
            let value = trim(cut(self.bytes, self.at, end));
            self.at = end + 1;
            if !value.is_empty() {
                return Some(value);
            }
        }
        None
    }
}

fn comma(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        at = find3(bytes, at, b',', b'"', b'<');
        at = match bytes.get(at) {
            Some(b'"') => quote_end(bytes, at),
            Some(b'<') => (find(bytes, at, b'>') + 1).min(bytes.len()),
            _ => return at,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        Values::new(text.as_bytes()).map(|v| String::from_utf8_lossy(v).into_owned()).collect()
    }

    #[test]
    fn commas_separate_only_outside_quotes_and_brackets() {
        assert_eq!(values("<sip:a;x=1,2>, \"B, \\\" C\" <sip:b>\r\n ,<sip:c>").len(), 3);
        assert_eq!(values("<sip:a>,,<sip:b> ,"), ["<sip:a>", "<sip:b>"]);
        assert_eq!(values(" "), Vec::<String>::new());
        assert_eq!(values("\"open, <sip:a>"), ["\"open, <sip:a>"]);
    }
}
