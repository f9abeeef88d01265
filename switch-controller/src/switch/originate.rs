//! Calls that are made: those that the API asks for, and legs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use esl::{Api, CallError, DialString, Uuid};

use super::commands::{Made, own_variables};
use super::drive::drive;
use super::resync;
use crate::call::Call;
use crate::call::facts::{Application, Facts};
use crate::call::input::{HangUp, LegId};
use crate::calls::{Forget, Full, Happened, Message, Queue, View};
use crate::kept::{Entry, unix};
use crate::limits::Place;
use crate::live::Live;
use crate::platform::dial::host_of;

/// How much later than the call itself FreeSWITCH may tell that it failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a failed call's own end is waited for, which says more than the answer to the command.
const OWN_END: Duration = Duration::from_secs(2);

/// A call that the API asks for.
#[derive(Debug)]
pub struct Outbound {
    /// What is known of it; its channel is new.
    pub facts: Facts,
    /// What it executes when it is answered.
    pub application: Application,
    /// Whom it calls.
    pub dial_string: DialString,
    /// Whom the callee sees.
    pub caller_id: String,
    /// Header fields of its INVITE.
    pub headers: Vec<(String, String)>,
    /// More variables of its channel.
    pub variables: Vec<(String, String)>,
    /// Its place among the calls of its trunk and its account, for as long as it lasts.
    pub place: Option<Place>,
}

/// Why a call is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotMade {
    /// It was made already: this is its channel.
    Already(String),
    /// No calls are made now.
    Unavailable(&'static str),
    /// FreeSWITCH cannot be told so.
    Refused(String),
}

impl Outbound {
    /// What is to be kept of it before anybody can know of it: a process that ends may have made it.
    pub fn entry(&self) -> Entry {
        Entry {
            facts: self.facts.clone(),
            application: Some(self.application.clone()),
            document: None,
            began: unix().as_secs(),
            answered: None,
            trunk: Some(host_of(self.dial_string.as_str())),
        }
    }
}

/// Makes a call whose [`Outbound::entry`] is kept, and does not wait for its answer. Says its channel.
pub fn begin(live: &Arc<Live>, outbound: Outbound) -> Result<String, NotMade> {
    let channel = Uuid::new(outbound.facts.channel.clone()).map_err(|e| NotMade::Refused(e.to_string()))?;
    let Outbound { facts, application, dial_string, caller_id, headers, variables: given, mut place } =
        outbound;
    let park_timeout = live.park_timeout();
    let mut variables = own_variables(&facts).to_vec();
    variables.push(("park_timeout", &park_timeout));
    variables.extend(given.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let trunk = Some(host_of(dial_string.as_str()));
    let made = Made {
        channel: &channel,
        dial_string,
        caller_id: &caller_id,
        timeout: live.config.limits.ringing,
        headers: &headers,
        variables: &variables,
    };
    let api = made.originate().map_err(|error| NotMade::Refused(error.to_string()))?;
    let begun = live.calls.begin(&facts.channel, Some(&facts.call_sid), live.config.limits.sessions);
    let queue = match begun {
        Ok(queue) => queue,
        Err(Full::Known(known)) => return Err(NotMade::Already(known)),
        Err(Full::Sessions) => return Err(NotMade::Unavailable("as many calls as limits.sessions allows")),
    };
    live.metrics.calls.with_label_values(&["outbound"]).inc();
    let view = Arc::new(View { trunk, ..View::new(&facts) });
    live.calls.show(&view);
    if let Some(place) = &mut place {
        place.begin(Instant::now());
    }
    let call = Call::new(facts.clone(), application, live.config.rules, live.now());
    let (live, id) = (Arc::clone(live), facts.channel.clone());
    tokio::spawn(async move {
        let _forget = Forget { calls: &live.calls, queue: Arc::clone(&queue) };
        let _place = place;
        let timeout = live.config.limits.ringing;
        tokio::spawn(originate(Arc::clone(&live), channel.clone(), None, api, timeout, Arc::clone(&queue)));
        let _ = drive(Arc::clone(&live), channel, Arc::new(facts), call, queue, view).await;
    });
    Ok(id)
}

/// Asks FreeSWITCH to make a call. If that fails, and the channel's own end does not say so, this does.
pub(super) async fn originate(
    live: Arc<Live>,
    channel: Uuid,
    leg: Option<LegId>,
    api: Api,
    timeout: Duration,
    queue: Arc<Queue>,
) {
    let Ok(job) = Uuid::new(uuid::Uuid::new_v4().to_string()) else { return };
    let result = live.client.bgapi(api, job, timeout + PATIENCE).await;
    let cause = match &result {
        Ok(reply) => match reply.ok() {
            Ok(_) => return,
            Err(cause) => cause.to_owned(),
        },
        // What became of it is asked for when there is a connection again.
        Err(CallError::Disconnected) if live.calls.get(channel.as_str()).is_some() => return,
        // The answer is lost, and not the call, which tells its end itself.
        Err(CallError::TimedOut) if resync::dump(&live, &channel).await.is_some() => return,
        Err(error) => {
            tracing::warn!(%channel, %error, "a call could not be made");
            "NORMAL_TEMPORARY_FAILURE".to_owned()
        }
    };
    tokio::time::sleep(OWN_END).await;
    // Still known: its end was not told, so there was no channel.
    if leg.is_none() || live.calls.get(channel.as_str()).is_some() {
        let gone = Happened::HungUp(HangUp { cause, sip_status: None });
        queue.push(match leg {
            Some(leg) => Message::Leg(leg, gone),
            None => Message::Channel(gone),
        });
    }
}

/// Ends a leg. A call that FreeSWITCH is only about to make cannot be ended yet: it is tried again.
pub(super) async fn end_leg(live: Arc<Live>, channel: Uuid, cause: &'static str) {
    for _ in 0..50 {
        let cause = esl::Cause::new(cause).ok();
        let ended = live.api(Api::uuid_kill(&channel, cause.as_ref())).await;
        if ended.is_ok_and(|reply| reply.ok().is_ok()) || live.calls.get(channel.as_str()).is_none() {
            return;
        }
        if !live.up.load(Ordering::Relaxed) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
