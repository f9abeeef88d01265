//! The loop that carries datagrams: receive a batch, decide about each, send a batch.
//!
//! This module must not decide anything: it only moves bytes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus::IntCounter;

use crate::live::{Live, Targets};
use crate::route::{Input, Scratch, Transport};
use crate::socket::{Outgoing, Received, UdpSocket};

/// How long a worker waits after an error that may repeat itself at once.
const PAUSE: Duration = Duration::from_millis(100);

/// One thread's share of a listener.
pub struct Worker {
    live: Arc<Live>,
    listener: usize,
    number: usize,
    received: IntCounter,
    scratch: Scratch,
    /// The messages of one batch that leave, one behind the other.
    bytes: Vec<u8>,
    /// For each listener, those that its socket sends.
    outgoing: Vec<Outgoing>,
}

impl Worker {
    /// For the socket of that number of that listener.
    pub fn new(live: Arc<Live>, listener: usize, number: usize) -> Self {
        let outgoing = live.sockets.iter().map(|_| Outgoing::default()).collect();
        let received = live.metrics.received.with_label_values(&["udp"]);
        Worker { live, listener, number, received, scratch: Scratch::new(), bytes: Vec::new(), outgoing }
    }

    /// Carries datagrams until the proxy stops.
    pub fn run(mut self) {
        let live = Arc::clone(&self.live);
        let Some(socket) = live.socket(self.listener, self.number) else { return };
        let mut batch = Received::new();
        while !live.stopping.load(Ordering::Relaxed) {
            if let Err(error) = socket.receive(&mut batch) {
                tracing::warn!(%error, "cannot receive");
                pause();
                continue;
            }
            if let Some(targets) = live.table.load().as_ref() {
                self.decide(targets, &batch);
                self.send();
            }
        }
    }

    fn decide(&mut self, targets: &Targets, batch: &Received) {
        for (bytes, source) in batch.iter() {
            self.received.inc();
            let input =
                Input { bytes, source, listener: self.listener, transport: Transport::Udp, connection: None };
            let from = self.bytes.len();
            let hop = self.live.decide(targets, &input, &mut self.scratch, &mut self.bytes);
            match hop {
                Some(hop) if hop.transport == Transport::Udp => {
                    if let Some(outgoing) = self.outgoing.get_mut(hop.listener) {
                        outgoing.push(from, self.bytes.len(), hop.address);
                    }
                }
                Some(hop) => {
                    let message = self.bytes.split_off(from);
                    self.live.streams.send(&self.live, &hop, message);
                }
                None => self.bytes.truncate(from),
            }
        }
    }

    fn send(&mut self) {
        for (listener, outgoing) in
            self.outgoing.iter_mut().enumerate().filter(|(_, outgoing)| !outgoing.is_empty())
        {
            if let Some(socket) = self.live.socket(listener, self.number) {
                socket.send(outgoing, &self.bytes, |to, error| self.live.send_failed(to, &error));
            }
        }
        self.bytes.clear();
    }
}

impl Live {
    fn socket(&self, listener: usize, number: usize) -> Option<&UdpSocket> {
        self.sockets.get(listener)?.get(number)
    }
}

#[expect(clippy::disallowed_methods, reason = "a worker's thread has nothing else to wait for")]
fn pause() {
    std::thread::sleep(PAUSE);
}
