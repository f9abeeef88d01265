//! Calls that an earlier process has left: gone on with where they were. Those that ended meanwhile are reported.

use std::sync::Arc;
use std::time::Duration;

use esl::{Api, Event, Recording, Uuid, Word};

use super::drive::drive;
use super::{commands, resync};
use crate::call::Call;
use crate::call::facts::{Application, Direction};
use crate::call::input::{HangUp, Input};
use crate::calls::{Forget, Happened, Message, Queue, View};
use crate::kept::{Entry, unix};
use crate::limits::Place;
use crate::live::Live;
use crate::shared::Made;

/// Takes them over as soon as FreeSWITCH says which are there. To be called before the link is made: what FreeSWITCH tells
/// of them first is for them.
pub(crate) fn take_over(live: &Arc<Live>, left: Vec<Entry>) {
    if !left.is_empty() {
        tracing::info!(calls = left.len(), "an earlier process has left calls: they are gone on with");
    }
    for entry in left {
        let sid = (entry.facts.direction == Direction::OutboundApi).then_some(entry.facts.call_sid.as_str());
        // However many there are: they are there already.
        let begun = live.calls.begin(&entry.facts.channel, sid, usize::MAX);
        let (Ok(queue), Ok(channel)) = (begun, Uuid::new(entry.facts.channel.clone())) else {
            live.kept.forget(&entry.facts.channel);
            continue;
        };
        let view =
            Arc::new(View { began: entry.began, trunk: entry.trunk.clone(), ..View::new(&entry.facts) });
        live.calls.show(&view);
        // What was not answered, and has executed nothing, may never have had a channel.
        if entry.application.is_none() || entry.answered.is_some() {
            live.calls.saw(&entry.facts.channel);
        }
        // Before anybody asks how many there are.
        let place = live.restore(&entry.facts.account_sid, entry.trunk.as_deref());
        tokio::spawn(go_on(Arc::clone(live), channel, entry, queue, view, place));
    }
}

async fn go_on(
    live: Arc<Live>,
    channel: Uuid,
    mut entry: Entry,
    queue: Arc<Queue>,
    view: Arc<View>,
    _place: Option<Place>,
) {
    let _forget = Forget { calls: &live.calls, queue: Arc::clone(&queue) };
    let facts = Arc::new(entry.facts.clone());
    let mut wanted = None;
    let found = find(&live, &channel, &mut entry, &queue, &mut wanted).await;
    if let Some(application) = wanted {
        (entry.application, entry.document) = (Some(application), None);
        live.kept.keep(entry.clone());
    }
    let (rules, now) = (live.config.rules, live.now());
    let answered =
        entry.answered.map(|at| now.saturating_sub(unix().saturating_sub(Duration::from_millis(at))));
    if answered.is_some() {
        view.set_answered();
    }
    let call = match found {
        Found::Gone(_) if is_anothers(&live, &entry).await => return live.kept.forget(channel.as_str()),
        Found::Gone(end) => {
            tracing::info!(call = facts.call_sid, %channel, "a call ended while nobody looked after it");
            queue.push(Message::Channel(Happened::HungUp(end)));
            Call::over(entry.facts, answered, rules, now)
        }
        Found::There { dialled } => {
            live.metrics.taken_over.inc();
            match entry.left(unix(), dialled) {
                Some(left) => Call::resume(entry.facts, left, rules, now),
                None => {
                    live.kill(&channel, "NORMAL_TEMPORARY_FAILURE").await;
                    Call::over(entry.facts, answered, rules, now)
                }
            }
        }
    };
    drive(Arc::clone(&live), channel, facts, call, queue, view).await;
}

/// Whether a call that this controller was about to make was made by another one. If nobody has made it, nobody will: here
/// it is told how it ended.
async fn is_anothers(live: &Live, entry: &Entry) -> bool {
    let facts = &entry.facts;
    if facts.direction != Direction::OutboundApi {
        return false;
    }
    let host = live.config.api.reached_at();
    let made = Made { id: facts.channel.clone(), host, sid: facts.call_sid.clone() };
    let theirs = live.shared.claim(&made).await.ok().flatten();
    theirs.is_some_and(|theirs| theirs.id != facts.channel)
}

