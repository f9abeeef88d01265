//! What the Lambda has to remember from one pass to the next. It stands in the snapshot, beside what proxies read: there
//! may be several Lambdas, and none of them lives for long.

use std::collections::BTreeMap;

use fleet::{Snapshot, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The snapshot's key for [`Memory`].
const MEMORY: &str = "scaler";
/// A target's key for [`Note`].
const NOTE: &str = "task";

/// `scaler` in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Since when ECS's account would leave nobody to take calls, Unix time in seconds: believed when it is still so a
    /// while later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt_since: Option<i64>,
    /// Tasks that ECS stops or has stopped, by their ids, and when that was noticed (Unix time in seconds). No task comes
    /// back from there: what tells otherwise is late.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ended: BTreeMap<String, i64>,
}

/// `task` in a target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Note {
    /// The task's ARN.
    pub arn: String,
    /// The latest version of the task that was seen. What has a lower one is late.
    #[serde(default)]
    pub version: i64,
    /// The ARN of its task definition.
    #[serde(default)]
    pub revision: String,
    /// Since when ECS does not know the task, Unix time in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen_since: Option<i64>,
    /// Whether it was chosen to leave.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaves: bool,
}

/// The most tasks that are remembered to have ended.
const MOST: usize = 1000;

impl Memory {
    /// Remembers that a task ends, and forgets those that have ended so many seconds ago, or are too many.
    pub(crate) fn remember<'t>(&mut self, ids: impl Iterator<Item = &'t str>, now: i64, seconds: i64) {
        self.ended.retain(|_, at| now.saturating_sub(*at) < seconds);
        for id in ids {
            self.ended.entry(id.to_owned()).or_insert(now);
        }
        while self.ended.len() > MOST {
            let oldest = self.ended.iter().min_by_key(|(_, at)| **at).map(|(id, _)| id.clone());
            oldest.and_then(|oldest| self.ended.remove(&oldest));
        }
    }

    /// As the snapshot has it; what cannot be read is forgotten, which costs no more than a pass.
    pub fn of(snapshot: &Snapshot) -> Self {
        snapshot.other.get(MEMORY).and_then(|memory| Memory::deserialize(memory).ok()).unwrap_or_default()
    }

    /// Writes it down.
    pub fn put(&self, snapshot: &mut Snapshot) {
        let memory = serde_json::to_value(self).unwrap_or(Value::Null);
        match *self == Memory::default() {
            true => snapshot.other.remove(MEMORY),
            false => snapshot.other.insert(MEMORY.to_owned(), memory),
        };
    }
}

impl Note {
    /// As the target has it; `None` for targets that are no tasks: somebody else's.
    pub fn of(target: &Target) -> Option<Self> {
        Note::deserialize(target.other.get(NOTE)?).ok()
    }

    /// Writes it down.
    pub fn put(&self, target: &mut Target) {
        target.other.insert(NOTE.to_owned(), serde_json::to_value(self).unwrap_or(Value::Null));
    }
}
