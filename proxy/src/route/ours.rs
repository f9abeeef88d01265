//! Which addresses are ours.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use sip::{Host, Uri};

use super::Router;

/// A host and port as others write it: of a listener, in Via and Record-Route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    host: String,
    ip: Option<IpAddr>,
    port: u16,
}

impl Authority {
    /// Reads `host:port` or `host`, which means port 5060; the host may be a name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |error| format!("expected HOST:PORT, found {text:?}: {error}");
        let (host, port) = Host::parse_with_port(text.as_bytes()).map_err(wrong)?;
        match port {
            Some(0) => Err(format!("expected HOST:PORT with a port above 0, found {text:?}")),
            port => Ok(Authority { host: host.to_string(), ip: host.ip(), port: port.unwrap_or(5060) }),
        }
    }

    /// Whether a host and port mean this one. Addresses compare as numbers, names without case.
    pub fn is(&self, host: &Host<'_>, port: u16) -> bool {
        let same_host = match (host, self.ip) {
            (Host::Ip(ip), Some(own)) => *ip == own,
            (Host::Name(name), None) => name.eq_ignore_ascii_case(self.host.as_bytes()),
            _ => false,
        };
        same_host && port == self.port
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl From<SocketAddr> for Authority {
    fn from(address: SocketAddr) -> Self {
        let ip = address.ip().to_canonical();
        Authority { host: Host::Ip(ip).to_string(), ip: Some(ip), port: address.port() }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Router {
    /// The listener that a host and port mean, as callers see it or as targets see it.
    pub(super) fn ours(&self, host: &Host<'_>, port: u16) -> Option<usize> {
        self.listeners
            .iter()
            .position(|listener| listener.advertise.is(host, port) || listener.internal.is(host, port))
    }

    /// The same for a URI.
    pub(super) fn our_uri(&self, uri: &Uri<'_>) -> Option<usize> {
        self.ours(&uri.host?, uri.port_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_known_again_in_any_spelling() {
        let is = |own: &str, other: &str| {
            let (host, port) = Host::parse_with_port(other.as_bytes()).unwrap();
            Authority::parse(own).unwrap().is(&host, port.unwrap_or(5060))
        };
        assert!(is("203.0.113.10", "203.0.113.10:5060"));
        assert!(is("203.0.113.10:5060", "[::ffff:203.0.113.10]"));
        assert!(is("[2001:db8::1]:5080", "[2001:DB8:0::1]:5080"));
        assert!(is("Proxy.internal:5060", "proxy.INTERNAL"));
        assert!(!is("203.0.113.10", "203.0.113.10:5080"));
        assert!(!is("proxy.internal", "203.0.113.10"));
        assert!(Authority::parse("a b").is_err() && Authority::parse("a:0").is_err());
    }
}
