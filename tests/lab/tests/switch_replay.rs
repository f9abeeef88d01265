//! The stand-in is held against recordings of a real FreeSWITCH: the controller's commands of each recording go in as they
//! were sent, a telephone and answering machines do what they did then, and replies and events are compared.
//! `lab::switch` lists what is compared, and what is different on purpose. Time is virtual.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking, in its helpers too"
)]

#[path = "../../transcripts/transcript.rs"]
#[allow(
    dead_code,
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    reason = "shared with other crates' tests"
)]
mod transcript;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use esl::{Event, FrameDecoder, Kind, Limits};
use lab::machine::{self, Answering, Behaviour, Uas};
use lab::media::{Source, Stream};
use lab::phone::{self, CallPlan, Step, Uac};
use lab::signalling::{Ids, Incoming};
use lab::switch::{Action, Core, Settings};
use transcript::{Part, Side};

const SWITCH: &str = "127.0.0.1:5070";
const PHONE: &str = "127.0.0.1:5060";
const LISTENER: u64 = 1;

/// Header fields that are compared, besides the event's name.
const FIELDS: [&str; 25] = [
    "Channel-State",
    "Channel-State-Number",
    "Channel-Call-State",
    "Answer-State",
    "Call-Direction",
    "Application",
    "Application-Data",
    "Application-Response",
    "Application-UUID",
    "Hangup-Cause",
    "DTMF-Digit",
    "DTMF-Source",
    "Playback-Status",
    "Playback-File-Path",
    "Playback-File-Type",
    "Record-File-Path",
    "Record-Completion-Cause",
    "Other-Leg-Unique-ID",
    "Bridge-A-Unique-ID",
    "Bridge-B-Unique-ID",
    "Job-UUID",
    "Job-Command",
    "Job-Command-Arg",
    "Caller-Destination-Number",
    "Caller-Caller-ID-Number",
];

/// Variables that are compared, and all whose name begins with `RECORD_` or `sip_h_`.
const VARIABLES: [&str; 15] = [
    "direction",
    "sip_term_status",
    "proto_specific_hangup_cause",
    "sip_invite_failure_status",
    "sip_hangup_disposition",
    "hangup_cause",
    "hangup_cause_q850",
    "endpoint_disposition",
    "current_application",
    "current_application_response",
    "park_timeout",
    "park_after_bridge",
    "last_bridge_to",
    "bridge_uuid",
    "last_bridge_hangup_cause",
];

/// Replies that tell of time and load.
const NOT_COMPARED: [&str; 1] = ["api status"];

/// An event as it is compared: what happened to which channel or job.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    whose: String,
    name: String,
    fields: Vec<(String, String)>,
}

/// UUIDs that FreeSWITCH makes up get names by the order in which they appear.
#[derive(Default)]
struct Names {
    known: BTreeMap<String, String>,
    /// Those that the controller chose stay as they are.
    chosen: String,
}

impl Names {
    fn of(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = (0..rest.len()).find(|at| is_uuid(rest.get(*at..at + 36))) {
            let uuid = &rest[at..at + 36];
            out.push_str(&rest[..at]);
            if self.chosen.contains(uuid) {
                out.push_str(uuid);
            } else {
                let next = format!("<{}>", self.known.len());
                out.push_str(self.known.entry(uuid.to_owned()).or_insert(next));
            }
            rest = &rest[at + 36..];
        }
        out + rest
    }
}

fn is_uuid(text: Option<&str>) -> bool {
    text.is_some_and(|text| {
        text.char_indices().all(|(at, char)| match at {
            8 | 13 | 18 | 23 => char == '-',
            _ => char.is_ascii_hexdigit() && !char.is_ascii_uppercase(),
        })
    })
}

