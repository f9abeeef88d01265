//! The dialog token: proof, in both our Record-Route values, that a proxy of ours record-routed this call.
//!
//! It makes strangers' requests harmless without any memory of calls: where the target list does not vouch for a next
//! hop, because the target left it long ago or because this proxy has not heard of it yet, the token does. What it is
//! worth is in `docs/sip.md`; `routes.rs` says what it opens.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use sip::{Scheme, Uri};
use siphasher::sip128::{Hasher128, SipHasher24};

use super::Transport;
use super::gathered::Gathered;
use super::via::{add_address, digits, read_hex, write_hex};
use crate::keys::TokenKey;

/// The URI parameter that carries it.
pub(super) const PARAMETER: &str = "did";

/// The version of the format below. Proxies of two versions run side by side during a roll-out.
const VERSION: u8 = b'1';

/// Bytes of its text without an address: version, direction, key id, hour, MAC.
const LENGTH: usize = 1 + 1 + 4 + 6 + 20;

/// How far another proxy's clock may be ahead, in hours.
const SKEW: u32 = 1;

/// Which way the INVITE went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// From a caller to a target.
    In,
    /// From a target outward.
    Out,
    /// From a target to a target.
    Inside,
}

impl Direction {
    fn letter(self) -> u8 {
        match self {
            Direction::In => b'i',
            Direction::Out => b'o',
            Direction::Inside => b't',
        }
    }

    fn of_letter(letter: u8) -> Option<Self> {
        [Direction::In, Direction::Out, Direction::Inside].into_iter().find(|way| way.letter() == letter)
    }
}

/// One of our two sides as its Record-Route value shows it. Not the host: `internal` may be another proxy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Side {
    port: u16,
    /// Its letters, small ones as capitals; what is longer than eight is no transport that we know.
    transport: u64,
}

impl Side {
    pub(super) fn new(port: u16, transport: Transport) -> Self {
        Side { port, transport: letters(transport.as_str().as_bytes()) }
    }

    /// The side that one of our own Route values names.
    pub(super) fn of(uri: &Uri<'_>) -> Self {
        let default: &[u8] = if uri.scheme == Scheme::Sips { b"TLS" } else { b"UDP" };
        Side { port: uri.port_or_default(), transport: letters(uri.transport().unwrap_or(default)) }
    }

    /// How it is reached.
    pub(super) fn transport(&self) -> Option<Transport> {
        let is = |transport: &Transport| self.transport == letters(transport.as_str().as_bytes());
        [Transport::Udp, Transport::Tcp, Transport::Tls].into_iter().find(is)
    }
}

/// Of a name with more than eight letters the last eight, which no transport of ours has.
fn letters(name: &[u8]) -> u64 {
    name.iter().fold(0, |letters, byte| letters << 8 | u64::from(byte.to_ascii_uppercase()))
}

/// What a token says of its call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claims<'a> {
    pub(super) direction: Direction,
    /// Both our sides, in any order.
    pub(super) sides: [Side; 2],
    pub(super) call_id: &'a [u8],
    /// The INVITE's From tag.
    pub(super) tag: &'a [u8],
    /// When it was issued: whole hours since 1970.
    pub(super) hour: u32,
    /// Where a caller behind a NAT is reached.
    pub(super) caller: Option<SocketAddr>,
}

impl Claims<'_> {
    /// Appends the token.
    pub(super) fn write(&self, key: &TokenKey, out: &mut Vec<u8>) {
        let (high, low) = self.mac(key);
        // Four digits, six, sixteen and four.
        let numbers = u128::from(key.id) << 104
            | u128::from(self.hour & 0xff_ffff) << 80
            | u128::from(high) << 16
            | u128::from(low);
        let mut text = digits(numbers);
        (text[0], text[1]) = (VERSION, self.direction.letter());
        out.extend_from_slice(&text);
        if let Some(caller) = self.caller {
            out.push(b'-');
            match caller.ip() {
                IpAddr::V4(ip) => write_hex(out, u64::from(ip.to_bits()), 8),
                IpAddr::V6(ip) => {
                    write_hex(out, (ip.to_bits() >> 64) as u64, 16);
                    write_hex(out, ip.to_bits() as u64, 16);
                }
            }
            write_hex(out, u64::from(caller.port()), 4);
        }
    }

    /// 80 bits of a keyed hash.
    fn mac(&self, key: &TokenKey) -> (u64, u16) {
        let mut hash = Gathered::new(SipHasher24::new_with_key(&key.secret));
        // In one order, whichever end of the dialog shows them.
        let [a, b] = [self.sides[0].min(self.sides[1]), self.sides[0].max(self.sides[1])];
        let letters = u16::from_le_bytes([VERSION, self.direction.letter()]);
        let numbers = u64::from(letters) | u64::from(key.id) << 16 | u64::from(self.hour) << 32;
        hash.add(&numbers.to_le_bytes());
        for side in [a, b] {
            let [bytes @ .., _, _, _, _, _, _] =
                (u128::from(side.transport) << 16 | u128::from(side.port)).to_le_bytes();
            hash.add(&bytes);
        }
        hash.part(self.call_id);
        hash.part(self.tag);
        if let Some(caller) = self.caller {
            add_address(&mut hash, caller);
        }
        let hash = hash.hashed().finish128();
        (hash.h1, hash.h2 as u16)
    }
}

