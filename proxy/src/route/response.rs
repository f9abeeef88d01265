//! Responses follow Via alone (RFC 3261 16.7, 16.11, 18.2.2).

use std::net::SocketAddr;

use sip::{Error, Method, Name, RawVia, Via};

use super::via::{Branch, OwnVia, WayBack, with_scope};
use super::{Cause, Hop, Routing, Transport, Verdict};

impl Routing<'_> {
    /// Takes our Via off and sends the response where the next one says.
    pub(super) fn response(&mut self) -> Verdict {
        if let Err(error) = self.msg.check() {
            return Verdict::Drop(Cause::Malformed, Some(error));
        }
        let mut vias = self.msg.raw_vias();
        let Some(top) = vias.next() else { return Verdict::Drop(Cause::NotOurs, None) };
        let (mut own, below) = match (self.own(&top), vias.next().map(|via| via.read()).transpose()) {
            (Ok(Some(own)), Ok(below)) => (own, below),
            (Err(error), _) | (_, Err(error)) => return Verdict::Drop(Cause::Malformed, Some(error)),
            (Ok(None), Ok(_)) => return Verdict::Drop(Cause::NotOurs, None),
        };
        if let Some(verdict) = self.pinned(&own) {
            return verdict;
        }
        let Some(mut below) = below else { return self.answer(own.branch) };
        // A forged response would make a reflector of us.
        if !self.inside && !self.router.wrote(own.branch, &below) {
            return Verdict::Drop(Cause::Unsolicited, None);
        }
        // Where the next Via is ours again it is taken off here, and never sent out to come back. It has to prove that we
        // wrote it: a caller may have put it there, to have its answer sent where the one below says.
        let mut count = 1;
        while self.is_ours(&below)
            && let Some(Ok(next)) = vias.next().map(|via| via.read())
            && self.router.wrote(below.branch(), &next)
        {
            (own, below) = (OwnVia::of(&below), next);
            count += 1;
        }
        self.take_vias_off(&top, count);
        let from = self.out.len();
        let verdict = self.pass_back(&own, &below);
        if let Verdict::Forward { hop, .. } = verdict
            && self.input.transport != Transport::Udp
            && hop.transport == Transport::Udp
        {
            self.repeat(from, hop);
        }
        verdict
    }

    /// A refusal that came over a connection comes once, and the datagram that it leaves as may be lost.
    fn repeat(&mut self, from: usize, hop: Hop) {
        let of_invite = self.msg.cseq().is_ok_and(|cseq| cseq.method == Method::Invite);
        if !of_invite || self.msg.status().is_none_or(|status| status.code < 300) {
            return;
        }
        let branch = self.msg.top_via().ok().and_then(|own| own.branch().and_then(Branch::read));
        if let (Some(branch), Some(pins), Some(bytes)) = (branch, self.pins.as_mut(), self.out.get(from..)) {
            pins.repeat(&branch, hop, bytes);
        }
    }

    /// What the pin of its INVITE makes of a response.
    fn pinned(&mut self, own: &OwnVia<'_>) -> Option<Verdict> {
        let pins = self.pins.take()?;
        let branch = own.branch.and_then(Branch::read);
        let verdict = branch.and_then(|branch| pins.response(self, &branch));
        self.pins = Some(pins);
        verdict
    }

    fn is_ours(&self, via: &Via<'_>) -> bool {
        self.router.ours(&via.host, via.port_or_default()).is_some()
    }

    /// The Via as one of ours, if it is one.
    fn own<'v>(&self, via: &RawVia<'v>) -> Result<Option<OwnVia<'v>>, Error> {
        if let Some(own) = self.router.faces.iter().find_map(|faces| OwnVia::as_written(via, faces)) {
            return Ok(Some(own));
        }
        let via = via.read()?;
        Ok(self.is_ours(&via).then(|| OwnVia::of(&via)))
    }

    /// Takes the first Vias out, of which that is the first.
    fn take_vias_off(&mut self, top: &RawVia<'_>, count: usize) {
        match self.msg.first(Name::Via) {
            // Almost every Via has a line of its own.
            Some(line) if count == 1 && std::ptr::eq(line.value, top.as_bytes()) => {
                self.edits.remove(&self.msg, &line);
            }
            _ => self.edits.remove_first_values(&self.msg, Name::Via, count),
        }
    }

    fn pass_back(&mut self, own: &OwnVia<'_>, below: &Via<'_>) -> Verdict {
        let way_back = WayBack::read(&own.params, self.input.listener);
        let Some((transport, address)) = address(below).filter(|hop| self.may_pass_to(hop, &way_back)) else {
            return Verdict::Drop(Cause::NoAddress, None);
        };
        let Ok(listener) = self.router.sender(way_back.listener, transport, address.ip()) else {
            return Verdict::Drop(Cause::NoAddress, None);
        };
        if !self.inside {
            self.router.strip(&self.msg, self.edits);
        }
        self.edits.write_to(&self.msg, self.out);
        let WayBack { local, connection, scope, .. } = way_back;
        let address = with_scope(address, scope);
        let hop = Hop { listener, local, transport, address, connection, server: None };
        Verdict::Forward { hop, new_call: None }
    }

    /// Over a stream only to where a request came from over a stream. From outside, where all but branch and sent-by of the next
    /// Via may have been changed, only to where targets live.
    fn may_pass_to(&self, (transport, address): &(Transport, SocketAddr), way_back: &WayBack) -> bool {
        (*transport == Transport::Udp || way_back.connection.is_some())
            && (self.inside || self.router.is_inside(self.table, *address))
    }
}

/// RFC 3261 18.2.2.
fn address(via: &Via<'_>) -> Option<(Transport, SocketAddr)> {
    let transport = match via.transport {
        b"UDP" => Transport::Udp,
        name if name.eq_ignore_ascii_case(b"UDP") => Transport::Udp,
        name if name.eq_ignore_ascii_case(b"TCP") => Transport::Tcp,
        name if name.eq_ignore_ascii_case(b"TLS") => Transport::Tls,
        _ => return None,
    };
    Some((transport, via.response_address()?))
}
