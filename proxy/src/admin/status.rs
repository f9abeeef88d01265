//! What the page shows, as JSON. Counters count from the proxy's start; the page makes rates of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::targets::{Listed, listed};
use crate::live::Live;
use crate::table::Policy;

#[derive(Serialize)]
pub(super) struct Status {
    version: &'static str,
    uptime_seconds: u64,
    /// `ready`, or why not.
    readiness: &'static str,
    /// Whether targets are probed.
    probing: bool,
    /// Whether targets are asked how full they are.
    polling: bool,
    /// INVITEs sent to targets, of targets that are in the list.
    invites: u64,
    /// Those of them that were not answered.
    failed: u64,
    /// Answers of the proxy's own that refuse: 4xx and above.
    refused: u64,
    /// Messages sent on.
    forwarded: u64,
    /// Open TCP connections.
    connections: i64,
    targets: Vec<Listed>,
}

pub(super) async fn status(State(live): State<Arc<Live>>) -> Json<Status> {
    let targets = listed(&live);
    Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: live.began.elapsed().as_secs(),
        readiness: live.readiness().err().unwrap_or("ready"),
        probing: live.config.health.enabled,
        polling: live.config.choice.policy == Policy::LeastLoaded,
        invites: targets.iter().map(Listed::invites).sum(),
        failed: targets.iter().map(Listed::failed).sum(),
        refused: live.metrics.refusals(),
        forwarded: live.metrics.forwarded.get(),
        connections: live.metrics.connections.get(),
        targets,
    })
}
