//! A target: the answering side of RFC 3261 17.2 and 13.3.

mod bye;

use std::net::SocketAddr;

use crate::context::{Context, Event, Sent};
use crate::ledger::Life;
use crate::links::{LinkId, Toward};
use crate::message::{Bytes, Msg, respond, sent_by, way_back};
use crate::scenario::{Internal, NAME, T1, T2, TIMEOUT, Tcp, Time, proxy_address, target_address};

/// What a target does after a while; the first number is the call's place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetTimer {
    Answer(usize, u16),
    /// Timer G, and the same for a 2xx (13.3.1.4).
    Resend(usize, Time),
    /// Timer H.
    Unacknowledged(usize),
    HangUp(usize),
    /// Timer E of its BYE.
    ByeResend(usize, Time),
    /// Timer F.
    ByeOver(usize),
}

/// A target.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) number: usize,
    pub(crate) life: Life,
    pub(crate) alive: bool,
    pub(crate) icmp: bool,
    pub(crate) frozen_until: Time,
    /// Until when it takes no connections, and whether it says so.
    pub(crate) no_links: (Time, bool),
    pub(crate) calls: Vec<Uas>,
    tags: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It has not answered finally.
    Open,
    Refused,
    Answered,
    Up,
    /// It has sent BYE.
    Leaving,
    Over,
}

/// A call at a target.
#[derive(Debug)]
pub(crate) struct Uas {
    pub(crate) call: usize,
    pub(crate) leg: usize,
    pub(crate) state: State,
    pub(crate) tag: String,
    invite: Bytes,
    source: SocketAddr,
    /// The connection that its INVITE came on.
    link: Option<LinkId>,
    branch: String,
    sent_by: String,
    began: Time,
    provisional: bool,
    /// When it answered finally.
    answered: Time,
    last: Option<Bytes>,
    bye: Option<(Bytes, String)>,
    /// The connection that the BYE went on.
    bye_link: Option<LinkId>,
}

impl Uas {
    fn is_transaction(&self, msg: &Msg<'_>) -> bool {
        self.branch == msg.branch() && self.sent_by == sent_by(msg.get("Via"))
    }

    fn is_dialog(&self, msg: &Msg<'_>) -> bool {
        let same_call = Msg::read(&self.invite)
            .is_some_and(|i| i.get("Call-ID") == msg.get("Call-ID") && i.sender_tag() == msg.sender_tag());
        same_call && self.tag == msg.to_tag()
    }
}

impl Target {
    pub(crate) fn new(number: usize) -> Self {
        Target {
            number,
            life: 0,
            alive: true,
            icmp: false,
            frozen_until: 0,
            no_links: (0, false),
            calls: Vec::new(),
            tags: 0,
        }
    }

    fn address(&self) -> SocketAddr {
        target_address(self.number)
    }

    pub(crate) fn receive(&mut self, context: &mut Context, sent: &Sent) {
        let Some(msg) = Msg::read(&sent.bytes) else { return };
        let Some(call) = msg.call() else { return self.receive_from_a_stranger(context, sent, &msg) };
        match msg.method() {
            "" => self.response(context, &msg),
            "INVITE" => self.invite(context, sent, &msg, call),
            "ACK" => self.acknowledged(context, &msg, call),
            "CANCEL" => self.cancel(context, sent, &msg, call),
            _ => self.bye(context, sent, &msg, call),
        }
    }

    /// What strangers send may come to a target's SIP port, and is refused there.
    fn receive_from_a_stranger(&mut self, context: &mut Context, sent: &Sent, msg: &Msg<'_>) {
        if !matches!(msg.method(), "" | "ACK") {
            self.reply(context, sent.link, respond(msg, 481, "nobody", sent.from).finish());
        }
    }

    /// RFC 3261 18.2.2: on the connection that the request came on, and if that is gone on another to where it came from.
    fn reply(&mut self, context: &mut Context, link: Option<LinkId>, bytes: Bytes) {
        if let Some(link) = link {
            let proxy = context.links[link].proxy;
            let link = match context.links[link].broken {
                true => context.link_to_proxy(self.number, proxy),
                false => Some(link),
            };
            match link {
                Some(link) => context.send_on(link, Toward::Proxy, bytes),
                None => context.goes_down(&bytes),
            }
        } else if let Some(to) = Msg::read(&bytes).and_then(|msg| resolve(context, &way_back(msg.get("Via"))))
        {
            context.send(self.address(), to, bytes);
        }
    }

