//! A proxy: the real core, fed with what the network brings and the time that the simulation says.

mod names;
mod streams;

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fleet::Snapshot;
use proxy::config::Config;
use proxy::dns::Known;
use proxy::health::Condition;
use proxy::pins::{Dispatch, Pins};
use proxy::route::{Hop, Input, Router, Scratch, Transport, Verdict};
use proxy::table::Table;

use crate::context::{Context, Event, Sent};
use crate::ledger::Life;
use crate::links::LinkId;
use crate::message::{Bytes, Msg};
use crate::scenario::{
    Internal, Listed, NAME, SHARED, Scenario, Tcp, Time, advertised, is_dead_end, nat_address, proxy_address,
    target_address,
};
use crate::watch::{self, Origin, target_at};
use names::Names;
use streams::Stream;

/// A proxy.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) number: usize,
    pub(crate) life: Life,
    pub(crate) alive: bool,
    /// When it was killed last.
    pub(crate) died: Time,
    /// What the list that it has read says of each target.
    pub(crate) list: Vec<Listed>,
    pub(crate) pins: Pins,
    down: Vec<bool>,
    /// When TCP failed last at each target, since 1970.
    avoided: Vec<Duration>,
    tcp: Vec<Tcp>,
    /// For each target the connection that was made to it.
    streams: HashMap<usize, Stream>,
    names: Names,
    /// Connections that are known to be gone.
    gone: Vec<LinkId>,
    began: Time,
    router: Rc<Router>,
    table: Rc<Table>,
    scratch: Scratch,
    out: Vec<u8>,
    looking: bool,
}

impl Node {
    pub(crate) fn new(number: usize, life: Life, scenario: &Scenario, list: Vec<Listed>, now: Time) -> Self {
        let dispatch = Dispatch {
            attempts: scenario.attempts,
            no_reply: Duration::from_millis(scenario.no_reply),
            no_answer: scenario.no_answer,
            max_pins: scenario.max_pins,
        };
        let (router, known) = router(number, scenario.internal);
        let node = Node {
            number,
            life,
            alive: true,
            died: 0,
            down: vec![false; list.len()],
            avoided: vec![Duration::ZERO; list.len()],
            tcp: scenario.tcp.clone(),
            streams: HashMap::new(),
            gone: Vec::new(),
            names: Names::new(&known),
            pins: Pins::new(dispatch),
            began: now,
            router,
            table: table(number, &list, &scenario.tcp),
            list,
            scratch: Scratch::new(),
            out: Vec::new(),
            looking: false,
        };
        node.mark();
        node
    }

    /// A datagram arrives.
    pub(crate) fn receive(&mut self, context: &mut Context, sent: &Sent) {
        let msg = Msg::read(&sent.bytes);
        if let Some(msg) = &msg {
            watch::input(context, self, sent.from, msg);
        }
        // From a connection that the target has made, it comes from a port of its choice.
        let made = sent.link.filter(|link| !context.links[*link].by_proxy);
        let port = made.map_or(sent.from.port(), |link| 40_000 + link as u16);
        let input = Input {
            bytes: sent.bytes.as_bytes(),
            source: SocketAddr::new(sent.from.ip(), port),
            local: None,
            listener: 0,
            transport: if sent.link.is_some() { Transport::Tcp } else { Transport::Udp },
            connection: sent.link.map(|link| link as u64 + 1),
            now: self.wall_clock(context),
        };
        self.carry(context, &input, |_| true);
    }

    /// What time it is for messages: since 1970.
    fn wall_clock(&self, context: &Context) -> Duration {
        BEGINNING + Duration::from_millis(context.now)
    }

    /// Routes a message, and sends what comes of it if that `may` be. Returns whether it was.
    fn carry(&mut self, context: &mut Context, input: &Input<'_>, may: impl Fn(&Hop) -> bool) -> bool {
        let text = String::from_utf8_lossy(input.bytes);
        let msg = Msg::read(&text);
        self.pins.set_time(Duration::from_millis(context.now - self.began));
        if context.scenario.names {
            self.router.set_names(self.names.known.clone());
        }
        let (from, mut done) = (input.source, true);
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let verdict =
            self.router.route_pinned(input, &self.table, &mut self.pins, &mut self.scratch, &mut out);
        let is_full = self.pins.len() >= context.scenario.max_pins;
        if self.count(context) > 0
            && is_full
            && let Some(call) = msg.as_ref().and_then(Msg::call)
        {
            context.ledger.calls[call].unpinned = Some("there was no room for its pin");
        }
        let mut count = 0;
        match verdict {
            Verdict::Forward { hop, .. } => {
                done = may(&hop);
                if done {
                    if self.scratch.notes.named {
                        self.try_name(context, input, &hop, &out);
                    }
                    self.emit(context, &hop, &out, Origin::Forwarded(from));
                    count += 1;
                }
            }
            Verdict::Reply { hop, .. } => {
                self.emit(context, &hop, &out, Origin::Answer(from));
                count += 1;
            }
            Verdict::Drop(..) if !out.is_empty() => {
                context.breach(None, "bytes were written for a message that is dropped");
            }
            Verdict::Answer(answer) => {
                context
                    .breach(None, format!("nobody was probed, but this is taken for an answer: {answer:?}"));
            }
            Verdict::Drop(..) => {}
            Verdict::Wait => self.wait_for_name(context, input),
        }
        self.out = out;
        count += self.empty_outbox(context);
        let most = 2 * context.scenario.attempts + 3;
        if count > most {
            let call = msg.as_ref().and_then(Msg::call);
            context.breach(call, format!("{count} messages for one, where {most} are the most"));
        }
        self.afterwards(context);
        done
    }

