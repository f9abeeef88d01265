//! `<Dial>`, through the real controller: with the stand-in, or a real FreeSWITCH where there is one.

use std::time::Duration;

use anyhow::Result;
use e2e::exchange::{Asked, Exchange};
use lab::phone::{CallPlan, CallReport, Step};
use lab::signalling::Side;

const NUMBERS: [&str; 6] = ["85510001", "85520001", "85530001", "85540001", "85550001", "85560001"];

/// A call whose document dials; the request for the action.
async fn dialled(exchange: &Exchange, dial: &str, script: Vec<Step>) -> Result<(CallReport, Asked)> {
    exchange.application.twiml("/voice", dial);
    exchange.application.twiml("/done", "<Hangup/>");
    let report = exchange.call(script).await?;
    Ok((report, exchange.application.only("/done")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answered_dial_carries_sound_both_ways_and_tells_how_long_it_was() -> Result<()> {
    let exchange = Exchange::start().await?;
    let dial = format!("<Dial action=\"/done\" callerId=\"1294\"><Number>{}</Number></Dial>", NUMBERS[4]);
    let (report, done) = dialled(&exchange, &dial, Vec::new()).await?;
    let log = exchange.controller.log();
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}\n{log}");
    assert_eq!(done.parameter("DialCallStatus"), "completed", "{done:?}\n{log}");
    assert!(done.parameter("DialCallSid").starts_with("CA"), "{done:?}");
    assert!(["0", "1", "2"].contains(&done.parameter("DialCallDuration")), "{done:?}");
    let callee = exchange.carrier("8555");
    assert!(callee.calls[0].audio.rms > 1_000.0, "the callee hears nothing: {:?}", callee.calls[0].audio);
    assert!(
        report.audio.rms_per_second.iter().any(|rms| *rms > 1_000.0),
        "the caller hears nothing: {report}"
    );
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dial_that_nobody_answers_tells_why() -> Result<()> {
    // Some carriers say 603 of a callee who does not answer.
    let cases =
        [(NUMBERS[1], "busy"), (NUMBERS[3], "no-answer"), (NUMBERS[2], "no-answer"), ("999", "failed")];
    for (number, status) in cases {
        let exchange = Exchange::start().await?;
        let dial = format!("<Dial action=\"/done\" timeout=\"5\"><Number>{number}</Number></Dial>");
        let (_, done) = dialled(&exchange, &dial, Vec::new()).await?;
        let log = exchange.controller.log();
        assert_eq!(done.parameter("DialCallStatus"), status, "{number}: {done:?}\n{log}");
        assert_eq!(done.parameter("DialCallDuration"), "", "{done:?}");
        exchange.wait_nothing_left()?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_who_answers_has_the_call_and_the_others_get_a_cancel() -> Result<()> {
    let exchange = Exchange::start().await?;
    let numbers: String =
        [NUMBERS[5], NUMBERS[2], NUMBERS[0]].map(|number| format!("<Number>{number}</Number>")).concat();
    let dial = format!("<Dial action=\"/done\">{numbers}</Dial>");
    let script = vec![Step::Wait(Duration::from_secs(5)), Step::HangUp];
    let (report, done) = dialled(&exchange, &dial, script).await?;
    assert_eq!(report.status, Some(200), "{report}");
    assert_eq!(done.parameter("DialCallStatus"), "completed", "{done:?}");
    assert_eq!(exchange.carrier("8551").calls[0].status, Some(200));
    for loser in ["8553", "8556"] {
        let call = exchange.carrier(loser).calls.remove(0);
        assert!(call.requests.contains(&"CANCEL".to_owned()), "{loser}: {:?}", call.requests);
        assert_eq!(call.status, Some(487), "{loser}");
    }
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_while_it_rings_takes_the_legs_along() -> Result<()> {
    let exchange = Exchange::start().await?;
    let dial = format!("<Dial action=\"/done\"><Number>{}</Number></Dial>", NUMBERS[2]);
    exchange.application.twiml("/voice", &dial);
    let leaves = CallPlan {
        cancel_after: Some(Duration::from_secs(3)),
        ..CallPlan::new(exchange.switch.address(), "1294")
            .script([Step::Wait(Duration::from_secs(3)), Step::HangUp])
    };
    exchange.placing(leaves).await??;
    exchange.wait_nothing_left()?;
    let call = exchange.carrier("8553").calls.remove(0);
    assert!(call.requests.contains(&"CANCEL".to_owned()), "{:?}", call.requests);
    Ok(())
}
