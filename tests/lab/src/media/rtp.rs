//! One RTP packet (RFC 3550 5.1): bytes to view, view to bytes.

/// Payload type of PCMU (RFC 3551 table 4).
pub const PCMU: u8 = 0;

/// Payload type that the lab's descriptions give to RFC 4733 events.
pub const EVENTS: u8 = 101;

const VERSION_2: u8 = 0x80;
const PADDING: u8 = 0x20;
const EXTENSION: u8 = 0x10;
const HEADER: usize = 12;

/// A packet's header, and a borrowed payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Set on the first packet of a burst of sound or of an event.
    pub marker: bool,
    /// [`PCMU`], [`EVENTS`], or something that was not offered.
    pub payload_type: u8,
    /// One more for each packet sent.
    pub sequence: u16,
    /// In samples.
    pub timestamp: u32,
    /// Which stream this is.
    pub ssrc: u32,
    /// Sound, or an event.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a datagram; `None` when it is no RTP of version 2.
    #[must_use]
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let (header, rest) = datagram.split_first_chunk::<HEADER>()?;
        let [flags, kind, s1, s2, t1, t2, t3, t4, i1, i2, i3, i4] = *header;
        if flags & 0xc0 != VERSION_2 {
            return None;
        }
        let mut payload = rest.get(usize::from(flags & 0x0f) * 4..)?;
        if flags & EXTENSION != 0 {
            let (&[_, _, high, low], rest) = payload.split_first_chunk::<4>()?;
            payload = rest.get(usize::from(u16::from_be_bytes([high, low])) * 4..)?;
        }
        if flags & PADDING != 0 {
            let padding = usize::from(*payload.last()?);
            payload = payload.get(..payload.len().checked_sub(padding)?)?;
        }
        Some(Self {
            marker: kind & 0x80 != 0,
            payload_type: kind & 0x7f,
            sequence: u16::from_be_bytes([s1, s2]),
            timestamp: u32::from_be_bytes([t1, t2, t3, t4]),
            ssrc: u32::from_be_bytes([i1, i2, i3, i4]),
            payload,
        })
    }

    /// The packet as a datagram.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.payload.len());
        bytes.extend([VERSION_2, u8::from(self.marker) << 7 | self.payload_type]);
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.timestamp.to_be_bytes());
        bytes.extend(self.ssrc.to_be_bytes());
        bytes.extend(self.payload);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: Packet<'_> = Packet {
        marker: true,
        payload_type: EVENTS,
        sequence: 65_535,
        timestamp: 0x0102_0304,
        ssrc: 0xdead_beef,
        payload: b"sound",
    };

    #[test]
    fn a_packet_survives_a_round_trip() {
        assert_eq!(Packet::parse(&PACKET.to_bytes()), Some(PACKET));
    }

    #[test]
    fn sources_extension_and_padding_are_no_payload() {
        let mut bytes = PACKET.to_bytes();
        bytes[0] = VERSION_2 | PADDING | EXTENSION | 1;
        bytes.splice(12..12, [1, 1, 1, 1, 0xbe, 0xde, 0, 1, 9, 9, 9, 9]);
        bytes.extend([0, 0, 3]);
        assert_eq!(Packet::parse(&bytes).unwrap().payload, b"sound");
    }

    #[test]
    fn what_is_no_rtp_is_refused_and_never_a_panic() {
        assert_eq!(Packet::parse(b""), None);
        assert_eq!(Packet::parse(b"OPTIONS sip:a@b SIP/2.0"), None);
        for flags in 0..=255 {
            for length in 0..20 {
                let mut bytes = vec![0xff; length];
                if let Some(first) = bytes.first_mut() {
                    *first = flags;
                }
                let _ = Packet::parse(&bytes);
            }
        }
    }
}
