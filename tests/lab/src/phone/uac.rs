//! One call of a telephone: the INVITE's client transaction, then a dialog.
//!
//! No socket and no clock in here: messages and `now` come in, [`Action`]s go out.

mod talk;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Action, CallPlan, CallReport, Response, Step};
use crate::signalling::resend::GIVE_UP;
use crate::signalling::{ALLOW, Dialog, Draft, Due, Ids, Incoming, Resend, SDP, Side, Start, sdp};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No response to the INVITE yet.
    Calling,
    /// A provisional one.
    Proceeding,
    /// Both sides talk.
    Talking,
    /// Our BYE has no answer yet.
    Leaving,
    /// Only retransmissions are still answered.
    Over,
}

/// What the script waits to hear.
#[derive(Debug, Clone, Copy)]
struct Listening {
    since: Instant,
    until: Instant,
    /// So much silence; `None` is for sound.
    silence: Option<Duration>,
}

/// A request of ours within the dialog that has no final answer yet.
#[derive(Debug)]
struct Pending {
    branch: String,
    method: String,
    cseq: u32,
    resend: Resend,
}

/// One call.
#[derive(Debug)]
pub struct Uac {
    plan: CallPlan,
    here: SocketAddr,
    media: SocketAddr,
    ids: Ids,
    state: State,
    report: CallReport,
    started: Instant,
    call_id: String,
    tag: String,
    branch: String,
    cseq: u32,
    /// The INVITE, until it has a response.
    invite: Option<Resend>,
    /// The CANCEL, until it has one.
    cancel: Option<Resend>,
    cancel_at: Option<Instant>,
    give_up_at: Option<Instant>,
    dialog: Option<Dialog>,
    /// The ACKs sent, by CSeq number and To tag, for answers that come again.
    acks: HashMap<(u32, String), (SocketAddr, Vec<u8>)>,
    pending: Option<Pending>,
    /// What requests that come again are answered with, by transaction.
    answers: HashMap<String, Vec<u8>>,
    script: VecDeque<Step>,
    /// When the script goes on.
    wake: Option<Instant>,
    listening: Option<Listening>,
    out: Vec<Action>,
}

impl Uac {
    /// A call to be placed from `here`, with sound at `media`.
    #[must_use]
    pub fn new(plan: CallPlan, here: SocketAddr, media: SocketAddr, mut ids: Ids, now: Instant) -> Self {
        let call_id = format!("{}@{}", ids.word(), here.ip());
        let report = CallReport { call_id: call_id.clone(), ..CallReport::default() };
        Self {
            script: plan.script.iter().cloned().collect(),
            plan,
            here,
            media,
            state: State::Calling,
            report,
            started: now,
            call_id,
            tag: ids.word(),
            branch: ids.branch(),
            cseq: ids.cseq(),
            ids,
            invite: None,
            cancel: None,
            cancel_at: None,
            give_up_at: None,
            dialog: None,
            acks: HashMap::new(),
            pending: None,
            answers: HashMap::new(),
            wake: None,
            listening: None,
            out: Vec::new(),
        }
    }

    /// The call's Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// What has come of the call so far, its sound excepted.
    #[must_use]
    pub fn report(&self) -> &CallReport {
        &self.report
    }

    /// True once the call has ended, well or badly.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Sends the INVITE.
    pub fn start(&mut self, now: Instant) -> Vec<Action> {
        let draft = self.draft("INVITE").headers("Allow", [ALLOW]);
        let draft = draft.header("Contact", format!("<{}>", self.contact()));
        let headers = self.plan.headers.iter();
        let draft = headers.fold(draft, |draft, (name, value)| draft.header(name, value));
        let invite = draft.body(SDP, &sdp::describe(self.media, self.ids.number() >> 33));
        self.send(self.plan.proxy, invite.clone());
        self.invite = Some(Resend::invite(invite, self.plan.proxy, now));
        self.cancel_at = self.plan.cancel_after.map(|time| now + time);
        self.give_up_at = Some(now + self.plan.patience);
        self.take_actions()
    }

