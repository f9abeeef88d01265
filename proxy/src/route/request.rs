//! Requests: what is wrong with one, and whether it begins a dialog, belongs to one, or is for us.

use std::io::Write;
use std::net::SocketAddr;

use sip::{CSeq, Error, Message, Method, Name, NameAddr, Reply, RequestLine, Scheme, Tag, Uri, Via};

use super::forward::{Extras, RecordRoute};
use super::routes::{NoHop, OurRoutes};
use super::via::{scope, with_scope};
use super::{Cause, Choice, Hop, Input, Refused, Routing, Transport, Verdict};
use crate::pins::Kept;

/// What we answer OPTIONS with, and 405.
const ALLOW: &[u8] =
    b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, MESSAGE, SUBSCRIBE\r\n";

/// The parts of a request that every one has (RFC 3261 8.1.1), read.
pub(crate) struct Request<'a> {
    pub(crate) line: RequestLine<'a>,
    pub(super) uri: Uri<'a>,
    pub(super) via: Via<'a>,
    /// Whose URI is not read but for its user: it decides nothing (16.3, 1).
    pub(super) from: NameAddr<'a>,
    /// What the caller's side knows the dialog by.
    pub(super) from_tag: Option<&'a [u8]>,
    pub(super) to: NameAddr<'a>,
    pub(super) to_tag: Option<&'a [u8]>,
    /// The CSeq's number.
    pub(super) cseq: u32,
    pub(super) call_id: &'a [u8],
    pub(super) hops: Option<u8>,
}

impl<'a> Request<'a> {
    pub(super) fn read(msg: &Message<'a>, line: RequestLine<'a>) -> Result<Self, Error> {
        let CSeq { method, number: cseq } = msg.cseq()?;
        if method != line.method {
            return Err(Error::Contradiction("method in request line and CSeq"));
        }
        let (from, to) = (msg.from()?, msg.to()?);
        from.check_uri()?;
        to.check_uri()?;
        msg.check()?;
        Ok(Request {
            line,
            uri: Uri::parse(line.uri)?,
            via: msg.top_via()?,
            from,
            from_tag: from.tag(),
            to,
            to_tag: to.tag(),
            cseq,
            call_id: msg.call_id()?,
            hops: msg.max_forwards()?,
        })
    }

    /// Whether it belongs to a dialog (RFC 3261 12.2): then Route and Request-URI alone say where it goes.
    pub(crate) fn in_dialog(&self) -> bool {
        self.to_tag.is_some()
    }
}

impl<'r> Routing<'r> {
    /// Decides about a request.
    pub(super) fn request(&mut self, line: RequestLine<'r>) -> Verdict {
        if line.version != b"SIP/2.0" && !line.version.eq_ignore_ascii_case(b"SIP/2.0") {
            let is_sip = line.version.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"));
            return match is_sip {
                true => self.tell(505, "Version Not Supported", b""),
                false => self.tell(400, "Bad Request (expected SIP/2.0)", b""),
            };
        }
        // Where it is read, it stays: there is much of it.
        let read = Request::read(&self.msg, line);
        let request = match &read {
            Ok(request) => request,
            Err(error) => return self.tell(400, &format!("Bad Request ({error})"), b""),
        };
        if !request.uri.params.as_bytes().is_empty()
            && let Some(verdict) = self.without_our_maddr(request)
        {
            return verdict;
        }
        if let Some(last) = self.strict_router_before_us(request) {
            return self.take_request_uri_back(request, last);
        }
        if let Some(verdict) = self.follow_pin(request) {
            return verdict;
        }
        if let Some(verdict) = self.judge(request) {
            return verdict;
        }
        match (request.in_dialog(), self.inside) {
            (true, _) => self.go_on(request),
            (false, false) => self.begin_from_outside(request),
            (false, true) => self.begin_from_inside(request),
        }
    }

    /// What belongs to an INVITE that is under way is not judged again.
    fn follow_pin(&mut self, request: &Request<'_>) -> Option<Verdict> {
        let pins = self.pins.take()?;
        let verdict = pins.request(self, request);
        self.pins = Some(pins);
        verdict
    }

