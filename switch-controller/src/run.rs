//! From settings to a running controller, and to its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, anyhow};
use esl::{Api, Direction};
use objects::Objects;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::task::TaskTracker;

use crate::calls::Calls;
use crate::config::{Config, SpeechEngine};
use crate::fetch::{Fetcher, Public};
use crate::files::{Files, Room};
use crate::kept::Kept;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::platform::Platform;
use crate::platform::gateway::{Dialer, Gateway};
use crate::platform::routes::Routes;
use crate::platform::somleng::{Around, Somleng};
use crate::shared::Shared;
use crate::speech::{Program, Speak, Synthesiser};
use crate::{api, membership, protection, switch};

/// How long the platform and customers have to be told the last things.
const FLUSH: Duration = Duration::from_secs(10);

/// Runs the controller until SIGTERM or SIGINT and the drain that follows.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let listener = TcpListener::bind(config.api.bind).await;
    let listener = listener.with_context(|| format!("api.bind: {}", config.api.bind))?;
    let routes = Arc::new(routes(&config)?);
    if config.routes.file.is_some() {
        tokio::spawn(Arc::clone(&routes).watch(config.routes.poll));
    }
    let random = || uuid::Uuid::new_v4().as_u64_pair().0;
    let (client, inbox, driver) = esl::client::client(switch::settings(&config.freeswitch), random);
    let heartbeat = config.platform.as_ref().map(|platform| platform.heartbeat);
    let dialer = Dialer { profile: config.freeswitch.profile.clone(), gateway: gateway(&config).await };
    let (kept, left) = Kept::open(config.calls.as_deref()).context("calls.directory")?;
    let live = Arc::new(live(config, Arc::clone(&routes), dialer, client, kept)?);
    switch::take_over(&live, left);
    let attending = Arc::clone(&live);
    let attending = tokio::spawn(async move { attending.shared.attend(|| attending.trunks()).await });
    if let Some(interval) = heartbeat {
        tokio::spawn(switch::heartbeats(Arc::clone(&live), interval));
    }
    if let Ok(agent) = std::env::var(protection::AGENT) {
        let working = Arc::clone(&live);
        tokio::spawn(protection::run(agent, move || working.has_work()));
    }
    if let Some(membership) = live.config.membership.clone() {
        tokio::spawn(membership::watch(Arc::clone(&live), membership));
    }
    let driving = tokio::spawn(driver.run());
    let switching = tokio::spawn(switch::run(Arc::clone(&live), inbox));
    let serving = tokio::spawn(api::serve(Arc::clone(&live), routes, listener));
    signals.next().await;
    drain(&live, &mut signals).await;
    attending.abort();
    live.shared.leave().await;
    let (flushed, told) = tokio::join!(
        tokio::time::timeout(FLUSH, live.platform.flush()),
        tokio::time::timeout(FLUSH, live.told())
    );
    if flushed.is_err() {
        tracing::warn!("the platform was not told everything");
    }
    if told.is_err() {
        tracing::warn!("customers were not told everything");
    }
    live.client.close().await;
    let _ = tokio::time::timeout(Duration::from_secs(5), driving).await;
    switching.abort();
    serving.abort();
    tracing::info!("stopped");
    Ok(())
}

/// What can be wrong though each setting is right: the routes file.
pub fn check(config: &Config) -> anyhow::Result<()> {
    routes(config).map(drop)
}

fn routes(config: &Config) -> anyhow::Result<Routes> {
    let (profile, url) = (config.freeswitch.profile.clone(), config.recordings_url.clone());
    match &config.routes.file {
        Some(path) => Routes::load(path, profile, url).map_err(|error| anyhow!("routes.file: {error}")),
        None => Ok(Routes::empty(profile, url)),
    }
}

/// Who knows where registered clients are.
#[cfg(feature = "lambda")]
async fn gateway(config: &Config) -> Option<Arc<dyn Gateway>> {
    let name = config.platform.as_ref()?.gateway_function.clone()?;
    Some(Arc::new(crate::platform::gateway::lambda::Function::new(name).await))
}

/// Nobody: see the feature `lambda`.
#[cfg(not(feature = "lambda"))]
async fn gateway(_: &Config) -> Option<Arc<dyn Gateway>> {
    None
}

