//! What is kept of one INVITE.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::route::{Hop, Input, Transport};

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
    /// The targets that were tried, the last of them now.
    pub(super) attempts: SmallVec<[Attempt; 1]>,
    pub(super) stage: Stage,
    /// Whether the caller has a provisional answer.
    pub(super) told: bool,
    /// Whether another transaction has brought the same call: the caller's side has forked it.
    pub(super) merged: bool,
    /// Whether no target is to ring any more, and what the caller gets if none of them says so in time.
    pub(super) cancelled: Option<Code>,
    /// The BYE with which a call is ended that was answered too late, until it is answered itself.
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
    /// To be sent as soon as the target says anything (RFC 3261 9.1).
    Wanted,
    Sent,
    /// It was answered.
    Known,
}

/// Where an INVITE came from: what is left of its [`Input`] without the bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Caller {
    ip: IpAddr,
    port: u16,
    /// Rare, and large.
    local: Option<Box<IpAddr>>,
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
            local: input.local.map(Box::new),
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
        let local = self.local.as_deref().copied();
        Input { bytes, source, local, listener, transport: self.transport, connection, now }
    }

    pub(super) fn source(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }

    pub(super) fn transport(&self) -> Transport {
        self.transport
    }
}

impl Attempt {
    pub(super) fn new(hop: &Hop, hash: u32) -> Self {
        let listener = u16::try_from(hop.listener).unwrap_or(u16::MAX);
        let (ip, port) = (hop.address.ip(), hop.address.port());
        Attempt { ip, port, listener, hop: hash, heard: Heard::Nothing, cancel: Cancel::No }
    }

    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }

    /// Whether its target said nothing at all.
    pub(super) fn is_silent(&self) -> bool {
        self.heard == Heard::Nothing
    }

    pub(super) fn hop(&self) -> Hop {
        let listener = usize::from(self.listener);
        Hop {
            listener,
            local: None,
            transport: Transport::Udp,
            address: self.address(),
            connection: None,
            server: None,
        }
    }
}

impl Pin {
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
