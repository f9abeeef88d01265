//! The calls that are here, each with its queue; and the channels of their legs, which share it.

mod queue;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::Serialize;
use tokio::sync::Notify;

use crate::call::facts::{Direction, Facts};
use crate::call::input::LegId;

pub use queue::{Happened, Message, Queue};

/// All calls.
#[derive(Debug, Default)]
pub struct Calls {
    inner: Mutex<Inner>,
    changed: Notify,
    /// So many calls are remembered by their sid, and all that have not ended.
    remembered: usize,
}

#[derive(Debug, Default)]
struct Inner {
    channels: HashMap<String, Channel>,
    /// How many of them are calls; the others are legs.
    calls: usize,
    /// Channel by the platform's sid, for calls that the API asked for; also of calls that have ended.
    by_sid: HashMap<String, String>,
    /// The same, oldest first.
    sids: VecDeque<String>,
}

/// A channel that belongs to a call.
#[derive(Debug, Clone)]
pub struct Channel {
    /// `None` for the call's own.
    pub leg: Option<LegId>,
    /// The call's queue.
    pub queue: Arc<Queue>,
    /// What is shown of the call; `None` until the platform has said whose it is.
    pub view: Option<Arc<View>>,
    /// Whether FreeSWITCH has told anything of it: else it may still be being made.
    pub seen: Arc<AtomicBool>,
}

impl Channel {
    fn new(leg: Option<LegId>, queue: &Arc<Queue>) -> Self {
        Channel { leg, queue: Arc::clone(queue), view: None, seen: Arc::default() }
    }
}

/// What is shown of a call.
#[derive(Debug, Serialize)]
pub struct View {
    /// The channel; the call's name for the API.
    pub id: String,
    /// The platform's name.
    pub sid: String,
    /// Who calls.
    pub from: String,
    /// Who is called.
    pub to: String,
    /// `inbound` or `outbound-api`.
    pub direction: &'static str,
    /// When it came to be, in seconds of Unix time.
    pub began: u64,
    /// The host by which it left, if it did.
    #[serde(skip)]
    pub trunk: Option<String>,
    /// Whether it was answered.
    pub answered: AtomicBool,
}

impl View {
    /// Of a call that begins now.
    pub fn new(facts: &Facts) -> Self {
        let direction = match facts.direction {
            Direction::Inbound => "inbound",
            Direction::OutboundApi => "outbound-api",
            Direction::OutboundDial => "outbound-dial",
        };
        View {
            id: facts.channel.clone(),
            sid: facts.call_sid.clone(),
            from: facts.from.clone(),
            to: facts.to.clone(),
            direction,
            began: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs()),
            trunk: None,
            answered: AtomicBool::new(false),
        }
    }
}

/// Why a call cannot begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Full {
    /// There are as many as may be.
    Sessions,
    /// Its channel, or its sid, is that of another call, whose channel this is.
    Known(String),
}

impl Inner {
    /// Forgets the sid that is known longest, unless its call has not ended.
    fn forget_oldest(&mut self, remembered: usize) {
        if self.sids.len() <= remembered {
            return;
        }
        let Some(oldest) = self.sids.pop_front() else { return };
        match self.by_sid.get(&oldest).is_some_and(|channel| self.channels.contains_key(channel)) {
            true => self.sids.push_back(oldest),
            false => drop(self.by_sid.remove(&oldest)),
        }
    }
}

