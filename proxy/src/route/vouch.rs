//! What a dialog token is good for.
//!
//! Where the target list says no to a next hop, a valid token may still say yes, and only there is one looked at: the
//! requests of most calls are led by the list alone. What it opens is small, because a caller holds the token of its
//! own call and may put it into anything that it sends.

use std::net::{IpAddr, SocketAddr};

use sip::{Name, NameAddr, Scheme};

use super::request::Request;
use super::routes::{NoHop, OurRoutes, is_local};
use super::token::{Check, Claims, Direction, PARAMETER, Side, Token};
use super::{Hop, Routing, Transport};

/// Ports below are never SIP's: those of name servers, web servers and the like.
const FIRST_PORT: u16 = 1024;

impl Routing<'_> {
    /// The way to where the Request-URI says, which the list forbids, if a valid token opens it: for targets that have
    /// left the list, or are newer than ours.
    ///
    /// Only the last hop is opened, and only a Request-URI that says plainly where it is. With more Route values or a
    /// `maddr`, another proxy of ours in these networks could be the next hop: coming from us, the request would count
    /// as one from a target there, and be led anywhere.
    pub(super) fn vouched_hop(
        &mut self,
        request: &Request<'_>,
        routes: &OurRoutes<'_>,
        listener: usize,
    ) -> Result<Hop, NoHop> {
        if request.uri.params.has("maddr") {
            return Err(NoHop::Forbidden);
        }
        let hop = self.resolve(&request.uri, listener)?;
        self.vouch_for(request, routes, hop)
    }

    /// The same for a hop to where that is known to lead.
    pub(super) fn vouch_for(
        &mut self,
        request: &Request<'_>,
        routes: &OurRoutes<'_>,
        hop: Hop,
    ) -> Result<Hop, NoHop> {
        // What lives inside is spoken to in the open, whatever the caller was promised for the way to us.
        let hop = match (request.uri.scheme, hop.transport) {
            (Scheme::Sips, Transport::Tls) => Hop { transport: Transport::Udp, ..hop },
            (_, Transport::Tls) => return Err(NoHop::Forbidden),
            _ => hop,
        };
        let lives_there =
            self.router.networks.contains(hop.address.ip()) || self.table.was_target(hop.address);
        let never = is_local(hop.address.ip()) && !self.router.local
            || hop.address.port() < FIRST_PORT
            || self.table.is_other_port(hop.address);
        if !lives_there || never {
            return Err(NoHop::Forbidden);
        }
        match self.token_of(request, routes) {
            // A stream may only be opened to where this call was carried by one: whatever else listens to streams
            // in these networks might take a SIP message for something of its own.
            Some((_, sides))
                if hop.transport == Transport::Udp
                    || sides.iter().any(|side| side.transport() == Some(hop.transport)) =>
            {
                self.router.with_sender(hop)
            }
            _ => Err(NoHop::Forbidden),
        }
    }

    /// Where a new caller behind a NAT is reached, which only the source of its INVITE tells. It is behind one if both
    /// its Via and its Contact give other addresses than the source, Contact one that nobody outside can reach, and
    /// nobody stands between it and us: there is no other Via, and no Record-Route that would tell the way.
    pub(super) fn caller_behind_nat(&self, request: &Request<'_>) -> Option<SocketAddr> {
        let source = self.input.source;
        let elsewhere = |ip: IpAddr| ip != source.ip();
        if self.inside
            || !request.via.host.ip().is_some_and(elsewhere)
            || self.msg.values(Name::Via).nth(1).is_some()
            || self.msg.values(Name::RecordRoute).next().is_some()
        {
            return None;
        }
        let contact = NameAddr::parse(self.msg.values(Name::Contact).next()?).ok()?.uri().ok()?;
        let ip = contact.host?.ip()?;
        (elsewhere(ip) && is_private(ip)).then_some(source)
    }

    /// The way from a target to a caller behind a NAT, as long as its Contact is still such a one.
    pub(super) fn hop_to_caller_behind_nat(
        &mut self,
        request: &Request<'_>,
        routes: &OurRoutes<'_>,
        listener: usize,
    ) -> Option<Hop> {
        let (host, outer) = (request.uri.host?.ip()?, routes.partner.or(routes.top)?);
        let mut tokens = [routes.top, routes.partner].into_iter().flatten();
        let has_address = tokens
            .any(|uri| uri.params.value(PARAMETER).and_then(Token::read).is_some_and(|t| t.caller.is_some()));
        if !self.inside || !is_private(host) || !has_address || request.uri.params.has("maddr") {
            return None;
        }
        let address = self.token_of(request, routes)?.0.caller?;
        let transport = Side::of(&outer).transport()?;
        let hop = Hop { listener, local: None, transport, address, connection: None, server: None };
        let hop = self.router.with_sender(hop).ok()?;
        self.may_lead_to(address, transport).then_some(hop)
    }

    /// The token in our own Route values, if it is valid for this request; and what our sides were.
    pub(super) fn token_of(
        &mut self,
        request: &Request<'_>,
        routes: &OurRoutes<'_>,
    ) -> Option<(Token, [Side; 2])> {
        let (check, found) = self.check(request, routes);
        self.notes.token = Some(check);
        found
    }

    fn check(&self, request: &Request<'_>, routes: &OurRoutes<'_>) -> (Check, Option<(Token, [Side; 2])>) {
        let values = [routes.top, routes.partner];
        let Some(text) = values.iter().flatten().find_map(|uri| uri.params.value(PARAMETER)) else {
            return (Check::Missing, None);
        };
        let (Some(token), Some(top)) = (Token::read(text), routes.top) else { return (Check::Forged, None) };
        let sides = [Side::of(&top), Side::of(&routes.partner.unwrap_or(top))];
        let [from, to] = [request.from_tag, request.to_tag].map(Option::unwrap_or_default);
        // The INVITE's From tag is its sender's: in what the other end sends it stands in To.
        let tags: &[&[u8]] = match (token.direction, self.inside) {
            (Direction::In, false) | (Direction::Out, true) => &[from],
            (Direction::In, true) | (Direction::Out, false) => &[to],
            (Direction::Inside, true) => &[from, to],
            (Direction::Inside, false) => &[],
        };
        let signed = |tag: &&[u8]| {
            let Token { direction, hour, caller, .. } = token;
            let claims = Claims { direction, sides, call_id: request.call_id, tag, hour, caller };
            token.is_signed(&claims, &self.router.keys.tokens)
        };
        match tags.iter().any(signed) {
            false => (Check::Forged, None),
            true if token.is_expired(self.input.now, self.router.token_hours) => (Check::Expired, None),
            true => (Check::Valid, Some((token, sides))),
        }
    }
}

/// Whether an address is one of those that many networks use for themselves (RFC 1918, RFC 6598, RFC 4193).
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.to_bits() >> 22 == u32::from_be_bytes([100, 64, 0, 0]) >> 22,
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}
