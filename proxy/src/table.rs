//! The target table: one immutable value that the workers read, made anew when the list changes.
//!
//! [`Table::pick`] is the hash alone; `choose.rs` has who gets a new call where more than that counts.

mod choose;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fleet::{Picker, Snapshot, State, Target};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::health::Mark;
use crate::load::Gauge;
use crate::route::Transport;

pub use choose::{Choice, Policy};

/// The most addresses of former targets that are remembered.
const MAX_FORMER: usize = 65_536;

/// Who is there, who takes calls, and where each is found. Cheap to look things up in, dear to make.
#[derive(Debug, Default)]
pub struct Table {
    targets: Vec<Target>,
    /// For each of them, how full it is.
    gauges: Vec<Arc<Gauge>>,
    /// SIP addresses of the targets in the list, those that drain among them.
    addresses: FxHashSet<SocketAddr>,
    /// The same for TCP: ports named like those for UDP with `_tcp` behind.
    over_tcp: FxHashSet<SocketAddr>,
    /// Where those that are spoken to over UDP take TCP, too; and the other way round.
    tcp_beside: FxHashMap<SocketAddr, Beside>,
    udp_beside: FxHashMap<SocketAddr, SocketAddr>,
    /// SIP addresses of targets that this proxy has seen leave the list. They get no new calls, but those that they have
    /// go on: who proves to belong to one is led there, and what they send comes from inside.
    former: FxHashSet<SocketAddr>,
    /// Addresses of targets' other ports, where nobody speaks SIP.
    other_ports: FxHashSet<SocketAddr>,
    /// One for each name of a port that listeners send calls to.
    ports: Vec<Port>,
    all_down: AllDown,
    choice: Choice,
}

/// What becomes of new calls when every target is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AllDown {
    /// They go to the targets that they belong to: perhaps it is the probes that fail.
    #[default]
    Try,
    /// They are refused.
    Refuse,
}

/// One SIP port of one target.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where it is.
    pub address: SocketAddr,
    /// How it is spoken to: over UDP, unless its target names a port for TCP alone.
    pub transport: Transport,
    /// What is thought of it.
    pub mark: Arc<Mark>,
}

/// The port for TCP beside one for UDP.
#[derive(Debug)]
struct Beside {
    address: SocketAddr,
    /// The target's, which also tells whether TCP has failed there of late.
    mark: Arc<Mark>,
}

#[derive(Debug)]
struct Port {
    name: String,
    picker: Picker,
    /// For each target, in the order of the list; `None` for those without a port of this name.
    endpoints: Vec<Option<Endpoint>>,
}

impl Table {
    /// From a list. `port_names` are those that listeners send calls to; `before` is the table that this one follows:
    /// what was thought of its targets is still thought of those that stay where they are.
    pub fn new(snapshot: Snapshot, port_names: &[String], key: [u8; 16], before: Option<&Table>) -> Self {
        let mut addresses: FxHashSet<SocketAddr> = FxHashSet::default();
        let mut over_tcp: FxHashSet<SocketAddr> = FxHashSet::default();
        let (mut tcp_beside, mut udp_beside) = (FxHashMap::default(), FxHashMap::default());
        let mut marks = before.map(Table::marks).unwrap_or_default();
        let mut ports: Vec<Port> = Vec::new();
        for name in port_names {
            if ports.iter().any(|port| port.name == *name) {
                continue;
            }
            let name_over_tcp = format!("{name}_tcp");
            let over = |target: &Target| {
                Some(SocketAddr::new(target.address.to_canonical(), *target.ports.get(&name_over_tcp)?))
            };
            let mut endpoint = |target: &Target| {
                let at = |port: &u16| SocketAddr::new(target.address.to_canonical(), *port);
                let (address, transport) = match target.ports.get(name).map(at) {
                    Some(address) => (address, Transport::Udp),
                    None => (over(target)?, Transport::Tcp),
                };
                // Two names may stand for one port, which is then judged once.
                let mark = Arc::clone(marks.entry((target.id.clone(), address)).or_default());
                Some(Endpoint { address, transport, mark })
            };
            let endpoints: Vec<_> = snapshot.targets.iter().map(&mut endpoint).collect();
            let over_udp = |endpoint: &&Option<Endpoint>| {
                endpoint.as_ref().is_some_and(|e| e.transport == Transport::Udp)
            };
            addresses.extend(endpoints.iter().filter(over_udp).flatten().map(|endpoint| endpoint.address));
            over_tcp.extend(snapshot.targets.iter().filter_map(over));
            for (target, endpoint) in snapshot.targets.iter().zip(&endpoints).filter(|(_, e)| over_udp(e)) {
                if let (Some(Endpoint { address: udp, mark, .. }), Some(tcp)) = (endpoint, over(target)) {
                    tcp_beside.insert(*udp, Beside { address: tcp, mark: Arc::clone(mark) });
                    udp_beside.insert(tcp, *udp);
                }
            }
            let places = (0..=u16::MAX).zip(&snapshot.targets).zip(&endpoints);
            let takes_calls = places
                .filter(|((_, target), endpoint)| target.state == State::Active && endpoint.is_some())
                .map(|((place, target), _)| (place, target.id.as_str(), target.weight));
            let picker = Picker::new(key, takes_calls);
            ports.push(Port { name: name.clone(), picker, endpoints });
        }
        let all_ports = snapshot.targets.iter().flat_map(|target| {
            target.ports.values().map(|port| SocketAddr::new(target.address.to_canonical(), *port))
        });
        // Those of targets that have left the list, too: a token opens what lives there, and not their control ports.
        let former_ports = before.iter().flat_map(|before| &before.other_ports).copied();
        let other_ports = all_ports
            .chain(former_ports.take(MAX_FORMER))
            .filter(|address| !addresses.contains(address) && !over_tcp.contains(address))
            .collect();
        let known = before
            .iter()
            .flat_map(|before| before.addresses.iter().chain(&before.over_tcp).chain(&before.former));
        let former = known
            .filter(|known| !addresses.contains(known) && !over_tcp.contains(known))
            .take(MAX_FORMER)
            .copied()
            .collect();
        Table {
            gauges: choose::gauges(&snapshot.targets, before),
            targets: snapshot.targets,
            addresses,
            over_tcp,
            tcp_beside,
            udp_beside,
            former,
            other_ports,
            ports,
            all_down: AllDown::default(),
            choice: Choice::default(),
        }
    }

