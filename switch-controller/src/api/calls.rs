//! Make, list, change and end calls.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use settings::Secret;

use super::Desk;
use super::body::{NewCall, Update, json, plain_name};
use super::refusal::Refusal;
use crate::call::facts::{Direction, Facts};
use crate::call::input::Input;
use crate::calls::Message;
use crate::platform::routes::{self, Account};
use crate::platform::somleng::leg;
use crate::shared::Made;
use crate::switch::{NotMade, Outbound, begin};

/// Makes a call, and does not wait for it. The same `sid` again gets the same answer, and no other call: also here when it
/// was asked of another controller before.
pub(super) async fn create(State(desk): State<Desk>, body: Bytes) -> Result<Json<Made>, Refusal> {
    // Whoever asks may go away in the middle of it; what was begun is brought to its end all the same.
    let making = tokio::spawn(async move { make(&desk, &body).await });
    making.await.unwrap_or_else(|error| Err(Refusal::unavailable(error.to_string()))).map(Json)
}

async fn make(desk: &Desk, body: &Bytes) -> Result<Made, Refusal> {
    let call: NewCall = json(body)?;
    let live = &desk.live;
    let host = live.config.api.reached_at();
    let _turn = match &call.sid {
        Some(sid) => live.shared.turn(sid).await,
        None => None,
    };
    if let Some((sid, id)) = call.sid.clone().and_then(|sid| live.calls.made(&sid).map(|id| (sid, id))) {
        return Ok(Made { id, host, sid });
    }
    live.readiness().map_err(Refusal::unavailable)?;
    live.room().map_err(Refusal::unavailable)?;
    let file = desk.routes.file();
    let mut outbound = outbound(desk, call, &file.account).await?;
    let account = Some(outbound.facts.account_sid.as_str());
    let place = live.enter(outbound.dial_string.as_str(), account).map_err(Refusal::too_many)?;
    outbound.place = Some(place);
    let made = Made { id: outbound.facts.channel.clone(), host, sid: outbound.facts.call_sid.clone() };
    // If this process ends behind the claim, the next one tells what became of the call, which nobody else can make.
    live.kept.keep_at_once(outbound.entry()).await;
    match live.shared.claim(&made).await {
        Ok(None) => {}
        Ok(Some(theirs)) => {
            live.kept.forget(&made.id);
            return Ok(theirs);
        }
        // Rather no call than two.
        Err(error) => {
            let live = Arc::clone(live);
            tokio::spawn(async move {
                live.shared.undo(&made).await;
                live.kept.forget(&made.id);
            });
            return Err(Refusal::unavailable(format!("nobody knows whether it was made: {error}")));
        }
    }
    let refusal = match begin(live, outbound) {
        Ok(id) => return Ok(Made { id, ..made }),
        Err(NotMade::Already(id)) => {
            live.kept.forget(&made.id);
            return Ok(Made { id, ..made });
        }
        Err(NotMade::Unavailable(reason)) => Refusal::unavailable(reason),
        Err(NotMade::Refused(what)) => Refusal::wrong_value(what),
    };
    live.shared.give_back(&made.sid).await;
    live.kept.forget(&made.id);
    Err(refusal)
}

async fn outbound(desk: &Desk, call: NewCall, account: &Account) -> Result<Outbound, Refusal> {
    let application = call.update.application(false)?;
    for (key, text) in [("to", &call.to), ("from", &call.from)] {
        if text.trim().is_empty() {
            return Err(Refusal::wrong_value(format!(
                "{key}: expected a number or an address, found {text:?}"
            )));
        }
    }
    let fallback = call.fallback.target()?;
    for (key, found, expected) in
        [("direction", &call.direction, "outbound-api"), ("call_direction", &call.call_direction, "outbound")]
    {
        if let Some(found) = found.as_deref().filter(|found| *found != expected) {
            return Err(Refusal::wrong_value(format!("{key}: expected {expected:?}, found {found:?}")));
        }
    }
    let call_sid = call.sid.unwrap_or_else(|| routes::sid("CA"));
    plain_name("sid", &call_sid)?;
    let facts = Facts {
        channel: uuid::Uuid::new_v4().to_string(),
        call_sid,
        account_sid: call.account_sid.unwrap_or_else(|| account.sid.clone()),
        auth_token: call.account_auth_token.unwrap_or_else(|| Secret::new(account.auth_token.reveal())),
        direction: Direction::OutboundApi,
        api_version: call.api_version.unwrap_or_else(|| "2010-04-01".to_owned()),
        from: call.from,
        to: call.to,
        default_voice: call.default_tts_voice.unwrap_or_else(|| account.voice.clone()),
        fallback,
    };
    let (dial_string, caller_id) = match &call.routing_parameters {
        Some(routing) => {
            let dial_string = desk.live.dialer.dial_string(routing).await;
            let dial_string = dial_string.map_err(|what| format!("routing_parameters: {what}"));
            (dial_string.map_err(Refusal::wrong_value)?, routing.caller_id(&facts.from))
        }
        None => {
            let route = desk.routes.route(&facts, &facts.to, Some(&facts.from));
            let route = route.map_err(|what| Refusal::wrong_value(format!("to: {what}")))?;
            let dial_string = esl::DialString::new(route.dial_string);
            (dial_string.map_err(|error| Refusal::wrong_value(error.to_string()))?, route.caller_id)
        }
    };
    // A call of the platform's: what it wants to find on its channel.
    let (headers, variables) = match &call.carrier_sid {
        Some(carrier_sid) => {
            let (account_sid, destination) = (facts.account_sid.as_str(), facts.to.as_str());
            let billing = call.billing_parameters.as_ref();
            let payer = leg::Payer { carrier_sid, account_sid, destination, billing };
            (vec![(leg::CALL_SID.to_owned(), facts.call_sid.clone())], leg::variables(payer))
        }
        None => (Vec::new(), Vec::new()),
    };
    Ok(Outbound { facts, application, dial_string, caller_id, headers, variables, place: None })
}

/// All calls that are here, oldest first.
pub(super) async fn list(State(desk): State<Desk>) -> Response {
    let mut views = desk.live.calls.views();
    views.sort_by(|a, b| (a.began, &a.id).cmp(&(b.began, &b.id)));
    Json(views.iter().map(|view| view.as_ref()).collect::<Vec<_>>()).into_response()
}

/// One of them.
pub(super) async fn show(State(desk): State<Desk>, Path(id): Path<String>) -> Response {
    match desk.live.calls.get(&id).and_then(|channel| channel.view) {
        Some(view) => Json(view.as_ref()).into_response(),
        None => Refusal::not_found().into_response(),
    }
}

/// Another application for a call, in the middle of whatever it does. A call that is over needs none.
pub(super) async fn update(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    known_name(&id)?;
    let update: Update = json(&body)?;
    let application = update.application(true)?;
    if let Some(channel) = desk.live.calls.get(&id).filter(|channel| channel.leg.is_none())
        && !channel.queue.push(Message::Input(Input::Update(application)))
    {
        return Err(Refusal::unavailable("the call has too much to do"));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a call. One that is over has ended.
pub(super) async fn end(State(desk): State<Desk>, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    known_name(&id)?;
    if let Some(channel) = desk.live.calls.get(&id).filter(|channel| channel.leg.is_none()) {
        channel.queue.push(Message::Input(Input::End));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Calls that are over are not here any more, but what never was a call's name is nowhere.
fn known_name(id: &str) -> Result<(), Refusal> {
    plain_name("id", id).map_err(|_| Refusal::not_found())
}
