//! Who may start calls, where that stands in a file or at a URL: looked at every now and then, as the target list is. A
//! list that is refused changes nothing.

use std::sync::Arc;

use crate::config::Sources;
use crate::live::Live;
use crate::networks::Networks;
use crate::watch::Watched;

/// The longest list that is read, in bytes: some hundred thousand networks.
const MOST: usize = 16 << 20;

/// Takes the list from where it is, and again whenever that changes. Ends at once if it stands in the settings.
pub async fn watch(live: Arc<Live>) {
    let poll = live.config.access_poll;
    let mut list = match &live.config.access {
        Sources::Inline(networks) => return count(&live, networks),
        Sources::File(path) => Watched::file(path.clone(), poll, MOST),
        Sources::Url(url) => Watched::url(&live, "access", url.clone(), poll, MOST),
    };
    loop {
        let read = list.changed().await;
        let networks = read.as_ref().map_err(String::clone).and_then(|bytes| {
            let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
            Networks::parse_lines(text)
        });
        match networks {
            Ok(networks) => {
                take(&live, networks, &list.name());
                list.accept(&read.unwrap_or_default()).await;
            }
            Err(error) => {
                live.metrics.access_errors.inc();
                list.refuse(&read);
                tracing::warn!(
                    list = list.name(),
                    error,
                    "access.sources refused, those before stay in force"
                );
            }
        }
    }
}

fn take(live: &Live, networks: Networks, list: &str) {
    tracing::info!(list, networks = networks.len(), "access.sources taken");
    count(live, &networks);
    live.metrics.access_changed.set(i64::try_from(Live::now().as_secs()).unwrap_or_default());
    live.router.set_access(networks);
}

fn count(live: &Live, networks: &Networks) {
    live.metrics.access_networks.set(i64::try_from(networks.len()).unwrap_or_default());
}
