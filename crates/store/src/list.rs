//! The snapshot in a store, changed whoever else writes at the same time.

use std::time::Duration;

use fleet::{Snapshot, SnapshotError};

use crate::{Read, Store, StoreError, Version};

/// How often somebody else may be quicker.
const ATTEMPTS: u32 = 8;
/// How long to wait after the first time; after the second time twice as long, and so on.
const WAIT: Duration = Duration::from_millis(20);

/// Why a snapshot cannot be had or changed.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The store.
    #[error("{url}: {error}")]
    Store {
        /// Where it is.
        url: String,
        /// What is wrong.
        error: StoreError,
    },
    /// What stands there is no snapshot, or one of a later version; or what is to stand there.
    #[error("{url}: {error}")]
    Snapshot {
        /// Where it is.
        url: String,
        /// What is wrong.
        error: SnapshotError,
        /// What stands there, for who writes over it all the same.
        version: Option<Box<Version>>,
    },
    /// Others write all the time.
    #[error("{0} times somebody else has written the snapshot first")]
    Busy(u32),
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// What stood there; `None` if nothing did.
    pub before: Option<Snapshot>,
    /// What stands there now; `None` if nothing was to be changed.
    pub after: Option<Snapshot>,
    /// How often somebody else was quicker.
    pub conflicts: u32,
}

impl Store {
    /// The snapshot, and what names it; `None` if nobody has written one yet.
    ///
    /// # Errors
    ///
    /// The store does not answer, or with what is no snapshot.
    pub async fn snapshot(&self) -> Result<Option<(Snapshot, Version)>, ListError> {
        match self.read(None).await.map_err(|error| self.failed(error))? {
            Read::Content(content, version) => match Snapshot::from_json(&content) {
                Ok(snapshot) => Ok(Some((snapshot, version))),
                Err(error) => Err(self.broken(error, Some(version))),
            },
            Read::Absent | Read::Same => Ok(None),
        }
    }

    /// Writes a snapshot over that version; without one, only if nothing is there. Returns whether it was written: not if
    /// somebody else has written since.
    ///
    /// # Errors
    ///
    /// It makes no sense, or the store does not take it.
    pub async fn put(&self, next: &Snapshot, over: Option<&Version>) -> Result<bool, ListError> {
        let json = next.to_json().map_err(|error| self.broken(error, None))?;
        match self.write(json, over).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Writes what `make` makes of what stands there, and asks it again if somebody else has written meanwhile. Where it makes
    /// nothing, nothing is written.
    ///
    /// # Errors
    ///
    /// Those of `make`, of the store, and [`ListError::Busy`].
    pub async fn change<E: From<ListError>>(
        &self,
        mut make: impl AsyncFnMut(Option<&Snapshot>) -> Result<Option<Snapshot>, E>,
    ) -> Result<Changed, E> {
        for conflicts in 0..ATTEMPTS {
            let (before, version) = self.snapshot().await?.unzip();
            let Some(next) = make(before.as_ref()).await? else {
                return Ok(Changed { before, after: None, conflicts });
            };
            if self.put(&next, version.as_ref()).await? {
                return Ok(Changed { before, after: Some(next), conflicts });
            }
            // The more others write, the longer.
            tokio::time::sleep(WAIT * (conflicts + 1)).await;
        }
        Err(ListError::Busy(ATTEMPTS).into())
    }

    fn failed(&self, error: StoreError) -> ListError {
        ListError::Store { url: self.url().to_owned(), error }
    }

    fn broken(&self, error: SnapshotError, version: Option<Version>) -> ListError {
        ListError::Snapshot { url: self.url().to_owned(), error, version: version.map(Box::new) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    #[tokio::test]
    async fn whoever_is_overtaken_makes_it_again_of_what_stands_there_then() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("file://{}/targets.json", directory.path().display());
        let store = Store::open(&url, Options::default()).unwrap();
        let next = |list: Option<&Snapshot>| list.cloned().unwrap_or_default().next("now");
        let mut asked = 0;
        let changed = store
            .change::<ListError>(async |list| {
                asked += 1;
                if asked <= 2 {
                    // Somebody else is quicker.
                    let over = store.snapshot().await?.map(|(_, version)| version);
                    assert!(store.put(&next(list), over.as_ref()).await?);
                }
                Ok(Some(next(list)))
            })
            .await
            .unwrap();
        assert_eq!((asked, changed.conflicts), (3, 2));
        assert_eq!(changed.after.unwrap().generation, Some(3));
        let nothing = store.change::<ListError>(async |_| Ok(None)).await.unwrap();
        assert_eq!(nothing.after, None);
        assert_eq!(store.snapshot().await.unwrap().unwrap().0.generation, Some(3));
        let always = async |list: Option<&Snapshot>| {
            let over = store.snapshot().await?.map(|(_, version)| version);
            store.put(&next(list), over.as_ref()).await?;
            Ok(Some(next(list)))
        };
        assert!(matches!(store.change::<ListError>(always).await, Err(ListError::Busy(8))));
    }
}
