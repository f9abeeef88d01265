//! The target table: one immutable value that the workers read, made anew when the list changes.

use std::net::SocketAddr;

use fleet::{Picker, Snapshot, State, Target};
use rustc_hash::FxHashSet;

/// The most addresses of former targets that are remembered.
const MAX_FORMER: usize = 65_536;

/// Who is there, who takes calls, and where each is found. Cheap to look things up in, dear to make.
#[derive(Debug, Default)]
pub struct Table {
    targets: Vec<Target>,
    /// SIP addresses of targets, present and former. Former ones get no new calls, but those that they have go on.
    addresses: FxHashSet<SocketAddr>,
    /// For each name of a port that listeners send calls to.
    pickers: Vec<(String, Picker)>,
}

impl Table {
    /// From a list. `port_names` are those that listeners send calls to; `before` is the table that this one follows.
    pub fn new(snapshot: Snapshot, port_names: &[String], key: [u8; 16], before: Option<&Table>) -> Self {
        let mut addresses: FxHashSet<SocketAddr> = FxHashSet::default();
        if let Some(before) = before {
            addresses.extend(before.addresses.iter().take(MAX_FORMER));
        }
        let places = || (0..=u16::MAX).zip(&snapshot.targets);
        for target in &snapshot.targets {
            let ports = port_names.iter().filter_map(|name| target.ports.get(name));
            addresses.extend(ports.map(|port| SocketAddr::new(target.address.to_canonical(), *port)));
        }
        let mut pickers: Vec<(String, Picker)> = Vec::new();
        for name in port_names {
            if pickers.iter().all(|(other, _)| other != name) {
                let takes_calls =
                    places().filter(|(_, t)| t.state == State::Active && t.ports.contains_key(name));
                let picker = Picker::new(key, takes_calls.map(|(place, t)| (place, t.id.as_str(), t.weight)));
                pickers.push((name.clone(), picker));
            }
        }
        Table { targets: snapshot.targets, addresses, pickers }
    }

    /// The target to which the call of this Call-ID belongs, and where its port of that name is.
    pub fn pick(&self, port_name: &str, call_id: &[u8]) -> Option<(u16, SocketAddr)> {
        let (_, picker) = self.pickers.iter().find(|(name, _)| name == port_name)?;
        let place = picker.pick(call_id)?;
        let target = self.targets.get(usize::from(place))?;
        Some((place, SocketAddr::new(target.address.to_canonical(), *target.ports.get(port_name)?)))
    }

    /// Whether a target has, or once had, SIP at this address.
    pub fn is_target(&self, address: SocketAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// The targets, in the order of the list.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(json: &str, before: Option<&Table>) -> Table {
        let snapshot = Snapshot::from_json(json.as_bytes()).unwrap();
        Table::new(snapshot, &["sip".to_owned(), "alternative".to_owned()], [1; 16], before)
    }

    const TWO: &str = r#"{"targets": [
        {"id": "a", "address": "10.0.0.1", "ports": {"sip": 5060, "control": 8081}},
        {"id": "b", "address": "10.0.0.2", "ports": {"sip": 5060, "alternative": 5080}, "state": "draining"}]}"#;

    #[test]
    fn calls_go_to_active_targets_that_have_the_port() {
        let table = table(TWO, None);
        assert_eq!(table.pick("sip", b"x").unwrap(), (0, "10.0.0.1:5060".parse().unwrap()));
        assert_eq!(table.pick("alternative", b"x"), None);
        assert_eq!(table.pick("unknown", b"x"), None);
    }

    #[test]
    fn draining_and_former_targets_are_still_known_and_control_ports_are_not_sip() {
        let first = table(TWO, None);
        let second = table(r#"{"targets": []}"#, Some(&first));
        for table in [&first, &second] {
            assert!(table.is_target("10.0.0.1:5060".parse().unwrap()));
            assert!(table.is_target("10.0.0.2:5080".parse().unwrap()));
            assert!(!table.is_target("10.0.0.1:8081".parse().unwrap()));
        }
        assert_eq!(second.pick("sip", b"x"), None);
    }
}
