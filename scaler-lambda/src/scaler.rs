//! One invocation: read the snapshot, ask ECS, plan, write if it is another.

use std::time::{SystemTime, UNIX_EPOCH};

use fleet::{Drain, NoSuchTarget, Snapshot, State, differences};
use serde::Serialize;
use serde_json::Value;
use store::{Changed, ListError, Options, Store};

use crate::aws::{self, NoCredentials};
use crate::ecs::{Ecs, EcsError};
use crate::emf;
use crate::event::{self, Action, EventError, Request};
use crate::facts::Service;
use crate::load;
use crate::memory::Note;
use crate::plan::plan;
use crate::platform::Platform;
use crate::settings::Settings;

/// What a pass came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Of the list in force.
    pub generation: u64,
    /// Whether this pass has written it.
    pub changed: bool,
    /// Targets that take calls.
    pub active: usize,
    /// Targets that end theirs.
    pub draining: usize,
    /// Tasks that the service wants.
    pub desired: u32,
}

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub enum ScalerError {
    /// What woke it is nothing that is known.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The environment has no credentials.
    #[error(transparent)]
    Credentials(#[from] NoCredentials),
    /// ECS.
    #[error(transparent)]
    Ecs(#[from] EcsError),
    /// The snapshot, or its store. What is no snapshot is not written over: it may be one of a later version.
    #[error(transparent)]
    List(#[from] ListError),
    /// An operator means a target that is not there.
    #[error(transparent)]
    NoSuchTarget(#[from] NoSuchTarget),
}

impl ScalerError {
    /// What kind it is, for whoever invoked the Lambda.
    pub fn kind(&self) -> &'static str {
        match self {
            ScalerError::Event(_) => "UnknownEvent",
            ScalerError::Credentials(_) => "NoCredentials",
            ScalerError::Ecs(_) => "Ecs",
            ScalerError::List(ListError::Store { .. }) => "Store",
            ScalerError::List(ListError::Snapshot { .. }) => "BrokenSnapshot",
            ScalerError::List(ListError::Busy(_)) => "Busy",
            ScalerError::NoSuchTarget(_) => "NoSuchTarget",
        }
    }
}

/// The whole: what stays from one invocation to the next.
#[derive(Debug)]
pub struct Scaler {
    settings: Settings,
    ecs: Ecs,
    store: Store,
    platform: Option<Platform>,
}

impl Scaler {
    /// Nothing is asked yet. `variable` tells the value of a variable of the environment.
    ///
    /// # Errors
    ///
    /// There are no credentials, or the snapshot's URL is none.
    pub fn new(settings: Settings, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ScalerError> {
        let aws = aws::config(&settings, variable)?;
        let ecs = Ecs::new(&settings, &aws);
        let platform = settings.platform.clone().map(|platform| Platform::new(platform, &aws));
        let url = settings.snapshot_url.clone();
        let store = Store::open(&url, Options::default()).map_err(|error| ListError::Store { url, error })?;
        Ok(Scaler { settings, ecs, store, platform })
    }

    /// Does what an event asks for, and a pass. `None`: it is about another service.
    ///
    /// # Errors
    ///
    /// The event is unknown, or an API fails: then the snapshot is as it was, or, where the API failed to answer a
    /// write, as it is to be.
    pub async fn handle(&self, event: &Value) -> Result<Option<Outcome>, ScalerError> {
        let request = event::read(event, &self.settings.cluster, &self.settings.service)?;
        tracing::debug!(?request, "woken");
        match request {
            Request::NotOurs => return Ok(None),
            Request::Pass(_) | Request::Action(Action::Reconcile {}) => {}
            Request::Action(Action::Prescale { sessions }) => self.prescale(sessions).await?,
            Request::Action(Action::Drain { target, note }) => {
                self.edit(|list| {
                    let drain = Drain { at: rfc3339(), note: note.clone(), ..Drain::default() };
                    list.drain(&target, drain)
                })
                .await?;
            }
            Request::Action(Action::Activate { target }) => {
                self.edit(|list| list.activate(&target).map(drop)).await?;
            }
        }
        self.pass().await.map(Some)
    }

    /// Brings the snapshot up to date.
    ///
    /// # Errors
    ///
    /// An API fails.
    pub async fn pass(&self) -> Result<Outcome, ScalerError> {
        let mut seen = Service::default();
        let changed = self.store.change::<ScalerError>(async |old| {
            seen = self.ecs.service().await?;
            let known =
                old.into_iter().flat_map(|old| &old.targets).filter_map(|target| Some(Note::of(target)?.arn));
            let mut tasks = self.ecs.tasks(known).await?;
            if tasks.len() > usize::try_from(seen.desired).unwrap_or(usize::MAX) {
                self.ecs.look_at_protection(&mut tasks).await;
                if let Some(port) = self.settings.load_port {
                    load::look(&mut tasks, port).await;
                }
            }
            Ok(plan(&self.settings.rules, &seen, &tasks, old, (now(), &rfc3339())))
        });
        let Changed { before, after, conflicts } = changed.await?;
        let before = before.unwrap_or_default();
        let changes = after.as_ref().map_or(0, |after| log(&before, after));
        let outcome = self.report(after.as_ref().unwrap_or(&before), &seen, (changes, conflicts)).await;
        Ok(Outcome { changed: after.is_some(), ..outcome })
    }

    /// There is to be room for so many calls: the service wants as many tasks as that takes, if it wants fewer.
    async fn prescale(&self, sessions: u32) -> Result<(), ScalerError> {
        let desired = self.ecs.service().await?.desired;
        let needed = sessions.div_ceil(self.settings.sessions_per_task).min(self.settings.max_tasks);
        if needed > desired {
            self.ecs.want(needed).await?;
        }
        tracing::info!(sessions, needed, desired, raised = needed > desired, "prescale");
        Ok(())
    }

    /// Changes the snapshot by hand.
    async fn edit(
        &self,
        mut change: impl FnMut(&mut Snapshot) -> Result<(), NoSuchTarget>,
    ) -> Result<(), ScalerError> {
        let changed = self.store.change::<ScalerError>(async |old| {
            let old = old.cloned().unwrap_or_default();
            let mut next = old.clone();
            change(&mut next)?;
            Ok((next != old).then(|| next.next(&rfc3339())))
        });
        let Changed { before, after, .. } = changed.await?;
        if let Some(after) = after {
            log(&before.unwrap_or_default(), &after);
        }
        Ok(())
    }

    async fn report(
        &self,
        list: &Snapshot,
        service: &Service,
        (changes, conflicts): (usize, u32),
    ) -> Outcome {
        let count = |state| list.targets.iter().filter(|target| target.state == state).count();
        let (active, draining) = (count(State::Active), count(State::Draining));
        let written = list.written_at.as_deref().and_then(|at| humantime::parse_rfc3339_weak(at).ok());
        let since_change =
            written.and_then(|at| SystemTime::now().duration_since(at).ok()).unwrap_or_default();
        let generation = list.generation.unwrap_or_default();
        let metrics = [
            ("ActiveTargets", "Count", active as f64),
            ("DrainingTargets", "Count", draining as f64),
            ("DesiredTasks", "Count", f64::from(service.desired)),
            ("Generation", "None", generation as f64),
            ("SinceChange", "Seconds", since_change.as_secs_f64()),
            ("Changes", "Count", changes as f64),
            ("Conflicts", "Count", f64::from(conflicts)),
        ];
        let Settings { namespace, cluster, service: name, .. } = &self.settings;
        let dimensions = [("Cluster", cluster.as_str()), ("Service", name.as_str())];
        if let Some(namespace) = namespace {
            println!("{}", emf::line(namespace, &dimensions, &metrics, now().saturating_mul(1000)));
        }
        if let Some(platform) = &self.platform
            && let Err(error) = platform.tell(active).await
        {
            // The next pass tells it again.
            tracing::warn!(url = platform.url(), error, "the platform was not told the capacity");
        }
        Outcome { generation, changed: false, active, draining, desired: service.desired }
    }
}

/// Says what is other than before. Returns how much.
fn log(before: &Snapshot, after: &Snapshot) -> usize {
    let changes = differences(before, after);
    for change in &changes {
        let target = after.target(change.id());
        let state = target.map_or_else(|| "gone".to_owned(), |target| target.state.to_string());
        let reason = target.and_then(|target| target.reason.as_deref()).unwrap_or_default();
        tracing::info!(target_id = change.id(), state, reason, %change, "target changed");
    }
    tracing::info!(
        generation = after.generation,
        epoch = after.epoch,
        changes = changes.len(),
        "snapshot written"
    );
    changes.len()
}

/// Unix time in seconds.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn rfc3339() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
