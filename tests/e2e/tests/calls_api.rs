//! The calls API of one controller and of several: with the stand-in, or a real FreeSWITCH where there is one.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use e2e::exchange::Exchange;
use e2e::{skipped, wait_until};
use lab::http::Answer;
use lab::switch::AnySwitch;
use serde_json::{Value, json};

/// A number of the carrier that rings for ever.
const RINGS: &str = "85530001";

/// Asks for a call to that number. Status and answer.
fn post(exchange: &Exchange, sid: Option<&str>) -> Result<(u16, Value)> {
    let answer = ask(exchange, RINGS, sid)?;
    Ok((answer.status, serde_json::from_slice(&answer.body)?))
}

/// Asks for a call to this number.
fn ask(exchange: &Exchange, to: &str, sid: Option<&str>) -> Result<Answer> {
    let body = json!({ "from": "1294", "to": to, "twiml": "<Response><Hangup/></Response>", "sid": sid });
    exchange.controller.ask("POST", "/calls", &body.to_string())
}

/// So many calls at once, and in a second, by the trunk to the carrier that rings for ever. Waits until it is so.
fn limit(exchange: &Exchange, limits: &str) -> Result<()> {
    let file = exchange.directory().join("routes.toml");
    let text = std::fs::read_to_string(&file)?;
    let text = text.replace("match = \"8553*\"\n", &format!("match = \"8553*\"\n{limits}\n"));
    std::fs::write(&file, text)?;
    exchange.wait_logged("routes: read again")
}