    fn respond(&mut self, context: &mut Context, at: usize, code: u16) {
        let uas = &mut self.calls[at];
        let Some(invite) = Msg::read(&uas.invite) else { return };
        let tag = if code == 100 { "" } else { uas.tag.as_str() };
        let draft = respond(&invite, code, tag, uas.source);
        let is_alone = context.scenario.tcp[self.number] == Tcp::Alone;
        let by = if is_alone { ";transport=tcp" } else { "" };
        let contact = format!("<sip:fs@{}{by}>", target_address(self.number));
        let draft = if (101..300).contains(&code) { draft.field("Contact", contact) } else { draft };
        let bytes = draft.finish();
        let link = uas.link;
        uas.provisional = true;
        uas.last = Some(bytes.clone());
        self.reply(context, link, bytes);
    }

    fn after(&self, context: &mut Context, wait: Time, timer: TargetTimer) {
        context.after(wait, Event::Target(self.number, self.life, timer));
    }

    fn invite(&mut self, context: &mut Context, sent: &Sent, msg: &Msg<'_>, call: usize) {
        if let Some(at) = self.calls.iter().position(|uas| uas.is_transaction(msg)) {
            let uas = &self.calls[at];
            let link = uas.link;
            let last = uas.last.clone().filter(|_| matches!(uas.state, State::Open | State::Refused));
            if let Some(last) = last {
                // However it came again: the transaction has its connection.
                self.reply(context, link, last);
            }
            return;
        }
        let leg = msg.leg().unwrap_or(0);
        let facts = &mut context.ledger.calls[call];
        facts.arrived.push((self.number, self.life));
        // RFC 3261 8.2.2.2: another branch of a request that is being worked on.
        let merged = self
            .calls
            .iter()
            .any(|uas| uas.call == call && (uas.state == State::Open || context.now < uas.began + TIMEOUT));
        let at = self.calls.len();
        self.tags += 1;
        self.calls.push(Uas {
            call,
            leg,
            state: State::Open,
            tag: format!("t{}-{}-{}", self.number + 1, self.life, self.tags),
            invite: sent.bytes.clone(),
            source: sent.from,
            link: sent.link,
            branch: msg.branch().to_owned(),
            sent_by: sent_by(msg.get("Via")).to_owned(),
            began: context.now,
            provisional: false,
            answered: 0,
            last: None,
            bye: None,
            bye_link: None,
        });
        if merged {
            self.finish(context, at, 482);
        } else {
            self.plan(context, at, call);
        }
    }

    /// Decides what it will do with a call.
    fn plan(&mut self, context: &mut Context, at: usize, call: usize) {
        let attempts = context.scenario.attempts;
        let rng = &mut context.rng;
        let kind = rng.below(100);
        let answer = |code| TargetTimer::Answer(at, code);
        if kind < 5 {
            // It takes the call and says nothing, ever.
            context.ledger.calls[call].unanswered = true;
            self.calls[at].state = State::Over;
            return;
        }
        let mut wait = if kind < 17 { rng.between(300, 7_000) } else { rng.between(0, 60) };
        let mut steps = Vec::new();
        let refuses = rng.percent(25);
        // One that is full says so without any word before.
        let at_once = refuses && rng.percent(50);
        if kind >= 17 && !at_once && rng.percent(70) {
            steps.push((wait, answer(100)));
        }
        wait += if at_once { 0 } else { rng.between(0, 1_500) };
        if at_once {
        } else if rng.percent(if refuses { 30 } else { 85 }) {
            steps.push((wait, answer(180)));
        } else {
            // RFC 3261 17.2.1: within 200 ms, unless it answers sooner.
            steps.push((wait.max(200), answer(100)));
        }
        let most = if rng.percent(20) { 60_000 } else { 8_000 };
        wait += if at_once { 0 } else { rng.between(0, most) };
        if kind < 20 && attempts > 1 {
            wait += 400_000; // until somebody else has had enough
        }
        let code = if refuses { rng.pick(&[486, 503, 503, 500, 603, 404, 302]) } else { 200 };
        steps.push((wait, answer(code)));
        for (wait, timer) in steps {
            self.after(context, wait, timer);
        }
    }

