//! A router, its lists of targets, and what an address is to them.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use fleet::Snapshot;
use proxy::config::Config;
use proxy::dns::{Candidate, Destination, Known, Outcome, Rules};
use proxy::health::Condition;
use proxy::pins::{Dispatch, Pins};
use proxy::route::{Router, Transport};
use proxy::table::Table;

/// The settings of the proxy's tests, with more to strip, and sources of both families.
fn text() -> String {
    include_str!("../../tests/support/site.toml")
        .replace(r#"strip = ["X-Somleng-*"]"#, r#"strip = ["X-Somleng-*", "Subject", "Referred-By"]"#)
        .replace(r#""175.100.32.0/24""#, r#""175.100.32.0/24", "2001:db8::/32""#)
}

/// What `headers.strip` and `headers.add` above name, and the short forms.
const STRIPPED: [&str; 5] = ["x-src-ip", "subject", "s", "referred-by", "b"];

/// The second list is the first without a target, which so becomes a former one.
const LISTS: [&str; 2] = [
    r#"{"targets": [
    {"id": "a", "address": "10.10.1.21", "ports": {"sip": 5060, "alternative": 5080, "control": 8081}},
    {"id": "b", "address": "10.10.1.22", "ports": {"sip": 5060, "sip_tcp": 5061}},
    {"id": "c", "address": "10.10.1.23", "ports": {"sip": 5060}}]}"#,
    r#"{"targets": [
    {"id": "b", "address": "10.10.1.22", "ports": {"sip": 5060, "sip_tcp": 5061}, "state": "draining"},
    {"id": "c", "address": "10.10.1.23", "ports": {"sip": 5060}}]}"#,
];

/// What all histories use. Nothing of a history stays in it.
pub struct Site {
    pub router: Router,
    pub tables: [Table; 2],
}

/// Made once.
pub fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let config = Config::parse(&text(), "fuzz", std::iter::empty()).expect("settings");
        let names: Vec<String> = config.listeners.iter().map(|listener| listener.port_name.clone()).collect();
        let table = |list: &str, before: Option<&Table>| {
            let snapshot = Snapshot::from_json(list.as_bytes()).expect("a list");
            Table::new(snapshot, &names, config.keys.pick, before)
        };
        let first = table(LISTS[0], None);
        let second = table(LISTS[1], Some(&first));
        let router = Router::new(&config);
        router.set_names(names_of_strangers());
        Site { router, tables: [first, second] }
    })
}

/// Somebody else says where a name leads: among others, to where nobody may be led.
const NAME: &str = "a.example";
const ADDRESSES: [&str; 8] = [
    "127.0.0.1:5060",
    "169.254.169.254:80",
    "10.10.1.162:5060",
    "10.10.1.21:8081",
    "10.10.7.7:5060",
    "10.10.1.99:5062",
    "203.0.113.7:5070",
    "10.10.1.21:5060",
];

/// What is known of the name, for longer than a history lasts.
fn names_of_strangers() -> Known {
    let (second, day) = (Duration::from_secs(1), Duration::from_secs(86_400));
    let rules = Rules { most: 100, min_ttl: second, max_ttl: day, negative_ttl: second };
    let mut known = Known::new([7; 16], rules);
    let candidates = ADDRESSES.iter().zip(0..).map(|(address, place)| Candidate {
        transport: Transport::Udp,
        address: address.parse().expect("an address"),
        rank: 0,
        priority: place,
        weight: 0,
        server: 1,
    });
    let found = Outcome::Found { candidates: candidates.collect(), ttl: day };
    let destination = Destination::new(NAME.as_bytes(), None, None, false).expect("a name");
    known.put(destination, found, BEGIN);
    known
}

/// What time it is when a history begins: since 1970.
pub const BEGIN: Duration = Duration::from_secs(1_800_000_000);

/// The most pins.
pub const MAX_PINS: usize = 8;

/// How many targets an INVITE may go to.
pub fn attempts(settings: u8) -> usize {
    if settings.is_multiple_of(2) { 3 } else { 1 }
}

/// Pins by the number of a history's settings.
pub fn pins(settings: u8) -> Pins {
    let config = Config::parse(&text(), "fuzz", std::iter::empty()).expect("settings");
    let no_answer = if settings % 4 < 2 { 500 } else { 408 };
    let dispatch =
        Dispatch { attempts: attempts(settings), no_answer, max_pins: MAX_PINS, ..config.dispatch };
    Pins::new(dispatch)
}

impl Site {
    /// Sets what is thought of the targets at an address, or of all.
    pub fn mark(&self, address: Option<SocketAddr>, condition: Condition) {
        for table in &self.tables {
            let endpoints = table.endpoints().map(|(_, _, endpoint)| endpoint);
            let meant =
                endpoints.filter(|endpoint| address.is_none_or(|address| endpoint.address == address));
            meant.for_each(|endpoint| endpoint.mark.set(condition));
        }
    }
}

/// Whether nobody outside may set a header field of this name.
pub fn is_stripped(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("x-somleng-") || STRIPPED.contains(&name.as_str())
}

/// Where a target ever had SIP, over UDP or TCP.
pub fn was_ever_target(address: SocketAddr) -> bool {
    ["10.10.1.21:5060", "10.10.1.21:5080", "10.10.1.22:5060", "10.10.1.22:5061", "10.10.1.23:5060"]
        .contains(&address.to_string().as_str())
}

/// `targets.networks`.
pub fn lives_inside(ip: IpAddr) -> bool {
    matches!(ip.to_canonical(), IpAddr::V4(ip) if ip.octets()[..2] == [10, 10])
}

/// Addresses that nobody at all may be led to.
pub fn is_forbidden(address: SocketAddr) -> bool {
    let metadata = ["fd00:ec2::254", "168.63.129.16", "100.100.100.200"];
    let ip = address.ip().to_canonical();
    address.port() == 0
        || ip.is_loopback()
        || ip.is_unspecified()
        || ip.is_multicast()
        || metadata.contains(&ip.to_string().as_str())
        || match ip {
            IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast() || ip.octets()[0] == 0,
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        }
}

/// Whether a target is spoken to there in that way.
pub fn may_be_spoken_to(address: SocketAddr, transport: Transport) -> bool {
    match address.to_string().as_str() {
        "10.10.1.22:5061" => transport == Transport::Tcp,
        _ => transport == Transport::Udp,
    }
}

/// Where a target has something other than SIP.
pub fn is_other_port(address: SocketAddr) -> bool {
    address.to_string() == "10.10.1.21:8081"
}

/// Whether an INVITE has no To tag.
pub fn begins_call(bytes: &[u8]) -> bool {
    let mut index = sip::Index::new();
    let msg = sip::Message::parse(bytes, &mut index, &sip::Limits::default());
    msg.is_ok_and(|msg| msg.to().is_ok_and(|to| to.tag().is_none()))
}
