//! Keys, Refer, and what `<Dial>` and its nouns can beside calling: through the real controller, with the stand-in, or a real
//! FreeSWITCH where there is one.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::exchange::{Asked, Exchange, Page, wav};
use lab::media::{Source, sound::share_of};
use lab::phone::{CallPlan, CallReport, Step};
use lab::signalling::Side;

fn wait(seconds: u64) -> Step {
    Step::Wait(Duration::from_secs(seconds))
}

/// A call to 1294 by somebody who plays a tone of 700 Hz.
fn caller(exchange: &Exchange, script: impl IntoIterator<Item = Step>) -> CallPlan {
    CallPlan { source: Source::Tone(700), ..CallPlan::new(exchange.switch.address(), "1294").script(script) }
}

/// A call whose document dials; the request for the action.
async fn dialled(exchange: &Exchange, dial: &str, script: Vec<Step>) -> Result<(CallReport, Asked)> {
    exchange.application.twiml("/voice", dial);
    exchange.application.twiml("/done", "<Hangup/>");
    let report = exchange.placing(caller(exchange, script)).await??;
    let done = exchange.application.only("/done").with_context(|| exchange.controller.log())?;
    Ok((report, done))
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_played_are_heard_by_the_other_side() -> Result<()> {
    let exchange = Exchange::start().await?;
    exchange.application.twiml("/voice", "<Play digits=\"1w2W#*0\"/><Pause length=\"1\"/>");
    let report = exchange.call([]).await?;
    assert_eq!(report.audio.digits, "12#*0", "{report}\n{}", exchange.controller.log());
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_star_of_the_callers_ends_the_connection_and_the_call_goes_on() -> Result<()> {
    let exchange = Exchange::start().await?;
    let dial = "<Dial action=\"/done\" hangupOnStar=\"true\"><Number>85510001</Number></Dial>";
    let script = vec![wait(3), Step::Press("1".to_owned()), wait(1), Step::Press("*".to_owned())];
    let (report, done) = dialled(&exchange, dial, script).await?;
    assert_eq!(report.hung_up_by, Some(Side::Callee), "{report}");
    assert_eq!(done.parameter("DialCallStatus"), "completed", "{done:?}");
    assert_eq!(done.parameter("CallStatus"), "in-progress", "{done:?}");
    let callee = exchange.carrier("8551").calls.remove(0);
    assert_eq!(callee.hung_up_by, Some(Side::Caller), "{callee:?}");
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_with_its_time_limit() -> Result<()> {
    let exchange = Exchange::start().await?;
    let dial = "<Dial action=\"/done\" timeLimit=\"3\"><Number>85510001</Number></Dial>";
    let (report, done) = dialled(&exchange, dial, Vec::new()).await?;
    assert_eq!(report.hung_up_by, Some(Side::Callee), "{report}");
    assert_eq!(done.parameter("DialCallDuration"), "3", "{done:?}\n{}", exchange.controller.log());
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn legs_are_called_one_after_another() -> Result<()> {
    let exchange = Exchange::start().await?;
    let dial = "<Dial action=\"/done\" sequential=\"true\" timeout=\"3\"><Number>85520001</Number>\
        <Number>85530001</Number><Number>85550001</Number></Dial>";
    let (_, done) = dialled(&exchange, dial, Vec::new()).await?;
    assert_eq!(done.parameter("DialCallStatus"), "completed", "{done:?}\n{}", exchange.controller.log());
    for (prefix, status) in [("8552", 486), ("8553", 487), ("8555", 200)] {
        assert_eq!(exchange.carrier(prefix).calls.remove(0).status, Some(status), "{prefix}");
    }
    exchange.wait_nothing_left()
}

/// The channels of a WAV file of two.
fn channels(file: &[u8]) -> [Vec<i16>; 2] {
    let data = file.windows(4).position(|four| four == b"data").unwrap_or_default() + 8;
    let frames = file.get(data..).unwrap_or_default().chunks_exact(4);
    let side = |at: usize| {
        let sample = move |frame: &[u8]| frame.get(at..)?.first_chunk::<2>().copied().map(i16::from_le_bytes);
        frames.clone().filter_map(sample).collect()
    };
    [side(0), side(2)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_of_a_dial_has_the_caller_on_the_left_and_the_callee_on_the_right() -> Result<()> {
    let exchange = Exchange::start().await?;
    let dial = "<Dial action=\"/done\" record=\"record-from-answer-dual\" timeLimit=\"4\"><Number>85510001</Number></Dial>";
    let (_, done) = dialled(&exchange, dial, Vec::new()).await?;
    let seconds = done.parameter("RecordingDuration");
    assert!(["3", "4"].contains(&seconds), "{done:?}\n{}", exchange.controller.log());
    let name = done.parameter("RecordingUrl").rsplit('/').next().context("a name")?;
    let (status, file) = exchange.controller.http("GET", &format!("/recordings/{name}"), "")?;
    assert_eq!(status, 200, "{done:?}");
    let [left, right] = channels(&file);
    // Not the silence at its beginning.
    let (left, right) = (&left[left.len() / 2..], &right[right.len() / 2..]);
    let shares =
        [(left, 700), (left, 440), (right, 440), (right, 700)].map(|(side, tone)| share_of(side, tone));
    // Packets that come late leave gaps in a tone, and nothing of the other.
    assert!(shares[0] > 0.4 && shares[1] < 0.1 && shares[2] > 0.4 && shares[3] < 0.1, "{shares:?}");
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callee_hears_a_document_of_its_own_before_the_caller_does_hear_the_callee() -> Result<()> {
    let exchange = Exchange::start().await?;
    let application = &exchange.application;
    application.put("/whisper.wav", Page::sound("audio/wav", wav(1000, 3)));
    application.twiml("/whisper", "<Play>/whisper.wav</Play><Gather timeout=\"1\"/>");
    let dial = "<Dial action=\"/done\" timeLimit=\"3\"><Number url=\"/whisper\">85510001</Number></Dial>";
    application.twiml("/voice", dial);
    application.twiml("/done", "<Hangup/>");
    let silent = CallPlan { source: Source::Silence, ..caller(&exchange, []) };
    let report = exchange.placing(silent).await??;
    let log = exchange.controller.log();
    let (whisper, done) = (application.only("/whisper")?, application.only("/done")?);
    assert_eq!(whisper.parameter("CallSid"), done.parameter("DialCallSid"), "{whisper:?}");
    assert_eq!(whisper.parameter("ParentCallSid"), done.parameter("CallSid"), "{whisper:?}");
    assert_eq!(whisper.parameter("Direction"), "outbound-dial", "{whisper:?}");
    assert_eq!(whisper.parameter("CallStatus"), "in-progress", "{whisper:?}");
    assert_eq!(done.parameter("DialCallStatus"), "completed", "{done:?}\n{log}");
    assert_eq!(done.parameter("DialCallDuration"), "3", "{done:?}\n{log}");
    let callee = exchange.carrier("8551").calls.remove(0);
    let loud = callee.audio.rms_per_second.iter().filter(|rms| **rms > 3_000.0).count();
    assert!((2..=4).contains(&loud), "the callee does not hear the document: {:?}\n{log}", callee.audio);
    assert!(report.duration > Duration::from_secs(6), "{report}");
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callee_whose_document_hangs_up_is_never_connected_and_gets_its_keys_first() -> Result<()> {
    let exchange = Exchange::start().await?;
    exchange.application.twiml("/no", "<Pause length=\"1\"/><Hangup/>");
    let dial = "<Dial action=\"/done\"><Number sendDigits=\"w12#\" url=\"/no\">85510001</Number></Dial>";
    let (_, done) = dialled(&exchange, dial, Vec::new()).await?;
    assert_eq!(done.parameter("DialCallStatus"), "completed", "{done:?}");
    assert_eq!(done.parameter("DialCallDuration"), "", "{done:?}");
    let callee = exchange.carrier("8551").calls.remove(0);
    assert_eq!(callee.audio.digits, "12#", "{callee:?}\n{}", exchange.controller.log());
    assert!(callee.audio.rms < 300.0, "the callee hears the caller: {:?}", callee.audio);
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_customer_is_told_how_a_leg_gets_on() -> Result<()> {
    let exchange = Exchange::start().await?;
    let all = "statusCallback=\"/told\" statusCallbackEvent=\"initiated ringing answered completed\"";
    let dial = format!("<Dial action=\"/done\"><Number {all}>85550001</Number></Dial>");
    exchange.application.twiml("/told", "");
    let (_, done) = dialled(&exchange, &dial, Vec::new()).await?;
    let told = || exchange.application.asked("/told");
    e2e::wait_until("four", Duration::from_secs(10), || Ok(told().len() == 4))
        .with_context(|| exchange.controller.log())?;
    let told = told();
    let statuses: Vec<_> = told.iter().map(|asked| asked.parameter("CallStatus")).collect();
    assert_eq!(statuses, ["initiated", "ringing", "in-progress", "completed"]);
    for (number, asked) in told.iter().enumerate() {
        assert_eq!(asked.parameter("SequenceNumber"), number.to_string());
        assert_eq!(asked.parameter("CallSid"), done.parameter("DialCallSid"), "{asked:?}");
        assert_eq!(asked.parameter("ParentCallSid"), done.parameter("CallSid"), "{asked:?}");
        assert_eq!(asked.parameter("To"), "85550001", "{asked:?}");
        assert!(!asked.header("x-twilio-signature").is_empty(), "{asked:?}");
    }
    assert!(["0", "1", "2"].contains(&told[3].parameter("CallDuration")), "{:?}", told[3]);
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_last_is_told_though_the_controller_ends() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    let all = "statusCallback=\"/told\" statusCallbackEvent=\"initiated ringing answered completed\"";
    let dial = format!("<Dial action=\"/done\"><Number {all}>85550001</Number></Dial>");
    let mut page = Page::twiml("");
    page.delay = Duration::from_millis(1500);
    exchange.application.put("/told", page);
    dialled(&exchange, &dial, Vec::new()).await?;
    exchange.wait_nothing_left()?;
    exchange.controller.terminate()?;
    e2e::wait_until("its end", Duration::from_secs(20), || Ok(exchange.controller.exit()?.is_some()))?;
    assert_eq!(exchange.application.asked("/told").len(), 4, "{}", exchange.controller.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_on_bridge_lets_the_caller_ring_until_the_callee_answers() -> Result<()> {
    let exchange = Exchange::start().await?;
    let dial =
        "<Dial action=\"/done\" answerOnBridge=\"true\" timeLimit=\"3\"><Number>85560001</Number></Dial>";
    let (report, done) = dialled(&exchange, dial, Vec::new()).await?;
    let log = exchange.controller.log();
    assert!(report.responses.iter().any(|response| response.code == 180), "{report}\n{log}");
    assert!(report.set_up > Some(Duration::from_secs(3)), "answered too early: {report}");
    assert_eq!(done.parameter("DialCallStatus"), "completed", "{done:?}\n{log}");
    assert!(report.audio.rms > 1_000.0, "the callee is not heard: {report}\n{log}");
    exchange.application.twiml("/busy", "<Reject reason=\"busy\"/>");
    let dial = "<Dial action=\"/busy\" answerOnBridge=\"true\"><Number>85520001</Number></Dial>";
    exchange.application.twiml("/voice", dial);
    let report = exchange.call([]).await?;
    assert_eq!(report.status, Some(486), "{report}\n{}", exchange.controller.log());
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_referred_and_the_customer_is_told() -> Result<()> {
    let refer = "<Refer action=\"/done\"><Sip>sip:alice@192.0.2.9;transport=udp</Sip></Refer>";
    for (referred, status, answer, notified) in [
        (Some(200), "in-progress", "202", "200"),
        (Some(486), "busy", "202", "486"),
        (None, "failed", "405", ""),
    ] {
        let exchange = Exchange::start().await?;
        exchange.application.twiml("/voice", refer);
        exchange.application.twiml("/done", "<Hangup/>");
        let plan = CallPlan { referred, ..caller(&exchange, []) };
        let report = exchange.placing(plan).await??;
        let log = exchange.controller.log();
        let done = exchange.application.only("/done")?;
        assert_eq!(done.parameter("ReferCallStatus"), status, "{done:?}\n{report}\n{log}");
        assert_eq!(done.parameter("ReferSipResponseCode"), answer, "{done:?}\n{log}");
        assert_eq!(done.parameter("NotifySipResponseCode"), notified, "{done:?}\n{log}");
        let target = report.refer_to.unwrap_or_default();
        assert!(referred.is_none() || target.contains("sip:alice@192.0.2.9"), "{target}");
        assert_eq!(done.parameter("CallStatus"), "in-progress", "{done:?}");
        exchange.wait_nothing_left()?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_as_soon_as_it_is_referred_is_told_too() -> Result<()> {
    let exchange = Exchange::start().await?;
    exchange.application.twiml("/voice", "<Refer action=\"/done\"><Sip>sip:alice@192.0.2.9</Sip></Refer>");
    exchange.application.twiml("/done", "<Hangup/>");
    let plan = CallPlan {
        referred: Some(200),
        ..caller(&exchange, [Step::Wait(Duration::from_millis(150)), Step::HangUp])
    };
    exchange.placing(plan).await??;
    let done = exchange.application.only("/done")?;
    assert_eq!(done.parameter("ReferCallStatus"), "in-progress", "{done:?}\n{}", exchange.controller.log());
    assert_eq!(done.parameter("ReferSipResponseCode"), "202", "{done:?}");
    exchange.wait_nothing_left()
}
