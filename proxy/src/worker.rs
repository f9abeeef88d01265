//! The loop that carries datagrams: receive a batch, decide about each, send a batch.
//!
//! This module must not decide what becomes of a message: it only moves bytes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus::IntCounter;

use crate::live::{Live, Targets};
use crate::pace::Pace;
use crate::pins::{Pins, TICK};
use crate::route::{Hop, Input, Scratch, Transport};
use crate::socket::{Outgoing, Received, UdpSocket, WAIT};
use crate::steer::{Mailbox, Origin, Parcel, owner};

/// How long a worker waits after an error that may repeat itself at once.
const PAUSE: Duration = Duration::from_millis(100);

/// The most pins that are looked at between two batches.
const MAX_DUE: usize = 256;

/// One thread's share of a listener.
pub struct Worker {
    live: Arc<Live>,
    listener: usize,
    number: usize,
    received: IntCounter,
    carried: IntCounter,
    scratch: Scratch,
    /// The messages of one turn that leave, one behind the other.
    bytes: Vec<u8>,
    /// For each listener, those that its socket sends.
    outgoing: Vec<Outgoing>,
    /// For each worker of this listener, messages of its calls that came to this one.
    parcels: Vec<Parcel>,
    /// Messages of this worker's calls that came to others.
    mail: Parcel,
    /// Whether there were pins at the end of the last turn, and whether some of them were left waiting.
    any_pins: bool,
    more_due: bool,
    /// How long the socket waits.
    waiting: Duration,
    pace: Pace,
}

impl Worker {
    /// For the socket of that number of that listener.
    pub fn new(live: Arc<Live>, listener: usize, number: usize) -> Self {
        let name = live.config.listeners.get(listener).map_or("", |listener| &listener.name);
        Worker {
            listener,
            number,
            received: live.metrics.received.with_label_values(&["udp"]),
            carried: live.metrics.carried.with_label_values(&[name, &number.to_string()]),
            scratch: Scratch::new(),
            bytes: Vec::new(),
            outgoing: live.sockets.iter().map(|_| Outgoing::default()).collect(),
            parcels: (0..live.config.workers).map(|_| Parcel::default()).collect(),
            mail: Parcel::default(),
            any_pins: false,
            more_due: false,
            waiting: WAIT,
            pace: Pace::new(live.config.udp.coalesce),
            live,
        }
    }