fn seen(event: &Event, names: &mut Names) -> Seen {
    let whose = event.unique_id().or(event.job_uuid()).unwrap_or_default();
    let whose = names.of(whose);
    let variable =
        |name: &str| VARIABLES.contains(&name) || name.starts_with("RECORD_") || name.starts_with("sip_h_");
    let mut fields: Vec<(String, String)> = FIELDS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), event.header(name)?.to_owned())))
        .chain(
            event
                .variables()
                .filter(|(name, _)| variable(name))
                .map(|(name, value)| (format!("${name}"), value.to_owned())),
        )
        .chain(event.body().map(|body| ("body".to_owned(), body.to_owned())))
        .collect();
    fields.sort();
    let fields = fields.into_iter().map(|(name, value)| (name, names.of(&value))).collect();
    Seen { whose, name: event.name().to_owned(), fields }
}

/// What one side said, in order.
#[derive(Debug, Default)]
struct Said {
    replies: Vec<String>,
    events: Vec<Seen>,
}

impl Said {
    fn hear(&mut self, bytes: &[u8], names: &mut Names) {
        let mut decoder = FrameDecoder::new(Limits::default());
        decoder.push(bytes);
        while let Some(frame) = decoder.next_frame().unwrap() {
            match (frame.event(), frame.reply(), frame.kind()) {
                (Some(event), ..) => {
                    let event = event.unwrap();
                    if event.name() != "HEARTBEAT" {
                        self.events.push(seen(&event, names));
                    }
                }
                (_, Some(reply), _) => self.replies.push(names.of(&reply.text)),
                (.., Kind::DisconnectNotice) => {}
                (.., kind) => self.replies.push(format!("{kind:?}")),
            }
        }
    }

    /// Names in the order of each channel.
    fn by_channel(&self) -> BTreeMap<&str, Vec<&Seen>> {
        let mut channels: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
        self.events.iter().for_each(|event| channels.entry(&event.whose).or_default().push(event));
        channels
    }
}

/// What the far ends did in a recording.
struct Scene {
    recording: &'static str,
    /// What the telephone does once it is answered; `None` where nobody calls.
    caller: Option<(Vec<Step>, Source)>,
    /// Who is called, by the port in the dial string.
    callees: Vec<(u16, Answering)>,
    /// How long the controller waited before a command, where what was told does not show it: by the command's number.
    wait: Option<(usize, Duration)>,
}

impl Scene {
    fn new(recording: &'static str) -> Self {
        let caller = recording.starts_with("parked").then(|| (Vec::new(), Source::Silence));
        Self { recording, caller, callees: Vec::new(), wait: None }
    }

    fn caller(self, script: Vec<Step>, source: Source) -> Self {
        Self { caller: Some((script, source)), ..self }
    }

    fn callee(mut self, port: u16, behaviour: Behaviour) -> Self {
        self.callees.push((port, Answering::Always(behaviour)));
        self
    }
}