    pub(crate) fn timer(&mut self, context: &mut Context, timer: TargetTimer) {
        match timer {
            TargetTimer::Answer(at, code) if self.calls[at].state == State::Open => {
                if code < 200 {
                    let is_late_100 = code == 100 && self.calls[at].provisional;
                    if !is_late_100 {
                        self.respond(context, at, code);
                    }
                } else {
                    self.judge_ringing(context, at);
                    self.finish(context, at, code);
                }
            }
            TargetTimer::Answer(..) => {}
            TargetTimer::Resend(at, wait) => {
                if matches!(self.calls[at].state, State::Refused | State::Answered)
                    && let Some(last) = self.calls[at].last.clone()
                {
                    if context.scenario.is_quiet() && self.frozen_until == 0 {
                        self.not_acknowledged(context, at, "at once, though nothing was lost");
                    }
                    self.reply(context, self.calls[at].link, last);
                    let wait = (2 * wait).min(T2);
                    self.after(context, wait, TargetTimer::Resend(at, wait));
                }
            }
            TargetTimer::Unacknowledged(at) => self.unacknowledged(context, at),
            TargetTimer::HangUp(at) => {
                if self.calls[at].state == State::Up {
                    self.hang_up(context, at);
                }
            }
            TargetTimer::ByeResend(at, wait) => {
                if self.calls[at].state == State::Leaving
                    && let Some((bytes, to)) = self.calls[at].bye.clone()
                {
                    self.send_bye(context, at, bytes, &to);
                    let wait = (2 * wait).min(T2);
                    self.after(context, wait, TargetTimer::ByeResend(at, wait));
                }
            }
            TargetTimer::ByeOver(at) => {
                if self.calls[at].state == State::Leaving {
                    let (call, tag) = (self.calls[at].call, self.calls[at].tag.clone());
                    self.calls[at].state = State::Over;
                    // Over TCP it is sent once, and a proxy without state does not send it again.
                    let went_down = context.has_lost(call, "BYE") || context.ledger.calls[call].bye_went_down;
                    if self.calls[at].bye_link.is_some() && went_down {
                        context.seen.excused += 1;
                        return;
                    }
                    context
                        .breach(Some(call), format!("the target's BYE of dialog {tag} was never answered"));
                }
            }
        }
    }

    /// A final answer, until it is acknowledged.
    fn finish(&mut self, context: &mut Context, at: usize, code: u16) {
        self.calls[at].state = if code < 300 { State::Answered } else { State::Refused };
        self.calls[at].answered = context.now;
        self.respond(context, at, code);
        // 17.2.1: over TCP a refusal is not sent again. A 2xx is (13.3.1.4).
        if code < 300 || self.calls[at].link.is_none() {
            self.after(context, T1, TargetTimer::Resend(at, T1));
        }
        self.after(context, TIMEOUT, TargetTimer::Unacknowledged(at));
    }

    /// It rang as long as it wished. If its caller knew long before how the call ended, it should have been cancelled:
    /// the proxy had heard of it.
    fn judge_ringing(&mut self, context: &mut Context, at: usize) {
        const GRACE: Time = 12_000;
        let (call, leg) = (self.calls[at].call, self.calls[at].leg);
        let facts = &context.ledger.calls[call];
        let long_ago = context.now.saturating_sub(GRACE);
        let heard = facts
            .attempts
            .iter()
            .filter(|a| a.leg == leg && a.target == self.number)
            .any(|a| a.heard.is_some_and(|heard| heard <= long_ago));
        let over = facts.final_at(leg).is_some_and(|at| at <= long_ago);
        let thawed = self.frozen_until == 0 || self.frozen_until + GRACE < context.now;
        if heard && over && thawed && context.scenario.attempts > 1 && !self.heard_too_late(context, at) {
            let what = format!("target {} still rang for a call that was long over", self.number + 1);
            context.set_up_breach(call, leg, what);
        }
    }

    /// Whether the proxy heard of the target only when it had forgotten the call: 64*T1 after the final answer.
    fn heard_too_late(&self, context: &Context, at: usize) -> bool {
        let (call, leg) = (self.calls[at].call, self.calls[at].leg);
        let facts = &context.ledger.calls[call];
        let Some(over) = facts.final_at(leg) else { return false };
        let heard = facts.attempts.iter().filter(|a| a.leg == leg && a.target == self.number);
        heard.filter_map(|a| a.heard).all(|heard| heard + 4_000 > over + TIMEOUT)
    }

    fn acknowledged(&mut self, context: &mut Context, msg: &Msg<'_>, call: usize) {
        if let Some(uas) = self.calls.iter_mut().find(|uas| uas.is_transaction(msg)) {
            match uas.state {
                State::Refused => uas.state = State::Over,
                State::Over => {}
                // It follows an answer of another target, which came when the proxy had forgotten the call.
                _ if context.ledger.forgotten((call, uas.leg), context.now) => context.seen.excused += 1,
                state => {
                    let what =
                        format!("target {} got the ACK of a refusal, but is {state:?}", self.number + 1);
                    context.set_up_breach(call, msg.leg().unwrap_or(0), what);
                }
            }
        } else if let Some(at) = self.calls.iter().position(|uas| uas.is_dialog(msg)) {
            if self.calls[at].state == State::Answered {
                self.calls[at].state = State::Up;
                if let Some(talks) = context.ledger.calls[call].target_talks {
                    self.after(context, talks, TargetTimer::HangUp(at));
                }
            }
        } else {
            self.stray(context, msg, call);
        }
    }

