//! The smallest pieces of the grammar: white space, tokens, numbers, quoted strings (RFC 3261 25.1).

pub(crate) use crate::block::{find, find3};

/// Space, tab, and the CR LF of a folded line. Inside a header field's value these always are white space.
pub(crate) fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// What a byte may be, looked up rather than worked out: this is asked for most bytes of a message.
#[allow(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        if b.is_ascii_alphanumeric()
            || matches!(b, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
        {
            classes[byte] |= TOKEN;
        }
        byte += 1;
    }
    classes
};
/// A byte of a token (RFC 3261 25.1).
pub(crate) const TOKEN: u8 = 1;

/// How many bytes at the beginning are of this class.
pub(crate) fn span(bytes: &[u8], class: u8) -> usize {
    bytes
        .iter()
        .position(|byte| CLASSES.get(usize::from(*byte)).is_none_or(|c| c & class == 0))
        .unwrap_or(bytes.len())
}

/// Whether this is a token: bytes of one, and at least one.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && span(bytes, TOKEN) == bytes.len()
}

/// `bytes[from..to]`, empty where that is out of bounds.
pub(crate) fn cut(bytes: &[u8], from: usize, to: usize) -> &[u8] {
    bytes.get(from..to).unwrap_or_default()
}

/// `bytes[from..]`, empty where that is out of bounds.
pub(crate) fn tail(bytes: &[u8], from: usize) -> &[u8] {
    bytes.get(from..).unwrap_or_default()
}

pub(crate) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_lws(*first)
    {
        bytes = rest;
    }
    bytes
}

pub(crate) fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., last] = bytes
        && is_lws(*last)
    {
        bytes = rest;
    }
    bytes
}

pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

/// A decimal number of digits alone; `None` for anything else or more than `u32` holds.
pub(crate) fn number(bytes: &[u8]) -> Option<u32> {
    let mut sum = 0u32;
    for byte in bytes {
        let digit = u32::from(*byte).wrapping_sub(u32::from(b'0'));
        if digit > 9 {
            return None;
        }
        // Nine digits always fit.
        sum = match bytes.len() {
            ..10 => sum.wrapping_mul(10).wrapping_add(digit),
            _ => sum.checked_mul(10)?.checked_add(digit)?,
        };
    }
    (!bytes.is_empty()).then_some(sum)
}

/// The position of the first of two bytes at or after `from`, outside quoted strings; else the end.
pub(crate) fn find_unquoted(bytes: &[u8], from: usize, one: u8, other: u8) -> usize {
    let mut at = from;
    loop {
        at = find3(bytes, at, b'"', one, other);
        if bytes.get(at) != Some(&b'"') {
            return at;
        }
        at = quote_end(bytes, at);
    }
}

/// Where the quoted string that begins at `open` ends: behind its closing quote, or at the end of the bytes. A backslash
/// takes the next byte with it.
pub(crate) fn quote_end(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    loop {
        at = find3(bytes, at, b'"', b'\\', b'\\');
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(_) => return at + 1,
            None => return bytes.len(),
        }
    }
}

/// Whether every quoted string that begins in `bytes` ends there too. What is written behind an open one would be read
/// as its text.
pub(crate) fn quotes_close(bytes: &[u8]) -> bool {
    if find(bytes, 0, b'"') == bytes.len() {
        return true;
    }
    let mut quoted = false;
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' if quoted => drop(rest.next()),
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    !quoted
}

/// Where `part` lies in `whole`; `None` if it is no part of it.
pub(crate) fn position(whole: &[u8], part: &[u8]) -> Option<(usize, usize)> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_that_fit() {
        assert_eq!(number(b"4294967295"), Some(u32::MAX));
        assert_eq!(number(b"4294967296"), None);
        assert_eq!(number(b"+1"), None);
        assert_eq!(number(b""), None);
    }

    #[test]
    fn quoted_bytes_are_not_found() {
        assert_eq!(find_unquoted(br#""a;\";b";c"#, 0, b';', b';'), 8);
        assert_eq!(find_unquoted(br#""never closed;"#, 0, b';', b';'), 14);
    }

    #[test]
    fn an_open_quoted_string_is_told() {
        assert!(quotes_close(br#"a "b;\"" c \"#) && quotes_close(b""));
        assert!(!quotes_close(br#"a "b\""#) && !quotes_close(br#"""" "#));
    }

    #[test]
    fn a_part_is_found_by_where_it_lies_not_by_what_it_says() {
        let whole = b"abab";
        assert_eq!(position(whole, &whole[2..]), Some((2, 4)));
        assert_eq!(position(&whole[..2], &whole[2..]), None);
    }
}
