//! The answering side: every call is answered at once, and every later request must come to where its INVITE came.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use proxy::socket::{Poll, Received, UdpSocket};
use sip::{Index, Limits, Message, Method, Name};

use crate::{
    datagrams::Datagrams,
    message::Run,
    plan::{Plan, RECEIVE_BUFFER, Target},
};

/// How often the end of the run is looked for while nothing comes.
const LOOK: Duration = Duration::from_millis(50);

/// How often it is looked whether a call has rung long enough.
const TICK: Duration = Duration::from_millis(1);

/// No target has got this call yet.
const NOBODY: u8 = u8::MAX;

/// What the answering side tells the other thread.
#[derive(Debug, Default)]
pub struct Shared {
    /// Requests that came so far.
    pub requests: AtomicU64,
    /// The run is over.
    pub stop: AtomicBool,
}

/// What came to the targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// Calls at each target.
    pub calls: Vec<u64>,
    /// Requests that came to another target than the INVITE of their call.
    pub wrong: u64,
    /// INVITEs that came again.
    pub repeated: u64,
    /// What was no request of this run.
    pub strange: u64,
}

/// Decides what is answered; it has no socket.
pub struct Answers {
    run: Run,
    targets: Vec<Words>,
    /// Where each call's INVITE came.
    owners: Vec<u8>,
    /// How long a call rings.
    ring: Duration,
    /// Calls that ring, the longest first.
    ringing: VecDeque<Ringing>,
    index: Index,
    /// What came.
    pub answered: Answered,
}

/// A call that is answered when it has rung long enough.
struct Ringing {
    answered_at: Instant,
    target: usize,
    to: SocketAddr,
    answer: Vec<u8>,
}

/// What a target's answers end with.
struct Words {
    ringing: String,
    ok: String,
    bye: String,
}

impl Words {
    fn new(target: &Target) -> Self {
        let own = format!(
            "Contact: <sip:1294@{};transport=udp>\r\nUser-Agent: load\r\n\
             Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n",
            target.contact
        );
        let (media, length) = ("Content-Type: application/sdp\r\n", ANSWER.len());
        Words {
            ringing: format!("{own}Content-Length: 0\r\n\r\n"),
            ok: format!("{own}{media}Content-Length: {length}\r\n\r\n{ANSWER}"),
            bye: "User-Agent: load\r\nContent-Length: 0\r\n\r\n".to_owned(),
        }
    }
}

impl Answers {
    /// For the calls of a run.
    pub fn new(run: Run, plan: &Plan) -> Self {
        Answers {
            run,
            targets: plan.targets.iter().map(Words::new).collect(),
            owners: vec![NOBODY; plan.calls()],
            ring: plan.ring,
            ringing: VecDeque::new(),
            index: Index::new(),
            answered: Answered { calls: vec![0; plan.targets.len()], ..Answered::default() },
        }
    }

    /// Takes what came to a target from `source`, and writes the answers.
    pub fn take(&mut self, target: usize, bytes: &[u8], source: SocketAddr, replies: &mut Datagrams) {
        let mut index = std::mem::take(&mut self.index);
        let message = Message::parse(bytes, &mut index, &Limits::default()).ok();
        match message.and_then(|message| Some((message, self.call(&message)?))) {
            None => self.answered.strange += 1,
            Some((message, (method, call))) => {
                self.note(target, method, call);
                self.answer(target, &message, method, source, replies);
            }
        }
        self.index = index;
    }

    /// The target whose call has rung long enough, and longest.
    fn next_ringing(&self, now: Instant) -> Option<usize> {
        self.ringing.front().filter(|next| next.answered_at <= now).map(|next| next.target)
    }

    /// Writes the answers of a target's calls that have rung long enough, if they are the next.
    pub fn answer_ringing(&mut self, target: usize, now: Instant, replies: &mut Datagrams) {
        while let Some(next) = self.ringing.front()
            && next.target == target
            && next.answered_at <= now
        {
            replies.add(next.to, |out| {
                out.extend_from_slice(&next.answer);
                Some(())
            });
            self.ringing.pop_front();
        }
    }

