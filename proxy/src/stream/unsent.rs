//! What becomes of messages whose connection cannot be made or breaks. Requests to targets that take datagrams, too, go
//! as such (RFC 3261 18.1.1); calls to those that do not go to other targets.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::live::Live;
use crate::route::{Hop, Transport, by_datagram};
use crate::steer::owner;

/// Pins that are looked at before their worker may go on.
const PINS: usize = 1024;

impl Live {
    /// How long a connection may take to be made. One to a target is made while a call waits: half the time that the
    /// target has for a sign of life is left for the datagram that follows.
    pub(super) fn connect_timeout(&self, hop: &Hop) -> Duration {
        let usual = self.config.tcp.connect_timeout;
        if self.is_to_target(hop) { usual.min(self.config.dispatch.no_reply / 2) } else { usual }
    }

    /// These messages did not leave by the connection that they were for. Takes the locks of their pins.
    pub(super) fn not_sent(
        self: &Arc<Self>,
        hop: &Hop,
        messages: impl IntoIterator<Item = Vec<u8>>,
        error: &io::Error,
    ) {
        for mut message in messages {
            let udp = match self.is_to_target(hop) && !message.starts_with(b"SIP/2.0 ") {
                true => self.table.load().as_ref().and_then(|targets| targets.table.udp_beside(hop.address)),
                false => None,
            };
            match udp {
                Some(address) if by_datagram(&mut message) => {
                    tracing::debug!(target = %hop.address, %error, "not sent over TCP, but over UDP");
                    let worker = owner(&self.config.keys.pick, &message, self.config.workers).unwrap_or(0);
                    if let Some(mut pins) = self.pins(hop.listener, worker) {
                        pins.left_tcp(&message);
                    }
                    self.metrics.tcp_fallbacks.inc();
                    let hop = Hop { transport: Transport::Udp, address, connection: None, ..*hop };
                    self.send(&hop, &message);
                }
                _ => {
                    self.send_failed(hop.address, error);
                    self.names.came_back(hop.transport, hop.address, &message);
                }
            }
        }
    }

    /// A connection could not be made: a target that takes datagrams, too, gets those for a while.
    pub(super) fn avoid_tcp(&self, hop: &Hop) {
        if self.is_to_target(hop)
            && let Some(targets) = self.table.load().as_ref()
        {
            targets.table.avoid_tcp(hop.address, Live::now());
        }
    }

    /// A connection has ended. If it was one to a target, calls may have waited for an answer on it.
    pub(super) fn connection_is_gone(self: &Arc<Self>, hop: &Hop) {
        if self.is_to_target(hop) {
            self.look_through_pins(|pins, site, from| {
                pins.connection_is_gone(hop.address, site, (from, PINS))
            });
        }
    }

    fn is_to_target(&self, hop: &Hop) -> bool {
        let offers =
            || self.table.load().as_ref().is_some_and(|t| t.table.offers(hop.address, Transport::Tcp));
        hop.transport == Transport::Tcp && offers()
    }
}
