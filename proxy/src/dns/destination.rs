//! A host name that a URI leads to, with what the URI says about the way there.

use smallvec::SmallVec;

use crate::route::Transport;

/// The longest name, in bytes, without a dot at the end (RFC 1035 3.1).
const MAX_NAME: usize = 253;
/// The longest label.
const MAX_LABEL: usize = 63;

/// What RFC 3263 4 looks at in a URI whose host is a name. Two that are equal have the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Destination {
    /// In small letters, without a dot at the end. Names of usual length need no memory of their own.
    name: SmallVec<[u8; 64]>,
    /// The port that the URI names.
    pub port: Option<u16>,
    /// The transport that it names.
    pub transport: Option<Transport>,
    /// Whether it is a sips URI.
    pub secure: bool,
}

impl Destination {
    /// `None` for what is no host name.
    pub fn new(host: &[u8], port: Option<u16>, transport: Option<Transport>, secure: bool) -> Option<Self> {
        let host = host.strip_suffix(b".").unwrap_or(host);
        let name = host.iter().map(u8::to_ascii_lowercase).collect();
        is_host_name(host).then_some(Destination { name, port, transport, secure })
    }

    /// The name.
    pub fn name(&self) -> &str {
        // It is ASCII throughout.
        std::str::from_utf8(&self.name).unwrap_or_default()
    }
}

/// Whether it may be asked for: labels of letters, digits, hyphens and underscores, the last of which is no number
/// (RFC 1123 2.1; else `10.0.0` would be a name).
pub fn is_host_name(name: &[u8]) -> bool {
    let may_stand = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label = |label: &[u8]| (1..=MAX_LABEL).contains(&label.len()) && label.iter().all(may_stand);
    let mut labels = name.split(|byte| *byte == b'.');
    let ends_in_number =
        name.rsplit(|byte| *byte == b'.').next().is_some_and(|l| l.iter().all(u8::is_ascii_digit));
    name.len() <= MAX_NAME && labels.all(is_label) && !ends_in_number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_any_case_and_with_a_dot_at_the_end() {
        let of = |name: &str| Destination::new(name.as_bytes(), None, None, false);
        assert_eq!(of("SIP.Example.com."), of("sip.example.COM"));
        assert_eq!(of("sip.example.com").unwrap().name(), "sip.example.com");
        assert_ne!(of("sip.example.com"), Destination::new(b"sip.example.com", Some(5060), None, false));
    }

    #[test]
    fn what_is_no_host_name_is_asked_of_nobody() {
        let long = format!("{}.example", "a".repeat(64));
        let longer = format!("{}example", "abcdefg.".repeat(32));
        for bad in ["", ".", "a..b", "a b", "10.0.0", "1", "a.b\0", "ä.example", &long, &longer, "a/b", "a:b"]
        {
            assert!(Destination::new(bad.as_bytes(), None, None, false).is_none(), "{bad:?}");
        }
        for good in ["a", "_sip._udp.example.com", "0-0.example", "xn--mller-kva.example"] {
            assert!(Destination::new(good.as_bytes(), None, None, false).is_some(), "{good:?}");
        }
    }
}