    /// RFC 3261 16.3: what is answered or absorbed whatever the request wants.
    fn judge(&mut self, request: &Request<'_>) -> Option<Verdict> {
        let method = request.line.method;
        if matches!(request.uri.scheme, Scheme::Other(_)) {
            return Some(self.tell(416, "Unsupported URI Scheme", b""));
        }
        let ours = self.router.our_uri(&request.uri).is_some();
        if method == Method::Options && ours && request.uri.user.is_none() && !request.in_dialog() {
            return Some(self.tell(200, "OK", ALLOW));
        }
        if request.hops == Some(0) {
            return Some(self.tell(483, "Too Many Hops", b""));
        }
        if !matches!(method, Method::Ack | Method::Cancel)
            && self.msg.first_line(Name::ProxyRequire).is_some()
            && self.msg.values(Name::ProxyRequire).next().is_some()
        {
            return Some(self.unsupported());
        }
        if method == Method::Ack && self.is_own_ack() {
            return Some(Verdict::Drop(Cause::OwnAck, None));
        }
        if self.router.is_loop(&self.msg, request) {
            return Some(self.tell(482, "Loop Detected", b""));
        }
        None
    }

    /// An ACK of a refusal of our own, signed with any key that is still in force.
    fn is_own_ack(&self) -> bool {
        Tag::acknowledged(&self.msg, &self.router.keys.tags)
    }

    /// RFC 3261 16.3.5: we have no extensions.
    fn unsupported(&mut self) -> Verdict {
        let mut line = b"Unsupported: ".to_vec();
        for (place, value) in self.msg.values(Name::ProxyRequire).enumerate() {
            line.extend_from_slice(if place > 0 { b", " } else { b"" });
            line.extend(value.iter().filter(|byte| byte.is_ascii_graphic()));
        }
        line.extend_from_slice(b"\r\n");
        self.tell(420, "Bad Extension", &line)
    }

    /// A request that belongs to no dialog yet, from a caller.
    fn begin_from_outside(&mut self, request: &Request<'_>) -> Verdict {
        let method = request.line.method;
        if !matches!(method, Method::Invite | Method::Ack | Method::Cancel | Method::Options) {
            return self.tell(405, "Method Not Allowed", ALLOW);
        }
        // What belongs to an INVITE that is under way was judged with that.
        if self.choice == Choice::Any {
            if !self.may_call() {
                return self.refuse();
            }
            if method == Method::Invite && !self.is_admitted() {
                return self.put_off(request);
            }
        }
        // Carriers send private addresses of their own in Route; a new call goes to a target.
        self.dispatch_without_routes(request)
    }

    /// A request that belongs to no dialog yet, from a target: to another target, or out.
    fn begin_from_inside(&mut self, request: &Request<'_>) -> Verdict {
        let routes = self.our_routes();
        let listener = routes.listener.unwrap_or(self.input.listener);
        if self.leads_to_us(request, routes) {
            self.take_off(routes.taken);
            return self.dispatch(request, listener, RecordRoute::Inside);
        }
        let begins_dialog = matches!(request.line.method, Method::Invite | Method::Subscribe | Method::Refer);
        let record_route = begins_dialog.then_some(RecordRoute::Through);
        let sips = routes.next_is_sips();
        self.follow(request, routes, Extras { record_route, sips, ..Extras::default() })
    }

    /// A request of a dialog: it carries all that is to be known.
    fn go_on(&mut self, request: &Request<'_>) -> Verdict {
        let routes = self.our_routes();
        if !self.inside && !routes.found {
            if self.router.our_uri(&request.uri).is_none() && !self.may_be_of_a_refusal(request) {
                return self.tell(404, "Not Found", b"");
            }
            if !self.may_call() {
                return self.refuse();
            }
            // The caller ignores Record-Route. Route values that it has are those which its INVITE lost here.
            return self.dispatch_without_routes(request);
        }
        if self.leads_to_us(request, routes) {
            // Whoever may call has calls; anybody else has to prove that this is one.
            if !self.inside && !self.may_call() && self.token_of(request, &routes).is_none() {
                return self.refuse();
            }
            self.take_off(routes.taken);
            let listener = routes.listener.unwrap_or(self.input.listener);
            return self.dispatch(request, listener, RecordRoute::Through);
        }
        self.follow(request, routes, Extras::default())
    }

