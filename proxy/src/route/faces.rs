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
    tls: Texts,
    /// The same for requests to sips URIs.
    sips: Texts,
    authority: Authority,
    tls_authority: Authority,
}

#[derive(Debug)]
struct Texts {
    side: Side,
    via: Vec<u8>,
    record_route: Vec<u8>,
    paired_record_route: Vec<u8>,
}

impl Faces {
    pub(super) fn of(listener: &ListenerConfig) -> Self {
        let tls = listener.tls.as_ref();
        Faces {
            outside: Face::new(&listener.advertise, tls.map(|tls| &tls.advertise)),
            inside: Face::new(&listener.internal, tls.map(|tls| &tls.internal)),
        }
    }

    /// What stands behind `branch=` in a Via that this listener wrote; `None` if it did not.
    pub(super) fn branch_of_own_via<'v>(&self, via: &'v [u8]) -> Option<&'v [u8]> {
        let transport = match via.strip_prefix(b"SIP/2.0/")? {
            [b'U', b'D', b'P', ..] => Transport::Udp,
            [b'T', b'C', b'P', ..] => Transport::Tcp,
            [b'T', b'L', b'S', ..] => Transport::Tls,
            _ => return None,
        };
        let texts = [self.outside.texts(transport), self.inside.texts(transport)];
        texts.iter().find_map(|texts| via.strip_prefix(texts.via.strip_prefix(b"Via: ")?))
    }
}

impl Face {
    fn new(authority: &Authority, tls: Option<&Authority>) -> Self {
        // Without a port for TLS nothing comes or goes by it, and its texts are never read.
        let tls = tls.unwrap_or(authority);
        let texts = |transport: Transport, scheme: &str, parameter: &str| {
            let authority = if transport == Transport::Tls { tls } else { authority };
            Texts {
                side: Side::new(authority.port(), transport),
                via: format!("Via: SIP/2.0/{} {authority};branch=", transport.as_str()).into_bytes(),
                record_route: format!("Record-Route: <{scheme}:{authority}{parameter};lr;did=").into_bytes(),
                paired_record_route: format!("Record-Route: <{scheme}:{authority}{parameter};lr;r2=on;did=")
                    .into_bytes(),
            }
        };
        Face {
            // RFC 5658: a side that is not UDP says so.
            udp: texts(Transport::Udp, "sip", ""),
            tcp: texts(Transport::Tcp, "sip", ";transport=tcp"),
            tls: texts(Transport::Tls, "sip", ";transport=tls"),
            sips: texts(Transport::Tls, "sips", ""),
            authority: authority.clone(),
            tls_authority: tls.clone(),
        }
    }

    fn texts(&self, transport: Transport) -> &Texts {
        match transport {
            Transport::Udp => &self.udp,
            Transport::Tcp => &self.tcp,
            Transport::Tls => &self.tls,
        }
    }

    /// Our Via as far as the value of its branch.
    pub(super) fn via(&self, transport: Transport) -> &[u8] {
        &self.texts(transport).via
    }

    /// The Record-Route line as far as the value of its token, alone or as one of two that belong together. For a request to a sips URI it is one too
    /// (RFC 3261 16.6.4), on a side where that can be true.
    pub(super) fn record_route(&self, transport: Transport, paired: bool, sips: bool) -> &[u8] {
        let texts = match transport {
            Transport::Tls if sips => &self.sips,
            _ => self.texts(transport),
        };
        if paired { &texts.paired_record_route } else { &texts.record_route }
    }

    /// What a token says of this side.
    pub(super) fn side(&self, transport: Transport) -> Side {
        self.texts(transport).side
    }

    /// The host and port that it shows.
    pub(super) fn authority(&self, transport: Transport) -> &Authority {
        if transport == Transport::Tls { &self.tls_authority } else { &self.authority }
    }
}
