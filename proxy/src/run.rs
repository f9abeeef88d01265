//! From settings to a running proxy, and to its end.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::Context;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Config;
use crate::drains::Drains;
use crate::health::{self, Health};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::pins::{Dispatch, Pins};
use crate::route::{Router, Transport};
use crate::socket::UdpSocket;
use crate::steer::Mailbox;
use crate::stream::{Streams, Tls};
use crate::worker::Worker;
use crate::{access, admin, stream, watch};

/// Runs the proxy until SIGTERM or SIGINT and the drain that follows.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let admin_port = bind_tcp(config.admin.bind).context("admin.bind")?;
    let (mut tcp, mut sockets) = (Vec::new(), Vec::new());
    for (number, listener) in config.listeners.iter().enumerate() {
        let place = || format!("listener {:?}", listener.name);
        tcp.push((number, Transport::Tcp, bind_tcp(listener.bind).with_context(place)?));
        if let Some(tls) = &listener.tls {
            tcp.push((number, Transport::Tls, bind_tcp(tls.bind).with_context(place)?));
        }
        sockets.push(bind_udp(listener.bind, &config).with_context(place)?);
        tracing::info!(listener = listener.name, bind = %listener.bind, advertise = %listener.advertise, internal = %listener.internal, "listening");
    }
    if !config.has_secrets {
        tracing::warn!(
            "no secrets are set: this proxy agrees with no other, nor with itself after a restart"
        );
    }
    let mailbox = |_: &UdpSocket| Mailbox::new().context("cannot make a mailbox");
    let mailboxes =
        sockets.iter().map(|sockets| sockets.iter().map(mailbox).collect()).collect::<anyhow::Result<_>>()?;
    // Each listener's pins might be all of them: room costs nothing before it is used.
    let share = Dispatch { max_pins: config.dispatch.max_pins.div_ceil(config.workers), ..config.dispatch };
    let pins = || (0..config.workers).map(|_| Mutex::new(Pins::new(share))).collect();
    let live = Arc::new(Live {
        pins: config.listeners.iter().map(|_| pins()).collect(),
        began: Instant::now(),
        router: Router::new(&config),
        table: None.into(),
        sockets,
        mailboxes,
        drains: Drains::load(config.admin.state_file.clone()),
        health: Health::default(),
        streams: Streams::new(Handle::current(), Tls::load(&config).context("TLS")?),
        metrics: Metrics::new()?,
        dropped: AtomicU64::new(0),
        draining: AtomicBool::new(false),
        stopping: AtomicBool::new(false),
        config,
    });
    let shared = if live.config.has_secrets { live.config.keys.tokens.len() } else { 0 };
    live.metrics.shared_secrets.set(i64::try_from(shared).unwrap_or_default());
    tokio::spawn(admin::serve(Arc::clone(&live), admin_port));
    let accepting: Vec<_> = tcp
        .into_iter()
        .map(|(number, transport, tcp)| {
            tokio::spawn(stream::accept(Arc::clone(&live), number, transport, tcp))
        })
        .collect();
    tokio::spawn(watch::watch(Arc::clone(&live)));
    tokio::spawn(health::run(Arc::clone(&live)));
    tokio::spawn(access::watch(Arc::clone(&live)));
    if live.config.listeners.iter().any(|listener| listener.tls.is_some()) {
        tokio::spawn(stream::watch_certificates(Arc::clone(&live)));
    }
    let workers = start_workers(&live)?;

    signals.next().await;
    // Closed before /readyz says so: whoever has read that finds no listener any more.
    for task in accepting {
        task.abort();
        let _ = task.await;
    }
    live.draining.store(true, Ordering::Relaxed);
    tracing::info!(drain = ?live.config.drain, "draining: not ready, forwarding on; the next signal ends it at once");
    tokio::select! {
        () = tokio::time::sleep(live.config.drain) => {}
        () = signals.next() => {}
    }
    live.stopping.store(true, Ordering::Relaxed);
    for worker in workers {
        let _ = worker.join();
    }
    tracing::info!("stopped");
    Ok(())
}

fn bind_tcp(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            // As with UDP: an IPv4 listener on the same port is another one.
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(1024)?;
        TcpListener::from_std(socket.into())
    };
    bind().with_context(|| format!("cannot listen on {address} (TCP)"))
}

/// One socket for each worker.
fn bind_udp(address: SocketAddr, config: &Config) -> anyhow::Result<Vec<UdpSocket>> {
    let bind = |shared| {
        let socket = UdpSocket::bind(address, shared, config.udp.receive_buffer);
        socket.with_context(|| format!("cannot listen on {address} (UDP)"))
    };
    if config.workers > 1 {
        // Sockets that share an address would also share it with another process's: this one would not.
        drop(bind(false)?);
    }
    let sockets =
        (0..config.workers).map(|_| bind(config.workers > 1)).collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(given) = sockets.first().and_then(|socket| socket.receive_buffer().ok())
        && given < config.udp.receive_buffer
    {
        tracing::info!(
            given,
            wanted = config.udp.receive_buffer,
            "the system gives smaller receive buffers (net.core.rmem_max)"
        );
    }
    Ok(sockets)
}

fn start_workers(live: &Arc<Live>) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let mut workers = Vec::new();
    for listener in 0..live.sockets.len() {
        for number in 0..live.config.workers {
            let live = Arc::clone(live);
            let thread = std::thread::Builder::new().name(format!("udp-{listener}-{number}"));
            workers.push(
                thread
                    .spawn(move || Worker::new(live, listener, number).run())
                    .context("cannot start a worker")?,
            );
        }
    }
    Ok(workers)
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