/// The stand-in with far ends around it, on a network and in a time of their own.
struct World {
    core: Core,
    now: Instant,
    phone: Option<(Uac, Stream)>,
    machines: Vec<(u16, Uas)>,
    sent: Vec<u8>,
    ports: BTreeMap<String, u16>,
    next_frame: Instant,
    next_port: u16,
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn at_port(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl World {
    fn new(scene: &Scene) -> Self {
        let now = Instant::now();
        // A second's first tenths: calls that nobody takes end after the whole seconds of the clock.
        let epoch = Duration::from_millis(1_795_334_545_530);
        let settings = Settings {
            address: address(SWITCH),
            password: "ClueCon".to_owned(),
            profile: "internal".to_owned(),
            // The recorded ones were quick.
            moves_after: Duration::ZERO,
            ..Settings::at(address(SWITCH).ip())
        };
        let mut core = Core::new(settings, Ids::seeded(1), now, epoch);
        core.connected(LISTENER, address(PHONE).ip(), now);
        let machine = |(port, answering): &(u16, Answering)| {
            (*port, Uas::new(at_port(*port), *answering, Ids::seeded(u64::from(*port))))
        };
        let machines = scene.callees.iter().map(machine).collect();
        let (ports, sent) = (BTreeMap::new(), Vec::new());
        World { core, now, phone: None, machines, sent, ports, next_frame: now, next_port: 20_000 }
    }

    fn dial(&mut self, script: &[Step], source: Source) {
        let plan = CallPlan { source, ..CallPlan::new(address(SWITCH), "4001").script(script.to_vec()) };
        let mut uac = Uac::new(plan, address(PHONE), at_port(30_000), Ids::seeded(9), self.now);
        let actions = uac.start(self.now);
        self.phone = Some((uac, Stream::new(source, 7)));
        self.phone_acts(actions);
    }

    fn phone_acts(&mut self, actions: Vec<phone::Action>) {
        for action in actions {
            match action {
                phone::Action::Send { to, bytes } => self.deliver(address(PHONE), to, &bytes),
                phone::Action::Press { digits } => {
                    if let Some((_, stream)) = &mut self.phone {
                        stream.press(&digits);
                    }
                }
                phone::Action::Play { .. } | phone::Action::Speak { .. } | phone::Action::Stop => {}
            }
        }
    }

    fn machine_acts(&mut self, at: usize, actions: Vec<machine::Action>) {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            let port = self.machines[at].0;
            match action {
                machine::Action::Send { to, bytes } => self.deliver(at_port(port), to, &bytes),
                machine::Action::OpenAudio { call, .. } => {
                    let media = Ok(at_port(port + 10_000));
                    actions.extend(self.machines[at].1.audio_opened(&call, media, self.now));
                }
                machine::Action::RedirectAudio { .. } | machine::Action::CloseAudio { .. } => {}
            }
        }
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if to == address(SWITCH) {
            self.core.sip(bytes, from, self.now);
            return self.switch_acts();
        }
        if to == address(PHONE) {
            let message = Incoming::parse(bytes).unwrap();
            let actions = self.phone.as_mut().map(|(uac, _)| uac.receive(&message, from, self.now));
            return self.phone_acts(actions.unwrap_or_default());
        }
        if let Some(at) = self.machines.iter().position(|(port, _)| at_port(*port) == to) {
            let actions = self.machines[at].1.receive(bytes, from, self.now);
            self.machine_acts(at, actions);
        }
    }

    fn switch_acts(&mut self) {
        let mut actions = VecDeque::from(self.core.take_actions());
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Reply { bytes, .. } => self.sent.extend(bytes),
                Action::Sip { to, bytes } => self.deliver(address(SWITCH), to, &bytes),
                Action::Probe { to } if !self.machines.iter().any(|(port, _)| at_port(*port) == to) => {
                    self.core.unreachable(to, self.now);
                }
                Action::OpenMedia { channel } => {
                    self.next_port += 2;
                    self.ports.insert(channel.clone(), self.next_port);
                    self.core.media_opened(&channel, Ok(at_port(self.next_port)), self.now);
                }
                Action::ReadFile { channel, .. } => self.core.file_read(&channel, None, self.now),
                _ => {}
            }
            actions.extend(self.core.take_actions());
        }
    }

    /// The telephone's 20 ms, once it talks.
    fn speak(&mut self) {
        let caller = self.ports.iter().next_back().map(|(channel, _)| channel.clone());
        let inbound =
            self.ports.iter().find(|(_, port)| **port == 20_002).map(|(channel, _)| channel.clone());
        let Some((_, stream)) = &mut self.phone else { return };
        if let (Some(channel), Some(packet)) = (inbound.or(caller), stream.next_packet()) {
            self.core.rtp(&channel, &packet, at_port(30_000), self.now);
            self.switch_acts();
        }
    }

    /// Lets the next thing happen that is due, in whatever end.
    fn step(&mut self) {
        let phone = self.phone.as_ref().and_then(|(uac, _)| uac.next_timeout().filter(|_| !uac.is_over()));
        let machines = self.machines.iter().filter_map(|(_, uas)| uas.next_timeout());
        let next = machines.chain(phone).fold(self.core.next_timeout().min(self.next_frame), Instant::min);
        self.now = self.now.max(next);
        if self.next_frame <= self.now {
            self.next_frame = self.now + Duration::from_millis(20);
            self.speak();
        }
        self.core.timeout(self.now);
        self.switch_acts();
        if phone.is_some_and(|at| at <= self.now) {
            let actions = self.phone.as_mut().map(|(uac, _)| uac.timeout(self.now));
            self.phone_acts(actions.unwrap_or_default());
        }
        for at in 0..self.machines.len() {
            let actions = self.machines[at].1.timeout(self.now);
            self.machine_acts(at, actions);
        }
    }
}