/// What became of a channel.
enum Found {
    /// It is gone.
    Gone(HangUp),
    /// It is there, and does nothing; behind a Dial, perhaps.
    There { dialled: bool },
}

/// Waits until FreeSWITCH has said what became of it, and until it is free: a Dial that was connected goes on, unless the API
/// ends the call or `wanted` is another application for it.
async fn find(
    live: &Live,
    channel: &Uuid,
    entry: &mut Entry,
    queue: &Queue,
    wanted: &mut Option<Application>,
) -> Found {
    loop {
        match queue.next().await {
            Message::Channel(Happened::HungUp(end)) | Message::Input(Input::HungUp(end)) => {
                return Found::Gone(end);
            }
            // It is there: FreeSWITCH was asked for its channels (resync.rs).
            Message::Input(Input::Lost) => {}
            Message::Input(Input::End) => {
                live.kill(channel, "NORMAL_CLEARING").await;
                continue;
            }
            Message::Input(Input::Update(application)) => {
                *wanted = Some(application);
                continue;
            }
            // What happened before belongs to what is begun again.
            _ => continue,
        }
        // Gone, which is told, or there is no link again, and then another one.
        let Some(dump) = resync::dump(live, channel).await else { continue };
        if entry.answered.is_none() && dump.header("Answer-State") == Some("answered") {
            entry.answered = Some(unix().as_millis() as u64);
        }
        let partner = partner(&dump).and_then(|partner| Uuid::new(partner).ok());
        if let Some(partner) = &partner
            && let Some(end) = connected(live, [channel, partner], entry, queue, wanted).await
        {
            return Found::Gone(end);
        }
        quiet(live, channel, &dump).await;
        return Found::There { dialled: partner.is_some() };
    }
}

/// Waits until a connected call is parked again, `None`, or ends. It lasts no longer than a call may, nor than the API wants.
async fn connected(
    live: &Live,
    [channel, partner]: [&Uuid; 2],
    entry: &Entry,
    queue: &Queue,
    wanted: &mut Option<Application>,
) -> Option<HangUp> {
    let lasted = unix().saturating_sub(Duration::from_secs(entry.began));
    let left = live.config.limits.call_duration.saturating_sub(lasted);
    let parked = async {
        if wanted.is_some() {
            live.kill(partner, "NORMAL_CLEARING").await;
        }
        loop {
            match queue.next().await {
                Message::Channel(Happened::Parked) => return None,
                Message::Channel(Happened::HungUp(end)) | Message::Input(Input::HungUp(end)) => {
                    return Some(end);
                }
                Message::Input(Input::End) => live.kill(channel, "NORMAL_CLEARING").await,
                Message::Input(Input::Update(application)) => {
                    *wanted = Some(application);
                    live.kill(partner, "NORMAL_CLEARING").await;
                }
                _ => {}
            }
        }
    };
    tokio::time::timeout(left, parked).await.unwrap_or(None)
}

/// Ends what it plays, what it is still to do, what is recorded of it, and the conference that it is in.
async fn quiet(live: &Live, channel: &Uuid, dump: &Event) {
    let _ = live.api(Api::uuid_break(channel, true)).await;
    if let Ok(all) = Word::new("all") {
        let _ = live.api(Api::uuid_record(channel, Recording::Stop, &all)).await;
    }
    let data = dump.variable("current_application_data");
    let data = data.filter(|_| dump.variable("current_application") == Some("conference"));
    if let Some((room, _)) = data.and_then(|data| data.split_once('@'))
        && let Ok(leave) = commands::leave_room(channel, room)
    {
        let _ = live.api(leave).await;
    }
}

/// Whom a channel is connected with.
pub(super) fn partner(dump: &Event) -> Option<&str> {
    let states = ["CS_HIBERNATE", "CS_EXCHANGE_MEDIA", "CS_SOFT_EXECUTE"];
    let is_connected = dump.header("Channel-State").is_some_and(|state| states.contains(&state));
    dump.variable("signal_bond").filter(|_| is_connected)
}
