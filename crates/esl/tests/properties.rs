//! What must hold for any bytes and any text.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests report by panicking")]

mod model;
mod nasty;

use esl::server::{RequestDecoder, Sent};
use esl::{
    Api, Argument, Command, DialString, Event, Execute, FrameDecoder, Limits, Name, Originate, Password,
    Rest, Subscription, Uuid, VariableName, VariableValue, Word,
};
use nasty::nasty;
use proptest::prelude::*;

fn uuid() -> Uuid {
    Uuid::new("c7d6f11e-c204-4d73-84b1-88bda2e43d36").expect("a UUID")
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn variable(text: &str) -> VariableName {
    VariableName::new(text).expect("a name")
}

/// What FreeSWITCH passes to the API function.
fn passed(api: Api) -> (String, String) {
    let job = uuid();
    let (line, headers) = model::packet(&Command::BgApi { api: api.clone(), job: job.clone() }.to_bytes());
    assert_eq!(headers, [("Job-UUID".to_owned(), job.to_string())]);
    let call = model::api(&line);
    let (line, headers) = model::packet(&Command::Api(api).to_bytes());
    assert_eq!((model::api(&line), headers.len()), (call.clone(), 0));
    call
}

fn dial_string() -> DialString {
    DialString::new("sofia/internal/855715@127.0.0.1:5091").expect("a dial string")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_variable_of_an_originate_arrives_as_it_was(first in nasty(), second in nasty()) {
        let mut originate = Originate::new(&uuid(), dial_string()).expect("an originate");
        let mut expected = vec![("origination_uuid".to_owned(), uuid().to_string())];
        for (name, value) in [("sip_h_X-First", first), ("second", second)] {
            let Ok(text) = VariableValue::new(value.clone()) else { continue };
            match originate.clone().variable(variable(name), text) {
                Ok(with) => originate = with,
                Err(_) => continue,
            }
            if !value.is_empty() {
                expected.push((name.to_owned(), value));
            }
        }
        let (function, argument) = passed(Api::originate(&originate));
        prop_assert_eq!(function, "originate");
        let found = model::originate(&argument);
        prop_assert_eq!(found.variables, expected);
        prop_assert_eq!(found.dial_string, dial_string().to_string());
        prop_assert_eq!(found.application, ("park".to_owned(), String::new()));
    }

    #[test]
    fn an_application_of_an_originate_gets_its_argument_as_it_was(text in nasty()) {
        let Ok(argument) = Argument::new(text.clone()) else { return Ok(()) };
        let originate = Originate::new(&uuid(), dial_string()).expect("an originate");
        let Ok(originate) = originate.application(name("playback"), argument) else { return Ok(()) };
        let found = model::originate(&passed(Api::originate(&originate)).1);
        prop_assert_eq!(&found.application, &("playback".to_owned(), text.clone()));
        prop_assert_eq!(model::expand(&found.application.1), Some(text));
    }

    #[test]
    fn a_dial_string_that_is_taken_stays_one_endpoint(text in nasty()) {
        let Ok(dial_string) = DialString::new(format!("a{text}")) else { return Ok(()) };
        let originate = Originate::new(&uuid(), dial_string.clone()).expect("an originate");
        let found = model::originate(&passed(Api::originate(&originate)).1);
        prop_assert_eq!(found.dial_string, dial_string.to_string());
        prop_assert_eq!(found.variables.len(), 1);
    }

    #[test]
    fn a_variable_that_is_set_arrives_as_it_was(text in nasty(), other in nasty()) {
        let Ok(value) = VariableValue::new(text.clone()) else { return Ok(()) };
        prop_assert!(!model::is_expanded(&text));
        let call = Api::uuid_setvar(&uuid(), &variable("name"), Some(&value));
        let (function, argument) = passed(call);
        prop_assert_eq!(function, "uuid_setvar");
        let mut expected = vec![uuid().to_string(), "name".to_owned()];
        // Without a value FreeSWITCH takes the variable away, which is what an empty one means.
        expected.extend((!text.is_empty()).then_some(text.clone()));
        prop_assert_eq!(model::setvar(&argument), expected);

        let Ok(other_value) = VariableValue::new(other.clone()) else { return Ok(()) };
        let variables = [(variable("one"), value), (variable("two"), other_value)];
        let (function, argument) = passed(Api::uuid_setvar_multi(&uuid(), &variables).expect("two"));
        prop_assert_eq!(function, "uuid_setvar_multi");
        let expected = vec![("one".to_owned(), text), ("two".to_owned(), other)];
        prop_assert_eq!(model::setvar_multi(&argument), (uuid().to_string(), expected));
    }

    #[test]
    fn words_of_a_call_arrive_as_they_were(texts in prop::collection::vec(nasty(), 0..5)) {
        let words: Vec<Word> = texts.iter().filter_map(|text| Word::new(text.clone()).ok()).collect();
        let (function, argument) = passed(Api::call(&name("anything"), &words));
        prop_assert_eq!(function, "anything");
        let expected: Vec<&str> = words.iter().map(Word::as_str).collect();
        prop_assert_eq!(model::separate(&argument, b' ', 10), expected);
    }

    #[test]
    fn an_application_gets_its_argument_as_it_was(text in nasty(), loops in proptest::option::of(-1..5)) {
        let Ok(argument) = Argument::new(text.clone()) else { return Ok(()) };
        prop_assert_eq!(model::expand(&text), Some(text.clone()));
        let mut execute = Execute::new(uuid(), name("playback"), Some(argument));
        execute.event_uuid = Some(uuid());
        execute.loops = loops;
        let (line, headers) = model::packet(&Command::Execute(execute).to_bytes());
        prop_assert_eq!(line, format!("sendmsg {}", uuid()));
        let header = |name: &str| {
            let mut found = headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.clone());
            let first = found.next();
            assert_eq!(found.next(), None);
            first
        };
        prop_assert_eq!(header("execute-app-arg"), Some(text));
        prop_assert_eq!(header("Event-UUID"), Some(uuid().to_string()));
        prop_assert_eq!(header("loops"), loops.map(|loops| loops.to_string()));
        prop_assert_eq!(headers.len(), 5 + usize::from(loops.is_some()));
    }

    #[test]
    fn no_text_makes_two_commands_of_one(text in nasty()) {
        let mut commands = Vec::new();
        commands.extend(Password::new(text.clone()).map(Command::Auth));
        commands.extend(Rest::new(text.clone()).map(|value| Command::Filter { header: name("Unique-ID"), value }));
        commands.extend(Name::new(text.clone()).map(|name| {
            let names = vec![name.clone()];
            Command::Events(Subscription { names: names.clone(), custom: names, ..Subscription::default() })
        }));
        commands.extend(Uuid::new(text).map(|uuid| Command::Api(Api::uuid_park(&uuid))));
        for command in commands {
            let bytes = command.to_bytes();
            let (line, headers) = model::packet(&bytes);
            prop_assert_eq!(headers.len(), 0);
            let mut decoder = RequestDecoder::new(Limits::default());
            decoder.push(&bytes);
            let request = decoder.next_request().expect("a request").expect("a whole one");
            prop_assert_eq!(request.line(), line);
            prop_assert!(decoder.next_request().expect("no error").is_none());
        }
    }

    #[test]
    fn events_survive_the_wire(values in prop::collection::vec(nasty(), 0..9), body in proptest::option::of(nasty())) {
        let headers: Vec<_> = values
            .into_iter()
            .enumerate()
            .map(|(at, value)| (format!("variable_{at}"), value))
            .filter(|(_, value)| !value.contains('\0') && !value.starts_with("ARRAY::"))
            .collect();
        let body = body.filter(|body| !body.is_empty());
        let event = Event::new(headers.iter().map(|(name, value)| (&**name, &**value)), body.as_deref());
        prop_assert_eq!(Event::from_json(event.to_json().as_bytes()), Ok(event.clone()));
        prop_assert_eq!(Event::from_plain(event.to_plain().as_bytes()), Ok(event.clone()));
        let mut wire = Vec::new();
        Sent::EventJson(&event).write_to(&mut wire);
        Sent::EventPlain(&event).write_to(&mut wire);
        for size in [1, 7, wire.len()] {
            let mut decoder = FrameDecoder::new(Limits::default());
            let mut found = Vec::new();
            for bytes in wire.chunks(size) {
                decoder.push(bytes);
                while let Some(frame) = decoder.next_frame().expect("a frame") {
                    found.push(frame.event().expect("an event").expect("a whole one"));
                }
            }
            prop_assert_eq!(&found, &[event.clone(), event.clone()]);
        }
    }

    #[test]
    fn frames_are_the_same_however_the_stream_is_cut(wire in wire(), cuts in prop::collection::vec(1_usize..40, 1..30)) {
        let whole = frames(&wire, &[wire.len().max(1)]);
        prop_assert_eq!(frames(&wire, &cuts), whole);
    }
}

