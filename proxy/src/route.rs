//! What becomes of a message: a function of the message, the table, and where it came from.
//!
//! This module and those below it must not contain: sockets, clocks, randomness, locks, or an allocation for a message
//! that is forwarded. They know nothing of a call but what its messages say.
//!
//! | file | what it decides |
//! |---|---|
//! | `request.rs` | requests: what is wrong with one (RFC 3261 16.3), and whether it begins or belongs to a dialog |
//! | `routes.rs` | Route: which values are ours (16.4), and what the next hop is (16.6.6, 16.6.7) |
//! | `faces.rs` | what a listener writes about itself |
//! | `forward.rs` | what changes in a request that is forwarded (16.6) |
//! | `response.rs` | responses (16.7, 16.11) |
//! | `probe.rs` | probes of targets and their answers |
//! | `via.rs` | our own Via: branch, loops |
//! | `token.rs` | the dialog token in Record-Route |
//! | `vouch.rs` | where it leads |
//! | `named.rs` | next hops that are host names |
//! | `ours.rs` | which addresses are ours |
//! | `own.rs` | messages that nobody sent us: of a pinned INVITE |
//! | `headers.rs` | header fields that are taken out and put in |

pub mod headers;
pub mod ours;

mod faces;
mod forward;
mod gathered;
mod named;
mod own;
mod probe;
mod request;
mod response;
mod routes;
mod token;
mod via;
mod vouch;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use sip::{Edits, Error, Index, Limits, Message};

use crate::config::{Config, ListenerConfig, Refused, Sources};
use crate::dns::{Able, Destination, Known, ServerId};
use crate::guard::{Guard, Limited};
use crate::health::Answer;
use crate::keys::Keys;
use crate::networks::Networks;
use crate::pins::Pins;
use crate::table::Table;
use faces::Faces;
pub(crate) use forward::by_datagram;
use headers::HeaderRules;
pub(crate) use own::write_essence;
pub(crate) use request::Request;
pub use token::Check;
pub(crate) use via::{Branch, scope, with_scope};

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// An encrypted stream.
    Tls,
}

impl Transport {
    /// As a Via has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        }
    }

    /// As metrics and URIs have it.
    pub fn label(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
        }
    }
}

/// The number of a TCP or TLS connection, which no other connection of this process ever gets.
pub type ConnectionId = u64;

/// A message and where it came from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// A datagram, or one message of a stream.
    pub bytes: &'a [u8],
    /// Who sent it.
    pub source: SocketAddr,
    /// Which of our addresses it was sent to, where the listener is bound to all of them and it came as a datagram.
    pub local: Option<IpAddr>,
    /// The listener that it came to, counted from 0.
    pub listener: usize,
    /// How it came.
    pub transport: Transport,
    /// The connection that it came on.
    pub connection: Option<ConnectionId>,
    /// When it came: time since 1970.
    pub now: Duration,
}

impl Input<'_> {
    /// Not inlined: the address would be taken apart into its bytes for every message, those from IPv4 too.
    #[inline(never)]
    fn source_becomes_canonical(&mut self) {
        self.source = canonical(self.source);
    }
}

/// Where a message goes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    /// The listener whose socket sends it, counted from 0.
    pub listener: usize,
    /// Which of our addresses it leaves from; `None` leaves that to the system.
    pub local: Option<IpAddr>,
    /// How.
    pub transport: Transport,
    /// Where to.
    pub address: SocketAddr,
    /// The connection to send it on as long as that is open.
    pub connection: Option<ConnectionId>,
    /// Over TLS, to the server of a host name: whose certificate it has to show. `None`: its address's.
    pub server: Option<ServerId>,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on, as it was written to `out`.
    Forward {
        /// Where to.
        hop: Hop,
        /// For a new call: its target's place in the table.
        new_call: Option<u16>,
    },
    /// It is answered with what was written to `out`.
    Reply {
        /// Where to.
        hop: Hop,
        /// The status code.
        code: u16,
    },
    /// It answers a probe of ours.
    Answer(Answer),
    /// Nothing is sent.
    Drop(Cause, Option<Error>),
    /// Its next hop is a name, [`Scratch::wanted`]: it is to be routed again when that is known.
    Wait,
}