    /// Does what is due.
    pub(crate) fn look(&mut self, context: &mut Context) {
        self.looking = false;
        self.pins.set_time(Duration::from_millis(context.now - self.began));
        let mut rounds = 0;
        while self.pins.expire(&self.router, &self.table, 64) {
            rounds += 1;
            if rounds > 1000 {
                return context.breach(None, format!("proxy {} has always something due", self.number + 1));
            }
        }
        let most = self.pins.len() * (2 * context.scenario.attempts + 3);
        let count = self.empty_outbox(context);
        if count > most {
            context.breach(None, format!("{count} messages at once, where {most} are the most"));
        }
        self.afterwards(context);
    }

    /// Reads a new list.
    pub(crate) fn read_list(&mut self, context: &mut Context, target: usize, listed: Listed) {
        self.list[target] = listed;
        self.table = table(self.number, &self.list, &self.tcp);
        self.mark();
        context.ledger.table_changed = Some(context.now);
    }

    /// Learns what has become of a target.
    pub(crate) fn learn_health(&mut self, context: &mut Context, target: usize, up: bool) {
        if self.down[target] == up {
            self.down[target] = !up;
            context.ledger.table_changed = Some(context.now);
        }
        self.mark();
        if up {
            return;
        }
        for facts in &mut context.ledger.calls {
            let attempts = facts.attempts.iter_mut();
            attempts.filter(|a| a.life == self.life && a.target == target).for_each(|a| a.down = true);
        }
        self.pins.set_time(Duration::from_millis(context.now - self.began));
        let mut from = Some(0);
        while let Some(at) = from {
            let site = (&*self.router, &*self.table);
            from = self.pins.target_is_down(target_address(target), site, (at, 16));
        }
        self.empty_outbox(context);
        self.afterwards(context);
    }

    /// ICMP says that a datagram has reached nobody. How much of it comes along is up to the network.
    pub(crate) fn came_back(&mut self, context: &mut Context, sent: &Sent, target: usize) {
        let msg = Msg::read(&sent.bytes);
        if let Some((call, leg)) = msg.and_then(|msg| Some((msg.call()?, msg.leg()?)))
            && let Some(attempt) = context.ledger.calls[call].attempt(leg, self.life, target)
        {
            attempt.down = true;
        }
        self.pins.set_time(Duration::from_millis(context.now - self.began));
        let start = &sent.bytes.as_bytes()[..sent.bytes.len().min(200)];
        self.pins.came_back(sent.to, start, (&self.router, &self.table));
        self.empty_outbox(context);
        self.afterwards(context);
    }

    /// Takes in what pins have counted. Returns how many INVITEs had no room for a pin.
    fn count(&mut self, context: &mut Context) -> u64 {
        let counts = self.pins.take_counts();
        context.seen.late_answers += counts.late_answers;
        counts.refused
    }

    fn mark(&self) {
        for (target, down) in self.down.iter().enumerate() {
            let condition = if *down { Condition::Down } else { Condition::Healthy };
            let here = self.table.endpoints().filter(|(_, _, e)| e.address == target_address(target));
            here.for_each(|(_, _, endpoint)| {
                endpoint.mark.set(condition);
                endpoint.mark.avoid_streams(self.avoided[target]);
            });
        }
    }

    fn empty_outbox(&mut self, context: &mut Context) -> usize {
        let posted: Vec<(Hop, Bytes)> = {
            let outbox = self.pins.outbox();
            let posted = outbox.iter().map(|p| (p.hop, String::from_utf8_lossy(p.bytes).into()));
            posted.collect()
        };
        self.pins.outbox().clear();
        self.pins.signals().for_each(drop);
        for (hop, bytes) in &posted {
            self.emit(context, hop, bytes.as_bytes(), Origin::Own);
        }
        posted.len()
    }

    fn emit(&mut self, context: &mut Context, hop: &Hop, bytes: &[u8], origin: Origin) {
        let bytes: Bytes = String::from_utf8_lossy(bytes).into();
        if hop.transport != Transport::Udp {
            return self.emit_on_stream(context, hop, bytes, origin);
        }
        self.emit_datagram(context, hop.address, bytes, origin);
    }

