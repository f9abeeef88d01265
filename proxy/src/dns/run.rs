//! The task between workers and the servers: it keeps messages until their name is known, and sends them on.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;

use super::room::Trial;
use super::{Asker, Destination, Held, Known, Limits, Outcome, Room};
use crate::live::Live;
use crate::route::{Branch, Hop, Input, Scratch, Transport};
use crate::steer::owner;

/// News that the task has not taken in yet.
const MAX_NEWS: usize = 4096;
/// How often it is looked what is kept for too long.
const TIDY: Duration = Duration::from_secs(1);

/// Where workers leave messages, and what they learn of them.
#[derive(Debug)]
pub struct Names {
    news: Sender<News>,
    inbox: Mutex<Option<Receiver<News>>>,
    /// Room for those that wait, and for those that were sent: neither takes the other's.
    waiting: Arc<Limits>,
    sent: Arc<Limits>,
}

#[derive(Debug)]
enum News {
    /// A message whose next hop is a name that is not known.
    Wanted(Destination, Held),
    /// A message that was sent to one of a name's addresses.
    Sent((u64, u64), Held, Hop),
    /// One of them could not be delivered.
    CameBack((u64, u64), Transport, SocketAddr),
}

impl Names {
    /// With room for so many messages of either kind.
    pub fn new(most: usize) -> Self {
        let (news, inbox) = mpsc::channel(MAX_NEWS);
        Names { news, inbox: Mutex::new(Some(inbox)), waiting: Limits::new(most), sent: Limits::new(most) }
    }

    /// Leaves a message until the name is known. Returns whether there is room. Callers get no more than half of it:
    /// whose names are answered slowly does not keep targets from calling.
    pub fn wait(&self, input: &Input<'_>, wanted: Destination, inside: bool) -> bool {
        if !inside && !self.waiting.is_half_empty() {
            return false;
        }
        let held = Held::new(input, &self.waiting);
        held.is_some_and(|held| self.news.try_send(News::Wanted(wanted, held)).is_ok())
    }

    /// Remembers a message that goes to one of a name's addresses, in case it cannot be reached. Without room it is sent
    /// all the same.
    pub fn sent(&self, input: &Input<'_>, hop: &Hop, message: &[u8]) {
        let Some(key) = key(message) else { return };
        if let Some(held) = Held::new(input, &self.sent) {
            let _ = self.news.try_send(News::Sent(key, held, *hop));
        }
    }

    /// A message, or its beginning, could not be delivered there.
    pub fn came_back(&self, transport: Transport, to: SocketAddr, message: &[u8]) {
        if self.sent.messages() > 0
            && let Some(key) = key(message)
        {
            let to = SocketAddr::new(to.ip().to_canonical(), to.port());
            let _ = self.news.try_send(News::CameBack(key, transport, to));
        }
    }

    /// How many messages wait.
    pub fn waiting(&self) -> usize {
        self.waiting.messages()
    }
}

/// What a request that we sent and its original have in common: our branch's transaction, and the method.
fn key(message: &[u8]) -> Option<(u64, u64)> {
    let method = message.split(|byte| *byte == b' ').next()?;
    let letters = method.iter().take(8).fold(0, |letters, byte| letters << 8 | u64::from(*byte));
    Some((Branch::find(message)?.transaction, letters))
}

/// Looks names up and sends messages on until the process ends.
pub async fn run(live: Arc<Live>) {
    let inbox = live.names.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut inbox) = inbox else { return };
    let asker = match Asker::new(&live.config.dns, live.metrics.dns_lookups.clone()) {
        Ok(asker) => Some(asker),
        Err(error) => {
            tracing::warn!(%error, "next hops that are names get no answer");
            None
        }
    };
    let known = Known::clone(&live.router.known());
    let mut task = Task { live, asker, known, room: Room::default(), asking: JoinSet::new() };
    let mut tidy = tokio::time::interval(TIDY);
    loop {
        tokio::select! {
            Some(news) = inbox.recv() => task.take(news),
            Some(Ok((wanted, outcome))) = task.asking.join_next() => task.settle(wanted, outcome),
            _ = tidy.tick() => task.tidy(),
        }
    }
}

