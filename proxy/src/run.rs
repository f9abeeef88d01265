//! From settings to a running proxy, and to its end.

use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::bind::{Listenings, UdpSockets};
use crate::capture::Capture;
use crate::config::Config;
use crate::dns::{self, Names};
use crate::drains::Drains;
use crate::handover::{Passed, Successors};
use crate::health::{self, Health};
use crate::live::Live;
use crate::load::{self, Load};
use crate::metrics::Metrics;
use crate::pins::{Dispatch, Pins};
use crate::route::Router;
use crate::serving::Serving;
use crate::socket::UdpSocket;
use crate::steer::Mailbox;
use crate::stream::{Streams, Tls};
use crate::{access, bind, handover, stream, watch};

/// How long a proxy that takes over waits for its first target list, while the old one holds its breath.
const FIRST_LIST: Duration = Duration::from_secs(5);

/// Runs the proxy until SIGTERM or SIGINT and the drain that follows, or until another one has taken over.
pub async fn run(mut config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let mut passed = match &config.handover {
        Some(path) => Passed::ask(path).context("handover")?,
        None => None,
    };
    let (mut listenings, sockets) = bind::bind(&mut config, passed.as_mut())?;
    if !config.has_secrets {
        tracing::warn!(
            "no secrets are set: this proxy agrees with no other, nor with itself after a restart"
        );
    }
    let live = Arc::new(live(config, sockets)?);
    tokio::spawn(watch::watch(Arc::clone(&live)));
    tokio::spawn(access::watch(Arc::clone(&live)));
    tokio::spawn(dns::run(Arc::clone(&live)));
    tokio::spawn(health::run(Arc::clone(&live)));
    tokio::spawn(load::run(Arc::clone(&live)));
    if live.config.listeners.iter().any(|listener| listener.tls.is_some()) {
        tokio::spawn(stream::watch_certificates(Arc::clone(&live)));
    }
    if let Some(passed) = passed {
        take_over(&live, passed).await?;
    }
    let mut successors = match &live.config.handover {
        Some(path) => Some(Successors::listen(path).context("handover")?),
        None => None,
    };
    let mut serving = Serving::start(&live, &listenings)?;
    loop {
        let successor = tokio::select! {
            () = signals.next() => break,
            successor = Successors::next(&mut successors) => successor,
        };
        serving.stop(&live).await;
        if hand_over(&live, &listenings, successor).await {
            drop((listenings, successors));
            return linger(&live, &mut signals).await;
        }
        serving = Serving::start(&live, &listenings)?;
    }

    // Closed before /readyz says so: whoever has read that finds no listener any more.
    drop(successors);
    serving.stop_accepting().await;
    listenings.close_streams();
    live.draining.store(true, Ordering::Relaxed);
    tracing::info!(drain = ?live.config.drain, "draining: not ready, forwarding on; the next signal ends it at once");
    tokio::select! {
        () = tokio::time::sleep(live.config.drain) => {}
        () = signals.next() => {}
    }
    serving.stop(&live).await;
    end(&live).await;
    Ok(())
}

/// What is left to do when nothing is carried any more.
async fn end(live: &Live) {
    if let Some(capture) = &live.capture {
        capture.flush().await;
    }
    tracing::info!("stopped");
}

fn live(config: Config, sockets: UdpSockets) -> anyhow::Result<Live> {
    let mailbox = |_: &UdpSocket| Mailbox::new().context("cannot make a mailbox");
    let mailboxes =
        sockets.iter().map(|sockets| sockets.iter().map(mailbox).collect()).collect::<anyhow::Result<_>>()?;
    // Each listener's pins might be all of them: room costs nothing before it is used.
    let share = Dispatch { max_pins: config.dispatch.max_pins.div_ceil(config.workers), ..config.dispatch };
    let pins = || (0..config.workers).map(|_| Mutex::new(Pins::new(share))).collect();
    let metrics = Metrics::new()?;
    let live = Live {
        capture: Capture::start(&config, &metrics, &Handle::current()),
        pins: config.listeners.iter().map(|_| pins()).collect(),
        began: Instant::now(),
        router: Router::new(&config),
        table: None.into(),
        sockets,
        mailboxes,
        drains: Drains::load(config.admin.state_file.clone()),
        health: Health::default(),
        load: Load::default(),
        streams: Streams::new(Handle::current(), Tls::load(&config).context("TLS")?, config.tcp.clone()),
        names: Names::new(config.dns.waiting),
        metrics,
        dropped: AtomicU64::new(0),
        draining: AtomicBool::new(false),
        stopping: AtomicBool::new(false),
        config,
    };
    let shared = if live.config.has_secrets { live.config.keys.tokens.len() } else { 0 };
    live.metrics.shared_secrets.set(i64::try_from(shared).unwrap_or_default());
    Ok(live)
}

/// Goes on with the pins of the proxy that ran before, once there is a target list to go on with.
async fn take_over(live: &Arc<Live>, passed: Passed) -> anyhow::Result<()> {
    let until = Instant::now() + FIRST_LIST;
    while let Err(reason) = live.readiness() {
        ensure!(Instant::now() < until, "handover: {reason} after {FIRST_LIST:?}; the old proxy goes on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let pins = live.take_over_pins(&passed);
    for entry in passed.unwanted() {
        tracing::info!(role = ?entry.role, bind = %entry.bind, "a socket of the old proxy is in the settings no longer");
    }
    let version = passed.version.clone();
    passed.confirm().context("handover: the old proxy has gone")?;
    tracing::info!(pins, version, "sockets taken over from the proxy that ran before");
    Ok(())
}

/// Passes everything on. Returns whether it was taken.
async fn hand_over(live: &Arc<Live>, listenings: &Listenings, successor: UnixStream) -> bool {
    let began = Instant::now();
    let pins = live.pass_on_pins();
    let passed = tokio::task::block_in_place(|| {
        handover::pass(successor, &listenings.all(&live.config, &live.sockets), &pins)
    });
    match passed {
        Ok(()) => tracing::info!(pause = ?began.elapsed(), "handed over: another proxy has the sockets"),
        Err(ref error) => tracing::warn!(error = format!("{error:#}"), "not handed over: going on"),
    }
    passed.is_ok()
}

/// Carries on what comes over connections that are open, for as long as a drain takes.
async fn linger(live: &Arc<Live>, signals: &mut Signals) -> anyhow::Result<()> {
    live.draining.store(true, Ordering::Relaxed);
    let until = Instant::now() + live.config.drain;
    while live.metrics.connections.get() > 0 && Instant::now() < until {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
            () = signals.next() => break,
        }
    }
    end(live).await;
    Ok(())
}

/// The signals that end the proxy.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