    /// Takes in a message of this call.
    pub fn receive(&mut self, message: &Incoming, source: SocketAddr, now: Instant) -> Vec<Action> {
        match message.start {
            Start::Request(_) => self.request(message, source, now),
            Start::Response(code) => {
                let (method, at) = (message.method.clone(), now.saturating_duration_since(self.started));
                self.report.responses.push(Response { code, method, at });
                self.response(message, code, now);
            }
        }
        self.take_actions()
    }

    /// When [`Uac::timeout`] is to be called next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        let resends = [&self.invite, &self.cancel].into_iter().flatten().map(Resend::next);
        let pending = self.pending.as_ref().map(|pending| pending.resend.next());
        // RFC 3261 9.1: a CANCEL waits for a provisional response, whose coming asks again.
        let cancel_at = self.cancel_at.filter(|_| self.state == State::Proceeding);
        resends.chain([pending, cancel_at, self.give_up_at, self.wake].into_iter().flatten()).min()
    }

    /// Does what is due.
    pub fn timeout(&mut self, now: Instant) -> Vec<Action> {
        self.resend(now);
        if self.state == State::Proceeding && self.cancel_at.is_some_and(|at| at <= now) {
            self.send_cancel(now);
        }
        if self.give_up_at.is_some_and(|at| at <= now) {
            self.lose_patience(now);
        }
        if self.wake.is_some_and(|at| at <= now) {
            self.go_on(now);
        }
        self.take_actions()
    }

    fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.out)
    }

    fn send(&mut self, to: SocketAddr, bytes: Vec<u8>) {
        self.out.push(Action::Send { to, bytes });
    }

    fn contact(&self) -> String {
        format!("sip:{}@{}", self.plan.from, self.here)
    }

    /// Begins the INVITE, or what shares its branch: its CANCEL (RFC 3261 9.1).
    fn draft(&self, method: &str) -> Draft {
        let rport = if self.plan.rport { ";rport" } else { "" };
        Draft::request(method, &self.plan.to)
            .header("Via", format!("SIP/2.0/UDP {};branch={}{rport}", self.here, self.branch))
            .headers("Route", &self.plan.routes)
            .header("Max-Forwards", "70")
            .header("From", format!("<sip:{}@{}>;tag={}", self.plan.from, self.here, self.tag))
            .header("To", format!("<{}>", self.plan.to))
            .header("Call-ID", &self.call_id)
            .header("CSeq", format!("{} {method}", self.cseq))
    }

    fn resend(&mut self, now: Instant) {
        let mut due = Vec::new();
        for slot in [&mut self.invite, &mut self.cancel] {
            match slot.as_mut().map(|resend| (resend.due(now), resend.to, resend.bytes.clone())) {
                Some((Due::Again, to, bytes)) => due.push((to, bytes)),
                // The INVITE's own end is the caller's patience.
                Some((Due::GiveUp, ..)) => *slot = None,
                _ => {}
            }
        }
        let mut unanswered = None;
        if let Some(pending) = &mut self.pending {
            match pending.resend.due(now) {
                Due::Again => due.push((pending.resend.to, pending.resend.bytes.clone())),
                Due::GiveUp => unanswered = Some(pending.method.clone()),
                Due::Wait => {}
            }
        }
        for (to, bytes) in due {
            self.report.resent += 1;
            self.send(to, bytes);
        }
        if let Some(method) = unanswered {
            self.fail(format!("no answer to the {method}"), now);
        }
    }

    fn send_cancel(&mut self, now: Instant) {
        self.cancel_at = None;
        self.report.hung_up_by = Some(Side::Caller);
        let cancel = self.draft("CANCEL").end();
        self.send(self.plan.proxy, cancel.clone());
        self.cancel = Some(Resend::other(cancel, self.plan.proxy, now));
        // RFC 3261 9.1: without a final answer the transaction is given up 64*T1 after its CANCEL.
        self.give_up_at = Some(now + GIVE_UP);
    }

    fn lose_patience(&mut self, now: Instant) {
        self.give_up_at = None;
        match self.state {
            State::Proceeding if self.report.hung_up_by.is_none() => self.send_cancel(now),
            State::Calling => self.fail("no answer to the INVITE".to_owned(), now),
            State::Proceeding => self.fail("no final answer to the INVITE".to_owned(), now),
            State::Talking | State::Leaving | State::Over => {}
        }
    }

    fn response(&mut self, response: &Incoming, code: u16, now: Instant) {
        match response.method.as_str() {
            "INVITE" if response.cseq == self.cseq => self.invite_response(response, code, now),
            "CANCEL" if response.cseq == self.cseq => {
                if code >= 200 {
                    self.cancel = None;
                }
            }
            _ => self.pending_response(response, code, now),
        }
    }

    fn invite_response(&mut self, response: &Incoming, code: u16, now: Instant) {
        self.invite = None;
        let key = (response.cseq, response.to_tag.clone().unwrap_or_default());
        // RFC 3261 13.2.2.4 and 17.1.1.2: a final answer that comes again is acknowledged again.
        if let Some((to, ack)) = self.acks.get(&key).filter(|_| code >= 200).cloned() {
            self.report.repeated += 1;
            return self.send(to, ack);
        }
        match (self.state, code) {
            (State::Calling | State::Proceeding, ..200) => self.state = State::Proceeding,
            (State::Calling | State::Proceeding, 200..300) => {
                self.final_answer(response, code, now);
                self.answered(response, now);
            }
            (State::Calling | State::Proceeding, _) => {
                self.final_answer(response, code, now);
                self.refused(response, now);
            }
            (_, ..200) => {}
            _ => self.report.failure = Some(format!("another final answer to the INVITE: {code}")),
        }
    }

    fn final_answer(&mut self, response: &Incoming, code: u16, now: Instant) {
        self.report.status = Some(code);
        self.report.answer = String::from_utf8_lossy(&response.bytes).into_owned();
        self.report.set_up = Some(now.saturating_duration_since(self.started));
        (self.cancel, self.cancel_at, self.give_up_at) = (None, None, None);
    }

    /// RFC 3261 17.1.1.3: the ACK of a refusal belongs to the INVITE's transaction.
    fn refused(&mut self, response: &Incoming, now: Instant) {
        let rport = if self.plan.rport { ";rport" } else { "" };
        let ack = Draft::request("ACK", &self.plan.to)
            .header("Via", format!("SIP/2.0/UDP {};branch={}{rport}", self.here, self.branch))
            .headers("Route", &self.plan.routes)
            .header("Max-Forwards", "70")
            .header("From", response.raw_first(sip::Name::From))
            .header("To", response.raw_first(sip::Name::To))
            .header("Call-ID", &self.call_id)
            .header("CSeq", format!("{} ACK", self.cseq))
            .end();
        self.acknowledge(response, self.plan.proxy, ack);
        self.end(now);
    }

    fn answered(&mut self, response: &Incoming, now: Instant) {
        let mut dialog = Dialog::of_caller(response, self.here);
        if self.plan.ignore_record_route {
            dialog.ignore_routes(&self.plan.to, self.plan.proxy);
        } else if self.plan.through_proxy {
            dialog.send_through(self.plan.proxy);
        }
        self.report.routes = dialog.routes().to_vec();
        // RFC 3261 13.2.2.4: the ACK of a 2xx is a request of the dialog, with a branch of its own.
        let ack = dialog.request("ACK", self.cseq, &self.ids.branch()).end();
        let next_hop = dialog.next_hop();
        self.dialog = Some(dialog);
        match next_hop {
            Ok(to) => self.acknowledge(response, to, ack),
            Err(error) => return self.fail(format!("no way for the ACK: {error:#}"), now),
        }
        self.state = State::Talking;
        if let Some(peer) = sdp::audio_address(&response.body) {
            self.out.push(Action::Play { peer });
        }
        self.go_on(now);
    }

    fn acknowledge(&mut self, response: &Incoming, to: SocketAddr, ack: Vec<u8>) {
        let key = (response.cseq, response.to_tag.clone().unwrap_or_default());
        self.acks.insert(key, (to, ack.clone()));
        self.send(to, ack);
    }

    fn fail(&mut self, why: String, now: Instant) {
        self.report.failure = Some(why);
        self.end(now);
    }

    fn end(&mut self, now: Instant) {
        if self.state == State::Over {
            return;
        }
        self.state = State::Over;
        self.report.duration = now.saturating_duration_since(self.started);
        (self.invite, self.cancel, self.pending) = (None, None, None);
        (self.cancel_at, self.give_up_at, self.wake, self.listening) = (None, None, None, None);
        self.out.push(Action::Stop);
    }
}
