//! Which addresses are ours.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use sip::{Host, Uri};

use super::routes::NoHop;
use super::{Hop, Router, Transport};
use crate::config::ListenerConfig;

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
        Authority::parse_with(text, 5060)
    }

    /// The same with another port for a host alone.
    pub fn parse_with(text: &str, default: u16) -> Result<Self, String> {
        let wrong = |error| format!("expected HOST:PORT, found {text:?}: {error}");
        let (host, port) = Host::parse_with_port(text.as_bytes()).map_err(wrong)?;
        match port {
            Some(0) => Err(format!("expected HOST:PORT with a port above 0, found {text:?}")),
            port => Ok(Authority { host: host.to_string(), ip: host.ip(), port: port.unwrap_or(default) }),
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

    /// The same host at another port.
    pub fn with_port(&self, port: u16) -> Self {
        Authority { port, ..self.clone() }
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
        self.listeners.iter().position(|listener| {
            let tls = listener
                .tls
                .as_ref()
                .is_some_and(|tls| tls.advertise.is(host, port) || tls.internal.is(host, port));
            listener.advertise.is(host, port) || listener.internal.is(host, port) || tls
        })
    }

    /// The same for a URI.
    pub(super) fn our_uri(&self, uri: &Uri<'_>) -> Option<usize> {
        self.ours(&uri.host?, uri.port_or_default())
    }

    /// The listener whose inner side a URI names that another proxy of ours wrote: those of a fleet have the same ports.
    pub(super) fn partner(&self, uri: &Uri<'_>) -> Option<usize> {
        let (ip, port) = (uri.host?.ip(), uri.port_or_default());
        self.listeners.iter().position(|listener| {
            let tls = listener.tls.as_ref().filter(|tls| tls.internal.port() == port);
            let bind =
                tls.map(|tls| tls.bind).or((listener.internal.port() == port).then_some(listener.bind));
            bind.is_some_and(|bind| ip.is_none_or(|ip| ip.is_ipv4() == bind.is_ipv4()))
        })
    }

    /// A hop with the listener that can send it.
    pub(super) fn with_sender(&self, hop: Hop) -> Result<Hop, NoHop> {
        let listener = self.sender(hop.listener, hop.transport, hop.address.ip())?;
        Ok(Hop { listener, ..hop })
    }

    /// The listener whose pins a listener's calls have. Those that lead to the same ports of targets share theirs: what
    /// came to one may leave by another ([`Router::sender`]), and its answer comes to that.
    pub fn pins_of(&self, listener: usize) -> usize {
        let Some(own) = self.listeners.get(listener) else { return listener };
        let first = self.listeners.iter().position(|other| other.port_name == own.port_name);
        first.unwrap_or(listener)
    }

    /// Whether the calls of two listeners have the same pins.
    pub(super) fn share_pins(&self, one: usize, other: usize) -> bool {
        one == other || self.pins_of(one) == self.pins_of(other)
    }

    /// The listener that sends to an address: this one if it can, else one that leads to the same ports of targets.
    /// Each listener speaks the IP version that it is bound to; TLS those that have a port for it.
    pub(crate) fn sender(&self, listener: usize, transport: Transport, to: IpAddr) -> Result<usize, NoHop> {
        let bound = |listener: &ListenerConfig| match transport {
            Transport::Udp | Transport::Tcp => Some(listener.bind),
            Transport::Tls => listener.tls.as_ref().map(|tls| tls.bind),
        };
        let reaches =
            |listener: &ListenerConfig| bound(listener).is_some_and(|bind| bind.is_ipv4() == to.is_ipv4());
        let own = self.listeners.get(listener).ok_or(NoHop::Family)?;
        if reaches(own) {
            return Ok(listener);
        }
        let alike = |other: &&ListenerConfig| other.port_name == own.port_name;
        let other = self.listeners.iter().position(|other| alike(&other) && reaches(other));
        other.ok_or_else(|| match self.listeners.iter().filter(alike).any(|other| bound(other).is_some()) {
            true => NoHop::Family,
            false => NoHop::Transport,
        })
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
