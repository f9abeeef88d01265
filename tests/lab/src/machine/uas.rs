//! An answering machine without its socket: finds the call that a message belongs to, or begins one.
//!
//! No socket and no clock in here: datagrams and `now` come in, [`Action`]s go out.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use super::call::Call;
use super::report::{CallRecord, MachineReport, Stranger};
use super::{Action, Answering};
use crate::media::AudioReport;
use crate::signalling::respond::respond;
use crate::signalling::{ALLOW, Ids, Incoming, Start};

/// Records of ended calls, and of strangers, that are kept; older ones are in the figures alone.
const RECORDS_KEPT: usize = 20_000;

/// All calls of one machine.
#[derive(Debug)]
pub struct Uas {
    here: SocketAddr,
    answering: Answering,
    ids: Ids,
    /// By the To tag that we gave.
    calls: HashMap<String, Call>,
    /// To tags by the INVITE's transaction, for what has no To tag yet.
    by_transaction: HashMap<String, String>,
    /// Transactions by Call-ID, From tag and CSeq number, to know merged requests by.
    by_origin: HashMap<String, String>,
    ended: VecDeque<CallRecord>,
    figures: MachineReport,
    /// Not later than anything that is due.
    next: Option<Instant>,
    out: Vec<Action>,
}

impl Uas {
    /// A machine that receives at `here`.
    #[must_use]
    pub fn new(here: SocketAddr, answering: Answering, ids: Ids) -> Self {
        Self {
            here,
            answering,
            ids,
            calls: HashMap::new(),
            by_transaction: HashMap::new(),
            by_origin: HashMap::new(),
            ended: VecDeque::new(),
            figures: MachineReport::default(),
            next: None,
            out: Vec::new(),
        }
    }