/// Plays a recording and compares.
fn replay(scene: Scene) {
    let all = transcript::all();
    let file = format!("{}.txt", scene.recording);
    let parts: &[Part] = &all.iter().find(|(name, _)| *name == file).unwrap().1;
    let chosen: Vec<u8> = parts
        .iter()
        .filter(|part| part.side == Side::Controller)
        .flat_map(|part| part.bytes.clone())
        .collect();
    let chosen = String::from_utf8_lossy(&chosen).into_owned();
    let inbound: Vec<String> = channels_that_came(parts);
    // The channel that FreeSWITCH made up is named by the controller, too: it is no UUID of the controller's choice.
    let chosen = inbound.iter().fold(chosen, |chosen, channel| chosen.replace(channel.as_str(), ""));

    let (mut real_names, mut own_names) = (Names::default(), Names::default());
    (real_names.chosen, own_names.chosen) = (chosen.clone(), chosen);
    let (mut real, mut own) = (Said::default(), Said::default());
    let mut world = World::new(&scene);
    world.switch_acts();
    let mut commands: Vec<String> = Vec::new();
    for part in parts {
        match part.side {
            Side::FreeSwitch => real.hear(&part.bytes, &mut real_names),
            Side::Controller => {
                // Everything that was told before this command comes before it.
                let due = real.events.len();
                wait(&mut world, &mut own, &mut own_names, due, &scene);
                let mut command = String::from_utf8_lossy(&part.bytes).into_owned();
                for (channel, name) in inbound.iter().zip(own_channels(&own_names)) {
                    command = command.replace(channel.as_str(), &name);
                }
                if let Some((_, time)) = scene.wait.filter(|(number, _)| *number == commands.len()) {
                    let until = world.now + time;
                    while world.now < until {
                        world.step();
                    }
                }
                commands.push(command.clone());
                world.core.received(LISTENER, command.as_bytes(), world.now);
                world.switch_acts();
                if command.starts_with("event ") && scene.caller.is_some() {
                    let (script, source) = scene.caller.clone().unwrap();
                    world.dial(&script, source);
                }
            }
        }
    }
    let due = real.events.len();
    wait(&mut world, &mut own, &mut own_names, due, &scene);
    compare(&scene, &commands, &real, &own);
}

/// The channels of calls that came, in a recording.
fn channels_that_came(parts: &[Part]) -> Vec<String> {
    let mut decoder = FrameDecoder::new(Limits::default());
    parts.iter().filter(|part| part.side == Side::FreeSwitch).for_each(|part| decoder.push(&part.bytes));
    let mut channels = Vec::new();
    while let Some(frame) = decoder.next_frame().unwrap() {
        if let Some(Ok(event)) = frame.event()
            && event.name() == "CHANNEL_CREATE"
            && event.header("Call-Direction") == Some("inbound")
        {
            channels.push(event.unique_id().unwrap().to_owned());
        }
    }
    channels
}

/// Our names for them: the first UUID that we made up is the channel's.
fn own_channels(names: &Names) -> Vec<String> {
    let mut known: Vec<_> = names.known.iter().collect();
    known.sort_by_key(|(_, name)| name.trim_matches(['<', '>']).parse::<u32>().unwrap());
    known.first().map(|(uuid, _)| (*uuid).clone()).into_iter().collect()
}

/// Lets time pass until so many events were told, or a minute has gone.
fn wait(world: &mut World, own: &mut Said, names: &mut Names, events: usize, scene: &Scene) {
    let end = world.now + Duration::from_secs(60);
    loop {
        own.hear(&std::mem::take(&mut world.sent), names);
        if own.events.len() >= events {
            return;
        }
        if world.now > end {
            let last = own.events.last();
            panic!(
                "{}: {} events told, {events} expected; the last one {last:?}",
                scene.recording,
                own.events.len()
            );
        }
        world.step();
    }
}

