//! Whom operators drain: written into the snapshot, so that it holds for all proxies and outlives the next write.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Snapshot, State};

/// That an operator drains a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// Since when, RFC 3339.
    pub at: String,
    /// Who, or why: for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What else was said. Kept as it is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// There is no target of this id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected the id of a target in the list, found {0:?}")]
pub struct NoSuchTarget(pub String);

/// What is said of a target that an operator drains.
const REASON: &str = "drained by an operator";

impl Drain {
    /// What is said of its target.
    pub fn reason(&self) -> String {
        match &self.note {
            Some(note) => format!("{REASON}: {note}"),
            None => REASON.to_owned(),
        }
    }
}

impl Snapshot {
    /// Drains a target: it gets no new calls until [`Snapshot::activate`].
    ///
    /// # Errors
    ///
    /// There is none of this id.
    pub fn drain(&mut self, id: &str, drain: Drain) -> Result<(), NoSuchTarget> {
        let target = self.targets.iter_mut().find(|target| target.id == id);
        let target = target.ok_or_else(|| NoSuchTarget(id.to_owned()))?;
        // Who drains for another reason goes on when this one ends.
        if target.state == State::Active {
            target.state = State::Draining;
            target.reason = Some(drain.reason());
        }
        self.drained.entry(id.to_owned()).or_insert(drain);
        Ok(())
    }

    /// Gives a target back that an operator drains. One that drains for another reason goes on draining. Returns whether
    /// it takes calls now.
    ///
    /// # Errors
    ///
    /// There is none of this id.
    pub fn activate(&mut self, id: &str) -> Result<bool, NoSuchTarget> {
        let drained = self.drained.remove(id);
        let target = self.targets.iter_mut().find(|target| target.id == id);
        let target = target.ok_or_else(|| NoSuchTarget(id.to_owned()))?;
        if drained.is_some() && target.reason.as_ref().is_some_and(|reason| reason.starts_with(REASON)) {
            target.state = State::Active;
            target.reason = None;
        }
        Ok(target.state == State::Active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> Snapshot {
        let text = br#"{"targets": [{"id": "a", "address": "10.0.0.1", "ports": {"sip": 5060}},
            {"id": "b", "address": "10.0.0.2", "ports": {"sip": 5060}, "state": "draining", "reason": "leaves"}]}"#;
        Snapshot::from_json(text).unwrap()
    }

    #[test]
    fn a_drain_is_recorded_and_taken_back() {
        let mut list = list();
        let drain = Drain {
            at: "2026-11-22T07:00:00Z".to_owned(),
            note: Some("noise".to_owned()),
            ..Drain::default()
        };
        list.drain("a", drain.clone()).unwrap();
        let a = list.target("a").unwrap();
        assert_eq!((a.state, a.reason.as_deref()), (State::Draining, Some("drained by an operator: noise")));
        assert_eq!(list.drained["a"], drain);
        assert_eq!(list.activate("a"), Ok(true));
        assert!(list.drained.is_empty() && list.target("a").unwrap().reason.is_none());
        list.drain("b", drain.clone()).unwrap();
        assert_eq!(list.activate("b"), Ok(false), "it leaves for another reason");
        assert_eq!(list.drain("c", drain), Err(NoSuchTarget("c".to_owned())));
        assert!(list.activate("c").is_err());
    }
}
