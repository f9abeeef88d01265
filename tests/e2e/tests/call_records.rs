//! What ends a call at the platform: one call data record, of FreeSWITCH's mod_json_cdr where there was a channel, else of the
//! controller's. The stand-in for FreeSWITCH sends none.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::exchange::Exchange;
use e2e::somleng::{ask, new_call, start, wait_for};
use e2e::{pause, wait_until};
use lab::platform::{Call, Platform, State};
use serde_json::json;

/// Calls and legs that must have a record: where FreeSWITCH is real, all.
fn of_all(exchange: &Exchange, state: &State, ours: &[&str]) -> bool {
    let is_over = |(sid, call): (&String, &Call)| {
        call.status.is_some() || (!exchange.is_real() && !ours.contains(&sid.as_str()))
    };
    state.calls.iter().all(is_over)
}

/// The legs, oldest first.
fn legs(state: &State) -> Vec<(String, Call)> {
    let legs = state.calls.iter().filter(|(_, call)| call.parent.is_some());
    legs.map(|(sid, call)| (sid.clone(), call.clone())).collect()
}

/// Waits until all that must have a record have one, and looks whether any has a second one.
fn each_has_one(platform: &Platform, exchange: &Exchange, ours: &[&str]) -> Result<State> {
    wait_for(platform, exchange, "all have a record", |state| of_all(exchange, state, ours))?;
    // A second one would come now.
    pause(Duration::from_secs(3));
    let state = platform.state();
    assert!(state.calls.values().all(|call| call.records <= 1), "{state:?}");
    assert!(state.faults.is_empty() && state.early.is_empty(), "{:?} {:?}", state.faults, state.early);
    Ok(state)
}

#[tokio::test(flavor = "multi_thread")]
async fn di20_legs_that_are_never_called_are_canceled() -> Result<()> {
    let (platform, exchange) = start("").await?;
    let numbers = "<Number>85550001</Number><Number>85510001</Number><Number>85520001</Number>";
    exchange.application.twiml("/voice", &format!("<Dial sequential=\"true\">{numbers}</Dial><Hangup/>"));
    exchange.call([]).await?;
    let legs_of = legs(&platform.state());
    let [(first, _), (second, _), (third, _)] = &legs_of[..] else { panic!("{legs_of:?}") };
    let state = each_has_one(&platform, &exchange, &[second, third])?;
    let status = |sid: &str| state.calls.get(sid).and_then(|call| call.status);
    assert_eq!((status(second), status(third)), (Some("canceled"), Some("canceled")));
    assert_eq!(status(first), exchange.is_real().then_some("completed"));
    assert_eq!(exchange.carrier("8551").taken + exchange.carrier("8552").taken, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn legs_that_cannot_be_called_have_failed() -> Result<()> {
    let (platform, exchange) = start("").await?;
    platform.way("8554", json!({ "host": exchange.carrier_host("8554"), "sip_profile": "nowhere" }));
    let file = exchange.directory().join("routes.toml");
    let routes = std::fs::read_to_string(&file)?;
    std::fs::write(&file, routes.replace("match = \"8553*\"\n", "match = \"8553*\"\ncalls = 1\n"))?;
    exchange.wait_logged("routes: read again")?;
    // It has the only place of its trunk for as long as this lasts.
    let ringing = ask(&platform, &exchange, &new_call(&exchange, "CAring", "8553"))?;
    exchange.wait_called("8553", 1)?;
    exchange
        .application
        .twiml("/voice", "<Dial><Number>85530002</Number><Number>85540001</Number></Dial><Hangup/>");
    exchange.call([]).await?;
    let legs_of = legs(&platform.state());
    let [(full, _), (nowhere, _)] = &legs_of[..] else { panic!("{legs_of:?}") };
    wait_until("the legs are over", Duration::from_secs(20), || {
        Ok(of_all(&exchange, &platform.state(), &[full, nowhere]) || exchange.is_real())
    })?;
    exchange.controller.http("DELETE", &format!("/calls/{ringing}"), "")?;
    let state = each_has_one(&platform, &exchange, &[full, nowhere])?;
    for leg in [full, nowhere] {
        assert_eq!(state.calls.get(leg).context("the leg")?.status, Some("failed"), "{state:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_a_call_that_freeswitch_makes_no_channel_for_has_failed() -> Result<()> {
    let (platform, exchange) = start("").await?;
    let mut call = new_call(&exchange, "CA1", "8551");
    call["routing_parameters"]["sip_profile"] = "nowhere".into();
    ask(&platform, &exchange, &call)?;
    let state = each_has_one(&platform, &exchange, &["CA1"])?;
    let call = state.calls.get("CA1").context("the call")?;
    assert_eq!((call.status, call.records), (Some("failed"), 1));
    assert_eq!(call.events.last().map(String::as_str), Some("completed"));
    assert_eq!(exchange.carrier("8551").taken, 0);
    Ok(())
}

/// mod_json_cdr of a real FreeSWITCH: each call of the platform's has one record, by which it knows how it ended.
#[tokio::test(flavor = "multi_thread")]
async fn each_call_has_one_record_that_says_how_it_ended() -> Result<()> {
    let (platform, exchange) = start("").await?;
    if !exchange.is_real() {
        e2e::skipped(
            "call data records are sent by a real FreeSWITCH alone: SWITCHYARD_FREESWITCH names none",
        );
        return Ok(());
    }
    exchange.application.twiml("/voice", "<Dial><Number>85550001</Number><Number>85520001</Number></Dial>");
    exchange.call([]).await?;
    exchange.application.twiml("/voice", "<Reject/>");
    exchange.call([]).await?;
    exchange.application.twiml("/out", "<Hangup/>");
    ask(&platform, &exchange, &new_call(&exchange, "CAbusy", "8552"))?;
    ask(&platform, &exchange, &new_call(&exchange, "CAdone", "8551"))?;
    let state = wait_for(&platform, &exchange, "all have one", |state| {
        state.calls.len() == 6 && state.calls.values().all(|call| call.status.is_some())
    })?;
    let status = |sid: &str| state.calls.get(sid).and_then(|call| call.status);
    assert_eq!((status("CAbusy"), status("CAdone")), (Some("busy"), Some("completed")));
    let mut all: Vec<_> = state.calls.values().filter_map(|call| call.status).collect();
    all.sort_unstable();
    assert_eq!(all.iter().filter(|status| **status == "completed").count(), 3, "{all:?}");
    assert_eq!(platform.told("POST /call_data_records").len(), 6, "one each");
    assert!(state.early.is_empty(), "of calls that nobody made: {:?}", state.early);
    Ok(())
}
