//! A target list from DNS: what to ask, and which targets the answers make.
//!
//! This module must not contain: sockets, clocks, randomness.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use fleet::{Snapshot, State, Target};

use super::{Able, Answer, Family, Question, Record, is_host_name};

/// The name of the port that records tell.
const PORT_NAME: &str = "sip";

/// Where a target list stands in DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FleetSource {
    /// Servers with their ports and weights (RFC 2782): `dns+srv://_sip._udp.freeswitch.example`.
    Srv(String),
    /// Addresses, all with one port: `dns+a://freeswitch.example:5060`.
    Address(String, u16),
}

/// Addresses as they were told last, by host and IP version.
pub type Addresses = BTreeMap<(String, Family), Vec<IpAddr>>;

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// A list with at least one target that takes calls.
    List {
        /// The list, in an order of its own: the same records make the same list.
        targets: Vec<Target>,
        /// How long it holds.
        ttl: Duration,
    },
    /// There are no targets, as far as DNS knows. That is no list: see `docs/targets.md`.
    Empty,
    /// Nobody could say.
    Failed,
}

/// One look at the list, from the first question to what it comes to.
#[derive(Debug)]
pub struct Look {
    source: FleetSource,
    able: Able,
    open: Vec<Question>,
    servers: Vec<Server>,
    before: Addresses,
    addresses: Addresses,
    ttl: Duration,
    failed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Server {
    priority: u16,
    name: String,
    port: u16,
    weight: u16,
}

impl FleetSource {
    /// Reads a URL behind its scheme; `None` for other schemes.
    pub fn parse(url: &str) -> Option<Result<Self, String>> {
        let name = |name: &str| {
            let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
            is_host_name(name.as_bytes()).then_some(name)
        };
        if let Some(rest) = url.strip_prefix("dns+srv://") {
            let wrong = || format!("expected dns+srv://_sip._udp.NAME, found {url:?}");
            return Some(name(rest).map(FleetSource::Srv).ok_or_else(wrong));
        }
        let rest = url.strip_prefix("dns+a://")?;
        let (host, port) = rest.rsplit_once(':').unwrap_or((rest, ""));
        let port = port.parse().ok().filter(|port| *port > 0);
        let wrong = || format!("expected dns+a://NAME:PORT, found {url:?}");
        Some(name(host).zip(port).map(|(name, port)| FleetSource::Address(name, port)).ok_or_else(wrong))
    }
}

impl Look {
    /// Begins. `before` is what the look before found: it stands in for addresses of which nobody can say anything now.
    pub fn new(source: FleetSource, able: Able, before: Addresses) -> Self {
        let (servers, addresses) = (Vec::new(), Addresses::new());
        let open = Vec::new();
        let mut look =
            Look { source, able, open, servers, before, addresses, ttl: Duration::MAX, failed: false };
        match &look.source {
            FleetSource::Srv(name) => look.open.push(Question::Srv(name.clone())),
            FleetSource::Address(name, port) => {
                let server = Server { priority: 0, name: name.clone(), port: *port, weight: 0 };
                look.servers.push(server);
                look.ask_for_addresses();
            }
        }
        look
    }

    /// What is to be asked now, all at once. Empty at the end.
    pub fn questions(&self) -> &[Question] {
        &self.open
    }

    /// Takes an answer in.
    pub fn answer(&mut self, question: &Question, answer: Answer) {
        let Some(place) = self.open.iter().position(|open| open == question) else { return };
        self.open.swap_remove(place);
        let records = match answer {
            Answer::Records { records, ttl } => {
                self.ttl = self.ttl.min(ttl);
                records
            }
            Answer::Nothing => Vec::new(),
            Answer::Failed => return self.fail(question),
        };
        match question {
            Question::Srv(_) => {
                self.servers.extend(records.into_iter().filter_map(server));
                self.ask_for_addresses();
            }
            Question::Address(name, family) => {
                let is_asked_for = |ip: &IpAddr| (*family == Family::V4) == ip.is_ipv4();
                let ips = records.into_iter().filter_map(|record| match record {
                    Record::Address(ip) => Some(ip).filter(is_asked_for).map(|ip| ip.to_canonical()),
                    Record::Srv { .. } | Record::Naptr { .. } => None,
                });
                self.addresses.insert((name.clone(), *family), ips.collect());
            }
            Question::Naptr(_) => {}
        }
    }

