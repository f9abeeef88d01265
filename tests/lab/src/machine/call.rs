//! One call at an answering machine: a server transaction, then a dialog.
//!
//! No socket and no clock in here: requests and `now` come in, [`Action`]s go out.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::report::CallRecord;
use super::{Action, Behaviour};
use crate::signalling::resend::GIVE_UP;
use crate::signalling::respond::{respond, respond_in_dialog};
use crate::signalling::{Dialog, Draft, Due, Ids, Incoming, Resend, SDP, Side, Start, sdp};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The INVITE has no final answer yet.
    Ringing,
    /// Refused, and repeating that until the ACK comes.
    Refused,
    /// Answered, and repeating that until the ACK comes.
    Answered,
    /// Both sides talk.
    Talking,
    /// Our BYE has no answer yet.
    Leaving,
    /// Only retransmissions are still answered.
    Over,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) record: CallRecord,
    tag: String,
    contact: String,
    behaviour: Behaviour,
    state: State,
    dialog: Dialog,
    ids: Ids,
    media: Option<SocketAddr>,
    /// Header fields of the final answer to the INVITE, besides those that it must have.
    pub(crate) headers: Vec<(String, String)>,
    /// What an INVITE that comes again is answered with.
    last_answer: Option<Vec<u8>>,
    /// What other requests that come again are answered with, by transaction.
    answers: HashMap<String, Vec<u8>>,
    /// CSeq numbers of the ACKs seen.
    acknowledged: Vec<u32>,
    resend: Option<Resend>,
    /// The answer to our REFER, and what the other end said then of its own call.
    pub(crate) referred: (Option<u16>, Option<u16>),
    /// When ringing ends, or when we hang up.
    wake: Option<Instant>,
    forget: Option<Instant>,
}

impl Call {
    pub(crate) fn new(record: CallRecord, behaviour: Behaviour, here: SocketAddr, mut ids: Ids) -> Self {
        let tag = ids.word();
        let user = &record.user;
        let contact = if user.is_empty() { format!("sip:{here}") } else { format!("sip:{user}@{here}") };
        let dialog = Dialog::of_callee(&record.invite, &tag, here, ids.cseq());
        Self {
            record,
            tag,
            contact,
            behaviour,
            state: State::Ringing,
            dialog,
            ids,
            media: None,
            headers: Vec::new(),
            last_answer: None,
            answers: HashMap::new(),
            acknowledged: Vec::new(),
            resend: None,
            referred: (None, None),
            wake: None,
            forget: None,
        }
    }

    /// The To tag of this call, which names it.
    pub(crate) fn tag(&self) -> &str {
        &self.tag
    }

