//! The lab by itself: a telephone that calls an answering machine directly, over loopback.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::sync::Arc;
use std::time::Duration;

use lab::ladder::{Look, ladder};
use lab::machine::{Answering, Behaviour, CallRecord, Machine};
use lab::media::Source;
use lab::phone::{CallPlan, CallReport, Phone, Step};
use lab::signalling::Side;
use lab::trace::Trace;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// One telephone and one machine, which answers by user.
struct Lab {
    trace: Trace,
    machine: Machine,
    phone: Arc<Phone>,
}

impl Lab {
    async fn new() -> Self {
        let trace = Trace::new();
        let machine =
            Machine::start("127.0.1.9:0".parse().unwrap(), Answering::ByUser, &trace).await.unwrap();
        let phone = Phone::start("127.0.0.1:0".parse().unwrap(), &trace).await.unwrap();
        Self { trace, machine, phone: Arc::new(phone) }
    }

    fn plan(&self, user: &str) -> CallPlan {
        CallPlan::new(self.machine.address(), user)
    }

    async fn call(&self, plan: CallPlan) -> (CallReport, CallRecord) {
        let report = self.phone.call(plan).await.unwrap();
        let record = self.machine.report().call(&report.call_id).unwrap().clone();
        assert_eq!((self.machine.report().wrong, self.phone.wrong()), (0, 0), "{report}");
        (report, record)
    }

    /// The record of the only call, once it is as it should be: the machine may hear of its end after the telephone.
    async fn record_when(&self, right: impl Fn(&CallRecord) -> bool) -> CallRecord {
        for _ in 0..250 {
            if let Some(record) = self.machine.report().calls.first().filter(|record| right(record)) {
                return record.clone();
            }
            tokio::time::sleep(millis(20)).await;
        }
        self.machine.report().calls.remove(0)
    }
}