fn in_directory(directory: &Path) -> String {
    format!("[shared]\nurl = \"file://{}\"\ninterval = \"500ms\"\n", directory.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn w2_a_sid_makes_one_call_whichever_controller_is_asked_and_however_often() -> Result<()> {
    let store = tempfile::tempdir()?;
    let one = Exchange::start_with(&in_directory(store.path())).await?;
    let mut other = Exchange::start_with(&in_directory(store.path())).await?;
    for number in 0..5 {
        let sid = format!("CA{number}");
        let answers: Vec<_> = std::thread::scope(|scope| {
            let asking: Vec<_> = [&one, &other, &one, &other]
                .into_iter()
                .map(|exchange| scope.spawn(|| post(exchange, Some(&sid))))
                .collect();
            asking.into_iter().filter_map(|asked| asked.join().ok()).collect::<Result<_>>()
        })?;
        assert_eq!(answers.len(), 4);
        assert!(
            answers.iter().all(|answer| answer.0 == 200 && Some(answer) == answers.first()),
            "{answers:?}"
        );
    }
    let called = |other: &Exchange| one.carrier("8553").taken + other.carrier("8553").taken;
    wait_until("all are called", Duration::from_secs(20), || Ok(called(&other) >= 5))?;
    // What is known in memory is gone, what is in the store is not.
    let before = post(&one, Some("CA0"))?;
    other.controller.kill()?;
    other.restart_controller()?;
    assert_eq!(post(&other, Some("CA0"))?, before);
    e2e::pause(Duration::from_secs(1));
    assert_eq!(called(&other), 5);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_that_is_full_refuses_calls_and_legs_until_one_ends() -> Result<()> {
    let exchange = Exchange::start().await?;
    limit(&exchange, "calls = 2")?;
    let (first, second) = (post(&exchange, None)?, post(&exchange, None)?);
    assert_eq!((first.0, second.0), (200, 200));
    let (status, refusal) = post(&exchange, None)?;
    assert_eq!(status, 429, "{refusal}");
    assert!(refusal.to_string().contains("has the 2 calls that it may have here"), "{refusal}");
    exchange.wait_called("8553", 2)?;
    exchange.application.twiml("/voice", "<Dial action=\"/after\">85530002</Dial>");
    exchange.application.twiml("/after", "<Hangup/>");
    exchange.call([]).await?;
    assert_eq!(exchange.application.only("/after")?.parameter("DialCallStatus"), "failed");
    let id = first.1.get("id").and_then(Value::as_str).context("an id")?;
    exchange.controller.http("DELETE", &format!("/calls/{id}"), "")?;
    wait_until("there is room again", Duration::from_secs(20), || Ok(post(&exchange, None)?.0 == 200))?;
    assert_eq!(post(&exchange, None)?.0, 429);
    // What is accepted is called a moment later.
    exchange.wait_called("8553", 3)?;
    e2e::pause(Duration::from_millis(300));
    assert_eq!(exchange.carrier("8553").taken, 3, "no leg was called, and one call for the one that ended");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_is_as_full_for_the_controller_that_comes_after() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    limit(&exchange, "calls = 2")?;
    assert_eq!((post(&exchange, Some("CA1"))?.0, post(&exchange, Some("CA2"))?.0), (200, 200));
    exchange.wait_called("8553", 2)?;
    exchange.controller.kill()?;
    exchange.restart_controller()?;
    assert_eq!(post(&exchange, Some("CA3"))?.0, 429, "{}", exchange.controller.log());
    assert_eq!(post(&exchange, Some("CA1"))?.0, 200, "it goes on");
    assert_eq!(exchange.carrier("8553").taken, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_begins_no_more_calls_in_a_second_than_it_may() -> Result<()> {
    let exchange = Exchange::start().await?;
    limit(&exchange, "calls_per_second = 3")?;
    let began = std::time::Instant::now();
    let mut taken = Vec::new();
    while taken.len() < 10 && began.elapsed() < Duration::from_secs(30) {
        if post(&exchange, None)?.0 == 200 {
            taken.push(began.elapsed());
        }
    }
    assert_eq!(taken.len(), 10);
    let spans = taken.windows(4).filter_map(|four| Some(*four.last()? - *four.first()?));
    // Taken a moment before the answer is here.
    assert!(spans.clone().all(|span| span > Duration::from_millis(900)), "{:?}", spans.collect::<Vec<_>>());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn controllers_divide_what_a_trunk_may_have() -> Result<()> {
    let store = tempfile::tempdir()?;
    let one = Exchange::start_with(&in_directory(store.path())).await?;
    let other = Exchange::start_with(&in_directory(store.path())).await?;
    limit(&one, "calls = 5")?;
    limit(&other, "calls = 5")?;
    let mut taken = [0, 0];
    wait_until("both have their part", Duration::from_secs(30), || {
        for (exchange, taken) in [&one, &other].into_iter().zip(&mut taken) {
            *taken += u32::from(post(exchange, None)?.0 == 200);
        }
        Ok(taken.iter().sum::<u32>() >= 5)
    })?;
    for _ in 0..20 {
        assert_eq!((post(&one, None)?.0, post(&other, None)?.0), (429, 429));
    }
    taken.sort_unstable();
    assert_eq!(taken, [2, 3]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn w1_w8_w9_calls_need_the_password_and_health_does_not() -> Result<()> {
    let exchange = Exchange::start_with("password = \"secret\"\n").await?;
    for (method, path) in [
        ("GET", "/calls"),
        ("POST", "/calls"),
        ("GET", "/calls/x"),
        ("PATCH", "/calls/x"),
        ("DELETE", "/calls/x"),
    ] {
        let answer = exchange.controller.ask(method, path, "{}")?;
        assert_eq!(answer.status, 401, "{method} {path}");
        assert_eq!(answer.header("WWW-Authenticate"), Some("Basic realm=\"switchyard\""), "{}", answer.head);
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(exchange.controller.ask("GET", path, "")?.status, 200, "{path}");
    }
    if let AnySwitch::StandIn(switch) = &exchange.switch {
        switch.deny_connections(true);
        switch.close_connections();
        wait_until("it is not ready", Duration::from_secs(10), || {
            Ok(exchange.controller.ask("GET", "/readyz", "")?.status == 503)
        })?;
        assert_eq!(exchange.controller.ask("GET", "/healthz", "")?.status, 200, "it lives");
    }
    Ok(())
}

/// Waits until a new call is refused with 503 for this reason, and with when to ask again.
fn wait_refused(exchange: &Exchange, reason: &str) -> Result<()> {
    let mut last = None;
    wait_until(
        reason,
        Duration::from_secs(40),
        || Ok(last.insert(ask(exchange, RINGS, None)?).status == 503),
    )
    .with_context(|| exchange.controller.log())?;
    let refusal = last.context("an answer")?;
    let message = String::from_utf8_lossy(&refusal.body);
    assert!(message.contains(reason), "{message}");
    assert_eq!(refusal.header("Retry-After"), Some("2"), "{}", refusal.head);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_freeswitch_refuses_calls_with_503() -> Result<()> {
    let exchange = Exchange::start().await?;
    assert_eq!(post(&exchange, Some("CA1"))?.0, 200);
    exchange.switch.console()?.api("fsctl max_sessions 1")?;
    wait_refused(&exchange, "FreeSWITCH has as many sessions as it takes")?;
    assert_eq!(post(&exchange, Some("CA1"))?.0, 200, "what was made before is");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeswitch_that_is_not_there_refuses_calls_with_503_until_it_is() -> Result<()> {
    let exchange = Exchange::start().await?;
    let AnySwitch::StandIn(switch) = &exchange.switch else {
        skipped("a real FreeSWITCH is not cut off here");
        return Ok(());
    };
    assert_eq!(post(&exchange, Some("CA1"))?.0, 200);
    exchange.wait_called("8553", 1)?;
    switch.deny_connections(true);
    switch.close_connections();
    wait_refused(&exchange, "no connection to FreeSWITCH")?;
    assert_eq!(post(&exchange, Some("CA1"))?.0, 200, "what was made before is");
    switch.deny_connections(false);
    wait_until("calls are made again", Duration::from_secs(30), || {
        Ok(ask(&exchange, "85510001", Some("CA2"))?.status == 200)
    })?;
    exchange.wait_called("8551", 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_has_what_it_may_is_refused() -> Result<()> {
    let exchange = Exchange::start_with("[limits]\naccount_calls = 1\n").await?;
    assert_eq!(post(&exchange, None)?.0, 200);
    let (status, refusal) = post(&exchange, None)?;
    assert_eq!(status, 429, "{refusal}");
    exchange.application.twiml("/voice", "<Hangup/>");
    assert_eq!(exchange.call([]).await?.status, Some(486), "{}", exchange.controller.log());
    Ok(())
}

/// What is asked by the thousand, made up from the API's own description: no answer is one that it does not describe, and no
/// request that it forbids is taken.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_is_what_it_says() -> Result<()> {
    let Some(schemathesis) = lab::python::program("schemathesis") else {
        skipped("there is no schemathesis: `cargo xtask test` installs it");
        return Ok(());
    };
    let more = "password = \"secret\"\n[limits]\nsessions = 100000\nringing = \"1s\"\n";
    let exchange = Exchange::start_with(more).await?;
    let api = exchange.controller.api();
    let (status, _) = exchange.controller.http("GET", "/openapi.json", "")?;
    assert_eq!(status, 200);
    // Before that it says 503, as it should; for schemathesis that is a server's fault.
    wait_until("FreeSWITCH has said how full it is", Duration::from_secs(40), || {
        Ok(exchange.controller.http("GET", "/load", "")?.0 == 200)
    })?;
    let mut command = Command::new(schemathesis);
    command.args(["run", &format!("http://{api}/openapi.json"), "--max-examples", "60", "--no-color"]);
    command.args(["--auth", "switchyard:secret"]);
    command.args(["--checks", "all", "--exclude-checks", "positive_data_acceptance,use_after_free"]);
    let output = tokio::task::spawn_blocking(move || command.current_dir("/tmp").output()).await??;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = exchange.controller.log();
    let last: String = log.lines().rev().take(20).collect::<Vec<_>>().join("\n");
    assert!(output.status.success(), "{said}\n{}\n{last}", String::from_utf8_lossy(&output.stderr));
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(exchange.controller.http("GET", "/healthz", "")?.0, 200);
    Ok(())
}
