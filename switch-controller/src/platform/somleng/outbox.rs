//! What the platform is told of calls: of each call in the order in which it happened, one after the other, and again until
//! it is taken. Whoever tells never waits.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::Method;
use tokio::sync::{Notify, Semaphore, oneshot};

use super::backoff::{self, random};
use super::client::{Body, Client, Fault};
use crate::metrics::PlatformMetrics;

/// So many letters wait at most, of all calls together: a platform that is away must not cost all memory.
const MOST: usize = 100_000;

/// So many requests at once.
const AT_ONCE: usize = 64;

/// Something to be told.
#[derive(Debug)]
pub(super) struct Letter {
    /// Where.
    pub path: &'static str,
    /// What.
    pub body: Body,
    /// Whether it may be told twice. What may not is given up where nobody knows whether it was taken.
    pub twice: bool,
}

/// The letters that wait.
pub(super) struct Outbox {
    client: Arc<Client>,
    /// A letter that was not taken for so long is given up.
    retry_for: Duration,
    metrics: PlatformMetrics,
    inner: Mutex<Inner>,
    empty: Notify,
    turns: Semaphore,
}

#[derive(Default)]
struct Inner {
    /// By call. A call that is here has a task that sends its letters; its first one may be on the way.
    calls: HashMap<String, VecDeque<(Letter, Instant)>>,
    letters: usize,
    /// Who waits until nothing is left of a call: told by being dropped.
    waiting: HashMap<String, Vec<oneshot::Sender<()>>>,
}

impl Outbox {
    pub(super) fn new(client: Arc<Client>, retry_for: Duration, metrics: PlatformMetrics) -> Self {
        let (inner, empty, turns) = (Mutex::default(), Notify::new(), Semaphore::new(AT_ONCE));
        Outbox { client, retry_for, metrics, inner, empty, turns }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells something of a call, behind all that was told of it before.
    pub(super) fn put(self: &Arc<Self>, call: &str, letter: Letter) {
        let mut inner = self.lock();
        if inner.letters >= MOST {
            drop(inner);
            self.metrics.count(letter.path, "lost");
            return tracing::warn!(call, path = letter.path, "too much waits for the platform: this is lost");
        }
        inner.letters += 1;
        self.metrics.waiting.set(i64::try_from(inner.letters).unwrap_or(i64::MAX));
        let entry = (letter, Instant::now());
        if let Some(letters) = inner.calls.get_mut(call) {
            letters.push_back(entry);
        } else {
            inner.calls.insert(call.to_owned(), VecDeque::from([entry]));
            tokio::spawn(Arc::clone(self).work(call.to_owned()));
        }
    }

    /// Waits until nothing waits of a call.
    pub(super) async fn told(&self, call: &str) {
        let (told, wait) = oneshot::channel();
        {
            let mut inner = self.lock();
            if !inner.calls.contains_key(call) {
                return;
            }
            inner.waiting.entry(call.to_owned()).or_default().push(told);
        }
        // It is dropped then.
        let _ = wait.await;
    }

    /// Waits until nothing waits.
    pub(super) async fn empty(&self) {
        loop {
            let empty = self.empty.notified();
            if self.lock().letters == 0 {
                return;
            }
            empty.await;
        }
    }

    /// Sends a call's letters until there are none.
    async fn work(self: Arc<Self>, call: String) {
        while let Some((letter, since)) = self.next(&call) {
            self.deliver(&call, &letter, since).await;
            let mut inner = self.lock();
            inner.letters = inner.letters.saturating_sub(1);
            self.metrics.waiting.set(i64::try_from(inner.letters).unwrap_or(i64::MAX));
            if inner.letters == 0 {
                self.empty.notify_waiters();
            }
        }
    }

    fn next(&self, call: &str) -> Option<(Letter, Instant)> {
        let mut inner = self.lock();
        let next = inner.calls.get_mut(call).and_then(VecDeque::pop_front);
        if next.is_none() {
            inner.calls.remove(call);
            inner.waiting.remove(call);
        }
        next
    }

    async fn deliver(&self, call: &str, letter: &Letter, since: Instant) {
        let path = letter.path;
        for failures in 1.. {
            let sent = {
                let _turn = self.turns.acquire().await;
                self.client.send(Method::POST, path, letter.body.clone()).await
            };
            let fault = match sent {
                Ok(_) => return self.metrics.count(path, "ok"),
                Err(fault) => fault,
            };
            let over = match &fault {
                Fault::Refused { .. } => true,
                Fault::Unsure(_) if !letter.twice => true,
                _ => since.elapsed() >= self.retry_for,
            };
            if over {
                self.metrics.count(path, "failed");
                return tracing::warn!(call, path, %fault, failures, "the platform is not told");
            }
            self.metrics.count(path, "again");
            tracing::debug!(call, path, %fault, failures, "the platform is told again later");
            tokio::time::sleep(backoff::wait(failures, random())).await;
        }
    }
}
