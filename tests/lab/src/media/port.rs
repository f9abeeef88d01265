//! The socket and the clock of a call's sound: moves packets between UDP and a [`Stream`].

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::{AudioReport, Source, Stream};
use crate::locked;

const PACKET_TIME: Duration = Duration::from_millis(20);

/// A bound media port that does not play yet.
#[derive(Debug)]
pub struct MediaPort {
    socket: UdpSocket,
    number: u16,
}

impl MediaPort {
    /// Binds any free port of an address.
    ///
    /// # Errors
    /// When the address is not this machine's, or no port is free.
    pub async fn bind(address: IpAddr) -> Result<Self> {
        let socket = UdpSocket::bind((address, 0)).await.context(format!("no media port at {address}"))?;
        let number = socket.local_addr()?.port();
        Ok(Self { socket, number })
    }

    /// The port's number, for the session description.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Plays into `peer`, once it is known, until the returned handle is dropped.
    #[must_use]
    pub fn play(self, peer: Option<SocketAddr>, source: Source, ssrc: u32) -> Playing {
        let stream = Arc::new(Mutex::new(Stream::new(source, ssrc)));
        let peer = Arc::new(Mutex::new(peer));
        let task = tokio::spawn(run(self.socket, Arc::clone(&peer), Arc::clone(&stream)));
        Playing { stream, peer, task }
    }
}

/// Sound that is being sent and received.
#[derive(Debug)]
pub struct Playing {
    stream: Arc<Mutex<Stream>>,
    peer: Arc<Mutex<Option<SocketAddr>>>,
    task: JoinHandle<()>,
}

impl Playing {
    /// Presses digits.
    pub fn press(&self, digits: &str) {
        locked(&self.stream).press(digits);
    }

    /// Sends another sound from now on.
    pub fn speak(&self, source: Source) {
        locked(&self.stream).speak(source);
    }

    /// When the last packet came that was not silence.
    #[must_use]
    pub fn last_sound(&self) -> Option<Instant> {
        locked(&self.stream).last_sound()
    }

    /// Sends to another address from now on.
    pub fn redirect(&self, peer: SocketAddr) {
        *locked(&self.peer) = Some(peer);
    }

    /// What has been sent and heard so far.
    #[must_use]
    pub fn report(&self) -> AudioReport {
        locked(&self.stream).report()
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(socket: UdpSocket, peer: Arc<Mutex<Option<SocketAddr>>>, stream: Arc<Mutex<Stream>>) {
    let mut clock = interval(PACKET_TIME);
    // A loaded machine may sleep through a tick: what was due is sent late, not left out.
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut buffer = vec![0; 2048];
    loop {
        let packet = tokio::select! {
            _ = clock.tick() => locked(&stream).next_packet(),
            received = socket.recv_from(&mut buffer) => {
                // An error here is the peer's closed port (ICMP), which the call's signalling will tell of.
                let Ok((length, _)) = received else { continue };
                locked(&stream).receive(buffer.get(..length).unwrap_or_default(), Instant::now())
            }
        };
        let peer = *locked(&peer);
        if let (Some(packet), Some(peer)) = (packet, peer) {
            let _ = socket.send_to(&packet, peer).await;
        }
    }
}