fn compare(scene: &Scene, commands: &[String], real: &Said, own: &Said) {
    let recording = scene.recording;
    for (at, (theirs, ours)) in real.replies.iter().zip(&own.replies).enumerate() {
        let command = at.checked_sub(1).and_then(|at| commands.get(at)).map_or("", |command| command.trim());
        if !NOT_COMPARED.contains(&command) {
            assert_eq!(ours, theirs, "{recording}: the reply to {command:?}");
        }
    }
    assert_eq!(own.replies.len(), real.replies.len(), "{recording}: replies");
    let (theirs, ours) = (real.by_channel(), own.by_channel());
    for (channel, theirs) in &theirs {
        let ours = ours.get(channel).map(Vec::as_slice).unwrap_or_default();
        let names = |events: &[&Seen]| events.iter().map(|event| event.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(ours), names(theirs), "{recording}: the order of {channel}'s events");
        for (number, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            assert_eq!(ours.fields, theirs.fields, "{recording}: event {number} of {channel}, {}", ours.name);
        }
    }
}

fn answer() -> Behaviour {
    Behaviour::Answer { ringing: Duration::from_millis(500), source: Source::Tone(440), hang_up_after: None }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_call_that_is_answered_hears_tones_and_is_hung_up() {
    replay(Scene::new("parked-answer-play-idle-hangup"));
}

#[test]
fn a_call_that_nobody_takes() {
    replay(Scene::new("parked-nobody-takes-it"));
}

#[test]
fn calls_that_are_refused() {
    replay(Scene::new("parked-refused-busy"));
    replay(Scene::new("parked-refused-declined"));
}

#[test]
fn digits_and_what_plays_broken_off() {
    let script = vec![Step::Wait(millis(1200)), Step::Press("12#".to_owned())];
    replay(Scene::new("parked-barge-in").caller(script, Source::Silence));
}

#[test]
fn recordings_that_end_by_command_and_by_silence() {
    let stopped = Scene::new("parked-record-stopped").caller(Vec::new(), Source::Tone(440));
    replay(Scene { wait: Some((6, millis(1500))), ..stopped });
    replay(Scene::new("parked-record-until-silence"));
}

#[test]
fn two_legs_of_which_the_first_wins() {
    let first = Behaviour::Answer {
        ringing: millis(1500),
        source: Source::Silence,
        hang_up_after: Some(millis(2000)),
    };
    let mut scene =
        Scene::new("parked-dial-two-legs-first-wins").callee(5091, first).callee(5092, Behaviour::Ring);
    // The real one was parked again before it was told to answer, here.
    scene.wait = Some((4, millis(60)));
    replay(scene);
}

#[test]
fn a_caller_who_goes_while_a_leg_rings() {
    let script = vec![Step::Wait(millis(2000)), Step::HangUp];
    let scene = Scene::new("parked-caller-gone-during-dial").caller(script, Source::Silence);
    replay(scene.callee(5091, Behaviour::Ring));
}

#[test]
fn pause_and_basics() {
    replay(Scene { caller: None, ..Scene::new("parked-fsctl-pause") });
    replay(Scene::new("inbound-basics"));
    replay(Scene::new("inbound-auth-refused"));
}

#[test]
fn originates_of_every_end() {
    replay(Scene::new("inbound-originate-answered").callee(5099, answer()));
    replay(Scene::new("inbound-originate-busy").callee(5099, Behaviour::refuse(486)));
    replay(Scene::new("inbound-originate-decline-603").callee(5099, Behaviour::refuse(603)));
    replay(Scene::new("inbound-originate-unavailable-503").callee(5099, Behaviour::refuse(503)));
    replay(Scene::new("inbound-originate-no-answer").callee(5099, Behaviour::Ring));
    replay(Scene::new("inbound-originate-nobody-listening"));
}

#[test]
fn every_recording_is_replayed_but_the_conference() {
    let here = include_str!("switch_replay.rs");
    let missing = |name: &String| !here.contains(&format!("\"{}\"", name.trim_end_matches(".txt")));
    let recordings =
        transcript::all().into_iter().map(|(name, _)| name).filter(|name| !name.starts_with("outbound"));
    assert_eq!(recordings.filter(missing).collect::<Vec<_>>(), ["parked-conference-of-two.txt"]);
}