/// Bytes that look like frames, now and then broken.
fn wire() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(&b"Content-Type: command/reply\nReply-Text: +OK\n\n"[..]),
        Just(&b"Content-Type: api/response\nContent-Length: 4\n\n+OK\n"[..]),
        Just(&b"Content-Length: 22\nContent-Type: text/event-plain\n\nEvent-Name: HEARTBEAT\n\n"[..]),
        Just(&b"Content-Length: 0\nContent-Type: text/disconnect-notice\n\n"[..]),
        Just(&b"Content-Length: 18446744073709551616\n\n"[..]),
        Just(&b"\n"[..]),
        Just(&b"\r\n"[..]),
        Just(&b"no colon\n\n"[..]),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

/// A head and a body.
type Part = (Vec<u8>, Vec<u8>);

/// Heads and bodies of all frames, and the error that ended them.
fn frames(wire: &[u8], sizes: &[usize]) -> (Vec<Part>, Option<esl::Error>) {
    let mut decoder = FrameDecoder::new(Limits::default());
    let (mut found, mut rest) = (Vec::new(), wire);
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (bytes, behind) = rest.split_at((*size).min(rest.len()));
        rest = behind;
        decoder.push(bytes);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => found.push((frame.head().to_vec(), frame.body().to_vec())),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}
