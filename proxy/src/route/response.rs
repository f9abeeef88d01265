//! Responses follow Via alone (RFC 3261 16.7, 16.11, 18.2.2).

use std::net::SocketAddr;

use sip::{Name, Via};

use super::via::WayBack;
use super::{Cause, Hop, Routing, Transport, Verdict};

impl Routing<'_> {
    /// Takes our Via off and sends the response where the next one says.
    pub(super) fn response(&mut self) -> Verdict {
        if let Some(error) = self.msg.defect().or(self.msg.body().err()) {
            return Verdict::Drop(Cause::Malformed, Some(error));
        }
        // Where the next Via is ours again it is taken off here, and never sent out to come back.
        let mut own: Option<Via<'_>> = None;
        let mut below = None;
        let mut count = 0;
        for via in self.msg.vias() {
            let via = match via {
                Ok(via) => via,
                Err(error) => return Verdict::Drop(Cause::Malformed, Some(error)),
            };
            if self.router.ours(&via.host, via.port_or_default()).is_none() {
                below = Some(via);
                break;
            }
            own = Some(via);
            count += 1;
        }
        match (own, below) {
            (None, _) => Verdict::Drop(Cause::NotOurs, None),
            (Some(_), None) => Verdict::Drop(Cause::ForUs, None),
            // A forged response would make a reflector of us.
            (Some(own), Some(below)) if !self.inside && !self.router.wrote(&own, &below) => {
                Verdict::Drop(Cause::Unsolicited, None)
            }
            (Some(own), Some(below)) => self.pass_back(&own, &below, count),
        }
    }

    fn pass_back(&mut self, own: &Via<'_>, below: &Via<'_>, count: usize) -> Verdict {
        let way_back = WayBack::read(own, self.input.listener);
        let Some(hop) = address(below).filter(|_| way_back.listener < self.router.listeners.len()) else {
            return Verdict::Drop(Cause::NoAddress, None);
        };
        let (transport, address) = hop;
        self.edits.remove_values(&self.msg, Name::Via, |place, _| place < count);
        if !self.inside {
            self.router.strip(&self.msg, self.edits);
        }
        self.edits.write_to(&self.msg, self.out);
        let hop = Hop { listener: way_back.listener, transport, address, connection: way_back.connection };
        Verdict::Forward { hop, new_call: None }
    }
}

/// RFC 3261 18.2.2.
fn address(via: &Via<'_>) -> Option<(Transport, SocketAddr)> {
    let transport = match via.transport {
        name if name.eq_ignore_ascii_case(b"UDP") => Transport::Udp,
        name if name.eq_ignore_ascii_case(b"TCP") => Transport::Tcp,
        _ => return None,
    };
    Some((transport, via.response_address()?))
}
