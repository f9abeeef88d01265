//! The Call-ID without the rest, for those who only have to say whose a message is.

use crate::scan::{tail, trim};

/// The Call-ID of a message, found by looking at the beginnings of its lines; `None` where there is none. What is no
/// valid message may get any answer, but always the same.
pub fn peek_call_id(message: &[u8]) -> Option<&[u8]> {
    for feed in memchr::memchr_iter(b'\n', message) {
        let line = tail(message, feed + 1);
        let value = match line.first()? {
            b'c' | b'C' => after_name(line, b"call-id"),
            b'i' | b'I' => after_name(line, b"i"),
            b'\r' | b'\n' if feed > 2 => return None,
            _ => None,
        };
        if let Some(value) = value {
            let end = memchr::memchr2(b'\r', b'\n', value).unwrap_or(value.len());
            return Some(trim(value.get(..end)?));
        }
    }
    None
}

/// What stands behind the colon, if the line has this name (in small letters).
fn after_name<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    if !start.eq_ignore_ascii_case(name) {
        return None;
    }
    let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    tail(rest, blank).strip_prefix(b":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Index, Limits, Message};

    #[test]
    fn it_is_the_call_id_that_the_view_finds() {
        for name in ["Call-ID:", "call-id \t: ", "i:", "I : "] {
            let text = format!(
                "\r\nBYE sip:a SIP/2.0\r\nContact: <sip:c>\r\nIdentity: i\r\n{name} a84b@host \r\nX: 1\r\n\r\n"
            );
            let mut index = Index::new();
            let msg = Message::parse(text.as_bytes(), &mut index, &Limits::default()).unwrap();
            assert_eq!(peek_call_id(text.as_bytes()), Some(msg.call_id().unwrap()));
        }
    }

    #[test]
    fn a_body_is_not_looked_into() {
        assert_eq!(peek_call_id(b"BYE sip:a SIP/2.0\r\nX: 1\r\n\r\ni: 1\r\n"), None);
        assert_eq!(peek_call_id(b"\r\n\r\n"), None);
        assert_eq!(peek_call_id(b""), None);
    }
}
