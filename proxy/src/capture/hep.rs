//! HEP version 3: how a message that was captured is told to a collector (Homer's "HEP3 Network Protocol
//! Specification").
//!
//! A packet is `HEP3`, its length in two bytes, and chunks: vendor (0: everybody's), kind and length, two bytes each,
//! and what they hold. Numbers have their highest byte first; lengths count what stands before them too. No socket and
//! no clock in here.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The longest packet, in bytes: what one datagram over IPv4 holds.
pub const MAX_PACKET: usize = 65_507;

/// Bytes of a chunk before what it holds.
const HEAD: usize = 6;

/// The kinds of chunks that we write.
mod kind {
    pub const FAMILY: u16 = 0x01;
    pub const PROTOCOL: u16 = 0x02;
    pub const SOURCE_V4: u16 = 0x03;
    pub const DESTINATION_V4: u16 = 0x04;
    pub const SOURCE_V6: u16 = 0x05;
    pub const DESTINATION_V6: u16 = 0x06;
    pub const SOURCE_PORT: u16 = 0x07;
    pub const DESTINATION_PORT: u16 = 0x08;
    pub const SECONDS: u16 = 0x09;
    pub const MICROSECONDS: u16 = 0x0a;
    pub const PROTOCOL_TYPE: u16 = 0x0b;
    pub const NODE: u16 = 0x0c;
    pub const PASSWORD: u16 = 0x0e;
    pub const PAYLOAD: u16 = 0x0f;
    pub const CORRELATION: u16 = 0x11;
}

/// Families are told by the numbers of Linux: AF_INET and AF_INET6.
const IPV4: u8 = 2;
const IPV6: u8 = 10;
/// The protocol type of SIP.
const SIP: u8 = 1;

/// One message and how it travelled.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// The number that IP has for the transport: 17 for UDP, 6 for TCP.
    pub protocol: u8,
    /// Who sent it.
    pub source: SocketAddr,
    /// Whom it was sent to.
    pub destination: SocketAddr,
    /// When: time since 1970.
    pub time: Duration,
    /// Who captured it.
    pub node: u32,
    /// What the collector wants to hear from those whom it trusts.
    pub password: Option<&'a str>,
    /// What all messages of a call have in common: the Call-ID.
    pub correlation: &'a [u8],
    /// The message.
    pub payload: &'a [u8],
}

/// A message that does not fit into one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a packet of at most {MAX_PACKET} bytes, found more")]
pub struct TooLong;

impl Packet<'_> {
    /// Writes it in the place of what `out` holds.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        out.clear();
        out.extend_from_slice(b"HEP3\0\0");
        self.write_addresses(out)?;
        let seconds = u32::try_from(self.time.as_secs()).unwrap_or(u32::MAX);
        chunk(out, kind::SECONDS, &seconds.to_be_bytes())?;
        chunk(out, kind::MICROSECONDS, &self.time.subsec_micros().to_be_bytes())?;
        chunk(out, kind::PROTOCOL_TYPE, &[SIP])?;
        chunk(out, kind::NODE, &self.node.to_be_bytes())?;
        if let Some(password) = self.password {
            chunk(out, kind::PASSWORD, password.as_bytes())?;
        }
        chunk(out, kind::CORRELATION, self.correlation)?;
        chunk(out, kind::PAYLOAD, self.payload)?;
        let length = u16::try_from(out.len()).map_err(|_| TooLong)?;
        out.iter_mut().skip(4).zip(length.to_be_bytes()).for_each(|(to, byte)| *to = byte);
        Ok(())
    }

    fn write_addresses(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let (source, destination) = (self.source.ip().to_canonical(), self.destination.ip().to_canonical());
        let family = if source.is_ipv4() && destination.is_ipv4() { IPV4 } else { IPV6 };
        chunk(out, kind::FAMILY, &[family])?;
        chunk(out, kind::PROTOCOL, &[self.protocol])?;
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                chunk(out, kind::SOURCE_V4, &source.octets())?;
                chunk(out, kind::DESTINATION_V4, &destination.octets())?;
            }
            _ => {
                chunk(out, kind::SOURCE_V6, &as_v6(source))?;
                chunk(out, kind::DESTINATION_V6, &as_v6(destination))?;
            }
        }
        chunk(out, kind::SOURCE_PORT, &self.source.port().to_be_bytes())?;
        chunk(out, kind::DESTINATION_PORT, &self.destination.port().to_be_bytes())
    }
}

/// Two addresses in one packet are of one family: an IPv4 address beside one of IPv6 is told as a mapped one.
fn as_v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

