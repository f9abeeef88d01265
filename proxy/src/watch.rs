//! Files that are looked at every now and then, the target list's among them. A list that is refused changes nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fleet::Snapshot;
use tokio::time::{Interval, MissedTickBehavior};

use crate::config::Source;
use crate::dns;
use crate::live::Live;

/// Takes the list from its source, and again whenever it changes. Never ends for a file or DNS.
pub async fn watch(live: Arc<Live>) {
    match live.config.targets.clone() {
        Source::Inline(snapshot) => take(&live, snapshot).await,
        Source::File(path) => watch_file(&live, path, live.config.poll).await,
        Source::Dns(source) => dns::poll(&live, source).await,
    }
}

/// A table of many targets takes a while to make: not on the threads that everything else needs.
pub(crate) async fn take(live: &Arc<Live>, snapshot: Snapshot) {
    let live = Arc::clone(live);
    let _ = tokio::task::spawn_blocking(move || live.take_list(snapshot)).await;
}

async fn watch_file(live: &Arc<Live>, path: PathBuf, poll: Duration) {
    let mut file = WatchedFile::new(path, poll, u64::MAX);
    loop {
        let read = file.changed().await;
        match read.and_then(|bytes| Snapshot::from_json(&bytes).map_err(|error| error.to_string())) {
            Ok(snapshot) => take(live, snapshot).await,
            Err(error) => {
                live.metrics.list_errors.inc();
                tracing::warn!(file = %file.path.display(), error, "target list refused, the one before stays in force");
            }
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
