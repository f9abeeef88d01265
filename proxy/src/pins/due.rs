//! What happens when nothing happens.

use std::net::SocketAddr;

use super::pin::{Attempt, NEVER, Pin, Stage};
use super::{Pins, Signal, Site, T2};
use crate::route::{Branch, Choice, Router, Transport};
use crate::table::Table;

impl Pins {
    /// Does what is due, for so many pins at most. Returns whether more is due.
    pub fn expire(&mut self, router: &Router, table: &Table, most: usize) -> bool {
        let site = Site { router, table };
        for _ in 0..most {
            let Some(place) = self.store.due(self.now) else { return false };
            let Some(mut pin) = self.store.take(place) else { continue };
            match self.look_at(&mut pin, site) {
                true => self.put_back(place, pin),
                false => self.store.forget(place),
            }
        }
        true
    }

    /// Returns whether the pin goes on living.
    fn look_at(&mut self, pin: &mut Pin, site: Site<'_>) -> bool {
        if pin.deadline <= self.now && !self.too_late(pin, site) {
            return false;
        }
        if pin.stage == Stage::Calling && !pin.told && pin.began + super::TRYING_AFTER <= self.now {
            pin.told = true;
            self.reply(pin, 100, site);
        }
        if pin.resend <= self.now {
            self.send_again(pin, site);
        }
        true
    }

    /// A stage has lasted too long. Returns whether the pin goes on living.
    fn too_late(&mut self, pin: &mut Pin, site: Site<'_>) -> bool {
        if !pin.may_move() || !pin.stage.is_open() {
            return false;
        }
        if pin.stage == Stage::Calling
            && let Some(attempt) = pin.attempt()
        {
            self.signals.push((attempt.address(), Signal::Silent));
        }
        match (pin.stage, pin.cancelled) {
            (_, Some(code)) => self.end(pin, code, site),
            (Stage::Calling, None) => {
                let code =
                    if pin.attempts.iter().all(Attempt::is_silent) { self.dispatch.no_answer } else { 500 };
                self.counts.silent += u64::from(self.next_target(pin, code, site));
            }
            // Timer C (RFC 3261 16.8).
            (_, None) => self.call_off(pin, 408, site),
        }
        true
    }

    /// Timers A (17.1.1.2), E (17.1.2.2) and G (17.2.1).
    fn send_again(&mut self, pin: &mut Pin, site: Site<'_>) {
        let mut any = false;
        if pin.stage == Stage::Calling
            && let Some(present) = pin.attempt().filter(|attempt| !attempt.is_by_stream())
        {
            let way = present.way();
            any = self.invite(pin, Choice::Only(way), site);
            self.counts.retransmissions += 1;
        }
        if let Stage::Ended(code) = pin.stage {
            self.reply(pin, code, site);
            any = true;
        }
        for at in 0..pin.attempts.len() {
            if pin.attempts.get(at).is_some_and(Attempt::waits_for_cancel) {
                self.own_request(pin, at, sip::Method::Cancel, None, site);
                any = true;
            }
        }
        if let Some(closing) = pin.closing.as_ref().filter(|closing| closing.hop.transport == Transport::Udp)
        {
            self.outbox.post(|out| {
                out.extend_from_slice(&closing.bytes);
                Some((closing.hop, None))
            });
            any = true;
        }
        pin.interval = (2 * pin.interval).min(T2);
        pin.resend = if any { self.now + pin.interval } else { NEVER };
    }

    /// A datagram came back as undeliverable: an INVITE that its target has not answered goes to another.
    pub fn came_back(&mut self, to: SocketAddr, start: &[u8], (router, table): (&Router, &Table)) {
        let Some(branch) = start.starts_with(b"INVITE ").then(|| Branch::find(start)).flatten() else {
            return;
        };
        let Some(place) = self.store.find(branch.transaction) else { return };
        let Some(mut pin) = self.store.take(place) else { return };
        let present =
            pin.attempt().is_some_and(|attempt| attempt.hop == branch.hop && attempt.address() == to);
        if present && pin.stage == Stage::Calling && pin.may_move() {
            self.is_unreachable(&mut pin, to, Site { router, table });
        }
        self.put_back(place, pin);
    }

