//! Whom operators drain, whatever the target list says: by the admin port, kept across new lists, and across restarts
//! where there is a state file.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fleet::{Snapshot, State};
use serde::{Deserialize, Serialize};

use crate::live::Live;

/// The most ids that are kept. Beyond, those that are not in the list are forgotten.
const MAX_KEPT: usize = 10_000;

/// Whom operators drain.
#[derive(Debug, Default)]
pub struct Drains {
    file: Option<PathBuf>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    drained: BTreeSet<String>,
    /// As it came, without the drains.
    list: Option<Snapshot>,
}

/// The state file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile {
    drained: BTreeSet<String>,
}

/// Why a drain or its end did not come about.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// There is no such target.
    #[error("the target list has no target {0:?}")]
    Unknown(String),
    /// It is the list that drains it.
    #[error(
        "target {0:?} is drained by the target list, which is not overruled: whoever writes the list knows why"
    )]
    ByTheList(String),
    /// It is in force, and a restart would forget it.
    #[error(
        "it is in force, but the state file {file:?} cannot be written, so that a restart forgets it: {error}"
    )]
    NotKept {
        /// Which file.
        file: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl Drains {
    /// With what the state file says, if there is one. A file that cannot be read is told of and counts as empty: a
    /// proxy that does not start would be worse.
    pub fn load(file: Option<PathBuf>) -> Self {
        let read = file.as_deref().map_or(Ok(BTreeSet::new()), read);
        let drained = read.unwrap_or_else(|error| {
            tracing::error!(?file, %error, "state file cannot be read: nobody counts as drained");
            BTreeSet::new()
        });
        if !drained.is_empty() {
            tracing::info!(?drained, "drained by operators before the restart");
        }
        Drains { file, held: Mutex::new(Held { drained, list: None }) }
    }

    /// Whether an operator drains this target.
    pub fn contains(&self, id: &str) -> bool {
        self.lock().drained.contains(id)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // What is held is only ever replaced as a whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self, held: &Held) -> Result<(), DrainError> {
        let Some(file) = &self.file else { return Ok(()) };
        write(file, &held.drained).map_err(|error| DrainError::NotKept { file: file.clone(), error })
    }
}

impl Held {
    /// The list, with those draining whom operators drain.
    fn drained_list(&self) -> Option<Snapshot> {
        let mut list = self.list.clone()?;
        for target in list.targets.iter_mut().filter(|target| self.drained.contains(&target.id)) {
            target.state = State::Draining;
        }
        Some(list)
    }

    fn forget_former(&mut self) {
        if self.drained.len() > MAX_KEPT
            && let Some(list) = &self.list
        {
            let present: BTreeSet<&str> = list.targets.iter().map(|target| target.id.as_str()).collect();
            self.drained.retain(|id| present.contains(id.as_str()));
        }
    }
}

impl Live {
    /// Puts a new target list in force.
    pub fn take_list(&self, snapshot: Snapshot) {
        let mut held = self.drains.lock();
        held.list = Some(snapshot);
        held.drained_list().into_iter().for_each(|list| self.put_in_force(list));
    }

    /// Drains a target, or gives it back to the list. Takes as long as a new list does.
    pub fn drain(&self, id: &str, drain: bool) -> Result<(), DrainError> {
        // Held to the end: whoever comes at the same time waits, and no list is overtaken by an older one.
        let mut held = self.drains.lock();
        let mut targets = held.list.iter().flat_map(|list| &list.targets);
        let listed = targets.find(|target| target.id == id).map(|target| target.state);
        let listed = listed.ok_or_else(|| DrainError::Unknown(id.to_owned()))?;
        let changed = match drain {
            true => held.drained.insert(id.to_owned()),
            false => held.drained.remove(id),
        };
        if changed {
            tracing::info!(target = id, drain, "drained or activated by an operator");
            held.forget_former();
            held.drained_list().into_iter().for_each(|list| self.put_in_force(list));
        }
        // Also if nothing changed: it may not have been written before.
        self.drains.save(&held)?;
        match (drain, listed) {
            (false, State::Draining) => Err(DrainError::ByTheList(id.to_owned())),
            _ => Ok(()),
        }
    }
}

fn read(file: &Path) -> io::Result<BTreeSet<String>> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(serde_json::from_slice::<StateFile>(&bytes)?.drained),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

fn write(file: &Path, drained: &BTreeSet<String>) -> io::Result<()> {
    store::replace(file, &serde_json::to_vec_pretty(&StateFile { drained: drained.clone() })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(drained: &[&str]) -> Held {
        let json = r#"{"targets": [{"id": "a", "address": "10.0.0.1", "ports": {"sip": 5060}},
                                   {"id": "b", "address": "10.0.0.2", "ports": {"sip": 5060}}]}"#;
        let list = Snapshot::from_json(json.as_bytes()).ok();
        Held { drained: drained.iter().map(|id| (*id).to_owned()).collect(), list }
    }

    #[test]
    fn those_whom_operators_drain_are_draining_whatever_the_list_says() {
        let states: Vec<_> =
            held(&["b", "gone"]).drained_list().unwrap().targets.iter().map(|t| t.state).collect();
        assert_eq!(states, [State::Active, State::Draining]);
    }

    #[test]
    fn the_state_file_brings_back_what_was_drained_and_a_broken_one_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("state.json");
        assert!(!Drains::load(Some(file.clone())).contains("a"));
        write(&file, &held(&["a", "\"x\""]).drained).unwrap();
        let drains = Drains::load(Some(file.clone()));
        assert!(drains.contains("a") && drains.contains("\"x\"") && !drains.contains("b"));
        std::fs::write(&file, "{\"drained\": [").unwrap();
        assert!(!Drains::load(Some(file)).contains("a"));
        let nowhere = Drains { file: Some(directory.path().join("no/such/place")), ..Drains::default() };
        let error = nowhere.save(&held(&["a"])).unwrap_err().to_string();
        assert!(error.contains("no/such/place") && error.contains("a restart forgets it"), "{error}");
    }

    #[test]
    fn ids_of_targets_that_left_are_forgotten_when_there_are_too_many() {
        let mut held = held(&["a"]);
        held.drained.extend((0..MAX_KEPT).map(|number| format!("former-{number}")));
        held.forget_former();
        assert_eq!(held.drained, BTreeSet::from(["a".to_owned()]));
    }
}