    /// When [`Call::timeout`] is to be asked next.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let resend = self.resend.as_ref().map(Resend::next);
        [resend, self.wake, self.forget].into_iter().flatten().min()
    }

    /// True once nothing about this call needs an answer any more.
    pub(crate) fn is_forgotten(&self, now: Instant) -> bool {
        self.forget.is_some_and(|at| at <= now)
    }

    /// Says that it rings.
    pub(crate) fn ring(&mut self, out: &mut Vec<Action>) {
        if self.state == State::Ringing {
            self.answer_invite(self.to_invite(180).end(), out);
        }
    }

    /// Asks the other end to call somebody else (RFC 3515).
    pub(crate) fn refer(&mut self, to: &str, now: Instant, out: &mut Vec<Action>) {
        let (cseq, branch) = (self.dialog.next_cseq(), self.ids.branch());
        let contact = self.contact.clone();
        let draft = self.dialog.request("REFER", cseq, &branch).header("Contact", format!("<{contact}>"));
        let refer = draft.header("Refer-To", to).header("Referred-By", format!("<{contact}>")).end();
        if let (State::Talking, Ok(to)) = (self.state, self.dialog.next_hop()) {
            self.referred = (None, None);
            self.resend = Some(Resend::other(refer.clone(), to, now));
            out.push(Action::Send { to, bytes: refer });
        }
    }

    /// Gives the first answers to the INVITE.
    pub(crate) fn begin(&mut self, now: Instant, out: &mut Vec<Action>) {
        let ringing = match self.behaviour {
            Behaviour::Silent => {
                self.record.ended = Some(now);
                // Whoever hears nothing may still send it when others have long been done.
                self.forget = Some(now + 2 * GIVE_UP);
                return;
            }
            Behaviour::Refuse { ringing, code } if ringing.is_zero() => {
                return self.refuse(code, now, out);
            }
            Behaviour::Refuse { ringing, .. } | Behaviour::Answer { ringing, .. } => Some(ringing),
            Behaviour::Ring => None,
            Behaviour::Wait => {
                let trying = respond(&self.record.invite, self.record.source, 100, None).end();
                return self.answer_invite(trying, out);
            }
        };
        self.answer_invite(respond(&self.record.invite, self.record.source, 100, None).end(), out);
        self.answer_invite(self.to_invite(180).end(), out);
        self.wake = ringing.map(|ringing| now + ringing);
    }

    /// Answers an INVITE that came again as it was answered before (RFC 3261 17.2.1).
    pub(crate) fn repeat(&mut self, out: &mut Vec<Action>) {
        self.record.repeated += 1;
        if let Some(answer) = self.last_answer.clone() {
            let to = self.record.invite.reply_address(self.record.source);
            out.push(Action::Send { to, bytes: answer });
        }
    }

    /// The media port is open: answers the INVITE.
    pub(crate) fn audio_opened(&mut self, media: SocketAddr, now: Instant, out: &mut Vec<Action>) {
        self.media = Some(media);
        let answer =
            self.with_headers(self.to_invite(200)).body(SDP, &sdp::describe(media, self.ids.number() >> 33));
        self.record.status = Some(200);
        self.state = State::Answered;
        self.finally(answer, now, out);
    }

    /// There is no media port.
    pub(super) fn audio_failed(&mut self, why: String, now: Instant, out: &mut Vec<Action>) {
        self.record.failure = Some(why);
        self.refuse(500, now, out);
    }

    /// Takes in a CANCEL for the INVITE (RFC 3261 9.2).
    pub(crate) fn cancel(
        &mut self,
        cancel: &Incoming,
        source: SocketAddr,
        now: Instant,
        out: &mut Vec<Action>,
    ) {
        if self.behaviour == Behaviour::Silent || self.came_before(cancel, source, out) {
            return;
        }
        self.record.requests.push(cancel.method.clone());
        self.answer(cancel, source, respond(cancel, source, 200, Some(&self.tag)).end(), out);
        if self.state == State::Ringing {
            self.record.hung_up_by = Some(Side::Caller);
            self.refuse(487, now, out);
        }
    }

    /// Takes in a request that carries our tag.
    pub(crate) fn request(
        &mut self,
        request: &Incoming,
        source: SocketAddr,
        now: Instant,
        out: &mut Vec<Action>,
    ) {
        if request.method == "ACK" {
            return self.acknowledge(request, now, out);
        }
        if self.came_before(request, source, out) {
            return;
        }
        self.record.requests.push(request.method.clone());
        if self.state == State::Over {
            return self.answer(request, source, respond(request, source, 481, None).end(), out);
        }
        match request.method.as_str() {
            "BYE" => {
                self.record.hung_up_by.get_or_insert(Side::Caller);
                self.answer(request, source, respond(request, source, 200, None).end(), out);
                self.end(now, out);
            }
            "INVITE" | "UPDATE" => self.renegotiate(request, source, now, out),
            "INFO" | "OPTIONS" | "PRACK" | "MESSAGE" | "NOTIFY" | "CANCEL" => {
                if request.method == "NOTIFY" {
                    self.referred.1 = sip_fragment(&request.body).or(self.referred.1);
                }
                self.answer(request, source, respond(request, source, 200, None).end(), out);
            }
            _ => self.answer(request, source, respond(request, source, 405, None).end(), out),
        }
    }

    /// Takes in a response to our BYE.
    pub(crate) fn response(&mut self, response: &Incoming, now: Instant, out: &mut Vec<Action>) {
        let Start::Response(code) = response.start else { return };
        if response.method == "REFER" && code >= 200 {
            self.referred.0 = Some(code);
            self.resend = None;
            return;
        }
        if self.state != State::Leaving || response.method != "BYE" {
            return;
        }
        if code < 200 {
            if let Some(resend) = &mut self.resend {
                resend.slow_down();
            }
            return;
        }
        self.record.bye_status = Some(code);
        self.end(now, out);
    }

    /// Does what is due.
    pub(crate) fn timeout(&mut self, now: Instant, out: &mut Vec<Action>) {
        match self.resend.as_mut().map(|resend| resend.due(now)) {
            Some(Due::Again) => self.send_again(out),
            Some(Due::GiveUp) => self.give_up(now, out),
            Some(Due::Wait) | None => {}
        }
        if self.wake.is_none_or(|at| at > now) {
            return;
        }
        self.wake = None;
        match (self.state, self.behaviour) {
            (State::Ringing, Behaviour::Refuse { code, .. }) => self.refuse(code, now, out),
            (State::Ringing, Behaviour::Answer { source, .. }) => {
                let peer = sdp::audio_address(&self.record.invite.body);
                out.push(Action::OpenAudio { call: self.tag.clone(), peer, source });
            }
            (State::Talking, _) => self.hang_up(now, out),
            _ => {}
        }
    }

    fn to_invite(&self, code: u16) -> Draft {
        respond_in_dialog(&self.record.invite, self.record.source, code, &self.tag, &self.contact)
    }

    fn answer_invite(&mut self, answer: Vec<u8>, out: &mut Vec<Action>) {
        self.last_answer = Some(answer.clone());
        let to = self.record.invite.reply_address(self.record.source);
        out.push(Action::Send { to, bytes: answer });
    }

    /// Gives a final answer. RFC 3261 17.2.1 and 13.3.1.4: it is repeated until the ACK comes.
    fn finally(&mut self, answer: Vec<u8>, now: Instant, out: &mut Vec<Action>) {
        let to = self.record.invite.reply_address(self.record.source);
        self.resend = Some(Resend::other(answer.clone(), to, now));
        self.answer_invite(answer, out);
    }

    fn with_headers(&self, answer: Draft) -> Draft {
        self.headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value))
    }

    /// Refuses the INVITE.
    pub(crate) fn refuse(&mut self, code: u16, now: Instant, out: &mut Vec<Action>) {
        self.wake = None;
        self.record.status = Some(code);
        self.record.ended.get_or_insert(now);
        self.state = State::Refused;
        let answer = respond(&self.record.invite, self.record.source, code, Some(&self.tag));
        let answer = self.with_headers(answer).end();
        self.finally(answer, now, out);
    }

    /// Notes an answer for the case that its request comes again, and sends it.
    fn answer(&mut self, request: &Incoming, source: SocketAddr, answer: Vec<u8>, out: &mut Vec<Action>) {
        let key = format!("{} {}", request.method, request.transaction);
        self.answers.insert(key, answer.clone());
        out.push(Action::Send { to: request.reply_address(source), bytes: answer });
    }

    /// RFC 3261 17.2.2: a request that comes again gets the same answer again.
    fn came_before(&mut self, request: &Incoming, source: SocketAddr, out: &mut Vec<Action>) -> bool {
        let Some(answer) = self.answers.get(&format!("{} {}", request.method, request.transaction)) else {
            return false;
        };
        out.push(Action::Send { to: request.reply_address(source), bytes: answer.clone() });
        self.record.repeated += 1;
        true
    }

    fn acknowledge(&mut self, ack: &Incoming, now: Instant, out: &mut Vec<Action>) {
        if self.acknowledged.contains(&ack.cseq) {
            self.record.repeated += 1;
            return;
        }
        self.acknowledged.push(ack.cseq);
        self.record.requests.push(ack.method.clone());
        if let Some(peer) = sdp::audio_address(&ack.body) {
            out.push(Action::RedirectAudio { call: self.tag.clone(), peer });
        }
        match self.state {
            State::Refused => {
                self.record.acknowledged = true;
                self.end(now, out);
            }
            State::Answered => {
                self.record.acknowledged = true;
                self.resend = None;
                self.state = State::Talking;
                self.wake = self.hang_up_after().map(|time| now + time);
            }
            // The answer to a re-INVITE.
            State::Talking => self.resend = None,
            State::Ringing | State::Leaving | State::Over => {}
        }
    }

    fn hang_up_after(&self) -> Option<Duration> {
        match self.behaviour {
            Behaviour::Answer { hang_up_after, .. } => hang_up_after,
            _ => None,
        }
    }

    fn renegotiate(&mut self, request: &Incoming, source: SocketAddr, now: Instant, out: &mut Vec<Action>) {
        self.dialog.refresh(request.contact.as_deref());
        let peer = sdp::audio_address(&request.body);
        if let Some(peer) = peer {
            out.push(Action::RedirectAudio { call: self.tag.clone(), peer });
        }
        let draft = respond_in_dialog(request, source, 200, &self.tag, &self.contact);
        let answer = match self.media {
            // RFC 3261 14.2: an INVITE without an offer is answered with one; an UPDATE without one is not.
            Some(media) if peer.is_some() || request.method == "INVITE" => {
                draft.body(SDP, &sdp::describe(media, 1))
            }
            _ => draft.end(),
        };
        if request.method == "INVITE" {
            self.resend = Some(Resend::other(answer.clone(), request.reply_address(source), now));
        }
        self.answer(request, source, answer, out);
    }

    /// Ends an answered call.
    pub(crate) fn hang_up(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.record.hung_up_by = Some(Side::Callee);
        out.push(Action::CloseAudio { call: self.tag.clone() });
        let (cseq, branch) = (self.dialog.next_cseq(), self.ids.branch());
        let bye = self.dialog.request("BYE", cseq, &branch).end();
        match self.dialog.next_hop() {
            Ok(to) => {
                self.state = State::Leaving;
                self.resend = Some(Resend::other(bye.clone(), to, now));
                out.push(Action::Send { to, bytes: bye });
            }
            Err(error) => {
                self.record.failure = Some(format!("no way for the BYE: {error:#}"));
                self.end(now, out);
            }
        }
    }

    fn send_again(&mut self, out: &mut Vec<Action>) {
        if let Some(resend) = &self.resend {
            self.record.resent += 1;
            out.push(Action::Send { to: resend.to, bytes: resend.bytes.clone() });
        }
    }

    fn give_up(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.resend = None;
        let what =
            if self.state == State::Leaving { "no answer to the BYE" } else { "no ACK of the final answer" };
        self.record.failure = Some(what.to_owned());
        match self.state {
            // RFC 3261 13.3.1.4: an answer that nobody acknowledges is taken back by BYE.
            State::Answered | State::Talking => self.hang_up(now, out),
            _ => self.end(now, out),
        }
    }

    fn end(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.media.is_some() {
            out.push(Action::CloseAudio { call: self.tag.clone() });
        }
        self.state = State::Over;
        self.record.ended.get_or_insert(now);
        self.resend = None;
        self.wake = None;
        self.forget = Some(now + GIVE_UP);
    }
}

/// The final status in a `message/sipfrag`.
fn sip_fragment(body: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(body).ok()?;
    let code: u16 = text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()?;
    (code >= 200).then_some(code)
}
