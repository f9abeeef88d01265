//! A caller: the calling side of RFC 3261 17.1 and 13.2. One call, on one or two branches.

use std::net::SocketAddr;

use crate::context::{Context, Event, Sent};
use crate::message::{Bytes, Draft, Msg, authority, in_angles, leg_branch, param, respond, way_back};
use crate::scenario::{T1, T2, TIMEOUT, Tcp, Time, advertised, caller_address};

/// After how long a caller has had enough, whatever happens: more than Timer C of a proxy and 64*T1.
const ENOUGH: Time = 260_000;
/// How much longer than 64*T1 a caller waits for the end of a cancelled call: the proxy's 487 comes after 64*T1 too.
const MARGIN: Time = 5_000;

/// What a caller does after a while; the first number is a leg, or a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallerTimer {
    Begin,
    /// Timer A.
    Resend(usize, Time),
    /// Timer B.
    Unanswered(usize),
    Cancel,
    /// Timer E of its CANCEL.
    CancelResend(usize, Time),
    /// RFC 3261 9.1: 64*T1 after the CANCEL.
    CancelOver(usize),
    HangUp(usize),
    /// Timer E of its BYE.
    ByeResend(usize, Time),
    /// Timer F.
    ByeOver(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LegState {
    Calling,
    Proceeding,
    Refused,
    Answered,
    GivenUp,
}

#[derive(Debug)]
struct Leg {
    invite: Bytes,
    state: LegState,
    /// The refusal's code and To tag, and its ACK.
    refusal: Option<(u16, String, Bytes)>,
    cancel: Option<Bytes>,
    cancel_answered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DialogState {
    Up,
    Leaving,
    Over,
}

#[derive(Debug)]
pub(crate) struct Dialog {
    pub(crate) tag: String,
    pub(crate) state: DialogState,
    ack: Bytes,
    bye: Bytes,
    to: SocketAddr,
}

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    number: usize,
    address: SocketAddr,
    /// What it says of itself: its own address, or a private one behind an element that record-routes.
    host: String,
    private: bool,
    /// What the element before a private one calls itself.
    element: String,
    call_id: String,
    ignores_record_route: bool,
    cancels: bool,
    talks: Time,
    legs: Vec<Leg>,
    pub(crate) dialogs: Vec<Dialog>,
}

impl Call {
    pub(crate) fn new(context: &mut Context, number: usize) -> Self {
        let address = caller_address(number);
        let rng = &mut context.rng;
        let private = rng.percent(20);
        let legs = if rng.percent(12) { 2 } else { 1 };
        let host = if private { format!("10.65.104.{}:5060", number + 1) } else { address.to_string() };
        let talks = rng.between(200, 20_000);
        let element = match (context.scenario.names, number % 2) {
            (false, _) => address.to_string(),
            (true, 0) => format!("e{number}.carrier.example"),
            (true, _) => format!("e{number}.carrier.example:{}", address.port()),
        };
        let facts = &mut context.ledger.calls[number];
        facts.ignores_record_route = !private && rng.percent(12);
        facts.target_talks = rng.percent(40).then(|| rng.between(500, 20_000));
        let mut call = Call {
            number,
            address,
            host,
            private,
            element,
            call_id: format!("call-{number}@{}", context.scenario.seed),
            ignores_record_route: facts.ignores_record_route,
            cancels: false,
            talks: if facts.target_talks.is_some() { 100_000 } else { talks },
            legs: Vec::new(),
            dialogs: Vec::new(),
        };
        let is_large = context.scenario.tcp.iter().any(|tcp| *tcp != Tcp::No) && context.rng.percent(50);
        let padding = "x".repeat(if is_large { 1_200 } else { 0 });
        call.legs = (0..legs).map(|leg| call.leg(leg, &padding)).collect();
        let rng = &mut context.rng;
        let most = rng.pick(&[2_000, 15_000]);
        let patience = if rng.percent(25) { rng.between(0, most) } else { ENOUGH };
        let begins = context.rng.between(0, context.scenario.span);
        context.ledger.calls[number].begins = begins;
        context.after(begins, Event::Caller(number, CallerTimer::Begin));
        context.after(begins + patience, Event::Caller(number, CallerTimer::Cancel));
        context.seen.calls += 1;
        call
    }

    /// Padded, the INVITE is too large for a datagram where its target takes anything else.
    fn leg(&self, leg: usize, padding: &str) -> Leg {
        let draft = Draft::request("INVITE", &self.uri())
            .field("Via", self.via(&leg_branch(self.number, leg)))
            .field("Max-Forwards", 70);
        let own = format!("<sip:{};lr>", self.element);
        let draft = if self.private { draft.field("Record-Route", own) } else { draft };
        let invite = draft
            .field("From", self.from())
            .field("To", format_args!("<{}>", self.uri()))
            .field("Call-ID", &self.call_id)
            .field("CSeq", "1 INVITE")
            .field("Contact", format_args!("<sip:caller@{}>", self.host))
            .field("X-Padding", padding)
            .finish();
        Leg { invite, state: LegState::Calling, refusal: None, cancel: None, cancel_answered: false }
    }

    fn uri(&self) -> String {
        format!("sip:{}@{}", 1000 + self.number, advertised())
    }

    fn via(&self, branch: &str) -> String {
        let rport = if self.number.is_multiple_of(2) { ";rport" } else { "" };
        format!("SIP/2.0/UDP {};branch={branch}{rport}", self.host)
    }

    fn from(&self) -> String {
        format!("<sip:0715100860@carrier.example>;tag=caller{}", self.number)
    }

    fn after(&self, context: &mut Context, wait: Time, timer: CallerTimer) {
        context.after(wait, Event::Caller(self.number, timer));
    }

    fn send(&self, context: &mut Context, bytes: &Bytes) {
        context.send(self.address, advertised(), bytes.clone());
    }

    pub(crate) fn timer(&mut self, context: &mut Context, timer: CallerTimer) {
        match timer {
            CallerTimer::Begin => {
                for leg in 0..self.legs.len() {
                    self.after(context, 0, CallerTimer::Resend(leg, T1 / 2));
                    self.after(context, TIMEOUT, CallerTimer::Unanswered(leg));
                }
            }
            CallerTimer::Resend(leg, wait) if self.legs[leg].state == LegState::Calling => {
                self.send(context, &self.legs[leg].invite);
                self.after(context, 2 * wait, CallerTimer::Resend(leg, 2 * wait));
            }
            CallerTimer::Unanswered(leg) if self.legs[leg].state == LegState::Calling => {
                self.give_up(context, leg, "nobody ever answered the caller's INVITE");
            }
            CallerTimer::Cancel => self.cancel(context, None),
            CallerTimer::CancelResend(leg, wait) if !self.legs[leg].cancel_answered => {
                if let Some(cancel) = &self.legs[leg].cancel {
                    self.send(context, cancel);
                }
                let wait = (2 * wait).min(T2);
                self.after(context, wait, CallerTimer::CancelResend(leg, wait));
            }
            CallerTimer::CancelOver(leg) => {
                if self.legs[leg].state == LegState::Proceeding {
                    self.give_up(context, leg, "a cancelled INVITE was never answered finally");
                }
                if !std::mem::replace(&mut self.legs[leg].cancel_answered, true) {
                    self.silence(context, leg, "nobody ever answered the caller's CANCEL");
                }
            }
            CallerTimer::HangUp(dialog) if self.dialogs[dialog].state == DialogState::Up => {
                self.hang_up(context, dialog);
            }
            CallerTimer::ByeResend(dialog, wait) => {
                let Dialog { state, bye, to, .. } = &self.dialogs[dialog];
                if *state == DialogState::Leaving {
                    context.send(self.address, *to, bye.clone());
                    let wait = (2 * wait).min(T2);
                    self.after(context, wait, CallerTimer::ByeResend(dialog, wait));
                }
            }
            CallerTimer::ByeOver(dialog) if self.dialogs[dialog].state == DialogState::Leaving => {
                self.dialogs[dialog].state = DialogState::Over;
                let strays = self.ignores_record_route && context.ledger.may_stray(self.number);
                if !strays && !self.target_died(context, dialog) {
                    context.breach(Some(self.number), "nobody ever answered the caller's BYE");
                }
            }
            _ => {}
        }
    }

    /// Without an answer in time.
    fn give_up(&mut self, context: &mut Context, leg: usize, what: &str) {
        self.legs[leg].state = LegState::GivenUp;
        self.silence(context, leg, what);
    }

    fn silence(&mut self, context: &mut Context, leg: usize, what: &str) {
        // With one attempt the proxy adds nothing to what the target says. It repeats no target's final answer: if the
        // target dies while that is lost, there is none.
        let facts = &context.ledger.calls[self.number];
        let silent = facts.unanswered && (context.scenario.attempts == 1 || facts.passed_final);
        if silent {
            context.seen.excused += 1;
        } else {
            context.set_up_breach(self.number, leg, what);
        }
    }

    /// Whether the target of a dialog has died since it answered. Its tag names it and its life.
    fn target_died(&self, context: &Context, dialog: usize) -> bool {
        let lives = self.dialogs[dialog].tag.strip_prefix('t').and_then(|tag| tag.split_once('-'));
        let life = lives.and_then(|(target, rest)| Some((target, rest.split_once('-')?.0)));
        life.is_none_or(|(target, life)| {
            let number = |text: &str| text.parse::<usize>().unwrap_or(0);
            context.target_lives.get(number(target).wrapping_sub(1)) != Some(&(number(life) as u32, true))
        })
    }

    /// Cancels all legs but one, each as soon as it has a provisional answer (RFC 3261 9.1).
    fn cancel(&mut self, context: &mut Context, but: Option<usize>) {
        if but.is_none() && self.dialogs.is_empty() {
            self.cancels = true;
        }
        for leg in 0..self.legs.len() {
            let open = matches!(self.legs[leg].state, LegState::Calling | LegState::Proceeding);
            if Some(leg) != but && open && self.legs[leg].cancel.is_none() {
                let cancel = Draft::request("CANCEL", &self.uri())
                    .field("Via", self.via(&leg_branch(self.number, leg)))
                    .field("Max-Forwards", 70)
                    .field("From", self.from())
                    .field("To", format_args!("<{}>", self.uri()))
                    .field("Call-ID", &self.call_id)
                    .field("CSeq", "1 CANCEL")
                    .finish();
                self.legs[leg].cancel = Some(cancel);
                if self.legs[leg].state == LegState::Proceeding {
                    self.begin_to_cancel(context, leg);
                }
            }
        }
    }

    fn begin_to_cancel(&mut self, context: &mut Context, leg: usize) {
        context.seen.cancelled += 1;
        self.after(context, 0, CallerTimer::CancelResend(leg, T1 / 2));
        self.after(context, TIMEOUT + MARGIN, CallerTimer::CancelOver(leg));
    }

    pub(crate) fn receive(&mut self, context: &mut Context, sent: &Sent) {
        let Some(msg) = Msg::read(&sent.bytes) else { return };
        if msg.get("Call-ID") != self.call_id {
            return context.breach(Some(self.number), "a caller got what is another's");
        }
        match (msg.code(), msg.cseq().1) {
            (None, _) => self.request(context, sent, &msg),
            (Some(code), "INVITE") => self.answer(context, &msg, code),
            (Some(code), "CANCEL") => {
                if let Some(leg) = msg.leg().filter(|_| code >= 200) {
                    self.legs[leg].cancel_answered = true;
                }
            }
            (Some(code), _) => self.bye_answered(context, &msg, code),
        }
    }

    fn answer(&mut self, context: &mut Context, msg: &Msg<'_>, code: u16) {
        let Some(leg) = msg.leg().filter(|leg| *leg < self.legs.len()) else {
            return context.breach(Some(self.number), "an answer whose branch is not the caller's");
        };
        if msg.all("Via").count() != 1 {
            context.breach(Some(self.number), "an answer with more Vias than the caller's own");
        }
        match code {
            ..200 if self.legs[leg].state == LegState::Calling => {
                self.legs[leg].state = LegState::Proceeding;
                if self.legs[leg].cancel.is_some() {
                    self.begin_to_cancel(context, leg);
                }
            }
            ..200 => {}
            200..300 => self.success(context, msg, leg),
            _ => self.refusal(context, msg, leg, code),
        }
    }

    /// The leg has its final answer.
    fn end(&mut self, context: &mut Context, leg: usize, state: LegState) {
        self.legs[leg].state = state;
        context.ledger.calls[self.number].finals.push((leg, context.now));
    }

    /// A final answer after another. What comes later than 64*T1 comes after the proxy has forgotten the call.
    fn second_final(&mut self, context: &mut Context, leg: usize, what: String) {
        if context.ledger.forgotten((self.number, leg), context.now) {
            context.seen.excused += 1;
        } else if self.legs[leg].state != LegState::GivenUp {
            context.set_up_breach(self.number, leg, what);
        }
    }

    fn refusal(&mut self, context: &mut Context, msg: &Msg<'_>, leg: usize, code: u16) {
        let ack = Draft::request("ACK", &self.uri())
            .field("Via", self.via(&leg_branch(self.number, leg)))
            .field("Max-Forwards", 70)
            .field("From", self.from())
            .field("To", msg.get("To"))
            .field("Call-ID", &self.call_id)
            .field("CSeq", "1 ACK")
            .finish();
        let tag = msg.to_tag().to_owned();
        match self.legs[leg].state {
            LegState::Calling | LegState::Proceeding => {
                context.seen.refused += 1;
                self.end(context, leg, LegState::Refused);
                self.legs[leg].refusal = Some((code, tag, ack.clone()));
            }
            LegState::Refused => {
                let first = self.legs[leg].refusal.as_ref().map(|(c, t, _)| (*c, t.clone()));
                if let Some((first, first_tag)) = first
                    && (first, &first_tag) != (code, &tag)
                {
                    let what = format!("{code} ({tag}) came after the caller had {first} ({first_tag})");
                    self.second_final(context, leg, what);
                }
            }
            LegState::Answered => {
                self.second_final(context, leg, format!("{code} came after the caller had a 2xx"));
            }
            LegState::GivenUp => {}
        }
        self.send(context, &ack);
    }

    fn success(&mut self, context: &mut Context, msg: &Msg<'_>, leg: usize) {
        let tag = msg.to_tag().to_owned();
        if let Some(dialog) = self.dialogs.iter().find(|dialog| dialog.tag == tag) {
            return context.send(self.address, dialog.to, dialog.ack.clone());
        }
        if self.legs[leg].state == LegState::Refused {
            let what = format!("a 2xx ({tag}) came after the caller had a refusal");
            self.second_final(context, leg, what);
        }
        // RFC 3261 13.2.2.4: of several dialogs the caller keeps one.
        let wanted = self.dialogs.is_empty() && !self.cancels;
        if matches!(self.legs[leg].state, LegState::Calling | LegState::Proceeding) {
            self.end(context, leg, LegState::Answered);
        }
        context.seen.answered += 1;
        let place = self.dialogs.len();
        let dialog = self.dialog(msg, tag);
        context.ledger.calls[self.number].dialogs.push(dialog.tag.clone());
        context.send(self.address, dialog.to, dialog.ack.clone());
        self.dialogs.push(dialog);
        if wanted {
            self.after(context, self.talks, CallerTimer::HangUp(place));
            self.cancel(context, Some(leg));
        } else {
            self.hang_up(context, place);
        }
    }

    fn dialog(&self, msg: &Msg<'_>, tag: String) -> Dialog {
        let mut routes: Vec<&str> = msg.all("Record-Route").collect();
        routes.reverse();
        // The element that record-routes before the private caller takes itself off.
        routes.retain(|route| authority(in_angles(route)) != self.element);
        let (uri, to) = match self.ignores_record_route {
            true => (self.uri(), advertised()),
            false => {
                let uri = msg.contact().to_owned();
                let to = authority(routes.first().map_or(uri.as_str(), |route| in_angles(route)));
                let to = to.parse().unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
                (uri, to)
            }
        };
        if self.ignores_record_route {
            routes.clear();
        }
        let compose = |method: &str, cseq: u32| {
            let branch = format!("z9hG4bK-{method}-{}-{tag}", self.number);
            Draft::request(method, &uri)
                .field("Via", self.via(&branch))
                .fields("Route", routes.iter().copied())
                .field("Max-Forwards", 70)
                .field("From", self.from())
                .field("To", msg.get("To"))
                .field("Call-ID", &self.call_id)
                .field("CSeq", format_args!("{cseq} {method}"))
                .finish()
        };
        let (ack, bye) = (compose("ACK", 1), compose("BYE", 2));
        Dialog { tag, state: DialogState::Up, ack, bye, to }
    }

    fn hang_up(&mut self, context: &mut Context, dialog: usize) {
        self.dialogs[dialog].state = DialogState::Leaving;
        self.after(context, 0, CallerTimer::ByeResend(dialog, T1 / 2));
        self.after(context, TIMEOUT, CallerTimer::ByeOver(dialog));
    }

    fn bye_answered(&mut self, context: &mut Context, msg: &Msg<'_>, code: u16) {
        let found = self.dialogs.iter().position(|dialog| dialog.tag == msg.to_tag());
        let Some(dialog) = found else {
            return context.breach(Some(self.number), format!("{code} for a BYE of no dialog"));
        };
        if code < 200 || self.dialogs[dialog].state != DialogState::Leaving {
            return;
        }
        self.dialogs[dialog].state = DialogState::Over;
        let strays = self.ignores_record_route && context.ledger.may_stray(self.number);
        if code != 200 && !strays && !self.target_died(context, dialog) {
            context.breach(Some(self.number), format!("the caller's BYE was refused with {code}"));
        }
    }

    /// A target's BYE.
    fn request(&mut self, context: &mut Context, sent: &Sent, msg: &Msg<'_>) {
        let tag = param(msg.get("From"), "tag").unwrap_or("");
        let found = self.dialogs.iter_mut().find(|dialog| dialog.tag == tag);
        let code = match (msg.method(), found) {
            ("BYE", Some(dialog)) => {
                dialog.state = DialogState::Over;
                200
            }
            ("BYE", None) => 481,
            (method, _) => {
                return context.breach(Some(self.number), format!("{method} came to a caller"));
            }
        };
        let answer = respond(msg, code, "", sent.from).finish();
        let to = Msg::read(&answer).and_then(|msg| way_back(msg.get("Via")).parse().ok());
        if let Some(to) = to {
            context.send(self.address, to, answer);
        }
    }

    /// What is left of the call when nothing happens any more.
    pub(crate) fn judge_the_end(&self, context: &mut Context) {
        for leg in &self.legs {
            if matches!(leg.state, LegState::Calling | LegState::Proceeding) {
                context.breach(Some(self.number), "the caller waits and nothing will happen any more");
            }
        }
        if self.dialogs.iter().any(|dialog| dialog.state != DialogState::Over) {
            context.breach(Some(self.number), "the caller has a call up and nothing will happen any more");
        }
    }
}
