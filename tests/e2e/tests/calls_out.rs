//! Calls that the API asks for, through the real controller: with the stand-in, or a real FreeSWITCH where there is one.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::exchange::{Exchange, Page, wav};
use e2e::wait_until;
use serde_json::{Value, json};

/// Asks for a call. Its id.
fn post(exchange: &Exchange, to: &str) -> Result<String> {
    let body = json!({ "from": "1294", "to": to, "voice_url": exchange.application.url("/out") });
    let (status, answer) = exchange.controller.http("POST", "/calls", &body.to_string())?;
    let answer: Value = serde_json::from_slice(&answer)?;
    ensure!((200..300).contains(&status), "{status} {answer}");
    Ok(answer.get("id").and_then(Value::as_str).context("an id")?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_answered_executes_its_document() -> Result<()> {
    let exchange = Exchange::start().await?;
    exchange.application.put("/tone.wav", Page::sound("audio/wav", wav(880, 2)));
    let play = format!("<Play>{}</Play>", exchange.application.url("/tone.wav"));
    exchange.application.twiml("/out", &play);
    post(&exchange, "85510001")?;
    let asked = exchange.application.only("/out").with_context(|| exchange.controller.log())?;
    assert_eq!(
        (asked.parameter("Direction"), asked.parameter("From")),
        ("outbound-api", "1294"),
        "{asked:?}"
    );
    assert_eq!(asked.parameter("CallStatus"), "in-progress", "{asked:?}");
    exchange.wait_nothing_left()?;
    let call = exchange.carrier("8551").calls.remove(0);
    assert!(call.audio.rms > 1_000.0, "{:?}", call.audio);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn l5_where_a_url_and_a_document_are_given_the_url_is_asked() -> Result<()> {
    let exchange = Exchange::start().await?;
    exchange.application.twiml("/out", "<Hangup/>");
    exchange.application.twiml("/inline", "<Hangup/>");
    let inline = format!("<Response><Redirect>{}</Redirect></Response>", exchange.application.url("/inline"));
    let url = exchange.application.url("/out");
    let body = json!({ "from": "1294", "to": "85510001", "voice_url": url, "twiml": inline });
    assert_eq!(exchange.controller.http("POST", "/calls", &body.to_string())?.0, 200);
    exchange.application.only("/out").with_context(|| exchange.controller.log())?;
    exchange.wait_nothing_left()?;
    assert!(exchange.application.asked("/inline").is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_refused_or_not_answered_asks_for_no_document() -> Result<()> {
    let exchange = Exchange::start_with("[limits]\nringing = \"4s\"\n").await?;
    exchange.application.twiml("/out", "<Hangup/>");
    for (to, prefix) in [("85520001", "8552"), ("85540001", "8554"), ("85530001", "8553")] {
        post(&exchange, to)?;
        exchange.wait_called(prefix, 1)?;
        exchange.wait_nothing_left()?;
    }
    assert_eq!(exchange.application.asked("/out").len(), 0);
    let unanswered = exchange.carrier("8553").calls.remove(0);
    assert!(unanswered.requests.contains(&"CANCEL".to_owned()), "{:?}", unanswered.requests);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_w6_a_call_is_ended_while_it_rings() -> Result<()> {
    let exchange = Exchange::start().await?;
    let id = post(&exchange, "85530001")?;
    exchange.wait_called("8553", 1)?;
    assert_eq!(exchange.controller.http("DELETE", &format!("/calls/{id}"), "")?.0, 204);
    exchange.wait_nothing_left()?;
    let call = exchange.carrier("8553").calls.remove(0);
    assert!(call.requests.contains(&"CANCEL".to_owned()), "{:?}", call.requests);
    for (name, status) in [(id.as_str(), 204), ("nobody-knows-this-one", 204), ("no%20name", 404)] {
        assert_eq!(exchange.controller.http("DELETE", &format!("/calls/{name}"), "")?.0, status, "{name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn w7_another_document_breaks_off_what_is_played() -> Result<()> {
    let exchange = Exchange::start().await?;
    exchange.application.put("/tone.wav", Page::sound("audio/wav", wav(880, 60)));
    let play = format!("<Play>{}</Play>", exchange.application.url("/tone.wav"));
    exchange.application.twiml("/out", &play);
    let id = post(&exchange, "85510001")?;
    wait_until("it is heard", Duration::from_secs(20), || {
        Ok(exchange.carrier("8551").calls.first().is_some_and(|call| call.audio.rms > 1_000.0))
    })?;
    let body = json!({ "twiml": "<Response><Redirect>".to_owned() + &exchange.application.url("/new") + "</Redirect></Response>" });
    exchange.application.twiml("/new", "<Pause length=\"2\"/><Hangup/>");
    assert_eq!(exchange.controller.http("PATCH", &format!("/calls/{id}"), &body.to_string())?.0, 204);
    exchange.application.only("/new")?;
    exchange.wait_nothing_left()?;
    assert_eq!(exchange.controller.http("PATCH", "/calls/nobody-knows-this-one", &body.to_string())?.0, 204);
    let seconds = exchange.carrier("8551").calls.remove(0).audio.rms_per_second;
    assert!(seconds.len() < 20, "{seconds:?}");
    Ok(())
}
