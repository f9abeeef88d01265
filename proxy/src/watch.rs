//! The target list's file, looked at every now and then. A list that is refused changes nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fleet::Snapshot;

use crate::config::Source;
use crate::live::Live;

/// Takes the list from its source, and again whenever it changes. Never ends for a file.
pub async fn watch(live: Arc<Live>) {
    match live.config.targets.clone() {
        Source::Inline(snapshot) => take(&live, snapshot).await,
        Source::File(path) => watch_file(&live, path, live.config.poll).await,
    }
}

/// A table of many targets takes a while to make: not on the threads that everything else needs.
async fn take(live: &Arc<Live>, snapshot: Snapshot) {
    let live = Arc::clone(live);
    let _ = tokio::task::spawn_blocking(move || live.take_list(snapshot)).await;
}

async fn watch_file(live: &Arc<Live>, path: PathBuf, poll: Duration) {
    let mut last: Option<Result<Vec<u8>, String>> = None;
    let mut ticks = tokio::time::interval(poll);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = tokio::fs::read(&path).await.map_err(|error| error.to_string());
        // Whole contents are compared: a file's time does not tell of two changes within its resolution.
        if last.as_ref() == Some(&now) {
            continue;
        }
        let read =
            now.clone().and_then(|bytes| Snapshot::from_json(&bytes).map_err(|error| error.to_string()));
        match read {
            Ok(snapshot) => take(live, snapshot).await,
            Err(error) => {
                live.metrics.list_errors.inc();
                tracing::warn!(file = %path.display(), error, "target list refused, the one before stays in force");
            }
        }
        last = Some(now);
    }
}
