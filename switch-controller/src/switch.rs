//! The link to FreeSWITCH. One loop takes what FreeSWITCH tells, and never waits for anything else: each call has a task and a
//! queue of its own.
//!
//! | file | what it holds |
//! |---|---|
//! | `events.rs` | events -> what happened to which channel |
//! | `claim.rs` | a call that came in: taken, and made a call |
//! | `originate.rs` | calls that are made, and legs |
//! | `brief.rs` | legs that execute something before they are connected |
//! | `refer.rs` | what came of a REFER |
//! | `drive.rs`, `drive/` | a call's task: messages -> inputs, actions -> commands; its recordings and legs |
//! | `commands.rs` | what commands say |
//! | `resync.rs` | how things are, after events were lost |
//! | `take_over.rs` | calls that an earlier process has left |
//! | `load.rs` | how full FreeSWITCH is |

mod brief;
mod claim;
mod commands;
mod drive;
mod events;
pub mod load;
mod originate;
mod refer;
mod resync;
mod take_over;

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use esl::client::{Inbox, Notice, Settings};
use esl::{Api, Direction, Event, Format, Login, Name, Reason, Subscription, Timing};

use crate::call::input::HangUp;
use crate::calls::{Happened, Message};
use crate::config::SwitchConfig;
use crate::live::Live;

pub use commands::spoken_path;
pub(crate) use take_over::take_over;

pub use originate::{NotMade, Outbound, begin};
use resync::Why;
pub(crate) use resync::heartbeats;

/// The events that are used. Nothing else is asked for: FreeSWITCH closes a connection that falls behind.
const EVENTS: [&str; 12] = [
    "CHANNEL_PARK",
    "CHANNEL_ANSWER",
    "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_EXECUTE_COMPLETE",
    "CHANNEL_BRIDGE",
    "CHANNEL_HANGUP_COMPLETE",
    "DTMF",
    "RECORD_STOP",
    "HEARTBEAT",
    "SHUTDOWN_REQUESTED",
    "BACKGROUND_JOB",
];

/// How to connect.
pub fn settings(config: &SwitchConfig) -> Settings {
    let names = EVENTS.into_iter().filter_map(|name| Name::new(name).ok()).collect();
    let subscription = Subscription { format: Format::Json, names, custom: Vec::new() };
    let login = Login { password: config.password.clone(), subscription, filters: Vec::new() };
    let timing = Timing { silent: config.silent, ..Timing::default() };
    Settings { timing, ..Settings::new(config.address.clone(), login) }
}

/// Takes what FreeSWITCH tells, until the client is closed.
pub async fn run(live: Arc<Live>, mut inbox: Inbox) {
    let mut last: Option<(Reason, Instant)> = None;
    while let Some(notice) = inbox.next().await {
        match notice {
            Notice::Up { restarted } => {
                last = None;
                up(&live, restarted);
            }
            Notice::Event(event) => told(&live, &event),
            Notice::Overflow { lost } => {
                tracing::warn!(lost, "events of FreeSWITCH are lost: it is asked how things are");
                live.metrics.events_lost.inc_by(lost);
                tokio::spawn(resync::resync(Arc::clone(&live), live.calls.all(), Why::Lost));
            }
            Notice::Down(reason) => down(&live, reason, &mut last),
        }
    }
}

fn up(live: &Arc<Live>, restarted: bool) {
    tracing::info!(restarted, "FreeSWITCH is connected");
    live.metrics.links.inc();
    live.up.store(true, Ordering::Relaxed);
    let mut known = live.calls.all();
    if restarted {
        for (_, channel) in known.drain(..) {
            let end = HangUp { cause: "CRASH".to_owned(), sip_status: None };
            let gone = Happened::HungUp(end);
            channel.queue.push(match channel.leg {
                Some(leg) => Message::Leg(leg, gone),
                None => Message::Channel(gone),
            });
        }
    }
    tokio::spawn(resync::resync(Arc::clone(live), known, Why::NewLink));
    // One that ran before may have paused it, and ended.
    let (live, draining) = (Arc::clone(live), live.draining.load(Ordering::Relaxed));
    tokio::spawn(async move {
        let wanted = if draining { Api::pause(Direction::Inbound) } else { Api::resume(Direction::Inbound) };
        let _ = live.api(wanted).await;
    });
}

/// The same reason again and again is logged once a minute.
fn down(live: &Live, reason: Reason, last: &mut Option<(Reason, Instant)>) {
    live.up.store(false, Ordering::Relaxed);
    *live.load.lock().unwrap_or_else(PoisonError::into_inner) = None;
    let said =
        last.as_ref().is_some_and(|(before, at)| *before == reason && at.elapsed() < Duration::from_secs(60));
    if !said {
        tracing::warn!(%reason, "no connection to FreeSWITCH; it is tried again");
        *last = Some((reason, Instant::now()));
    }
}

fn told(live: &Arc<Live>, event: &Event) {
    match event.name() {
        "HEARTBEAT" => {
            let load = load::Load::of(event, live.calls.channels());
            *live.load.lock().unwrap_or_else(PoisonError::into_inner) = Some(load);
            return;
        }
        "SHUTDOWN_REQUESTED" => {
            tracing::warn!("FreeSWITCH was asked to shut down");
            return;
        }
        _ => {}
    }
    let Some(id) = event.unique_id() else { return };
    match (live.calls.get(id), events::happened(event)) {
        (Some(channel), Some(what)) => {
            channel.seen.store(true, Ordering::Relaxed);
            for what in events::referred(event).into_iter().chain([what]) {
                let queued = match channel.leg {
                    Some(leg) => channel.queue.push(Message::Leg(leg, what)),
                    None => channel.queue.push(Message::Channel(what)),
                };
                if !queued {
                    live.metrics.events_lost.inc();
                }
            }
        }
        (None, Some(Happened::Parked)) => claim::parked(live, event),
        _ => {}
    }
}
