//! What must hold for any bytes at all. The fuzz targets call this, and so do the tests, by path.

#[path = "../../tests/model/mod.rs"]
mod model;

use std::time::{Duration, Instant};

use esl::server::{RequestDecoder, Sent};
use esl::{
    Api, Argument, Cause, Command, DialString, Error, Event, Execute, Frame, FrameDecoder, Kind, Leg, Limits,
    Link, Login, Name, Originate, Outcome, Password, Recording, Rest, Subscription, Timing, Uuid,
    VariableName, VariableValue, Word,
};

const NARROW: Limits = Limits { head_bytes: 300, head_lines: 8, body_bytes: 200 };

/// Checks a byte stream: as FreeSWITCH's, as a client's, and through a link.
pub fn stream(bytes: &[u8]) {
    for limits in [Limits::default(), NARROW] {
        let whole = frames(bytes, bytes.len().max(1), limits);
        assert_eq!(frames(bytes, 1, limits), whole);
        assert_eq!(frames(bytes, 7, limits), whole);
        let whole = requests(bytes, bytes.len().max(1), limits);
        assert_eq!(requests(bytes, 1, limits), whole);
        assert_eq!(requests(bytes, 7, limits), whole);
    }
    link(bytes);
}

type Parts = (Vec<(Vec<u8>, Vec<u8>)>, Option<Error>);

fn frames(bytes: &[u8], size: usize, limits: Limits) -> Parts {
    let mut decoder = FrameDecoder::new(limits);
    let mut found = Vec::new();
    for bytes in bytes.chunks(size) {
        decoder.push(bytes);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => {
                    one_frame(&frame, limits);
                    found.push((frame.head().to_vec(), frame.body().to_vec()));
                }
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
        assert!(decoder.waiting() <= limits.head_bytes + limits.body_bytes + size);
    }
    (found, None)
}

fn one_frame(frame: &Frame<'_>, limits: Limits) {
    assert!(frame.head().len() <= limits.head_bytes && frame.body().len() <= limits.body_bytes);
    assert!(frame.headers().count() <= limits.head_lines);
    assert!(frame.head().ends_with(b"\n\n") || frame.head().ends_with(b"\n\r\n"));
    let length =
        frame.header("Content-Length").map_or(0, |length| length.parse().expect("a length that was read"));
    assert_eq!(frame.body().len(), length);
    let is_event = matches!(frame.kind(), Kind::EventPlain | Kind::EventJson);
    assert_eq!(frame.event().is_some(), is_event);
    if let Some(reply) = frame.reply() {
        let (Ok(text) | Err(text)) = reply.ok();
        assert!(reply.text.contains(text));
    }
    let _ = frame.lingers();
}

