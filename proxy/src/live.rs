//! What all parts of a running proxy share.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use fleet::{Snapshot, State, Target};
use prometheus::IntCounter;

use crate::capture::Capture;
use crate::config::Config;
use crate::dns::Names;
use crate::drains::Drains;
use crate::handover::Passed;
use crate::health::Health;
use crate::load::Load;
use crate::metrics::Metrics;
use crate::pins::{PinView, Pins};
use crate::route::{Hop, Input, Router, Scratch, Transport, Verdict};
use crate::socket::{Outgoing, UdpSocket};
use crate::steer::Mailbox;
use crate::stream::Streams;
use crate::table::Table;

/// One running proxy.
pub struct Live {
    /// Its settings.
    pub config: Config,
    /// What becomes of messages.
    pub router: Router,
    /// Who is there; `None` until the first list was read.
    pub table: ArcSwapOption<Targets>,
    /// For each listener, each worker's socket.
    pub sockets: Vec<Vec<UdpSocket>>,
    /// For each listener, each worker's mailbox.
    pub mailboxes: Vec<Vec<Mailbox>>,
    /// For each listener, each worker's pins. Whoever carries a message of a call locks those of the call's worker.
    pub pins: Vec<Vec<Mutex<Pins>>>,
    /// When the proxy began.
    pub began: Instant,
    /// TCP connections.
    pub streams: Streams,
    /// Messages whose next hop is a name.
    pub names: Names,
    /// Whom operators drain.
    pub drains: Drains,
    /// Who is alive.
    pub health: Health,
    /// How full they are.
    pub load: Load,
    /// What is counted.
    pub metrics: Metrics,
    /// Takes copies of messages for a collector, if there is one.
    pub capture: Option<Capture>,
    /// Datagrams that sockets had dropped when they were last asked.
    pub dropped: AtomicU64,
    /// SIGTERM came: no longer ready, still forwarding.
    pub draining: AtomicBool,
    /// Workers stop.
    pub stopping: AtomicBool,
}

/// The table, with a counter for each target so that none has to be looked up for a call.
pub struct Targets {
    /// Who is there.
    pub table: Table,
    invites: Vec<IntCounter>,
}

impl Targets {
    /// Counts an INVITE to the target at this place.
    pub fn count(&self, new_call: Option<u16>) {
        if let Some(counter) = new_call.and_then(|place| self.invites.get(usize::from(place))) {
            counter.inc();
        }
    }

    /// Each target, and how many INVITEs it got from this proxy.
    pub fn with_invites(&self) -> impl Iterator<Item = (&fleet::Target, u64)> {
        self.table.targets().iter().zip(self.invites.iter().map(IntCounter::get))
    }
}

