//! Whether the fleet's target list lets this FreeSWITCH drain. Proxies know that by themselves; calls that the API is asked for
//! come past them. So whoever drains takes none, and answers 503 as a full one does.
//!
//! While the list cannot be had, what it said last holds: at the start, that this one does not drain.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fleet::{Snapshot, State};
use store::{Options, Read, Store, Version};

use crate::live::Live;

/// `[fleet]`
#[derive(Debug, Clone)]
pub struct Membership {
    /// Where the list is: `file:///path`, `s3://bucket/key`, `http(s)://...`.
    pub url: String,
    /// What this FreeSWITCH is called there.
    pub id: String,
    /// How often it is looked at.
    pub poll: Duration,
}

/// Looks until the process ends.
pub async fn watch(live: Arc<Live>, membership: Membership) {
    let store = match Store::open(&membership.url, Options::default()) {
        Ok(store) => store,
        // It was opened when the settings were checked.
        Err(error) => return tracing::error!(%error, "the target list cannot be looked at"),
    };
    let (mut known, mut failed) = (None, None);
    let mut ticks = tokio::time::interval(membership.poll);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match look(&store, &membership.id, &mut known).await {
            Ok(drains) => {
                if let Some(drains) = drains
                    && live.drained.swap(drains, Ordering::Relaxed) != drains
                {
                    tracing::info!(drains, "what the target list says of this FreeSWITCH");
                }
                if failed.take().is_some() {
                    tracing::info!(url = store.url(), "the target list can be had again");
                }
            }
            // The same reason is told once.
            Err(error) if failed.as_ref() != Some(&error) => {
                tracing::warn!(url = store.url(), error, "the target list cannot be had");
                failed = Some(error);
            }
            Err(_) => {}
        }
    }
}

/// Whether the target of this id drains; `None` if the list is what it was.
async fn look(store: &Store, id: &str, known: &mut Option<Version>) -> Result<Option<bool>, String> {
    match store.read(known.as_ref()).await.map_err(|error| error.to_string())? {
        Read::Same => Ok(None),
        // It is not listed yet, or the list is not there any more: nobody wants it to drain.
        Read::Absent => Ok(Some(false)),
        Read::Content(content, version) => {
            let list = Snapshot::from_json(&content).map_err(|error| error.to_string())?;
            *known = Some(version);
            Ok(Some(list.target(id).is_some_and(|target| target.state == State::Draining)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"targets": [{"id": "a", "address": "10.0.0.1", "ports": {}, "state": "draining"},
        {"id": "b", "address": "10.0.0.2", "ports": {}}]}"#;

    #[tokio::test]
    async fn it_drains_if_the_list_says_so_and_what_is_no_list_says_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("targets.json");
        let store = Store::open(&format!("file://{}", path.display()), Options::default()).unwrap();
        let mut known = None;
        assert_eq!(look(&store, "a", &mut known).await, Ok(Some(false)), "there is none yet");
        std::fs::write(&path, LIST).unwrap();
        assert_eq!(look(&store, "a", &mut known).await, Ok(Some(true)));
        assert_eq!(look(&store, "a", &mut known).await, Ok(None));
        for (id, drains) in [("b", false), ("c", false)] {
            assert_eq!(look(&store, id, &mut None).await, Ok(Some(drains)), "{id}");
        }
        std::fs::write(&path, "{\"targets\": [").unwrap();
        assert!(look(&store, "a", &mut known).await.unwrap_err().contains("EOF"));
        std::fs::write(&path, LIST.replace("draining", "active")).unwrap();
        assert_eq!(look(&store, "a", &mut known).await, Ok(Some(false)));
    }
}
