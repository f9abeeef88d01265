//! The task that keeps a target list from DNS up to date. An answer without targets changes nothing, nor does none.

use std::sync::Arc;
use std::time::Duration;

use fleet::Snapshot;
use prometheus::IntCounter;

use super::fleet::Addresses;
use super::{Asker, FleetSource, Look, Taken};
use crate::live::Live;
use crate::metrics::Fetches;
use crate::watch;

/// How long a whole look may take, whatever single questions may.
const LOOK: Duration = Duration::from_secs(30);

/// Takes the list, and again whenever it changes. Never ends.
pub async fn poll(live: &Arc<Live>, source: FleetSource) {
    let fetches = live.metrics.fetches("targets");
    let mut poller = Poller { live, source, fetches, before: Addresses::new(), last: None, trouble: None };
    let mut asker = None;
    loop {
        if asker.is_none() {
            match Asker::new(&live.config.dns, live.metrics.dns_lookups.clone()) {
                Ok(made) => asker = Some(made),
                Err(error) => poller.trouble(&poller.fetches.failed.clone(), &error.to_string()),
            }
        }
        let wait = match &asker {
            Some(asker) => poller.look(asker).await,
            None => live.config.poll,
        };
        tokio::time::sleep(wait).await;
    }
}

struct Poller<'l> {
    live: &'l Arc<Live>,
    source: FleetSource,
    fetches: Fetches,
    before: Addresses,
    /// The list as it was taken last.
    last: Option<Vec<u8>>,
    trouble: Option<String>,
}

impl Poller<'_> {
    /// Looks once. Returns how long to wait for the next time: as long as the answers hold, within bounds.
    async fn look(&mut self, asker: &Asker) -> Duration {
        let poll = self.live.config.poll;
        let mut look = Look::new(self.source.clone(), self.live.router.able(), self.before.clone());
        let asking = async {
            while !look.questions().is_empty() {
                for (question, answer) in asker.ask_all(look.questions().to_vec()).await {
                    look.answer(&question, answer);
                }
            }
        };
        if tokio::time::timeout(LOOK, asking).await.is_err() {
            self.trouble(&self.fetches.failed.clone(), "no answer in time");
            return poll;
        }
        let networks = &self.live.config.networks;
        let (taken, addresses) = look.end(|ip| networks.is_empty() || networks.contains(ip));
        self.before = addresses;
        match &taken {
            Taken::List { ttl, .. } => {
                if let Some(snapshot) = taken.snapshot() {
                    self.take(&snapshot).await;
                }
                (*ttl).clamp(poll, poll.max(self.live.config.dns.rules.max_ttl))
            }
            Taken::Empty => {
                let none = "DNS knows no targets (in targets.networks, if those are set)";
                self.trouble(&self.fetches.refused.clone(), none);
                poll
            }
            Taken::Failed => {
                self.trouble(&self.fetches.failed.clone(), "DNS does not answer");
                poll
            }
        }
    }

    /// As if it stood in a file.
    async fn take(&mut self, snapshot: &Snapshot) {
        let read = serde_json::to_vec(snapshot).map_err(|error| error.to_string()).and_then(|bytes| {
            let snapshot = Snapshot::from_json(&bytes).map_err(|error| error.to_string())?;
            Ok((bytes, snapshot))
        });
        match read {
            Ok((bytes, snapshot)) => {
                if self.last.as_ref() == Some(&bytes) {
                    self.fetches.same.inc();
                } else {
                    self.fetches.changed.inc();
                    self.last = Some(bytes);
                    watch::take(self.live, snapshot).await;
                }
                self.fetches.confirm();
                if self.trouble.take().is_some() {
                    tracing::info!(source = ?self.source, "target list taken again");
                }
            }
            Err(error) => self.trouble(&self.fetches.refused.clone(), &error),
        }
    }

    /// Counts a look that brought nothing, and logs what is other than before.
    fn trouble(&mut self, count: &IntCounter, trouble: &str) {
        count.inc();
        if self.trouble.as_deref() != Some(trouble) {
            self.trouble = Some(trouble.to_owned());
            self.live.metrics.list_errors.inc();
            tracing::warn!(source = ?self.source, trouble, "no target list, the one before stays in force");
        }
    }
}
