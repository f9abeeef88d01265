//! The controller's own beginnings and ends: with the stand-in, or a real FreeSWITCH where there is one.

use std::time::Duration;

use anyhow::Result;
use e2e::exchange::{Exchange, Page, wav};
use e2e::wait_until;
use lab::phone::Step;
use lab::signalling::Side;
use lab::switch::AnySwitch;

#[tokio::test(flavor = "multi_thread")]
async fn without_a_controller_calls_are_refused_in_time_and_with_one_again_they_are_taken() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    exchange.controller.kill()?;
    let report = exchange.call([]).await?;
    assert_eq!(report.status, Some(503), "{report}");
    assert!(report.set_up < Some(Duration::from_secs(6)), "{report}");
    exchange.restart_controller()?;
    exchange.application.twiml("/voice", "<Gather timeout=\"1\"/>");
    assert_eq!(exchange.call([]).await?.status, Some(200), "{}", exchange.controller.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_is_told_to_stop_lets_nobody_in_and_its_calls_go_on() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    exchange.application.twiml("/voice", "<Pause length=\"8\"/><Redirect>/late</Redirect>");
    exchange.application.twiml("/late", "<Hangup/>");
    let staying = exchange.calling([]);
    exchange.application.only("/voice")?;
    // Its answer, which the switch is told before.
    exchange.wait_logged("<Pause>")?;
    exchange.controller.terminate()?;
    exchange.wait_logged("draining")?;
    assert_eq!(exchange.controller.http("GET", "/readyz", "")?.0, 503);
    assert_eq!(exchange.call([]).await?.status, Some(503));
    assert!(exchange.controller.exit()?.is_none());
    let report = staying.await??;
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}");
    exchange.application.only("/late")?;
    let mut exit = None;
    wait_until("it leaves", Duration::from_secs(15), || {
        exit = exchange.controller.exit()?;
        Ok(exit.is_some())
    })?;
    assert!(exit.is_some_and(|status| status.success()), "{exit:?}\n{}", exchange.controller.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_outlive_the_link() -> Result<()> {
    let exchange = Exchange::start().await?;
    exchange.application.put("/tone.wav", Page::sound("audio/wav", wav(440, 4)));
    let sound = exchange.application.url("/tone.wav");
    let verbs = format!("<Play>{sound}</Play><Play>{sound}</Play><Redirect>/after</Redirect>");
    exchange.application.twiml("/voice", &verbs);
    exchange.application.twiml("/after", "<Hangup/>");
    let calling = exchange.calling([]);
    exchange.application.only("/tone.wav")?;
    e2e::pause(Duration::from_secs(2));
    match &exchange.switch {
        AnySwitch::StandIn(switch) => switch.close_connections(),
        // Every connection but that of who asks is ended with the module's listener.
        AnySwitch::Real(switch) => drop(switch.console()?.api("reload mod_event_socket")),
    }
    wait_until("the link is made anew", Duration::from_secs(20), || {
        Ok(exchange.controller.log().matches("FreeSWITCH is connected").count() == 2)
    })?;
    let report = calling.await??;
    let log = exchange.controller.log();
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}\n{log}");
    exchange.application.only("/after")?;
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeswitch_that_crashed_ends_its_calls_and_takes_new_ones() -> Result<()> {
    let exchange = Exchange::start().await?;
    let Some(switch) = stand_in(&exchange) else { return Ok(()) };
    exchange.application.twiml("/voice", "<Dial action=\"/dialled\">85510001</Dial>");
    exchange.application.twiml("/dialled", "<Hangup/>");
    let staying = exchange.calling([]);
    exchange.wait_called("8551", 1)?;
    e2e::pause(Duration::from_secs(2));
    let before = switch.core_uuid();
    switch.restart();
    assert_ne!(switch.core_uuid(), before);
    exchange.wait_logged("FreeSWITCH is connected restarted=true")?;
    exchange.wait_nothing_left()?;
    assert_eq!(exchange.carrier("8551").calls.remove(0).status, Some(200));
    // What was connected is told as it ended.
    let dialled = exchange.application.only("/dialled")?;
    assert_eq!(dialled.parameter("CallStatus"), "completed", "{dialled:?}");
    assert_eq!(exchange.kept()?, 0, "{}", exchange.controller.log());
    staying.abort();
    exchange.application.twiml("/voice", "<Gather timeout=\"1\"/>");
    assert_eq!(exchange.call([]).await?.status, Some(200), "{}", exchange.controller.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_calls_while_the_link_is_made_anew_is_taken_with_no_other_freeswitch() -> Result<()> {
    let exchange = Exchange::start().await?;
    let Some(switch) = stand_in(&exchange) else { return Ok(()) };
    exchange.application.twiml("/voice", "<Gather timeout=\"1\"/>");
    // The link comes back before FreeSWITCH lists the call.
    switch.close_connections();
    let log = || exchange.controller.log();
    assert_eq!(exchange.call([]).await?.status, Some(200), "{}", log());
    switch.restart();
    assert_eq!(exchange.call([]).await?.status, Some(200), "{}", log());
    assert_eq!(log().matches("FreeSWITCH is connected").count(), 3, "{}", log());
    exchange.wait_nothing_left()
}

/// The switch, if it is the stand-in; `None`, with a message, if it is a real one.
fn stand_in(exchange: &Exchange) -> Option<&lab::switch::Switch> {
    let AnySwitch::StandIn(switch) = &exchange.switch else {
        eprintln!("LEFT OUT: a real FreeSWITCH is neither cut off for so long nor started again here");
        return None;
    };
    Some(switch)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_while_the_link_is_away_is_not_left_in_silence() -> Result<()> {
    let exchange = Exchange::start().await?;
    let Some(switch) = stand_in(&exchange) else { return Ok(()) };
    // Answers after three seconds.
    exchange.application.twiml("/voice", "<Dial timeout=\"60\" action=\"/dialled\">85560001</Dial>");
    exchange.application.twiml("/dialled", "<Hangup/>");
    exchange.application.twiml("/out", "<Hangup/>");
    let calling = exchange.calling([Step::Wait(Duration::from_secs(14)), Step::HangUp]);
    exchange.wait_called("8556", 1)?;
    let (url, to) = (exchange.application.url("/out"), "85560002");
    let body = serde_json::json!({ "from": "1294", "to": to, "voice_url": url }).to_string();
    assert_eq!(exchange.controller.http("POST", "/calls", &body)?.0, 200);
    exchange.wait_called("8556", 2)?;
    switch.deny_connections(true);
    switch.close_connections();
    e2e::pause(Duration::from_secs(4));
    assert!(exchange.application.asked("/out").is_empty());
    switch.deny_connections(false);
    wait_until("the one who was called is asked for", Duration::from_secs(10), || {
        Ok(!exchange.application.asked("/out").is_empty())
    })?;
    let report = calling.await??;
    let log = exchange.controller.log();
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Caller)), "{report}\n{log}");
    let dialled = exchange.application.only("/dialled")?;
    assert_eq!(dialled.parameter("DialCallStatus"), "completed", "{dialled:?}\n{log}");
    assert!(
        report.audio.rms_per_second.iter().any(|rms| *rms > 3_000.0),
        "nobody was heard: {report}\n{log}"
    );
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_kept_out_of_the_log() -> Result<()> {
    let exchange = Exchange::start_with("[log]\nlevel = \"debug\"\nredact_numbers = true\n").await?;
    exchange
        .application
        .twiml("/voice", "<Dial callerId=\"85598765432\" action=\"/no-such-page\">85520001</Dial>");
    exchange.call([]).await?;
    exchange.application.twiml("/voice", "<Dial>no number +85511112222</Dial>");
    exchange.call([]).await?;
    exchange.wait_nothing_left()?;
    let log = exchange.controller.log();
    assert!(log.contains("from=\"+***78\"") && log.contains("+***22"), "{log}");
    for number in ["5512345678", "5598765432", "5520001", "5511112222"] {
        assert!(!log.contains(number), "{number}:\n{log}");
    }
    Ok(())
}
