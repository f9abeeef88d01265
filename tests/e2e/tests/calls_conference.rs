//! `<Dial><Conference>`, through the real controller: with the stand-in, or a real FreeSWITCH where there is one.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::exchange::{Exchange, Page, wav};
use e2e::wait_until;
use lab::media::Source;
use lab::phone::{CallPlan, CallReport, Step};
use lab::signalling::Side;
use lab::switch::AnySwitch;

const TONE: Source = Source::Tone(700);

fn wait(seconds: f64) -> Step {
    Step::Wait(Duration::from_secs_f64(seconds))
}

/// A call to 1294 by somebody who is silent until its script says otherwise.
fn caller(exchange: &Exchange, from: &str, script: impl IntoIterator<Item = Step>) -> CallPlan {
    let plan = CallPlan::new(exchange.switch.address(), "1294").script(script);
    CallPlan { source: Source::Silence, from: from.to_owned(), ..plan }
}

fn conference(attributes: &str) -> String {
    format!(
        "<Dial action=\"/done\"><Conference waitUrl=\"\" beep=\"false\" {attributes}>my room</Conference></Dial>"
    )
}

/// How many seconds of sound there were.
fn loud(report: &CallReport) -> usize {
    report.audio.rms_per_second.iter().filter(|rms| **rms > 1_000.0).count()
}

fn wait_inside(exchange: &Exchange, calls: usize) -> Result<()> {
    let inside = || {
        let list = exchange.switch.console()?.api("show channels as json")?;
        Ok(list.matches("\"application\":\"conference\"").count() == calls)
    };
    wait_until(&format!("{calls} in the conference"), Duration::from_secs(20), inside)
        .map_err(|error| error.context(exchange.controller.log()))
}

