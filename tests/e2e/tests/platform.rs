//! What the controller asks of the platform and tells it: every call of the contract, against a stand-in that is as strict as
//! the real one. With the stand-in for FreeSWITCH, or a real one where there is one.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::agent::Agent;
use e2e::exchange::{Exchange, Page, wav};
use e2e::somleng::{ask, completed, new_call, only, start, wait_for};
use e2e::wait_until;
use lab::phone::Step;
use lab::platform::{Disturbance, Platform, State};
use lab::signalling::Side;
use serde_json::{Value, json};
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn pc4_a_call_that_comes_in_is_the_platforms_and_it_is_told_what_becomes_of_it() -> Result<()> {
    let (platform, exchange) = start("").await?;
    exchange.application.twiml("/voice", "<Say>Hola, buen día</Say><Hangup/>");
    let report = exchange.call([]).await?;
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}");
    let state = wait_for(&platform, &exchange, "it is over", completed)?;
    let sid = only(&state)?;
    let call = state.calls.get(&sid).context("the call")?;
    assert_eq!(call.events, ["answered", "completed"]);
    assert_eq!(call.characters, 14);
    let asked = exchange.application.only("/voice")?;
    assert_eq!(
        (asked.parameter("CallSid"), asked.parameter("AccountSid")),
        (sid.as_str(), lab::platform::ACCOUNT)
    );
    let told = platform.told("POST /inbound_phone_calls").remove(0).body;
    let text = |key: &str| told.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    assert_eq!((text("to"), text("region")), ("1294".to_owned(), "hydrogen".to_owned()), "{told}");
    let ended = platform.told("POST /phone_call_events").pop().context("an event")?.body;
    assert!(ended.pointer("/variables/answer_epoch").is_some(), "{ended}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pc5_what_the_platform_does_not_want_is_refused_with_403_and_what_it_cannot_say_with_503()
-> Result<()> {
    let (platform, exchange) = start("").await?;
    let unknown = lab::phone::CallPlan::new(exchange.switch.address(), "999999");
    let report = exchange.placing(unknown).await??;
    assert_eq!(report.status, Some(403), "{report}\n{}", exchange.controller.log());
    for disturbance in [
        Disturbance::failing("POST /inbound_phone_calls", 500, usize::MAX),
        Disturbance::failing("POST /inbound_phone_calls", 401, usize::MAX),
        Disturbance::lagging("POST /inbound_phone_calls", Duration::from_secs(12), 1),
    ] {
        platform.disturb(disturbance.clone());
        let report = exchange.call([]).await?;
        assert_eq!(report.status, Some(503), "{disturbance:?}: {report}");
        assert!(report.duration < Duration::from_secs(9), "{disturbance:?}: {report}");
        platform.undisturb();
    }
    // A moment is waited for.
    platform.disturb(Disturbance::failing("POST /inbound_phone_calls", 503, 1));
    exchange.application.twiml("/voice", "<Hangup/>");
    let report = exchange.call([]).await?;
    assert_ne!(report.status, Some(503), "{report}");
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn l5_where_the_platform_gives_a_url_and_a_document_the_url_is_asked() -> Result<()> {
    let (platform, exchange) = start("").await?;
    let (url, inline) = (exchange.application.url("/voice"), exchange.application.url("/inline"));
    let twiml = format!("<Response><Redirect>{inline}</Redirect></Response>");
    platform.number("1294", json!({ "voice_url": url, "twiml": twiml }));
    exchange.application.twiml("/voice", "<Hangup/>");
    exchange.application.twiml("/inline", "<Hangup/>");
    exchange.call([]).await?;
    wait_for(&platform, &exchange, "it is over", completed)?;
    exchange.application.only("/voice")?;
    assert!(exchange.application.asked("/inline").is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn l7_an_answer_without_what_a_call_needs_is_one_that_failed() -> Result<()> {
    let (platform, exchange) = start("").await?;
    exchange.application.twiml("/voice", "<Hangup/>");
    let url = exchange.application.url("/voice");
    for key in ["sid", "carrier_sid", "account_sid", "account_auth_token", "to", "from"] {
        for value in [Value::Null, json!(""), json!(7)] {
            let mut answer = json!({ "voice_url": url });
            answer.as_object_mut().context("an object")?.insert(key.to_owned(), value.clone());
            platform.number("1294", answer);
            let report = exchange.call([]).await?;
            assert_eq!(report.status, Some(503), "{key} {value}: {report}\n{}", exchange.controller.log());
        }
    }
    assert!(exchange.application.asked("/voice").is_empty());
    platform.number("1294", json!({ "voice_url": url }));
    assert_ne!(exchange.call([]).await?.status, Some(503), "{}", exchange.controller.log());
    exchange.application.only("/voice")?;
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_platform_is_away_callers_get_the_fallback() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("away.xml");
    std::fs::write(&file, "<Response><Pause length=\"1\"/><Say>Later</Say></Response>")?;
    let platform = Platform::start("127.0.0.1:0".parse()?).await?;
    let more = format!("{}fallback = \"{}\"\n", platform.settings(), file.display());
    let exchange = Exchange::start_with(&more).await?;
    platform.disturb(Disturbance::failing("POST /inbound_phone_calls", 503, usize::MAX));
    let report = exchange.call([]).await?;
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}");
    exchange.wait_nothing_left()?;
    let told = platform.told("");
    assert!(
        told.iter().all(|told| told.what == "POST /inbound_phone_calls"),
        "it knows nothing of this call: {told:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn e4_e7_pc3_events_are_told_in_order_and_again_until_they_are_taken() -> Result<()> {
    let (platform, exchange) = start("").await?;
    exchange.application.twiml("/voice", "<Pause length=\"1\"/><Say>one</Say><Hangup/>");
    // What comes behind it is told sooner, unless it waits.
    platform.disturb(Disturbance::failing("POST /phone_call_events", 500, 4).with("answered"));
    platform.disturb(Disturbance::lying("POST /phone_call_events", 2).with("completed"));
    platform.disturb(Disturbance::failing("POST /tts_events", 503, 1));
    let report = exchange.call([]).await?;
    assert!(report.duration < Duration::from_secs(10), "the call does not wait for it: {report}");
    let state = wait_for(&platform, &exchange, "it is over", completed)?;
    let call = state.calls.get(&only(&state)?).context("the call")?;
    assert_eq!(call.events, ["answered", "completed"]);
    assert_eq!(call.characters, 3, "what is paid for is told once");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn s17_characters_that_may_have_been_taken_are_not_told_again() -> Result<()> {
    let (platform, exchange) = start("").await?;
    exchange.application.twiml("/voice", "<Say>one</Say><Hangup/>");
    platform.disturb(Disturbance::failing("POST /tts_events", 500, 1));
    exchange.call([]).await?;
    // Told behind them.
    let state = wait_for(&platform, &exchange, "it is over", completed)?;
    assert_eq!(state.calls.get(&only(&state)?).context("the call")?.characters, 0);
    assert_eq!(platform.told("POST /tts_events").len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_not_told_before_a_kill_is_told_by_the_next_process() -> Result<()> {
    let (platform, mut exchange) = start("").await?;
    exchange.application.twiml("/voice", "<Gather timeout=\"1\"/>");
    platform.disturb(Disturbance::failing("POST /phone_call_events", 503, usize::MAX).with("completed"));
    let report = exchange.call([]).await?;
    assert_eq!(report.status, Some(200), "{report}");
    wait_until("it was tried to tell it", Duration::from_secs(20), || {
        Ok(platform.told("POST /phone_call_events").iter().any(|told| told.status == 503))
    })?;
    exchange.controller.kill()?;
    platform.undisturb();
    exchange.restart_controller()?;
    wait_for(&platform, &exchange, "it is over", completed)?;
    wait_until("nothing is kept", Duration::from_secs(5), || Ok(exchange.kept()? == 0))
}

#[tokio::test(flavor = "multi_thread")]
async fn di1_l11_the_legs_of_a_dial_are_routed_by_the_platform_and_it_is_told_of_them() -> Result<()> {
    let (platform, exchange) = start("").await?;
    exchange.application.twiml("/voice", "<Dial action=\"/after\">85550001</Dial>");
    exchange.application.twiml("/after", "<Hangup/>");
    exchange.call([]).await?;
    let asked = exchange.application.only("/after")?;
    let state = wait_for(&platform, &exchange, "it is over", |state| {
        completed(state) && state.strangers.values().any(|events| events.len() == 3)
    })?;
    let (leg, _) = state.calls.iter().find(|(_, call)| call.parent.is_some()).context("a leg")?;
    assert_eq!(
        (asked.parameter("DialCallStatus"), asked.parameter("DialCallSid")),
        ("completed", leg.as_str())
    );
    let invite = exchange.carrier("8555").calls.remove(0);
    let invite = String::from_utf8_lossy(&invite.invite.bytes).into_owned();
    assert!(invite.contains(&format!("X-Somleng-CallSid: {leg}\r\n")), "{invite}");
    assert!(!invite.contains("AccountSid"), "{invite}");
    let told = platform.told("POST /outbound_phone_calls").remove(0).body;
    assert_eq!(told, json!({ "parent_call_sid": only(&state)?, "destinations": ["85550001"] }));
    assert_eq!(
        state.strangers.values().next().cloned().unwrap_or_default(),
        ["ringing", "answered", "completed"]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn di19_pc2_a_dial_that_the_platform_refuses_has_failed() -> Result<()> {
    let (platform, exchange) = start("").await?;
    exchange.application.twiml("/voice", "<Dial action=\"/after\">99999999</Dial>");
    exchange.application.twiml("/after", "<Hangup/>");
    exchange.call([]).await?;
    assert_eq!(exchange.application.only("/after")?.parameter("DialCallStatus"), "failed");
    // What the platform said stands in the log.
    exchange.wait_logged("not supported")?;
    assert!(platform.state().faults.is_empty(), "{:?}", platform.state().faults);
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_live_are_said_to() -> Result<()> {
    let platform = Platform::start("127.0.0.1:0".parse()?).await?;
    let more = format!("{}heartbeat = \"1s\"\n", platform.settings());
    let exchange = Exchange::start_with(&more).await?;
    platform.number("1294", json!({ "twiml": "<Response><Pause length=\"4\"/></Response>" }));
    assert!(platform.told("POST /call_heartbeats").is_empty());
    exchange.call([Step::Wait(Duration::from_secs(4))]).await?;
    let state = wait_for(&platform, &exchange, "it is over", completed)?;
    assert!(state.calls.get(&only(&state)?).is_some_and(|call| call.beats >= 2), "{state:?}");
    exchange.wait_nothing_left()?;
    let beats = platform.told("POST /call_heartbeats").len();
    e2e::pause(Duration::from_secs(3));
    assert!(platform.told("POST /call_heartbeats").len() <= beats + 1, "nobody lives");
    Ok(())
}

/// A document that records for a second or two.
fn record(exchange: &Exchange) {
    let record = "<Record action=\"/after\" maxLength=\"2\" playBeep=\"false\" \
                  recordingStatusCallback=\"https://customer.example/recorded\" recordingStatusCallbackMethod=\"GET\"/>";
    exchange.application.twiml("/voice", record);
    exchange.application.twiml("/after", "<Hangup/>");
    exchange.application.put("/tone.wav", Page::sound("audio/wav", wav(880, 1)));
}

/// An exchange whose calls to 1294 record what they hear, and the bucket that recordings go to.
async fn start_recording() -> Result<(TempDir, Platform, Exchange)> {
    let bucket = tempfile::tempdir()?;
    let url = "https://bucket.example/raw";
    let more = format!("bucket = \"file://{}\"\nbucket_url = \"{url}\"\n", bucket.path().display());
    let (platform, exchange) = start(&more).await?;
    platform.bucket(bucket.path().to_owned(), url);
    record(&exchange);
    Ok((bucket, platform, exchange))
}

#[tokio::test(flavor = "multi_thread")]
async fn r9_a_recording_is_in_the_bucket_before_the_platform_is_told_of_it() -> Result<()> {
    let (_bucket, platform, exchange) = start_recording().await?;
    exchange.call([Step::Wait(Duration::from_secs(6))]).await?;
    let asked = exchange.application.only("/after").with_context(|| exchange.controller.log())?;
    let state = wait_for(&platform, &exchange, "it is told of", |state| {
        state.recordings.values().any(|recording| recording.raw.is_some())
    })?;
    let (sid, recording) = state.recordings.iter().next().context("a recording")?;
    assert_eq!(asked.parameter("RecordingUrl"), format!("https://platform.example/Recordings/{sid}"));
    let callback = ("https://customer.example/recorded".to_owned(), "GET".to_owned());
    assert_eq!((&recording.call, &recording.callback), (&only(&state)?, &Some(callback)));
    // It is asked for before the two seconds that it is long, and told of behind them.
    let at = |what| platform.told(what).first().map(|told| told.at).context(what);
    assert!(at("PATCH /recordings")? > at("POST /recordings")? + Duration::from_secs(2));
    let left = std::fs::read_dir(exchange.directory().join("recordings"))?.count();
    assert_eq!(left, 0, "what is in the bucket needs not be here");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_cannot_be_told_of_is_after_a_restart_and_the_call_did_not_wait() -> Result<()> {
    let (_bucket, platform, mut exchange) = start_recording().await?;
    platform.disturb(Disturbance::failing("PATCH /recordings", 503, usize::MAX));
    exchange.call([Step::Wait(Duration::from_secs(15))]).await?;
    let asked = exchange.application.only("/after").with_context(|| exchange.controller.log())?;
    let state = platform.state();
    let sid = state.recordings.keys().next().context("a recording")?;
    assert_eq!(asked.parameter("RecordingUrl"), format!("https://platform.example/Recordings/{sid}"));
    exchange.controller.kill()?;
    assert!(platform.state().recordings.values().all(|recording| recording.raw.is_none()));
    platform.undisturb();
    exchange.restart_controller()?;
    wait_for(&platform, &exchange, "it is told of", |state| {
        state.recordings.values().all(|recording| recording.raw.is_some())
    })?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_waits_keeps_ecs_from_stopping_the_task() -> Result<()> {
    let (_bucket, platform, mut exchange) = start_recording().await?;
    platform.disturb(Disturbance::failing("PATCH /recordings", 503, usize::MAX));
    exchange.call([Step::Wait(Duration::from_secs(15))]).await?;
    exchange.wait_nothing_left()?;
    exchange.controller.kill()?;
    // There is no call, and still it is asked for.
    let agent = Agent::start()?;
    exchange.restart_controller_in_task(Some(agent.url().to_owned()))?;
    wait_until("it is asked for", Duration::from_secs(10), || Ok(!agent.told().is_empty()))?;
    assert_eq!(agent.told(), [true]);
    platform.undisturb();
    wait_until("it is given back", Duration::from_secs(60), || Ok(agent.told().len() > 1))?;
    assert_eq!(agent.told(), [true, false]);
    assert!(platform.state().recordings.values().all(|recording| recording.raw.is_some()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn l2_o1_a_call_that_the_platform_asks_for_is_made_as_it_says_and_it_is_told_of_it() -> Result<()> {
    let (platform, exchange) = start("").await?;
    exchange.application.twiml("/out", "<Pause length=\"5\"/>");
    let id = ask(&platform, &exchange, &new_call(&exchange, "CA7", "8555"))?;
    let asked = exchange.application.only("/out").with_context(|| exchange.controller.log())?;
    assert_eq!((asked.method.as_str(), asked.parameter("CallSid")), ("GET", "CA7"));
    let mut console = exchange.switch.console()?;
    for (name, expected) in [
        ("record_cdr", "true"),
        ("cgr_tenant", "CR1"),
        ("cgr_account", lab::platform::ACCOUNT),
        ("cgr_category", "outbound_calls"),
        ("cgr_destination", "+855715100860"),
        ("cgr_reqtype", "*postpaid"),
    ] {
        assert_eq!(console.api(&format!("uuid_getvar {id} {name}"))?.trim(), expected, "{name}");
    }
    let state = wait_for(&platform, &exchange, "it is over", completed)?;
    assert_eq!(state.calls.get("CA7").context("the call")?.events, ["ringing", "answered", "completed"]);
    let call = exchange.carrier("8555").calls.remove(0);
    let invite = String::from_utf8_lossy(&call.invite.bytes).into_owned();
    assert!(
        invite.contains("X-Somleng-CallSid: CA7\r\n") && !invite.contains(lab::platform::ACCOUNT),
        "{invite}"
    );
    assert_eq!(call.user, "+855715100860");
    assert!(invite.lines().any(|line| line.starts_with("From:") && line.contains("<sip:1294@")), "{invite}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_w7_a_call_does_something_else_when_the_platform_says_so_and_ends_when_it_says_so() -> Result<()> {
    let (platform, exchange) = start("").await?;
    let update = json!({ "voice_url": exchange.application.url("/new"), "voice_method": "GET" }).to_string();
    exchange.application.put("/tone.wav", Page::sound("audio/wav", wav(880, 60)));
    exchange.application.twiml("/new", "<Pause length=\"60\"/>");
    let verbs = [
        format!("<Play>{}</Play>", exchange.application.url("/tone.wav")),
        "<Gather timeout=\"60\"/>".to_owned(),
        "<Record timeout=\"60\"/>".to_owned(),
        "<Dial>85530001</Dial>".to_owned(),
        "<Pause length=\"60\"/>".to_owned(),
    ];
    for (number, verb) in verbs.iter().enumerate() {
        exchange.application.twiml("/out", verb);
        let id = ask(&platform, &exchange, &new_call(&exchange, &format!("CA{number}"), "8551"))?;
        wait_until(verb, Duration::from_secs(20), || Ok(exchange.application.asked("/out").len() > number))
            .with_context(|| exchange.controller.log())?;
        e2e::pause(Duration::from_secs(1));
        let path = format!("/calls/{id}");
        assert_eq!(exchange.controller.http("PATCH", &path, &update)?.0, 204);
        wait_until(verb, Duration::from_secs(20), || Ok(exchange.application.asked("/new").len() > number))
            .with_context(|| exchange.controller.log())?;
        assert_eq!(exchange.controller.http("DELETE", &path, "")?.0, 204);
        exchange.wait_nothing_left()?;
        assert_eq!(exchange.controller.http("PATCH", &path, &update)?.0, 204, "one that is over needs none");
    }
    let over = |state: &State| {
        let own = state.calls.values().filter(|call| call.parent.is_none());
        own.filter(|call| call.events.last().is_some_and(|last| last == "completed")).count() == verbs.len()
    };
    wait_for(&platform, &exchange, "all are over", over)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn l1_l11_rj1_a_call_that_comes_in_has_its_name_on_its_channel_and_in_its_answer_and_nothing_else()
-> Result<()> {
    let (platform, exchange) = start("").await?;
    exchange.application.twiml("/voice", "<Pause length=\"1\"/><Say>x</Say><Pause length=\"4\"/>");
    let calling = exchange.calling([Step::Wait(Duration::from_secs(3)), Step::HangUp]);
    let sid = exchange.application.only("/voice")?.parameter("CallSid").to_owned();
    let told = platform.told("POST /inbound_phone_calls").remove(0).body;
    let id = told.get("external_id").and_then(Value::as_str).context("an id")?.to_owned();
    let mut console = exchange.switch.console()?;
    for (name, expected) in [("record_cdr", "true"), ("sip_rh_X-Somleng-CallSid", sid.as_str())] {
        assert_eq!(console.api(&format!("uuid_getvar {id} {name}"))?.trim(), expected, "{name}");
    }
    assert!(console.api(&format!("uuid_getvar {id} cgr_reqtype"))?.contains("_undef_"), "nobody pays");
    let report = calling.await??;
    assert_eq!(
        (report.status, report.answer_fields("X-Somleng-")),
        (Some(200), vec![("X-Somleng-CallSid", sid.as_str())]),
        "{}",
        report.answer
    );
    for (reject, status) in [("<Reject/>", 603), ("<Reject reason=\"busy\"/>", 486)] {
        exchange.application.twiml("/voice", reject);
        let report = exchange.call([]).await?;
        let asked = exchange.application.asked("/voice").pop().context("a document was asked for")?;
        assert_eq!(
            (report.status, report.answer_fields("X-Somleng-")),
            (Some(status), vec![("X-Somleng-CallSid", asked.parameter("CallSid"))]),
            "{}",
            report.answer
        );
    }
    wait_for(&platform, &exchange, "all are over", |state| {
        state.calls.len() == 3
            && state.calls.values().all(|call| call.events.last().is_some_and(|last| last == "completed"))
    })?;
    Ok(())
}
