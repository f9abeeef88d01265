//! The UDP socket of a telephone or a machine, which notes all that passes in a [`Trace`].

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result};
use tokio::net::UdpSocket;

use crate::trace::{Recorded, Seen, Trace};

/// The longest datagram that UDP can carry.
pub(crate) const LONGEST: usize = 65_535;

#[derive(Debug)]
pub(crate) struct Wire {
    socket: UdpSocket,
    here: SocketAddr,
    trace: Trace,
}

impl Wire {
    pub(crate) async fn bind(address: SocketAddr, trace: Trace) -> Result<Self> {
        let socket =
            UdpSocket::bind(address).await.with_context(|| format!("cannot receive at {address}"))?;
        let here = socket.local_addr()?;
        Ok(Self { socket, here, trace })
    }

    pub(crate) fn here(&self) -> SocketAddr {
        self.here
    }

    /// Sends a message. A failure is the receiver's closed port, or its network: for SIP, a message lost.
    pub(crate) async fn send(&self, to: SocketAddr, bytes: Vec<u8>) {
        let (at, from) = (Instant::now(), self.here);
        // Noted first: the answer may come before this task goes on.
        self.trace.record(Recorded { at, seen: Seen::Sent, from, to, bytes: bytes.clone() });
        let _ = self.socket.send_to(&bytes, to).await;
    }

    /// Receives a message into the buffer; `None` where the network reported an earlier one as lost.
    pub(crate) async fn receive<'b>(&self, buffer: &'b mut [u8]) -> Option<(&'b [u8], SocketAddr)> {
        let (length, from) = self.socket.recv_from(buffer).await.ok()?;
        let bytes = buffer.get(..length)?;
        let (at, to) = (Instant::now(), self.here);
        self.trace.record(Recorded { at, seen: Seen::Received, from, to, bytes: bytes.to_vec() });
        Some((bytes, from))
    }
}
