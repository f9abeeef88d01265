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

#[path = "../../../transcripts/transcript.rs"]
#[allow(
    dead_code,
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    reason = "shared with other crates' tests"
)]
mod transcript;

mod said;
mod world;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use esl::{Event, FrameDecoder, Kind, Limits};
use lab::machine::{self, Answering, Behaviour, Uas};
use lab::media::{Source, Stream};
use lab::phone::{self, CallPlan, Step, Uac};
use lab::signalling::{Ids, Incoming};
use lab::switch::{Action, Core, Settings};
use said::{Names, Said, compare};
use transcript::{Part, Side};
use world::World;

const SWITCH: &str = "127.0.0.1:5070";
const PHONE: &str = "127.0.0.1:5060";
const LISTENER: u64 = 1;

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
    let here = include_str!("main.rs");
    let missing = |name: &String| !here.contains(&format!("\"{}\"", name.trim_end_matches(".txt")));
    let recordings =
        transcript::all().into_iter().map(|(name, _)| name).filter(|name| !name.starts_with("outbound"));
    assert_eq!(recordings.filter(missing).collect::<Vec<_>>(), ["parked-conference-of-two.txt"]);
}
