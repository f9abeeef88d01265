//! How things are, after events were lost or a link was made: FreeSWITCH is asked for its channels.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use esl::{Api, Event, Uuid};
use serde::Deserialize;

use super::{claim, take_over};
use crate::call::input::{HangUp, Input};
use crate::calls::{Channel, Happened, Message};
use crate::live::Live;

/// What `show channels as json` prints.
#[derive(Debug, Deserialize)]
struct Channels {
    #[serde(default)]
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    uuid: String,
}

/// The channels that there are, each once.
async fn channels(live: &Live) -> Option<HashSet<String>> {
    match live.api(Api::show_channels()).await {
        Ok(reply) => match serde_json::from_str::<Channels>(&reply.text) {
            Ok(channels) => Some(channels.rows.into_iter().map(|row| row.uuid).collect()),
            Err(error) => {
                tracing::warn!(%error, "what FreeSWITCH says of its channels cannot be read");
                None
            }
        },
        // The link is down again; there will be another one.
        Err(error) => {
            tracing::debug!(%error, "FreeSWITCH did not say which channels there are");
            None
        }
    }
}

/// Tells the platform every now and then which channels live, for ever. Where nobody knows, nothing is told.
pub(crate) async fn heartbeats(live: Arc<Live>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        if let Some(channels) = channels(&live).await.filter(|channels| !channels.is_empty()) {
            live.platform.heartbeat(&channels.into_iter().collect::<Vec<_>>()).await;
        }
    }
}

/// Compares what was known when events were lost with what is there. Calls that began since are not touched.
pub(super) async fn resync(live: Arc<Live>, known: Vec<(String, Channel)>) {
    let Some(there) = channels(&live).await else { return };
    for (name, channel) in &known {
        let gone = || {
            let end = HangUp { cause: "NORMAL_UNSPECIFIED".to_owned(), sip_status: None };
            Happened::HungUp(end)
        };
        match (there.contains(name), channel.leg) {
            (false, None) => drop(channel.queue.push(Message::Channel(gone()))),
            (false, Some(leg)) => drop(channel.queue.push(Message::Leg(leg, gone()))),
            (true, None) => drop(channel.queue.push(Message::Input(Input::Lost))),
            // Its call asks what it needs to know.
            (true, Some(_)) => {}
        }
    }
    for name in there {
        if live.calls.get(&name).is_none() {
            strange(&live, name).await;
        }
    }
}

/// A channel that belongs to no call: one that came while nobody looked, or one of a controller that is no more.
async fn strange(live: &Arc<Live>, name: String) {
    let Ok(channel) = Uuid::new(name) else { return };
    let Ok(reply) = live.api(Api::uuid_dump(&channel)).await else { return };
    let Ok(dump) = Event::from_json(reply.text.as_bytes()) else { return };
    let is_ours = dump.variable(super::commands::CALL_SID).is_some();
    let is_inbound = dump.header("Call-Direction") == Some("inbound");
    let waits = dump.variable("current_application") == Some("park");
    // The other end of a Dial that goes on without anybody (take_over.rs).
    let is_with_ours = take_over::partner(&dump).is_some_and(|other| live.calls.get(other).is_some());
    if is_with_ours {
        return;
    }
    if is_inbound && waits && live.calls.get(channel.as_str()).is_none() {
        claim::parked(live, &dump);
    } else if is_ours && live.calls.get(channel.as_str()).is_none() {
        tracing::warn!(%channel, "a channel of a call that nobody knows any more is ended");
        live.kill(&channel, "NORMAL_TEMPORARY_FAILURE").await;
    }
}
