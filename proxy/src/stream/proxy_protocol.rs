//! The PROXY protocol, version 2: what a load balancer says of a connection before its first byte.
//!
//! <https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>, section 2.2. The reading is pure: bytes in, an address
//! out; [`read`] moves the bytes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::within;

/// What every header begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, version and command, family and transport, length.
const FIXED: usize = 16;
/// The longest header that is read, in bytes: addresses and what a load balancer may add of its own (TLVs).
const MAX: usize = 4096;
/// How long a load balancer may take for its header.
const HEADER: Duration = Duration::from_secs(5);

/// What a connection ends with that has no header because nothing was to be said on it.
pub(super) const PROBE: io::ErrorKind = io::ErrorKind::ConnectionAborted;

/// What the bytes so far amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes are needed in all before anything more can be said. Never more than the header has.
    Needs(usize),
    /// A whole header.
    Whole {
        /// Whom the connection is from; `None` if it is the load balancer's own (LOCAL).
        source: Option<SocketAddr>,
        /// How many bytes the header takes.
        length: usize,
    },
}

/// Why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyProtocolError {
    /// The load balancer speaks the older version.
    #[error("expected the PROXY protocol's version 2, found version 1")]
    Version1,
    /// Something else altogether.
    #[error("expected a header of the PROXY protocol, found other bytes")]
    NoHeader,
    /// A version or command that does not exist.
    #[error("expected version 2 with the command LOCAL or PROXY, found {0:#04x}")]
    Command(u8),
    /// No addresses, or of another kind.
    #[error("expected addresses of TCP over IPv4 or IPv6, found {0:#04x}")]
    Family(u8),
    /// Too short for its addresses, or too long.
    #[error("expected a header of {least} to {MAX} bytes, found one of {found}")]
    Length {
        /// What its addresses take.
        least: usize,
        /// What it says of itself.
        found: usize,
    },
}

/// Reads a header as far as it has come. What follows it is not looked at.
pub fn parse(bytes: &[u8]) -> Result<Progress, ProxyProtocolError> {
    let seen = bytes.len().min(SIGNATURE.len());
    if bytes.get(..seen) != SIGNATURE.get(..seen) {
        let is_version_1 = b"PROXY ".starts_with(bytes) || bytes.starts_with(b"PROXY ");
        return Err(if is_version_1 { ProxyProtocolError::Version1 } else { ProxyProtocolError::NoHeader });
    }
    let Some([command, family, high, low]) = bytes.get(SIGNATURE.len()..FIXED) else {
        return Ok(Progress::Needs(FIXED));
    };
    let length = FIXED + usize::from(u16::from_be_bytes([*high, *low]));
    let (is_proxied, least) = match (command, family) {
        // What stands behind LOCAL is of no interest.
        (0x20, _) => (false, FIXED),
        (0x21, 0x11) => (true, FIXED + 12),
        (0x21, 0x21) => (true, FIXED + 36),
        (0x21, other) => return Err(ProxyProtocolError::Family(*other)),
        (other, _) => return Err(ProxyProtocolError::Command(*other)),
    };
    if !(least..=MAX).contains(&length) {
        return Err(ProxyProtocolError::Length { least, found: length });
    }
    match bytes.get(FIXED..length) {
        None => Ok(Progress::Needs(length)),
        Some(_) if !is_proxied => Ok(Progress::Whole { source: None, length }),
        Some(rest) => {
            let source = source(rest, least).ok_or(ProxyProtocolError::NoHeader)?;
            Ok(Progress::Whole { source: Some(source), length })
        }
    }
}

/// Source address, destination address, source port, destination port.
fn source(bytes: &[u8], least: usize) -> Option<SocketAddr> {
    let (ip, port): (IpAddr, _) = match least - FIXED {
        12 => (<[u8; 4]>::try_from(bytes.get(..4)?).ok()?.into(), bytes.get(8..10)?),
        _ => (<[u8; 16]>::try_from(bytes.get(..16)?).ok()?.into(), bytes.get(32..34)?),
    };
    Some(SocketAddr::new(ip.to_canonical(), u16::from_be_bytes(port.try_into().ok()?)))
}

