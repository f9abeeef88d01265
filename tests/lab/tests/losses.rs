//! Telephone and machine without sockets, on a network of their own that loses messages, in time of its own.
//!
//! What is tested is the lab: a telephone that gives up early, or a machine that forgets, would blame the proxy.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lab::machine::{self, Answering, CallRecord, Uas};
use lab::phone::{self, CallPlan, CallReport, Step, Uac};
use lab::signalling::{Ids, Incoming, Side};

/// Decides by a message's number and first line whether it is lost.
type Loss = dyn FnMut(usize, &str) -> bool;

/// One call between two parties, and what is on its way.
struct Network {
    now: Instant,
    start: Instant,
    uac: Uac,
    uas: Uas,
    wire: VecDeque<(bool, Vec<u8>)>,
    loses: Box<Loss>,
    /// When each message was sent, and its first line.
    log: Vec<(Duration, String)>,
}

fn phone() -> SocketAddr {
    "10.0.0.1:5060".parse().unwrap()
}

fn target() -> SocketAddr {
    "10.0.0.2:5060".parse().unwrap()
}

impl Network {
    fn new(seed: u64, plan: CallPlan, loses: impl FnMut(usize, &str) -> bool + 'static) -> Self {
        let now = Instant::now();
        let media = "10.0.0.1:4000".parse().unwrap();
        let uac = Uac::new(plan, phone(), media, Ids::seeded(seed), now);
        let uas = Uas::new(target(), Answering::ByUser, Ids::seeded(seed + 1_000_000));
        Self { now, start: now, uac, uas, wire: VecDeque::new(), loses: Box::new(loses), log: Vec::new() }
    }

    /// Lets the call run until nothing is due for a while, and tells what both saw.
    fn run(mut self, time: Duration) -> (CallReport, CallRecord, Vec<(Duration, String)>) {
        let actions = self.uac.start(self.now);
        self.by_phone(actions);
        while self.now < self.start + time {
            self.deliver();
            let next = [self.uac.next_timeout(), self.uas.next_timeout()].into_iter().flatten().min();
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            let actions = self.uac.timeout(self.now);
            self.by_phone(actions);
            let actions = self.uas.timeout(self.now);
            self.by_machine(actions);
        }
        let record = self.uas.report(|_| None).calls.first().unwrap().clone();
        (self.uac.report().clone(), record, self.log)
    }

    fn deliver(&mut self) {
        while let Some((to_machine, bytes)) = self.wire.pop_front() {
            if to_machine {
                let actions = self.uas.receive(&bytes, phone(), self.now);
                self.by_machine(actions);
            } else {
                let message = Incoming::parse(&bytes).unwrap();
                let actions = self.uac.receive(&message, target(), self.now);
                self.by_phone(actions);
            }
        }
    }

    fn send(&mut self, to_machine: bool, bytes: Vec<u8>) {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let first = text.lines().next().unwrap().to_owned();
        if !(self.loses)(self.log.len(), &first) {
            self.wire.push_back((to_machine, bytes));
        }
        self.log.push((self.now - self.start, first));
    }

    fn by_phone(&mut self, actions: Vec<phone::Action>) {
        for action in actions {
            if let phone::Action::Send { to, bytes } = action {
                assert_eq!(to, target());
                self.send(true, bytes);
            }
        }
    }

    fn by_machine(&mut self, actions: Vec<machine::Action>) {
        for action in actions {
            match action {
                machine::Action::Send { to, bytes } => {
                    assert_eq!(to, phone());
                    self.send(false, bytes);
                }
                machine::Action::OpenAudio { call, .. } => {
                    let media = Ok("10.0.0.2:4000".parse().unwrap());
                    let actions = self.uas.audio_opened(&call, media, self.now);
                    self.by_machine(actions);
                }
                _ => {}
            }
        }
    }
}

fn plan(user: &str) -> CallPlan {
    CallPlan::new(target(), user)
}

/// The half seconds at which messages beginning with this text were sent.
fn halves(log: &[(Duration, String)], text: &str) -> Vec<u128> {
    log.iter().filter(|(_, line)| line.starts_with(text)).map(|(at, _)| at.as_millis() / 500).collect()
}

