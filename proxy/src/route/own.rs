//! Messages that nobody sent us: the INVITE of a pin again, and what we say of it ourselves.

use sip::{Message, Method, Name, NameAddr};

use super::forward::MAX_FORWARDS;
use super::request::Request;
use super::via::{Branch, WayBack};
use super::{Choice, Hop, Input, Router, Routing, Scratch, Verdict, Way};
use crate::pins::{Names, Site};
use crate::table::Table;

/// Where an INVITE went: the hop, the way to its target, that one's part of our branch, and for a target in the list
/// its place there.
pub(crate) type Sent = (Hop, Way, u32, Option<u16>);

impl Router {
    /// Writes an INVITE again, to the target that is chosen. `None` if there is none.
    pub(crate) fn invite_again(
        &self,
        input: &Input<'_>,
        table: &Table,
        choice: Choice<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Option<Sent> {
        let mut routing = self.open(input, table, scratch, out).ok()?;
        routing.choice = choice;
        let line = routing.msg.request()?;
        match routing.request(line) {
            Verdict::Forward { hop, new_call } => {
                let belongs = routing.belongs.unwrap_or(hop);
                Some((hop, Way::new(&belongs, &hop), self.hop_part(&belongs), new_call))
            }
            Verdict::Reply { .. } | Verdict::Answer(_) | Verdict::Drop(..) | Verdict::Wait => None,
        }
    }

    /// Writes an answer of our own to a pinned INVITE.
    pub(crate) fn own_reply(
        &self,
        input: &Input<'_>,
        table: &Table,
        (code, reason): (u16, &str),
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Option<Hop> {
        match self.open(input, table, scratch, out).ok()?.reply(code, reason, b"") {
            Verdict::Reply { hop, .. } => Some(hop),
            Verdict::Forward { .. } | Verdict::Answer(_) | Verdict::Drop(..) | Verdict::Wait => None,
        }
    }

    /// Writes CANCEL or ACK for a pinned INVITE as it went to `hop`, with that part of our branch: Request-URI, From, Call-ID and CSeq number are the
    /// INVITE's, To too unless another line is given; Route it had none (RFC 3261 9.1, 17.1.1.3).
    pub(crate) fn own_request(
        &self,
        input: &Input<'_>,
        (method, (hop, part), to): (Method<'_>, (&Hop, u32), Option<&[u8]>),
        table: &Table,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let routing = self.open(input, table, scratch, out).ok()?;
        let request = Request::read(&routing.msg, routing.msg.request()?).ok()?;
        let branch = Branch { hop: part, ..self.branch(&routing.msg, &request, hop) };
        let Routing { msg, out, .. } = routing;
        let uri = request.line.uri;
        OwnRequest { method, uri, branch, way_back: Some(input), to, cseq: request.cseq }
            .write(self, &msg, hop, out)
    }

    /// By what the pin of an INVITE that goes to `hop` is found.
    pub(super) fn names(&self, request: &Request<'_>, hop: &Hop) -> Names {
        Names { transaction: self.transaction(request), hop: self.hop_part(hop), call: self.call(request) }
    }
}

impl Routing<'_> {
    /// What messages of our own are made with.
    pub(crate) fn site(&self) -> Site<'_> {
        Site { router: self.router, table: self.table }
    }

    /// Writes ACK or BYE as the caller's end of the dialog that this 2xx makes. It goes to the target at once, without
    /// Route: nobody is between us (RFC 3261 13.2.2.4, 12.2.1.1).
    pub(crate) fn write_in_dialog(
        &self,
        method: Method<'_>,
        key: u64,
        hop: &Hop,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let contact = NameAddr::parse(self.msg.values(Name::Contact).next()?).ok()?.raw_uri;
        let cseq = self.msg.cseq().ok()?.number;
        // An ACK has no answer, and a BYE's finds the pin by its key.
        let next = u32::from(method == Method::Bye);
        let branch = Branch { transaction: key, hop: 0, loop_part: next };
        let cseq = cseq.saturating_add(next);
        OwnRequest { method, uri: contact, branch, way_back: None, to: None, cseq }.write(
            self.router,
            &self.msg,
            hop,
            out,
        )
    }
}

/// A request of our own to a target, about a call whose INVITE or answer is at hand.
struct OwnRequest<'a> {
    method: Method<'a>,
    uri: &'a [u8],
    branch: Branch,
    /// Where the INVITE came from, for the Via that it went on with.
    way_back: Option<&'a Input<'a>>,
    /// The To line, if it is not the message's at hand.
    to: Option<&'a [u8]>,
    cseq: u32,
}

impl OwnRequest<'_> {
    /// Writes it, with From, To and Call-ID as they stand in `msg`. `None` if one is missing.
    fn write(&self, router: &Router, msg: &Message<'_>, hop: &Hop, out: &mut Vec<u8>) -> Option<()> {
        let method = self.method.as_bytes();
        append(out, &[method, b" ", self.uri, b" SIP/2.0\r\n"]);
        out.extend_from_slice(router.faces.get(hop.listener)?.inside.via(hop.transport));
        self.branch.write(out);
        self.way_back.into_iter().for_each(|input| WayBack::write(input, hop, out));
        let to = self.to.or(msg.first(Name::To).map(|field| field.line))?;
        let [from, call_id] = [msg.first(Name::From)?.line, msg.first(Name::CallId)?.line];
        append(out, &[b"\r\n", MAX_FORWARDS, from, to, call_id, b"CSeq: "]);
        sip::write_number(out, self.cseq);
        append(out, &[b" ", method, b"\r\nContent-Length: 0\r\n\r\n"]);
        Some(())
    }
}

fn append(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
}

/// Writes what messages of our own about an INVITE are made of: its first line and the header fields that say who, where
/// and which. `None` if it cannot be read.
pub(crate) fn write_essence(invite: &[u8], scratch: &mut Scratch, out: &mut Vec<u8>) -> Option<()> {
    let msg = Message::parse(invite, &mut scratch.index, &sip::Limits::default()).ok()?;
    let line = msg.request()?;
    append(out, &[line.method.as_bytes(), b" ", line.uri, b" ", line.version, b"\r\n"]);
    for field in msg.fields() {
        use Name::{CSeq, CallId, From, Route, To, Via};
        if matches!(field.name, Via | Route | From | To | CallId | CSeq) {
            out.extend_from_slice(field.line);
        }
    }
    out.extend_from_slice(b"\r\n");
    Some(())
}