/// Why a message leads to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Empty lines that keep a NAT's binding alive (RFC 5626).
    Keepalive,
    /// Bytes that are no SIP message.
    Unreadable,
    /// A request that cannot even be answered, or a response with something wrong in it.
    Malformed,
    /// From a source that may not start calls, where those get no answer.
    Refused,
    /// An ACK of a refusal of our own.
    OwnAck,
    /// An ACK that leads nowhere: it is never answered.
    Ack,
    /// A response whose topmost Via is not ours.
    NotOurs,
    /// A response to a request of our own.
    ForUs,
    /// A response from outside to a request that we did not send.
    Unsolicited,
    /// A response whose next Via names no address that we can send to.
    NoAddress,
    /// A message that a pin needs and nobody else: a target's 100, the answer to a CANCEL of ours.
    Absorbed,
}

/// Which target a request is dispatched to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    /// The one that the Call-ID says.
    Any,
    /// The next best one that is none of these.
    Skip(&'a [SocketAddr]),
    /// This one, where the call's INVITE went, and over what that went.
    Only(Way),
}

/// A target and how an INVITE went there. What belongs to that INVITE goes the same way (RFC 3261 9.1, 17.1.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    /// Where the target is. By this and `transport` it is known, and its branch: over what a request was sent for its
    /// size changes neither.
    pub(crate) address: SocketAddr,
    /// How it is spoken to.
    pub(crate) transport: Transport,
    /// Where it was for its size sent by TCP instead.
    pub(crate) over_tcp: Option<NonZeroU16>,
}

impl Way {
    /// From where a request belongs and where it was sent.
    pub(crate) fn new(belongs: &Hop, sent: &Hop) -> Self {
        let over_tcp = if belongs.transport == sent.transport { 0 } else { sent.address.port() };
        let Hop { transport, address, .. } = *belongs;
        Way { address, transport, over_tcp: NonZeroU16::new(over_tcp) }
    }
}

/// The working memory for one message after another; it is reused and so does not allocate.
#[derive(Debug, Default)]
pub struct Scratch {
    index: Index,
    edits: Edits,
    /// The name that the last message waits for.
    pub wanted: Option<Destination>,
    /// What is worth counting of the last message.
    pub notes: Notes,
}

/// What is worth counting of a message besides its verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notes {
    /// What its dialog token was worth, if that was asked.
    pub token: Option<Check>,
    /// The limit that it was refused by.
    pub limited: Option<Limited>,
    /// Whether its next hop was named, and may be another one if this cannot be reached.
    pub named: bool,
}

impl Scratch {
    /// For one worker.
    pub fn new() -> Self {
        Scratch { index: Index::new(), edits: Edits::new(), wanted: None, notes: Notes::default() }
    }
}

/// The rules by which messages are routed.
#[derive(Debug)]
pub struct Router {
    listeners: Vec<ListenerConfig>,
    faces: Vec<Faces>,
    keys: Keys,
    /// Who may start calls; nobody until the list was read. A swap and no lock: every new call asks.
    access: ArcSwapOption<Networks>,
    /// What names mean.
    names: ArcSwap<Known>,
    refused: Refused,
    /// How many new calls are let in.
    guard: Guard,
    networks: Networks,
    headers: HeaderRules,
    force_rport: bool,
    /// How long a dialog token is good, in hours.
    token_hours: u32,
    /// Whether calls may lead to loopback and link-local addresses: only where a listener itself has such a one.
    local: bool,
    /// The largest request, in bytes, that a target gets as a datagram if it takes TCP, too.
    largest_datagram: usize,
    limits: Limits,
}

impl Router {
    /// From settings.
    pub fn new(config: &Config) -> Self {
        Router {
            listeners: config.listeners.clone(),
            faces: config.listeners.iter().map(Faces::of).collect(),
            keys: config.keys.clone(),
            access: match &config.access {
                Sources::Inline(networks) => Some(Arc::new(networks.clone())).into(),
                Sources::File(_) | Sources::Url(_) => None.into(),
            },
            names: ArcSwap::from_pointee(Known::new(config.keys.pick, config.dns.rules)),
            refused: config.refused,
            guard: Guard::new(&config.limits),
            networks: config.networks.clone(),
            headers: config.headers.clone(),
            force_rport: config.udp.force_rport,
            token_hours: config.token_hours,
            local: config
                .listeners
                .iter()
                .map(|l| l.bind.ip())
                .any(|ip| !ip.is_unspecified() && routes::is_local(ip)),
            largest_datagram: config.udp.largest_request(),
            limits: Limits::default(),
        }
    }