#[test]
fn calls_complete_though_every_fifth_message_is_lost() {
    for seed in 0..300 {
        let user = ["tone", "hangup", "busy"][seed as usize % 3];
        let mut dice = Ids::seeded(seed);
        let script = [
            Step::Wait(Duration::from_millis(100)),
            Step::Request("INFO".to_owned()),
            Step::Request("INVITE".to_owned()),
            Step::HangUp,
        ];
        let script = if user == "hangup" { &script[..0] } else { &script[..] };
        let plan = plan(user).script(script.iter().cloned());
        let network = Network::new(seed, plan, move |_, _| dice.number().is_multiple_of(5));
        let (report, record, log) = network.run(Duration::from_secs(120));
        let told = format!("seed {seed}: {report}\n{record:?}\n{log:#?}");
        assert!(report.failure.is_none() && record.failure.is_none(), "{told}");
        match user {
            "busy" => assert_eq!((report.status, record.acknowledged), (Some(486), true), "{told}"),
            "hangup" => {
                assert_eq!((report.hung_up_by, record.bye_status), (Some(Side::Callee), Some(200)), "{told}")
            }
            _ => assert_eq!((report.completed(), record.hung_up_by), (true, Some(Side::Caller)), "{told}"),
        }
    }
}

#[test]
fn an_invite_that_nobody_answers_is_sent_seven_times_in_32_seconds() {
    let (report, _, log) = Network::new(1, plan("silent"), |_, _| false).run(Duration::from_secs(120));
    assert_eq!(halves(&log, "INVITE"), [0, 1, 3, 7, 15, 31, 63]);
    assert_eq!(
        (report.failure.as_deref(), report.duration),
        (Some("no answer to the INVITE"), Duration::from_secs(32))
    );
}

#[test]
fn an_answer_that_nobody_acknowledges_is_repeated_and_then_taken_back() {
    let lost = |_, line: &str| line.starts_with("ACK");
    let quiet = plan("tone,ringing=0").script([]);
    let (report, record, log) = Network::new(1, quiet, lost).run(Duration::from_secs(120));
    assert_eq!(halves(&log, "SIP/2.0 200")[..11], [0, 1, 3, 7, 15, 23, 31, 39, 47, 55, 63]);
    assert_eq!(halves(&log, "BYE"), [64]);
    assert_eq!((report.hung_up_by, record.acknowledged), (Some(Side::Callee), false));
    assert_eq!(record.failure.as_deref(), Some("no ACK of the final answer"));
}

#[test]
fn a_cancel_that_crosses_the_answer_ends_in_bye() {
    // The answer is lost the first time, so that the telephone believes that it still rings.
    let mut answers = 0;
    let lost = move |_, line: &str| {
        answers += usize::from(line.starts_with("SIP/2.0 200"));
        line.starts_with("SIP/2.0 200") && answers == 1
    };
    let plan = CallPlan { cancel_after: Some(Duration::from_millis(400)), ..plan("tone") };
    let (report, record, log) = Network::new(1, plan, lost).run(Duration::from_secs(120));
    assert_eq!(
        (report.status, report.bye_status, report.hung_up_by),
        (Some(200), Some(200), Some(Side::Caller))
    );
    assert_eq!(record.requests, ["INVITE", "CANCEL", "ACK", "BYE"], "{log:#?}");
}

#[test]
fn a_cancel_waits_for_the_first_response() {
    let mut responses = 0;
    let lost = move |_, line: &str| {
        responses += usize::from(line.starts_with("SIP/2.0"));
        line.starts_with("SIP/2.0") && responses <= 2
    };
    let plan = CallPlan { cancel_after: Some(Duration::from_millis(100)), ..plan("ring") };
    let (report, record, log) = Network::new(1, plan, lost).run(Duration::from_secs(120));
    // RFC 3261 9.1: the INVITE is repeated after half a second, and only its answer lets the CANCEL go.
    assert_eq!((halves(&log, "INVITE"), halves(&log, "CANCEL")), (vec![0, 1], vec![1]));
    assert_eq!((report.status, record.acknowledged), (Some(487), true));
}

#[test]
fn a_caller_with_no_patience_cancels_what_rings_for_ever() {
    let plan = CallPlan { patience: Duration::from_secs(3), ..plan("ring") };
    let (report, record, _) = Network::new(1, plan, |_, _| false).run(Duration::from_secs(120));
    assert_eq!(
        (report.status, report.hung_up_by, record.acknowledged),
        (Some(487), Some(Side::Caller), true)
    );
}
