//! Hosts: addresses as numbers, names without case.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::Error;
use crate::scan::{cut, number, tail, trim};

/// The host of a URI or a Via.
#[derive(Debug, Clone, Copy)]
pub enum Host<'a> {
    /// A literal address, an IPv4-mapped IPv6 one as the IPv4 address that it stands for.
    Ip(IpAddr),
    /// A name.
    Name(&'a [u8]),
}

impl<'a> Host<'a> {
    /// Reads a host: an IPv4 address, an IPv6 address in brackets (RFC 5118: also without), or a name.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        if let Some((address, None)) = ipv4_with_port(bytes) {
            return Ok(Host::Ip(IpAddr::V4(address)));
        }
        let bare = bytes.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
        if bare.is_some() || bytes.contains(&b':') {
            let text = std::str::from_utf8(bare.unwrap_or(bytes)).unwrap_or_default();
            let address: Ipv6Addr = text.parse().map_err(|_| Error::expected("an IPv6 address", bytes, 0))?;
            return Ok(Host::Ip(IpAddr::V6(address).to_canonical()));
        }
        if ends_in_number(bytes) {
            return Err(Error::expected("an IPv4 address of four decimal numbers, or a name", bytes, 0));
        }
        let odd = |byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        match bytes.iter().position(odd) {
            None if !bytes.is_empty() => Ok(Host::Name(bytes)),
            at => Err(Error::expected("a host", bytes, at.unwrap_or(0))),
        }
    }

    /// Reads `host[:port]`, with white space around the colon as a Via may have it.
    pub fn parse_with_port(bytes: &'a [u8]) -> Result<(Self, Option<u16>), Error> {
        if let Some((address, port)) = ipv4_with_port(bytes) {
            return Ok((Host::Ip(IpAddr::V4(address)), port));
        }
        let bytes = trim(bytes);
        let host_end = match bytes.first() {
            Some(b'[') => bytes.iter().position(|b| *b == b']').map_or(bytes.len(), |at| at + 1),
            // Several colons and no bracket: an IPv6 address that lacks its brackets and so can have no port.
            _ if bytes.iter().filter(|b| **b == b':').count() > 1 => bytes.len(),
            _ => bytes.iter().position(|b| *b == b':').unwrap_or(bytes.len()),
        };
        let host = Host::parse(trim(cut(bytes, 0, host_end)))?;
        let rest = trim(tail(bytes, host_end));
        let Some(port) = rest.strip_prefix(b":") else {
            return if rest.is_empty() {
                Ok((host, None))
            } else {
                Err(Error::expected("':'", bytes, host_end))
            };
        };
        let port = number(trim(port)).and_then(|port| u16::try_from(port).ok());
        port.map(|port| (host, Some(port))).ok_or_else(|| Error::expected("a port", bytes, host_end + 1))
    }

    /// The address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Ip(ip) => Some(*ip),
            Host::Name(_) => None,
        }
    }
}

/// `host[:port]` in its most frequent form, in one pass; `None` for any other, right or wrong.
fn ipv4_with_port(bytes: &[u8]) -> Option<(Ipv4Addr, Option<u16>)> {
    let (a, rest) = octet(bytes)?;
    let (b, rest) = octet(rest.strip_prefix(b".")?)?;
    let (c, rest) = octet(rest.strip_prefix(b".")?)?;
    let (d, rest) = octet(rest.strip_prefix(b".")?)?;
    let port = match rest {
        [] => None,
        [b':', port @ ..] => Some(u16::try_from(number(port)?).ok()?),
        _ => return None,
    };
    Some((Ipv4Addr::new(a, b, c, d), port))
}

/// A number up to 255 and what follows it. Not with a zero before other digits, which is octal to some.
fn octet(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |byte: &u8| u32::from(*byte) - u32::from(b'0');
    let (number, rest) = match bytes {
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => {
            (100 * digit(a) + 10 * digit(b) + digit(c), rest)
        }
        [a @ b'1'..=b'9', b @ b'0'..=b'9', rest @ ..] => (10 * digit(a) + digit(b), rest),
        [a @ b'0'..=b'9', rest @ ..] => (digit(a), rest),
        _ => return None,
    };
    Some((u8::try_from(number).ok()?, rest))
}

/// Whether the last label is a number, so that this is no name (RFC 3261 25.1, toplabel). Resolvers read `010.0.0.1`,
/// `127.1` and `0x7f000001` as addresses, each in its own way.
fn ends_in_number(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
    let last = bytes.rsplit(|b| *b == b'.').next().unwrap_or_default();
    match last {
        [b'0', b'x' | b'X', hex @ ..] => hex.iter().all(u8::is_ascii_hexdigit),
        _ => !last.is_empty() && last.iter().all(u8::is_ascii_digit),
    }
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Host::Ip(a), Host::Ip(b)) => a == b,
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            _ => false,
        }
    }
}

impl Eq for Host<'_> {}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Host::Name(name) => write!(f, "{}", name.escape_ascii()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_compare_as_numbers_and_names_without_case() {
        let same =
            |a: &str, b: &str| Host::parse(a.as_bytes()).unwrap() == Host::parse(b.as_bytes()).unwrap();
        assert!(same("[::ffff:10.0.0.1]", "10.0.0.1"));
        assert!(same("[2001:DB8::10]", "[2001:db8:0:0::10]"));
        assert!(same("Proxy.Example.com", "proxy.example.COM"));
        assert!(!same("10.0.0.1", "10.0.0.2"));
    }

    #[test]
    fn ipv4_addresses_are_read_as_the_standard_library_reads_them() {
        for text in [
            "0.0.0.0",
            "255.255.255.255",
            "10.10.1.162",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "1..2.3",
            "1.2.3.",
            "01.2.3.4",
            "1.2.3.00",
            ".1.2.3",
        ] {
            let expected = text.parse::<Ipv4Addr>().ok().map(|address| (address, None));
            assert_eq!(ipv4_with_port(text.as_bytes()), expected, "{text}");
        }
        let with_port = (Ipv4Addr::new(10, 0, 0, 1), Some(65_535));
        assert_eq!(ipv4_with_port(b"10.0.0.1:65535"), Some(with_port));
        assert!(ipv4_with_port(b"10.0.0.1:65536").is_none() && ipv4_with_port(b"10.0.0.1:").is_none());
    }

    #[test]
    fn ports_are_numbers_up_to_65535_with_white_space_around_the_colon() {
        assert_eq!(Host::parse_with_port(b"first.example.com: 4000").unwrap().1, Some(4000));
        assert_eq!(Host::parse_with_port(b"[2001:db8::9:1]:5070").unwrap().1, Some(5070));
        assert_eq!(Host::parse_with_port(b"2001:db8::9:1").unwrap().1, None);
        for bad in [&b"a:65536"[..], b"a:", b"a:-1", b":5060", b"[::1", b"[::1]x", b"a b", b"", b"\xff"] {
            assert!(Host::parse_with_port(bad).is_err(), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn what_a_resolver_might_take_for_an_address_is_no_name() {
        for bad in [
            "010.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "10.0.0.1.",
            "1.2.3.4.5",
            "a.0x7F",
            "256.1.1.1",
        ] {
            assert!(Host::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        for good in ["a1", "1a", "3com.example", "10.0.0.1.example", "0xyz", "example.com.", "9f3a2b"] {
            assert!(matches!(Host::parse(good.as_bytes()), Ok(Host::Name(_))), "{good}");
        }
    }
}
