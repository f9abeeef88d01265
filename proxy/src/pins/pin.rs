//! What is kept of one INVITE.

use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU64};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::route::{Hop, Input, Transport, Way, scope, with_scope};

/// When something is due: ticks of [`super::TICK`] since the proxy began.
pub(super) type Ticks = u32;

/// Never.
pub(super) const NEVER: Ticks = Ticks::MAX;

/// An INVITE that begins a dialog, and how far it has come.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pin {
    pub(super) caller: Caller,
    /// The INVITE as it came, or what is still needed of it once a target rings; empty where there is one attempt only.
    pub(super) text: Box<[u8]>,
    /// Whether that is packed.
    pub(super) packed: bool,
    /// Whether it came in a dialog: then it is a note of its way, or a search for the target that has the dialog.
    pub(super) in_dialog: bool,
    /// The targets that were tried, the last of them now.
    pub(super) attempts: SmallVec<[Attempt; 1]>,
    pub(super) stage: Stage,
    /// Whether the caller has a provisional answer.
    pub(super) told: bool,
    /// Whether another transaction has brought the same call: the caller's side has forked it.
    pub(super) merged: bool,
    /// Whether no target is to ring any more, and what the caller gets if none of them says so in time.
    pub(super) cancelled: Option<Code>,
    /// What is sent until it is answered: the BYE with which a call is ended that was answered too late, or a refusal that
    /// came over TCP.
    #[serde(skip)]
    pub(super) closing: Option<Box<Closing>>,
    /// When the present attempt began.
    pub(super) began: Ticks,
    /// When something is sent again, and how long to wait after that.
    pub(super) resend: Ticks,
    pub(super) interval: Ticks,
    /// When the present stage has lasted too long.
    pub(super) deadline: Ticks,
}

/// A message that is sent until it is answered.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) bytes: Vec<u8>,
    pub(super) hop: Hop,
}

/// A status code.
pub(super) type Code = u16;

/// How far an INVITE has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// The present target has said nothing.
    Calling,
    /// It has said 100.
    Trying,
    /// It has said 101 to 199.
    Ringing,
    /// A target's 2xx went to the caller.
    Answered,
    /// A target's refusal went to the caller.
    Refused,
    /// A refusal of our own went to the caller, who has not acknowledged it yet.
    Ended(Code),
    /// A refusal of our own was acknowledged.
    Acknowledged,
}

impl Stage {
    /// Whether the caller still waits for a final answer.
    pub(super) fn is_open(self) -> bool {
        matches!(self, Stage::Calling | Stage::Trying | Stage::Ringing)
    }
}

/// One target that got the INVITE.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Attempt {
    ip: IpAddr,
    port: u16,
    listener: u16,
    transport: Transport,
    /// The port that it was sent to over TCP, for its size; [`Attempt::leave_tcp`] takes that back.
    over_tcp: Option<NonZeroU16>,
    /// The next hop's part of our branch.
    pub(super) hop: u32,
    pub(super) heard: Heard,
    pub(super) cancel: Cancel,
}

/// What a target has said to the INVITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Heard {
    Nothing,
    Provisional,
    Final,
}

/// How far it is with our CANCEL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Cancel {
    No,
    Sent,
    /// It was answered.
    Known,
}

/// Where an INVITE came from: what is left of its [`Input`] without the bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Caller {
    ip: IpAddr,
    port: u16,
    /// Which of our addresses it was sent to, and on which link a link-local caller is. Rare, and large.
    further: Option<Box<(Option<IpAddr>, u32)>>,
    connection: Option<NonZeroU64>,
    /// When: whole seconds since 1970.
    at: u32,
    listener: u16,
    transport: Transport,
}

impl Caller {
    pub(super) fn of(input: &Input<'_>) -> Self {
        Caller {
            ip: input.source.ip(),
            port: input.source.port(),
            further: Some((input.local, scope(input.source))).filter(|f| *f != (None, 0)).map(Box::new),
            connection: input.connection.and_then(NonZeroU64::new),
            at: u32::try_from(input.now.as_secs()).unwrap_or(u32::MAX),
            listener: u16::try_from(input.listener).unwrap_or(u16::MAX),
            transport: input.transport,
        }
    }

    /// As if the INVITE came again.
    pub(super) fn input<'a>(&self, bytes: &'a [u8]) -> Input<'a> {
        let (source, connection) = (self.source(), self.connection.map(NonZeroU64::get));
        let (listener, now) = (usize::from(self.listener), Duration::from_secs(u64::from(self.at)));
        let local = self.further.as_deref().and_then(|(local, _)| *local);
        Input { bytes, source, local, listener, transport: self.transport, connection, now }
    }

    pub(super) fn source(&self) -> SocketAddr {
        let scope = self.further.as_deref().map_or(0, |(_, scope)| *scope);
        with_scope(SocketAddr::new(self.ip, self.port), scope)
    }

    pub(super) fn transport(&self) -> Transport {
        self.transport
    }
}

impl Attempt {
    pub(super) fn new(way: &Way, listener: usize, hash: u32) -> Self {
        let listener = u16::try_from(listener).unwrap_or(u16::MAX);
        let Way { address, transport, over_tcp } = *way;
        let (ip, port) = (address.ip(), address.port());
        let (heard, cancel) = (Heard::Nothing, Cancel::No);
        Attempt { ip, port, listener, transport, over_tcp, hop: hash, heard, cancel }
    }

    /// The target's.
    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }

    pub(super) fn way(&self) -> Way {
        Way { address: self.address(), transport: self.transport, over_tcp: self.over_tcp }
    }

    /// Whether nothing has to be sent twice (RFC 3261 17.1.1.2).
    pub(super) fn is_by_stream(&self) -> bool {
        self.over_tcp.is_some() || self.transport != Transport::Udp
    }

    /// From now on all goes as datagrams. Returns whether that is anything new.
    pub(super) fn leave_tcp(&mut self) -> bool {
        self.over_tcp.take().is_some()
    }

    /// Whether its target said nothing at all.
    pub(super) fn is_silent(&self) -> bool {
        self.heard == Heard::Nothing
    }

    /// The way that its INVITE went, and what belongs to that goes.
    pub(super) fn hop(&self) -> Hop {
        let (transport, port) = match self.over_tcp {
            Some(port) => (Transport::Tcp, port.get()),
            None => (self.transport, self.port),
        };
        Hop { transport, address: SocketAddr::new(self.ip, port), ..self.usual_hop() }
    }

    /// The way for other requests.
    pub(super) fn usual_hop(&self) -> Hop {
        let (listener, transport) = (usize::from(self.listener), self.transport);
        Hop { listener, local: None, transport, address: self.address(), connection: None, server: None }
    }
}

impl Pin {
    /// Whether it only tells the way: nothing can be sent again, or to another target.
    pub(super) fn is_note(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether it may be sent again, and to another target when one fails: an INVITE that begins a dialog.
    pub(super) fn may_move(&self) -> bool {
        !self.in_dialog && !self.is_note()
    }

    /// The present attempt.
    pub(super) fn attempt(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    pub(super) fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        self.attempts.last_mut()
    }

    /// When it has to be looked at next.
    pub(super) fn next_due(&self) -> Ticks {
        let trying = match self.stage {
            Stage::Calling if !self.told => self.began.saturating_add(super::TRYING_AFTER),
            _ => NEVER,
        };
        self.deadline.min(self.resend).min(trying)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_small() {
        // With its text of some 300 bytes, 200,000 of them are to fit into 100 MB.
        assert!(size_of::<Option<Pin>>() <= 144, "{}", size_of::<Option<Pin>>());
    }
}
