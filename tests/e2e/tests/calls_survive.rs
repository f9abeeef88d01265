//! The controller is killed and started again in the middle of calls: with the stand-in, or a real FreeSWITCH where there is
//! one.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::exchange::{Exchange, Page, wav};
use e2e::wait_until;
use lab::phone::Step;
use lab::signalling::Side;

/// Long enough for FreeSWITCH to have everything that it was told.
const SETTLED: Duration = Duration::from_millis(1500);

fn killed_and_started_again(exchange: &mut Exchange) -> Result<()> {
    e2e::pause(SETTLED);
    exchange.controller.kill()?;
    exchange.restart_controller()
}

fn metric(exchange: &Exchange, name: &str) -> Result<String> {
    let page = exchange.controller.http("GET", "/metrics", "")?.1;
    let page = String::from_utf8_lossy(&page).into_owned();
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(value.unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_played_is_played_again_and_what_comes_next_comes() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    exchange.application.put("/tone.wav", Page::sound("audio/wav", wav(440, 4)));
    let sound = exchange.application.url("/tone.wav");
    let verbs = format!("<Play>{sound}</Play><Redirect>/after</Redirect>");
    exchange.application.twiml("/voice", &verbs);
    exchange.application.twiml("/after", "<Hangup/>");
    let calling = exchange.calling([]);
    exchange.application.only("/tone.wav")?;
    killed_and_started_again(&mut exchange)?;
    let report = calling.await??;
    let log = exchange.controller.log();
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}\n{log}");
    let loud = report.audio.rms_per_second.iter().filter(|rms| **rms > 1_000.0).count();
    assert!(loud >= 5, "the sound is not heard again: {report}\n{log}");
    exchange.application.only("/after")?;
    assert_eq!(exchange.application.asked("/voice").len(), 1, "{log}");
    assert_eq!(metric(&exchange, "switchyard_controller_calls_taken_over_total")?, "1");
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_gathered_by_the_next_process() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    exchange.application.twiml("/voice", "<Gather numDigits=\"2\" timeout=\"20\" action=\"/digits\"/>");
    exchange.application.twiml("/digits", "<Hangup/>");
    let calling = exchange.calling([Step::Wait(Duration::from_secs(8)), Step::Press("42".to_owned())]);
    exchange.application.only("/voice")?;
    exchange.wait_logged("<Gather>")?;
    killed_and_started_again(&mut exchange)?;
    let report = calling.await??;
    let log = exchange.controller.log();
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}\n{log}");
    assert_eq!(exchange.application.only("/digits")?.parameter("Digits"), "42", "{log}");
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_begun_again() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    let record = "<Record playBeep=\"false\" maxLength=\"30\" finishOnKey=\"#\" action=\"/recorded\"/>";
    exchange.application.twiml("/voice", record);
    exchange.application.twiml("/recorded", "<Hangup/>");
    let calling = exchange.calling([Step::Wait(Duration::from_secs(9)), Step::Press("#".to_owned())]);
    exchange.application.only("/voice")?;
    exchange.wait_logged("<Record>")?;
    killed_and_started_again(&mut exchange)?;
    let report = calling.await??;
    let log = exchange.controller.log();
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}\n{log}");
    let recorded = exchange.application.only("/recorded")?;
    assert_eq!(recorded.parameter("Digits"), "#", "{recorded:?}\n{log}");
    let seconds: u32 = recorded.parameter("RecordingDuration").parse()?;
    assert!((2..9).contains(&seconds), "{recorded:?}\n{log}");
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_talk_notice_nothing_and_the_call_goes_on_behind_the_dial() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    let dial = "<Dial action=\"/done\"><Number>85510001</Number></Dial>";
    exchange.application.twiml("/voice", dial);
    exchange.application.twiml("/done", "<Pause length=\"1\"/><Hangup/>");
    let calling = exchange.calling([]);
    exchange.wait_called("8551", 1)?;
    killed_and_started_again(&mut exchange)?;
    let before = exchange.application.asked("/done").len();
    assert_eq!(before, 0, "{}", exchange.controller.log());
    // The other end hangs up: the carrier's leg, as FreeSWITCH knows it.
    e2e::pause(Duration::from_secs(2));
    let legs = exchange.switch.console()?.api("show channels as json")?;
    let rows: serde_json::Value = serde_json::from_str(&legs)?;
    let rows = rows.get("rows").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    assert_eq!(rows.len(), 2, "{legs}\n{}", exchange.controller.log());
    let outbound = rows.iter().find(|row| row.get("direction").is_some_and(|way| way == "outbound"));
    let leg = outbound.and_then(|row| row.get("uuid")?.as_str()).unwrap_or_default().to_owned();
    exchange.switch.console()?.api(&format!("uuid_kill {leg}"))?;
    let report = calling.await??;
    let log = exchange.controller.log();
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}\n{log}");
    assert_eq!(exchange.application.only("/done")?.parameter("DialCallStatus"), "completed", "{log}");
    let heard = report.audio.rms_per_second.iter().filter(|rms| **rms > 1_000.0).count();
    assert!(heard >= 4, "the sound broke off: {report}\n{log}");
    assert_eq!(exchange.carrier("8551").taken, 1, "{log}");
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_talk_are_parted_and_ended_as_the_api_wants() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    exchange.application.twiml("/voice", "<Dial><Number>85510001</Number></Dial>");
    exchange.application.twiml("/other", "<Pause length=\"60\"/>");
    let calling = exchange.calling([]);
    exchange.wait_called("8551", 1)?;
    killed_and_started_again(&mut exchange)?;
    e2e::pause(Duration::from_secs(1));
    let calls: serde_json::Value = serde_json::from_slice(&exchange.controller.http("GET", "/calls", "")?.1)?;
    let id = calls.get(0).and_then(|call| call.get("id")?.as_str()).unwrap_or_default().to_owned();
    let body = serde_json::json!({ "voice_url": exchange.application.url("/other") }).to_string();
    assert_eq!(exchange.controller.http("PATCH", &format!("/calls/{id}"), &body)?.0, 204);
    exchange.application.only("/other").with_context(|| exchange.controller.log())?;
    wait_until("the other end is free", Duration::from_secs(10), || {
        Ok(exchange.carrier("8551").calls.iter().all(|call| call.hung_up_by == Some(Side::Caller)))
    })?;
    // And once more, in the middle of the new document.
    killed_and_started_again(&mut exchange)?;
    assert_eq!(exchange.controller.http("DELETE", &format!("/calls/{id}"), "")?.0, 204);
    let report = calling.await??;
    let log = exchange.controller.log();
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}\n{log}");
    assert_eq!(exchange.application.asked("/other").len(), 1, "{log}");
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dial_that_rings_rings_again_once() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    exchange
        .application
        .twiml("/voice", "<Dial timeout=\"6\" action=\"/done\"><Number>85530001</Number></Dial>");
    exchange.application.twiml("/done", "<Hangup/>");
    let calling = exchange.calling([]);
    exchange.wait_called("8553", 1)?;
    killed_and_started_again(&mut exchange)?;
    let report = calling.await??;
    let log = exchange.controller.log();
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}\n{log}");
    assert_eq!(exchange.application.only("/done")?.parameter("DialCallStatus"), "no-answer", "{log}");
    assert_eq!(exchange.carrier("8553").taken, 2, "{log}");
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_meanwhile_leaves_nothing_behind() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    exchange.application.twiml("/voice", "<Gather timeout=\"60\"/>");
    let calling = exchange.calling([Step::Wait(Duration::from_secs(3)), Step::HangUp]);
    exchange.application.only("/voice")?;
    exchange.wait_logged("<Gather>")?;
    e2e::pause(SETTLED);
    exchange.controller.kill()?;
    let report = calling.await??;
    assert!(report.completed(), "{report}");
    exchange.restart_controller()?;
    exchange.wait_logged("ended while nobody looked after it")?;
    exchange.wait_nothing_left()?;
    wait_until("nothing is kept", Duration::from_secs(5), || Ok(exchange.kept()? == 0))
}
