//! Calls that come in, through the real controller: with the stand-in, or a real FreeSWITCH where there is one.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use e2e::exchange::{Asked, Exchange, Page, TOKEN, silent, wav};
use hmac::{Hmac, KeyInit, Mac};
use lab::media::Energy;
use lab::phone::{CallPlan, Step};
use lab::signalling::Side;

fn wait(seconds: u64) -> Step {
    Step::Wait(Duration::from_secs(seconds))
}

fn press(digits: &str) -> Step {
    Step::Press(digits.to_owned())
}

/// twilio.com/docs/usage/security, for a POST.
fn is_signed(asked: &Asked, url: &str) -> bool {
    let mut sorted = asked.parameters.clone();
    sorted.sort();
    let Ok(mut mac) = Hmac::<sha1::Sha1>::new_from_slice(TOKEN.as_bytes()) else { return false };
    mac.update(url.as_bytes());
    sorted.iter().for_each(|(name, value)| mac.update(format!("{name}{value}").as_bytes()));
    asked.header("x-twilio-signature") == STANDARD.encode(mac.finalize().into_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_menu_takes_a_key_in_the_middle_of_its_sound_and_every_request_is_signed() -> Result<()> {
    let exchange = Exchange::start().await?;
    let application = &exchange.application;
    application.put("/long.wav", Page::sound("audio/wav", wav(440, 20)));
    let sound = application.url("/long.wav");
    application.twiml(
        "/voice",
        &format!("<Gather numDigits=\"2\" action=\"/chosen?a=1\"><Play>{sound}</Play></Gather><Hangup/>"),
    );
    application.twiml("/chosen", "<Pause length=\"2\"/><Hangup/>");
    let report = exchange.call([wait(3), press("4#"), press("2")]).await?;
    let log = exchange.controller.log();
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}\n{log}");
    assert!(report.duration < Duration::from_secs(15), "the sound was not broken off: {report}");
    assert!(report.audio.rms_per_second.iter().any(|rms| *rms > 3_000.0), "{report}");
    let first = application.only("/voice")?;
    assert_eq!((first.method.as_str(), first.parameter("CallStatus")), ("POST", "ringing"), "{first:?}");
    for (name, expected) in [
        ("From", "+85512345678"),
        ("To", "1294"),
        ("Caller", "+85512345678"),
        ("Called", "1294"),
        ("Direction", "inbound"),
        ("AccountSid", "AC00000000000000000000000000000001"),
        ("ApiVersion", "2010-04-01"),
    ] {
        assert_eq!(first.parameter(name), expected, "{name}: {first:?}");
    }
    assert!(is_signed(&first, &application.url("/voice")), "{first:?}");
    let chosen = application.only("/chosen")?;
    // The key that ends it (#) is none of those that were typed.
    assert_eq!(chosen.parameter("Digits"), "4", "{chosen:?}");
    assert_eq!(chosen.parameter("CallStatus"), "in-progress", "{chosen:?}");
    assert_eq!(chosen.parameter("CallSid"), first.parameter("CallSid"));
    assert!(is_signed(&chosen, &application.url("/chosen?a=1")), "{chosen:?}");
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_of_the_customers_is_heard_as_wav_and_as_mp3() -> Result<()> {
    let exchange = Exchange::start().await?;
    let application = &exchange.application;
    application.put("/tone.wav", Page::sound("audio/wav", wav(440, 2)));
    // As `lame -b 16` makes it of two seconds of 440 Hz.
    application.put("/tone", Page::sound("audio/mpeg", include_bytes!("../sounds/tone.mp3").to_vec()));
    for path in ["/tone.wav", "/tone"] {
        let sound = application.url(path);
        application.twiml("/voice", &format!("<Play loop=\"2\">{sound}</Play>"));
        let report = exchange.call([]).await?;
        assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{path}: {report}");
        let loud = report.audio.rms_per_second.iter().filter(|rms| **rms > 3_000.0).count();
        assert!((3..=5).contains(&loud), "{path}: {report}\n{}", exchange.controller.log());
    }
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_is_heard() -> Result<()> {
    if Command::new("espeak-ng").arg("--version").output().is_err() {
        eprintln!("LEFT OUT: there is no espeak-ng, which says it");
        return Ok(());
    }
    let exchange = Exchange::start().await?;
    exchange.application.twiml("/voice", "<Say language=\"en-US\">The river rises. Go to high ground.</Say>");
    for _ in 0..2 {
        let report = exchange.call([]).await?;
        let log = exchange.controller.log();
        assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}\n{log}");
        assert!(report.audio.rms_per_second.iter().any(|rms| *rms > 500.0), "{report}\n{log}");
        let seconds = report.duration.as_secs_f64();
        assert!((2.0..12.0).contains(&seconds), "{report}\n{log}");
    }
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn r14_a_recording_has_the_callers_voice_in_it_and_is_served() -> Result<()> {
    let exchange = Exchange::start().await?;
    let application = &exchange.application;
    application.twiml("/voice", "<Record action=\"/recorded\" maxLength=\"20\" playBeep=\"false\"/>");
    application.twiml("/recorded", "<Hangup/>");
    let report = exchange.call([wait(4), press("#")]).await?;
    assert_eq!(report.status, Some(200), "{report}");
    let recorded = application.only("/recorded").with_context(|| exchange.controller.log())?;
    assert_eq!(recorded.parameter("Digits"), "#", "{recorded:?}");
    let seconds: usize = recorded.parameter("RecordingDuration").parse().context("RecordingDuration")?;
    assert!((3..=5).contains(&seconds), "{recorded:?}");
    let url = recorded.parameter("RecordingUrl");
    let name = url.rsplit('/').next().context("a name")?.trim_end_matches(".wav");
    let (status, file) = exchange.controller.http("GET", &format!("/recordings/{name}.wav"), "")?;
    assert_eq!(status, 200, "{url}");
    let mut energy = Energy::default();
    // How a WAV file of 16-bit PCM begins: its channels stand at 22.
    assert_eq!(file.get(22..24), Some([1, 0].as_slice()), "one channel");
    let samples = lab::media::wav::read(&file).unwrap_or_default();
    samples.iter().for_each(|sample| energy.add(*sample));
    assert!(samples.len() > 2 * 8_000 && energy.rms() > 3_000.0, "{} {}", samples.len(), energy.rms());
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_takes_ten_seconds_does_not_cut_the_call() -> Result<()> {
    let exchange = Exchange::start().await?;
    let slow = Page::twiml("<Response><Gather timeout=\"1\"/></Response>").after(Duration::from_secs(10));
    exchange.application.put("/voice", slow);
    let report = exchange.call([]).await?;
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}");
    assert!(report.set_up >= Some(Duration::from_secs(10)), "{report}");
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_rejected_redirected_and_hung_up() -> Result<()> {
    let exchange = Exchange::start().await?;
    let application = &exchange.application;
    for (verbs, status) in
        [("<Reject/>", 603), ("<Reject reason=\"busy\"/>", 486), ("<Reject reason=\"rejected\"/>", 603)]
    {
        application.twiml("/voice", verbs);
        let report = exchange.call([]).await?;
        assert_eq!(report.status, Some(status), "{verbs}: {report}\n{}", exchange.controller.log());
    }
    application.twiml("/voice", "<Redirect method=\"GET\">/second?x=1</Redirect><Reject/>");
    application.twiml("/second", "<Pause/><Hangup/><Redirect>/never</Redirect>");
    let report = exchange.call([]).await?;
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}");
    let second = application.only("/second")?;
    assert!(second.method == "GET" && second.parameter("x") == "1", "{second:?}");
    // A Redirect answers the call.
    assert_eq!(second.parameter("CallStatus"), "in-progress", "{second:?}");
    assert!(application.asked("/never").is_empty());
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_while_the_document_is_asked_for_leaves_nothing_behind() -> Result<()> {
    let exchange = Exchange::start().await?;
    let slow = Page::twiml("<Response><Pause length=\"30\"/></Response>").after(Duration::from_secs(4));
    exchange.application.put("/voice", slow);
    let plan = CallPlan { cancel_after: Some(Duration::from_secs(1)), ..silent(&exchange, []) };
    let report = exchange.placing(plan).await??;
    ensure!(report.status == Some(487), "{report}");
    exchange.wait_nothing_left()
}
