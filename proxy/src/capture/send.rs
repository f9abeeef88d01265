//! The task that empties the queue: one packet to the collector for each message.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::Ordering;

use prometheus::IntCounter;
use tokio::net::UdpSocket;

use super::Waiting;
use super::hep::Packet;
use crate::config::CaptureConfig;
use crate::route::Transport;

/// The most messages that are taken from the queue at once.
const BATCH: usize = 64;

/// Tells a collector what is captured.
pub(super) struct Sender {
    pub(super) config: CaptureConfig,
    pub(super) waiting: Waiting,
    pub(super) sent: IntCounter,
    pub(super) lost: IntCounter,
}

impl Sender {
    /// Sends as long as anybody captures. Whatever the network says, calls do not hear of it: what cannot be sent is
    /// lost, and counted.
    pub(super) async fn run(mut self) {
        let (mut batch, mut packet) = (Vec::with_capacity(BATCH), Vec::new());
        let mut socket = None;
        while self.waiting.messages.recv_many(&mut batch, BATCH).await > 0 {
            if socket.is_none() {
                socket = connect(self.config.collector).await.ok();
            }
            for message in batch.drain(..) {
                let source = match message.source.ip().is_unspecified() {
                    true => SocketAddr::new(chosen(message.destination), message.source.port()),
                    false => message.source,
                };
                let told = Packet {
                    protocol: if message.transport == Transport::Udp { 17 } else { 6 },
                    source,
                    destination: message.destination,
                    time: message.time,
                    node: self.config.node,
                    password: self.config.password.as_ref().map(|password| password.reveal()),
                    correlation: sip::peek_call_id(&message.bytes).unwrap_or_default(),
                    payload: &message.bytes,
                };
                match (&socket, told.write(&mut packet)) {
                    (Some(socket), Ok(())) if socket.send(&packet).await.is_ok() => self.sent.inc(),
                    _ => self.lost.inc(),
                }
                // Not before: at the end of the process this tells when all are sent.
                self.waiting.bytes.fetch_sub(message.bytes.len(), Ordering::Relaxed);
            }
        }
    }
}

/// Connected, so that we hear of a collector that is not there.
async fn connect(collector: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(any(collector)).await?;
    socket.connect(collector).await?;
    Ok(socket)
}

fn any(like: SocketAddr) -> SocketAddr {
    match like {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    }
}

/// The address that the system lets datagrams to `destination` leave from, where a listener is bound to all of them.
fn chosen(destination: SocketAddr) -> IpAddr {
    let ask = || {
        let socket = std::net::UdpSocket::bind(any(destination))?;
        // Sends nothing.
        socket.connect(destination)?;
        socket.local_addr()
    };
    ask().unwrap_or_else(|_| any(destination)).ip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_where_datagrams_leave_from() {
        assert_eq!(chosen("127.0.0.1:9".parse().unwrap()).to_string(), "127.0.0.1");
        assert_eq!(any("[::1]:9".parse().unwrap()).to_string(), "[::]:0");
    }
}
