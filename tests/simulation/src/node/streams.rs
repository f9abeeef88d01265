//! A proxy's connections to targets, and what it does when one cannot be made or breaks. As `proxy/src/stream` does it,
//! which has sockets.

use std::time::Duration;

use proxy::route::{Hop, Transport};

use super::{BEGINNING, Node};
use crate::context::{Context, Event, Sent};
use crate::links::{LinkId, Toward};
use crate::message::{Bytes, Msg};
use crate::scenario::{Tcp, target_address};
use crate::watch::{self, Origin, target_at};

/// A connection that a proxy makes, with what waits for it, or has made.
#[derive(Debug)]
pub(super) enum Stream {
    Connecting(Vec<(Bytes, Origin)>),
    Open(LinkId),
}

impl Node {
    /// On the connection that it belongs to, else on the one to that target, else on a new one.
    pub(super) fn emit_on_stream(&mut self, context: &mut Context, hop: &Hop, bytes: Bytes, origin: Origin) {
        let own = hop.connection.map(|id| id as LinkId - 1).filter(|link| {
            context.links.get(*link).is_some_and(|own| own.life == self.life) && !self.gone.contains(link)
        });
        let target = own.map(|link| context.links[link].target).or_else(|| target_at(hop.address));
        let Some(target) = target.filter(|_| hop.transport == Transport::Tcp) else {
            return match hop.connection {
                // Its connection is gone, and nobody listens where that came from.
                Some(_) => context.goes_down(&bytes),
                None => context.breach(None, format!("a connection to {}, which is no target", hop.address)),
            };
        };
        watch::output(context, self, target_address(target), &bytes, origin);
        if let Some(link) = own {
            return put(context, link, bytes, origin);
        }
        match self.streams.get_mut(&target) {
            Some(Stream::Open(link)) => put(context, *link, bytes, origin),
            Some(Stream::Connecting(waiting)) => waiting.push((bytes, origin)),
            None => {
                self.streams.insert(target, Stream::Connecting(vec![(bytes, origin)]));
                let (wait, proxy, life) = (context.rng.between(2, 24), self.number, self.life);
                context.after(wait, Event::Connects { proxy, life, target, waited: false });
            }
        }
    }

    /// What has come of a connection to a target; `None`: nothing yet, which is waited for.
    pub(crate) fn connects(&mut self, context: &mut Context, target: usize, outcome: Option<bool>) {
        let (proxy, life) = (self.number, self.life);
        let Some(made) = outcome else {
            let wait = context.scenario.no_reply / 2;
            return context.after(wait, Event::Connects { proxy, life, target, waited: true });
        };
        let Some(Stream::Connecting(waiting)) = self.streams.remove(&target) else { return };
        if made {
            let link = context.link((proxy, life), target, true);
            self.streams.insert(target, Stream::Open(link));
            waiting.into_iter().for_each(|(bytes, origin)| put(context, link, bytes, origin));
            return;
        }
        self.pins.set_time(Duration::from_millis(context.now - self.began));
        self.avoided[target] = BEGINNING + Duration::from_millis(context.now);
        self.mark();
        for (bytes, origin) in waiting {
            self.not_sent(context, target, &bytes, origin);
        }
        self.stream_has_failed(context, target);
    }

    /// RFC 3261 18.1.1: what a connection was for goes as a datagram, where its target takes those.
    fn not_sent(&mut self, context: &mut Context, target: usize, bytes: &Bytes, origin: Origin) {
        let address = target_address(target);
        let is_request = !bytes.starts_with("SIP/2.0 ");
        match self.table.udp_beside(address).filter(|_| is_request) {
            Some(udp) => {
                context.seen.fallbacks += 1;
                let datagram: Bytes = bytes.replacen("Via: SIP/2.0/TCP ", "Via: SIP/2.0/UDP ", 1).into();
                self.pins.left_tcp(datagram.as_bytes());
                self.emit_datagram(context, udp, datagram, origin);
            }
            None => context.goes_down(bytes),
        }
    }

    /// A connection has broken.
    pub(crate) fn link_is_gone(&mut self, context: &mut Context, link: LinkId) {
        self.gone.push(link);
        let target = context.links[link].target;
        if matches!(self.streams.get(&target), Some(Stream::Open(open)) if *open == link) {
            self.streams.remove(&target);
        }
        if context.links[link].by_proxy {
            self.stream_has_failed(context, target);
        }
    }

    /// Calls may have waited for an answer on it.
    fn stream_has_failed(&mut self, context: &mut Context, target: usize) {
        let address = target_address(target);
        if self.table.offers(address, Transport::Tcp) {
            if self.tcp[target] == Tcp::Alone {
                let attempts = context.ledger.calls.iter_mut().flat_map(|facts| &mut facts.attempts);
                let here = attempts.filter(|a| a.life == self.life && a.target == target);
                here.filter(|a| a.heard.is_none()).for_each(|a| a.down = true);
            }
            self.pins.set_time(Duration::from_millis(context.now - self.began));
            let mut from = Some(0);
            while let Some(at) = from {
                let site = (&*self.router, &*self.table);
                from = self.pins.connection_is_gone(address, site, (at, 16));
            }
        }
        self.empty_outbox(context);
        self.afterwards(context);
    }
}

/// Puts a message on a connection, where what a pin sends by itself is sent once (RFC 3261 17.1.1.2, 17.1.2.2).
fn put(context: &mut Context, link: LinkId, bytes: Bytes, origin: Origin) {
    let is_again = |sent: &Sent| sent.link == Some(link) && sent.bytes == bytes;
    let once = ["INVITE ", "CANCEL "].iter().any(|method| bytes.starts_with(method));
    if origin == Origin::Own && once && context.record.iter().any(is_again) {
        let call = Msg::read(&bytes).and_then(|msg| msg.call());
        context.breach(call, "sent again on a connection");
    }
    context.send_on(link, Toward::Target, bytes);
}
