//! An exchange whose controller has a platform: whose calls these are, and what it is told.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::platform::{Platform, State};
use serde_json::{Value, json};

use crate::exchange::{CALLEES, Exchange};
use crate::wait_until;

/// An exchange whose platform knows the number 1294 and all carriers. A real FreeSWITCH sends it call data records.
///
/// # Errors
///
/// Something does not start.
pub async fn start(more: &str) -> Result<(Platform, Exchange)> {
    let platform = Platform::start("127.0.0.1:0".parse()?).await?;
    let records = [
        ("FREESWITCH_CDR_URL", format!("{}/call_data_records", platform.url())),
        ("FREESWITCH_CDR_CREDENTIALS", format!("{}:{}", lab::platform::USER, lab::platform::PASSWORD)),
    ];
    let exchange = Exchange::start_where(|_| format!("{}{more}", platform.settings()), &records).await?;
    platform
        .number("1294", json!({ "voice_url": exchange.application.url("/voice"), "voice_method": "POST" }));
    for (prefix, _) in CALLEES {
        platform.way(prefix, json!({ "host": exchange.carrier_host(prefix) }));
    }
    Ok((platform, exchange))
}

/// Waits until the platform knows this, and has nothing to complain of.
///
/// # Errors
///
/// It does not come to know it, or complains.
pub fn wait_for(
    platform: &Platform,
    exchange: &Exchange,
    what: &str,
    known: impl Fn(&State) -> bool,
) -> Result<State> {
    wait_until(what, Duration::from_secs(30), || Ok(known(&platform.state())))
        .with_context(|| format!("{:?}\n{}", platform.state(), exchange.controller.log()))?;
    let state = platform.state();
    ensure!(state.faults.is_empty(), "{:?}", state.faults);
    Ok(state)
}

/// The sid of the only call that is no leg.
///
/// # Errors
///
/// There is none, or another one.
pub fn only(state: &State) -> Result<String> {
    let calls: Vec<_> = state.calls.iter().filter(|(_, call)| call.parent.is_none()).collect();
    ensure!(calls.len() == 1, "{calls:?}");
    calls.first().map(|(sid, _)| (*sid).clone()).context("a call")
}

/// Whether a call is over.
#[must_use]
pub fn completed(state: &State) -> bool {
    state.calls.values().any(|call| call.events.last().is_some_and(|last| last == "completed"))
}

/// What the platform sends for a call, to a carrier.
#[must_use]
pub fn new_call(exchange: &Exchange, sid: &str, carrier: &str) -> Value {
    json!({
        "sid": sid, "carrier_sid": "CR1", "account_sid": lab::platform::ACCOUNT,
        "account_auth_token": lab::platform::TOKEN, "direction": "outbound-api", "api_version": "2010-04-01",
        "call_direction": "outbound", "voice_url": exchange.application.url("/out"), "voice_method": "GET",
        "twiml": null, "to": "+855715100860", "from": "1294", "default_tts_voice": "Basic.Kal",
        "routing_parameters": {
            "address": null, "destination": "855715100860", "dial_string_prefix": null, "plus_prefix": true,
            "national_dialing": false, "host": exchange.carrier_host(carrier), "username": null,
            "sip_profile": null,
        },
        "billing_parameters": { "enabled": true, "category": "outbound_calls", "billing_mode": "postpaid" },
    })
}

/// Asks for it, as the platform does: the answer's `id` and `host` are what it knows the call by.
///
/// # Errors
///
/// It is refused.
pub fn ask(platform: &Platform, exchange: &Exchange, call: &Value) -> Result<String> {
    let (status, answer) = exchange.controller.http("POST", "/calls", &call.to_string())?;
    let answer: Value = serde_json::from_slice(&answer)?;
    ensure!(status == 200, "{status}: {answer}");
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    ensure!(text(&answer, "host") == exchange.controller.api().to_string(), "{answer}");
    platform.made(&text(call, "sid"), &text(&answer, "id"));
    Ok(text(&answer, "id"))
}