/// What a request's token is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// A proxy of ours made it for this call.
    Valid,
    /// One did, too long ago.
    Expired,
    /// None did, or one whose secret we do not share.
    Forged,
    /// There is none.
    Missing,
}

/// A token as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) direction: Direction,
    key: u16,
    pub(super) hour: u32,
    mac: (u64, u16),
    /// Where the caller is reached. To be believed once the whole is verified.
    pub(super) caller: Option<SocketAddr>,
}

impl Token {
    /// Reads one; `None` for another version and for anything that we would not have written.
    pub(super) fn read(text: &[u8]) -> Option<Token> {
        let (head, caller) = match text.get(LENGTH..)? {
            b"" => (text, None),
            rest => (text.get(..LENGTH)?, Some(read_address(rest.strip_prefix(b"-")?)?)),
        };
        let (version, rest) = head.split_first()?;
        let (letter, rest) = rest.split_first()?;
        let number = |from: usize, to: usize| read_hex(rest.get(from..to)?);
        (*version == VERSION).then_some(Token {
            direction: Direction::of_letter(*letter)?,
            key: u16::try_from(number(0, 4)?).ok()?,
            hour: u32::try_from(number(4, 10)?).ok()?,
            mac: (number(10, 26)?, u16::try_from(number(26, 30)?).ok()?),
            caller,
        })
    }

    /// Whether one of the keys made it with these claims.
    pub(super) fn is_signed(&self, claims: &Claims<'_>, keys: &[TokenKey]) -> bool {
        let signed = |key: &TokenKey| {
            let (high, low) = claims.mac(key);
            // All 80 bits at once: how long it takes says nothing of how many are right.
            (high ^ self.mac.0) | u64::from(low ^ self.mac.1) == 0
        };
        keys.iter().any(|key| key.id == self.key && signed(key))
    }

    /// Whether it is older than that, or newer than now.
    pub(super) fn is_expired(&self, now: Duration, lifetime: u32) -> bool {
        let now = hour(now);
        self.hour > now.saturating_add(SKEW) || now.saturating_sub(self.hour) > lifetime
    }
}

/// Whole hours since 1970.
pub(super) fn hour(now: Duration) -> u32 {
    // 24 bits of it are written, which last until the year 3883.
    (now.as_secs() / 3600) as u32 & 0xff_ffff
}

