//! How things are, after events were lost or a link was made: FreeSWITCH is asked for its channels.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use esl::{Api, CallError, Event, Uuid};
use serde::Deserialize;

use super::events::hang_up;
use super::{claim, take_over};
use crate::call::input::{HangUp, Input};
use crate::calls::{Channel, Happened, Message};
use crate::live::Live;

/// How long it takes until FreeSWITCH is asked again that did not answer in time.
const AGAIN: Duration = Duration::from_secs(1);

/// How long it takes at most until a channel that is there is listed: the list comes out of a database, which learns of it some
/// hundredths of a second later.
const LISTED_WITHIN: Duration = Duration::from_millis(500);

/// Why FreeSWITCH is asked how things are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Events were lost, and the link is the same: a channel of which nothing was told may still be being made.
    Lost,
    /// The link is new: what was on its way to FreeSWITCH may never have come there.
    NewLink,
}

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

/// What FreeSWITCH answers, however long it takes. None where the link is down: there will be another one, and whoever asks
/// will be told so.
async fn ask(live: &Live, what: impl Fn() -> Api) -> Option<String> {
    loop {
        match live.api(what()).await {
            Ok(reply) => return Some(reply.text),
            Err(CallError::NotUp | CallError::Disconnected) => return None,
            Err(error @ (CallError::TimedOut | CallError::TooMany)) => {
                tracing::warn!(%error, "FreeSWITCH is asked again how things are");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// The channels that there are, each once.
async fn channels(live: &Live) -> Option<HashSet<String>> {
    loop {
        let text = ask(live, Api::show_channels).await?;
        match serde_json::from_str::<Channels>(&text) {
            Ok(channels) => return Some(channels.rows.into_iter().map(|row| row.uuid).collect()),
            Err(error) => {
                tracing::warn!(%error, "what FreeSWITCH says of its channels cannot be read");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// All that FreeSWITCH knows of a channel. None if it is gone, or if the link is down.
pub(super) async fn dump(live: &Live, channel: &Uuid) -> Option<Event> {
    look(live, channel).await.flatten()
}

/// The same, and None for a link that is down alone.
async fn look(live: &Live, channel: &Uuid) -> Option<Option<Event>> {
    let text = ask(live, || Api::uuid_dump(channel)).await?;
    Some(Event::from_json(text.as_bytes()).ok())
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

/// Compares what was known when events were lost with what is there, and tells calls anew what became of their channels.
/// Calls that began since are not touched.
pub(super) async fn resync(live: Arc<Live>, known: Vec<(String, Channel)>, why: Why) {
    let Some(there) = channels(&live).await else { return };
    for (name, channel) in &known {
        let Some(is_there) = is_there(&live, &there, name).await else { return };
        if is_there {
            tell_anew(&live, name, channel).await;
        } else if why == Why::NewLink || channel.seen.load(Ordering::Relaxed) {
            tell(channel, hung_up(None));
        }
    }
    strangers(&live, there).await;
    // A call may have come so short a time ago that it was told to nobody, and is not listed yet.
    tokio::time::sleep(LISTED_WITHIN).await;
    if let Some(there) = channels(&live).await {
        strangers(&live, there).await;
    }
}

/// Takes, or ends, what is there and belongs to no call.
async fn strangers(live: &Arc<Live>, there: HashSet<String>) {
    for name in there {
        if live.calls.get(&name).is_none() {
            strange(live, name).await;
        }
    }
}

/// Whether a channel is there, though it may not be listed yet. None where the link is down.
async fn is_there(live: &Live, listed: &HashSet<String>, name: &str) -> Option<bool> {
    let Some(channel) = Uuid::new(name).ok().filter(|_| !listed.contains(name)) else {
        return Some(listed.contains(name));
    };
    Some(ask(live, || Api::uuid_exists(&channel)).await?.trim() == "true")
}

/// That a channel is over, of which this is still known.
fn hung_up(dump: Option<&Event>) -> Happened {
    let unknown = || HangUp { cause: "NORMAL_UNSPECIFIED".to_owned(), sip_status: None };
    Happened::HungUp(dump.map_or_else(unknown, hang_up))
}

fn tell(channel: &Channel, what: Happened) {
    channel.queue.push(match channel.leg {
        Some(leg) => Message::Leg(leg, what),
        None => Message::Channel(what),
    });
}

/// Tells a call what its channel, or its leg's, has come to. It may know that already.
async fn tell_anew(live: &Live, name: &str, channel: &Channel) {
    channel.seen.store(true, Ordering::Relaxed);
    let Ok(uuid) = Uuid::new(name) else { return };
    let Some(found) = look(live, &uuid).await else { return };
    let is_over = |dump: &Event| dump.header("Answer-State") == Some("hangup");
    let Some(dump) = found.as_ref().filter(|dump| !is_over(dump)) else {
        // It is listed for a moment longer than it is there. If its end is told, that comes first; but it may have been told
        // when there was no link.
        let (channel, over) = (channel.clone(), hung_up(found.as_ref()));
        tokio::spawn(async move {
            tokio::time::sleep(AGAIN).await;
            tell(&channel, over);
        });
        return;
    };
    if dump.header("Answer-State") == Some("answered") {
        tell(channel, Happened::Answered);
        let partner = take_over::partner(dump).map(str::to_owned);
        tell(channel, partner.map_or(Happened::Parked, Happened::Bridged));
    }
    if channel.leg.is_none() {
        channel.queue.push(Message::Input(Input::Lost));
    }
}

/// A channel that belongs to no call: one that came while nobody looked, or one of a controller that is no more.
async fn strange(live: &Arc<Live>, name: String) {
    let Ok(channel) = Uuid::new(name) else { return };
    let Some(dump) = dump(live, &channel).await else { return };
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
