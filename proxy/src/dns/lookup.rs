//! RFC 3263 section 4: from a host name to transports, addresses and ports. What to ask next, given the answers so far.
//!
//! This module must not contain: sockets, clocks, randomness. Which of the answers is used for a request is no question
//! of this module: `known.rs` puts them in order.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use siphasher::sip::SipHasher13;

use super::Destination;
use crate::route::Transport;

/// The most services, servers, addresses of one server and addresses in all that are taken from answers. The rest is
/// passed over: nobody needs more, and what a stranger's name server says must not cost more.
const MAX_SERVICES: usize = 6;
const MAX_SERVERS: usize = 24;
const MAX_ADDRESSES: usize = 16;
const MAX_CANDIDATES: usize = 64;

/// An IP version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4: records of type A.
    V4,
    /// IPv6: records of type AAAA.
    V6,
}

/// A question for DNS. Names have no dot at the end and are absolute all the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// Which services there are (RFC 3403).
    Naptr(String),
    /// Who serves one (RFC 2782).
    Srv(String),
    /// Where a host is.
    Address(String, Family),
}

/// A record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A service.
    Naptr {
        /// The lowest comes first.
        order: u16,
        /// Among those of one order.
        preference: u16,
        /// What kind of record `replacement` leads to: `s` for SRV.
        flags: String,
        /// The service and its transport: `SIP+D2U`.
        service: String,
        /// Where to go on.
        replacement: String,
    },
    /// A server.
    Srv {
        /// The lowest comes first.
        priority: u16,
        /// Its share among those of one priority.
        weight: u16,
        /// Its port.
        port: u16,
        /// Its name; empty if there is decidedly no such service.
        target: String,
    },
    /// An address.
    Address(IpAddr),
}

/// What a question got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Records.
    Records {
        /// All of them, of the type that was asked for.
        records: Vec<Record>,
        /// How long they hold.
        ttl: Duration,
    },
    /// There are none: the name does not exist, or has no record of this type.
    Nothing,
    /// Nobody could say: silence, an error, or nonsense.
    Failed,
}

/// What we can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Able {
    /// TLS. UDP and TCP always.
    pub tls: bool,
    /// IPv4.
    pub v4: bool,
    /// IPv6.
    pub v6: bool,
}

/// One place where a name leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// How it is spoken to.
    pub transport: Transport,
    /// Where it is. An IPv4-mapped IPv6 address stands here as the IPv4 address that it is.
    pub address: SocketAddr,
    /// The place of its service: all of the first are tried before any of the second.
    pub rank: u16,
    /// Its SRV priority.
    pub priority: u16,
    /// Its SRV weight.
    pub weight: u16,
    /// Names its server: a server's addresses share its weight.
    pub server: u64,
}

/// What a look-up came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// At least one address.
    Found {
        /// In no particular order.
        candidates: Vec<Candidate>,
        /// How long that holds.
        ttl: Duration,
    },
    /// The name leads nowhere.
    Nothing,
    /// It is not known where it leads.
    Failed,
}

/// One look-up, from the first question to its outcome.
#[derive(Debug)]
pub struct Lookup {
    wanted: Destination,
    able: Able,
    stage: Stage,
    /// What is not answered yet.
    open: Vec<Question>,
    services: Vec<Service>,
    servers: Vec<Server>,
    addresses: BTreeMap<String, Vec<IpAddr>>,
    ttl: Duration,
    failed: bool,
    refused: bool,
    outcome: Option<Outcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Services,
    Servers,
    Addresses,
}

#[derive(Debug, Clone)]
struct Service {
    order: (u16, u16),
    transport: Transport,
    /// The name to ask for SRV records.
    name: String,
}

#[derive(Debug, Clone)]
struct Server {
    rank: u16,
    priority: u16,
    weight: u16,
    port: u16,
    transport: Transport,
    name: String,
}