fn read_address(text: &[u8]) -> Option<SocketAddr> {
    let port = |from: usize| u16::try_from(read_hex(text.get(from..)?)?).ok();
    let ip = match text.len() {
        12 => IpAddr::from(u32::try_from(read_hex(text.get(..8)?)?).ok()?.to_be_bytes()),
        36 => {
            let (high, low) = (read_hex(text.get(..16)?)?, read_hex(text.get(16..32)?)?);
            IpAddr::V6(Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low)))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port(text.len() - 4)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keys;

    fn keys(secrets: &[&str]) -> Vec<TokenKey> {
        let secrets: Vec<String> = secrets.iter().map(|text| (*text).to_owned()).collect();
        Keys::from_secrets(&secrets).unwrap().tokens
    }

    fn claims() -> Claims<'static> {
        Claims {
            direction: Direction::In,
            sides: [Side::new(5060, Transport::Tcp), Side::new(5080, Transport::Udp)],
            call_id: b"call",
            tag: b"tag",
            hour: 498_000,
            caller: None,
        }
    }

    fn text(claims: &Claims<'_>, keys: &[TokenKey]) -> Vec<u8> {
        let mut out = Vec::new();
        claims.write(&keys[0], &mut out);
        out
    }

    #[test]
    fn what_was_written_reads_as_it_was_with_and_without_an_address() {
        let keys = keys(&["k1:0123456789abcdef"]);
        for caller in [None, Some("203.0.113.7:40000"), Some("[2001:db8::9]:5060")] {
            let claims = Claims { caller: caller.map(|text| text.parse().unwrap()), ..claims() };
            let text = text(&claims, &keys);
            let token = Token::read(&text).unwrap();
            assert_eq!(
                (token.hour, token.direction, token.caller),
                (claims.hour, Direction::In, claims.caller)
            );
            assert!(token.is_signed(&claims, &keys));
            assert!(text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-'));
        }
    }

    #[test]
    fn a_change_of_anything_that_is_signed_is_seen() {
        let keys = keys(&["k1:0123456789abcdef"]);
        let good = claims();
        let changed = [
            Claims { direction: Direction::Out, ..good },
            Claims { sides: [good.sides[0], good.sides[0]], ..good },
            Claims { sides: [Side::new(5061, Transport::Tcp), good.sides[1]], ..good },
            Claims { sides: [Side::new(5060, Transport::Udp), good.sides[1]], ..good },
            Claims { call_id: b"call2", ..good },
            Claims { call_id: b"callt", tag: b"ag", ..good },
            Claims { tag: b"other", ..good },
            Claims { hour: good.hour + 1, ..good },
            Claims { caller: Some("203.0.113.7:5060".parse().unwrap()), ..good },
        ];
        let token = Token::read(&text(&good, &keys)).unwrap();
        assert!(token.is_signed(&Claims { sides: [good.sides[1], good.sides[0]], ..good }, &keys));
        for claims in changed {
            assert!(!token.is_signed(&claims, &keys), "{claims:?}");
        }
    }

    #[test]
    fn the_first_key_signs_and_all_verify() {
        let (old, new) = ("k1:0123456789abcdef", "k2:fedcba9876543210");
        let (before, during, after) = (keys(&[old]), keys(&[new, old]), keys(&[new]));
        let token = |keys: &[TokenKey]| Token::read(&text(&claims(), keys)).unwrap();
        assert!(token(&before).is_signed(&claims(), &during) && token(&during).is_signed(&claims(), &after));
        assert!(
            !token(&before).is_signed(&claims(), &after) && !token(&during).is_signed(&claims(), &before)
        );
    }

    #[test]
    fn every_single_wrong_letter_is_seen_and_every_wrong_length() {
        let keys = keys(&["k1:0123456789abcdef"]);
        let claims = Claims { caller: Some("203.0.113.7:5060".parse().unwrap()), ..claims() };
        let good = text(&claims, &keys);
        let holds = |text: &[u8]| {
            Token::read(text).is_some_and(|token| {
                let claims =
                    Claims { hour: token.hour, direction: token.direction, caller: token.caller, ..claims };
                token.is_signed(&claims, &keys)
            })
        };
        assert!(holds(&good));
        for at in 0..good.len() {
            for byte in [b'0', b'1', b'f', b'g', b'-', b'+', b' ', b'i', b'o', 0xff] {
                let mut bad = good.clone();
                bad[at] = byte;
                assert_eq!(holds(&bad), bad == good, "{}", bad.escape_ascii());
            }
            assert!(!holds(&good[..at]));
        }
        assert!(!holds(&[&good[..], b"0"].concat()) && !holds(&b"0".repeat(70_000)));
    }

    #[test]
    fn wrong_letters_do_not_make_up_for_each_other() {
        let keys = keys(&["k1:0123456789abcdef"]);
        let good = Token::read(&text(&claims(), &keys)).unwrap();
        let (high, low) = good.mac;
        for mac in [(high ^ 1, low), (high, low ^ 1), (high ^ 1, low ^ 1), (high ^ 0xffff, low ^ 0xffff)] {
            assert!(!Token { mac, ..good }.is_signed(&claims(), &keys));
        }
    }

    #[test]
    fn it_lives_so_many_hours_and_is_not_from_the_future() {
        let token = Token::read(&text(&claims(), &keys(&["k1:0123456789abcdef"]))).unwrap();
        let at = |hour: u64| token.is_expired(Duration::from_secs(hour * 3600 + 3599), 24);
        assert!(!at(498_000) && !at(498_024) && !at(497_999));
        assert!(at(498_025) && at(497_998) && at(0));
    }
}
