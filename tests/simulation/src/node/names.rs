//! Next hops of a proxy that are names: what the core's own parts ([`Known`], [`Room`], [`Lookup`]) make of a DNS that is
//! slow. As `proxy/src/dns/run.rs` does it, which has tasks.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use proxy::dns::{Answer, Destination, Held, Known, Limits, Lookup, Outcome, Question, Record, Room};
use proxy::route::{Hop, Input, Transport};

use super::Node;
use crate::context::{Context, Event};
use crate::message::Msg;
use crate::scenario::places_of_element;

/// More than ever wait.
const MOST: usize = 1_000;
const TTL: Duration = Duration::from_secs(20);

/// What a proxy knows of names, and the messages that it keeps for their sake.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) known: Known,
    room: Room,
    limits: Arc<Limits>,
}

impl Names {
    pub(super) fn new(known: &Known) -> Self {
        Names { known: known.clone(), room: Room::default(), limits: Limits::new(MOST) }
    }

    /// How many messages are kept an hour later.
    fn kept(&mut self, now: Duration) -> usize {
        self.room.expire(now + Duration::from_secs(3_600));
        self.limits.messages()
    }
}

/// What a request that left and its original have in common.
fn key(message: &str) -> Option<(u64, u64)> {
    let msg = Msg::read(message)?;
    // Of our branch the part that names the transaction: behind the cookie and the version.
    let transaction = msg.branch().get(8..24)?;
    let hash = |text: &str| {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        hasher.finish()
    };
    Some((hash(transaction), hash(msg.method())))
}

impl Node {
    /// How many messages are kept for their names' sake when nothing happens any more.
    pub(crate) fn kept_for_names(&mut self, context: &Context) -> usize {
        let now = self.wall_clock(context);
        self.names.kept(now)
    }

    /// The next hop of a message is a name that is not known.
    pub(super) fn wait_for_name(&mut self, context: &mut Context, input: &Input<'_>) {
        let Some(wanted) = self.scratch.wanted.take() else { return };
        let Some(held) = Held::new(input, &self.names.limits) else {
            return context.breach(None, "no room to wait for a name");
        };
        if self.names.room.wait(wanted.clone(), held) {
            let (wait, proxy, life) = (context.rng.between(2, 1_500), self.number, self.life);
            context.after(wait, Event::Named { proxy, life, wanted });
        }
    }

    /// DNS has answered.
    pub(crate) fn learn_name(&mut self, context: &mut Context, wanted: Destination) {
        context.seen.names += 1;
        let outcome = look_up(context, &wanted);
        self.names.known.put(wanted.clone(), outcome, self.wall_clock(context));
        for held in self.names.room.leave(&wanted) {
            let now = self.wall_clock(context);
            self.carry(context, &held.input(now), |_| true);
        }
    }

    /// A request has left to one of a name's addresses.
    pub(super) fn try_name(&mut self, context: &mut Context, input: &Input<'_>, hop: &Hop, message: &[u8]) {
        let now = self.wall_clock(context);
        self.names.room.expire(now);
        let key = std::str::from_utf8(message).ok().and_then(key);
        if let (Some(key), Some(held)) = (key, Held::new(input, &self.names.limits)) {
            self.names.room.keep(key, held, hop, now);
        }
    }

    /// Nobody is at one of the addresses of a name. RFC 3263 4.3: the next one.
    pub(crate) fn name_came_back(&mut self, context: &mut Context, place: usize) {
        let sent = context.record[place].clone();
        let (now, address) = (self.wall_clock(context), (Transport::Udp, sent.to));
        let Some(key) = key(&sent.bytes) else { return };
        let Some(trial) = self.names.room.failed(key, address) else { return };
        context.seen.dead_ends += 1;
        let (tried, input) = (trial.tried.clone(), trial.held.input(now));
        let (bytes, source) = (input.bytes.to_vec(), input.source);
        let input = Input { bytes: &bytes, ..input_from(source, &input) };
        self.names.known.mark_down(address.0, address.1, now);
        let any = self.carry(context, &input, |hop| !tried.contains(&(hop.transport, hop.address)));
        if !any {
            let call = Msg::read(&sent.bytes).and_then(|msg| msg.call());
            context.breach(call, "no address is left of a name, though somebody is at one");
        }
    }
}

/// The same as another, without its bytes.
fn input_from(source: SocketAddr, other: &Input<'_>) -> Input<'static> {
    let Input { local, listener, transport, connection, now, .. } = *other;
    Input { bytes: b"", source, local, listener, transport, connection, now }
}

/// Asks a zone that knows the callers' elements.
fn look_up(context: &Context, wanted: &Destination) -> Outcome {
    let able = proxy::dns::Able { tls: false, v4: true, v6: false };
    let mut lookup = Lookup::new(wanted.clone(), able);
    while lookup.outcome().is_none() {
        for question in lookup.questions().to_vec() {
            let records = records(context, &question);
            let answer = match records.is_empty() {
                true => Answer::Nothing,
                false => Answer::Records { records, ttl: TTL },
            };
            lookup.answer(&question, answer);
        }
    }
    lookup.outcome().cloned().unwrap_or(Outcome::Failed)
}

/// `eN.carrier.example` is call N's element: by SRV its places one after the other, as `hI.eN.carrier.example`.
fn records(context: &Context, question: &Question) -> Vec<Record> {
    let element = |name: &str| -> Option<usize> {
        name.strip_suffix(".carrier.example")?.rsplit('.').next()?.strip_prefix('e')?.parse().ok()
    };
    let (Question::Naptr(name) | Question::Srv(name) | Question::Address(name, _)) = question;
    let Some(call) = element(name) else { return Vec::new() };
    let places = places_of_element(call, context.scenario.dead_ends);
    let host = name.strip_prefix('h').and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
    match (question, host) {
        (Question::Srv(_), _) if name.starts_with("_sip._udp.") => (0..)
            .zip(places)
            .map(|(at, place)| Record::Srv {
                priority: at,
                weight: 1,
                port: place.port(),
                target: format!("h{at}.e{call}.carrier.example"),
            })
            .collect(),
        (Question::Address(..), Some(at)) => {
            places.get(at).map(|place| Record::Address(place.ip())).into_iter().collect()
        }
        (Question::Address(..), None) => places.iter().map(|place| Record::Address(place.ip())).collect(),
        _ => Vec::new(),
    }
}