impl Lookup {
    /// Begins; [`Lookup::questions`] says what to ask first.
    pub fn new(wanted: Destination, able: Able) -> Self {
        let mut lookup = Lookup {
            wanted,
            able,
            stage: Stage::Services,
            open: Vec::new(),
            services: Vec::new(),
            servers: Vec::new(),
            addresses: BTreeMap::new(),
            ttl: Duration::MAX,
            failed: false,
            refused: false,
            outcome: None,
        };
        lookup.begin();
        lookup
    }

    /// What is to be asked now, all at once. Empty when there is an outcome.
    pub fn questions(&self) -> &[Question] {
        &self.open
    }

    /// What came of it; `None` while something is to be asked.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Takes an answer in. What was not asked changes nothing.
    pub fn answer(&mut self, question: &Question, answer: Answer) {
        let Some(place) = self.open.iter().position(|open| open == question) else { return };
        self.open.swap_remove(place);
        match answer {
            Answer::Records { records, ttl } => {
                self.ttl = self.ttl.min(ttl);
                records.into_iter().for_each(|record| self.record(question, record));
            }
            Answer::Nothing => {}
            Answer::Failed => self.failed = true,
        }
        if self.open.is_empty() {
            self.go_on();
        }
    }

    fn begin(&mut self) {
        let Destination { port, transport, secure, .. } = self.wanted;
        // RFC 3263 4.1, 4.2: a port that is named skips all but the addresses; a transport that is named, NAPTR.
        match (port, transport) {
            (Some(_), _) => self.ask_for_addresses_of_the_name(transport.unwrap_or(usual(secure))),
            (None, Some(transport)) => {
                self.services.push(self.service(transport));
                self.ask_for_servers();
            }
            (None, None) => self.open.push(Question::Naptr(self.wanted.name().to_owned())),
        }
    }

    fn record(&mut self, question: &Question, record: Record) {
        match (question, record) {
            (Question::Naptr(_), Record::Naptr { order, preference, flags, service, replacement }) => {
                let transport = match service.to_ascii_uppercase().as_str() {
                    "SIP+D2U" if !self.wanted.secure => Transport::Udp,
                    "SIP+D2T" if !self.wanted.secure => Transport::Tcp,
                    "SIPS+D2T" if self.able.tls => Transport::Tls,
                    _ => return,
                };
                if flags.eq_ignore_ascii_case("s") && super::is_host_name(replacement.as_bytes()) {
                    self.services.push(Service { order: (order, preference), transport, name: replacement });
                }
            }
            (Question::Srv(name), Record::Srv { priority, weight, port, target }) => {
                let Some(rank) = self.services.iter().position(|service| service.name == *name) else {
                    return;
                };
                let Some(transport) = self.services.get(rank).map(|service| service.transport) else {
                    return;
                };
                // RFC 2782: the root as target says that there is no such service.
                self.refused |= target.is_empty();
                if port != 0 && super::is_host_name(target.as_bytes()) {
                    let (rank, name) = (rank as u16, target.to_ascii_lowercase());
                    self.servers.push(Server { rank, priority, weight, port, transport, name });
                }
            }
            (Question::Address(name, family), Record::Address(ip))
                if (*family == Family::V4) == ip.is_ipv4() =>
            {
                let all = self.addresses.entry(name.clone()).or_default();
                let ip = ip.to_canonical();
                if all.len() < MAX_ADDRESSES && !all.contains(&ip) {
                    all.push(ip);
                }
            }
            _ => {}
        }
    }

    fn go_on(&mut self) {
        match self.stage {
            Stage::Services => self.ask_for_servers(),
            Stage::Servers => self.ask_for_addresses(),
            Stage::Addresses => self.end(),
        }
    }

    /// RFC 3263 4.1: the services that NAPTR told, else one for each transport that we would use.
    fn ask_for_servers(&mut self) {
        self.stage = Stage::Servers;
        if self.services.is_empty() {
            self.services = match self.wanted.secure {
                true => vec![self.service(Transport::Tls)],
                false => vec![self.service(Transport::Udp), self.service(Transport::Tcp)],
            };
        }
        self.services.sort_by_key(|service| service.order);
        self.services.truncate(MAX_SERVICES);
        self.open = self.services.iter().map(|service| Question::Srv(service.name.clone())).collect();
        self.open.sort_unstable();
        self.open.dedup();
        // Whoever cannot say which services there are may still say who serves the usual ones.
        self.failed = false;
    }

