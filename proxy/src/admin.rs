//! The admin port: health and metrics for machines, targets and settings for both, a page for people.
//!
//! | file | what it serves |
//! |---|---|
//! | `targets.rs` | who is there and how they are; drain and activate |
//! | `status.rs` | what the page shows, as JSON |
//! | `page.rs` | the page at `/` |
//! | `access.rs` | who may change things, and who may not |
//! | `error.rs` | refusals, as JSON |

mod access;
mod error;
mod page;
mod status;
mod targets;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::live::Live;
use crate::pins::PinView;
use error::Refusal;

/// Serves the admin port until the process ends.
pub async fn serve(live: Arc<Live>, listener: TcpListener) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/config", get(config))
        .route("/status", get(status::status))
        .route("/pins", get(pins))
        .route("/targets", get(targets::list))
        .route("/targets/{id}/drain", post(targets::drain))
        .route("/targets/{id}/activate", post(targets::activate))
        .merge(page::routes())
        .fallback(|| async { Refusal::not_found() })
        .method_not_allowed_fallback(|| async { Refusal::wrong_method() })
        .with_state(live);
    axum::serve(listener, router).await
}

/// 200 while new calls are welcome, else 503 with the reason.
async fn readyz(State(live): State<Arc<Live>>) -> (StatusCode, String) {
    match live.readiness() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

async fn metrics(State(live): State<Arc<Live>>) -> Response {
    live.refresh_metrics();
    match live.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The settings in force, without secrets.
async fn config(State(live): State<Arc<Live>>) -> Json<serde_json::Value> {
    Json(live.config.shown.clone())
}

/// The most pins that are shown: a page for people.
const MAX_PINS_SHOWN: usize = 1_000;

/// INVITEs that are under way.
#[derive(Serialize)]
struct UnderWay {
    count: usize,
    pins: Vec<PinView>,
}

async fn pins(State(live): State<Arc<Live>>) -> Json<UnderWay> {
    let (count, pins) = live.view_pins(MAX_PINS_SHOWN);
    Json(UnderWay { count, pins })
}
