//! One FreeSWITCH, as the list has it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::SnapshotError;

/// The longest text that is taken as an id, a group or a port's name, in bytes.
const MAX_NAME: usize = 256;
/// The most ports that one target has.
const MAX_PORTS: usize = 64;

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
    /// Whether it drains for an operator's sake alone: then it takes calls again when that ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Why it is in its state, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What else the writer says of it. Kept as it is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
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

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Active => "active",
            State::Draining => "draining",
        })
    }
}

fn default_weight() -> u32 {
    100
}

fn default_group() -> String {
    "default".to_owned()
}

impl Target {
    /// One that takes calls, with defaults for the rest.
    pub fn new(id: impl Into<String>, address: IpAddr, ports: BTreeMap<String, u16>) -> Self {
        Target {
            id: id.into(),
            address,
            ports,
            state: State::default(),
            weight: default_weight(),
            group: default_group(),
            held: false,
            reason: None,
            other: Map::new(),
        }
    }

    /// Whether it can be. `place` is its place in the list, from 0.
    pub(crate) fn check(&self, place: usize) -> Result<(), SnapshotError> {
        if self.id.is_empty() {
            return Err(SnapshotError::EmptyId(place + 1));
        }
        if !is_name(&self.id) {
            return Err(SnapshotError::BadId(place + 1));
        }
        let id = || self.id.clone();
        if !is_name(&self.group) {
            return Err(SnapshotError::BadName(id(), "group"));
        }
        if !self.ports.keys().all(|name| is_name(name)) {
            return Err(SnapshotError::BadName(id(), "name of a port"));
        }
        if self.ports.len() > MAX_PORTS {
            return Err(SnapshotError::TooManyPorts(id(), self.ports.len()));
        }
        if let Some((name, _)) = self.ports.iter().find(|(_, port)| **port == 0) {
            return Err(SnapshotError::PortZero(id(), name.clone()));
        }
        let broadcast = matches!(self.address, IpAddr::V4(ip) if ip.is_broadcast());
        if self.address.is_unspecified() || self.address.is_multicast() || broadcast {
            return Err(SnapshotError::NobodysAddress(id(), self.address));
        }
        Ok(())
    }
}

/// Names stand in logs, metrics and tables.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && !text.chars().any(char::is_control)
}
