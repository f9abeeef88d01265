//! No way back: of two snapshots of one epoch the one with the lower generation is the older.

use crate::Snapshot;

/// Remembers the newest snapshot that a reader has taken. Servers may be several, and one of them behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Newest {
    last: Option<(String, u64)>,
}

/// A snapshot that is older than one that was taken before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected generation {newest} of epoch {epoch:?} or a later one, found {found}")]
pub struct Older {
    /// Of both.
    pub epoch: String,
    /// Of the one that was taken.
    pub newest: u64,
    /// Of the one that is refused.
    pub found: u64,
}

impl Newest {
    /// Whether this one may be taken. Another epoch may, whatever its generation; and so may a list without either.
    ///
    /// # Errors
    ///
    /// It is older than the last.
    pub fn check(&self, snapshot: &Snapshot) -> Result<(), Older> {
        match (&self.last, &snapshot.epoch, snapshot.generation) {
            (Some((epoch, newest)), Some(its), Some(found)) if epoch == its && found < *newest => {
                Err(Older { epoch: epoch.clone(), newest: *newest, found })
            }
            _ => Ok(()),
        }
    }

    /// This one is taken.
    pub fn take(&mut self, snapshot: &Snapshot) {
        if let (Some(epoch), Some(generation)) = (&snapshot.epoch, snapshot.generation) {
            self.last = Some((epoch.clone(), generation));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(epoch: &str, generation: u64) -> Snapshot {
        Snapshot { epoch: Some(epoch.to_owned()), generation: Some(generation), ..Snapshot::default() }
    }

    #[test]
    fn a_reader_never_goes_back_within_an_epoch() {
        let mut newest = Newest::default();
        for (epoch, generation, taken) in
            [("a", 7, true), ("a", 6, false), ("a", 7, true), ("a", 8, true), ("b", 1, true), ("b", 0, false)]
        {
            let snapshot = snapshot(epoch, generation);
            assert_eq!(newest.check(&snapshot).is_ok(), taken, "{epoch} {generation}");
            if taken {
                newest.take(&snapshot);
            }
        }
        assert_eq!(newest.check(&Snapshot::default()), Ok(()));
        let text = newest.check(&snapshot("b", 0)).unwrap_err().to_string();
        assert_eq!(text, "expected generation 1 of epoch \"b\" or a later one, found 0");
    }
}
