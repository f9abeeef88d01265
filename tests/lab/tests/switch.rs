//! A telephone and answering machines at a switch, controlled over its event socket: the stand-in, or a real FreeSWITCH
//! where `SWITCHYARD_FREESWITCH` names one. What only the stand-in can do comes last.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use esl::{Event, FrameDecoder, Kind, Limits};
use lab::machine::{Answering, Machine};
use lab::media::{Source, sound::share_of};
use lab::phone::{CallPlan, CallReport, Phone, Step};
use lab::signalling::Side;
use lab::switch::{AnySwitch, Switch};
use lab::trace::Trace;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const WITHIN: Duration = Duration::from_secs(20);

const EVENTS: &str = "CHANNEL_CREATE CHANNEL_PARK CHANNEL_UNPARK CHANNEL_ANSWER CHANNEL_PROGRESS CHANNEL_EXECUTE \
    CHANNEL_EXECUTE_COMPLETE CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE DTMF RECORD_START \
    RECORD_STOP PLAYBACK_START PLAYBACK_STOP BACKGROUND_JOB HEARTBEAT";

/// A connection to the event socket.
struct Controller {
    stream: TcpStream,
    decoder: FrameDecoder,
    events: VecDeque<Event>,
}

/// What came.
enum Came {
    Event(Event),
    Reply(String),
    Other(Kind),
    Closed,
}

impl Controller {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self { stream, decoder: FrameDecoder::new(Limits::default()), events: VecDeque::new() }
    }

    async fn log_in(switch: &AnySwitch) -> Self {
        let mut controller = Self::connect(switch.event_socket()).await;
        assert!(matches!(controller.next().await, Came::Other(Kind::AuthRequest)));
        assert_eq!(controller.ask(&format!("auth {}", switch.password())).await, "+OK accepted");
        controller.ask(&format!("event json {EVENTS}")).await;
        controller
    }

    async fn next(&mut self) -> Came {
        timeout(WITHIN, self.read()).await.expect("nothing comes from the event socket")
    }

    async fn read(&mut self) -> Came {
        let mut buffer = vec![0; 65_536];
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                return match (frame.event(), frame.reply()) {
                    (Some(event), _) => Came::Event(event.unwrap()),
                    (None, Some(reply)) => Came::Reply(reply.text),
                    (None, None) => Came::Other(frame.kind()),
                };
            }
            match self.stream.read(&mut buffer).await {
                Ok(length) if length > 0 => self.decoder.push(&buffer[..length]),
                _ => return Came::Closed,
            }
        }
    }

    async fn ask(&mut self, command: &str) -> String {
        self.stream.write_all(format!("{command}\n\n").as_bytes()).await.unwrap();
        loop {
            match self.next().await {
                Came::Event(event) => self.events.push_back(event),
                Came::Reply(text) => return text.trim_end().to_owned(),
                Came::Other(_) => {}
                Came::Closed => panic!("closed instead of a reply to {command}"),
            }
        }
    }

    async fn execute(&mut self, channel: &str, application: &str, argument: &str, uuid: &str) {
        let message = format!(
            "sendmsg {channel}\ncall-command: execute\nexecute-app-name: {application}\nexecute-app-arg: {argument}\n\
             Event-UUID: {uuid}\nevent-lock: true"
        );
        assert_eq!(self.ask(&message).await, "+OK");
    }

    /// The first event of this name and channel that nobody has asked for. Others are kept: channels are threads of a
    /// real FreeSWITCH, whose events overtake each other.
    async fn event(&mut self, name: &str, channel: &str) -> Event {
        timeout(WITHIN, self.wait_for(name, channel))
            .await
            .unwrap_or_else(|_| panic!("no {name} of {channel:?}; there are {:?}", self.names()))
    }

    async fn wait_for(&mut self, name: &str, channel: &str) -> Event {
        loop {
            let right = |event: &Event| {
                event.name() == name && (channel.is_empty() || event.unique_id() == Some(channel))
            };
            if let Some(event) = self.events.iter().position(right).and_then(|at| self.events.remove(at)) {
                return event;
            }
            match self.next().await {
                Came::Event(event) => self.events.push_back(event),
                Came::Closed => panic!("closed while {name} was waited for"),
                Came::Reply(_) | Came::Other(_) => {}
            }
        }
    }

    fn names(&self) -> Vec<&str> {
        self.events.iter().map(Event::name).collect()
    }

    /// The end of what was executed with this Event-UUID: its Application-Response.
    async fn completed(&mut self, channel: &str, uuid: &str) -> String {
        loop {
            let event = self.event("CHANNEL_EXECUTE_COMPLETE", channel).await;
            if event.application_uuid() == Some(uuid) {
                return event.header("Application-Response").unwrap().to_owned();
            }
        }
    }

    /// Takes the next call that parks; its channel.
    async fn take(&mut self) -> String {
        let channel = self.event("CHANNEL_PARK", "").await.unique_id().unwrap().to_owned();
        assert_eq!(self.ask(&format!("api uuid_park {channel}")).await, "+OK");
        self.event("CHANNEL_PARK", &channel).await;
        channel
    }

    async fn take_and_answer(&mut self) -> String {
        let channel = self.take().await;
        self.execute(&channel, "answer", "", "the-answer").await;
        self.completed(&channel, "the-answer").await;
        channel
    }
}