    fn cancel(&mut self, context: &mut Context, sent: &Sent, msg: &Msg<'_>, call: usize) {
        let Some(at) = self.calls.iter().position(|uas| uas.is_transaction(msg)) else {
            self.stray(context, msg, call);
            return self.reply(context, sent.link, respond(msg, 481, "nobody", sent.from).finish());
        };
        let tag = self.calls[at].tag.clone();
        self.reply(context, sent.link, respond(msg, 200, &tag, sent.from).finish());
        if self.calls[at].state == State::Open {
            self.finish(context, at, 487);
        }
    }

    fn bye(&mut self, context: &mut Context, sent: &Sent, msg: &Msg<'_>, call: usize) {
        match self.calls.iter_mut().find(|uas| uas.is_dialog(msg)) {
            Some(uas) => {
                uas.state = State::Over;
                self.reply(context, sent.link, respond(msg, 200, "", sent.from).finish());
            }
            None => {
                self.stray(context, msg, call);
                self.reply(context, sent.link, respond(msg, 481, "", sent.from).finish());
            }
        }
    }

    /// A request for a call that it does not have. It may have had it before it died.
    fn stray(&mut self, context: &mut Context, msg: &Msg<'_>, call: usize) {
        let facts = &context.ledger.calls[call];
        if facts.arrived.iter().any(|(target, life)| *target == self.number && *life < self.life) {
            return;
        }
        let what = format!("{} came to target {}, which has no such call", msg.method(), self.number + 1);
        let late = msg.leg().is_some_and(|leg| context.ledger.forgotten((call, leg), context.now));
        match (msg.leg(), facts.ignores_record_route) {
            // It follows an answer that came when the proxy had forgotten the call.
            (Some(_), _) if late => context.seen.excused += 1,
            // The final answer passed, was lost, and died with its target: the pin was gone 64*T1 later.
            (Some(_), _) if facts.unanswered && facts.passed_final => context.seen.excused += 1,
            // What belongs to an INVITE is led by its pin, or by the hash.
            (Some(leg), _) => context.set_up_breach(call, leg, what),
            (None, true) if context.ledger.may_stray(call) || context.has_died(call) => {
                context.seen.excused += 1;
            }
            _ => context.breach(Some(call), what),
        }
    }

    /// Timer H, or 13.3.1.4: nobody has acknowledged the answer.
    fn unacknowledged(&mut self, context: &mut Context, at: usize) {
        let state = self.calls[at].state;
        if matches!(state, State::Refused | State::Answered) {
            self.not_acknowledged(context, at, "within 64*T1");
        }
        match state {
            State::Refused => self.calls[at].state = State::Over,
            State::Answered => self.hang_up(context, at),
            _ => {}
        }
    }

    fn not_acknowledged(&self, context: &mut Context, at: usize, when: &str) {
        let Uas { call, leg, state, ref tag, .. } = self.calls[at];
        let facts = &context.ledger.calls[call];
        let over = facts.final_at(leg);
        let answered = self.calls[at].answered;
        let forgotten = over.is_some_and(|over| over + TIMEOUT < answered + 4_000);
        let strays = facts.ignores_record_route && context.ledger.may_stray(call);
        // A refusal over TCP is sent once; its ACK may be a datagram, and nobody knows that it was lost.
        let ack_lost =
            state == State::Refused && self.calls[at].link.is_some() && context.has_lost(call, "ACK");
        if forgotten || strays || ack_lost {
            context.seen.excused += 1;
        } else {
            let what =
                format!("nobody acknowledged that target {} is {state:?} ({tag}), {when}", self.number + 1);
            context.set_up_breach(call, leg, what);
        }
    }
}

/// The address of a host and port: a target asks its resolver, which knows one name.
fn resolve(context: &mut Context, authority: &str) -> Option<SocketAddr> {
    if authority == NAME && context.scenario.internal == Internal::SharedName {
        let proxy = context.rng.below(context.scenario.proxies);
        return Some(proxy_address(proxy));
    }
    authority.parse().ok()
}