    /// Whether the limits let a new call in.
    fn is_admitted(&mut self) -> bool {
        let router = self.router;
        if router.guard.is_set() {
            let source = router.hash_source(self.input.source.ip());
            self.notes.limited = router.guard.admit(source, self.input.now).err();
        }
        self.notes.limited.is_none()
    }

    /// RFC 3261 21.5.4: for a short time. Nothing is kept of the call.
    fn put_off(&mut self, request: &Request<'_>) -> Verdict {
        let seconds = self.router.guard.retry_after(self.router.transaction(request));
        let mut line = [0; 32];
        let mut rest = &mut line[..];
        let _ = write!(rest, "Retry-After: {seconds}\r\n");
        let length = 32 - rest.len();
        self.reply(503, "Too Many Calls", line.get(..length).unwrap_or_default())
    }

    /// Whether the source may start calls.
    pub(super) fn may_call(&self) -> bool {
        let access = self.router.access.load();
        access.as_ref().is_some_and(|access| access.contains(self.input.source.ip()))
    }

    /// What sources get that may not.
    fn refuse(&mut self) -> Verdict {
        self.tell(403, "Forbidden", b"")
    }

    /// Answers the request ourselves, whatever it was, unless it is from somebody who may not call and such are to get
    /// nothing: the source may be forged, and the answer reach somebody else.
    pub(super) fn tell(&mut self, code: u16, reason: &str, headers: &[u8]) -> Verdict {
        match self.router.refused {
            Refused::Drop if !self.inside && !self.may_call() => Verdict::Drop(Cause::Refused, None),
            Refused::Drop | Refused::Forbidden => self.reply(code, reason, headers),
        }
    }

    /// Whether this may be the ACK of a target's refusal. It has the Request-URI and the Route of its INVITE
    /// (17.1.1.3), which may name anybody and went to a target all the same; so does this, and to nobody else.
    fn may_be_of_a_refusal(&self, request: &Request<'_>) -> bool {
        request.line.method == Method::Ack && !self.inside && self.may_call()
    }

    /// Whether nothing but us is left as the next hop.
    fn leads_to_us(&self, request: &Request<'_>, routes: OurRoutes<'_>) -> bool {
        routes.next.is_none() && self.router.our_uri(&request.uri).is_some()
    }

    /// From outside, to the target of the call's Call-ID, whatever Route says.
    pub(crate) fn dispatch_without_routes(&mut self, request: &Request<'_>) -> Verdict {
        self.edits.remove_values(&self.msg, Name::Route, |_, _| true);
        self.dispatch(request, self.input.listener, RecordRoute::Through)
    }

    /// To the target of the call's Call-ID: new calls, and what follows them without knowing a way of its own.
    fn dispatch(&mut self, request: &Request<'_>, listener: usize, record_route: RecordRoute) -> Verdict {
        let begins_call = request.line.method == Method::Invite && !request.in_dialog();
        if begins_call && request.uri.user.is_none() {
            return self.tell(484, "Address Incomplete", b"");
        }
        let Some((place, transport, address)) = self.choose(request, listener) else {
            return self.tell(500, "No Destination available", b"");
        };
        let listener = match self.router.sender(listener, transport, address.ip()) {
            Ok(listener) => listener,
            Err(why) => return self.no_hop(why),
        };
        let hop = Hop { listener, local: None, transport, address, connection: None, server: None };
        let extras = Extras {
            record_route: begins_call.then_some(record_route),
            added_headers: begins_call && !self.inside,
            sips: false,
            new_call: place.filter(|_| begins_call),
            search: place.is_some() && self.may_search(request),
        };
        let verdict = self.forward(request, hop, extras);
        if begins_call && let Verdict::Forward { hop: sent, .. } = verdict {
            self.pin(request, &hop, &sent, Kept::Call);
        }
        verdict
    }

