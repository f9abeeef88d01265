//! Connections that come.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::connection::run;
use super::{MAX_CONNECTIONS, RESERVED};
use crate::live::Live;

/// Takes connections until the task is aborted.
pub async fn accept(live: Arc<Live>, number: usize, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                match live.streams.register(peer, MAX_CONNECTIONS - RESERVED) {
                    Some((_, queued)) => {
                        tokio::spawn(run(Arc::clone(&live), number, stream, peer, queued));
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