fn ip() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    Ipv4Addr::new(127, 0, 3, NEXT.fetch_add(1, Ordering::Relaxed))
}

fn seconds(seconds: f32) -> Duration {
    Duration::from_secs_f32(seconds)
}

/// A switch, its controller, and a telephone.
struct Lab {
    switch: AnySwitch,
    controller: Controller,
    phone: Arc<Phone>,
}

impl Lab {
    async fn start() -> Self {
        Self::around(AnySwitch::start(ip(), 3, &Trace::new()).await.unwrap()).await
    }

    async fn stand_in() -> Self {
        Self::around(AnySwitch::stand_in(ip(), 3, &Trace::new()).await.unwrap()).await
    }

    async fn around(switch: AnySwitch) -> Self {
        let controller = Controller::log_in(&switch).await;
        let phone = Phone::start("127.0.0.1:0".parse().unwrap(), &Trace::new()).await.unwrap();
        Self { switch, controller, phone: Arc::new(phone) }
    }

    fn own(&self) -> &Switch {
        match &self.switch {
            AnySwitch::StandIn(switch) => switch,
            AnySwitch::Real(_) => panic!("only the stand-in does this"),
        }
    }

    fn call(&self, script: Vec<Step>) -> JoinHandle<CallReport> {
        self.call_with(script, Source::Tone(440))
    }