    /// Takes in a datagram, whatever it holds.
    pub fn receive(&mut self, datagram: &[u8], source: SocketAddr, now: Instant) -> Vec<Action> {
        // RFC 5626 4.4.1: line ends alone keep a way open and mean nothing else.
        if datagram.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            return Vec::new();
        }
        match Incoming::parse(datagram) {
            Ok(message) => match message.start {
                Start::Request(_) => self.request(&message, source, now),
                Start::Response(_) => self.response(&message, now),
            },
            Err(_) => self.figures.malformed += 1,
        }
        std::mem::take(&mut self.out)
    }

    /// When [`Uas::timeout`] is to be called next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// Does what is due.
    pub fn timeout(&mut self, now: Instant) -> Vec<Action> {
        for call in self.calls.values_mut() {
            if call.next_timeout().is_some_and(|at| at <= now) {
                call.timeout(now, &mut self.out);
            }
        }
        self.forget(now);
        self.next = self.calls.values().filter_map(Call::next_timeout).min();
        std::mem::take(&mut self.out)
    }

    /// The media port that [`Action::OpenAudio`] asked for, or why there is none.
    pub fn audio_opened(
        &mut self,
        call: &str,
        media: Result<SocketAddr, String>,
        now: Instant,
    ) -> Vec<Action> {
        self.with(call, |call, out| match media {
            Ok(media) => call.audio_opened(media, now, out),
            Err(why) => call.audio_failed(why, now, out),
        });
        std::mem::take(&mut self.out)
    }

    /// What was heard in a call whose audio [`Action::CloseAudio`] ended.
    pub fn audio_closed(&mut self, call: &str, audio: AudioReport) {
        if let Some(call) = self.calls.get_mut(call) {
            call.record.audio = audio;
        }
    }

    /// What has been seen so far; `audio` tells what calls that still talk have heard.
    #[must_use]
    pub fn report(&self, audio: impl Fn(&str) -> Option<AudioReport>) -> MachineReport {
        let current = self.calls.iter().map(|(tag, call)| {
            let mut record = call.record.clone();
            if let Some(audio) = audio(tag) {
                record.audio = audio;
            }
            record
        });
        let mut calls: Vec<_> = self.ended.iter().cloned().chain(current).collect();
        calls.sort_by_key(|call| call.number);
        MachineReport { calls, ..self.figures.clone() }
    }

    fn request(&mut self, request: &Incoming, source: SocketAddr, now: Instant) {
        if let Some(tag) = &request.to_tag {
            let known = self.calls.get(tag).is_some_and(|call| call.record.call_id == request.call_id);
            if !known {
                return self.stranger(request, source);
            }
            return self.with(tag, |call, out| call.request(request, source, now, out));
        }
        match request.method.as_str() {
            "INVITE" => self.invite(request, source, now),
            "CANCEL" => match self.by_transaction.get(&request.transaction).cloned() {
                Some(tag) => self.with(&tag, |call, out| call.cancel(request, source, now, out)),
                None => self.stranger(request, source),
            },
            "ACK" => self.stranger(request, source),
            "OPTIONS" => {
                self.figures.pings += 1;
                let tag = self.ids.word();
                let answer = respond(request, source, 200, Some(&tag)).header("Allow", ALLOW).end();
                self.out.push(Action::Send { to: request.reply_address(source), bytes: answer });
            }
            _ => self.reject(request, source, 405),
        }
    }

    fn invite(&mut self, invite: &Incoming, source: SocketAddr, now: Instant) {
        if let Some(tag) = self.by_transaction.get(&invite.transaction).cloned() {
            return self.with(&tag, |call, out| call.repeat(out));
        }
        // RFC 3261 8.2.2.2: the same request by another way.
        let origin = origin(invite);
        if self.by_origin.contains_key(&origin) {
            self.figures.merged += 1;
            return self.reject(invite, source, 482);
        }
        self.figures.taken += 1;
        let record = CallRecord::new(self.figures.taken, invite, source, now);
        let behaviour = self.answering.behaviour(&record.user);
        let call = Call::new(record, behaviour, self.here, Ids::seeded(self.ids.number()));
        let tag = call.tag().to_owned();
        self.by_transaction.insert(invite.transaction.clone(), tag.clone());
        self.by_origin.insert(origin, tag.clone());
        self.calls.insert(tag.clone(), call);
        self.with(&tag, |call, out| call.begin(now, out));
    }

    fn response(&mut self, response: &Incoming, now: Instant) {
        // Our requests carry our tag in From.
        self.with(&response.from_tag, |call, out| call.response(response, now, out));
    }

    /// RFC 3261 12.2.2: a request of an unknown dialog is a sign that it went to the wrong machine.
    fn stranger(&mut self, request: &Incoming, source: SocketAddr) {
        self.figures.wrong += 1;
        if self.figures.strangers.len() < RECORDS_KEPT {
            let (method, call_id) = (request.method.clone(), request.call_id.clone());
            self.figures.strangers.push(Stranger { method, call_id, source });
        }
        if request.method != "ACK" {
            self.reject(request, source, 481);
        }
    }

    fn reject(&mut self, request: &Incoming, source: SocketAddr, code: u16) {
        let tag = self.ids.word();
        let bytes = respond(request, source, code, Some(&tag)).end();
        self.out.push(Action::Send { to: request.reply_address(source), bytes });
    }

    /// Lets a call, if there is one of this tag, do something, and notes when it wants to be asked again.
    fn with(&mut self, tag: &str, act: impl FnOnce(&mut Call, &mut Vec<Action>)) {
        let Some(call) = self.calls.get_mut(tag) else { return };
        act(call, &mut self.out);
        self.next = [self.next, call.next_timeout()].into_iter().flatten().min();
    }

    fn forget(&mut self, now: Instant) {
        for (_, call) in self.calls.extract_if(|_, call| call.is_forgotten(now)) {
            self.by_transaction.remove(&call.record.invite.transaction);
            self.by_origin.remove(&origin(&call.record.invite));
            self.ended.push_back(call.record);
        }
        let surplus = self.ended.len().saturating_sub(RECORDS_KEPT);
        self.ended.drain(..surplus);
    }
}

fn origin(request: &Incoming) -> String {
    format!("{} {} {}", request.call_id, request.from_tag, request.cseq)
}