    /// Whether other targets may be asked for a dialog that the first does not know. Never for ACK, which has no answer,
    /// and CANCEL, which follows its INVITE; nor for what targets send, who know their way.
    fn may_search(&self, request: &Request<'_>) -> bool {
        request.in_dialog()
            && !self.inside
            && self.choice == Choice::Any
            && !matches!(request.line.method, Method::Ack | Method::Cancel)
    }

    /// The target: its place in the table unless it has left that, how it is spoken to, and where.
    fn choose(&self, request: &Request<'_>, listener: usize) -> Option<(Option<u16>, Transport, SocketAddr)> {
        let skip = match self.choice {
            Choice::Only(way) => return Some((None, way.transport, way.address)),
            Choice::Skip(tried) => tried,
            Choice::Any => &[],
        };
        if request.in_dialog()
            && let Some(pins) = &self.pins
            && let Some(way) = pins.target_of_call(self.router.call(request))
        {
            return Some((None, way.transport, way.address));
        }
        let port_name = self.router.listeners.get(listener).map_or("", |listener| &listener.port_name);
        let (place, endpoint) = match request.in_dialog() && !skip.is_empty() {
            true => self.table.pick_holder(port_name, request.call_id, skip)?,
            // Whom a dialog belongs to is nothing that a target's load changes.
            false if request.in_dialog() => self.table.pick(port_name, request.call_id, skip)?,
            false => self.table.choose(port_name, request.call_id, skip, self.input.now)?,
        };
        Some((Some(place), endpoint.transport, endpoint.address))
    }

    /// To where Route and Request-URI say.
    fn follow(&mut self, request: &Request<'_>, routes: OurRoutes<'_>, extras: Extras) -> Verdict {
        match self.next_hop(request, routes) {
            Ok(hop) => self.forward(request, hop, extras),
            Err(NoHop::Forbidden | NoHop::NoAddress | NoHop::Unanswered)
                if self.may_be_of_a_refusal(request) =>
            {
                self.edits.clear();
                self.dispatch_without_routes(request)
            }
            Err(why) => self.no_hop(why),
        }
    }

    /// Says why there is no next hop.
    fn no_hop(&mut self, why: NoHop) -> Verdict {
        match why {
            NoHop::Malformed(error) => self.tell(400, &format!("Bad Request ({error})"), b""),
            NoHop::Forbidden => self.tell(403, "Forbidden", b""),
            NoHop::Name => self.tell(500, "Next Hop Is No Host Name", b""),
            NoHop::Unresolved => Verdict::Wait,
            // RFC 3263 4.3, RFC 3261 16.7: no 503, which would say that others should be asked for everything else, too.
            NoHop::NoAddress => self.tell(500, "Next Hop Has No Address", b""),
            NoHop::Unanswered => self.tell(504, "No Answer From DNS", b""),
            NoHop::Transport => self.tell(500, "Next Hop Wants Another Transport", b""),
            NoHop::Family => self.tell(500, "Next Hop Has Another IP Version", b""),
        }
    }

    /// Writes an answer of our own (RFC 3261 8.2.6) to somebody who may have one; an ACK is never answered.
    pub(crate) fn reply(&mut self, code: u16, reason: &str, headers: &[u8]) -> Verdict {
        if self.msg.request().is_some_and(|line| line.method == Method::Ack) {
            return Verdict::Drop(Cause::Ack, None);
        }
        let via = match self.msg.top_via() {
            Ok(via) => via,
            Err(error) => return Verdict::Drop(Cause::Malformed, Some(error)),
        };
        let Input { source, local, listener, transport, connection, .. } = self.input;
        let tag = self.router.keys.tags.first().filter(|_| code != 100).map(|key| Tag::of(key, &self.msg));
        let force_rport = self.router.force_rport;
        Reply { code, reason, headers, tag, source, force_rport }.write(&self.msg, self.out);
        // Back to where it came from, and not to a maddr: nobody has vouched for this request.
        let port = match transport {
            Transport::Udp => via.stamp(source, force_rport).reply_port(),
            Transport::Tcp | Transport::Tls => source.port(),
        };
        let address = with_scope(SocketAddr::new(source.ip(), port), scope(source));
        let hop = Hop { listener, local, transport, address, connection, server: None };
        Verdict::Reply { hop, code }
    }
}
