//! Who may start calls, where that stands in a file: looked at every now and then, as the target list is. A list that is
//! refused changes nothing.

use std::path::Path;
use std::sync::Arc;

use crate::config::Sources;
use crate::live::Live;
use crate::networks::Networks;
use crate::watch::WatchedFile;

/// The longest file that is read, in bytes: some hundred thousand networks.
const MAX_FILE: u64 = 16 << 20;

/// Takes the list from its file, and again whenever that changes. Ends at once if it stands in the settings.
pub async fn watch(live: Arc<Live>) {
    let path = match &live.config.access {
        Sources::Inline(networks) => return count(&live, networks),
        Sources::File(path) => path.clone(),
    };
    let mut file = WatchedFile::new(path, live.config.access_poll, MAX_FILE);
    loop {
        let text = file
            .changed()
            .await
            .and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string()));
        match text.and_then(|text| Networks::parse_lines(&text)) {
            Ok(networks) => take(&live, networks, &file.path),
            Err(error) => {
                live.metrics.access_errors.inc();
                tracing::warn!(file = %file.path.display(), error, "access.sources refused, those before stay in force");
            }
        }
    }
}

fn take(live: &Live, networks: Networks, path: &Path) {
    tracing::info!(file = %path.display(), networks = networks.len(), "access.sources taken");
    count(live, &networks);
    live.metrics.access_changed.set(i64::try_from(Live::now().as_secs()).unwrap_or_default());
    live.router.set_access(networks);
}

fn count(live: &Live, networks: &Networks) {
    live.metrics.access_networks.set(i64::try_from(networks.len()).unwrap_or_default());
}