fn codes(report: &CallReport, method: &str) -> Vec<u16> {
    report
        .responses
        .iter()
        .filter(|response| response.method == method)
        .map(|response| response.code)
        .collect()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[tokio::test]
async fn an_echo_gives_back_sound_and_digits_until_the_caller_hangs_up() {
    let lab = Lab::new().await;
    let script = [Step::Press("12#".to_owned()), Step::Wait(millis(1200)), Step::HangUp];
    let (report, record) = lab.call(lab.plan("echo").script(script)).await;
    assert!(report.completed(), "{report}");
    assert_eq!(codes(&report, "INVITE"), [100, 180, 200]);
    assert_eq!((report.hung_up_by, report.bye_status), (Some(Side::Caller), Some(200)));
    assert!(report.set_up.unwrap() >= millis(300), "{report}");
    assert_eq!((report.audio.digits.as_str(), record.audio.digits.as_str()), ("12#", "12#"));
    // A tone of peak 8000, with gaps where digits were pressed.
    assert!(report.audio.rms > 4000.0 && record.audio.rms > 4000.0, "{report}");
    assert!(report.audio.received > 40 && report.audio.sent > 40, "{report}");
    assert_eq!(record.requests, ["INVITE", "ACK", "BYE"]);
    assert_eq!(
        (record.status, record.acknowledged, record.hung_up_by),
        (Some(200), true, Some(Side::Caller))
    );
    let drawn = ladder(&lab.trace, &report.call_id, Look::plain());
    for message in
        ["INVITE sip:echo@", "180 Ringing (INVITE)", "200 OK (INVITE)", "ACK sip:echo@", "200 OK (BYE)"]
    {
        assert!(drawn.contains(message), "{drawn}");
    }
}

#[tokio::test]
async fn a_machine_that_hangs_up_ends_the_call() {
    let lab = Lab::new().await;
    let (report, _) = lab.call(lab.plan("tone,ringing=0.05,hangup=0.4").script([])).await;
    assert!(report.completed(), "{report}");
    assert_eq!(
        (report.hung_up_by, report.requests.as_slice()),
        (Some(Side::Callee), &["BYE".to_owned()][..])
    );
    assert!(report.audio.rms > 4000.0, "{report}");
    let record = lab.record_when(|record| record.bye_status.is_some()).await;
    assert_eq!((record.hung_up_by, record.bye_status), (Some(Side::Callee), Some(200)));
}

#[tokio::test]
async fn a_refusal_is_final_and_acknowledged() {
    let lab = Lab::new().await;
    let (report, _) = lab.call(lab.plan("busy")).await;
    assert_eq!((report.status, report.hung_up_by, codes(&report, "INVITE")), (Some(486), None, vec![486]));
    let record = lab.record_when(|record| record.acknowledged).await;
    assert_eq!((record.status, record.acknowledged), (Some(486), true));
}

#[tokio::test]
async fn a_caller_who_cancels_gets_487() {
    let lab = Lab::new().await;
    let (report, record) = lab.call(CallPlan { cancel_after: Some(millis(150)), ..lab.plan("ring") }).await;
    assert_eq!((report.status, report.hung_up_by), (Some(487), Some(Side::Caller)), "{report}");
    assert_eq!((codes(&report, "INVITE"), codes(&report, "CANCEL")), (vec![100, 180, 487], vec![200]));
    assert_eq!(record.requests[..2], ["INVITE", "CANCEL"]);
}

#[tokio::test]
async fn a_silent_machine_answers_nothing_and_the_caller_tries_again() {
    let lab = Lab::new().await;
    let (report, record) = lab.call(CallPlan { patience: millis(1700), ..lab.plan("silent") }).await;
    assert_eq!((report.status, report.responses.len()), (None, 0), "{report}");
    assert!(report.resent >= 1 && record.repeated >= 1, "{report}");
    assert_eq!(report.failure.as_deref(), Some("no answer to the INVITE"));
}

#[tokio::test]
async fn requests_within_a_dialog_are_answered() {
    let lab = Lab::new().await;
    let requests =
        ["INFO", "UPDATE", "OPTIONS", "PRACK", "INVITE"].map(|method| Step::Request(method.to_owned()));
    let script = requests.into_iter().chain([Step::HangUp]);
    let (report, record) = lab.call(lab.plan("quiet,ringing=0").script(script)).await;
    assert!(report.completed(), "{report}");
    assert_eq!(
        record.requests,
        ["INVITE", "ACK", "INFO", "UPDATE", "OPTIONS", "PRACK", "INVITE", "ACK", "BYE"]
    );
    let (report, _) =
        lab.call(lab.plan("quiet").script([Step::Request("PUBLISH".to_owned()), Step::HangUp])).await;
    assert_eq!((report.failure.as_deref(), report.bye_status), (Some("405 to the PUBLISH"), Some(200)));
}

#[tokio::test]
async fn header_fields_and_routes_of_a_plan_are_in_the_invite() {
    let lab = Lab::new().await;
    let here = lab.machine.address();
    let plan = CallPlan {
        headers: vec![("X-Test".to_owned(), "yes".to_owned())],
        routes: vec![format!("<sip:{here};lr>")],
        rport: false,
        script: vec![Step::HangUp],
        ..lab.plan("quiet,ringing=0")
    };
    let (report, record) = lab.call(plan).await;
    assert!(report.completed(), "{report}");
    assert_eq!(record.invite.named("x-test"), ["yes"]);
    assert_eq!(record.invite.named("Route"), [format!("<sip:{here};lr>")]);
    assert!(!record.invite.named("Via")[0].contains("rport"));
}

#[tokio::test]
async fn many_calls_at_once_all_complete() {
    let lab = Lab::new().await;
    let script = [Step::Wait(millis(300)), Step::HangUp];
    let plans = (0..30).map(|_| lab.plan("tone,ringing=0.1").script(script.clone()));
    let mut calls = JoinSet::new();
    for plan in plans {
        let phone = Arc::clone(&lab.phone);
        calls.spawn(async move { phone.call(plan).await.unwrap() });
    }
    for report in calls.join_all().await {
        assert!(report.completed() && report.audio.received > 0, "{report}");
    }
    assert_eq!(lab.machine.report().taken, 30);
}

#[tokio::test]
async fn what_belongs_to_no_call_is_counted_and_refused() {
    let lab = Lab::new().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let here = socket.local_addr().unwrap();
    let request = |method: &str, to: &str| {
        format!(
            "{method} sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{method}\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:b@c>{to}\r\nCall-ID: unknown\r\nCSeq: 7 {method}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let ask = async |text: String| {
        socket.send_to(text.as_bytes(), lab.machine.address()).await.unwrap();
        let mut buffer = [0; 2048];
        let (length, _) =
            tokio::time::timeout(millis(5000), socket.recv_from(&mut buffer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    for junk in ["", "\r\n\r\n", "nonsense", "INVITE sip:a@b SIP/2.0\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n"] {
        socket.send_to(junk.as_bytes(), lab.machine.address()).await.unwrap();
    }
    socket.send_to(request("ACK", ";tag=none").as_bytes(), lab.machine.address()).await.unwrap();
    assert!(ask(request("BYE", ";tag=none")).await.starts_with("SIP/2.0 481 "));
    assert!(ask(request("CANCEL", "")).await.starts_with("SIP/2.0 481 "));
    assert!(ask(request("REGISTER", "")).await.starts_with("SIP/2.0 405 "));
    assert!(ask(request("OPTIONS", "")).await.starts_with("SIP/2.0 200 "));
    let report = lab.machine.report();
    assert_eq!((report.wrong, report.malformed, report.pings, report.taken), (3, 3, 1, 0), "{report:?}");
    assert_eq!(report.strangers[0].method, "ACK");
}

#[tokio::test]
async fn final_answers_are_repeated_until_they_are_acknowledged() {
    let machine = Machine::start(
        "127.0.1.9:0".parse().unwrap(),
        Answering::Always(Behaviour::Answer {
            ringing: millis(0),
            source: Source::Silence,
            hang_up_after: None,
        }),
        &Trace::new(),
    )
    .await
    .unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let here = socket.local_addr().unwrap();
    let message = |method: &str, branch: &str, to: &str| {
        format!(
            "{method} sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch={branch}\r\nFrom: <sip:a@b>;tag=1\r\nTo: {to}\r\n\
             Call-ID: mine\r\nCSeq: 7 {method}\r\nContact: <sip:a@{here}>\r\nContent-Length: 0\r\n\r\n"
        )
    };
    // What comes next of this code and method; a slow machine may have repeated others before.
    let hear = async |code: u16, method: &str| {
        let mut buffer = [0; 2048];
        loop {
            let received = tokio::time::timeout(millis(5000), socket.recv_from(&mut buffer)).await;
            let text = String::from_utf8_lossy(&buffer[..received.unwrap().unwrap().0]).into_owned();
            if text.starts_with(&format!("SIP/2.0 {code} "))
                && text.contains(&format!("CSeq: 7 {method}\r\n"))
            {
                return text;
            }
        }
    };
    let send = async |text: String| socket.send_to(text.as_bytes(), machine.address()).await.unwrap();
    let invite = message("INVITE", "z9hG4bK1", "<sip:b@c>");
    send(invite.clone()).await;
    hear(100, "INVITE").await;
    hear(180, "INVITE").await;
    let answer = hear(200, "INVITE").await;
    // The INVITE again gets the same again; by another way it is a merged request.
    send(invite.clone()).await;
    assert_eq!(hear(200, "INVITE").await, answer);
    send(invite.replace("z9hG4bK1", "z9hG4bK2")).await;
    hear(482, "INVITE").await;
    // Nobody acknowledges for half a second.
    assert_eq!(hear(200, "INVITE").await, answer);
    let to = answer.lines().find_map(|line| line.strip_prefix("To: ")).unwrap();
    send(message("ACK", "z9hG4bK3", to)).await;
    let bye = message("BYE", "z9hG4bK4", to);
    send(bye.clone()).await;
    let ended = hear(200, "BYE").await;
    send(bye).await;
    assert_eq!(hear(200, "BYE").await, ended);
    let record = machine.report().calls[0].clone();
    assert!(record.acknowledged && record.resent >= 1, "{record:?}");
    assert_eq!((record.requests, record.repeated), (vec!["INVITE".into(), "ACK".into(), "BYE".into()], 2));
}
