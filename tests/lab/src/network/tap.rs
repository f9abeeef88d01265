//! All that comes to a network and leaves it, as `tcpdump` would see it.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, eth, recv, socket_with};

use super::Namespace;

/// How often it is looked whether that was all.
const POLL: Duration = Duration::from_millis(50);
const UDP: u8 = 17;

/// A datagram over IPv4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Where it came from.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// What it carries.
    pub bytes: Vec<u8>,
}

/// Somebody who listens.
#[derive(Debug)]
pub struct Tap {
    stop: Arc<AtomicBool>,
    listening: JoinHandle<Vec<Datagram>>,
}

impl Namespace {
    /// Listens to all datagrams that come or leave from now on.
    ///
    /// # Errors
    ///
    /// Not permitted.
    pub fn tap(&self) -> Result<Tap> {
        let socket = self.enter(|| {
            let (family, kind) = (AddressFamily::PACKET, SocketType::DGRAM);
            let socket = socket_with(family, kind, SocketFlags::CLOEXEC, Some(eth::ALL))?;
            set_socket_timeout(&socket, Timeout::Recv, Some(POLL))?;
            Ok(socket)
        });
        let (socket, stop) = (socket.context("a packet socket")?, Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        Ok(Tap { stop, listening: std::thread::spawn(move || listen(&socket, &stopped)) })
    }
}

impl Tap {
    /// What was heard, in order.
    ///
    /// # Errors
    ///
    /// It could not be heard to its end.
    pub fn stop(self) -> Result<Vec<Datagram>> {
        self.stop.store(true, Ordering::Relaxed);
        self.listening.join().map_err(|_| anyhow!("whoever listened has panicked"))
    }
}

fn listen(socket: &OwnedFd, stop: &AtomicBool) -> Vec<Datagram> {
    let (mut heard, mut buffer) = (Vec::new(), vec![0; 65_536]);
    loop {
        match recv(socket, &mut buffer[..], RecvFlags::empty()) {
            Ok((length, _)) => heard.extend(buffer.get(..length).and_then(read)),
            // What was sent before it was told to stop has been read by now.
            Err(_) if stop.load(Ordering::Relaxed) => return heard,
            Err(_) => {}
        }
    }
}

/// RFC 791 3.1, RFC 768. Fragments count as nothing.
fn read(packet: &[u8]) -> Option<Datagram> {
    let head = packet.first_chunk::<20>()?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let is_whole = u16::from_be_bytes([head[6], head[7]]) & 0x3fff == 0;
    if head[0] >> 4 != 4 || head[9] != UDP || !is_whole {
        return None;
    }
    let datagram = packet.get(usize::from(head[0] & 15) * 4..length)?;
    let ports = datagram.first_chunk::<8>()?;
    let ip = |at: usize| Some(Ipv4Addr::from(*head.get(at..)?.first_chunk::<4>()?));
    let from = SocketAddr::from((ip(12)?, u16::from_be_bytes([ports[0], ports[1]])));
    let to = SocketAddr::from((ip(16)?, u16::from_be_bytes([ports[2], ports[3]])));
    Some(Datagram { from, to, bytes: datagram.get(8..)?.to_vec() })
}