fn requests(bytes: &[u8], size: usize, limits: Limits) -> Parts {
    let mut decoder = RequestDecoder::new(limits);
    let mut found = Vec::new();
    for bytes in bytes.chunks(size) {
        decoder.push(bytes);
        loop {
            match decoder.next_request() {
                Ok(Some(request)) => {
                    assert!(request.line().starts_with(&*request.verb()));
                    assert!(request.line().ends_with(&*request.arguments()));
                    found.push((request.line().as_bytes().to_vec(), request.body().to_vec()));
                }
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

/// Plays the bytes to a link that is up and waits for answers. Whatever comes, each call is answered once.
fn link(bytes: &[u8]) {
    let now = Instant::now();
    let login = Login {
        password: Password::new("ClueCon").expect("a password"),
        subscription: Subscription::default(),
        filters: Vec::new(),
    };
    let mut link = Link::new(login, Timing::default(), Limits::default(), now);
    for sent in
        [Sent::AuthRequest, Sent::CommandReply("+OK"), Sent::ApiResponse("core"), Sent::CommandReply("+OK")]
    {
        link.received(&sent.to_bytes(), now);
    }
    let job = Uuid::new("job").expect("a UUID");
    let commands =
        [Command::Api(Api::status()), Command::BgApi { api: Api::status(), job }, Command::NoEvents];
    let mut waiting: Vec<_> = commands
        .iter()
        .cycle()
        .take(9)
        .map(|command| link.send(command, Duration::from_secs(1), now).expect("it is up"))
        .collect();
    link.received(bytes, now);
    link.timed_out(now + Duration::from_secs(1));
    link.disconnected();
    let mut last = None;
    while let Some(outcome) = link.next_outcome() {
        assert!(!matches!(last, Some(Outcome::Down(_))), "nothing comes behind the end");
        if let Outcome::Answer(ticket, _) = &outcome {
            let at = waiting.iter().position(|other| other == ticket).expect("a call that waits");
            waiting.remove(at);
        }
        last = Some(outcome);
    }
    assert!(waiting.is_empty() && matches!(last, Some(Outcome::Down(_))));
    assert!(link.is_down() && link.output().is_empty() && link.next_timeout().is_none());
}

/// Checks an event in either format.
pub fn event(bytes: &[u8]) {
    for event in [Event::from_plain(bytes), Event::from_json(bytes)] {
        let event = match event {
            Ok(event) => event,
            Err(Error::Expected { at, .. }) => {
                // What is no UTF-8 grows to three bytes.
                assert!(at <= 3 * bytes.len() as u64);
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        for (name, value) in event.headers() {
            assert!(event.header(&name.to_ascii_uppercase()).is_some());
            let _ = value;
        }
        assert!(event.variables().count() <= event.headers().count());
        let again = Event::from_json(event.to_json().as_bytes()).expect("what was written reads");
        // An empty array is no header when it is read again, and arrays that touch are one.
        assert!(again.headers().eq(event.headers()));
        assert_eq!(again.body(), event.body());
        let mut wire = Vec::new();
        Sent::EventJson(&event).write_to(&mut wire);
        let mut decoder = FrameDecoder::new(Limits::default());
        decoder.push(&wire);
        let frame = decoder.next_frame().expect("no error").expect("a frame");
        assert_eq!(frame.event(), Some(Ok(again)));
    }
}

/// Checks text in every place of a command: it is refused, or FreeSWITCH reads what was meant.
pub fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let channel = Uuid::new("channel").expect("a UUID");
    let name = Name::new("name").expect("a name");
    let variable = VariableName::new("name").expect("a name");
    if let Ok(value) = VariableValue::new(text) {
        let argument = argument(Api::uuid_setvar(&channel, &variable, Some(&value)));
        let expected: &[&str] =
            if text.is_empty() { &["channel", "name"] } else { &["channel", "name", text] };
        assert_eq!(model::setvar(&argument), expected);
        let two = [(variable.clone(), value.clone()), (variable.clone(), value.clone())];
        let (_, found) =
            model::setvar_multi(&self::argument(Api::uuid_setvar_multi(&channel, &two).expect("two")));
        assert_eq!(found, [("name".to_owned(), text.to_owned()), ("name".to_owned(), text.to_owned())]);
        if let Ok(originate) = originate(&channel).variable(variable, value) {
            let found = model::originate(&self::argument(Api::originate(&originate)));
            let expected = Some(text).filter(|text| !text.is_empty());
            assert_eq!(found.variables.get(1).map(|(_, value)| &**value), expected);
            assert_eq!((&*found.dial_string, &*found.application.0), ("sofia/a/b@c", "park"));
        }
    }
    if let Ok(word) = Word::new(text) {
        let argument = argument(Api::call(&name, [&word, &word]));
        assert_eq!(model::separate(&argument, b' ', 10), [text, text]);
        let argument = self::argument(Api::uuid_record(&channel, Recording::Start { limit: 5 }, &word));
        assert_eq!(model::separate(&argument, b' ', 5), ["channel", "start", text, "5"]);
    }
    if let Ok(found) = Argument::new(text) {
        assert_eq!(model::expand(text).as_deref(), Some(text));
        if let Ok(broadcast) = Api::uuid_broadcast(&channel, &found, Leg::A) {
            assert_eq!(model::separate(&argument(broadcast), b' ', 4), ["channel", text, "aleg"]);
        }
        if let Ok(originate) = originate(&channel).application(name.clone(), found.clone()) {
            let read = model::originate(&argument(Api::originate(&originate)));
            assert_eq!(read.application, ("name".to_owned(), text.to_owned()));
        }
        let execute = Execute::new(channel.clone(), name.clone(), Some(found));
        let (_, headers) = model::packet(&Command::Execute(execute).to_bytes());
        assert!(headers.contains(&("execute-app-arg".to_owned(), text.to_owned())));
    }
    if let Ok(dial_string) = DialString::new(text) {
        let originate = Originate::new(&channel, dial_string).expect("an originate");
        assert_eq!(model::originate(&argument(Api::originate(&originate))).dial_string, text);
    }
    let mut commands = Vec::new();
    commands.extend(Uuid::new(text).map(|uuid| Command::Api(Api::uuid_dump(&uuid))));
    commands.extend(Password::new(text).map(Command::Auth));
    commands.extend(Rest::new(text).map(|value| Command::Filter { header: name, value }));
    commands.extend(
        Name::new(text).map(|name| Command::NixEvents { names: vec![name.clone()], custom: vec![name] }),
    );
    commands.extend(Cause::new(text).map(|cause| Command::Api(Api::uuid_kill(&channel, Some(&cause)))));
    for command in commands {
        let (line, headers) = model::packet(&command.to_bytes());
        assert!(line.contains(text) && headers.is_empty());
    }
}

fn originate(channel: &Uuid) -> Originate {
    Originate::new(channel, DialString::new("sofia/a/b@c").expect("a dial string")).expect("an originate")
}

/// What the API function gets.
fn argument(api: Api) -> String {
    model::api(&model::packet(&Command::Api(api).to_bytes()).0).1
}