    /// RFC 3263 4.2: addresses of the servers, or of the name itself if it has no servers.
    fn ask_for_addresses(&mut self) {
        if self.servers.is_empty() {
            let first = self.services.first().map(|service| service.transport);
            return match (self.failed, self.refused) {
                (true, _) => self.outcome = Some(Outcome::Failed),
                (false, true) => self.outcome = Some(Outcome::Nothing),
                (false, false) => {
                    let transport = self.wanted.transport.or(first).unwrap_or(usual(self.wanted.secure));
                    self.ask_for_addresses_of_the_name(transport);
                }
            };
        }
        self.stage = Stage::Addresses;
        self.servers.sort_by(|one, other| {
            (one.rank, one.priority, &one.name, one.port).cmp(&(
                other.rank,
                other.priority,
                &other.name,
                other.port,
            ))
        });
        self.servers.dedup_by(|one, other| {
            (one.rank, one.priority, &one.name, one.port)
                == (other.rank, other.priority, &other.name, other.port)
        });
        self.servers.truncate(MAX_SERVERS);
        let families = families(self.able);
        let each = self.servers.iter().map(|server| server.name.clone());
        self.open =
            each.flat_map(|name| families.clone().map(move |f| Question::Address(name.clone(), f))).collect();
        self.open.sort_unstable();
        self.open.dedup();
    }

    fn ask_for_addresses_of_the_name(&mut self, transport: Transport) {
        self.stage = Stage::Addresses;
        let name = self.wanted.name().to_owned();
        let port = self.wanted.port.unwrap_or(if transport == Transport::Tls { 5061 } else { 5060 });
        self.open = families(self.able).map(|family| Question::Address(name.clone(), family)).collect();
        self.servers = vec![Server { rank: 0, priority: 0, weight: 0, port, transport, name }];
    }

    fn end(&mut self) {
        let of = |server: &Server| {
            let Server { rank, priority, weight, port, transport, .. } = *server;
            let hash = hash(&server.name, port);
            let ips = self.addresses.get(&server.name).cloned().unwrap_or_default();
            ips.into_iter().map(move |ip| Candidate {
                transport,
                address: SocketAddr::new(ip, port),
                rank,
                priority,
                weight,
                server: hash,
            })
        };
        let candidates: Vec<_> = self.servers.iter().flat_map(of).take(MAX_CANDIDATES).collect();
        self.outcome = Some(match (candidates.is_empty(), self.failed) {
            (false, _) => Outcome::Found { candidates, ttl: self.ttl },
            (true, true) => Outcome::Failed,
            (true, false) => Outcome::Nothing,
        });
    }

    fn service(&self, transport: Transport) -> Service {
        let labels = match transport {
            Transport::Udp => "_sip._udp",
            Transport::Tcp => "_sip._tcp",
            Transport::Tls => "_sips._tcp",
        };
        // In the order in which we make them, where NAPTR has not told another.
        let order = (0, transport as u16);
        Service { order, transport, name: format!("{labels}.{}", self.wanted.name()) }
    }
}

fn families(able: Able) -> impl Iterator<Item = Family> + Clone {
    [(able.v4, Family::V4), (able.v6, Family::V6)]
        .into_iter()
        .filter(|(able, _)| *able)
        .map(|(_, family)| family)
}

/// RFC 3263 4.1: where nothing says another.
fn usual(secure: bool) -> Transport {
    if secure { Transport::Tls } else { Transport::Udp }
}

/// The same for the same server, whichever proxy asks.
fn hash(name: &str, port: u16) -> u64 {
    let mut hash = SipHasher13::new();
    hash.write(name.as_bytes());
    hash.write_u16(port);
    hash.finish()
}

#[cfg(test)]
mod tests;
