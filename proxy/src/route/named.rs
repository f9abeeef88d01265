//! Next hops that are host names: which of the addresses that a name leads to is used, and when.
//!
//! What a name leads to says somebody else, and something else tomorrow: each address is judged when it is about to be
//! used, by the rules for addresses that stand in a message, and that very address is used.

use sip::{Host, Uri};

use super::request::Request;
use super::routes::{NoHop, OurRoutes, transport};
use super::{Hop, Routing, Transport};
use crate::dns::{Candidate, Destination, Missing};

impl Routing<'_> {
    /// The next hop of a URI whose host is a name: the best of its addresses that a request may be led to.
    ///
    /// Nothing is looked up for strangers: from outside, only for callers that may call or hold the token of a call.
    pub(super) fn named_hop(
        &mut self,
        request: &Request<'_>,
        uri: &Uri<'_>,
        routes: &OurRoutes<'_>,
        listener: usize,
    ) -> Result<Hop, NoHop> {
        let wanted = self.destination(uri)?;
        if !self.inside && !self.may_call() && self.token_of(request, routes).is_none() {
            return Err(NoHop::Forbidden);
        }
        let (router, now) = (self.router, self.input.now);
        let known = router.names.load();
        let candidates = match known.find(&wanted, now) {
            Some(Ok(candidates)) => candidates,
            Some(Err(Missing::Nothing)) => return Err(NoHop::NoAddress),
            Some(Err(Missing::Unanswered)) => return Err(NoHop::Unanswered),
            None => {
                *self.wanted = Some(wanted);
                return Err(NoHop::Unresolved);
            }
        };
        let mut best = None;
        let mut refusal = NoHop::Forbidden;
        for candidate in candidates {
            let place = known.place(candidate, request.call_id, now);
            if best.as_ref().is_some_and(|(other, _)| *other <= place) {
                continue;
            }
            match self.hop_to(candidate, request, uri, routes, listener) {
                Ok(hop) => best = Some((place, hop)),
                Err(why) => refusal = why,
            }
        }
        let (_, mut hop) = best.ok_or(refusal)?;
        hop.server = (hop.transport == Transport::Tls).then(|| known.server_id(wanted.name()));
        self.notes.named = true;
        Ok(hop)
    }

    /// RFC 3263 4.1: what a name is looked up by.
    fn destination(&self, uri: &Uri<'_>) -> Result<Destination, NoHop> {
        let Some(Host::Name(name)) = self.host_of(uri)? else { return Err(NoHop::Name) };
        let transport = transport(uri).ok_or(NoHop::Transport)?;
        // What the URI does not say, NAPTR and SRV may.
        let transport = uri.transport().map(|_| transport);
        Destination::new(name, uri.port, transport, uri.scheme == sip::Scheme::Sips).ok_or(NoHop::Name)
    }

    /// The hop to one of its addresses, if nothing speaks against that.
    fn hop_to(
        &mut self,
        candidate: &Candidate,
        request: &Request<'_>,
        uri: &Uri<'_>,
        routes: &OurRoutes<'_>,
        listener: usize,
    ) -> Result<Hop, NoHop> {
        let address = candidate.address;
        // A URI that means us says so: its host is then one of ours. Another name for us would lead in circles.
        if self.router.ours(&Host::Ip(address.ip()), address.port()).is_some() {
            return Err(NoHop::Forbidden);
        }
        let transport = self.last_transport(uri, address, candidate.transport);
        let hop = Hop { listener, local: None, transport, address, connection: None, server: None };
        if self.may_lead_to(address, transport) {
            return self.router.with_sender(hop);
        }
        // As in `vouched_hop`: the last hop alone.
        match routes.next.is_none() && !uri.params.has("maddr") {
            true => self.vouch_for(request, routes, hop),
            false => Err(NoHop::Forbidden),
        }
    }
}
