//! What a listener writes about itself into messages, made ready once.

use super::Transport;
use super::ours::Authority;
use super::token::Side;
use crate::config::ListenerConfig;

/// A listener's two faces.
#[derive(Debug)]
pub(super) struct Faces {
    /// What callers see.
    pub(super) outside: Face,
    /// What targets see.
    pub(super) inside: Face,
}

/// One of them, for each transport.
#[derive(Debug)]
pub(super) struct Face {
    udp: Texts,
    tcp: Texts,
    authority: Authority,
}

#[derive(Debug)]
struct Texts {
    via: Vec<u8>,
    record_route: Vec<u8>,
    paired_record_route: Vec<u8>,
}

impl Faces {
    pub(super) fn of(listener: &ListenerConfig) -> Self {
        Faces { outside: Face::new(&listener.advertise), inside: Face::new(&listener.internal) }
    }

    /// What stands behind `branch=` in a Via that this listener wrote; `None` if it did not.
    pub(super) fn branch_of_own_via<'v>(&self, via: &'v [u8]) -> Option<&'v [u8]> {
        let texts = [&self.outside.udp, &self.inside.udp, &self.outside.tcp, &self.inside.tcp];
        texts.iter().find_map(|texts| via.strip_prefix(texts.via.strip_prefix(b"Via: ")?))
    }
}

impl Face {
    fn new(authority: &Authority) -> Self {
        let texts = |transport: Transport| {
            // RFC 5658: a side that is not UDP says so.
            let tcp = if transport == Transport::Tcp { ";transport=tcp" } else { "" };
            Texts {
                via: format!("Via: SIP/2.0/{} {authority};branch=", transport.as_str()).into_bytes(),
                record_route: format!("Record-Route: <sip:{authority}{tcp};lr;did=").into_bytes(),
                paired_record_route: format!("Record-Route: <sip:{authority}{tcp};lr;r2=on;did=")
                    .into_bytes(),
            }
        };
        Face { udp: texts(Transport::Udp), tcp: texts(Transport::Tcp), authority: authority.clone() }
    }

    fn texts(&self, transport: Transport) -> &Texts {
        match transport {
            Transport::Udp => &self.udp,
            Transport::Tcp => &self.tcp,
        }
    }

    /// Our Via as far as the value of its branch.
    pub(super) fn via(&self, transport: Transport) -> &[u8] {
        &self.texts(transport).via
    }

    /// The Record-Route line as far as the value of its token, alone or as one of two that belong together.
    pub(super) fn record_route(&self, transport: Transport, paired: bool) -> &[u8] {
        let texts = self.texts(transport);
        if paired { &texts.paired_record_route } else { &texts.record_route }
    }

    /// What a token says of this side.
    pub(super) fn side(&self, transport: Transport) -> Side {
        Side::new(self.authority.port(), transport)
    }

    /// Whether two faces look the same.
    pub(super) fn is(&self, other: &Face) -> bool {
        self.authority == other.authority
    }
}