    fn fail(&mut self, question: &Question) {
        match question {
            Question::Address(name, family) => {
                let key = (name.clone(), *family);
                match self.before.get(&key).cloned() {
                    Some(ips) => drop(self.addresses.insert(key, ips)),
                    None => self.failed = true,
                }
            }
            Question::Srv(_) | Question::Naptr(_) => self.failed = true,
        }
    }

    fn ask_for_addresses(&mut self) {
        let families = [(self.able.v4, Family::V4), (self.able.v6, Family::V6)];
        let families = families.into_iter().filter(|(able, _)| *able).map(|(_, family)| family);
        let names: BTreeSet<&String> = self.servers.iter().map(|server| &server.name).collect();
        let each = names
            .into_iter()
            .flat_map(|name| families.clone().map(move |f| Question::Address(name.clone(), f)));
        self.open = each.collect();
    }

    /// What it came to, with the addresses for the next look. Addresses that `may` not be targets' are left out.
    pub fn end(self, may: impl Fn(IpAddr) -> bool) -> (Taken, Addresses) {
        let best = self.servers.iter().map(|server| server.priority).min();
        let mut weights = self.servers.iter().map(|server| server.weight);
        let first = weights.next();
        let alike = weights.all(|weight| Some(weight) == first);
        let mut targets = BTreeMap::new();
        let of = |server: &Server| {
            let ips =
                [Family::V4, Family::V6].map(|family| self.addresses.get(&(server.name.clone(), family)));
            ips.into_iter().flatten().flatten().copied().collect::<Vec<_>>()
        };
        // In order: of two records for one address and port, the one with the better priority counts.
        let servers: BTreeSet<&Server> = self.servers.iter().collect();
        for server in servers {
            for ip in of(server).into_iter().filter(|ip| is_unicast(*ip) && may(*ip)) {
                let id = SocketAddr::new(ip, server.port).to_string();
                let state = if Some(server.priority) == best { State::Active } else { State::Draining };
                // Weights that are all the same say nothing, whatever their number. RFC 2782: 0 is a very small share.
                let weight = if alike { 100 } else { (100 * u32::from(server.weight)).max(1) };
                let ports = BTreeMap::from([(PORT_NAME.to_owned(), server.port)]);
                let target = Target { state, weight, ..Target::new(id.clone(), ip, ports) };
                targets.entry(id).or_insert(target);
            }
        }
        let targets: Vec<_> = targets.into_values().collect();
        let takes_calls = targets.iter().any(|target| target.state == State::Active);
        match (takes_calls, self.failed) {
            (true, _) => (Taken::List { targets, ttl: self.ttl }, self.addresses),
            (false, true) => (Taken::Failed, self.before),
            (false, false) => (Taken::Empty, self.before),
        }
    }
}

impl Taken {
    /// The list as a snapshot, if it is one.
    pub fn snapshot(&self) -> Option<Snapshot> {
        match self {
            Taken::List { targets, .. } => Some(Snapshot { targets: targets.clone(), ..Snapshot::default() }),
            Taken::Empty | Taken::Failed => None,
        }
    }
}

fn server(record: Record) -> Option<Server> {
    match record {
        Record::Srv { priority, weight, port, target } if port > 0 && is_host_name(target.as_bytes()) => {
            Some(Server { priority, weight, port, name: target.to_ascii_lowercase() })
        }
        _ => None,
    }
}

/// Whether somebody can be there at all.
fn is_unicast(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: Able = Able { tls: false, v4: true, v6: false };
    const BOTH: Able = Able { v6: true, ..V4 };
    const SRV: &str = "dns+srv://_sip._udp.fs.example";

    fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Record {
        Record::Srv { priority, weight, port, target: target.to_owned() }
    }

    /// Looks with this zone; a name with an empty list of records fails, one that is not there is nothing.
    fn look(url: &str, able: Able, before: &Addresses, zone: &[(&str, Vec<Record>)]) -> (Taken, Addresses) {
        let source = FleetSource::parse(url).unwrap().unwrap();
        let mut look = Look::new(source, able, before.clone());
        while let Some(question) = look.questions().first().cloned() {
            let name = match &question {
                Question::Srv(name) | Question::Naptr(name) => name.clone(),
                Question::Address(name, Family::V4) => name.clone(),
                Question::Address(name, Family::V6) => format!("6.{name}"),
            };
            let answer = match zone.iter().find(|(known, _)| *known == name) {
                Some((_, records)) if records.is_empty() => Answer::Failed,
                Some((_, records)) => {
                    Answer::Records { records: records.clone(), ttl: Duration::from_secs(30) }
                }
                None => Answer::Nothing,
            };
            look.answer(&question, answer);
        }
        look.end(|ip| ip != IpAddr::from([203, 0, 113, 1]))
    }

    fn shown(taken: &Taken) -> String {
        let Taken::List { targets, .. } = taken else { return format!("{taken:?}") };
        let show =
            |t: &Target| format!("{} {} {} {:?} {}", t.id, t.address, t.ports["sip"], t.state, t.weight);
        targets.iter().map(show).collect::<Vec<_>>().join(", ")
    }

    fn ip(text: &str) -> Record {
        Record::Address(text.parse().unwrap())
    }

    #[test]
    fn servers_become_targets_with_their_ports_weights_and_all_addresses() {
        let zone = [
            (
                "_sip._udp.fs.example",
                vec![
                    srv(1, 20, 5080, "B.fs.example"),
                    srv(1, 10, 5060, "a.fs.example"),
                    srv(1, 0, 5060, "c.fs.example"),
                ],
            ),
            ("a.fs.example", vec![ip("10.0.0.1"), ip("10.0.0.2")]),
            ("6.a.fs.example", vec![ip("2001:db8::1")]),
            ("b.fs.example", vec![ip("10.0.0.3")]),
            ("c.fs.example", vec![ip("10.0.0.4")]),
        ];
        let (taken, _) = look(SRV, BOTH, &Addresses::new(), &zone);
        assert_eq!(
            shown(&taken),
            "10.0.0.1:5060 10.0.0.1 5060 Active 1000, 10.0.0.2:5060 10.0.0.2 5060 Active 1000, \
             10.0.0.3:5080 10.0.0.3 5080 Active 2000, 10.0.0.4:5060 10.0.0.4 5060 Active 1, \
             [2001:db8::1]:5060 2001:db8::1 5060 Active 1000"
        );
        assert!(taken.snapshot().is_some());
    }

    #[test]
    fn weights_that_are_all_the_same_say_nothing_and_the_order_of_records_neither() {
        let zone = |weight, turned: bool| {
            let mut servers =
                vec![srv(0, weight, 5060, "a.fs.example"), srv(0, weight, 5060, "b.fs.example")];
            if turned {
                servers.reverse();
            }
            let (a, b) = (vec![ip("10.0.0.1")], vec![ip("10.0.0.2")]);
            [("_sip._udp.fs.example", servers), ("a.fs.example", a), ("b.fs.example", b)]
        };
        let of = |weight, turned| shown(&look(SRV, V4, &Addresses::new(), &zone(weight, turned)).0);
        assert_eq!(
            of(50, false),
            "10.0.0.1:5060 10.0.0.1 5060 Active 100, 10.0.0.2:5060 10.0.0.2 5060 Active 100"
        );
        assert!(of(50, false) == of(33, true) && of(0, false) == of(1, true));
    }

    #[test]
    fn a_worse_priority_drains() {
        let zone = [
            (
                "_sip._udp.fs.example",
                vec![srv(10, 1, 5060, "a.fs.example"), srv(20, 1, 5060, "b.fs.example")],
            ),
            ("a.fs.example", vec![ip("10.0.0.1")]),
            ("b.fs.example", vec![ip("10.0.0.2"), ip("10.0.0.1")]),
        ];
        assert_eq!(
            shown(&look(SRV, V4, &Addresses::new(), &zone).0),
            "10.0.0.1:5060 10.0.0.1 5060 Active 100, 10.0.0.2:5060 10.0.0.2 5060 Draining 100"
        );
    }

    #[test]
    fn addresses_alone_make_targets_with_one_port() {
        let zone = [(
            "fs.example",
            vec![ip("10.0.0.2"), ip("10.0.0.1"), ip("0.0.0.0"), ip("224.0.0.1"), ip("203.0.113.1")],
        )];
        let (taken, _) = look("dns+a://FS.example.:5070", V4, &Addresses::new(), &zone);
        assert_eq!(
            shown(&taken),
            "10.0.0.1:5070 10.0.0.1 5070 Active 100, 10.0.0.2:5070 10.0.0.2 5070 Active 100"
        );
    }

    #[test]
    fn no_targets_and_no_answer_are_no_list() {
        let no = Addresses::new();
        let ask = |zone: &[(&str, Vec<Record>)]| look(SRV, V4, &no, zone).0;
        assert_eq!(ask(&[]), Taken::Empty);
        assert_eq!(ask(&[("_sip._udp.fs.example", vec![])]), Taken::Failed);
        let there = ("_sip._udp.fs.example", vec![srv(0, 0, 5060, "a.fs.example")]);
        assert_eq!(ask(std::slice::from_ref(&there)), Taken::Empty);
        assert_eq!(ask(&[there.clone(), ("a.fs.example", vec![])]), Taken::Failed);
        assert_eq!(ask(&[there, ("a.fs.example", vec![ip("203.0.113.1")])]), Taken::Empty);
        assert_eq!(
            ask(&[("_sip._udp.fs.example", vec![srv(0, 0, 0, ""), srv(0, 0, 5060, "")])]),
            Taken::Empty
        );
        // Backups alone would leave nobody who takes calls.
        let backup = [
            ("_sip._udp.fs.example", vec![srv(1, 0, 5060, "a.fs.example"), srv(2, 0, 5060, "b.fs.example")]),
            ("b.fs.example", vec![ip("10.0.0.2")]),
        ];
        assert_eq!(ask(&backup), Taken::Empty);
    }

    #[test]
    fn a_host_of_which_nobody_can_say_anything_now_stays_where_it_was_and_one_that_is_gone_does_not() {
        let servers = || vec![srv(0, 0, 5060, "a.fs.example"), srv(0, 0, 5060, "b.fs.example")];
        let first = [
            ("_sip._udp.fs.example", servers()),
            ("a.fs.example", vec![ip("10.0.0.1")]),
            ("b.fs.example", vec![ip("10.0.0.2")]),
        ];
        let (taken, before) = look(SRV, V4, &Addresses::new(), &first);
        let both = shown(&taken);
        let silent = [
            ("_sip._udp.fs.example", servers()),
            ("a.fs.example", vec![ip("10.0.0.1")]),
            ("b.fs.example", vec![]),
        ];
        let (taken, again) = look(SRV, V4, &before, &silent);
        assert_eq!((shown(&taken), &again), (both.clone(), &before));
        // All of it is silent, or empty: what was known before stays for the look after.
        assert_eq!(
            look(SRV, V4, &before, &[("_sip._udp.fs.example", vec![])]),
            (Taken::Failed, before.clone())
        );
        assert_eq!(look(SRV, V4, &before, &[]), (Taken::Empty, before.clone()));
        let gone = [("_sip._udp.fs.example", servers()), ("a.fs.example", vec![ip("10.0.0.1")])];
        assert_eq!(shown(&look(SRV, V4, &before, &gone).0), "10.0.0.1:5060 10.0.0.1 5060 Active 100");
    }

    #[test]
    fn a_url_that_is_none_is_refused_with_what_was_expected() {
        for bad in [
            "dns+a://fs.example",
            "dns+a://fs.example:0",
            "dns+a://:5060",
            "dns+a://10.0.0.1:5060",
            "dns+a://a b:1",
            "dns+a://a:70000",
        ] {
            assert!(FleetSource::parse(bad).unwrap().unwrap_err().contains("dns+a://NAME:PORT"), "{bad}");
        }
        for bad in ["dns+srv://", "dns+srv://a:5060", "dns+srv://a/b", "dns+srv://1.2.3.4"] {
            assert!(
                FleetSource::parse(bad).unwrap().unwrap_err().contains("dns+srv://_sip._udp.NAME"),
                "{bad}"
            );
        }
        assert!(FleetSource::parse("file:///x").is_none());
    }
}