    /// With another rule for the case that every target is down.
    #[must_use]
    pub fn when_all_down(mut self, all_down: AllDown) -> Self {
        self.all_down = all_down;
        self
    }

    /// The target to which the call of this Call-ID belongs, and where its port of that name is; its place in
    /// [`Table::targets`] comes first. Not one at the addresses of `skip`, which are those that the call was sent to
    /// already, nor one that is down: then the next in rank, so that the calls of a target that is down are spread
    /// over all others.
    ///
    /// When every target is down, [`AllDown`] says whether they are tried all the same. As long as one is up, even one
    /// of `skip`, those that are down are not tried.
    pub fn pick(&self, port_name: &str, call_id: &[u8], skip: &[SocketAddr]) -> Option<(u16, &Endpoint)> {
        let port = self.ports.iter().find(|port| port.name == port_name)?;
        let first = port.picker.pick(call_id)?;
        let endpoint = port.endpoint(first)?;
        if endpoint.mark.takes_calls() && !skip.contains(&endpoint.address) {
            return Some((first, endpoint));
        }
        let up = |place: u16| port.endpoint(place).is_some_and(|endpoint| endpoint.mark.takes_calls());
        let fresh = |place: u16| port.endpoint(place).is_some_and(|e| !skip.contains(&e.address));
        let place = port.picker.pick_among(call_id, |place| up(place) && fresh(place)).or_else(|| {
            let try_all = self.all_down == AllDown::Try && !port.picker.places().any(up);
            port.picker.pick_among(call_id, |place| try_all && fresh(place))
        })?;
        Some((place, port.endpoint(place)?))
    }

    /// Who else may have a dialog with this Call-ID that those of `skip` do not know: those that drain first, whose calls
    /// are no longer theirs by [`Table::pick`]; then the next in rank.
    pub fn pick_holder(
        &self,
        port_name: &str,
        call_id: &[u8],
        skip: &[SocketAddr],
    ) -> Option<(u16, &Endpoint)> {
        let port = self.ports.iter().find(|port| port.name == port_name)?;
        let draining = |(place, target): &(u16, &Target)| {
            let endpoint = port.endpoint(*place);
            target.state == State::Draining && endpoint.is_some_and(|e| !skip.contains(&e.address))
        };
        match (0..=u16::MAX).zip(&self.targets).find(draining) {
            Some((place, _)) => Some((place, port.endpoint(place)?)),
            None => self.pick(port_name, call_id, skip),
        }
    }

    /// Whether a target of the list has SIP at this address.
    pub fn is_target(&self, address: SocketAddr) -> bool {
        self.addresses.contains(&address) || self.over_tcp.contains(&address)
    }

    /// Whether what is at a target's address is spoken to in that way.
    pub fn offers(&self, address: SocketAddr, transport: Transport) -> bool {
        match transport {
            Transport::Udp => self.addresses.contains(&address),
            Transport::Tcp => self.over_tcp.contains(&address),
            Transport::Tls => false,
        }
    }

