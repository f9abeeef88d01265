//! What an answering machine has seen.

use std::net::SocketAddr;
use std::time::Instant;

use crate::media::AudioReport;
use crate::signalling::{Incoming, Side};

/// One call at a machine.
#[derive(Debug, Clone)]
pub struct CallRecord {
    /// Counts the machine's calls from 1.
    pub number: u64,
    /// The call's Call-ID.
    pub call_id: String,
    /// The user part of the INVITE's Request-URI.
    pub user: String,
    /// Where the INVITE came from.
    pub source: SocketAddr,
    /// When the INVITE came first.
    pub began: Instant,
    /// When it was over: refused, or its BYE answered. A call of which this machine takes no notice is over as it comes.
    pub ended: Option<Instant>,
    /// The INVITE as it came.
    pub invite: Incoming,
    /// Methods of the requests received, in order, each transaction once.
    pub requests: Vec<String>,
    /// Requests that came again.
    pub repeated: u32,
    /// Messages that this machine sent again because nothing came back.
    pub resent: u32,
    /// The final answer to the INVITE.
    pub status: Option<u16>,
    /// Whether the final answer was acknowledged.
    pub acknowledged: bool,
    /// Who ended the call, by CANCEL or BYE.
    pub hung_up_by: Option<Side>,
    /// The answer to this machine's BYE.
    pub bye_status: Option<u16>,
    /// Why this machine could not go on, if so.
    pub failure: Option<String>,
    /// What was sent and heard.
    pub audio: AudioReport,
}

impl CallRecord {
    pub(crate) fn new(number: u64, invite: &Incoming, source: SocketAddr, now: Instant) -> Self {
        Self {
            number,
            call_id: invite.call_id.clone(),
            user: invite.user(),
            source,
            began: now,
            ended: None,
            invite: invite.clone(),
            requests: vec!["INVITE".to_owned()],
            repeated: 0,
            resent: 0,
            status: None,
            acknowledged: false,
            hung_up_by: None,
            bye_status: None,
            failure: None,
            audio: AudioReport::default(),
        }
    }
}

/// A request that belongs to no dialog or transaction of the machine which got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// Its method.
    pub method: String,
    /// Its Call-ID.
    pub call_id: String,
    /// Where it came from.
    pub source: SocketAddr,
}

/// Everything that a machine has seen.
#[derive(Debug, Clone, Default)]
pub struct MachineReport {
    /// Calls ever begun here.
    pub taken: u64,
    /// The latest of them, in the order of their INVITEs.
    pub calls: Vec<CallRecord>,
    /// Requests at the wrong machine: of a dialog, or for a transaction, that is unknown here.
    pub wrong: u64,
    /// The first of them.
    pub strangers: Vec<Stranger>,
    /// INVITEs that reached this machine by two ways at once (RFC 3261 8.2.2.2).
    pub merged: u64,
    /// OPTIONS outside of a dialog.
    pub pings: u64,
    /// Datagrams that were no SIP.
    pub malformed: u64,
}

impl MachineReport {
    /// The record of a call.
    #[must_use]
    pub fn call(&self, call_id: &str) -> Option<&CallRecord> {
        self.calls.iter().find(|call| call.call_id == call_id)
    }
}