    fn is_unreachable(&mut self, pin: &mut Pin, target: SocketAddr, site: Site<'_>) {
        self.signals.push((target, Signal::Unreachable));
        match pin.cancelled {
            Some(code) => self.end(pin, code, site),
            None => self.counts.down += u64::from(self.next_target(pin, 500, site)),
        }
    }

    /// A request that was to go to a target by TCP for its size is sent as a datagram instead. If it was an INVITE, or the
    /// CANCEL of one, all that belongs to that follows, and is sent again where it is lost.
    pub fn left_tcp(&mut self, request: &[u8]) {
        let is_invite = request.starts_with(b"INVITE ");
        let belongs = is_invite || request.starts_with(b"CANCEL ");
        let Some(branch) = belongs.then(|| Branch::find(request)).flatten() else { return };
        let Some(place) = self.store.find(branch.transaction) else { return };
        let Some(mut pin) = self.store.take(place) else { return };
        let left = pin.attempts.iter_mut().find(|a| a.hop == branch.hop).is_some_and(Attempt::leave_tcp);
        let present = pin.attempt().is_some_and(|attempt| attempt.hop == branch.hop);
        if is_invite && left && present && pin.stage == Stage::Calling && pin.may_move() {
            self.began(&mut pin);
        }
        self.put_back(place, pin);
    }

    /// A connection to a target is gone: calls that it has said nothing to are sent as datagrams, where it takes those,
    /// else they go to another. As [`Pins::target_is_down`] does, this looks at so many places from `from` on.
    pub fn connection_is_gone(
        &mut self,
        to: SocketAddr,
        (router, table): (&Router, &Table),
        (from, count): (usize, usize),
    ) -> Option<usize> {
        let site = Site { router, table };
        let waits = |pin: &Pin| {
            pin.stage == Stage::Calling
                && pin.may_move()
                && pin.attempt().is_some_and(|attempt| attempt.is_by_stream() && attempt.hop().address == to)
        };
        let places: Vec<_> =
            self.store.some(from, count).filter(|(_, pin)| waits(pin)).map(|(place, _)| place).collect();
        for place in places {
            let Some(mut pin) = self.store.take(place) else { continue };
            match pin.attempt_mut().is_some_and(Attempt::leave_tcp) {
                true => {
                    self.began(&mut pin);
                    if let Some(way) = pin.attempt().map(Attempt::way) {
                        self.invite(&mut pin, Choice::Only(way), site);
                    }
                }
                false => self.is_unreachable(&mut pin, to, site),
            }
            self.put_back(place, pin);
        }
        self.store.next(from, count)
    }

    /// A target is down, or cannot be reached: calls that it has said no more than 100 to go to another. Looks at so many
    /// places from `from` on, and returns where to go on, if anywhere. Where there is one attempt, there is no other.
    pub fn target_is_down(
        &mut self,
        address: SocketAddr,
        (router, table): (&Router, &Table),
        (from, count): (usize, usize),
    ) -> Option<usize> {
        if self.is_one_attempt() {
            return None;
        }
        let waits = |pin: &Pin| {
            matches!(pin.stage, Stage::Calling | Stage::Trying)
                && pin.may_move()
                && pin.cancelled.is_none()
                && pin.attempt().is_some_and(|attempt| attempt.address() == address)
        };
        let places: Vec<_> =
            self.store.some(from, count).filter(|(_, pin)| waits(pin)).map(|(place, _)| place).collect();
        for place in places {
            if let Some(mut pin) = self.store.take(place) {
                self.counts.down += u64::from(self.next_target(&mut pin, 500, Site { router, table }));
                self.put_back(place, pin);
            }
        }
        self.store.next(from, count)
    }
}
