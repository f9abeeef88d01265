//! What changes in a request that is forwarded (RFC 3261 16.6). All else leaves as it came.

use std::net::SocketAddr;

use sip::{Edits, Message, Method, Name, Scheme};

use super::request::Request;
use super::token::{Claims, Direction, hour};
use super::via::WayBack;
use super::{Choice, Hop, Router, Routing, Transport, Verdict, Way};
use crate::pins::Kept;

/// What Max-Forwards begins with (RFC 3261 8.1.1.6).
pub(super) const MAX_FORWARDS: &[u8] = b"Max-Forwards: 70\r\n";

/// What a request gets besides our Via.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extras {
    /// Record-Route: both sides, or the inner one alone.
    pub(super) record_route: Option<RecordRoute>,
    /// Whether what comes next was named by a sips URI.
    pub(super) sips: bool,
    /// The header fields of `headers.add`.
    pub(super) added_headers: bool,
    /// For a new call: its target's place in the table.
    pub(super) new_call: Option<u16>,
    /// For a request of a dialog: whether its target is a guess, and others are to be asked if that does not know it.
    pub(super) search: bool,
}

/// Which sides of us a dialog runs through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordRoute {
    /// From one side to the other.
    Through,
    /// From a target to a target.
    Inside,
}

impl Routing<'_> {
    /// Writes the request as it goes to `hop`.
    pub(super) fn forward(&mut self, request: &Request<'_>, hop: Hop, extras: Extras) -> Verdict {
        let (Some(top), Some(last)) = (self.msg.first_line(Name::Via), self.msg.last_line()) else {
            return self.tell(400, "Bad Request", b"");
        };
        let to_inside = self.router.is_inside(self.table, hop.address);
        let sips = extras.sips || request.uri.scheme == Scheme::Sips;
        // Above our Via, for simple peers read no further in the topmost ones than to the first line of another name.
        self.record_route(request, top, &hop, to_inside, extras.record_route, sips);
        self.add_via(request, top, &hop, to_inside);
        self.count_down(request.hops, top);
        if !self.inside {
            self.router.strip(&self.msg, self.edits);
        }
        if extras.added_headers {
            let (router, source) = (self.router, self.input.source);
            self.edits.insert_after(&self.msg, last, |out| router.headers.write_added(request, source, out));
        }
        let from = self.out.len();
        self.edits.write_to(&self.msg, self.out);
        let sent = self.by_size(hop, from);
        if extras.search {
            self.pin(request, &hop, &sent, Kept::Search);
        } else if sent.transport != hop.transport
            && request.in_dialog()
            && request.line.method == Method::Invite
        {
            self.pin(request, &hop, &sent, Kept::Note);
        }
        Verdict::Forward { hop: sent, new_call: extras.new_call }
    }

    /// RFC 3261 18.1.1: a request that is too large for a datagram goes to its target by TCP, if that takes any. Only
    /// the transport in our Via tells: all else, its branch too, is that of the datagram which it would have been, and
    /// which it becomes if the connection fails. What belongs to an INVITE goes as that went, whatever its size.
    fn by_size(&mut self, hop: Hop, from: usize) -> Hop {
        let too_large = self.out.len() - from > self.router.largest_datagram;
        let tcp = match self.choice {
            Choice::Only(way) if way.address == hop.address && way.transport == hop.transport => {
                way.over_tcp.map(|port| SocketAddr::new(hop.address.ip(), port.get()))
            }
            _ if too_large && hop.transport == Transport::Udp => {
                self.table.tcp_beside(hop.address, self.input.now)
            }
            _ => None,
        };
        match tcp {
            Some(address) if in_via(self.out.get_mut(from..).unwrap_or_default(), b"UDP", b"TCP") => {
                self.belongs = Some(hop);
                Hop { transport: Transport::Tcp, address, ..hop }
            }
            _ => hop,
        }
    }

    /// Keeps a request that was just forwarded, if it is the first time. Answers come to the listener that sends, whose
    /// pins may be others.
    pub(super) fn pin(&mut self, request: &Request<'_>, hop: &Hop, sent: &Hop, kept: Kept) {
        if self.router.share_pins(hop.listener, self.input.listener)
            && self.choice == Choice::Any
            && let Some(pins) = self.pins.as_mut()
        {
            let way = Way::new(hop, sent);
            pins.begin(self.router.names(request, hop), &self.input, (hop.listener, way), kept);
        }
    }

    /// RFC 3261 16.6.4, RFC 5658: above all others, the side that the next hop sees first.
    fn record_route(
        &mut self,
        request: &Request<'_>,
        top: &[u8],
        hop: &Hop,
        to_inside: bool,
        which: Option<RecordRoute>,
        sips: bool,
    ) {
        let faces = |listener: usize| self.router.faces.get(listener);
        let (Some(which), Some(from), Some(to)) = (which, faces(self.input.listener), faces(hop.listener))
        else {
            return;
        };
        let near = if self.inside { &from.inside } else { &from.outside };
        let far = if to_inside { &to.inside } else { &to.outside };
        let arrival = self.input.transport;
        let same = arrival == hop.transport && near.authority(arrival) == far.authority(arrival);
        let paired = which == RecordRoute::Through && !same;
        let place = self.msg.first_line(Name::RecordRoute).unwrap_or(top);
        let far_side = far.side(hop.transport);
        let claims = Claims {
            direction: match (self.inside, to_inside) {
                (false, _) => Direction::In,
                (true, false) => Direction::Out,
                (true, true) => Direction::Inside,
            },
            sides: [far_side, if paired { near.side(arrival) } else { far_side }],
            call_id: request.call_id,
            tag: request.from_tag.unwrap_or_default(),
            hour: hour(self.input.now),
            caller: self.caller_behind_nat(request),
        };
        // There always is one: `Keys` are not made without a secret.
        let Some(key) = self.router.keys.tokens.first() else { return };
        self.edits.insert_before(&self.msg, place, |out| {
            out.extend_from_slice(far.record_route(hop.transport, paired, sips));
            let from = out.len();
            claims.write(key, out);
            let to = out.len();
            out.extend_from_slice(b">\r\n");
            if paired {
                out.extend_from_slice(near.record_route(arrival, paired, sips));
                out.extend_from_within(from..to);
                out.extend_from_slice(b">\r\n");
            }
        });
    }

    /// RFC 3261 16.6.8, and 18.2.1 for the Via of the element before us.
    fn add_via(&mut self, request: &Request<'_>, top: &[u8], hop: &Hop, to_inside: bool) {
        let Some(faces) = self.router.faces.get(hop.listener) else { return };
        let branch = self.router.branch(&self.msg, request, hop);
        let input = self.input;
        self.edits.insert_before(&self.msg, top, |out| {
            let face = if to_inside { &faces.inside } else { &faces.outside };
            out.extend_from_slice(face.via(hop.transport));
            branch.write(out);
            if !to_inside {
                // Our packets may leave through a NAT gateway (RFC 3581 3).
                out.extend_from_slice(b";rport");
            }
            WayBack::write(&input, hop, out);
            out.extend_from_slice(b"\r\n");
        });
        let mut stamp = request.via.stamp(input.source, self.router.force_rport);
        if !self.inside {
            stamp = stamp.without_maddr();
        }
        if !stamp.is_empty() {
            self.edits.replace(&self.msg, request.via.raw, |out| stamp.write(out));
        }
    }

    /// RFC 3261 16.6.3.
    fn count_down(&mut self, hops: Option<u8>, top: &[u8]) {
        match (hops, self.msg.first_value(Name::MaxForwards)) {
            (Some(hops), Some((value, again))) => {
                let hops = u32::from(hops.saturating_sub(1));
                self.edits.replace(&self.msg, value, |out| sip::write_number(out, hops));
                // Said twice and left once, it would contradict itself at the next element.
                if again {
                    for field in self.msg.all(Name::MaxForwards).skip(1) {
                        self.edits.remove(&self.msg, &field);
                    }
                }
            }
            _ => self.edits.insert_before(&self.msg, top, |out| out.extend_from_slice(MAX_FORWARDS)),
        }
    }
}