struct Task {
    live: Arc<Live>,
    asker: Option<Asker>,
    known: Known,
    room: Room,
    asking: JoinSet<(Destination, Outcome)>,
}

impl Task {
    fn take(&mut self, news: News) {
        match news {
            News::Wanted(wanted, held) => {
                if !self.room.wait(wanted.clone(), held) {
                    return;
                }
                let (asker, able) = (self.asker.clone(), self.live.router.able());
                self.asking.spawn(async move {
                    let outcome = match asker {
                        Some(asker) => asker.look_up(wanted.clone(), able).await,
                        None => Outcome::Failed,
                    };
                    (wanted, outcome)
                });
            }
            News::Sent(key, held, hop) => self.room.keep(key, held, &hop, Live::now()),
            News::CameBack(key, transport, address) => self.try_another(key, (transport, address)),
        }
    }

    /// An answer is there: those that waited go on.
    fn settle(&mut self, wanted: Destination, outcome: Outcome) {
        self.known.put(wanted.clone(), outcome, Live::now());
        self.live.metrics.dns_names.set(i64::try_from(self.known.len()).unwrap_or_default());
        self.publish();
        for held in self.room.leave(&wanted) {
            carry(&self.live, &held.input(Live::now()), |_| true);
        }
    }

    /// RFC 3263 4.3: the next address, unless all were tried.
    fn try_another(&mut self, key: (u64, u64), place: (Transport, SocketAddr)) {
        if self.room.failed(key, place).is_none() {
            return;
        }
        self.known.mark_down(place.0, place.1, Live::now());
        self.publish();
        let Some(Trial { held, tried, .. }) = self.room.failed(key, place) else { return };
        let input = held.input(Live::now());
        let any = carry(&self.live, &input, |hop| !tried.contains(&(hop.transport, hop.address)));
        if !any {
            self.live.refuse(&input, (500, "Next Hop Cannot Be Reached"));
            self.room.give_up(key);
        }
    }

    fn tidy(&mut self) {
        self.room.expire(Live::now());
        self.live.metrics.dns_waiting.set(i64::try_from(self.live.names.waiting()).unwrap_or_default());
    }

    fn publish(&self) {
        self.live.router.set_names(self.known.clone());
    }
}

/// Routes a message that was kept, and sends what comes of it if that `may` be. Returns whether it was.
fn carry(live: &Arc<Live>, input: &Input<'_>, may: impl Fn(&Hop) -> bool) -> bool {
    let Some(targets) = live.table.load_full() else { return true };
    let worker = owner(&live.config.keys.pick, input.bytes, live.config.workers).unwrap_or(0);
    let Some(mut pins) = live.pins(input.listener, worker) else { return true };
    let (mut scratch, mut out) = (Scratch::new(), Vec::new());
    let hop = live.decide(&targets, &mut pins, input, &mut scratch, &mut out);
    let send = hop.is_none_or(|hop| may(&hop));
    if let Some(hop) = hop.filter(|_| send) {
        live.send(&hop, &out);
    }
    live.empty_outbox(&targets, &mut pins, |hop, bytes| live.send(hop, bytes));
    send
}

impl Live {
    /// Answers a request that was kept ourselves.
    fn refuse(self: &Arc<Self>, input: &Input<'_>, (code, reason): (u16, &str)) {
        let Some(targets) = self.table.load_full() else { return };
        let (mut scratch, mut out) = (Scratch::new(), Vec::new());
        if let Some(hop) =
            self.router.own_reply(input, &targets.table, (code, reason), &mut scratch, &mut out)
        {
            self.metrics.reply(code);
            self.send(&hop, &out);
        }
    }
}