    /// Where the target at this address takes TCP besides, unless that has failed of late; `now` is since 1970.
    pub fn tcp_beside(&self, udp: SocketAddr, now: Duration) -> Option<SocketAddr> {
        self.tcp_beside.get(&udp).filter(|beside| beside.mark.takes_streams(now)).map(|beside| beside.address)
    }

    /// Where the target that takes TCP at this address is spoken to over UDP.
    pub fn udp_beside(&self, tcp: SocketAddr) -> Option<SocketAddr> {
        self.udp_beside.get(&tcp).copied()
    }

    /// TCP has failed at this address: for a while its target gets no more by it than it has to.
    pub fn avoid_tcp(&self, tcp: SocketAddr, now: Duration) {
        if let Some(beside) = self.udp_beside(tcp).and_then(|udp| self.tcp_beside.get(&udp)) {
            beside.mark.avoid_streams(now);
        }
    }

    /// Whether a target has, or had while this proxy looked, SIP at this address.
    pub fn was_target(&self, address: SocketAddr) -> bool {
        self.is_target(address) || self.former.contains(&address)
    }

    /// Whether a target of the list has something other than SIP at this address.
    pub fn is_other_port(&self, address: SocketAddr) -> bool {
        self.other_ports.contains(&address)
    }

    /// The targets, in the order of the list.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Every SIP port that listeners send calls to: its name, the place of its target in the list, and where it is.
    pub fn endpoints(&self) -> impl Iterator<Item = (&str, u16, &Endpoint)> {
        self.ports.iter().flat_map(|port| {
            let endpoints = (0..=u16::MAX).zip(&port.endpoints);
            endpoints.filter_map(|(place, endpoint)| Some((port.name.as_str(), place, endpoint.as_ref()?)))
        })
    }

    /// Whether there are targets that take calls to ports of this name, and all of them are down.
    pub fn all_down(&self, port_name: &str) -> bool {
        let Some(port) = self.ports.iter().find(|port| port.name == port_name) else { return false };
        let mut endpoints = port.picker.places().filter_map(|place| port.endpoint(place)).peekable();
        endpoints.peek().is_some() && endpoints.all(|endpoint| !endpoint.mark.takes_calls())
    }

    /// What is thought of each target's port, by the target's id and the port's address.
    fn marks(&self) -> FxHashMap<(String, SocketAddr), Arc<Mark>> {
        let key = |place: u16, address| Some((self.targets.get(usize::from(place))?.id.clone(), address));
        self.endpoints()
            .filter_map(|(_, place, endpoint)| {
                Some((key(place, endpoint.address)?, Arc::clone(&endpoint.mark)))
            })
            .collect()
    }
}

impl Port {
    fn endpoint(&self, place: u16) -> Option<&Endpoint> {
        self.endpoints.get(usize::from(place))?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Condition;

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
        let (place, endpoint) = table.pick("sip", b"x", &[]).unwrap();
        assert_eq!((place, endpoint.address), (0, "10.0.0.1:5060".parse().unwrap()));
        assert!(table.pick("alternative", b"x", &[]).is_none());
        assert!(table.pick("unknown", b"x", &[]).is_none());
    }

    #[test]
    fn draining_and_former_targets_are_still_known_and_control_ports_are_not_sip() {
        let first = table(TWO, None);
        let second = table(r#"{"targets": []}"#, Some(&first));
        let third = table(r#"{"targets": []}"#, Some(&second));
        for (now, listed) in [(&first, true), (&second, false), (&third, false)] {
            for address in ["10.0.0.1:5060", "10.0.0.2:5080"].map(|address| address.parse().unwrap()) {
                assert_eq!((now.is_target(address), now.was_target(address)), (listed, true));
            }
            let control = "10.0.0.1:8081".parse().unwrap();
            assert!(!now.is_target(control) && !now.was_target(control));
            assert!(now.is_other_port(control), "also when its target has left the list");
        }
        assert!(second.pick("sip", b"x", &[]).is_none());
        let back = table(TWO, Some(&third));
        assert!(back.is_target("10.0.0.1:5060".parse().unwrap()));
        let moved = r#"{"targets": [{"id": "c", "address": "10.0.0.1", "ports": {"sip": 8081}}]}"#;
        assert!(
            !table(moved, Some(&third)).is_other_port("10.0.0.1:8081".parse().unwrap()),
            "it is SIP's now"
        );
    }

    const FOUR: &str = r#"{"targets": [
        {"id": "a", "address": "10.0.0.1", "ports": {"sip": 5060}},
        {"id": "b", "address": "10.0.0.2", "ports": {"sip": 5060}},
        {"id": "c", "address": "10.0.0.3", "ports": {"sip": 5060}},
        {"id": "d", "address": "10.0.0.4", "ports": {"sip": 5060}}]}"#;

