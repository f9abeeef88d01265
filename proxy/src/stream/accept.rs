//! Connections that come: admitted, asked who they are, and handed on.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::connection::{End, run};
use super::proxy_protocol::PROBE;
use super::registry::Queued;
use super::{proxy_protocol, within};
use crate::live::Live;
use crate::route::{ConnectionId, Transport, canonical};

/// The refusal of a connection that is one too many from its address.
const TOO_MANY: io::ErrorKind = io::ErrorKind::QuotaExceeded;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Takes connections until the task is aborted.
pub async fn accept(live: Arc<Live>, number: usize, transport: Transport, listener: TcpListener) {
    let most = live.config.tcp.max_connections.saturating_sub(live.config.tcp.reserved);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let peer = canonical(peer);
                let local = stream.local_addr().ok();
                let server = None;
                let end = End { live: Arc::clone(&live), listener: number, transport, peer, local, server };
                // A load balancer's count for those whom they are from, once that is known.
                let counts = !end.expects_header();
                match live.streams.register(peer, transport, None, counts, most) {
                    Some((_, queued)) => {
                        tokio::spawn(greet(end, stream, queued));
                    }
                    None => {
                        live.metrics.connections_refused.inc();
                        tracing::debug!(%peer, "connection refused: too many are open");
                    }
                }
            }
            Err(error) => {
                // Too many open files, for instance: others may close some.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// What comes before the first message. Until it is over nothing is sent here that did not come from here.
async fn greet(mut end: End, mut stream: TcpStream, queued: Queued) {
    let (live, id) = (Arc::clone(&end.live), queued.id);
    let _ = stream.set_nodelay(true);
    if let Err(error) = identify(&mut end, &mut stream, id).await {
        return refuse(&end, id, "proxy_protocol", &error);
    }
    match end.transport {
        Transport::Udp | Transport::Tcp => {
            live.streams.announce(id);
            run(end, stream, queued).await;
        }
        Transport::Tls => match within(HANDSHAKE, live.streams.tls.accept(end.listener, stream)).await {
            Ok(stream) => {
                // Whoever has to prove a name where we connect proves nothing by connecting.
                if !live.config.tls.names.contains_key(&end.peer.ip()) {
                    live.streams.announce(id);
                }
                run(end, stream, queued).await;
            }
            Err(error) => refuse(&end, id, "tls", &error),
        },
    }
}

/// Asks a load balancer for whom it speaks. Nobody else is asked: anybody could say anything.
async fn identify(end: &mut End, stream: &mut TcpStream, id: ConnectionId) -> io::Result<()> {
    if !end.expects_header() {
        return Ok(());
    }
    if let Some(source) = proxy_protocol::read(stream).await? {
        end.peer = source;
    }
    match end.live.streams.count(id, end.peer) {
        true => Ok(()),
        false => Err(TOO_MANY.into()),
    }
}

impl End {
    fn expects_header(&self) -> bool {
        let listener = self.live.config.listeners.get(self.listener);
        listener.is_some_and(|listener| listener.proxy_protocol.contains(self.peer.ip()))
    }
}

fn refuse(end: &End, id: ConnectionId, kind: &str, error: &io::Error) {
    end.live.streams.forget(id);
    match error.kind() {
        PROBE => {}
        TOO_MANY => end.live.metrics.connections_refused.inc(),
        _ => end.live.metrics.handshakes_failed.with_label_values(&[kind]).inc(),
    }
    let is_mistaken = kind == "proxy_protocol" && error.kind() == io::ErrorKind::Other;
    match is_mistaken && end.live.streams.may_warn() {
        true => tracing::warn!(load_balancer = %end.peer, %error, "connection refused"),
        false => tracing::debug!(peer = %end.peer, id, kind, %error, "connection refused"),
    }
}
