//! The telephone calls a real FreeSWITCH, by hand over its event socket. Skipped, with a message, unless
//! `SWITCHYARD_FREESWITCH` names one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use lab::phone::{CallPlan, CallReport, Phone, Step};
use lab::real_switch::{Console, RealSwitch, SwitchSettings};
use lab::trace::Trace;
use tokio::task::JoinHandle;

const WITHIN: Duration = Duration::from_secs(20);

/// A FreeSWITCH that gives up calls nobody takes after a second, and a telephone.
struct Lab {
    switch: RealSwitch,
    console: Console,
    phone: Phone,
}

impl Lab {
    async fn start() -> Option<Self> {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let ip = Ipv4Addr::new(127, 0, 2, NEXT.fetch_add(1, Ordering::Relaxed));
        let settings = SwitchSettings::at(ip).set("FREESWITCH_TAKE_WITHIN", "1");
        let switch = RealSwitch::start(&settings).unwrap()?;
        let phone = Phone::start("127.0.0.1:0".parse().unwrap(), &Trace::new()).await.unwrap();
        Some(Self { console: switch.console().unwrap(), switch, phone })
    }

    fn api(&mut self, command: &str) -> String {
        let answer = self.console.api(command).unwrap();
        assert!(!answer.starts_with("-ERR"), "{command}: {answer}\n{}", self.switch.log());
        answer
    }

    /// Calls, and takes the call: parked again it has no end. Its channel.
    async fn call(mut self, script: Vec<Step>) -> (Self, String, JoinHandle<CallReport>) {
        let plan = CallPlan::new(self.switch.profiles().nat_gateway, "1294").script(script);
        let phone = self.phone;
        self.phone = Phone::start("127.0.0.1:0".parse().unwrap(), &Trace::new()).await.unwrap();
        let call = tokio::spawn(async move { phone.call(plan).await.unwrap() });
        let deadline = Instant::now() + WITHIN;
        let channel = loop {
            let channels = self.api("show channels");
            if let Some(line) = channels.lines().find(|line| line.contains(",park,")) {
                break line.split(',').next().unwrap().to_owned();
            }
            assert!(Instant::now() < deadline, "no channel parks:\n{channels}\n{}", self.switch.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        self.api(&format!("uuid_park {channel}"));
        (self, channel, call)
    }
}

fn seconds(seconds: f32) -> Duration {
    Duration::from_secs_f32(seconds)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_taken_stays_and_no_digit_ends_what_it_hears() {
    let Some(lab) = Lab::start().await else { return };
    let script =
        vec![Step::Wait(seconds(1.5)), Step::Press("*#1".to_owned()), Step::Wait(seconds(2.5)), Step::HangUp];
    let (mut lab, channel, call) = lab.call(script).await;
    // Longer than calls may wait that nobody takes.
    tokio::time::sleep(seconds(1.5)).await;
    lab.api(&format!("uuid_answer {channel}"));
    lab.api(&format!("uuid_broadcast {channel} playback::tone_stream://%(10000,0,440) aleg"));
    let report = call.await.unwrap();
    assert!(report.completed(), "{report}");
    let last_whole_second = report.audio.rms_per_second.iter().rev().nth(1).copied().unwrap();
    assert!(last_whole_second > 4000.0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_sent_while_nothing_is_played() {
    let Some(lab) = Lab::start().await else { return };
    let (mut lab, channel, call) = lab.call(vec![Step::Wait(seconds(2.0)), Step::HangUp]).await;
    lab.api(&format!("uuid_answer {channel}"));
    let report = call.await.unwrap();
    assert!(report.completed(), "{report}");
    // 50 a second, less what a busy machine keeps back.
    assert!(report.audio.received > 60 && report.audio.rms < 50.0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_by_the_controller_reaches_the_caller() {
    let Some(lab) = Lab::start().await else { return };
    let (mut lab, channel, call) = lab.call(Vec::new()).await;
    lab.api(&format!("uuid_kill {channel} USER_BUSY"));
    let report = call.await.unwrap();
    assert_eq!((report.status, report.hung_up_by), (Some(486), None), "{report}");
}
