//! Whom operators drain: written into the snapshot, so that it holds for all proxies and outlives the next write.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Snapshot, State, Target};

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

impl Target {
    /// An operator drains it. Where it drains for another reason already, that goes on when this one ends.
    pub fn hold(&mut self, drain: &Drain) {
        if self.state == State::Active {
            self.state = State::Draining;
            (self.held, self.reason) = (true, Some(drain.reason()));
        }
    }
}

impl Snapshot {
    /// This list with another one's targets in the place of its own. What operators have recorded and what else writers keep
    /// here stays, as far as the other one does not say more: whoever lists targets has not asked for anybody's drain to end.
    #[must_use]
    pub fn with_targets_of(&self, other: &Snapshot) -> Self {
        let mut next = Snapshot { targets: other.targets.clone(), ..self.clone() };
        for (id, drain) in &other.drained {
            next.drained.entry(id.clone()).or_insert_with(|| drain.clone());
        }
        for (key, value) in &other.other {
            next.other.entry(key.clone()).or_insert_with(|| value.clone());
        }
        next.drained.retain(|id, _| other.target(id).is_some());
        for target in &mut next.targets {
            match next.drained.get(&target.id) {
                Some(drain) => target.hold(drain),
                // It was held when the other list was written.
                None if target.held => {
                    target.state = State::Active;
                    (target.held, target.reason) = (false, None);
                }
                None => {}
            }
        }
        next
    }

    /// Drains a target: it gets no new calls until [`Snapshot::activate`].
    ///
    /// # Errors
    ///
    /// There is none of this id.
    pub fn drain(&mut self, id: &str, drain: Drain) -> Result<(), NoSuchTarget> {
        let target = self.targets.iter_mut().find(|target| target.id == id);
        target.ok_or_else(|| NoSuchTarget(id.to_owned()))?.hold(&drain);
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
        if drained.is_some() && target.held {
            target.state = State::Active;
            (target.held, target.reason) = (false, None);
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
        assert!(a.held);
        assert_eq!(list.drained["a"], drain);
        assert_eq!(list.activate("a"), Ok(true));
        assert!(list.drained.is_empty() && list.target("a").unwrap().reason.is_none());
        list.drain("b", drain.clone()).unwrap();
        assert_eq!(list.activate("b"), Ok(false), "it leaves for another reason");
        assert!(!list.target("b").unwrap().held, "it leaves for another reason");
        assert_eq!(list.drain("c", drain), Err(NoSuchTarget("c".to_owned())));
        assert!(list.activate("c").is_err());
    }

    #[test]
    fn whose_text_reads_like_a_drain_is_not_drained_by_an_operator() {
        let mut list = list();
        list.targets[1].reason = Some("drained by an operator: says the writer".to_owned());
        list.drain("b", Drain::default()).unwrap();
        assert_eq!(list.activate("b"), Ok(false));
    }

    #[test]
    fn another_lists_targets_leave_what_was_recorded() {
        let mut here = list();
        here.drain("a", Drain { at: "now".to_owned(), ..Drain::default() }).unwrap();
        here.drained.insert("gone".to_owned(), Drain::default());
        here.other.insert("scaler".to_owned(), 1.into());
        let text = br#"{"epoch": "theirs", "generation": 99, "scaler": 0, "zone": "x", "drained": {"c": {"at": "then"}},
            "targets": [{"id": "a", "address": "10.0.0.9", "ports": {"sip": 5060}},
                {"id": "c", "address": "10.0.0.3", "ports": {"sip": 5060}},
                {"id": "d", "address": "10.0.0.4", "ports": {"sip": 5060}, "state": "draining", "held": true}]}"#;
        let next = here.with_targets_of(&Snapshot::from_json(text).unwrap());
        let a = next.target("a").unwrap();
        assert_eq!((a.state, a.held, a.address), (State::Draining, true, [10, 0, 0, 9].into()));
        assert_eq!(next.drained.keys().collect::<Vec<_>>(), ["a", "c"]);
        assert!(next.target("c").unwrap().held && next.target("b").is_none());
        assert_eq!(next.target("d").unwrap().state, State::Active, "nobody has recorded its drain");
        assert_eq!((&next.other["scaler"], &next.other["zone"]), (&1.into(), &"x".into()));
        assert_eq!(next.epoch, here.epoch);
    }
}