/// Makes a datagram of a request of ours that was to go by TCP for its size.
pub(crate) fn by_datagram(request: &mut [u8]) -> bool {
    in_via(request, b"TCP", b"UDP")
}

/// Changes the transport in the topmost Via, which is one of ours. Returns whether it stood there.
fn in_via(message: &mut [u8], from: &[u8; 3], to: &[u8; 3]) -> bool {
    const START: &[u8] = b"\nVia: SIP/2.0/";
    let at = message.windows(START.len()).position(|bytes| bytes == START).map(|at| at + START.len());
    match at.and_then(|at| message.get_mut(at..at + from.len())) {
        Some(transport) if transport == from => {
            transport.copy_from_slice(to);
            true
        }
        _ => false,
    }
}

impl Router {
    /// Takes out what nobody outside may set.
    pub(super) fn strip(&self, msg: &Message<'_>, edits: &mut Edits) {
        for field in self.headers.stripped(msg) {
            edits.remove(msg, &field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_made_of_a_request_that_was_to_go_by_tcp_and_of_nothing_else() {
        let of = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            let was = by_datagram(&mut bytes);
            (was, String::from_utf8(bytes).unwrap())
        };
        let text = |via: &str| {
            format!("INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/{via} b;c\r\nVia: SIP/2.0/TCP d\r\n\r\n")
        };
        assert_eq!(of(&text("TCP")), (true, text("UDP")));
        for other in
            [text("UDP"), text("TLS"), "INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/TC".to_owned(), String::new()]
        {
            assert_eq!(of(&other), (false, other));
        }
    }
}
