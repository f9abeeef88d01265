//! Names of header fields: long and compact forms are one name, in any case (RFC 3261 7.3.1, 7.3.3).

use crate::block::{Block, WIDTH, is, not_plain, place};
use crate::scan::is_token;

macro_rules! names {
    ($($name:ident = $text:literal $(/ $compact:literal)?),* $(,)?) => {
        /// The header fields that this crate knows by name; every other one is [`Name::Other`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is the header field of that name")]
        pub enum Name {
            $($name,)*
            /// None of the above; compare [`crate::Field::raw_name`].
            Other,
        }

        impl Name {
            /// The name in its long form; empty for [`Name::Other`].
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Name::$name => $text,)*
                    Name::Other => "",
                }
            }

            /// How many names there are, [`Name::Other`] apart.
            pub(crate) const COUNT: usize = Name::ALL.len();

            /// Every name but [`Name::Other`].
            pub const ALL: &[Name] = &[$(Name::$name),*];

            fn compact(letter: u8) -> Self {
                match letter.to_ascii_lowercase() {
                    $($($compact => Name::$name,)?)*
                    _ => Name::Other,
                }
            }
        }
    };
}

names! {
    AcceptContact = "Accept-Contact" / b'a',
    AllowEvents = "Allow-Events" / b'u',
    CSeq = "CSeq",
    CallId = "Call-ID" / b'i',
    Contact = "Contact" / b'm',
    ContentEncoding = "Content-Encoding" / b'e',
    ContentLength = "Content-Length" / b'l',
    ContentType = "Content-Type" / b'c',
    Event = "Event" / b'o',
    From = "From" / b'f',
    Identity = "Identity" / b'y',
    MaxForwards = "Max-Forwards",
    ProxyRequire = "Proxy-Require",
    RecordRoute = "Record-Route",
    ReferTo = "Refer-To" / b'r',
    ReferredBy = "Referred-By" / b'b',
    RejectContact = "Reject-Contact" / b'j',
    RequestDisposition = "Request-Disposition" / b'd',
    Require = "Require",
    Route = "Route",
    SessionExpires = "Session-Expires" / b'x',
    Subject = "Subject" / b's',
    Supported = "Supported" / b'k',
    Timestamp = "Timestamp",
    To = "To" / b't',
    Via = "Via" / b'v',
}

impl Name {
    /// The name that these bytes, a token, spell.
    pub fn of(bytes: &[u8]) -> Self {
        let name = Name::candidate(bytes.len(), bytes.first().copied().unwrap_or(0), bytes.get(1).copied());
        match bytes.eq_ignore_ascii_case(name.as_str().as_bytes()) || bytes.len() == 1 {
            true => name,
            false => Name::Other,
        }
    }

    /// The name that stands at the beginning of a line, and its length, where a colon follows at once: if it is a known
    /// one, or any token of less than 16 bytes.
    #[inline(always)]
    pub(crate) fn at_start(line: &[u8]) -> Option<(Self, usize)> {
        let start: &[u8; WIDTH] = line.first_chunk()?;
        let length = place(is(Block::new(*start), b':'));
        let [first, second, ..] = *start;
        let name = Name::candidate(length, first, Some(second));
        let (mask, letters) = SPELLINGS.get(name as usize).copied().unwrap_or((0, 1));
        if u128::from_le_bytes(*start) & mask == letters && (name as usize) < Name::COUNT {
            return Some((name, length));
        }
        Name::unknown(start, length)
    }

    /// The same for what is no known name in its long form.
    #[inline(never)]
    fn unknown(start: &[u8; WIDTH], length: usize) -> Option<(Self, usize)> {
        match length {
            0 | WIDTH.. => None,
            1 => is_token(&start[..1]).then(|| (Name::compact(start[0]), 1)),
            _ if place(not_plain(Block::new(*start))) == length => Some((Name::Other, length)),
            _ => is_token(start.get(..length)?).then_some((Name::Other, length)),
        }
    }

    /// The only name that may have this length and these first letters.
    #[inline(always)]
    fn candidate(length: usize, first: u8, second: Option<u8>) -> Self {
        match (length, first | 0x20) {
            (1, letter) => Name::compact(letter),
            (2, b't') => Name::To,
            (3, b'v') => Name::Via,
            (4, b'f') => Name::From,
            (4, b'c') => Name::CSeq,
            (5, b'r') => Name::Route,
            (5, b'e') => Name::Event,
            (7, b'c') if second.is_some_and(|second| second | 0x20 == b'a') => Name::CallId,
            (7, b'c') => Name::Contact,
            (7, b'r') => Name::Require,
            (7, b's') => Name::Subject,
            (8, b'r') => Name::ReferTo,
            (8, b'i') => Name::Identity,
            (9, b's') => Name::Supported,
            (9, b't') => Name::Timestamp,
            (11, b'r') => Name::ReferredBy,
            (12, b'm') => Name::MaxForwards,
            (12, b'r') => Name::RecordRoute,
            (12, b'c') => Name::ContentType,
            (12, b'a') => Name::AllowEvents,
            (13, b'p') => Name::ProxyRequire,
            (14, b'c') => Name::ContentLength,
            (14, b'a') => Name::AcceptContact,
            (14, b'r') => Name::RejectContact,
            (15, b's') => Name::SessionExpires,
            (16, b'c') => Name::ContentEncoding,
            (19, b'r') => Name::RequestDisposition,
            _ => Name::Other,
        }
    }
}

/// For each name: what of the first bytes of a line to look at, and what has to be there. Case is masked out of
/// letters. A name that does not fit has a pair that nothing matches.
#[allow(clippy::indexing_slicing, reason = "the compiler evaluates it")]
static SPELLINGS: [(u128, u128); Name::COUNT] = {
    let mut spellings = [(0, 1); Name::COUNT];
    let mut at = 0;
    while at < Name::COUNT {
        spellings[at] = spelling(Name::ALL[at].as_str().as_bytes());
        at += 1;
    }
    spellings
};

#[allow(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const fn spelling(name: &[u8]) -> (u128, u128) {
    let (mut mask, mut letters, mut at) = (0, 0, 0);
    if name.len() > WIDTH {
        return (0, 1);
    }
    while at < name.len() {
        let kept: u8 = if name[at].is_ascii_alphabetic() { 0xdf } else { 0xff };
        mask |= (kept as u128) << (8 * at);
        letters |= ((name[at] & kept) as u128) << (8 * at);
        at += 1;
    }
    (mask, letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_both_forms_and_any_case() {
        for letter in b'a'..=b'z' {
            let name = Name::compact(letter);
            if name != Name::Other {
                assert_eq!(Name::of(name.as_str().as_bytes()), name);
                assert_eq!(Name::of(name.as_str().to_uppercase().as_bytes()), name);
                assert_eq!(Name::of(&[letter.to_ascii_uppercase()]), name);
            }
        }
        for text in ["CSeq", "Max-Forwards", "Proxy-Require", "Record-Route", "Require", "Route", "Timestamp"]
        {
            assert_eq!(Name::of(text.to_lowercase().as_bytes()).as_str(), text);
        }
    }

    #[test]
    fn unknown_names_are_other() {
        assert_eq!(Name::of(b"X-Src-Ip"), Name::Other);
        assert_eq!(Name::of(b""), Name::Other);
        assert_eq!(Name::of(b"z"), Name::Other);
    }
}
