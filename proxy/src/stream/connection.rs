//! One connection: made, read, written, and closed.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustls::pki_types::ServerName;
use sip::Limits;
use sip::stream::{Frame, Framer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout, timeout_at};

use super::registry::Queued;
use super::within;
use crate::config::TcpSettings;
use crate::dns::ServerId;
use crate::live::Live;
use crate::route::{ConnectionId, Hop, Input, Scratch, Transport};
use crate::steer::owner;

/// A connection's other end, and where it came to or is made from.
pub(super) struct End {
    pub(super) live: Arc<Live>,
    pub(super) listener: usize,
    pub(super) transport: Transport,
    pub(super) peer: SocketAddr,
    /// Our side's address, where that is known already.
    pub(super) local: Option<SocketAddr>,
    /// The host name that led there.
    pub(super) server: Option<ServerId>,
}

/// Makes a connection for what is queued already.
pub(super) async fn connect(mut end: End, mut queued: Queued) {
    let (live, hop) = (Arc::clone(&end.live), end.hop());
    let limit = live.connect_timeout(&hop);
    let failed = match (within(limit, end.open()).await, end.transport) {
        (Err(error), _) => error,
        (Ok(stream), Transport::Udp | Transport::Tcp) => return run(end, stream, queued).await,
        (Ok(stream), Transport::Tls) => {
            let handshake = live.streams.tls.connect(end.listener, stream, end.server_name());
            match within(limit, handshake).await {
                Ok(stream) => return run(end, stream, queued).await,
                Err(error) => error,
            }
        }
    };
    live.streams.forget(queued.id);
    // First of all: whoever hears of what is sent again may send the next one at once.
    live.avoid_tcp(&hop);
    live.not_sent(&hop, queued.rest(), &failed);
    live.connection_is_gone(&hop);
}

impl End {
    /// As those see it who send to the other end.
    fn hop(&self) -> Hop {
        let End { listener, transport, peer: address, server, .. } = *self;
        Hop { listener, local: None, transport, address, connection: None, server }
    }

    /// What the server has to prove to be: the host that a URI names (RFC 5922 4), else what the settings say of its
    /// address, else that address.
    fn server_name(&self) -> io::Result<ServerName<'static>> {
        let Some(id) = self.server else {
            let name = self.live.config.tls.names.get(&self.peer.ip()).cloned();
            return Ok(name.unwrap_or_else(|| ServerName::from(self.peer.ip())));
        };
        let known = self.live.router.known();
        let name = known.server_name(id).and_then(|name| ServerName::try_from(name.to_owned()).ok());
        name.ok_or_else(|| io::Error::other("the server's name is known no longer, or is none for TLS"))
    }

    /// A connection from the address that the listener is bound to, as its datagrams are: others may know us by it.
    async fn open(&mut self) -> io::Result<TcpStream> {
        let socket = if self.peer.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        let bind = self.live.config.listeners.get(self.listener).map(|listener| listener.bind.ip());
        if let Some(ip) = bind.filter(|ip| !ip.is_unspecified() && ip.is_ipv4() == self.peer.is_ipv4()) {
            socket.bind(SocketAddr::new(ip, 0))?;
        }
        let stream = socket.connect(self.peer).await?;
        let _ = stream.set_nodelay(true);
        self.local = stream.local_addr().ok();
        Ok(stream)
    }
}

/// One connection's life.
pub(super) async fn run(end: End, stream: impl AsyncRead + AsyncWrite, mut queued: Queued) {
    let hop = end.hop();
    let (live, peer, transport, id) = (Arc::clone(&end.live), end.peer, end.transport, queued.id);
    live.metrics.connections.inc();
    tracing::debug!(%peer, ?transport, id, "connection opened");
    let (read, write) = tokio::io::split(stream);
    let local = end.local.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
    let reader = Reader { live: end.live, listener: end.listener, transport, local, peer, id };
    let sent = |bytes: &[u8]| live.capture_stream(bytes, transport, local, peer);
    let one_message = live.config.tcp.message_timeout;
    let reason = {
        let mut writing = pin!(write_all(write, &mut queued, one_message, sent));
        tokio::select! {
            reason = reader.run(read) => {
                // The other side may have ended its half alone, and still wait for what is queued.
                live.streams.forget(id);
                let _ = timeout(one_message, writing).await;
                reason
            }
            reason = &mut writing => reason,
        }
    };
    live.streams.forget(id);
    live.metrics.connections.dec();
    tracing::debug!(%peer, id, reason, "connection closed");
    live.not_sent(&hop, queued.rest(), &io::Error::other(reason));
    live.connection_is_gone(&hop);
}

