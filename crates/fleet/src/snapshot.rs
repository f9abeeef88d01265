//! The target list: `{"epoch": ..., "generation": ..., "written_at": ..., "targets": [...]}`.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Drain, SnapshotError, Target};

/// The most bytes that are read as a snapshot: some 100,000 targets.
pub const MAX_BYTES: usize = 16 << 20;

/// The version of the format that this crate writes, and the latest that it reads. Keys may come without a new one; it
/// changes when an old reader would misunderstand what it reads.
pub const FORMAT: u32 = 1;

/// The most targets that a list holds: their places are numbered with 16 bits.
pub(crate) const MAX_TARGETS: usize = u16::MAX as usize;

/// The target list at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Which version of the format this is; 1 where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Changes when generations begin anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Grows with every write within an epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// When it was written, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_at: Option<String>,
    /// The targets, in no particular order.
    pub targets: Vec<Target>,
    /// Whom operators drain, by the targets' ids: it holds whatever else is thought of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub drained: BTreeMap<String, Drain>,
    /// What else the writer says. Kept as it is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Snapshot {
    /// Reads a snapshot.
    ///
    /// # Errors
    ///
    /// It is none, or one that makes no sense: then none of it may be used.
    pub fn from_json(bytes: &[u8]) -> Result<Self, SnapshotError> {
        if bytes.len() > MAX_BYTES {
            return Err(SnapshotError::TooLarge(bytes.len()));
        }
        if bytes.trim_ascii().is_empty() {
            return Err(SnapshotError::Empty);
        }
        let snapshot: Snapshot = serde_json::from_slice(bytes)?;
        snapshot.check()?;
        Ok(snapshot)
    }

    /// A snapshot of these targets, without epoch or generation.
    ///
    /// # Errors
    ///
    /// They cannot be a list.
    pub fn of(targets: Vec<Target>) -> Result<Self, SnapshotError> {
        let snapshot = Snapshot { targets, ..Snapshot::default() };
        snapshot.check()?;
        Ok(snapshot)
    }

    /// As it is written: for people to read, too.
    ///
    /// # Errors
    ///
    /// It makes no sense, and nobody would take it.
    pub fn to_json(&self) -> Result<Vec<u8>, SnapshotError> {
        self.check()?;
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        match json.len() {
            length if length > MAX_BYTES => Err(SnapshotError::TooLarge(length)),
            _ => Ok(json),
        }
    }

    /// The one that follows this one: a generation later, written at this time (RFC 3339). One without an epoch, which is
    /// the first, has it begin now.
    #[must_use]
    pub fn next(&self, written_at: &str) -> Self {
        Snapshot {
            version: Some(FORMAT),
            epoch: Some(self.epoch.clone().unwrap_or_else(|| written_at.to_owned())),
            generation: Some(self.generation.unwrap_or_default().saturating_add(1)),
            written_at: Some(written_at.to_owned()),
            ..self.clone()
        }
    }

    /// The target of this id.
    pub fn target(&self, id: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.id == id)
    }

    fn check(&self) -> Result<(), SnapshotError> {
        if let Some(version) = self.version.filter(|version| *version > FORMAT) {
            return Err(SnapshotError::Version(version));
        }
        if self.targets.len() > MAX_TARGETS {
            return Err(SnapshotError::TooMany(self.targets.len()));
        }
        let mut ids = HashSet::new();
        for (place, target) in self.targets.iter().enumerate() {
            target.check(place)?;
            if !ids.insert(&target.id) {
                return Err(SnapshotError::DuplicateId(target.id.clone()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::State;

    #[test]
    fn a_target_needs_an_id_an_address_and_ports_and_has_defaults_for_the_rest() {
        let text = br#"{"targets": [{"id": "a", "address": "10.0.1.21", "ports": {"sip": 5060}}]}"#;
        let snapshot = Snapshot::from_json(text).unwrap();
        let target = &snapshot.targets[0];
        assert_eq!((target.state, target.weight, target.group.as_str()), (State::Active, 100, "default"));
        let again = Snapshot::from_json(&serde_json::to_vec(&snapshot).unwrap()).unwrap();
        assert_eq!(again, snapshot);
    }

    #[test]
    fn what_others_have_written_is_kept() {
        let text = r#"{"zone": {"a": [1, null]}, "epoch": "e", "generation": 7,
            "drained": {"a": {"at": "2026-11-22T07:00:00Z", "ticket": 12}},
            "targets": [{"id": "a", "address": "10.0.1.21", "ports": {"sip": 5060}, "rack": "x", "reason": "so"}]}"#;
        let snapshot = Snapshot::from_json(text.as_bytes()).unwrap();
        let next = snapshot.next("2026-11-22T07:00:01Z");
        let written: Value = serde_json::from_slice(&next.to_json().unwrap()).unwrap();
        assert_eq!(written["zone"], serde_json::json!({"a": [1, null]}));
        assert_eq!(written["targets"][0]["rack"], "x");
        assert_eq!(written["drained"]["a"]["ticket"], 12);
        assert_eq!((&written["epoch"], &written["generation"]), (&"e".into(), &8.into()));
        assert_eq!(
            (&written["version"], &written["written_at"]),
            (&1.into(), &"2026-11-22T07:00:01Z".into())
        );
        assert_eq!(Snapshot::default().next("now").epoch.as_deref(), Some("now"));
    }

    fn error(text: &str) -> String {
        Snapshot::from_json(text.as_bytes()).unwrap_err().to_string()
    }

    const ONE: &str = r#"{"id": "a", "address": "10.0.0.1", "ports": {"sip": 5060}}"#;

    #[test]
    fn a_bad_list_is_refused_with_what_is_wrong_and_where() {
        let list = |targets: &str| error(&format!("{{\"targets\": [{targets}]}}"));
        assert!(error("").contains("found nothing") && error(" \n").contains("found nothing"));
        assert!(error("{\"targets\": [\n {\"id\": \"a\"}]}").contains("missing field `address` at line 2"));
        assert!(list(r#"{"id": "a", "address": "host", "ports": {}}"#).contains("invalid IP address"));
        assert_eq!(list(&format!("{ONE}, {ONE}")), "two targets have the id \"a\"");
        assert!(list(&ONE.replace("\"a\"", "\"\"")).contains("empty id"));
        assert!(list(&ONE.replace("\"a\"", "\"a\\u0000\"")).contains("control characters"));
        assert!(list(&ONE.replace("5060", "0")).contains("port 0"));
        assert!(list(&ONE.replace("10.0.0.1", "224.0.0.1")).contains("nobody's own"));
        assert!(list(&ONE.replace("10.0.0.1", "0.0.0.0")).contains("nobody's own"));
        assert!(error(r#"{"version": 2, "targets": []}"#).contains("expected version 1"));
        assert!(error(&format!("{}1{}", "[".repeat(1000), "]".repeat(1000))).contains("invalid type"));
        let deep = format!(r#"{{"targets": [], "x": {}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(error(&deep).contains("recursion limit"));
        assert!(Snapshot::from_json(&vec![b' '; MAX_BYTES + 1]).unwrap_err().to_string().contains("at most"));
        let many = vec![ONE; MAX_TARGETS + 1].join(",");
        assert!(list(&many).contains("a list of 65536 targets"));
    }

    #[test]
    fn half_of_a_list_is_none_wherever_it_ends() {
        let whole = format!(r#"{{"epoch": "e", "generation": 7, "targets": [{ONE}], "x": 1}}"#);
        assert!(Snapshot::from_json(whole.as_bytes()).is_ok());
        for end in 0..whole.len() {
            assert!(Snapshot::from_json(&whole.as_bytes()[..end]).is_err(), "{end}");
        }
    }
}
