//! Recorded conversations with FreeSWITCH through everything that reads or writes such bytes.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests report by panicking")]

#[path = "../../../tests/transcripts/transcript.rs"]
mod transcript;

use std::time::{Duration, Instant};

use esl::server::{RequestDecoder, Sent};
use esl::{
    Api, Argument, CallError, Cause, Command, DialString, Direction, Event, Execute, Format, FrameDecoder,
    Kind, Limits, Link, Login, Name, Originate, Outcome, Password, Reason, Recording, Subscription, Timing,
    Uuid, VariableName, VariableValue, Word,
};
use transcript::{Part, Side};

fn from_freeswitch(parts: &[Part]) -> Vec<u8> {
    let parts = parts.iter().filter(|part| part.side == Side::FreeSwitch);
    parts.flat_map(|part| part.bytes.clone()).collect()
}

/// All recordings; a `bgapi` that left its Job-UUID to FreeSWITCH gets the one that FreeSWITCH gave it.
fn recordings() -> Vec<(String, Vec<Part>)> {
    let mut all = transcript::all();
    for (_, parts) in &mut all {
        let line = |part: &Part| String::from_utf8_lossy(&part.bytes).into_owned();
        let replies = parts.iter().map(line).filter(|text| text.contains("Reply-Text: +OK Job-UUID: "));
        let job =
            |text: String| text.lines().find_map(|line| line.strip_prefix("Job-UUID: ")).map(str::to_owned);
        let mut jobs: Vec<String> = replies.filter_map(job).rev().collect();
        for part in parts.iter_mut().filter(|part| part.bytes.starts_with(b"bgapi")) {
            let job = jobs.pop().expect("a reply");
            let text = line(part);
            if !text.contains("Job-UUID: ") {
                part.bytes = format!("{}\nJob-UUID: {job}\n\n", text.trim_end()).into_bytes();
            }
        }
    }
    all
}

