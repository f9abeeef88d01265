//! Make, list, change and end calls.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use settings::Secret;

use super::Desk;
use super::body::{NewCall, Update, json, plain_name};
use super::refusal::Refusal;
use crate::call::facts::{Direction, Facts};
use crate::call::input::Input;
use crate::calls::Message;
use crate::platform::routes::{self, Account};
use crate::switch::{NotMade, Outbound, begin};

/// What a new call is known by.
#[derive(Debug, Serialize)]
pub(super) struct Made {
    /// The call's name in this API.
    id: String,
    /// Where this API is.
    host: String,
    /// The platform's name.
    sid: String,
}

/// Makes a call, and does not wait for it. The same `sid` again gets the same answer, and no other call.
pub(super) async fn create(State(desk): State<Desk>, body: Bytes) -> Result<Json<Made>, Refusal> {
    let call: NewCall = json(&body)?;
    desk.live.readiness().map_err(Refusal::unavailable)?;
    let file = desk.routes.file();
    let outbound = outbound(&desk, call, &file.account)?;
    let sid = outbound.facts.call_sid.clone();
    let id = match begin(&desk.live, outbound) {
        Ok(id) | Err(NotMade::Already(id)) => id,
        Err(NotMade::Unavailable(reason)) => return Err(Refusal::unavailable(reason)),
        Err(NotMade::Refused(what)) => return Err(Refusal::wrong_value(what)),
    };
    let host = desk.live.config.api.reached_at();
    Ok(Json(Made { id, host, sid }))
}

fn outbound(desk: &Desk, call: NewCall, account: &Account) -> Result<Outbound, Refusal> {
    let application = call.update.application(false)?;
    if let Some(direction) = call.direction.as_deref().filter(|direction| *direction != "outbound-api") {
        return Err(Refusal::wrong_value(format!(
            "direction: expected \"outbound-api\", found {direction:?}"
        )));
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
    };
    let profile = &desk.live.config.freeswitch.profile;
    let (dial_string, caller_id) = match &call.routing_parameters {
        Some(routing) => {
            let dial_string = routing.dial_string(profile);
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
    Ok(Outbound { facts, application, dial_string, caller_id, headers: Vec::new() })
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
pub(super) async fn end(State(desk): State<Desk>, Path(id): Path<String>) -> StatusCode {
    if let Some(channel) = desk.live.calls.get(&id).filter(|channel| channel.leg.is_none()) {
        channel.queue.push(Message::Input(Input::End));
    }
    StatusCode::NO_CONTENT
}
