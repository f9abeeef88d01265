//! Names of header fields: long and compact forms are one name, in any case (RFC 3261 7.3.1, 7.3.3).

use crate::block::{Block, WIDTH, first, is, not_plain, place};

macro_rules! names {
    ($($name:ident = $text:literal $(/ $compact:literal)?),* $(,)?) => {
        /// The header fields that this crate knows by name; every other one is [`Name::Other`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[allow(missing_docs, reason = "each is the header field of that name")]
        pub enum Name {
            $($name,)*
            /// None of the above; compare [`crate::Field::raw_name`].
            #[default]
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

            /// The name in its compact form; empty where it has none.
            const fn compact(self) -> &'static [u8] {
                match self {
                    $($(Name::$name => &[$compact],)?)*
                    _ => &[],
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
        let mut start = [b':'; WIDTH];
        let name = match start.split_at_mut_checked(bytes.len()) {
            Some((name, [_, ..])) => {
                name.copy_from_slice(bytes);
                // A colon among them would be taken for their end.
                Name::short(&start).filter(|(_, length)| *length == bytes.len()).map(|(name, _)| name)
            }
            _ => LONG.into_iter().find(|name| bytes.eq_ignore_ascii_case(name.as_str().as_bytes())),
        };
        name.unwrap_or(Name::Other)
    }

    /// The name that stands at the beginning of a line and has 16 bytes or more, none of them odd, and its length, where a
    /// colon follows at once.
    pub(crate) fn long(line: &[u8]) -> Option<(Self, usize)> {
        let length = first(line, 0, not_plain);
        let (name, behind) = line.split_at_checked(length)?;
        (length >= WIDTH && behind.starts_with(b":")).then(|| (Name::of(name), length))
    }

    /// The same for what is a known name or has nothing odd, and less than 16 bytes.
    #[inline(always)]
    pub(crate) fn short(line: &[u8; WIDTH]) -> Option<(Self, usize)> {
        let length = place(is(Block::new(*line), b':'));
        if let Some(name) = Name::spelled(line, length) {
            return Some((name, length));
        }
        let plain = place(not_plain(Block::new(*line))) == length && (1..WIDTH).contains(&length);
        plain.then_some((Name::Other, length))
    }

    /// The known name that so many bytes at the beginning spell, less than 16.
    #[inline(always)]
    fn spelled(start: &[u8; WIDTH], length: usize) -> Option<Self> {
        let slot = slot(MULTIPLIER, start, length);
        let (mask, letters) = SPELLINGS.get(slot)?;
        let same = (Block::new(*start) & Block::new(*mask)).simd_eq(Block::new(*letters));
        if same.all() { NAMES.get(slot).copied() } else { None }
    }
}

/// The names that have no less than 16 bytes: no block holds them.
const LONG: [Name; 2] = [Name::ContentEncoding, Name::RequestDisposition];

/// How many slots there are for the spellings of names, long and compact: one for each value of a byte.
const SLOTS: usize = 256;

/// The slot of a spelling, of which `start` are the first bytes and `length` all, in any case.
#[inline(always)]
const fn slot(multiplier: u32, start: &[u8; WIDTH], length: usize) -> usize {
    let letters = u16::from_le_bytes([start[0], start[1]]) | 0x2020;
    let key = (length as u32) << 16 | letters as u32;
    (key.wrapping_mul(multiplier) >> 24) as usize
}

/// The first multiplier by which every spelling has a slot of its own.
const MULTIPLIER: u32 = {
    let mut multiplier = 0x9e37_79b1;
    while slots(multiplier).is_none() {
        multiplier += 2;
    }
    multiplier
};

/// For each slot what its spelling means.
static NAMES: [Name; SLOTS] = TABLE.0;

/// For each slot what of the first bytes of a line to look at, and what has to be there: the spelling and the colon behind
/// it. Case is masked out of letters. Nothing matches where there is no spelling.
static SPELLINGS: [Spelling; SLOTS] = TABLE.1;

type Spelling = ([u8; WIDTH], [u8; WIDTH]);

const TABLE: ([Name; SLOTS], [Spelling; SLOTS]) = match slots(MULTIPLIER) {
    Some(table) => table,
    None => panic!("the multiplier was looked for"),
};

/// Both tables; `None` where two spellings have one slot.
#[allow(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const fn slots(multiplier: u32) -> Option<([Name; SLOTS], [Spelling; SLOTS])> {
    let (mut names, mut spellings) = ([Name::Other; SLOTS], [([0; WIDTH], [1; WIDTH]); SLOTS]);
    let mut at = 0;
    while at < 2 * Name::COUNT {
        let name = Name::ALL[at / 2];
        let text = if at % 2 == 0 { name.as_str().as_bytes() } else { name.compact() };
        if !text.is_empty() && text.len() < WIDTH {
            let spelling = spelling(text);
            let slot = slot(multiplier, &spelling.1, text.len());
            if !matches!(names[slot], Name::Other) {
                return None;
            }
            (names[slot], spellings[slot]) = (name, spelling);
        }
        at += 1;
    }
    Some((names, spellings))
}

#[allow(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const fn spelling(name: &[u8]) -> Spelling {
    let (mut mask, mut letters, mut at) = ([0; WIDTH], [0; WIDTH], 0);
    while at < name.len() {
        mask[at] = if name[at].is_ascii_alphabetic() { 0xdf } else { 0xff };
        letters[at] = name[at] & mask[at];
        at += 1;
    }
    (mask[at], letters[at]) = (0xff, b':');
    (mask, letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_both_forms_and_any_case() {
        for name in Name::ALL {
            for form in [name.as_str().as_bytes(), name.compact()].into_iter().filter(|form| !form.is_empty())
            {
                for form in [form.to_vec(), form.to_ascii_uppercase(), form.to_ascii_lowercase()] {
                    assert_eq!(Name::of(&form), *name);
                    let line = [&form[..], b": something more"].concat();
                    let found = Name::short(line.first_chunk().unwrap()).or_else(|| Name::long(&line));
                    assert_eq!(found, Some((*name, form.len())));
                }
            }
        }
        assert_eq!(Name::ALL.iter().filter(|name| !name.compact().is_empty()).count(), 19);
    }

    #[test]
    fn unknown_names_are_other() {
        assert_eq!(Name::of(b"X-Src-Ip"), Name::Other);
        assert_eq!(Name::of(b""), Name::Other);
        assert_eq!(Name::of(b"z"), Name::Other);
        for other in ["Call\rID", "v:", "via:", ":"] {
            assert_eq!(Name::of(other.as_bytes()), Name::Other);
        }
        assert_eq!(Name::short(b"X-Src-Ip: 1.2.3."), Some((Name::Other, 8)));
        assert_eq!(Name::long(b"P-Charging-Vector:"), Some((Name::Other, 17)));
        for none in [
            b": no name at all",
            b"no colon anywher",
            b"Call\rID: abcdefg",
            b"To : sip:a@b.com",
            b"a%b: 1.2.3.4.5.6",
        ] {
            assert_eq!(Name::short(none).or_else(|| Name::long(none)), None);
        }
    }
}
