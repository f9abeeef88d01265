//! Files and URLs that are looked at every now and then, the target list's among them. A list that is refused changes
//! nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fleet::{Newest, Snapshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Interval, MissedTickBehavior};

use crate::config::{ListUrl, Source};
use crate::dns;
use crate::fetch::WatchedUrl;
use crate::live::Live;

/// Takes the list from its source, and again whenever it changes. Never ends for a file, a URL or DNS.
pub async fn watch(live: Arc<Live>) {
    match live.config.targets.clone() {
        Source::Inline(snapshot) => take(&live, snapshot).await,
        Source::File(path) => {
            watch_list(&live, Watched::file(path, live.config.poll, fleet::MAX_BYTES), None).await;
        }
        Source::Url(url) => {
            let list = Watched::url(&live, "targets", url, live.config.poll, fleet::MAX_BYTES);
            let stands_in = tokio::spawn(stand_in(Arc::clone(&live)));
            watch_list(&live, list, Some(stands_in)).await;
        }
        Source::Dns(source) => dns::poll(&live, source).await,
    }
}

/// A table of many targets takes a while to make: not on the threads that everything else needs.
pub(crate) async fn take(live: &Arc<Live>, snapshot: Snapshot) {
    let live = Arc::clone(live);
    let _ = tokio::task::spawn_blocking(move || live.take_list(snapshot)).await;
}

/// While a server has given no list, nor an earlier process left one: DNS, and then what the settings say.
async fn stand_in(live: Arc<Live>) {
    let mut stood_in = JoinSet::new();
    for source in &live.config.stand_ins {
        tokio::time::sleep(live.config.fetch.timeout).await;
        if live.table.load().is_some() {
            continue;
        }
        tracing::warn!("no target list from its server: another source stands in for it");
        match source {
            Source::Dns(source) => {
                // It goes on beside the next, until there is a list of the server's own.
                let (live, source) = (Arc::clone(&live), source.clone());
                stood_in.spawn(async move { dns::poll(&live, source).await });
            }
            Source::Inline(snapshot) => take(&live, snapshot.clone()).await,
            Source::File(_) | Source::Url(_) => {}
        }
    }
    stood_in.join_all().await;
}

/// `stands_in` is whoever gives a list meanwhile: no longer than that.
async fn watch_list(live: &Arc<Live>, mut list: Watched, mut stands_in: Option<JoinHandle<()>>) {
    let mut newest = Newest::default();
    loop {
        let read = list.changed().await;
        let snapshot = read.as_ref().map_err(String::clone).and_then(|bytes| {
            let snapshot = Snapshot::from_json(bytes).map_err(|error| error.to_string())?;
            // A file has one writer, who may well go back.
            if let Watched::Url(_) = list {
                newest.check(&snapshot).map_err(|error| error.to_string())?;
            }
            Ok(snapshot)
        });
        match snapshot {
            Ok(snapshot) => {
                if let Some(stands_in) = stands_in.take() {
                    stands_in.abort();
                    let _ = stands_in.await;
                }
                newest.take(&snapshot);
                live.metrics.list_written(&snapshot);
                take(live, snapshot).await;
                list.accept(&read.unwrap_or_default()).await;
            }
            Err(error) => {
                live.metrics.list_errors.inc();
                list.refuse(&read);
                tracing::warn!(
                    list = list.name(),
                    error,
                    "target list refused, the one before stays in force"
                );
            }
        }
    }
}

/// A list that is looked at every now and then.
pub enum Watched {
    /// In a file.
    File(WatchedFile),
    /// At a URL.
    Url(Box<WatchedUrl>),
}

impl Watched {
    /// In a file.
    pub fn file(path: PathBuf, poll: Duration, most: usize) -> Self {
        Watched::File(WatchedFile::new(path, poll, u64::try_from(most).unwrap_or(u64::MAX)))
    }

    /// At a URL; `name` is the list's in metrics.
    pub fn url(live: &Live, name: &str, url: ListUrl, poll: Duration, most: usize) -> Self {
        let (settings, metrics) = (live.config.fetch.clone(), live.metrics.fetches(name));
        Watched::Url(Box::new(WatchedUrl::new(url, poll, most, settings, metrics)))
    }

    /// Where it is.
    pub fn name(&self) -> String {
        match self {
            Watched::File(file) => file.path.display().to_string(),
            Watched::Url(url) => url.name(),
        }
    }

    /// What stands in it, or why that cannot be told, as soon as it is something else than before.
    pub async fn changed(&mut self) -> Result<Vec<u8>, String> {
        match self {
            Watched::File(file) => file.changed().await,
            Watched::Url(url) => url.changed().await,
        }
    }

    /// What stood in it is in force.
    pub async fn accept(&mut self, content: &[u8]) {
        match self {
            Watched::File(_) => {}
            Watched::Url(url) => url.accept(content).await,
        }
    }

    /// What stood in it, if anything, is not.
    pub fn refuse(&mut self, read: &Result<Vec<u8>, String>) {
        match (self, read) {
            (Watched::Url(url), Ok(_)) => url.refuse(),
            (Watched::File(_), _) | (_, Err(_)) => {}
        }
    }
}

/// A file that is looked at every now and then.
pub struct WatchedFile {
    /// Where it is.
    pub path: PathBuf,
    /// The most bytes that are read.
    most: u64,
    last: Option<Result<Vec<u8>, String>>,
    ticks: Interval,
}

impl WatchedFile {
    /// Looked at now, and then so often.
    pub fn new(path: PathBuf, poll: Duration, most: u64) -> Self {
        let mut ticks = tokio::time::interval(poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        WatchedFile { path, most, last: None, ticks }
    }

    /// What stands in it, or why that cannot be told, as soon as it is something else than before.
    pub async fn changed(&mut self) -> Result<Vec<u8>, String> {
        loop {
            self.ticks.tick().await;
            let now = self.read().await;
            // Whole contents are compared: a file's time does not tell of two changes within its resolution.
            if self.last.as_ref() != Some(&now) {
                return self.last.insert(now).clone();
            }
        }
    }

    async fn read(&self) -> Result<Vec<u8>, String> {
        let length = tokio::fs::metadata(&self.path).await.map_err(|error| error.to_string())?.len();
        if length > self.most {
            return Err(format!("expected a list of up to {} bytes, found {length}", self.most));
        }
        tokio::fs::read(&self.path).await.map_err(|error| error.to_string())
    }
}
