//! Who is there and how they are; drain and activate.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::access;
use super::error::Refusal;
use crate::live::Live;
use crate::load::{Figures, Gauge};
use crate::table::Endpoint;

/// A target.
#[derive(Serialize)]
pub(super) struct Listed {
    #[serde(flatten)]
    target: fleet::Target,
    /// Whether an operator drains it, by this proxy's admin port.
    drained: bool,
    /// The worst of its ports.
    health: &'static str,
    /// Since when, RFC 3339.
    since: String,
    /// INVITEs that it got from this proxy.
    invites: u64,
    /// Those of them that it did not answer.
    failed: u64,
    /// How full it is, by its own account; not there unless it was asked and said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    load: Option<Load>,
    /// Each port that calls go to.
    endpoints: Vec<Port>,
}

/// What a target says of itself.
#[derive(Serialize)]
struct Load {
    #[serde(flatten)]
    figures: Figures,
    /// When it said so, RFC 3339. Its `age` is older still.
    at: String,
    /// Whether that is too old to be used.
    stale: bool,
    /// The share of it that is free, from 0 to 1.
    room: f64,
}

/// A port of a target.
#[derive(Serialize)]
struct Port {
    port: String,
    address: String,
    health: &'static str,
    since: String,
    failed: u64,
}

impl Listed {
    pub(super) fn invites(&self) -> u64 {
        self.invites
    }

    pub(super) fn failed(&self) -> u64 {
        self.failed
    }
}

/// All targets, in the order of the list.
pub(super) fn listed(live: &Live) -> Vec<Listed> {
    let loaded = live.table.load();
    let Some(targets) = loaded.as_ref() else { return Vec::new() };
    let mut endpoints: Vec<Vec<(&str, &Endpoint)>> =
        targets.table.targets().iter().map(|_| Vec::new()).collect();
    for (port, place, endpoint) in targets.table.endpoints() {
        if let Some(list) = endpoints.get_mut(usize::from(place)) {
            list.push((port, endpoint));
        }
    }
    let list = targets.with_invites().zip(targets.table.gauges()).zip(endpoints);
    list.map(|(((target, invites), (_, gauge)), endpoints)| one(live, target, invites, gauge, &endpoints))
        .collect()
}

fn one(
    live: &Live,
    target: &fleet::Target,
    invites: u64,
    gauge: &Gauge,
    endpoints: &[(&str, &Endpoint)],
) -> Listed {
    let worst = endpoints.iter().max_by_key(|(_, endpoint)| endpoint.mark.condition());
    let ports = endpoints.iter().map(|(port, endpoint)| Port {
        port: (*port).to_owned(),
        address: endpoint.address.to_string(),
        health: endpoint.mark.condition().as_str(),
        since: rfc3339(endpoint.mark.since()),
        failed: endpoint.mark.failed_calls(),
    });
    // Two names of one port share a mark.
    let mut marks: Vec<_> =
        endpoints.iter().map(|(_, e)| (Arc::as_ptr(&e.mark), e.mark.failed_calls())).collect();
    marks.sort_unstable();
    marks.dedup();
    Listed {
        // What else its writer says of it could bear the names of what we say.
        target: fleet::Target { other: serde_json::Map::new(), ..target.clone() },
        drained: live.drains.contains(&target.id),
        // Without a port that calls go to nobody asks it.
        health: worst.map_or("unknown", |(_, endpoint)| endpoint.mark.condition().as_str()),
        since: worst.map(|(_, endpoint)| rfc3339(endpoint.mark.since())).unwrap_or_default(),
        invites,
        failed: marks.iter().map(|(_, failed)| failed).sum(),
        load: gauge.shown().map(|known| Load {
            at: rfc3339(SystemTime::UNIX_EPOCH + known.at),
            stale: gauge.room(Live::now(), live.config.load.stale).is_none(),
            room: known.figures.room(),
            figures: known.figures,
        }),
        endpoints: ports.collect(),
    }
}

fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

pub(super) async fn list(State(live): State<Arc<Live>>) -> Json<Vec<Listed>> {
    Json(listed(&live))
}

pub(super) async fn drain(
    State(live): State<Arc<Live>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<serde_json::Value>, Refusal> {
    change(live, id, &headers, true).await
}

pub(super) async fn activate(
    State(live): State<Arc<Live>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<serde_json::Value>, Refusal> {
    change(live, id, &headers, false).await
}

async fn change(
    live: Arc<Live>,
    id: String,
    headers: &HeaderMap,
    drain: bool,
) -> Result<Json<serde_json::Value>, Refusal> {
    access::check(&live.config.admin, headers)?;
    let answer = serde_json::json!({ "id": id, "state": if drain { "draining" } else { "active" } });
    // As with a new list: a table of many targets takes a while to make.
    let done = tokio::task::spawn_blocking(move || live.drain(&id, drain)).await;
    done.map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))??;
    Ok(Json(answer))
}
