//! Where the snapshot is.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use fleet::Snapshot;
use store::{Options, Read, Store, StoreError, Version};

/// How often somebody else may be quicker.
const ATTEMPTS: u32 = 8;

pub(crate) struct Place {
    store: Store,
}

impl Place {
    pub(crate) fn open(url: &str) -> Result<Self> {
        Ok(Place { store: Store::open(url, Options::default())? })
    }

    /// The snapshot, which has to be there.
    pub(crate) async fn get(&self) -> Result<Snapshot> {
        let (snapshot, _) = self.read().await?;
        snapshot.with_context(|| format!("{}: nobody has written a snapshot yet", self.store.url()))
    }

    async fn read(&self) -> Result<(Option<Snapshot>, Option<Version>)> {
        let url = || self.store.url().to_owned();
        match self.store.read(None).await.with_context(url)? {
            Read::Content(content, version) => {
                Ok((Some(Snapshot::from_json(&content).with_context(url)?), Some(version)))
            }
            Read::Same | Read::Absent => Ok((None, None)),
        }
    }

    /// Puts this in its place, whatever stands there: what cannot be read is written over, and a new epoch begins.
    pub(crate) async fn replace(&self, new: &Snapshot) -> Result<(Snapshot, Snapshot)> {
        let put = |list: &mut Snapshot| {
            let (epoch, generation, written_at) =
                (list.epoch.clone(), list.generation, list.written_at.clone());
            let version = list.version;
            *list = Snapshot { version, epoch, generation, written_at, ..new.clone() };
            Ok(())
        };
        match self.read().await {
            Err(error) if error.downcast_ref::<fleet::SnapshotError>().is_some() => {
                let Read::Content(_, version) = self.store.read(None).await? else { bail!("it is gone") };
                let before = Snapshot::default();
                let mut after = before.clone();
                put(&mut after)?;
                let after = after.next(&now());
                self.store.write(after.to_json()?, Some(&version)).await?;
                Ok((before, after))
            }
            _ => self.change(put).await,
        }
    }

    /// Changes it, whoever else writes at the same time. Returns what it was and what it is. Without a change nothing is
    /// written.
    pub(crate) async fn change(
        &self,
        mut change: impl FnMut(&mut Snapshot) -> Result<()>,
    ) -> Result<(Snapshot, Snapshot)> {
        for attempt in 1..=ATTEMPTS {
            let (found, version) = self.read().await?;
            let before = found.unwrap_or_default();
            let mut after = before.clone();
            change(&mut after)?;
            if after == before {
                return Ok((before, after));
            }
            let after = after.next(&now());
            match self.store.write(after.to_json()?, version.as_ref()).await {
                Ok(_) => return Ok((before, after)),
                Err(StoreError::Conflict) => tokio::time::sleep(Duration::from_millis(20) * attempt).await,
                Err(error) => return Err(error).with_context(|| self.store.url().to_owned()),
            }
        }
        bail!("{ATTEMPTS} times somebody else has written the snapshot first")
    }
}

/// RFC 3339.
pub(crate) fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