    fn answer(
        &mut self,
        target: usize,
        request: &Message<'_>,
        method: Method<'_>,
        to: SocketAddr,
        replies: &mut Datagrams,
    ) {
        let Some(words) = self.targets.get(target) else { return };
        let mut reply = |status: &str, words: &str| {
            replies.add(to, |out| {
                write_answer(request, status, words, out);
                Some(())
            });
        };
        match method {
            Method::Invite => {
                reply("180 Ringing", &words.ringing);
                if self.ring.is_zero() {
                    reply("200 OK", &words.ok);
                    return;
                }
                let mut answer = Vec::new();
                write_answer(request, "200 OK", &words.ok, &mut answer);
                let answered_at = Instant::now() + self.ring;
                self.ringing.push_back(Ringing { answered_at, target, to, answer });
            }
            Method::Ack => {}
            _ => reply("200 OK", &words.bye),
        }
    }

    fn call<'m>(&self, message: &Message<'m>) -> Option<(Method<'m>, usize)> {
        Some((message.request()?.method, self.run.call(message.call_id().ok()?)?))
    }

    fn note(&mut self, target: usize, method: Method<'_>, call: usize) {
        let Some(owner) = self.owners.get_mut(call) else { return };
        let new = *owner == NOBODY;
        if method == Method::Invite && new {
            *owner = target as u8;
            self.answered.calls.get_mut(target).into_iter().for_each(|calls| *calls += 1);
        } else if usize::from(*owner) != target {
            self.answered.wrong += 1;
        } else if method == Method::Invite {
            self.answered.repeated += 1;
        }
    }
}

/// RFC 3261 8.2.6.2: Via, From, To, Call-ID and CSeq as they came, and Record-Route (12.1.1).
fn write_answer(request: &Message<'_>, status: &str, words: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"SIP/2.0 ");
    out.extend_from_slice(status.as_bytes());
    out.extend_from_slice(b"\r\n");
    for field in request.fields() {
        match field.name {
            Name::Via | Name::RecordRoute | Name::From | Name::CallId | Name::CSeq => {
                out.extend_from_slice(field.line);
            }
            Name::To if request.to().is_ok_and(|to| to.tag().is_none()) => {
                out.extend_from_slice(b"To: ");
                out.extend_from_slice(field.value);
                out.extend_from_slice(b";tag=load\r\n");
            }
            Name::To => out.extend_from_slice(field.line),
            _ => {}
        }
    }
    out.extend_from_slice(words.as_bytes());
}

/// Binds the targets' sockets.
///
/// # Errors
///
/// An address that is taken or not this machine's.
pub fn bind(plan: &Plan) -> Result<Vec<UdpSocket>> {
    let bind = |target: &Target| {
        let socket = UdpSocket::bind(target.bind, false, RECEIVE_BUFFER);
        socket.with_context(|| format!("cannot answer calls at {}", target.bind))
    };
    plan.targets.iter().map(bind).collect()
}

/// Answers until it is told to stop. Answers go to where the request came from, as `rport` asks.
///
/// # Errors
///
/// The system's, when receiving.
pub fn answer(mut answers: Answers, sockets: &[UdpSocket], shared: &Shared) -> Result<Answered> {
    let (mut poll, mut batch, mut replies) = (Poll::new(sockets), Received::new(), Datagrams::default());
    while !shared.stop.load(Ordering::Relaxed) {
        poll.wait(if answers.ringing.is_empty() { LOOK } else { TICK })?;
        for (target, socket) in poll.ready() {
            socket.receive_now(&mut batch)?;
            let mut count = 0;
            for (bytes, source) in batch.iter() {
                answers.take(target, bytes, source, &mut replies);
                count += 1;
            }
            shared.requests.fetch_add(count, Ordering::Relaxed);
            replies.send(socket);
        }
        let now = Instant::now();
        while let Some(target) = answers.next_ringing(now) {
            answers.answer_ringing(target, now, &mut replies);
            sockets.get(target).into_iter().for_each(|socket| replies.send(socket));
        }
    }
    Ok(answers.answered)
}

