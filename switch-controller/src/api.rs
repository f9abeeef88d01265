//! The HTTP side: the calls API, recordings, health, load, metrics.
//!
//! | file | what it holds |
//! |---|---|
//! | `calls.rs` | make, list, change and end calls |
//! | `body.rs` | what may be asked for, and what is wrong with it |
//! | `recordings.rs` | recordings as files |
//! | `access.rs` | user and password |
//! | `refusal.rs` | refusals, as JSON |
//! | `openapi.json` | what all of it looks like from outside |

mod access;
mod body;
mod calls;
mod recordings;
mod refusal;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::live::Live;
use crate::platform::routes::Routes;
use refusal::Refusal;

/// The most bytes of a request: a document of TwiML in JSON.
const MOST_BYTES: usize = 1 << 20;

/// What requests have to do with.
#[derive(Clone)]
struct Desk {
    live: Arc<Live>,
    routes: Arc<Routes>,
}

/// Serves until the process ends.
pub async fn serve(live: Arc<Live>, routes: Arc<Routes>, listener: TcpListener) {
    if let Err(error) = axum::serve(listener, router(live, routes)).await {
        tracing::error!(%error, "the API is served no longer");
    }
}

/// All that is served.
pub fn router(live: Arc<Live>, routes: Arc<Routes>) -> Router {
    let calls = Router::new()
        .route("/calls", get(calls::list).post(calls::create))
        .route("/calls/{id}", get(calls::show).patch(calls::update).delete(calls::end))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&live), access::guard));
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/load", get(load))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(openapi))
        .route("/recordings/{file}", get(recordings::get))
        .merge(calls)
        .fallback(|| async { Refusal::not_found() })
        .method_not_allowed_fallback(|| async { Refusal::wrong_method() })
        .with_state(Desk { live, routes })
}

/// 200 while new calls are welcome, else 503 with the reason.
async fn readyz(State(desk): State<Desk>) -> (StatusCode, String) {
    match desk.live.readiness() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

async fn metrics(State(desk): State<Desk>) -> Response {
    match desk.live.metrics.text(&desk.live) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// What this API is, as OpenAPI 3.1 has it.
async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], include_str!("api/openapi.json")).into_response()
}

/// How full this FreeSWITCH is: what a proxy chooses targets by.
#[derive(Serialize)]
struct Shown {
    /// Channels of FreeSWITCH, legs among them: by its heartbeat, and what calls came and went since.
    sessions: u64,
    /// So many it takes.
    max_sessions: u64,
    /// Calls of this controller.
    calls: usize,
    /// So many it takes.
    max_calls: usize,
    /// Percent.
    idle_cpu: f64,
    /// Whether new calls are welcome.
    accepting: bool,
    /// This run of FreeSWITCH.
    core: String,
    /// How old the figures of FreeSWITCH are, in seconds.
    age: f64,
}

/// 503 as long as FreeSWITCH has not said how it is: no figures are better than wrong ones.
async fn load(State(desk): State<Desk>) -> Response {
    let live = &desk.live;
    let Some(load) = live.load().filter(|_| live.up.load(Ordering::Relaxed)) else {
        return Refusal::unavailable("FreeSWITCH has not said how full it is").into_response();
    };
    let calls = live.calls.count();
    let shown = Shown {
        sessions: load.sessions_with(live.calls.channels()),
        max_sessions: load.max_sessions,
        calls,
        max_calls: live.config.limits.sessions,
        idle_cpu: load.idle_cpu,
        accepting: live.readiness().is_ok(),
        core: load.core,
        age: load.at.elapsed().as_secs_f64(),
    };
    Json(shown).into_response()
}