/// Sends what is queued, and says of each message that it is sent.
async fn write_all(
    mut write: impl AsyncWrite + Unpin,
    queued: &mut Queued,
    one_message: Duration,
    sent: impl Fn(&[u8]),
) -> String {
    while let Some(bytes) = queued.messages.recv().await {
        match timeout(one_message, write_one(&mut write, &bytes)).await {
            Ok(Ok(())) => {
                queued.bytes.fetch_sub(bytes.len(), Ordering::Relaxed);
                sent(&bytes);
            }
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "the other side does not read".to_owned(),
        }
    }
    // TLS says goodbye.
    let _ = timeout(one_message, write.shutdown()).await;
    "no longer wanted".to_owned()
}

async fn write_one(write: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    write.write_all(bytes).await?;
    // TLS may keep what the system would not take at once.
    write.flush().await
}

struct Reader {
    live: Arc<Live>,
    listener: usize,
    transport: Transport,
    local: SocketAddr,
    peer: SocketAddr,
    id: ConnectionId,
}

impl Reader {
    /// Reads messages until the connection ends; returns why it did.
    async fn run(self, mut read: impl AsyncRead + Unpin) -> String {
        let TcpSettings { message_timeout, idle_timeout, max_message, .. } = self.live.config.tcp;
        let mut framer = Framer::new(Limits { message_bytes: max_message, ..Limits::default() });
        let mut buffer = vec![0; 16 * 1024];
        let (mut scratch, mut out) = (Scratch::new(), Vec::new());
        // Whoever connects has something to say.
        let mut deadline = Instant::now() + message_timeout;
        loop {
            let count = match timeout_at(deadline, read.read(&mut buffer)).await {
                Ok(Ok(0)) => return "closed by the other side".to_owned(),
                Ok(Ok(count)) => count,
                Ok(Err(error)) => return error.to_string(),
                Err(_) => return "silent for too long, or too slow with a message".to_owned(),
            };
            let was_in_message = framer.is_in_message();
            framer.push(buffer.get(..count).unwrap_or_default());
            let mut any = false;
            loop {
                match framer.next_frame() {
                    Ok(Some(Frame::Message(bytes))) => self.message(bytes, &mut scratch, &mut out),
                    // RFC 5626 4.4.1: a ping of two empty lines is answered by one.
                    Ok(Some(Frame::Ping)) => self.pong(),
                    Ok(None) => break,
                    Err(error) => return format!("no SIP: {error}"),
                }
                any = true;
            }
            // A message that goes on keeps the deadline it began with: slow senders gain nothing by single bytes.
            if any || was_in_message != framer.is_in_message() {
                deadline =
                    Instant::now() + if framer.is_in_message() { message_timeout } else { idle_timeout };
            }
        }
    }

    fn message(&self, bytes: &[u8], scratch: &mut Scratch, out: &mut Vec<u8>) {
        let Some(targets) = self.live.table.load_full() else { return };
        self.live.metrics.received.with_label_values(&[self.transport.label()]).inc();
        let input = Input {
            bytes,
            source: self.peer,
            local: None,
            listener: self.listener,
            transport: self.transport,
            connection: Some(self.id),
            now: Live::now(),
        };
        self.live.capture_stream(bytes, self.transport, self.peer, self.local);
        out.clear();
        let worker = owner(&self.live.config.keys.pick, bytes, self.live.config.workers).unwrap_or(0);
        let Some(mut pins) = self.live.pins(self.listener, worker) else { return };
        if let Some(hop) = self.live.decide(&targets, &mut pins, &input, scratch, out) {
            self.live.send(&hop, out);
        }
        self.live.empty_outbox(&targets, &mut pins, |hop, bytes| self.live.send(hop, bytes));
    }

    fn pong(&self) {
        self.live.metrics.received.with_label_values(&[self.transport.label()]).inc();
        let hop = Hop {
            listener: self.listener,
            local: None,
            transport: self.transport,
            address: self.peer,
            connection: Some(self.id),
            server: None,
        };
        self.live.streams.send(&self.live, &hop, b"\r\n".to_vec());
    }
}