    fn call_with(&self, script: Vec<Step>, source: Source) -> JoinHandle<CallReport> {
        let plan = CallPlan { source, ..CallPlan::new(self.switch.address(), "1294").script(script) };
        let phone = Arc::clone(&self.phone);
        tokio::spawn(async move { phone.call(plan).await.unwrap() })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_parks_is_answered_hears_a_tone_and_is_hung_up() {
    let mut lab = Lab::start().await;
    let call = lab.call(Vec::new());
    let controller = &mut lab.controller;
    let channel = controller.take_and_answer().await;
    controller.execute(&channel, "playback", "tone_stream://%(1500,0,800)", "a-tone").await;
    assert_eq!(controller.event("PLAYBACK_STOP", &channel).await.header("Playback-Status"), Some("done"));
    assert_eq!(controller.completed(&channel, "a-tone").await, "FILE PLAYED");
    let missing = lab.switch.directory().join("missing.wav");
    controller.execute(&channel, "playback", missing.to_str().unwrap(), "no-file").await;
    assert_eq!(controller.completed(&channel, "no-file").await, "FILE NOT FOUND");
    controller.ask(&format!("api uuid_kill {channel}")).await;
    let end = controller.event("CHANNEL_HANGUP_COMPLETE", &channel).await;
    assert_eq!(end.header("Hangup-Cause"), Some("NORMAL_CLEARING"));
    assert_eq!(end.variable("sip_hangup_disposition"), Some("send_bye"));
    let report = call.await.unwrap();
    assert!(report.completed() && report.hung_up_by == Some(Side::Callee), "{report}");
    assert!(report.audio.rms_per_second.iter().any(|rms| *rms > 1000.0), "{report}");
}

/// A real one does so or not, as its threads happen to run.
#[tokio::test(flavor = "multi_thread")]
async fn what_plays_before_the_second_park_is_broken_off() {
    let mut lab = Lab::stand_in().await;
    let call = lab.call(Vec::new());
    let controller = &mut lab.controller;
    let channel = controller.event("CHANNEL_PARK", "").await.unique_id().unwrap().to_owned();
    controller.ask(&format!("api uuid_park {channel}")).await;
    controller.execute(&channel, "playback", "tone_stream://%(1500,0,800)", "early").await;
    assert_eq!(controller.completed(&channel, "early").await, "PLAYBACK ERROR");
    controller.event("CHANNEL_PARK", &channel).await;
    controller.execute(&channel, "playback", "tone_stream://%(100,0,800)", "late").await;
    assert_eq!(controller.completed(&channel, "late").await, "FILE PLAYED");
    controller.ask(&format!("api uuid_kill {channel}")).await;
    call.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_told_and_what_plays_can_be_broken_off() {
    let mut lab = Lab::start().await;
    let call = lab.call(vec![Step::Wait(seconds(1.0)), Step::Press("1#".to_owned())]);
    let controller = &mut lab.controller;
    let channel = controller.take_and_answer().await;
    controller.execute(&channel, "playback", "tone_stream://%(500,500,440,480);loops=-1", "for-ever").await;
    assert_eq!(controller.event("DTMF", &channel).await.header("DTMF-Digit"), Some("1"));
    controller.ask(&format!("api uuid_break {channel} all")).await;
    assert_eq!(controller.event("PLAYBACK_STOP", &channel).await.header("Playback-Status"), Some("break"));
    assert_eq!(controller.completed(&channel, "for-ever").await, "FILE PLAYED");
    assert_eq!(controller.event("DTMF", &channel).await.header("DTMF-Digit"), Some("#"));
    controller.ask(&format!("api uuid_kill {channel}")).await;
    assert!(call.await.unwrap().completed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_takes_is_refused_with_503_and_one_that_is_taken_stays() {
    let mut lab = Lab::start().await;
    let (lost, kept) = (lab.call(Vec::new()), lab.call(Vec::new()));
    let channel = lab.controller.take().await;
    let lost_one = lab.controller.event("CHANNEL_HANGUP_COMPLETE", "").await;
    assert_ne!(lost_one.unique_id(), Some(channel.as_str()));
    lab.controller.ask(&format!("api uuid_kill {channel} USER_BUSY")).await;
    let mut statuses = [lost.await.unwrap().status.unwrap(), kept.await.unwrap().status.unwrap()];
    statuses.sort_unstable();
    assert_eq!(statuses, [486, 503]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_two_legs_is_bridged_and_the_caller_parks_when_it_has_gone() {
    let mut lab = Lab::start().await;
    let trace = Trace::new();
    let machine = Machine::start("127.0.1.9:0".parse().unwrap(), Answering::ByUser, &trace).await.unwrap();
    let call = lab.call_with(Vec::new(), Source::Silence);
    let controller = &mut lab.controller;
    let channel = controller.take_and_answer().await;
    controller.ask(&format!("api uuid_setvar {channel} park_after_bridge true")).await;
    for (leg, user) in [("leg-one", "hangup"), ("leg-two", "ring")] {
        let dial = format!("sofia/nat_gateway/{user}@{}", machine.address());
        let variables = format!("origination_uuid={leg},originate_timeout=20,sip_h_X-Switchyard-Leg={leg}");
        controller.ask(&format!("bgapi originate {{{variables}}}{dial} &park()")).await;
    }
    let answered = controller.event("CHANNEL_PARK", "leg-one").await;
    assert_eq!(answered.header("Call-Direction"), Some("outbound"));
    controller.ask("api uuid_kill leg-two LOSE_RACE").await;
    assert_eq!(controller.ask(&format!("api uuid_bridge {channel} leg-one")).await, "+OK leg-one");
    assert_eq!(
        controller.event("CHANNEL_BRIDGE", &channel).await.header("Bridge-B-Unique-ID"),
        Some("leg-one")
    );
    let end = controller.event("CHANNEL_HANGUP_COMPLETE", "leg-one").await;
    assert_eq!(end.variable("sip_hangup_disposition"), Some("recv_bye"));
    let parted = controller.event("CHANNEL_UNBRIDGE", &channel).await;
    assert_eq!(parted.variable("last_bridge_hangup_cause"), Some("NORMAL_CLEARING"));
    controller.execute(&channel, "playback", "silence_stream://300", "afterwards").await;
    assert_eq!(controller.completed(&channel, "afterwards").await, "FILE PLAYED");
    controller.ask(&format!("api uuid_kill {channel}")).await;
    let report = call.await.unwrap();
    assert!(report.completed() && report.audio.rms_per_second.iter().any(|rms| *rms > 2000.0), "{report}");
    let legs = machine.report().calls;
    assert_eq!(legs[0].invite.named("X-Switchyard-Leg"), ["leg-one"]);
    assert_eq!(legs[1].status, Some(487));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_originate_that_fails_tells_why() {
    let mut lab = Lab::start().await;
    let machine =
        Machine::start("127.0.1.9:0".parse().unwrap(), Answering::ByUser, &Trace::new()).await.unwrap();
    let closed = lab::proxy_process::free_port("127.0.1.9".parse().unwrap()).unwrap();
    for (whom, cause, status) in [
        (format!("busy@{}", machine.address()), "USER_BUSY", "486"),
        (format!("ring@{}", machine.address()), "NO_ANSWER", "487"),
        (format!("anybody@127.0.1.9:{closed}"), "NORMAL_TEMPORARY_FAILURE", "503"),
    ] {
        let command = format!("bgapi originate {{originate_timeout=2}}sofia/nat_gateway/{whom} &park()");
        lab.controller.ask(&command).await;
        let end = lab.controller.event("CHANNEL_HANGUP_COMPLETE", "").await;
        let told = (end.header("Hangup-Cause"), end.variable("sip_invite_failure_status"));
        assert_eq!(told, (Some(cause), Some(status)), "{whom}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_ends_at_its_limit_and_has_the_callers_sound() {
    let mut lab = Lab::start().await;
    let path = lab.switch.directory().join("recording.wav");
    let call = lab.call(Vec::new());
    let controller = &mut lab.controller;
    let channel = controller.take_and_answer().await;
    for (name, value) in [("RECORD_MIN_SEC", 0), ("RECORD_SILENCE_THRESHOLD", 200)] {
        controller.ask(&format!("api uuid_setvar {channel} {name} {value}")).await;
    }
    let path_text = path.display();
    assert_eq!(
        controller.ask(&format!("api uuid_record {channel} start {path_text} 3")).await,
        "+OK Success"
    );
    controller.event("RECORD_START", &channel).await;
    let stop = controller.event("RECORD_STOP", &channel).await;
    assert_eq!(stop.header("Record-File-Path"), path.to_str());
    assert_eq!(stop.header("Record-Completion-Cause"), Some("success-maxtime"));
    controller.ask(&format!("api uuid_kill {channel}")).await;
    assert!(call.await.unwrap().completed());
    let samples = samples(&path);
    // A limit counts by the clock's seconds; and a busy machine leaves gaps.
    let tenths: Vec<f64> = samples.chunks_exact(800).map(|tenth| share_of(tenth, 440)).collect();
    let pure = tenths.iter().filter(|share| **share > 0.9).count();
    assert!(tenths.len() > 10 && pure * 2 > tenths.len(), "{tenths:?}");
}

fn samples(path: &Path) -> Vec<i16> {
    let file = std::fs::read(path).unwrap();
    let data = file.windows(4).position(|four| four == b"data").unwrap() + 8;
    file[data..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_controller_finds_the_channels_and_their_variables() {
    let mut lab = Lab::start().await;
    let call = lab.call(Vec::new());
    let channel = lab.controller.take_and_answer().await;
    lab.controller
        .ask(&format!("api uuid_setvar_multi {channel} switchyard_verb=3;switchyard_sid=CA1"))
        .await;
    lab.controller.stream.shutdown().await.unwrap();
    let mut second = Controller::log_in(&lab.switch).await;
    // A real one writes its list of channels when it has time.
    let listed = async {
        loop {
            let list = second.ask("api show channels as json").await;
            let list: serde_json::Value = serde_json::from_str(&list).unwrap();
            if list["row_count"] == 1 {
                break list["rows"][0]["uuid"].clone();
            }
            tokio::time::sleep(seconds(0.05)).await;
        }
    };
    assert_eq!(timeout(WITHIN, listed).await.unwrap(), channel.as_str());
    let dump = second.ask(&format!("api uuid_dump {channel} json")).await;
    let dump = Event::from_json(dump.as_bytes()).unwrap();
    assert_eq!((dump.variable("switchyard_verb"), dump.variable("switchyard_sid")), (Some("3"), Some("CA1")));
    assert_eq!(dump.header("Answer-State"), Some("answered"));
    second.ask(&format!("api uuid_kill {channel}")).await;
    assert!(call.await.unwrap().completed());
}

/// All that was told of a channel since the last time, without the executing of applications.
fn told(controller: &mut Controller, channel: &str) -> Vec<String> {
    let of_channel = |event: &Event| event.unique_id() == Some(channel);
    let events: Vec<Event> = controller.events.iter().filter(|event| of_channel(event)).cloned().collect();
    controller.events.retain(|event| !of_channel(event));
    events.iter().map(|event| event.name().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_while_something_plays_and_is_recorded() {
    let mut lab = Lab::start().await;
    let path = lab.switch.directory().join("cut-off.wav");
    let call = lab.call(vec![Step::Wait(seconds(1.5)), Step::HangUp]);
    let controller = &mut lab.controller;
    let channel = controller.take_and_answer().await;
    controller.ask(&format!("api uuid_setvar {channel} RECORD_MIN_SEC 0")).await;
    controller.ask(&format!("api uuid_record {channel} start {} 60", path.display())).await;
    controller.execute(&channel, "playback", "tone_stream://%(60000,0,800)", "long").await;
    controller.event("PLAYBACK_START", &channel).await;
    controller.event("RECORD_START", &channel).await;
    controller.events.clear();
    assert_eq!(controller.completed(&channel, "long").await, "PLAYBACK ERROR");
    controller.events.retain(|event| event.name() != "CHANNEL_EXECUTE_COMPLETE");
    let stop = controller.event("RECORD_STOP", &channel).await;
    assert_eq!(stop.header("Record-Completion-Cause"), Some("success-silence"));
    let end = controller.event("CHANNEL_HANGUP_COMPLETE", &channel).await;
    assert_eq!(end.variable("sip_hangup_disposition"), Some("recv_bye"));
    assert_eq!(told(controller, &channel), ["CHANNEL_HANGUP", "PLAYBACK_STOP", "CHANNEL_UNPARK"]);
    assert!(call.await.unwrap().completed());
    assert!(samples(&path).len() > 4000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_ends_with_its_caller_or_without_park_after_bridge_with_its_callee() {
    let mut lab = Lab::start().await;
    let machine =
        Machine::start("127.0.1.9:0".parse().unwrap(), Answering::ByUser, &Trace::new()).await.unwrap();
    for (user, script, caller_told, leg_told) in [
        (
            "echo",
            vec![Step::Wait(seconds(2.5)), Step::HangUp],
            vec!["CHANNEL_BRIDGE", "CHANNEL_HANGUP", "CHANNEL_UNBRIDGE"],
            vec!["CHANNEL_HANGUP"],
        ),
        (
            "hangup",
            Vec::new(),
            vec!["CHANNEL_BRIDGE", "CHANNEL_UNBRIDGE", "CHANNEL_HANGUP"],
            vec!["CHANNEL_HANGUP"],
        ),
    ] {
        let call = lab.call(script);
        let controller = &mut lab.controller;
        let channel = controller.take_and_answer().await;
        let leg = format!("leg-{user}");
        let dial = format!("sofia/nat_gateway/{user}@{}", machine.address());
        controller.ask(&format!("bgapi originate {{origination_uuid={leg}}}{dial} &park()")).await;
        controller.event("CHANNEL_PARK", &leg).await;
        controller.ask(&format!("api uuid_bridge {channel} {leg}")).await;
        let bridge = controller.event("CHANNEL_BRIDGE", &channel).await;
        controller.events.clear();
        controller.events.push_back(bridge);
        let end = controller.event("CHANNEL_HANGUP_COMPLETE", &leg).await;
        assert_eq!(end.header("Hangup-Cause"), Some("NORMAL_CLEARING"));
        let end = controller.event("CHANNEL_HANGUP_COMPLETE", &channel).await;
        assert_eq!(end.header("Hangup-Cause"), Some("NORMAL_CLEARING"));
        controller.events.retain(|event| !event.name().starts_with("CHANNEL_EXECUTE"));
        assert_eq!(
            (told(controller, &channel), told(controller, &leg)),
            (owned(&caller_told), owned(&leg_told))
        );
        assert!(call.await.unwrap().completed());
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_parked_a_third_time_executes_nothing_any_more() {
    let mut lab = Lab::start().await;
    let call = lab.call(Vec::new());
    let controller = &mut lab.controller;
    let channel = controller.take_and_answer().await;
    controller.event("CHANNEL_UNPARK", &channel).await;
    controller.ask(&format!("api uuid_park {channel}")).await;
    controller.event("CHANNEL_UNPARK", &channel).await;
    controller.events.clear();
    controller.execute(&channel, "playback", "tone_stream://%(100,0,800)", "unheard").await;
    tokio::time::sleep(seconds(1.0)).await;
    controller.ask("api status").await;
    assert_eq!(told(controller, &channel), [""; 0]);
    controller.ask(&format!("api uuid_kill {channel}")).await;
    assert!(call.await.unwrap().completed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_in_the_same_words() {
    let mut lab = Lab::start().await;
    let path = lab.switch.directory().join("short.wav");
    let call = lab.call(Vec::new());
    let controller = &mut lab.controller;
    let channel = controller.take_and_answer().await;
    for (command, expected) in [
        ("uuid_kill nosuch", "-ERR No such channel!"),
        ("uuid_setvar nosuch a b", "-ERR No such channel!"),
        ("uuid_park nosuch", "-ERR No such channel!"),
        ("uuid_break nosuch all", "-ERR No such channel!"),
        ("uuid_dump nosuch json", "-ERR No such channel!"),
        ("uuid_getvar nosuch a", "-ERR No such channel!"),
        ("uuid_broadcast nosuch a", "-ERR invalid uuid"),
        ("uuid_answer nosuch", "-ERROR"),
        ("uuid_record nosuch start /tmp/x.wav 3", "-ERR Cannot locate session!"),
        ("uuid_record {channel} stop /tmp/none.wav", "-ERR Cannot stop record session!"),
        ("uuid_send_dtmf nosuch 1", "-ERR Cannot locate session!"),
        ("uuid_bridge nosuch other", "-ERR Invalid uuid"),
        ("uuid_exists nosuch", "false"),
        ("uuid_getvar {channel} nosuch", "_undef_"),
        ("uuid_kill", "-USAGE: <uuid> [cause]"),
        ("uuid_bridge", "-USAGE: <uuid> <other_uuid>"),
        ("originate nosuch/1 &park()", "-ERR CHAN_NOT_IMPLEMENTED"),
        ("nosuch", "-ERR nosuch Command not found!"),
    ] {
        let command = command.replace("{channel}", &channel);
        assert_eq!(controller.ask(&format!("api {command}")).await, expected, "{command}");
    }
    for (command, expected) in [
        (
            "sendmsg nosuch\ncall-command: execute\nexecute-app-name: answer",
            "-ERR invalid session id [nosuch]",
        ),
        ("filter add Unique-ID x", "+OK filter added. [Unique-ID]=[x]"),
        ("filter delete Unique-ID x", "+OK filter deleted. [Unique-ID][x]"),
        ("filter delete Unique-ID", "+OK filter deleted. [Unique-ID][]"),
        ("nixevent HEARTBEAT", "+OK events nixed"),
        ("nosuch", "-ERR command not found"),
    ] {
        assert_eq!(controller.ask(command).await, expected, "{command}");
    }
    // However short it is.
    controller.ask(&format!("api uuid_record {channel} start {} 60", path.display())).await;
    controller.event("RECORD_START", &channel).await;
    tokio::time::sleep(seconds(0.5)).await;
    controller.ask(&format!("api uuid_record {channel} stop {}", path.display())).await;
    controller.event("RECORD_STOP", &channel).await;
    assert!(path.exists());
    // A directory that is missing is made.
    let elsewhere = lab.switch.directory().join("new/x.wav");
    let nowhere = elsewhere.display();
    assert_eq!(controller.ask(&format!("api uuid_record {channel} start {nowhere} 60")).await, "+OK Success");
    controller.event("RECORD_START", &channel).await;
    tokio::time::sleep(seconds(0.5)).await;
    controller.ask(&format!("api uuid_record {channel} stop {nowhere}")).await;
    controller.event("RECORD_STOP", &channel).await;
    assert!(elsewhere.exists());
    controller.execute(&channel, "no_such_application", "x", "unknown").await;
    let end = controller.event("CHANNEL_HANGUP_COMPLETE", &channel).await;
    assert_eq!(end.header("Hangup-Cause"), Some("DESTINATION_OUT_OF_ORDER"));
    let executed = controller.events.iter().filter(|event| event.application_uuid() == Some("unknown"));
    assert_eq!(executed.count(), 0);
    assert_eq!(controller.ask("noevents").await, "+OK no longer listening for events");
    assert_eq!(controller.ask("exit").await, "+OK bye");
    assert!(matches!(controller.next().await, Came::Other(Kind::DisconnectNotice)));
    assert!(matches!(controller.next().await, Came::Closed));
    assert!(call.await.unwrap().completed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_and_the_connection_closed() {
    let lab = Lab::start().await;
    let mut stranger = Controller::connect(lab.switch.event_socket()).await;
    assert!(matches!(stranger.next().await, Came::Other(Kind::AuthRequest)));
    assert_eq!(stranger.ask("auth wrong").await, "-ERR invalid");
    loop {
        match stranger.next().await {
            Came::Closed => break,
            Came::Other(Kind::DisconnectNotice) => {}
            _ => panic!("something else than the end"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_it_refuses_calls_with_503_until_it_is_resumed() {
    let mut lab = Lab::start().await;
    lab.controller.ask("api fsctl pause inbound").await;
    assert_eq!(lab.controller.ask("api fsctl pause_check inbound").await, "true");
    assert_eq!(lab.call(Vec::new()).await.unwrap().status, Some(503));
    lab.controller.ask("api fsctl resume inbound").await;
    let call = lab.call(Vec::new());
    let channel = lab.controller.take().await;
    lab.controller.ask(&format!("api uuid_kill {channel} CALL_REJECTED")).await;
    assert_eq!(call.await.unwrap().status, Some(603));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_on_when_the_connection_is_closed_and_ends_without_a_word_when_it_restarts() {
    let mut lab = Lab::stand_in().await;
    let call = lab.call(vec![Step::Wait(seconds(3.0)), Step::HangUp]);
    let channel = lab.controller.take_and_answer().await;
    lab.controller.execute(&channel, "playback", "tone_stream://%(60000,0,800)", "long").await;
    lab.controller.event("PLAYBACK_START", &channel).await;
    lab.own().close_connections();
    assert!(matches!(lab.controller.next().await, Came::Closed));
    let report = call.await.unwrap();
    assert!(report.completed(), "{report}");
    assert!(report.audio.rms_per_second.iter().filter(|rms| **rms > 2000.0).count() >= 2, "{report}");

    let mut controller = Controller::log_in(&lab.switch).await;
    let before = controller.ask("api global_getvar core_uuid").await;
    assert_eq!(before, lab.own().core_uuid());
    let call = lab.call(vec![Step::Wait(seconds(1.0)), Step::HangUp]);
    controller.take_and_answer().await;
    lab.own().restart();
    assert_ne!(before, lab.own().core_uuid());
    assert_eq!(lab.own().sessions(), 0);
    // Its BYE is answered by a FreeSWITCH that knows nothing of the call.
    assert_eq!(call.await.unwrap().bye_status, Some(481));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_full_unwilling_frozen_slow_and_forgetful() {
    let mut lab = Lab::stand_in().await;
    lab.own().limit_sessions(1);
    assert_eq!(lab.call(Vec::new()).await.unwrap().status, Some(503));
    lab.own().limit_sessions(100);
    lab.own().refuse(Some("USER_BUSY"));
    assert_eq!(lab.call(Vec::new()).await.unwrap().status, Some(486));
    lab.own().refuse(None);

    lab.own().freeze(true);
    let patience = timeout(seconds(0.3), lab.controller.ask("api status")).await;
    assert!(patience.is_err(), "a frozen switch answers");
    lab.own().freeze(false);
    // The answer to the command that was given up comes now.
    assert!(matches!(lab.controller.next().await, Came::Reply(text) if text.starts_with("UP ")));

    lab.own().slow_replies(seconds(0.4));
    let asked = tokio::time::Instant::now();
    assert!(lab.controller.ask("api status").await.starts_with("UP "));
    assert!(asked.elapsed() >= seconds(0.4));
    lab.own().slow_replies(Duration::ZERO);

    // CREATE, EXECUTE and EXECUTE_COMPLETE of set, EXECUTE of park.
    lab.own().lose_events(4);
    let call = lab.call(Vec::new());
    let first = loop {
        if let Came::Event(event) = lab.controller.next().await
            && event.name() != "HEARTBEAT"
        {
            break event;
        }
    };
    assert_eq!(first.name(), "CHANNEL_PARK");
    lab.controller.ask(&format!("api uuid_kill {} CALL_REJECTED", first.unique_id().unwrap())).await;
    assert_eq!(call.await.unwrap().status, Some(603));

    lab.own().deny_connections(true);
    let mut stranger = Controller::connect(lab.switch.event_socket()).await;
    assert!(matches!(stranger.next().await, Came::Other(Kind::RudeRejection)));
    assert!(matches!(stranger.next().await, Came::Closed));
}
