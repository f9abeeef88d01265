//! The target list: `{"epoch": ..., "generation": ..., "written_at": ..., "targets": [...]}`.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The most bytes that are read as a snapshot: some 100,000 targets.
const MAX_BYTES: usize = 16 << 20;

/// The most targets that a list holds: their places are numbered with 16 bits.
const MAX_TARGETS: usize = u16::MAX as usize;

/// The target list at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
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
}

/// One FreeSWITCH.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Names the target for as long as it lives. Which calls it gets hangs on this, not on its address.
    pub id: String,
    /// Where it is.
    pub address: IpAddr,
    /// Its ports by name: `sip`, `alternative`, `control`.
    pub ports: BTreeMap<String, u16>,
    /// Whether it takes new calls.
    #[serde(default)]
    pub state: State,
    /// Its share of the calls, compared with the other targets' weights.
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// Targets of one kind; `default` unless said otherwise.
    #[serde(default = "default_group")]
    pub group: String,
}

/// Whether a target takes new calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It does.
    #[default]
    Active,
    /// It keeps the calls that it has and gets no new ones.
    Draining,
}

fn default_weight() -> u32 {
    100
}

fn default_group() -> String {
    "default".to_owned()
}

/// Why a snapshot is refused.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// More bytes than any fleet needs.
    #[error("a target list of {0} bytes: at most {MAX_BYTES} are taken")]
    TooLarge(usize),
    /// No JSON, or not of this shape.
    #[error(
        "expected a target list such as {{\"targets\": [{{\"id\": \"a\", \"address\": \"10.0.0.1\", \"ports\": {{\"sip\": 5060}}}}]}}: {0}"
    )]
    Json(#[from] serde_json::Error),
    /// More targets than places.
    #[error("a list of {0} targets: at most {max} are taken", max = MAX_TARGETS)]
    TooMany(usize),
    /// A target without a name.
    #[error("target {0} (counted from 1) has an empty id")]
    EmptyId(usize),
    /// Two targets of one name.
    #[error("two targets have the id {0:?}")]
    DuplicateId(String),
    /// A port that nobody can listen on.
    #[error("target {0:?} has port 0 for {1:?}")]
    PortZero(String, String),
}

impl Snapshot {
    /// Reads a snapshot.
    pub fn from_json(bytes: &[u8]) -> Result<Self, SnapshotError> {
        if bytes.len() > MAX_BYTES {
            return Err(SnapshotError::TooLarge(bytes.len()));
        }
        let snapshot: Snapshot = serde_json::from_slice(bytes)?;
        snapshot.check()?;
        Ok(snapshot)
    }

    /// A snapshot of these targets, without epoch or generation.
    pub fn of(targets: Vec<Target>) -> Result<Self, SnapshotError> {
        let snapshot = Snapshot { targets, ..Snapshot::default() };
        snapshot.check()?;
        Ok(snapshot)
    }

    fn check(&self) -> Result<(), SnapshotError> {
        if self.targets.len() > MAX_TARGETS {
            return Err(SnapshotError::TooMany(self.targets.len()));
        }
        let mut ids = HashSet::new();
        for (place, target) in self.targets.iter().enumerate() {
            if target.id.is_empty() {
                return Err(SnapshotError::EmptyId(place + 1));
            }
            if !ids.insert(&target.id) {
                return Err(SnapshotError::DuplicateId(target.id.clone()));
            }
            if let Some((name, _)) = target.ports.iter().find(|(_, port)| **port == 0) {
                return Err(SnapshotError::PortZero(target.id.clone(), name.clone()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_needs_an_id_an_address_and_ports_and_has_defaults_for_the_rest() {
        let text =
            br#"{"targets": [{"id": "a", "address": "10.0.1.21", "ports": {"sip": 5060}, "zone": "x"}]}"#;
        let snapshot = Snapshot::from_json(text).unwrap();
        let target = &snapshot.targets[0];
        assert_eq!((target.state, target.weight, target.group.as_str()), (State::Active, 100, "default"));
        let again = Snapshot::from_json(&serde_json::to_vec(&snapshot).unwrap()).unwrap();
        assert_eq!(again, snapshot);
    }

    #[test]
    fn a_bad_list_is_refused_with_what_is_wrong_and_where() {
        let error = |text: &str| Snapshot::from_json(text.as_bytes()).unwrap_err().to_string();
        assert!(error("").contains("EOF while parsing a value at line 1"));
        assert!(error("{\"targets\": [\n {\"id\": \"a\"}]}").contains("missing field `address` at line 2"));
        assert!(
            error(r#"{"targets": [{"id": "a", "address": "host", "ports": {}}]}"#)
                .contains("invalid IP address")
        );
        let one = r#"{"id": "a", "address": "10.0.0.1", "ports": {"sip": 5060}}"#;
        assert_eq!(error(&format!("{{\"targets\": [{one}, {one}]}}")), "two targets have the id \"a\"");
        assert!(error(&format!("{{\"targets\": [{}]}}", one.replace("\"a\"", "\"\""))).contains("empty id"));
        assert!(error(&format!("{{\"targets\": [{}]}}", one.replace("5060", "0"))).contains("port 0"));
        assert!(
            error(&"[".repeat(100_000)).contains("recursion")
                || error(&"[".repeat(100_000)).contains("invalid type")
        );
    }
}
