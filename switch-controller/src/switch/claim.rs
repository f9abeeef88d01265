//! A call that came in and waits, parked and unanswered: taken, and made a call.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use esl::{Api, Event, Uuid};

use super::commands::{own_variables, set};
use super::drive::drive;
use super::events;
use crate::call::Call;
use crate::call::input::Input;
use crate::calls::{Forget, Full, Happened, Message, Queue, View};
use crate::kept::Entry;
use crate::live::Live;
use crate::platform::{Incoming, NotTaken};

/// How long the second park may take.
const PARKED_WITHIN: Duration = Duration::from_secs(1);

/// A channel that belongs to no call is parked.
pub(super) fn parked(live: &Arc<Live>, event: &Event) {
    let Some((incoming, channel)) = events::incoming(event)
        .and_then(|incoming| Uuid::new(incoming.channel.clone()).ok().map(|channel| (incoming, channel)))
    else {
        return;
    };
    if event.header("Call-Direction") != Some("inbound") {
        // A leg whose call is over, and that was answered all the same.
        if event.variable(super::commands::CALL_SID).is_some() {
            end(live, channel, "ORIGINATOR_CANCEL");
        }
        return;
    }
    // Answered, or the platform has been asked whose it is: it is not made a second call there.
    let was_taken = event.variable(super::commands::CALL_SID).is_some();
    if was_taken || event.header("Answer-State") == Some("answered") {
        tracing::warn!(%channel, "a call that nobody knows any more is ended");
        return end(live, channel, "NORMAL_TEMPORARY_FAILURE");
    }
    if live.draining.load(Ordering::Relaxed) {
        live.metrics.refused.with_label_values(&["draining"]).inc();
        return end(live, channel, "NORMAL_TEMPORARY_FAILURE");
    }
    match live.calls.begin(&incoming.channel, None, live.config.limits.sessions) {
        Ok(queue) => drop(tokio::spawn(take(Arc::clone(live), channel, incoming, queue))),
        Err(Full::Known(_)) => {}
        Err(Full::Sessions) => {
            live.metrics.refused.with_label_values(&["full"]).inc();
            end(live, channel, "NORMAL_TEMPORARY_FAILURE");
        }
    }
}

fn end(live: &Arc<Live>, channel: Uuid, cause: &'static str) {
    let live = Arc::clone(live);
    tokio::spawn(async move { live.kill(&channel, cause).await });
}

async fn take(live: Arc<Live>, channel: Uuid, incoming: Incoming, queue: Arc<Queue>) {
    let _forget = Forget { calls: &live.calls, queue: Arc::clone(&queue) };
    let park_timeout = live.park_timeout();
    // FreeSWITCH reads the time-out on entering park, and sends a second CHANNEL_PARK.
    let early = set(&channel, &[("park_timeout", &park_timeout)]);
    let held = match early {
        Ok(api) => live.api(api).await.is_ok_and(|reply| reply.ok().is_ok()),
        Err(_) => false,
    };
    if !held || live.api(Api::uuid_park(&channel)).await.is_err() {
        // It is gone, or will be refused by FreeSWITCH.
        return;
    }
    if !is_held(&queue).await {
        return;
    }
    let claim = match live.platform.claim(&incoming).await {
        Ok(claim) => claim,
        Err(why) => return refuse(&live, &channel, &incoming, why).await,
    };
    live.metrics.calls.with_label_values(&["inbound"]).inc();
    tracing::debug!(call = claim.facts.call_sid, %channel, from = incoming.from, to = incoming.to, "taken");
    let headers: Vec<_> =
        claim.answer_headers.iter().map(|(name, value)| (format!("sip_rh_{name}"), value)).collect();
    let mut variables = own_variables(&claim.facts).to_vec();
    variables.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    variables.extend(claim.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    match set(&channel, &variables) {
        Ok(api) => drop(live.api(api).await),
        Err(error) => {
            tracing::warn!(call = claim.facts.call_sid, %error, "the platform's variables are refused");
            return live.kill(&channel, "NORMAL_TEMPORARY_FAILURE").await;
        }
    }
    let mut place = match live.enter_account(&claim.facts.account_sid) {
        Ok(place) => place,
        Err(over) => {
            tracing::info!(call = claim.facts.call_sid, %over, "a call is refused");
            live.metrics.refused.with_label_values(&["account_full"]).inc();
            // No other FreeSWITCH is to be tried: the platform knows the call.
            return live.kill(&channel, "USER_BUSY").await;
        }
    };
    place.begin(Instant::now());
    let view = Arc::new(View::new(&claim.facts));
    live.calls.show(&view);
    live.kept.keep(Entry {
        facts: claim.facts.clone(),
        application: Some(claim.application.clone()),
        document: None,
        began: view.began,
        answered: None,
        trunk: None,
    });
    let call = Call::new(claim.facts.clone(), claim.application, live.config.rules, live.now());
    let _ = drive(Arc::clone(&live), channel, Arc::new(claim.facts), call, queue, view).await;
}

/// Waits for the second CHANNEL_PARK: what is executed on the way from one park to the other is broken off (a playback says
/// `PLAYBACK ERROR`). Whether the call is still there.
async fn is_held(queue: &Queue) -> bool {
    let parked = async {
        loop {
            match queue.next().await {
                Message::Channel(Happened::Parked) => return true,
                Message::Channel(Happened::HungUp(_)) | Message::Input(Input::HungUp(_)) => return false,
                // Nothing else matters to a call that has not begun.
                _ => {}
            }
        }
    };
    // An event may be lost; then the call goes on all the same.
    tokio::time::timeout(PARKED_WITHIN, parked).await.unwrap_or(true)
}

async fn refuse(live: &Live, channel: &Uuid, incoming: &Incoming, why: NotTaken) {
    let (reason, text, cause) = match why {
        NotTaken::NoSuchNumber(text) => ("no_such_number", text, "UNALLOCATED_NUMBER"),
        // What mod_sofia makes 403 of.
        NotTaken::Forbidden(text) => ("forbidden", text, "INCOMING_CALL_BARRED"),
        NotTaken::Unavailable(text) => ("unavailable", text, "NORMAL_TEMPORARY_FAILURE"),
    };
    tracing::info!(%channel, from = incoming.from, to = incoming.to, why = text, "a call is refused");
    live.metrics.refused.with_label_values(&[reason]).inc();
    live.kill(channel, cause).await;
}