impl Calls {
    /// None yet.
    pub fn remembering(remembered: usize) -> Self {
        Calls { remembered, ..Calls::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins, unless there are so many already. With `sid` the API asked for it: never twice for the same.
    pub fn begin(&self, channel: &str, sid: Option<&str>, most: usize) -> Result<Arc<Queue>, Full> {
        let mut inner = self.lock();
        if let Some(known) = sid.and_then(|sid| inner.by_sid.get(sid)) {
            return Err(Full::Known(known.clone()));
        }
        if inner.channels.contains_key(channel) {
            return Err(Full::Known(channel.to_owned()));
        }
        if inner.calls >= most {
            return Err(Full::Sessions);
        }
        let queue = Arc::new(Queue::of(channel));
        inner.channels.insert(channel.to_owned(), Channel::new(None, &queue));
        inner.calls += 1;
        if let Some(sid) = sid {
            inner.by_sid.insert(sid.to_owned(), channel.to_owned());
            inner.sids.push_back(sid.to_owned());
            inner.forget_oldest(self.remembered);
        }
        Ok(queue)
    }

    /// The channel of the call that was made under this sid.
    pub fn made(&self, sid: &str) -> Option<String> {
        self.lock().by_sid.get(sid).cloned()
    }

    /// It is known whose call it is.
    pub fn show(&self, view: &Arc<View>) {
        if let Some(entry) = self.lock().channels.get_mut(&view.id) {
            entry.view = Some(Arc::clone(view));
        }
    }

    /// A leg of a call begins.
    pub fn add_leg(&self, channel: &str, leg: LegId, queue: &Arc<Queue>) {
        queue.own(channel);
        self.lock().channels.insert(channel.to_owned(), Channel::new(Some(leg), queue));
    }

    /// A channel is known no longer. Says whether it was.
    pub fn remove(&self, channel: &str) -> bool {
        let mut inner = self.lock();
        let Some(entry) = inner.channels.remove(channel) else { return false };
        inner.calls -= usize::from(entry.leg.is_none());
        drop(inner);
        entry.queue.disown(channel);
        self.changed.notify_waiters();
        true
    }

    /// Whether FreeSWITCH has told anything of a channel that is known.
    pub fn was_seen(&self, channel: &str) -> bool {
        self.lock().channels.get(channel).is_some_and(|channel| channel.seen.load(Ordering::Relaxed))
    }

    /// FreeSWITCH has told something of a channel, though not to this process.
    pub fn saw(&self, channel: &str) {
        if let Some(channel) = self.lock().channels.get(channel) {
            channel.seen.store(true, Ordering::Relaxed);
        }
    }

    /// Whose channel it is.
    pub fn get(&self, channel: &str) -> Option<Channel> {
        self.lock().channels.get(channel).cloned()
    }

    /// All channels, those of calls before their legs': a call that is over does not go on because its leg is over, too.
    pub fn all(&self) -> Vec<(String, Channel)> {
        let mut all: Vec<_> =
            self.lock().channels.iter().map(|(name, channel)| (name.clone(), channel.clone())).collect();
        all.sort_by_key(|(_, channel)| channel.leg.is_some());
        all
    }

    /// What is shown of all calls.
    pub fn views(&self) -> Vec<Arc<View>> {
        self.lock().channels.values().filter_map(|channel| channel.view.clone()).collect()
    }

    /// How many calls there are.
    pub fn count(&self) -> usize {
        self.lock().calls
    }

    /// How many channels they have, legs among them.
    pub fn channels(&self) -> usize {
        self.lock().channels.len()
    }

    /// Waits until there are none.
    pub async fn none_left(&self) {
        loop {
            let changed = self.changed.notified();
            if self.count() == 0 {
                return;
            }
            changed.await;
        }
    }
}

/// Forgets a call and its legs when its task ends, however that comes.
pub struct Forget<'a> {
    /// All calls.
    pub calls: &'a Calls,
    /// The call's queue: its channels are those that share it.
    pub queue: Arc<Queue>,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        for channel in self.queue.channels() {
            self.calls.remove(&channel);
        }
    }
}

impl View {
    /// It was answered.
    pub fn set_answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_has_one_call_even_after_that_has_ended() {
        let calls = Calls::default();
        assert!(calls.begin("a", Some("CA1"), 10).is_ok());
        assert_eq!(calls.begin("b", Some("CA1"), 10).err(), Some(Full::Known("a".to_owned())));
        assert!(calls.remove("a"));
        assert_eq!(calls.begin("b", Some("CA1"), 10).err(), Some(Full::Known("a".to_owned())));
        assert_eq!(calls.count(), 0);
    }

    #[test]
    fn legs_do_not_count_and_go_with_their_call() {
        let calls = Calls::default();
        let queue = calls.begin("a", None, 1).expect("room");
        calls.add_leg("leg", LegId(1), &queue);
        assert_eq!((calls.count(), calls.channels(), calls.all().len()), (1, 2, 2));
        assert_eq!(calls.begin("b", None, 1).err(), Some(Full::Sessions));
        drop(Forget { calls: &calls, queue });
        assert_eq!((calls.count(), calls.channels()), (0, 0));
    }
}