#[tokio::test(flavor = "multi_thread")]
async fn three_in_a_conference_hear_each_other_and_not_themselves() -> Result<()> {
    let exchange = Exchange::start().await?;
    exchange.application.twiml("/voice", &conference(""));
    exchange.application.twiml("/done", "<Hangup/>");
    // Each speaks for three seconds, one after another.
    let turns = |number: usize| {
        let before = wait(4.0 + 5.0 * number as f64);
        let after = wait(5.0 * (2 - number) as f64 + 3.0);
        [before, Step::Speak(TONE), wait(3.0), Step::Speak(Source::Silence), after, Step::HangUp]
    };
    let calls = [0, 1, 2].map(|n| exchange.placing(caller(&exchange, &format!("+85510{n}"), turns(n))));
    wait_inside(&exchange, 3)?;
    let channels = exchange.switch.console()?.api("conference list")?;
    assert!(!channels.contains("my room"), "a customer's text has come to FreeSWITCH: {channels}");
    for (number, call) in calls.into_iter().enumerate() {
        let report = call.await??;
        let log = exchange.controller.log();
        assert!(report.completed(), "{report}\n{log}");
        // Two others, of three seconds each.
        assert!((5..=8).contains(&loud(&report)), "{number}: {report}\n{log}");
        let own = 4 + 5 * number;
        let heard = report.audio.rms_per_second.get(own + 1).copied().unwrap_or_default();
        assert!(heard < 500.0, "{number} hears itself: {report}");
    }
    exchange.wait_nothing_left()?;
    assert_eq!(exchange.application.asked("/done").len(), 3);
    let done = &exchange.application.asked("/done")[0];
    assert_eq!(done.parameter("DialCallStatus"), "answered", "{done:?}");
    assert_eq!(done.parameter("CallStatus"), "completed", "{done:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_hears_the_wait_url_until_the_conference_begins_and_who_is_muted_is_not_heard() -> Result<()>
{
    let exchange = Exchange::start().await?;
    let application = &exchange.application;
    application.put("/music.wav", Page::sound("audio/wav", wav(440, 2)));
    application.twiml("/wait", "<Play>music.wav</Play>");
    let room =
        "<Dial><Conference waitUrl=\"/wait\" beep=\"false\" muted=\"true\">my room</Conference></Dial>";
    application.twiml("/voice", room);
    let script = [wait(6.0), Step::Speak(TONE), wait(8.0), Step::HangUp];
    let first = exchange.placing(caller(&exchange, "+855101", script));
    application.only("/music.wav")?;
    e2e::pause(Duration::from_secs(4));
    application.twiml("/voice", &conference("muted=\"true\""));
    let second = exchange.placing(caller(&exchange, "+855102", [wait(7.0), Step::HangUp]));
    wait_inside(&exchange, 2)?;
    let (first, second) = (first.await??, second.await??);
    let log = exchange.controller.log();
    let waited = application.asked("/wait")[0].clone();
    assert_eq!(waited.parameter("FriendlyName"), "my room", "{waited:?}");
    assert!(loud(&first) >= 3, "{first}\n{log}");
    let last: f64 = first.audio.rms_per_second.iter().rev().take(3).sum();
    assert!(last < 500.0, "the music goes on: {first}\n{log}");
    assert_eq!(loud(&second), 0, "one who is muted is heard: {second}\n{log}");
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_who_waits_hears_a_soft_tone_and_a_beep_tells_who_comes() -> Result<()> {
    let exchange = Exchange::start().await?;
    exchange.application.twiml("/voice", "<Dial><Conference>r</Conference></Dial>");
    let first = exchange.placing(caller(&exchange, "+855101", [wait(9.0), Step::HangUp]));
    exchange.application.only("/voice")?;
    e2e::pause(Duration::from_secs(4));
    let second = exchange.placing(caller(&exchange, "+855102", [wait(3.0), Step::HangUp]));
    let (first, second) = (first.await??, second.await??);
    let seconds = &first.audio.rms_per_second;
    let log = exchange.controller.log();
    let most = |of: &[f64]| of.iter().copied().fold(0.0, f64::max);
    let (waiting, beeps) = seconds.split_at(3.min(seconds.len()));
    assert!((100.0..3_000.0).contains(&most(waiting)), "{first}\n{log}");
    assert!(most(beeps) > 500.0, "no beep: {first}\n{log}");
    assert!(second.completed(), "{second}");
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conference_begins_and_ends_with_the_one_it_is_for_and_the_others_go_on() -> Result<()> {
    let exchange = Exchange::start().await?;
    let application = &exchange.application;
    let callback = application.url("/room");
    let told = format!("statusCallback=\"{callback}\" statusCallbackEvent=\"start end join leave\"");
    application.twiml("/room", "");
    application.twiml("/voice", &conference(&format!("startConferenceOnEnter=\"false\" {told}")));
    application.put("/bye.wav", Page::sound("audio/wav", wav(440, 2)));
    let bye = application.url("/bye.wav");
    application.twiml("/done", &format!("<Play>{bye}</Play>"));
    let guests = [1, 2].map(|n| exchange.placing(caller(&exchange, &format!("+85510{n}"), [])));
    wait_until("both wait", Duration::from_secs(20), || Ok(application.asked("/room").len() == 2))?;
    application.twiml("/voice", &conference("endConferenceOnExit=\"true\""));
    let boss = exchange.placing(caller(&exchange, "+855100", [wait(4.0), Step::HangUp]));
    wait_inside(&exchange, 3)?;
    boss.await??;
    for guest in guests {
        let report = guest.await??;
        let log = exchange.controller.log();
        assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}\n{log}");
        assert!(loud(&report) >= 1, "what comes after it is not heard: {report}\n{log}");
    }
    exchange.wait_nothing_left()?;
    wait_until("the last is told", Duration::from_secs(10), || Ok(application.asked("/room").len() == 8))?;
    let room = application.asked("/room");
    let events: Vec<_> = room.iter().map(|asked| asked.parameter("StatusCallbackEvent")).collect();
    assert_eq!(
        events,
        [
            "participant-join",
            "participant-join",
            "participant-join",
            "conference-start",
            "participant-leave",
            "participant-leave",
            "participant-leave",
            "conference-end",
        ]
    );
    let last = &room[7];
    assert!(last.parameter("ConferenceSid").starts_with("CF") && last.parameter("FriendlyName") == "my room");
    assert_eq!(last.parameter("SequenceNumber"), "7", "{last:?}");
    assert!(last.parameter("Timestamp").ends_with("+0000"), "{last:?}");
    assert_eq!(last.parameter("ReasonConferenceEnded"), "participant-with-end-conference-on-exit-left");
    assert!(!last.header("x-twilio-signature").is_empty(), "{last:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_leaves_by_star_or_by_the_api_and_one_too_many_does_not_come_in() -> Result<()> {
    let exchange = Exchange::start().await?;
    let application = &exchange.application;
    let room = "<Dial action=\"/done\" hangupOnStar=\"true\"><Conference waitUrl=\"\" maxParticipants=\"2\">r</Conference></Dial>";
    application.twiml("/voice", room);
    application.twiml("/done", "<Pause length=\"1\"/><Hangup/>");
    application.twiml("/elsewhere", "<Pause length=\"1\"/><Hangup/>");
    let star = exchange.placing(caller(&exchange, "+855101", [wait(6.0), Step::Press("1*".to_owned())]));
    let other = exchange.placing(caller(&exchange, "+855102", []));
    wait_inside(&exchange, 2)?;
    let third = exchange.placing(caller(&exchange, "+855103", [])).await??;
    assert_eq!(third.hung_up_by, Some(Side::Callee), "{third}");
    assert_eq!(application.only("/done")?.parameter("DialCallStatus"), "failed");
    let star = star.await??;
    assert_eq!(star.hung_up_by, Some(Side::Callee), "{star}\n{}", exchange.controller.log());
    assert_eq!(application.asked("/done")[1].parameter("DialCallStatus"), "answered");
    let calls = exchange.controller.http("GET", "/calls", "")?.1;
    let calls: Vec<serde_json::Value> = serde_json::from_slice(&calls)?;
    // The other one may not have been forgotten yet.
    let call = calls.iter().find(|call| call["from"] == "+855102").context("a call of +855102")?;
    let id = call["id"].as_str().unwrap_or_default();
    let update = format!("{{\"voice_url\":\"{}\",\"voice_method\":\"POST\"}}", application.url("/elsewhere"));
    let (status, body) = exchange.controller.http("PATCH", &format!("/calls/{id}"), &update)?;
    assert!((200..300).contains(&status), "{status} {}", String::from_utf8_lossy(&body));
    let other = other.await??;
    assert_eq!(other.hung_up_by, Some(Side::Callee), "{other}\n{}", exchange.controller.log());
    application.only("/elsewhere")?;
    assert_eq!(application.asked("/done").len(), 2, "an update requests no action");
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conference_outlives_the_link() -> Result<()> {
    let exchange = Exchange::start().await?;
    exchange.application.twiml("/voice", &conference("endConferenceOnExit=\"true\""));
    exchange.application.twiml("/done", "<Hangup/>");
    let first = exchange.placing(caller(&exchange, "+855101", []));
    let second = exchange.placing(caller(&exchange, "+855102", [wait(12.0), Step::HangUp]));
    wait_inside(&exchange, 2)?;
    match &exchange.switch {
        AnySwitch::StandIn(switch) => switch.close_connections(),
        AnySwitch::Real(switch) => drop(switch.console()?.api("reload mod_event_socket")),
    }
    wait_until("the link is made anew", Duration::from_secs(20), || {
        Ok(exchange.controller.log().matches("FreeSWITCH is connected").count() == 2)
    })?;
    e2e::pause(Duration::from_secs(2));
    wait_inside(&exchange, 2)?;
    assert!(exchange.application.asked("/done").is_empty(), "{}", exchange.controller.log());
    let (first, second) = (first.await??, second.await??);
    let log = exchange.controller.log();
    assert!(second.completed(), "{second}\n{log}");
    assert_eq!(first.hung_up_by, Some(Side::Callee), "{first}\n{log}");
    exchange.wait_nothing_left()
}
