//! Names of header fields: long and compact forms are one name, in any case (RFC 3261 7.3.1, 7.3.3).

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
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Name::$name => $text,)*
                    Name::Other => "",
                }
            }

            /// How many names there are, [`Name::Other`] apart.
            pub(crate) const COUNT: usize = [$(Name::$name),*].len();

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
        // By length and first letter: one comparison at most decides about almost every header field.
        let first = bytes.first().map_or(0, |byte| byte | 0x20);
        let candidates: &[Name] = match (bytes.len(), first) {
            (1, letter) => return Name::compact(letter),
            (2, b't') => &[Name::To],
            (3, b'v') => &[Name::Via],
            (4, b'f') => &[Name::From],
            (4, b'c') => &[Name::CSeq],
            (5, b'r') => &[Name::Route],
            (5, b'e') => &[Name::Event],
            (7, b'c') => &[Name::CallId, Name::Contact],
            (7, b'r') => &[Name::Require],
            (7, b's') => &[Name::Subject],
            (8, b'r') => &[Name::ReferTo],
            (8, b'i') => &[Name::Identity],
            (9, b's') => &[Name::Supported],
            (9, b't') => &[Name::Timestamp],
            (11, b'r') => &[Name::ReferredBy],
            (12, b'm') => &[Name::MaxForwards],
            (12, b'r') => &[Name::RecordRoute],
            (12, b'c') => &[Name::ContentType],
            (12, b'a') => &[Name::AllowEvents],
            (13, b'p') => &[Name::ProxyRequire],
            (14, b'c') => &[Name::ContentLength],
            (14, b'a') => &[Name::AcceptContact],
            (14, b'r') => &[Name::RejectContact],
            (15, b's') => &[Name::SessionExpires],
            (16, b'c') => &[Name::ContentEncoding],
            (19, b'r') => &[Name::RequestDisposition],
            _ => &[],
        };
        // Names are letters and hyphens, which differ by no more than this bit in no other way than case.
        let same = |name: &&Name| {
            let known = name.as_str().as_bytes();
            known.len() == bytes.len() && known.iter().zip(bytes).all(|(a, b)| a | 0x20 == b | 0x20)
        };
        candidates.iter().find(same).copied().unwrap_or(Name::Other)
    }
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