    /// A datagram leaves.
    fn emit_datagram(&mut self, context: &mut Context, to: SocketAddr, bytes: Bytes, origin: Origin) {
        if target_at(to).is_some_and(|target| self.tcp.get(target) == Some(&Tcp::Alone)) {
            context.breach(None, format!("a datagram for {to}, which takes TCP alone"));
        }
        watch::output(context, self, to, &bytes, origin);
        let from = if to.ip().to_string().starts_with("10.10.") {
            proxy_address(self.number)
        } else if context.scenario.nat && !bytes.starts_with("SIP/2.0") {
            nat_address(self.number)
        } else {
            advertised()
        };
        context.send(from, to, bytes);
        let place = context.record.len() - 1;
        if is_dead_end(to) && context.record[place].arrives.is_some() {
            context.after(9, Event::DeadEnd { proxy: self.number, life: self.life, place });
        }
    }

    fn afterwards(&mut self, context: &mut Context) {
        let most = context.scenario.max_pins;
        if self.pins.len() > most {
            context.breach(None, format!("{} pins, where {most} are the most", self.pins.len()));
        }
        if !self.looking && !self.pins.is_empty() {
            self.looking = true;
            context.after(context.scenario.tick, Event::Look(self.number, self.life));
        }
    }
}

/// When every history begins, since 1970.
const BEGINNING: Duration = Duration::from_secs(1_800_000_000);

const SETTINGS: &str = r#"
secrets = ["k1:0123456789abcdef0123456789abcdef"]
[[listener]]
name = "main"
bind = "0.0.0.0:5060"
advertise = "52.74.4.205:5060"
internal = "INTERNAL"
[targets]
url = "file:///unused"
networks = ["10.10.0.0/16"]
[access]
sources = ["175.100.32.0/24"]
[headers]
strip = ["X-Inside-*"]
add = { "X-Src-Ip" = "{source_ip}" }
"#;

type Tables = HashMap<(usize, Vec<Listed>, Vec<Tcp>), Rc<Table>>;
/// A router, the key by which targets are picked, and what it knows of names at first: nothing.
type Made = (Rc<Router>, [u8; 16], Arc<Known>);
type Routers = HashMap<String, Made>;

thread_local! {
    /// Tables are dear to make and the same in many histories. Each proxy has its own, and so its own marks in them.
    static TABLES: RefCell<Tables> = RefCell::default();
    static ROUTERS: RefCell<Routers> = RefCell::default();
}

fn router(number: usize, internal: Internal) -> (Rc<Router>, Arc<Known>) {
    let internal = match internal {
        Internal::Own => proxy_address(number).to_string(),
        Internal::SharedAddress => SHARED.to_owned(),
        Internal::SharedName => NAME.to_owned(),
    };
    let (router, _, known) = router_at(&internal);
    (router, known)
}

#[expect(clippy::expect_used, reason = "the settings stand above")]
fn router_at(internal: &str) -> Made {
    ROUTERS.with_borrow_mut(|routers| {
        let made = routers.entry(internal.to_owned()).or_insert_with(|| {
            let settings = SETTINGS.replace("INTERNAL", internal);
            let config = Config::parse(&settings, "simulation", std::iter::empty()).expect("settings");
            let router = Router::new(&config);
            let known = router.known();
            (Rc::new(router), config.keys.pick, known)
        });
        made.clone()
    })
}

/// The table of a list. It knows nothing of former targets, like that of a proxy which has just begun: what leads there
/// has to prove that it belongs to a call of ours.
fn table(number: usize, list: &[Listed], tcp: &[Tcp]) -> Rc<Table> {
    let name = (number, list.to_vec(), tcp.to_vec());
    if let Some(table) = TABLES.with_borrow(|tables| tables.get(&name).cloned()) {
        return table;
    }
    let key = router_at(SHARED).1;
    let table = Rc::new(Table::new(snapshot(list, tcp), &["sip".to_owned()], key, None));
    TABLES.with_borrow_mut(|tables| tables.insert(name, Rc::clone(&table)));
    table
}

#[expect(clippy::expect_used, reason = "the list is made here")]
fn snapshot(list: &[Listed], tcp: &[Tcp]) -> Snapshot {
    let targets = list.iter().enumerate().filter(|(_, listed)| **listed != Listed::Absent);
    let targets = targets.map(|(target, listed)| {
        let (ip, state) = (target_address(target).ip(), listed.state());
        let sip = match tcp[target] {
            Tcp::No => r#""sip": 5060"#,
            Tcp::Beside => r#""sip": 5060, "sip_tcp": 5060"#,
            Tcp::Alone => r#""sip_tcp": 5060"#,
        };
        let ports = format!(r#"{{{sip}, "control": 8081}}"#);
        format!(r#"{{"id": "t{target}", "address": "{ip}", "ports": {ports}, "state": "{state}"}}"#)
    });
    let json = format!(r#"{{"targets": [{}]}}"#, targets.collect::<Vec<_>>().join(","));
    Snapshot::from_json(json.as_bytes()).expect("list")
}

impl Listed {
    fn state(self) -> &'static str {
        if self == Listed::Active { "active" } else { "draining" }
    }
}