fn live(
    config: Config,
    routes: Arc<Routes>,
    dialer: Dialer,
    client: esl::client::Client,
    kept: Kept,
) -> anyhow::Result<Live> {
    let reach = Public::but(config.webhook.allow.clone());
    let fetcher = Fetcher::new(config.webhook.clone(), Arc::new(reach)).map_err(|error| anyhow!(error))?;
    let fetcher = Arc::new(fetcher);
    let sounds = config.sounds.clone();
    let room = Room::new(sounds.directory.clone(), sounds.cache_bytes);
    let room = Arc::new(room.with_context(|| format!("sounds.directory: {}", sounds.directory.display()))?);
    let recordings = &config.recordings;
    std::fs::create_dir_all(recordings)
        .with_context(|| format!("recordings.directory: {}", recordings.display()))?;
    let speech: Box<dyn Synthesiser> = match config.speech.engine {
        SpeechEngine::Speak => {
            let (engine, voice) = (config.speech.speak.clone(), config.speech.speak_voice.clone());
            Box::new(Speak { engine, voice })
        }
        #[cfg(feature = "polly")]
        SpeechEngine::Polly => {
            let directory = sounds.directory.clone();
            Box::new(crate::speech::Polly::new(config.speech.clone(), directory, Arc::clone(&room)))
        }
        // Without that feature settings that ask for it are refused.
        _ => Box::new(Program::new(config.speech.clone(), sounds.directory.clone(), Arc::clone(&room))),
    };
    let (metrics, began) = (Metrics::new()?, (Instant::now(), SystemTime::now()));
    let platform = platform(&config, Arc::clone(&routes), dialer.clone(), &metrics, began.1)?;
    let shared = match &config.shared.url {
        Some(url) => Some(Objects::open(url, None).context("shared.url")?),
        None => None,
    };
    let name = uuid::Uuid::new_v4().to_string();
    let shared = Shared::new(shared, name, config.api.reached_at(), config.shared.interval);
    let agent = config.webhook.user_agent.clone();
    Ok(Live {
        files: Files::new(Arc::clone(&fetcher), sounds, agent, room),
        platform,
        dialer,
        routes,
        shared,
        limits: Arc::default(),
        fetcher,
        speech,
        calls: Calls::remembering(config.limits.remembered),
        kept,
        rooms: Mutex::default(),
        tellers: Mutex::default(),
        telling: TaskTracker::new(),
        metrics,
        client,
        load: Mutex::default(),
        up: AtomicBool::new(false),
        draining: AtomicBool::new(false),
        drained: AtomicBool::new(false),
        began: began.0,
        config,
    })
}

/// The Somleng API if it is set, else the routes file.
fn platform(
    config: &Config,
    routes: Arc<Routes>,
    dialer: Dialer,
    metrics: &Metrics,
    began: SystemTime,
) -> anyhow::Result<Arc<dyn Platform>> {
    let Some(platform) = config.platform.clone() else { return Ok(routes) };
    let bucket = match &platform.bucket {
        Some((url, _)) => Some(Objects::open(url, platform.ca.as_deref()).context("platform.bucket")?),
        None => None,
    };
    let around = Around {
        host: config.api.reached_at(),
        dialer,
        recordings: config.recordings.clone(),
        bucket,
        raw_url: platform.bucket.as_ref().map_or(&config.recordings_url, |(_, url)| url).clone(),
        began,
        metrics: metrics.platform.clone(),
    };
    Ok(Arc::new(Somleng::new(platform, around).map_err(|error| anyhow!(error))?))
}

/// No new calls, and time for those that are there.
async fn drain(live: &Live, signals: &mut Signals) {
    live.draining.store(true, Ordering::Relaxed);
    let (calls, drain) = (live.calls.count(), live.config.drain);
    tracing::info!(calls, ?drain, "draining: no new calls; the next signal ends it at once");
    let _ = live.api(Api::pause(Direction::Inbound)).await;
    tokio::select! {
        () = live.calls.none_left() => {}
        () = tokio::time::sleep(live.config.drain) => {}
        () = signals.next() => {}
    }
    let calls = live.calls.count();
    if calls > 0 {
        tracing::warn!(calls, "calls are left behind");
    }
}

/// The signals that end the controller.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Signals { terminate, interrupt })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