/// What the targets answer.
const ANSWER: &str = "v=0\r\n\
    o=FreeSWITCH 1718000000 1718000001 IN IP4 127.0.0.1\r\n\
    s=FreeSWITCH\r\n\
    c=IN IP4 127.0.0.1\r\n\
    t=0 0\r\n\
    m=audio 25984 RTP/AVP 8 101\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\n\
    a=ptime:20\r\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Script, number};
    use crate::plan::tests::plan;

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// Answers an INVITE at target 1, and gives what else is needed to go on.
    fn invited() -> (Answers, Script, Vec<u8>, String) {
        let (run, plan, mut invite, mut replies) = (Run::new(), plan(), Vec::new(), Datagrams::default());
        let script = Script::new(&run, plan.caller, &plan);
        script.invite.write(&number(3), &mut invite);
        let mut answers = Answers::new(run, &plan);
        answers.take(1, &invite, plan.against, &mut replies);
        let replies = text(replies.bytes());
        (answers, script, invite, replies)
    }

    fn later(answers: &mut Answers, target: usize, request: &str) -> String {
        let mut replies = Datagrams::default();
        answers.take(target, request.as_bytes(), plan().against, &mut replies);
        text(replies.bytes())
    }

    #[test]
    fn an_invite_is_answered_with_180_and_200_that_a_caller_can_use() {
        let (answers, _, invite, replies) = invited();
        let ok = replies.get(replies.find("SIP/2.0 200 OK").unwrap()..).unwrap();
        assert!(replies.starts_with("SIP/2.0 180 Ringing\r\n"));
        let (mut one, mut two) = (Index::new(), Index::new());
        let invite = Message::parse(&invite, &mut one, &Limits::default()).unwrap();
        let ok = Message::parse(ok.as_bytes(), &mut two, &Limits::default()).unwrap();
        assert_eq!((ok.defect(), ok.body().unwrap()), (None, ANSWER.as_bytes()));
        for name in [Name::Via, Name::RecordRoute, Name::From, Name::CallId, Name::CSeq] {
            assert!(ok.values(name).eq(invite.values(name)), "{}", name.as_str());
        }
        assert_eq!(ok.to().unwrap().tag(), Some(&b"load"[..]));
        assert_eq!(ok.first(Name::Contact).unwrap().value, b"<sip:1294@127.0.1.2:7001;transport=udp>");
        assert_eq!(answers.answered.calls, [0, 1]);
    }

    #[test]
    fn later_requests_are_right_where_the_invite_was_and_wrong_elsewhere() {
        let (mut answers, _, invite, _) = invited();
        let bye = text(&invite).replace("INVITE sip", "BYE sip").replace("1 INVITE", "2 BYE");
        let ack = text(&invite).replace("INVITE sip", "ACK sip").replace("1 INVITE", "1 ACK");
        assert!(later(&mut answers, 1, &bye).starts_with("SIP/2.0 200 OK\r\n"));
        assert_eq!(later(&mut answers, 1, &ack), "");
        assert_eq!(answers.answered.wrong, 0);
        later(&mut answers, 0, &bye);
        later(&mut answers, 0, &ack);
        later(&mut answers, 0, &text(&invite));
        assert_eq!((answers.answered.wrong, answers.answered.repeated), (3, 0));
        later(&mut answers, 1, &text(&invite));
        assert_eq!((answers.answered.repeated, answers.answered.calls), (1, vec![0, 1]));
    }

    #[test]
    fn what_is_not_of_this_run_is_counted_and_not_answered() {
        let (mut answers, _, invite, replies) = invited();
        let other = text(&invite).replace("@sbc", "@other");
        for strange in [other.as_str(), replies.as_str(), "", "no SIP"] {
            assert_eq!(later(&mut answers, 0, strange), "");
        }
        assert_eq!((answers.answered.strange, answers.answered.wrong), (4, 0));
    }
}
