//! The admin port: /healthz, /readyz, /metrics, /targets, /pins.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::live::Live;
use crate::pins::PinView;

/// Serves the admin port until the process ends.
pub async fn serve(live: Arc<Live>, listener: TcpListener) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/targets", get(targets))
        .route("/pins", get(pins))
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

/// A target, and how many INVITEs it got from this proxy.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    target: fleet::Target,
    invites: u64,
}

async fn targets(State(live): State<Arc<Live>>) -> Json<Vec<Listed>> {
    let targets = live.table.load();
    let list = targets.iter().flat_map(|targets| targets.with_invites());
    Json(list.map(|(target, invites)| Listed { target: target.clone(), invites }).collect())
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
