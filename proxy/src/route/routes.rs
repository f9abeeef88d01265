//! Route: which values are ours, and what the next hop is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sip::{Error, Host, Name, NameAddr, Scheme, Uri};

use super::request::Request;
use super::{Cause, Hop, Input, Routing, Scratch, Transport, Verdict};

/// What the Route header fields of a request hold of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct OurRoutes<'a> {
    /// So many values go, from the top.
    pub(super) taken: usize,
    /// Whether any of them names us.
    pub(super) found: bool,
    /// The listener that the last of them names: the one that sends.
    pub(super) listener: Option<usize>,
    /// The value below those that go.
    pub(super) next: Option<&'a [u8]>,
    /// The topmost of ours.
    pub(super) top: Option<Uri<'a>>,
    /// Its partner.
    pub(super) partner: Option<Uri<'a>>,
}

impl OurRoutes<'_> {
    /// Whether the next hop is named by a sips URI in Route.
    pub(super) fn next_is_sips(&self) -> bool {
        let route = self.next.and_then(|next| NameAddr::parse(next).ok());
        route.and_then(|route| route.uri().ok()).is_some_and(|uri| uri.scheme == Scheme::Sips)
    }
}

/// Why a request has no next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoHop {
    /// The next hop is no URI.
    Malformed(Error),
    /// It is a name.
    Name,
    /// It is a name that is not known yet.
    Unresolved,
    /// It is a name without an address.
    NoAddress,
    /// It is a name of which nobody could say anything.
    Unanswered,
    /// It wants a transport that we do not speak.
    Transport,
    /// No listener of ours speaks the IP version of its address.
    Family,
    /// It lies where nobody may be led to by us.
    Forbidden,
}