    /// Carries datagrams until the proxy stops.
    pub fn run(mut self) {
        let live = Arc::clone(&self.live);
        let mailbox = live.mailboxes.get(self.listener).and_then(|mailboxes| mailboxes.get(self.number));
        let (Some(socket), Some(mailbox)) = (live.socket(self.listener, self.number), mailbox) else {
            return;
        };
        let mut batch = socket.received();
        while !live.stopping.load(Ordering::Relaxed) {
            let turn = match live.config.workers {
                1 => self.turn_alone(&live, socket, &mut batch),
                _ => self.turn(&live, socket, mailbox, &mut batch),
            };
            match turn {
                Ok(Some(pause)) if !self.more_due => sleep(pause),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot receive");
                    sleep(PAUSE);
                }
            }
        }
    }

    /// Carries what others have left for a worker that has stopped.
    pub fn carry_mail(mut self) {
        let live = Arc::clone(&self.live);
        let mailbox = live.mailboxes.get(self.listener).and_then(|mailboxes| mailboxes.get(self.number));
        let (Some(mailbox), Some(targets)) = (mailbox, live.table.load_full()) else { return };
        let mut mail = Parcel::default();
        mailbox.take(&mut mail);
        let now = Live::now();
        self.with_pins(&live, &targets, |worker, pins| {
            mail.iter().for_each(|(bytes, origin)| worker.carry(&targets, pins, bytes, origin, now));
        });
        self.send();
    }

    /// Takes a batch, where there is nobody to share with. Returns how long to let the next one gather.
    fn turn_alone(
        &mut self,
        live: &Live,
        socket: &UdpSocket,
        batch: &mut Received,
    ) -> io::Result<Option<Duration>> {
        if self.more_due {
            socket.receive_now(batch)?;
        } else {
            self.set_wait(socket)?;
            socket.receive(batch)?;
        }
        let now = Live::now();
        self.received.inc_by(batch.len() as u64);
        if let Some(targets) = live.table.load().as_ref() {
            self.with_pins(live, targets, |worker, pins| {
                batch
                    .with_origins()
                    .for_each(|(bytes, origin)| worker.carry(targets, pins, bytes, origin, now));
            });
            self.send();
        }
        Ok(self.pace.after(batch.len(), now))
    }

    /// A call that waits asks for a look at every tick.
    fn set_wait(&mut self, socket: &UdpSocket) -> io::Result<()> {
        let wait = self.wait();
        if self.waiting != wait {
            socket.set_wait(wait)?;
            self.waiting = wait;
        }
        Ok(())
    }

    fn wait(&self) -> Duration {
        if self.any_pins { TICK } else { WAIT }
    }

    /// Carries messages with the pins of their calls in hand, then does what is due.
    fn with_pins(&mut self, live: &Live, targets: &Targets, carry: impl FnOnce(&mut Self, &mut Pins)) {
        let Some(mut pins) = live.pins(self.listener, self.number) else { return };
        carry(self, &mut pins);
        if let Some(socket) = live.socket(self.listener, self.number) {
            let site = (&live.router, &targets.table);
            socket.undelivered(|to, bytes| {
                pins.came_back(to, bytes, site);
                live.names.came_back(Transport::Udp, to, bytes);
            });
        }
        self.more_due = pins.expire(&live.router, &targets.table, MAX_DUE);
        self.any_pins = !pins.is_empty();
        live.empty_outbox(targets, &mut pins, |hop, bytes| self.post(hop, bytes));
    }

    /// Takes a batch and what others left, where each call has its worker; waits where that is nothing. Returns how long
    /// to let the next ones gather.
    fn turn(
        &mut self,
        live: &Live,
        socket: &UdpSocket,
        mailbox: &Mailbox,
        batch: &mut Received,
    ) -> io::Result<Option<Duration>> {
        socket.receive_now(batch)?;
        let now = Live::now();
        self.received.inc_by(batch.len() as u64);
        let mut mail = std::mem::take(&mut self.mail);
        mailbox.take(&mut mail);
        if let Some(targets) = live.table.load().as_ref() {
            self.with_pins(live, targets, |worker, pins| {
                mail.iter().for_each(|(bytes, origin)| worker.carry(targets, pins, bytes, origin, now));
                for (bytes, origin) in batch.with_origins() {
                    match owner(&live.config.keys.pick, bytes, live.config.workers) {
                        Some(other) if other != worker.number => worker.put_aside(other, bytes, origin),
                        _ => worker.carry(targets, pins, bytes, origin, now),
                    }
                }
            });
            self.hand_over();
            self.send();
        }
        let came = batch.len() + mail.len();
        let idle = came == 0 && !self.more_due;
        self.mail = mail;
        if let Some(bell) = idle.then(|| mailbox.before_sleep()).flatten() {
            socket.wait(bell, self.wait())?;
            mailbox.after_sleep();
        }
        Ok(self.pace.after(came, now))
    }

    fn put_aside(&mut self, worker: usize, bytes: &[u8], origin: Origin) {
        if let Some(parcel) = self.parcels.get_mut(worker) {
            parcel.push(bytes, origin);
        }
    }

    /// Gives the other workers what is theirs.
    fn hand_over(&mut self) {
        let mailboxes = self.live.mailboxes.get(self.listener).into_iter().flatten();
        for (mailbox, parcel) in mailboxes.zip(&mut self.parcels).filter(|(_, parcel)| !parcel.is_empty()) {
            let lost = mailbox.put(parcel);
            self.live.metrics.lost.with_label_values(&["mailbox"]).inc_by(lost as u64);
            parcel.clear();
        }
    }

    fn carry(&mut self, targets: &Targets, pins: &mut Pins, bytes: &[u8], origin: Origin, now: Duration) {
        self.carried.inc();
        let ((source, local), listener) = (origin, self.listener);
        let transport = Transport::Udp;
        let input = Input { bytes, source, local, listener, transport, connection: None, now };
        self.live.capture_received(&input);
        let from = self.bytes.len();
        let hop = self.live.decide(targets, pins, &input, &mut self.scratch, &mut self.bytes);
        match hop {
            Some(hop) => self.leave(&hop, from),
            None => self.bytes.truncate(from),
        }
    }

    /// A message of a pin's.
    fn post(&mut self, hop: &Hop, bytes: &[u8]) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.leave(hop, from);
    }

    /// What was written from there on leaves: a datagram with others at the end of the turn.
    fn leave(&mut self, hop: &Hop, from: usize) {
        if hop.transport != Transport::Udp {
            let message = self.bytes.split_off(from);
            return self.live.streams.send(&self.live, hop, message);
        }
        self.live.measure(hop, self.bytes.len() - from);
        self.live.capture_sent(hop, self.bytes.get(from..).unwrap_or_default());
        if let Some(outgoing) = self.outgoing.get_mut(hop.listener) {
            outgoing.push_from(from, self.bytes.len(), hop.address, hop.local);
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
fn sleep(time: Duration) {
    std::thread::sleep(time);
}
