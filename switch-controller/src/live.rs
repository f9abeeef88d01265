//! What all parts of a running controller share.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use esl::client::Client;
use esl::{Api, Command, Reply, Uuid};
use tokio_util::task::TaskTracker;

use crate::calls::{Calls, Message};
use crate::config::Config;
use crate::fetch::Fetcher;
use crate::files::Files;
use crate::kept::Kept;
use crate::limits::{Group, Limit, Limits, Over, Place, TrunkLoad};
use crate::metrics::Metrics;
use crate::platform::Platform;
use crate::platform::dial::host_of;
use crate::platform::gateway::Dialer;
use crate::platform::routes::Routes;
use crate::rooms::{Effect, Rooms};
use crate::shared::Shared;
use crate::speech::Synthesiser;
use crate::switch::load::Load;
use crate::tell::Teller;

/// A running controller.
pub struct Live {
    /// Its settings.
    pub config: Config,
    /// Who knows whose calls these are.
    pub platform: Arc<dyn Platform>,
    /// Who asks customers' servers.
    pub fetcher: Arc<Fetcher>,
    /// Who has files to play.
    pub files: Files,
    /// Who makes speech.
    pub speech: Box<dyn Synthesiser>,
    /// Who makes dial strings of what the platform says.
    pub dialer: Dialer,
    /// The trunks' limits.
    pub routes: Arc<Routes>,
    /// What it shares with other controllers.
    pub shared: Shared,
    /// How many calls trunks and accounts have.
    pub limits: Arc<Limits>,
    /// The calls.
    pub calls: Calls,
    /// What is kept of them.
    pub kept: Kept,
    /// The conferences.
    pub rooms: Mutex<Rooms>,
    /// Who is told of each conference.
    pub tellers: Mutex<HashMap<String, Teller>>,
    /// What customers are still to be told.
    pub telling: TaskTracker,
    /// What is counted.
    pub metrics: Metrics,
    /// FreeSWITCH.
    pub client: Client,
    /// How full FreeSWITCH is.
    pub load: Mutex<Option<Load>>,
    /// Whether the link is up.
    pub up: AtomicBool,
    /// Whether no new calls are welcome.
    pub draining: AtomicBool,
    /// Whether the fleet's target list lets this one drain: the calls that still come are taken, and none is made.
    pub drained: AtomicBool,
    /// The beginning of time for calls.
    pub began: Instant,
}

impl Live {
    /// Since the beginning.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// A command to FreeSWITCH.
    pub async fn command(&self, command: Command) -> Result<Reply, esl::CallError> {
        self.client.call(command, self.config.freeswitch.answer_within).await
    }

    /// A call of one of FreeSWITCH's functions.
    pub async fn api(&self, api: Api) -> Result<Reply, esl::CallError> {
        self.command(Command::Api(api)).await
    }

    /// Waits until customers have been told all that happened, unless calls are left, of which there is always more to tell.
    pub async fn told(&self) {
        if self.calls.count() > 0 {
            return;
        }
        self.tellers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.telling.close();
        self.telling.wait().await;
    }

    /// Ends a channel, and says nothing if it is gone.
    pub async fn kill(&self, channel: &Uuid, cause: &str) {
        let cause = esl::Cause::new(cause).ok();
        let _ = self.api(Api::uuid_kill(channel, cause.as_ref())).await;
    }

    /// What a channel's `park_timeout` is, in seconds: longer than any call lasts, which the controller ends.
    pub fn park_timeout(&self) -> String {
        (self.config.limits.call_duration.as_secs() + 3600).to_string()
    }