impl<'r> Routing<'r> {
    /// RFC 3261 16.4: the values that name us are taken off the top, each with its partner (`r2`), whichever proxy of
    /// ours that names. From outside, what lies above our topmost one goes too: some carriers leave their own element
    /// there.
    pub(super) fn our_routes(&self) -> OurRoutes<'r> {
        let mut ours = OurRoutes::default();
        let (mut partner, mut top) = (false, 0);
        for (place, value) in self.msg.values(Name::Route).enumerate() {
            let uri = NameAddr::parse(value).and_then(|route| route.uri()).ok();
            let r2 = uri.is_some_and(|uri| uri.params.has("r2"));
            let listener = uri.and_then(|uri| self.router.our_uri(&uri));
            if listener.is_some() || (partner && r2) {
                match ours.top {
                    None => (ours.top, top) = (uri, place),
                    Some(_) if partner && r2 && place == top + 1 => ours.partner = uri,
                    Some(_) => {}
                }
            }
            if listener.is_some() {
                ours = OurRoutes { taken: place + 1, found: true, listener, ..ours };
                partner = r2 && !partner;
            } else if partner && r2 {
                let other = uri.and_then(|uri| self.router.partner(&uri));
                ours = OurRoutes { taken: place + 1, listener: other.or(ours.listener), ..ours };
                partner = false;
            } else if ours.found || self.inside {
                ours.next = Some(value);
                break;
            }
        }
        ours
    }

    /// Takes so many Route values off the top.
    pub(super) fn take_off(&mut self, taken: usize) {
        self.edits.remove_first_values(&self.msg, Name::Route, taken);
    }

    /// RFC 3261 16.6.6 and 16.6.7: the next hop, once our Route values are off.
    pub(super) fn next_hop(&mut self, request: &Request<'_>, routes: OurRoutes<'_>) -> Result<Hop, NoHop> {
        let listener = routes.listener.unwrap_or(self.input.listener);
        let Some(route) = routes.next else {
            self.take_off(routes.taken);
            if let Some(hop) = self.hop_to_caller_behind_nat(request, &routes, listener) {
                return Ok(hop);
            }
            return match self.hop_of(&request.uri, listener) {
                Err(NoHop::Forbidden) => self.vouched_hop(request, &routes, listener),
                Err(NoHop::Name) => self.named_hop(request, &request.uri, &routes, listener),
                hop => hop,
            };
        };
        let route = NameAddr::parse(route).map_err(NoHop::Malformed)?;
        let uri = route.uri().map_err(NoHop::Malformed)?;
        let hop = match self.hop_of(&uri, listener) {
            Err(NoHop::Name) => self.named_hop(request, &uri, &routes, listener)?,
            hop => hop?,
        };
        if uri.params.has("lr") {
            self.take_off(routes.taken);
        } else {
            self.take_off(routes.taken + 1);
            self.route_strictly(route.raw_uri);
        }
        Ok(hop)
    }

    /// RFC 3261 16.6.6: a strict router wants itself in the Request-URI, and what stood there at the end of Route.
    fn route_strictly(&mut self, next: &[u8]) {
        let (Some(line), Some(last)) = (self.msg.request(), self.msg.all(Name::Route).last()) else { return };
        self.edits.insert_after(&self.msg, last.line, |out| {
            [&b"Route: <"[..], line.uri, b">\r\n"].iter().for_each(|piece| out.extend_from_slice(piece));
        });
        self.edits.replace(&self.msg, line.uri, |out| out.extend_from_slice(next));
    }

    /// RFC 3261 16.4: a strict router before us has put our own Record-Route value into the Request-URI, and what
    /// stood there at the end of Route: that last value's place.
    pub(super) fn strict_router_before_us(&self, request: &Request<'_>) -> Option<usize> {
        let own_value = request.uri.user.is_none()
            && request.uri.params.has("lr")
            && self.may_rewrite
            && self.router.our_uri(&request.uri).is_some();
        if own_value { self.msg.values(Name::Route).count().checked_sub(1) } else { None }
    }

    /// Puts the last Route value into the Request-URI and begins again, once. Rare, and so may allocate.
    pub(super) fn take_request_uri_back(&mut self, request: &Request<'_>, last: usize) -> Verdict {
        let value = self.msg.values(Name::Route).nth(last).map(NameAddr::parse);
        let Some(Ok(route)) = value else { return self.tell(400, "Bad Request (Route)", b"") };
        self.edits.replace(&self.msg, request.line.uri, |out| out.extend_from_slice(route.raw_uri));
        self.edits.remove_values(&self.msg, Name::Route, |place, _| place == last);
        self.begin_again(false)
    }

    /// RFC 3261 16.4: a maddr that means us has led here, and goes. As rare.
    pub(super) fn without_our_maddr(&mut self, request: &Request<'_>) -> Option<Verdict> {
        let (params, port) = (request.uri.params, request.uri.port_or_default());
        let maddr = params.value("maddr").map(Host::parse)?.ok()?;
        self.router.ours(&maddr, port)?;
        for param in params.iter().filter(|param| param.name.eq_ignore_ascii_case(b"maddr")) {
            self.edits.replace(&self.msg, param.raw, |_| {});
        }
        Some(self.begin_again(self.may_rewrite))
    }

    /// Routes the request as it has become.
    fn begin_again(&mut self, may_rewrite: bool) -> Verdict {
        let mut bytes = Vec::new();
        self.edits.write_to(&self.msg, &mut bytes);
        let input = Input { bytes: &bytes, ..self.input };
        let mut scratch = Scratch::new();
        let mut routing = match self.router.open(&input, self.table, &mut scratch, self.out) {
            Ok(routing) => routing,
            Err(verdict) => return verdict,
        };
        routing.may_rewrite = may_rewrite;
        routing.pins = self.pins.as_deref_mut();
        routing.choice = self.choice;
        let verdict = match routing.msg.request() {
            Some(line) => routing.request(line),
            None => Verdict::Drop(Cause::Malformed, None),
        };
        *self.notes = scratch.notes;
        *self.wanted = scratch.wanted;
        verdict
    }

    /// RFC 3263 4.1 and 4.2, for hosts that are addresses.
    fn hop_of(&self, uri: &Uri<'_>, listener: usize) -> Result<Hop, NoHop> {
        let hop = self.resolve(uri, listener)?;
        if !self.may_lead_to(hop.address, hop.transport) {
            return Err(NoHop::Forbidden);
        }
        self.router.with_sender(hop)
    }

    /// The same, wherever that is.
    pub(super) fn resolve(&self, uri: &Uri<'_>, listener: usize) -> Result<Hop, NoHop> {
        let transport = transport(uri).ok_or(NoHop::Transport)?;
        let ip = self.host_of(uri)?.and_then(|host| host.ip()).ok_or(NoHop::Name)?;
        let address = SocketAddr::new(ip, uri.port_or_default());
        let transport = self.last_transport(uri, address, transport);
        Ok(Hop { listener, local: None, transport, address, connection: None, server: None })
    }

    /// The host that says where to go. RFC 3261 16.4: maddr does, unless it says "to us".
    pub(super) fn host_of<'u>(&self, uri: &Uri<'u>) -> Result<Option<Host<'u>>, NoHop> {
        let maddr = uri.params.value("maddr").map(Host::parse).transpose().map_err(NoHop::Malformed)?;
        let port = uri.port_or_default();
        Ok(maddr.filter(|maddr| self.router.ours(maddr, port).is_none()).or(uri.host))
    }

    /// RFC 3261 26.2.2: how the last hop is protected is the domain's own affair. Targets are inside ours.
    pub(super) fn last_transport(
        &self,
        uri: &Uri<'_>,
        address: SocketAddr,
        transport: Transport,
    ) -> Transport {
        match uri.scheme {
            Scheme::Sips if self.table.offers(address, Transport::Udp) => Transport::Udp,
            Scheme::Sips if self.table.offers(address, Transport::Tcp) => Transport::Tcp,
            _ => transport,
        }
    }

    /// Whether a request may be led to this address: what was checked is what is used. From outside only SIP ports of
    /// listed targets; from targets anywhere but to this machine and, targets' SIP ports apart, to the networks where
    /// they live. What a token opens besides is in `vouch.rs`.
    pub(super) fn may_lead_to(&self, address: SocketAddr, transport: Transport) -> bool {
        if self.table.is_target(address) {
            return self.table.offers(address, transport);
        }
        let ip = address.ip();
        let local = is_local(ip) && !self.router.local;
        let nobody = ip.is_unspecified() || ip.is_multicast() || address.port() == 0;
        let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
        self.inside && !local && !nobody && !broadcast && !self.router.networks.contains(ip)
    }
}

/// How a URI wants to be reached (RFC 3263 4.1); `None` for what we do not speak. A sips URI means TLS, whose transport
/// parameter names what is below it (RFC 3261 19.1.2, 26.2.2).
pub(super) fn transport(uri: &Uri<'_>) -> Option<Transport> {
    let wants =
        |name: &str| uri.transport().is_some_and(|wanted| wanted.eq_ignore_ascii_case(name.as_bytes()));
    match uri.scheme {
        Scheme::Sip if uri.transport().is_none() || wants("udp") => Some(Transport::Udp),
        Scheme::Sip if wants("tcp") => Some(Transport::Tcp),
        Scheme::Sip | Scheme::Sips if wants("tls") => Some(Transport::Tls),
        Scheme::Sips if uri.transport().is_none() || wants("tcp") => Some(Transport::Tls),
        _ => None,
    }
}

/// Metadata services of clouds that are not at a link-local address: AWS over IPv6, Azure, Alibaba.
const METADATA: [IpAddr; 3] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
];

/// Whether an address means this machine or its link: loopback, link-local, metadata services.
pub(super) fn is_local(ip: IpAddr) -> bool {
    let by_range = match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local() || ip.octets().first() == Some(&0),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
    };
    by_range || METADATA.contains(&ip)
}