    fn mark(table: &Table, place: u16, condition: Condition) {
        table.endpoints().filter(|(_, p, _)| *p == place).for_each(|(_, _, e)| e.mark.set(condition));
    }

    /// How many of 1,000 calls each of the four gets.
    fn shares(table: &Table) -> [usize; 4] {
        let mut shares = [0; 4];
        for call in 0..1000 {
            if let Some((place, _)) = table.pick("sip", format!("{call}@x").as_bytes(), &[]) {
                shares[usize::from(place)] += 1;
            }
        }
        shares
    }

    #[test]
    fn the_calls_of_a_target_that_is_down_are_spread_over_all_others_and_no_other_call_moves() {
        let table = table(FOUR, None);
        let before = shares(&table);
        mark(&table, 2, Condition::Suspect);
        assert_eq!(shares(&table), before);
        mark(&table, 2, Condition::Down);
        let after = shares(&table);
        assert_eq!(after[2], 0);
        for place in [0, 1, 3] {
            assert!(after[place] > before[place] + 40, "{before:?} {after:?}");
        }
        mark(&table, 2, Condition::Healthy);
        assert_eq!(shares(&table), before);
    }

    #[test]
    fn a_call_goes_to_each_target_once_in_the_order_of_rank() {
        let table = table(FOUR, None);
        let mut tried = Vec::new();
        while let Some(address) = table.pick("sip", b"x", &tried).map(|(_, endpoint)| endpoint.address) {
            assert!(!tried.contains(&address));
            tried.push(address);
        }
        assert_eq!(tried.len(), 4);
        // Without the first, the second is the first.
        let place = table.targets().iter().position(|t| t.address == tried[0].ip()).unwrap();
        mark(&table, place as u16, Condition::Down);
        assert_eq!(table.pick("sip", b"x", &[]).unwrap().1.address, tried[1]);
        // One that is down is no last resort as long as another is up.
        assert!(table.pick("sip", b"x", &tried[1..]).is_none());
    }

    #[test]
    fn when_all_are_down_the_best_is_tried_or_the_call_refused() {
        let table = table(FOUR, None);
        let usual = shares(&table);
        (0..4).for_each(|place| mark(&table, place, Condition::Down));
        assert_eq!(shares(&table), usual);
        let first = table.pick("sip", b"x", &[]).unwrap().1.address;
        assert_ne!(table.pick("sip", b"x", &[first]).unwrap().1.address, first);
        let table = table.when_all_down(AllDown::Refuse);
        assert!(table.pick("sip", b"x", &[]).is_none());
    }

    #[test]
    fn tcp_stands_beside_udp_or_alone() {
        let json = r#"{"targets": [
            {"id": "a", "address": "10.0.0.1", "ports": {"sip": 5060, "sip_tcp": 5062}},
            {"id": "b", "address": "10.0.0.2", "ports": {"alternative_tcp": 5080}}]}"#;
        let table = table(json, None);
        let [udp, tcp, alone] =
            ["10.0.0.1:5060", "10.0.0.1:5062", "10.0.0.2:5080"].map(|address| address.parse().unwrap());
        let now = Duration::from_secs(1_800_000_000);
        assert_eq!((table.tcp_beside(udp, now), table.udp_beside(tcp)), (Some(tcp), Some(udp)));
        let (_, endpoint) = table.pick("alternative", b"x", &[]).unwrap();
        assert_eq!((endpoint.address, endpoint.transport), (alone, Transport::Tcp));
        assert!(table.offers(alone, Transport::Tcp) && !table.offers(alone, Transport::Udp));
        assert_eq!((table.tcp_beside(alone, now), table.udp_beside(alone)), (None, None));
        // What has failed is left alone for a while, and not for good.
        table.avoid_tcp(tcp, now);
        assert_eq!(table.tcp_beside(udp, now + Duration::from_secs(5)), None);
        assert_eq!(table.tcp_beside(udp, now + Duration::from_secs(60)), Some(tcp));
    }

    #[test]
    fn what_is_thought_of_a_target_survives_a_new_list_unless_it_moved() {
        let first = table(FOUR, None);
        (0..2).for_each(|place| mark(&first, place, Condition::Down));
        let second = table(&FOUR.replace("10.0.0.1", "10.0.0.9"), Some(&first));
        let conditions: Vec<_> = second.endpoints().map(|(_, _, e)| e.mark.condition()).collect();
        assert_eq!(conditions, [Condition::Healthy, Condition::Down, Condition::Healthy, Condition::Healthy]);
    }
}