    /// Whether new calls are welcome; if not, why.
    pub fn readiness(&self) -> Result<(), &'static str> {
        if self.draining.load(Ordering::Relaxed) {
            return Err("draining");
        }
        if self.drained.load(Ordering::Relaxed) {
            return Err("drained by the target list");
        }
        if !self.up.load(Ordering::Relaxed) {
            return Err("no connection to FreeSWITCH");
        }
        if self.calls.count() >= self.config.limits.sessions {
            return Err("as many calls as limits.sessions allows");
        }
        Ok(())
    }

    /// Whether something would be lost with this machine: calls, and recordings on its disk that the platform does not have yet.
    pub fn has_work(&self) -> bool {
        self.calls.count() > 0 || self.metrics.platform.recordings_waiting.get() > 0
    }

    /// Whether FreeSWITCH has room for another call, by what it said last and what came and went since; if not, why.
    pub fn room(&self) -> Result<(), &'static str> {
        match self.load() {
            Some(load) if !load.has_room(self.calls.channels()) => {
                Err("FreeSWITCH has as many sessions as it takes")
            }
            // The first calls need not wait for what its first heartbeat says.
            _ => Ok(()),
        }
    }

    /// A call or a leg takes its place in its trunk, and a call in its account.
    pub fn enter(&self, dial_string: &str, account: Option<&str>) -> Result<Place, Over> {
        let mut groups: Vec<_> = account.map(|sid| self.account(sid)).into_iter().collect();
        let host = host_of(dial_string);
        let whole = self.routes.limit(&host);
        if whole != Limit::default() {
            let share = self.shared.share().ok_or_else(|| Over {
                what: "this controller has no part of the trunk's limit: it has just come, or the shared store is away"
                    .to_owned(),
                after: self.config.shared.interval,
            })?;
            let own = Limit {
                calls: whole.calls.map(|most| self.shared.may_have(&host, most, share)),
                per_second: whole.per_second.map(|most| self.shared.may_begin(most)),
            };
            groups.push((Group::Trunk(host), own));
        }
        self.limits.enter(&groups, Instant::now())
    }

    /// A call that came in takes its place in its account.
    pub fn enter_account(&self, sid: &str) -> Result<Place, Over> {
        self.limits.enter(&[self.account(sid)], Instant::now())
    }

    /// A call that is there already takes its place, whatever the limits.
    pub fn restore(&self, account: &str, trunk: Option<&str>) -> Option<Place> {
        let trunk = trunk.map(|host| Group::Trunk(host.to_owned()));
        let groups = trunk.into_iter().chain([Group::Account(account.to_owned())]);
        let groups: Vec<_> = groups.map(|group| (group, Limit::default())).collect();
        let now = Instant::now();
        let mut place = self.limits.enter(&groups, now).ok()?;
        place.begin(now);
        Some(place)
    }

    /// The trunks that may have so many calls at once, and how many they have here.
    pub fn trunks(&self) -> Vec<TrunkLoad> {
        let load = |(host, most): (String, u32)| {
            let calls = self.limits.calls(&Group::Trunk(host.clone()));
            TrunkLoad { host, most, calls }
        };
        self.routes.most_calls().into_iter().map(load).collect()
    }

    fn account(&self, sid: &str) -> (Group, Limit) {
        let limits = &self.config.limits;
        let limit = Limit { calls: limits.account_calls, per_second: limits.account_calls_per_second };
        (Group::Account(sid.to_owned()), limit)
    }

    /// How full FreeSWITCH said that it is.
    pub fn load(&self) -> Option<Load> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something happens in conferences.
    pub fn with_rooms(self: &Arc<Self>, act: impl FnOnce(&mut Rooms) -> Vec<Effect>) {
        // What is told is told in the order in which it happens.
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tellers = self.tellers.lock().unwrap_or_else(PoisonError::into_inner);
        for effect in act(&mut rooms) {
            match effect {
                Effect::Tell(channel, input) => {
                    if let Some(call) = self.calls.get(&channel) {
                        call.queue.push(Message::Input(input));
                    }
                }
                Effect::Customer { sid, request, token } => {
                    let teller = tellers.entry(sid).or_insert_with(|| Teller::new(Arc::clone(self), token));
                    teller.tell(request);
                }
                Effect::Closed(sid) => drop(tellers.remove(&sid)),
            }
        }
    }

    /// The file of a recording.
    pub fn recording(&self, sid: &str) -> PathBuf {
        self.config.recordings.join(format!("{sid}.wav"))
    }
}
