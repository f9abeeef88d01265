//! Where the snapshot is.

use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use fleet::Snapshot;
use store::{Changed, ListError, Options, Store};

pub(crate) struct Place {
    store: Store,
}

impl Place {
    pub(crate) fn open(url: &str) -> Result<Self> {
        Ok(Place { store: Store::open(url, Options::default())? })
    }

    /// The snapshot, which has to be there.
    pub(crate) async fn get(&self) -> Result<Snapshot> {
        let found = self.store.snapshot().await?.map(|(snapshot, _)| snapshot);
        found.with_context(|| format!("{}: nobody has written a snapshot yet", self.store.url()))
    }

    /// Puts another list's targets in the place of its own, or, if all is to be replaced, all that the other one says. What
    /// cannot be read is written over, and a new epoch begins.
    pub(crate) async fn push(&self, new: &Snapshot, all: bool) -> Result<(Snapshot, Snapshot)> {
        let put = |list: &mut Snapshot| {
            *list = pushed(list, new, all);
            Ok(())
        };
        match self.change(put).await {
            Err(error) => {
                let Some(ListError::Snapshot { version: Some(version), .. }) = error.downcast_ref() else {
                    return Err(error);
                };
                let (before, after) =
                    (Snapshot::default(), pushed(&Snapshot::default(), new, true).next(&now()));
                ensure!(
                    self.store.put(&after, Some(&**version)).await?,
                    "somebody else has written it meanwhile"
                );
                Ok((before, after))
            }
            changed => changed,
        }
    }

    /// Changes it, whoever else writes at the same time. Returns what it was and what it is. Without a change nothing is
    /// written.
    pub(crate) async fn change(
        &self,
        mut change: impl FnMut(&mut Snapshot) -> Result<()>,
    ) -> Result<(Snapshot, Snapshot)> {
        let changed = self.store.change::<anyhow::Error>(async |found| {
            let before = found.cloned().unwrap_or_default();
            let mut after = before.clone();
            change(&mut after)?;
            Ok((after != before).then(|| after.next(&now())))
        });
        let Changed { before, after, .. } = changed.await?;
        let before = before.unwrap_or_default();
        let after = after.unwrap_or_else(|| before.clone());
        Ok((before, after))
    }
}

/// What a list is when another one is pushed, before it is written. Its epoch and generation go on.
pub(crate) fn pushed(list: &Snapshot, new: &Snapshot, all: bool) -> Snapshot {
    if !all {
        return list.with_targets_of(new);
    }
    let Snapshot { version, epoch, generation, written_at, .. } = list.clone();
    Snapshot { version, epoch, generation, written_at, ..new.clone() }
}

/// RFC 3339.
pub(crate) fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