    /// Puts another list of those in force who may start calls.
    pub fn set_access(&self, networks: Networks) {
        self.access.store(Some(Arc::new(networks)));
    }

    /// Whether it is known who may start calls.
    pub fn has_access(&self) -> bool {
        self.access.load().is_some()
    }

    /// Puts what is known of names in force.
    pub fn set_names(&self, names: Known) {
        self.names.store(Arc::new(names));
    }

    /// What is known of names.
    pub fn known(&self) -> Arc<Known> {
        self.names.load_full()
    }

    /// How we can reach anybody.
    pub fn able(&self) -> Able {
        let any = |is: fn(&ListenerConfig) -> bool| self.listeners.iter().any(is);
        Able {
            tls: any(|listener| listener.tls.is_some()),
            v4: any(|listener| listener.bind.is_ipv4()),
            v6: any(|listener| listener.bind.is_ipv6()),
        }
    }

    /// Decides about one message. What is to be sent is appended to `out`.
    pub fn route(
        &self,
        input: &Input<'_>,
        table: &Table,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Verdict {
        self.decide(input, table, None, scratch, out)
    }

    /// The same with a memory of INVITEs that are under way. What is to be sent besides stands in [`Pins::outbox`].
    pub fn route_pinned(
        &self,
        input: &Input<'_>,
        table: &Table,
        pins: &mut Pins,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Verdict {
        self.decide(input, table, Some(pins), scratch, out)
    }

    /// Whether an address is a target's, or was one's, or lies where targets live.
    pub(crate) fn is_inside(&self, table: &Table, address: SocketAddr) -> bool {
        self.networks.contains(address.ip()) || table.was_target(address)
    }

    fn decide(
        &self,
        input: &Input<'_>,
        table: &Table,
        pins: Option<&mut Pins>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Verdict {
        // Where it is made, it stays: there is much of it.
        let mut opened = self.open(input, table, scratch, out);
        let routing = match &mut opened {
            Ok(routing) => routing,
            Err(verdict) => return *verdict,
        };
        routing.pins = pins;
        match routing.msg.request() {
            Some(line) => routing.request(line),
            None => routing.response(),
        }
    }

    /// Reads a message, whatever it is.
    fn open<'r>(
        &'r self,
        input: &Input<'r>,
        table: &'r Table,
        scratch: &'r mut Scratch,
        out: &'r mut Vec<u8>,
    ) -> Result<Routing<'r>, Verdict> {
        let Scratch { index, edits, wanted, notes } = scratch;
        edits.clear();
        *wanted = None;
        *notes = Notes::default();
        if input.bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(Verdict::Drop(Cause::Keepalive, None));
        }
        let msg = Message::parse(input.bytes, index, &self.limits)
            .map_err(|error| Verdict::Drop(Cause::Unreadable, Some(error)))?;
        let mut input = *input;
        if input.source.is_ipv6() {
            input.source_becomes_canonical();
        }
        let inside = self.is_inside(table, input.source);
        let (choice, may_rewrite) = (Choice::Any, true);
        Ok(Routing {
            router: self,
            table,
            pins: None,
            choice,
            input,
            inside,
            may_rewrite,
            belongs: None,
            msg,
            edits,
            wanted,
            notes,
            out,
        })
    }
}

/// An address as everything here compares it: an IPv4 address is one, also where a socket for IPv6 says so, and only a
/// link-local address says which link it is on.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    let plain = SocketAddr::new(address.ip().to_canonical(), address.port());
    with_scope(plain, scope(address))
}

/// One message on its way through.
pub(crate) struct Routing<'r> {
    pub(crate) router: &'r Router,
    table: &'r Table,
    /// INVITEs that are under way.
    pins: Option<&'r mut Pins>,
    /// Which target it is dispatched to.
    pub(crate) choice: Choice<'r>,
    input: Input<'r>,
    /// Whether it came from a target or from where targets live.
    inside: bool,
    /// Whether the Request-URI may still be taken back from a strict router before us: once, not without end.
    may_rewrite: bool,
    /// Where a request belongs that was for its size sent otherwise.
    belongs: Option<Hop>,
    pub(crate) msg: Message<'r>,
    edits: &'r mut Edits,
    wanted: &'r mut Option<Destination>,
    notes: &'r mut Notes,
    out: &'r mut Vec<u8>,
}