impl Live {
    /// Whether new calls are welcome; if not, why.
    pub fn readiness(&self) -> Result<(), &'static str> {
        let readiness = match self.table.load().is_some() {
            _ if self.draining.load(Ordering::Relaxed) => Err("draining"),
            false => Err("no target list yet"),
            true if !self.router.has_access() => Err("no list of access.sources yet"),
            true => Ok(()),
        };
        self.metrics.ready.set(i64::from(readiness.is_ok()));
        readiness
    }

    /// Puts a target list in force. Only [`Live::take_list`] and an operator's drains do.
    pub(crate) fn put_in_force(&self, snapshot: Snapshot) {
        let before = self.table.load();
        let port_names: Vec<String> = self.config.listeners.iter().map(|l| l.port_name.clone()).collect();
        let old = before.as_ref().map(|targets| &targets.table);
        let table = Table::new(snapshot, &port_names, self.config.keys.pick, old)
            .when_all_down(self.config.health.all_down)
            .choosing_by(self.config.choice);
        if let Some(old) = old {
            table.begin_slowly(old, Live::now());
        }
        self.health.take_table(&table, &port_names);
        self.load.take_table(&table);
        self.metrics.target_up.reset();
        self.metrics.target_room.reset();
        self.metrics.target_accepting.reset();
        self.refresh_targets(&table);
        self.report_changes(old, &table);
        for target in table.targets() {
            self.metrics.call_failures.with_label_values(&[&target.id]);
        }
        let invites =
            table.targets().iter().map(|t| self.metrics.invites.with_label_values(&[&t.id])).collect();
        self.table.store(Some(Arc::new(Targets { table, invites })));
        self.metrics.list_changed.set(i64::try_from(Live::now().as_secs()).unwrap_or_default());
    }

    fn report_changes(&self, before: Option<&Table>, after: &Table) {
        let by_id = |table: Option<&Table>| -> HashMap<String, Target> {
            let targets = table.map(Table::targets).unwrap_or_default();
            targets.iter().map(|target| (target.id.clone(), target.clone())).collect()
        };
        let mut old = by_id(before);
        for target in after.targets() {
            let (id, address, state) = (&target.id, target.address, target.state);
            match old.remove(id) {
                None => tracing::info!(target = %id, %address, ?state, "target came"),
                Some(other) if other != *target => {
                    tracing::info!(target = %id, %address, ?state, "target changed")
                }
                Some(_) => {}
            }
        }
        for target in old.values() {
            tracing::info!(target = %target.id, address = %target.address, "target left");
            let _ = self.metrics.invites.remove_label_values(&[&target.id]);
            let _ = self.metrics.call_failures.remove_label_values(&[&target.id]);
        }
        for (label, state) in [("active", State::Active), ("draining", State::Draining)] {
            let count = after.targets().iter().filter(|target| target.state == state).count();
            self.metrics.targets.with_label_values(&[label]).set(i64::try_from(count).unwrap_or_default());
        }
    }

    /// Brings those metrics up to date that are read rather than counted.
    pub fn refresh_metrics(&self) {
        let _ = self.readiness();
        let pins = self.pins.iter().flatten().map(|pins| self.lock(pins).len()).sum::<usize>();
        self.metrics.pins.set(i64::try_from(pins).unwrap_or_default());
        if let Some(targets) = self.table.load().as_ref() {
            self.refresh_targets(&targets.table);
        }
        let dropped = self.sockets.iter().flatten().filter_map(|socket| socket.dropped().ok());
        let dropped: u64 = dropped.map(u64::from).sum();
        // The system counts from the start; what it had counted when it was last asked is known already.
        let known = self.dropped.fetch_max(dropped, Ordering::Relaxed);
        self.metrics.lost.with_label_values(&["socket"]).inc_by(dropped.saturating_sub(known));
    }

    fn refresh_targets(&self, table: &Table) {
        self.metrics.refresh_health(table);
        self.metrics.refresh_load(table, Live::now(), self.config.load.stale);
    }

    /// The pins of a listener's worker, at the present time. There always are some for a listener that exists.
    pub fn pins(&self, listener: usize, worker: usize) -> Option<MutexGuard<'_, Pins>> {
        Some(self.lock(self.pins.get(self.router.pins_of(listener))?.get(worker)?))
    }

    /// Lets each worker's pins do something, part by part, so that none is held for longer than a moment: what is given
    /// begins at a place and says where to go on.
    pub fn look_through_pins(
        self: &Arc<Self>,
        mut act: impl FnMut(&mut Pins, (&Router, &Table), usize) -> Option<usize>,
    ) {
        let Some(targets) = self.table.load_full() else { return };
        for (listener, workers) in self.pins.iter().enumerate() {
            for worker in 0..workers.len() {
                let mut next = Some(0);
                while let (Some(from), Some(mut pins)) = (next, self.pins(listener, worker)) {
                    next = act(&mut pins, (&self.router, &targets.table), from);
                    self.empty_outbox(&targets, &mut pins, |hop, bytes| self.send(hop, bytes));
                }
            }
        }
    }

    fn lock<'a>(&self, pins: &'a Mutex<Pins>) -> MutexGuard<'a, Pins> {
        // A thread that panicked while it held the lock may have lost the pin that it worked on, and no other.
        let mut pins = pins.lock().unwrap_or_else(PoisonError::into_inner);
        pins.set_time(self.began.elapsed());
        pins
    }

    /// All pins as bytes: for each listener, each worker's.
    pub fn pass_on_pins(&self) -> Vec<Vec<Vec<u8>>> {
        let of_listener =
            |pins: &Vec<Mutex<Pins>>| pins.iter().map(|pins| self.lock(pins).pass_on()).collect();
        self.pins.iter().map(of_listener).collect()
    }

    /// Takes over those of another process, if its listeners and workers are the same. Returns how many there are.
    pub fn take_over_pins(&self, passed: &Passed) -> usize {
        let (listeners, passed) = (&passed.listeners, &passed.pins);
        let same_listeners =
            self.config.listeners.iter().map(|listener| listener.bind).eq(listeners.iter().copied());
        let same_workers = self.pins.iter().map(Vec::len).eq(passed.iter().map(Vec::len));
        if !(same_listeners && same_workers) {
            tracing::warn!(
                "other listeners or workers than before: calls that are being set up go on without pins"
            );
            return 0;
        }
        let mut count = 0;
        for (pins, bytes) in self.pins.iter().flatten().zip(passed.iter().flatten()) {
            match self.lock(pins).take_over(bytes) {
                Ok(some) => count += some,
                Err(error) => tracing::warn!(error, "pins of the proxy that ran before are left out"),
            }
        }
        count
    }

    /// How many pins there are, and some of them.
    pub fn view_pins(&self, most: usize) -> (usize, Vec<PinView>) {
        let (mut count, mut views) = (0, Vec::new());
        for pins in self.pins.iter().flatten() {
            let pins = self.lock(pins);
            count += pins.len();
            views.extend(pins.view(most.saturating_sub(views.len())));
        }
        (count, views)
    }

    /// Decides about one message, and counts what comes of it. What is to be sent is appended to `out`.
    pub fn decide(
        &self,
        targets: &Targets,
        pins: &mut Pins,
        input: &Input<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Option<Hop> {
        let from = out.len();
        let verdict = self.router.route_pinned(input, &targets.table, pins, scratch, out);
        crate::log::message(&self.config.log, input, &verdict);
        self.metrics.notes(&scratch.notes);
        match verdict {
            Verdict::Forward { hop, new_call } => {
                targets.count(new_call);
                self.metrics.forwarded.inc();
                if scratch.notes.named {
                    self.names.sent(input, &hop, out.get(from..).unwrap_or_default());
                }
                Some(hop)
            }
            Verdict::Wait => self.wait_for_name(targets, input, scratch, out),
            Verdict::Reply { hop, code } => {
                self.metrics.reply(code);
                Some(hop)
            }
            Verdict::Answer(answer) => {
                self.health.answer(answer);
                None
            }
            Verdict::Drop(cause, _) => {
                self.metrics.drop(cause);
                None
            }
        }
    }

    /// Leaves a message until the name of its next hop is known; answers it if there is no room.
    fn wait_for_name(
        &self,
        targets: &Targets,
        input: &Input<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Option<Hop> {
        let wanted = scratch.wanted.take()?;
        let inside = self.router.is_inside(&targets.table, input.source);
        if self.names.wait(input, wanted, inside) {
            return None;
        }
        self.metrics.dns_refused.inc();
        let hop = self.router.own_reply(input, &targets.table, (500, "Too Many Lookups"), scratch, out)?;
        self.metrics.reply(500);
        Some(hop)
    }

    /// Sends what pins have to say, and takes in what they have learnt.
    pub fn empty_outbox(&self, targets: &Targets, pins: &mut Pins, mut send: impl FnMut(&Hop, &[u8])) {
        let outbox = pins.outbox();
        if !outbox.is_empty() {
            for posted in outbox.iter() {
                targets.count(posted.new_call);
                if let Some(code) = posted.code() {
                    self.metrics.reply(code);
                }
                send(&posted.hop, posted.bytes);
            }
            outbox.clear();
        }
        self.metrics.count_pins(pins.take_counts());
        pins.signals().for_each(|(address, signal)| self.health.learn(address, signal));
    }

    /// What time it is, for messages: since 1970.
    pub fn now() -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// Sends one message; workers send datagrams in batches instead.
    pub fn send(self: &Arc<Self>, hop: &Hop, bytes: &[u8]) {
        match hop.transport {
            Transport::Tcp | Transport::Tls => self.streams.send(self, hop, bytes.to_vec()),
            Transport::Udp => {
                if let Some(socket) = self.sockets.get(hop.listener).and_then(|sockets| sockets.first()) {
                    self.measure(hop, bytes.len());
                    self.capture_sent(hop, bytes);
                    let mut outgoing = Outgoing::default();
                    outgoing.push_from(0, bytes.len(), hop.address, hop.local);
                    socket.send(&mut outgoing, bytes, |to, error| self.send_failed(to, &error));
                }
            }
        }
    }

    /// Counts a datagram of so many bytes that will not leave in one piece.
    pub fn measure(&self, hop: &Hop, length: usize) {
        if self.config.udp.is_fragmented(hop.address, length) {
            self.metrics.fragmented.inc();
        }
    }

    /// Counts and logs a message that the network would not take.
    pub fn send_failed(&self, to: SocketAddr, error: &std::io::Error) {
        self.metrics.send_failures.inc();
        tracing::debug!(%to, %error, "not sent");
    }
}