fn chunk(out: &mut Vec<u8>, kind: u16, holds: &[u8]) -> Result<(), TooLong> {
    if out.len() + HEAD + holds.len() > MAX_PACKET {
        return Err(TooLong);
    }
    let length = u16::try_from(HEAD + holds.len()).map_err(|_| TooLong)?;
    for number in [0, kind, length] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(holds);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet<'a>(source: &str, destination: &str) -> Packet<'a> {
        Packet {
            protocol: 17,
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            time: Duration::new(0x6543_2101, 4_660_999),
            node: 2001,
            password: None,
            correlation: b"c1",
            payload: b"SIP",
        }
    }

    fn written(packet: &Packet<'_>) -> Vec<u8> {
        let mut out = b"of the last one".to_vec();
        packet.write(&mut out).unwrap();
        out
    }

    /// What the chunk of that kind holds.
    fn held(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
        let mut rest = &bytes[6..];
        while let [0, 0, high, low, long, short, ..] = rest {
            let length = usize::from(u16::from_be_bytes([*long, *short]));
            if u16::from_be_bytes([*high, *low]) == wanted {
                return Some(&rest[6..length]);
            }
            rest = &rest[length..];
        }
        None
    }

    #[test]
    fn a_packet_is_what_the_specification_has() {
        #[rustfmt::skip]
        let expected = [
            b'H', b'E', b'P', b'3', 0, 110,
            0, 0, 0, 0x01, 0, 7, 2,
            0, 0, 0, 0x02, 0, 7, 17,
            0, 0, 0, 0x03, 0, 10, 192, 0, 2, 1,
            0, 0, 0, 0x04, 0, 10, 10, 0, 0, 2,
            0, 0, 0, 0x07, 0, 8, 0x13, 0xc4,
            0, 0, 0, 0x08, 0, 8, 0x13, 0xd8,
            0, 0, 0, 0x09, 0, 10, 0x65, 0x43, 0x21, 0x01,
            0, 0, 0, 0x0a, 0, 10, 0, 0, 0x12, 0x34,
            0, 0, 0, 0x0b, 0, 7, 1,
            0, 0, 0, 0x0c, 0, 10, 0, 0, 0x07, 0xd1,
            0, 0, 0, 0x11, 0, 8, b'c', b'1',
            0, 0, 0, 0x0f, 0, 9, b'S', b'I', b'P',
        ];
        assert_eq!(written(&packet("192.0.2.1:5060", "10.0.0.2:5080")), expected);
    }

    #[test]
    fn addresses_of_ipv6_have_chunks_of_their_own_and_families_are_not_mixed() {
        let bytes = written(&packet("[2001:db8::1]:5060", "[2001:db8::2]:5080"));
        assert_eq!(held(&bytes, 0x01), Some([10].as_slice()));
        assert_eq!(
            held(&bytes, 0x05),
            Some([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1].as_slice())
        );
        assert_eq!(held(&bytes, 0x06).map(|ip| ip[15]), Some(2));
        assert_eq!((held(&bytes, 0x03), held(&bytes, 0x04)), (None, None));
        // A dual-stack socket tells of IPv4 so.
        let bytes = written(&packet("[::ffff:192.0.2.1]:5060", "10.0.0.2:5080"));
        assert_eq!(held(&bytes, 0x03), Some([192, 0, 2, 1].as_slice()));
        let bytes = written(&packet("[2001:db8::1]:5060", "10.0.0.2:5080"));
        assert_eq!(held(&bytes, 0x06).map(|ip| &ip[10..]), Some([0xff, 0xff, 10, 0, 0, 2].as_slice()));
    }

    #[test]
    fn a_password_is_a_chunk_and_tcp_has_its_own_number() {
        let mut packet = packet("192.0.2.1:5060", "10.0.0.2:5080");
        (packet.protocol, packet.password) = (6, Some("secret"));
        let bytes = written(&packet);
        assert_eq!(held(&bytes, 0x0e), Some(b"secret".as_slice()));
        assert_eq!(held(&bytes, 0x02), Some([6].as_slice()));
        assert_eq!(usize::from(u16::from_be_bytes([bytes[4], bytes[5]])), bytes.len());
    }

    #[test]
    fn what_fits_into_no_datagram_is_refused() {
        let long = vec![b'x'; MAX_PACKET];
        let mut packet = packet("192.0.2.1:5060", "10.0.0.2:5080");
        // All but the payload's three bytes.
        packet.payload = &long[110 - 3..];
        let bytes = written(&packet);
        assert_eq!((bytes.len(), &bytes[4..6]), (MAX_PACKET, [0xff, 0xe3].as_slice()));
        packet.payload = &long[110 - 4..];
        assert_eq!(packet.write(&mut Vec::new()), Err(TooLong));
        packet.payload = &[b'x'; 100_000];
        assert_eq!(packet.write(&mut Vec::new()), Err(TooLong));
    }
}
