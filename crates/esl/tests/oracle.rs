//! Another implementation of the Event Socket, whose model of FreeSWITCH's parsers is held to FreeSWITCH's C code: what we write
//! it reads as we meant it, and what it reads off the wire is what we read.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests report by panicking")]

#[path = "../../../tests/transcripts/transcript.rs"]
mod transcript;

mod nasty;

use std::collections::BTreeMap;

use esl::server::{RequestDecoder, Sent};
use esl::{
    Api, Argument, DialString, Event, FrameDecoder, Limits, Name, Originate, Uuid, VariableName,
    VariableValue, Word,
};
use freeswitch_esl_tokio::commands::{self, Endpoint, OriginateTarget, originate_split, originate_unquote};
use freeswitch_esl_tokio::{EslClient, EventFormat};
use nasty::nasty;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn it_reads_our_originates_as_we_mean_them(first in nasty(), second in nasty(), argument in nasty()) {
        let channel = Uuid::new("c7d6f11e-c204-4d73-84b1-88bda2e43d36").expect("a UUID");
        let dial_string = DialString::new("sofia/internal/855715@127.0.0.1:5091").expect("a dial string");
        let mut originate = Originate::new(&channel, dial_string).expect("an originate");
        let mut expected = vec![("origination_uuid".to_owned(), channel.to_string())];
        for (name, text) in [("first", first), ("second", second)] {
            let name = VariableName::new(name).expect("a name");
            let Ok(value) = VariableValue::new(text.clone()) else { continue };
            let Ok(with) = originate.clone().variable(name.clone(), value) else { continue };
            originate = with;
            if !text.is_empty() {
                expected.push((name.to_string(), text));
            }
        }
        let mut application = ("park".to_owned(), String::new());
        if let Ok(text) = Argument::new(argument.clone())
            && let Ok(with) = originate.clone().application(Name::new("playback").expect("a name"), text) {
                originate = with;
                application = ("playback".to_owned(), argument);
            }
        let call = Api::originate(&originate);
        let read: commands::Originate = call.as_str().parse().expect("an originate");
        let Endpoint::Sofia(endpoint) = read.endpoint() else { panic!("{read:?}") };
        prop_assert_eq!(format!("sofia/{}/{}", endpoint.profile, endpoint.destination), "sofia/internal/855715@127.0.0.1:5091");
        let variables = endpoint.variables.as_ref().expect("variables");
        let found: Vec<_> = variables.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        prop_assert_eq!(found, expected);
        let OriginateTarget::Application(found) = read.target() else { panic!("{read:?}") };
        prop_assert_eq!((found.name().to_owned(), found.args().unwrap_or_default().to_owned()), application);
    }

    #[test]
    fn it_reads_our_words_as_we_mean_them(texts in prop::collection::vec(nasty(), 1..5)) {
        let words: Vec<Word> = texts.into_iter().filter_map(|text| Word::new(text).ok()).collect();
        let call = Api::call(&Name::new("function").expect("a name"), &words);
        let arguments = call.as_str().strip_prefix("function").expect("a function").trim_start();
        let found = originate_split(arguments, ' ').expect("words");
        let found: Vec<String> = found.iter().map(|word| originate_unquote(word)).collect();
        prop_assert_eq!(found, words.iter().map(Word::to_string).collect::<Vec<_>>());
    }
}

/// All recorded events, and some with what recordings lack.
fn events() -> Vec<Event> {
    let mut events = Vec::new();
    for (_, parts) in transcript::all() {
        for part in parts.iter().filter(|part| part.side == transcript::Side::FreeSwitch) {
            let mut decoder = FrameDecoder::new(Limits::default());
            decoder.push(&part.bytes);
            let frame = decoder.next_frame().expect("no error").expect("a frame");
            events.extend(frame.event().map(|event| event.expect("an event")));
        }
    }
    assert!(events.len() > 200);
    let headers =
        [("Event-Name", "CUSTOM"), ("variable_name", "a%20b é \"'\n\t:"), ("variable_other", "x: y")];
    events.push(Event::new(headers, Some("body: 1\n\nmore é\n")));
    events
}

/// Answers everything, and sends events behind the answer to the subscription.
async fn stand_in(listener: TcpListener, events: Vec<u8>) {
    let (mut stream, _) = listener.accept().await.expect("a client");
    stream.write_all(&Sent::AuthRequest.to_bytes()).await.expect("sent");
    let mut decoder = RequestDecoder::new(Limits::default());
    let mut buffer = vec![0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.expect("read");
        if count == 0 {
            return;
        }
        decoder.push(&buffer[..count]);
        let mut out = Vec::new();
        while let Some(request) = decoder.next_request().expect("a request") {
            match &*request.verb() {
                "api" => Sent::ApiResponse("UP 0 years\n").write_to(&mut out),
                "event" => {
                    Sent::CommandReply("+OK event listener enabled").write_to(&mut out);
                    out.extend_from_slice(&events);
                }
                _ => Sent::CommandReply("+OK accepted").write_to(&mut out),
            }
        }
        stream.write_all(&out).await.expect("sent");
    }
}

async fn compare(format: EventFormat, wire: Vec<u8>, expected: Vec<Event>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = tokio::spawn(stand_in(listener, wire));
    let (client, mut stream) = EslClient::connect("127.0.0.1", port, "ClueCon").await.expect("a connection");
    let status = client.api("status").await.expect("an answer");
    assert_eq!(status.body(), Some("UP 0 years\n"));
    client.subscribe_events_raw(format, "ALL").await.expect("a subscription");
    for event in expected {
        let found = stream.recv().await.expect("an event").expect("a good one");
        // It spells names that it knows in its own way, so their case is not compared; and it leaves arrays as they came.
        let mut values: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, value) in event.headers() {
            values.entry(name.to_ascii_lowercase()).or_default().push(value);
        }
        let array = |values: &[&str]| match format {
            EventFormat::Json => serde_json::to_string(values).expect("text"),
            _ => format!("ARRAY::{}", values.join("|:")),
        };
        let theirs: BTreeMap<String, String> = found
            .headers()
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("Content-Length"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .collect();
        assert!(theirs.keys().eq(values.keys()));
        for (name, value) in theirs {
            let ours = &values[&name];
            // Of a name that stands in two places it keeps the last; FreeSWITCH itself, and this crate, look at the first.
            assert!(ours.last() == Some(&&*value) || array(ours) == value, "{name}: {value:?} and {ours:?}");
        }
        assert_eq!(found.body(), event.body());
    }
    server.abort();
}

#[tokio::test]
async fn it_reads_events_in_json_as_we_do() {
    let events = events();
    let wire = events.iter().flat_map(|event| Sent::EventJson(event).to_bytes()).collect();
    compare(EventFormat::Json, wire, events).await;
}

#[tokio::test]
async fn it_reads_plain_events_as_we_do() {
    let events = events();
    let wire: Vec<u8> = events.iter().flat_map(|event| Sent::EventPlain(event).to_bytes()).collect();
    let mut decoder = FrameDecoder::new(Limits::default());
    decoder.push(&wire);
    let mut read = Vec::new();
    while let Some(frame) = decoder.next_frame().expect("no error") {
        read.push(frame.event().expect("an event").expect("a good one"));
    }
    assert_eq!(read.len(), events.len());
    compare(EventFormat::Plain, wire, read).await;
}