#[test]
fn every_part_is_one_frame_however_it_is_cut() {
    let mut kinds = Vec::new();
    for (name, parts) in transcript::all() {
        let expected: Vec<_> = parts.iter().filter(|part| part.side == Side::FreeSwitch).collect();
        let stream = from_freeswitch(&parts);
        for size in [1, 1000, stream.len()] {
            let mut decoder = FrameDecoder::new(Limits::default());
            let mut found = Vec::new();
            for bytes in stream.chunks(size) {
                decoder.push(bytes);
                while let Some(frame) = decoder.next_frame().expect("a frame") {
                    found.push([frame.head(), frame.body()].concat());
                    kinds.push(frame.kind());
                    assert_ne!(frame.kind(), Kind::Other, "{name}");
                    assert!(frame.event().is_none_or(|event| event.is_ok()), "{name}");
                }
            }
            assert_eq!(decoder.waiting(), 0, "{name}");
            assert_eq!(found.len(), expected.len(), "{name}");
            for (found, part) in found.iter().zip(&expected) {
                assert_eq!(String::from_utf8_lossy(found), String::from_utf8_lossy(&part.bytes), "{name}");
            }
        }
    }
    for kind in [Kind::AuthRequest, Kind::CommandReply, Kind::ApiResponse, Kind::EventJson] {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}

#[test]
fn what_freeswitch_wrote_we_write_byte_for_byte() {
    let mut count = 0;
    for (name, parts) in transcript::all() {
        let mut decoder = FrameDecoder::new(Limits::default());
        decoder.push(&from_freeswitch(&parts));
        while let Some(frame) = decoder.next_frame().expect("a frame") {
            let reply = frame.reply().unwrap_or_else(|| esl::Reply { text: String::new(), job: None });
            let event = frame.event().map(|event| event.expect("an event"));
            let sent = match (frame.kind(), &event) {
                (Kind::AuthRequest, _) => Sent::AuthRequest,
                (Kind::CommandReply, _) => match &reply.job {
                    Some(job) => Sent::JobReply(job),
                    // The answer to `connect` is a whole channel, and the outbound socket's alone.
                    None if frame.headers().count() > 2 => continue,
                    None => Sent::CommandReply(&reply.text),
                },
                (Kind::ApiResponse, _) => Sent::ApiResponse(&reply.text),
                (_, Some(event)) => Sent::EventJson(event),
                (Kind::DisconnectNotice, _) => Sent::Disconnect,
                (kind, _) => panic!("{name}: {kind:?}"),
            };
            if frame.kind() == Kind::DisconnectNotice && frame.headers().count() > 2 {
                continue; // the outbound socket's
            }
            let expected = [frame.head(), frame.body()].concat();
            assert_eq!(String::from_utf8(sent.to_bytes()), String::from_utf8(expected), "{name}");
            count += 1;
        }
    }
    assert!(count > 300, "{count}");
}

#[test]
fn the_plain_format_keeps_every_recorded_event() {
    let mut count = 0;
    for (name, parts) in transcript::all() {
        let mut decoder = FrameDecoder::new(Limits::default());
        decoder.push(&from_freeswitch(&parts));
        while let Some(frame) = decoder.next_frame().expect("a frame") {
            if let Some(event) = frame.event() {
                let event = event.expect("an event");
                assert_eq!(Event::from_plain(event.to_plain().as_bytes()), Ok(event), "{name}");
                count += 1;
            }
        }
    }
    assert!(count > 200, "{count}");
}

#[test]
fn an_event_of_a_parked_call_tells_what_a_controller_needs() {
    let parts = transcript::all().into_iter().find(|(name, _)| name == "parked-answer-play-idle-hangup.txt");
    let mut decoder = FrameDecoder::new(Limits::default());
    decoder.push(&from_freeswitch(&parts.expect("the transcript").1));
    let mut events = Vec::new();
    while let Some(frame) = decoder.next_frame().expect("a frame") {
        events.extend(frame.event().map(|event| event.expect("an event")));
    }
    let complete = events.iter().find(|event| {
        event.name() == "CHANNEL_EXECUTE_COMPLETE" && event.header("Application") == Some("playback")
    });
    let complete = complete.expect("a playback");
    assert_eq!(complete.header("application-response"), Some("FILE PLAYED"));
    assert!(complete.application_uuid().is_some_and(|uuid| uuid.len() == 36));
    assert_eq!(complete.unique_id(), complete.variable("uuid"));
    assert!(complete.variables().count() > 60);
    assert_eq!((complete.body(), complete.subclass(), complete.job_uuid()), (None, None, None));
    assert!(complete.size() < 16_000, "{}", complete.size());
    assert!(complete.core_uuid().is_some());
}

fn uuid(text: &str) -> Uuid {
    Uuid::new(text).expect("a UUID")
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

/// The command that a recorded controller meant, made by the builders; `None` for what only an outbound socket or a
/// mistaken controller sends.
fn rebuilt(bytes: &[u8]) -> Option<Command> {
    let mut decoder = RequestDecoder::new(Limits::default());
    decoder.push(bytes);
    let request = decoder.next_request().expect("a request").expect("a whole one");
    let arguments = request.arguments().into_owned();
    let words: Vec<&str> = arguments.split(' ').collect();
    Some(match (&*request.verb(), &words[..]) {
        ("auth", [password]) => Command::Auth(Password::new(*password).expect("a password")),
        ("exit", _) => Command::Exit,
        ("event", ["json", names @ ..]) => {
            let custom = names.iter().position(|word| *word == "CUSTOM").unwrap_or(names.len());
            let all = |names: &[&str]| names.iter().map(|text| name(text)).collect();
            let (names, custom) = (all(&names[..custom]), all(names.get(custom + 1..).unwrap_or_default()));
            Command::Events(Subscription { format: Format::Json, names, custom })
        }
        ("api", words) => Command::Api(api(words)?),
        ("bgapi", ["originate", leg, "&park()"]) => {
            let job = uuid(&request.header("Job-UUID").expect("a job"));
            Command::BgApi { api: Api::originate(&originate(leg)), job }
        }
        ("sendmsg", [channel]) if !channel.is_empty() => {
            assert_eq!(request.header("call-command").as_deref(), Some("execute"));
            let header = |name| request.header(name).unwrap_or_default().into_owned();
            let argument = Some(header("execute-app-arg")).filter(|text| !text.is_empty());
            let argument = argument.map(|text| Argument::new(text).expect("an argument"));
            let mut execute = Execute::new(uuid(channel), name(&header("execute-app-name")), argument);
            execute.event_uuid = Some(uuid(&header("Event-UUID")));
            execute.event_lock = header("event-lock") == "true";
            Command::Execute(execute)
        }
        _ => return None,
    })
}

fn api(words: &[&str]) -> Option<Api> {
    let word = |text: &str| Word::new(text).expect("a word");
    Some(match words {
        ["status"] => Api::status(),
        ["show", "channels", "as", "json"] => Api::show_channels(),
        ["fsctl", "pause", "inbound"] => Api::pause(Direction::Inbound),
        ["fsctl", "resume", "inbound"] => Api::resume(Direction::Inbound),
        ["fsctl", "pause_check", "inbound"] => Api::is_paused(Direction::Inbound),
        ["uuid_kill", channel] => Api::uuid_kill(&uuid(channel), None),
        ["uuid_kill", channel, cause] => {
            Api::uuid_kill(&uuid(channel), Some(&Cause::new(*cause).expect("a cause")))
        }
        ["uuid_park", channel] => Api::uuid_park(&uuid(channel)),
        ["uuid_break", channel, "all"] => Api::uuid_break(&uuid(channel), true),
        ["uuid_bridge", one, other] => Api::uuid_bridge(&uuid(one), &uuid(other)),
        ["uuid_setvar", channel, name, value] => {
            let name = VariableName::new(*name).expect("a name");
            Api::uuid_setvar(&uuid(channel), &name, Some(&VariableValue::new(*value).expect("a value")))
        }
        ["uuid_getvar", channel, name] => {
            Api::uuid_getvar(&uuid(channel), &VariableName::new(*name).expect("a name"))
        }
        ["uuid_record", channel, "start", path, limit] => {
            let limit = limit.parse().expect("seconds");
            Api::uuid_record(&uuid(channel), Recording::Start { limit }, &word(path))
        }
        ["uuid_record", channel, "stop", path] => {
            Api::uuid_record(&uuid(channel), Recording::Stop, &word(path))
        }
        [function, rest @ ..] => {
            let rest: Vec<Word> = rest.iter().map(|text| word(text)).collect();
            Api::call(&name(function), &rest)
        }
        [] => return None,
    })
}

fn originate(leg: &str) -> Originate {
    let (variables, dial_string) =
        leg.strip_prefix('{').expect("variables").split_once('}').expect("their end");
    let mut variables = variables.split(',').map(|pair| pair.split_once('=').expect("a value"));
    let (first, channel) = variables.next().expect("a variable");
    assert_eq!(first, "origination_uuid");
    let dial_string = DialString::new(dial_string).expect("a dial string");
    let originate = Originate::new(&uuid(channel), dial_string).expect("an originate");
    variables.fold(originate, |originate, (name, value)| {
        let name = VariableName::new(name).expect("a name");
        originate.variable(name, VariableValue::new(value).expect("a value")).expect("it fits")
    })
}

#[test]
fn what_controllers_sent_the_builders_make() {
    let (mut made, mut left) = (0, Vec::new());
    for (name, parts) in recordings() {
        for part in parts.iter().filter(|part| part.side == Side::Controller) {
            let text = String::from_utf8_lossy(&part.bytes).into_owned();
            match rebuilt(&part.bytes) {
                Some(command) => {
                    assert_eq!(String::from_utf8(command.to_bytes()).expect("text"), text, "{name}");
                    made += 1;
                }
                None => left.push(text.lines().next().unwrap_or_default().to_owned()),
            }
        }
    }
    left.sort();
    left.dedup();
    assert_eq!(left, ["connect", "linger 5", "myevents json", "nonsense", "sendmsg"]);
    assert!(made > 90, "{made}");
}

/// A link that logs in as the recording's controller did.
fn link(parts: &[Part], now: Instant) -> Link {
    let sent = parts.iter().filter(|part| part.side == Side::Controller);
    let mut password = Password::new("ClueCon").expect("a password");
    let mut subscription = Subscription::default();
    for command in sent.filter_map(|part| rebuilt(&part.bytes)) {
        match command {
            Command::Auth(recorded) => password = recorded,
            Command::Events(recorded) => subscription = recorded,
            _ => (),
        }
    }
    Link::new(
        Login { password, subscription, filters: Vec::new() },
        Timing::default(),
        Limits::default(),
        now,
    )
}

fn sent(link: &mut Link) -> String {
    let bytes = link.output().to_vec();
    link.sent(bytes.len());
    String::from_utf8(bytes).expect("text")
}

/// Plays a recording: FreeSWITCH's part goes in, and each answer has to come out for the command that got it.
#[test]
fn recorded_conversations_go_through_the_client() {
    const PATIENCE: Duration = Duration::from_secs(60);
    let mut played = 0;
    for (name, parts) in recordings() {
        // Those that are about something else.
        if name.starts_with("outbound")
            || ["inbound-basics.txt", "inbound-auth-refused.txt"].contains(&&*name)
        {
            continue;
        }
        let now = Instant::now();
        let mut link = link(&parts, now);
        let (mut asked, mut jobs, mut answered, mut events) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for part in &parts {
            let text = String::from_utf8_lossy(&part.bytes).into_owned();
            if part.side == Side::FreeSwitch {
                link.received(&part.bytes, now);
            } else if text.starts_with("auth") {
                assert_eq!(sent(&mut link), text, "{name}");
            } else if text.starts_with("event") {
                let sent = sent(&mut link);
                let (core, event) = sent.split_once("\n\n").expect("two commands");
                assert_eq!(core, "api global_getvar core_uuid", "{name}");
                assert!(
                    event.starts_with(text.trim_end().split(" CUSTOM").next().expect("names")),
                    "{name}: {event}"
                );
                link.received(&Sent::ApiResponse("core").to_bytes(), now);
            } else {
                let command = rebuilt(&part.bytes).expect("a command");
                let ticket = link.send(&command, PATIENCE, now).expect("the link is up");
                assert_eq!(sent(&mut link), text, "{name}");
                if let Command::BgApi { .. } = command { jobs.push(ticket) } else { asked.push(ticket) }
            }
            while let Some(outcome) = link.next_outcome() {
                match outcome {
                    Outcome::Up { core } => assert_eq!(core.as_deref(), Some("core")),
                    Outcome::Answer(ticket, reply) => {
                        let reply = reply.expect("an answer");
                        if jobs.contains(&ticket) {
                            assert!(
                                reply.text.starts_with("+OK ") || reply.text.starts_with("-ERR "),
                                "{reply:?}"
                            );
                        }
                        answered.push(ticket);
                    }
                    Outcome::Event(event) => {
                        assert!(event.name() != "BACKGROUND_JOB" && !event.name().is_empty());
                        events += 1;
                    }
                    other => panic!("{name}: {other:?}"),
                }
            }
        }
        assert_eq!(
            answered.iter().filter(|ticket| asked.contains(ticket)).copied().collect::<Vec<_>>(),
            asked,
            "{name}"
        );
        // One recording ends before its job does.
        link.disconnected();
        while let Some(outcome) = link.next_outcome() {
            match outcome {
                Outcome::Answer(ticket, Err(CallError::Disconnected)) if jobs.contains(&ticket) => {
                    answered.push(ticket)
                }
                outcome => assert_eq!(outcome, Outcome::Down(Reason::Disconnected), "{name}"),
            }
        }
        assert_eq!(answered.len(), asked.len() + jobs.len(), "{name}");
        assert!(events > 0 || name == "parked-fsctl-pause.txt", "{name}");
        played += 1;
    }
    assert!(played >= 15, "{played}");
}

#[test]
fn a_wrong_password_is_told_as_such() {
    let parts = recordings().into_iter().find(|(name, _)| name == "inbound-auth-refused.txt").expect("it").1;
    let now = Instant::now();
    let mut link = link(&parts, now);
    link.received(&from_freeswitch(&parts), now);
    assert_eq!(sent(&mut link), "");
    assert_eq!(link.next_outcome(), Some(Outcome::Down(Reason::WrongPassword)));
    assert!(link.is_down() && link.next_outcome().is_none());
}
