//! TCP connections between proxies and targets: what is sent on one arrives once, whole and in order, or goes down with
//! it. Nobody is told which.

use crate::context::{Context, Event, Sent};
use crate::ledger::Life;
use crate::message::{Bytes, Msg};
use crate::scenario::{Time, proxy_address, target_address};

/// Names a connection: its place among all of them.
pub(crate) type LinkId = usize;

/// A connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) proxy: usize,
    /// The proxy's.
    pub(crate) life: Life,
    pub(crate) target: usize,
    /// Whether the proxy made it; else the target did, from some port of its own.
    pub(crate) by_proxy: bool,
    pub(crate) broken: bool,
    /// When the last message arrives, toward the proxy and toward the target: none overtakes another.
    last: [Time; 2],
}

/// Which way a message goes on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toward {
    Proxy,
    Target,
}

impl Context {
    /// A new connection, which is there at once.
    pub(crate) fn link(&mut self, (proxy, life): (usize, Life), target: usize, by_proxy: bool) -> LinkId {
        self.links.push(Link { proxy, life, target, by_proxy, broken: false, last: [0; 2] });
        self.seen.connections += 1;
        self.links.len() - 1
    }

    /// A target's connection to a proxy: one that is there, else a new one, if the proxy is.
    pub(crate) fn link_to_proxy(&mut self, target: usize, proxy: usize) -> Option<LinkId> {
        let (life, alive) = self.proxy_lives[proxy];
        let fits =
            |link: &Link| (link.proxy, link.life, link.target) == (proxy, life, target) && !link.broken;
        let known = self.links.iter().position(fits);
        known.or_else(|| alive.then(|| self.link((proxy, life), target, false)))
    }

    /// Sends a message on a connection.
    pub(crate) fn send_on(&mut self, link: LinkId, toward: Toward, bytes: Bytes) {
        self.seen.over_tcp += 1;
        let arrives = self.now + self.rng.between(1, 12);
        let Link { proxy, target, ref mut last, .. } = self.links[link];
        let last = &mut last[toward as usize];
        *last = arrives.max(*last);
        let arrives = Some(*last);
        let ends = [proxy_address(proxy), target_address(target)];
        let (from, to) = if toward == Toward::Target { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
        self.deliver(Sent { at: self.now, from, to, bytes, arrives, taken_by: None, link: Some(link) });
    }

    /// A message arrives on a connection, or would: it has gone down with it.
    pub(crate) fn is_lost_on(&mut self, link: LinkId, place: usize) -> bool {
        if self.links[link].broken {
            self.record[place].arrives = None;
            let bytes = self.record[place].bytes.clone();
            self.goes_down(&bytes);
        }
        self.links[link].broken
    }

    /// A message went down with its connection. Over TCP nobody sends it again (17.1.1.2, 17.1.2.2, 17.2.1), except what
    /// goes from end to end, and the INVITE that the proxy takes care of where it may try again.
    pub(crate) fn goes_down(&mut self, bytes: &str) {
        let one_attempt = self.scenario.attempts == 1;
        let Some(msg) = Msg::read(bytes) else { return };
        let matters = match (msg.method(), msg.cseq().1) {
            ("", "INVITE") => msg.code().is_some_and(|code| code >= 300),
            ("INVITE", _) => one_attempt,
            ("CANCEL", _) => true,
            // That of a refusal, the caller's or the proxy's own; a 2xx is sent again until it is acknowledged.
            ("ACK", _) => msg.leg().is_some() || msg.all("Via").count() == 1,
            _ => false,
        };
        let bye = msg.cseq().1 == "BYE";
        if (matters || bye)
            && let Some(facts) = msg.call().and_then(|call| self.ledger.calls.get_mut(call))
        {
            facts.went_down |= matters;
            facts.bye_went_down |= bye;
        }
    }

    /// Breaks connections. Their proxies learn it soon, or much later.
    pub(crate) fn break_links(&mut self, which: impl Fn(&Link) -> bool) {
        for id in 0..self.links.len() {
            let link = self.links[id];
            if link.broken || !which(&link) {
                continue;
            }
            self.links[id].broken = true;
            self.seen.broken += 1;
            let wait =
                if self.rng.percent(80) { self.rng.between(1, 50) } else { self.rng.between(50, 20_000) };
            self.after(wait, Event::LinkGone { proxy: link.proxy, life: link.life, link: id });
        }
    }
}
