//! The sockets that the proxy listens on: bound, or taken over from the proxy that ran before.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::Context;
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::Config;
use crate::handover::{Entry, Passed, Role};
use crate::route::Transport;
use crate::socket::UdpSocket;

/// A socket that connections come to, and where they belong.
#[derive(Debug)]
pub struct Listening {
    /// The listener, counted from 0.
    pub listener: usize,
    /// TCP or TLS.
    pub transport: Transport,
    bind: SocketAddr,
    socket: TcpListener,
}

/// What stays open as long as the proxy takes connections, whoever accepts them at the time.
#[derive(Debug)]
pub struct Listenings {
    admin: (SocketAddr, TcpListener),
    streams: Vec<Listening>,
}

/// For each listener, each worker's socket.
pub type UdpSockets = Vec<Vec<UdpSocket>>;

/// All sockets of these settings. With sockets taken over come as many workers as they were for.
pub fn bind(
    config: &mut Config,
    mut passed: Option<&mut Passed>,
) -> anyhow::Result<(Listenings, UdpSockets)> {
    let (mut udp, mut streams) = (Vec::new(), Vec::new());
    for listener in &config.listeners {
        let taken = passed.as_mut().map(|passed| passed.take(Role::Udp, listener.bind)).unwrap_or_default();
        let sockets = taken.into_iter().map(|socket| UdpSocket::taken_over(socket, listener.bind));
        udp.push(sockets.collect::<Result<Vec<_>, _>>().context("a socket that was taken over")?);
    }
    let workers = udp.iter().map(Vec::len).max().filter(|workers| *workers > 0);
    if let Some(workers) = workers.filter(|workers| *workers != config.workers) {
        tracing::info!(workers, wanted = config.workers, "as many workers as sockets were taken over");
        config.workers = workers;
    }
    for (number, (listener, sockets)) in config.listeners.iter().zip(&mut udp).enumerate() {
        let place = || format!("listener {:?}", listener.name);
        if sockets.is_empty() {
            *sockets = bind_udp(listener.bind, config).with_context(place)?;
        }
        let tls = listener.tls.as_ref().map(|tls| (Transport::Tls, Role::Tls, tls.bind));
        for (transport, role, bind) in
            [Some((Transport::Tcp, Role::Tcp, listener.bind)), tls].into_iter().flatten()
        {
            let socket = bind_tcp(role, bind, passed.as_deref_mut()).with_context(place)?;
            streams.push(Listening { listener: number, transport, bind, socket });
        }
        tracing::info!(listener = listener.name, bind = %listener.bind, advertise = %listener.advertise, internal = %listener.internal, "listening");
    }
    let admin = bind_tcp(Role::Admin, config.admin.bind, passed).context("admin.bind")?;
    Ok((Listenings { admin: (config.admin.bind, admin), streams }, udp))
}

impl Listenings {
    /// The admin port, for one that accepts there.
    pub fn admin(&self) -> std::io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.admin.1.try_clone()?)
    }

    /// The others, for those that accept there.
    pub fn streams(
        &self,
    ) -> impl Iterator<Item = std::io::Result<(usize, Transport, tokio::net::TcpListener)>> {
        self.streams.iter().map(|listening| {
            let socket = tokio::net::TcpListener::from_std(listening.socket.try_clone()?)?;
            Ok((listening.listener, listening.transport, socket))
        })
    }

    /// Closes those for calls; the admin port stays.
    pub fn close_streams(&mut self) {
        self.streams.clear();
    }

    /// All that is passed on to the proxy that takes over.
    pub fn all<'a>(&'a self, config: &Config, udp: &'a UdpSockets) -> Vec<(Entry, BorrowedFd<'a>)> {
        let admin = (Entry { role: Role::Admin, bind: self.admin.0 }, self.admin.1.as_fd());
        let streams = self.streams.iter().map(|listening| {
            let role = if listening.transport == Transport::Tls { Role::Tls } else { Role::Tcp };
            (Entry { role, bind: listening.bind }, listening.socket.as_fd())
        });
        let udp = config.listeners.iter().zip(udp).flat_map(|(listener, sockets)| {
            let entry = Entry { role: Role::Udp, bind: listener.bind };
            sockets.iter().map(move |socket| (entry, socket.as_fd()))
        });
        streams.chain(udp).chain([admin]).collect()
    }
}

fn bind_tcp(role: Role, address: SocketAddr, passed: Option<&mut Passed>) -> anyhow::Result<TcpListener> {
    let taken = passed.and_then(|passed| passed.take(role, address).into_iter().next());
    if let Some(taken) = taken {
        return Ok(TcpListener::from(taken));
    }
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
        std::io::Result::Ok(socket.into())
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