/// Reads the header off a connection, and not a byte more. `None` if the connection is the load balancer's own.
pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    within(HEADER, async {
        let mut bytes = Vec::with_capacity(FIXED);
        loop {
            match parse(&bytes).map_err(io::Error::other)? {
                Progress::Whole { source, .. } => return Ok(source),
                Progress::Needs(wanted) => {
                    let missing = wanted.saturating_sub(bytes.len()) as u64;
                    if (&mut *from).take(missing).read_buf(&mut bytes).await? == 0 {
                        // A load balancer looks whether a port is open by connecting and closing.
                        let probe = bytes.is_empty();
                        return Err(if probe { PROBE } else { io::ErrorKind::UnexpectedEof }.into());
                    }
                }
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    fn addresses(source: SocketAddr) -> (u8, Vec<u8>) {
        let port = source.port().to_be_bytes();
        match source.ip() {
            IpAddr::V4(ip) => (0x11, [&ip.octets()[..], &[10, 0, 0, 9], &port, &[0x13, 0xc4]].concat()),
            IpAddr::V6(ip) => (0x21, [&ip.octets()[..], &[9; 16], &port, &[0x13, 0xc4]].concat()),
        }
    }

    proptest! {
        #[test]
        fn a_source_is_read_whatever_else_the_header_has_and_wherever_it_is_cut(
            ip in any::<IpAddr>(), port: u16, more in prop::collection::vec(any::<u8>(), 0..300), behind: Vec<u8>,
        ) {
            let source = SocketAddr::new(ip, port);
            let (family, mut rest) = addresses(source);
            rest.extend(&more);
            let header = header(0x21, family, &rest);
            let whole = Ok(Progress::Whole {
                source: Some(SocketAddr::new(ip.to_canonical(), port)), length: header.len(),
            });
            prop_assert_eq!(parse(&[&header[..], &behind].concat()), whole);
            for cut in 0..header.len() {
                match parse(&header[..cut]) {
                    Ok(Progress::Needs(wanted)) => prop_assert!(wanted > cut && wanted <= header.len()),
                    other => prop_assert!(false, "{cut}: {other:?}"),
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic_or_ask_for_too_much(command: u8, family: u8, length: u16, behind: Vec<u8>) {
            let bytes = [&SIGNATURE[..], &[command, family], &length.to_be_bytes(), &behind].concat();
            match parse(&bytes) {
                Ok(Progress::Needs(wanted)) => prop_assert!(wanted > bytes.len() && wanted <= MAX),
                Ok(Progress::Whole { length, .. }) => prop_assert!(length <= bytes.len()),
                Err(_) => {}
            }
            let _ = parse(&behind);
        }
    }

    #[test]
    fn local_needs_no_addresses_and_other_kinds_are_refused() {
        let local = header(0x20, 0, b"");
        assert_eq!(parse(&local), Ok(Progress::Whole { source: None, length: 16 }));
        assert_eq!(parse(&header(0x21, 0x00, b"")), Err(ProxyProtocolError::Family(0)));
        assert_eq!(parse(&header(0x21, 0x12, &[0; 12])), Err(ProxyProtocolError::Family(0x12)));
        assert_eq!(parse(&header(0x31, 0x11, &[0; 12])), Err(ProxyProtocolError::Command(0x31)));
        let short = Err(ProxyProtocolError::Length { least: 28, found: 27 });
        assert_eq!(parse(&header(0x21, 0x11, &[0; 11])), short);
        let long = Err(ProxyProtocolError::Length { least: 28, found: 4097 });
        assert_eq!(parse(&header(0x21, 0x11, &[0; 4081])), long);
    }

    #[test]
    fn version_1_and_anything_else_are_told_at_the_first_bytes() {
        assert_eq!(parse(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), Err(ProxyProtocolError::Version1));
        assert_eq!(parse(b"PRO"), Err(ProxyProtocolError::Version1));
        assert_eq!(parse(b"OPTIONS sip:a SIP/2.0\r\n"), Err(ProxyProtocolError::NoHeader));
        assert_eq!(parse(b"\x16\x03"), Err(ProxyProtocolError::NoHeader));
    }
}
