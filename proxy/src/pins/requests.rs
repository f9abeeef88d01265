//! INVITE, CANCEL and ACK that belong to a pin.

use sip::Method;

use super::pin::{Code, NEVER, Pin, Stage};
use super::store::Place;
use super::{LINGER, Pins};
use crate::route::{Cause, Choice, Request, Routing, Verdict};

/// What the caller of a cancelled INVITE gets if no target says it (RFC 3261 9.2).
pub(super) const TERMINATED: Code = 487;

impl Pins {
    /// Handles a request that belongs to a pin; `None` if it has none, or needs nothing but to follow it.
    pub(crate) fn request(&mut self, routing: &mut Routing<'_>, request: &Request<'_>) -> Option<Verdict> {
        let method = request.line.method;
        if self.is_empty() || !matches!(method, Method::Invite | Method::Cancel | Method::Ack) {
            return None;
        }
        let place = self.store.find(routing.router.transaction(request))?;
        let pin = self.store.get(place)?;
        let follow = Choice::Only(pin.attempt()?.way());
        if pin.in_dialog {
            // Route and Request-URI say where it goes, and this how.
            routing.choice = follow;
            match method {
                Method::Cancel => self.change(place, |pin| pin.cancelled = Some(TERMINATED)),
                Method::Ack => self.change(place, |pin| pin.closing = None),
                _ => {}
            }
            return None;
        }
        if method != Method::Ack && request.in_dialog() {
            return None;
        }
        match (method, pin.stage) {
            // A target whose refusal was lost sends it again.
            (Method::Ack, Stage::Refused) => {
                self.change(place, |pin| pin.closing = None);
                routing.choice = follow;
                Some(routing.dispatch_without_routes(request))
            }
            (Method::Ack, Stage::Ended(_) | Stage::Acknowledged) => {
                self.acknowledge(place);
                Some(Verdict::Drop(Cause::OwnAck, None))
            }
            // The ACK of a 2xx by a caller of RFC 2543, whose transactions know no branches.
            (Method::Ack, _) => None,
            (Method::Cancel, _) if !pin.is_note() => {
                self.cancel(routing, place);
                Some(routing.reply(200, "OK", b""))
            }
            (Method::Invite, stage) if !pin.is_note() => {
                if stage == Stage::Ringing {
                    self.tell_again(routing, place);
                }
                self.again_from_caller(routing, stage, follow)
            }
            _ => {
                routing.choice = follow;
                None
            }
        }
    }

    /// An INVITE that comes again.
    fn again_from_caller(
        &self,
        routing: &mut Routing<'_>,
        stage: Stage,
        follow: Choice<'static>,
    ) -> Option<Verdict> {
        match stage {
            Stage::Calling | Stage::Trying => Some(routing.reply(100, "Trying", b"")),
            // The target has the last provisional answer, or the refusal, and sends it again.
            Stage::Ringing | Stage::Refused => {
                routing.choice = follow;
                None
            }
            Stage::Ended(code) => Some(routing.reply(code, super::attempts::reason(code), b"")),
            // The target sends its 2xx until it has the ACK (RFC 6026 7.1).
            Stage::Answered | Stage::Acknowledged => Some(Verdict::Drop(Cause::Absorbed, None)),
        }
    }

    /// A caller that has lost every 1xx would give up, though its call rings: its target may be dead by now.
    fn tell_again(&mut self, routing: &Routing<'_>, place: Place) {
        if let Some(pin) = self.store.take(place) {
            self.reply(&pin, 100, routing.site());
            self.store.put_back(place, pin);
        }
    }

    fn acknowledge(&mut self, place: Place) {
        self.change(place, |pin| (pin.stage, pin.resend) = (Stage::Acknowledged, NEVER));
    }

    fn change(&mut self, place: Place, change: impl FnOnce(&mut Pin)) {
        if let Some(mut pin) = self.store.take(place) {
            change(&mut pin);
            self.put_back(place, pin);
        }
    }

    /// RFC 3261 16.10, 9.1: no target is to ring any more.
    fn cancel(&mut self, routing: &Routing<'_>, place: Place) {
        let Some(mut pin) = self.store.take(place) else { return };
        if pin.stage.is_open() && pin.cancelled.is_none() {
            self.call_off(&mut pin, TERMINATED, routing.site());
        }
        self.put_back(place, pin);
    }

    /// Calls all attempts off. Unless a target gives the caller its final answer in time, we do: with `code`.
    pub(super) fn call_off(&mut self, pin: &mut Pin, code: Code, site: super::Site<'_>) {
        pin.cancelled = Some(code);
        if pin.stage != Stage::Calling {
            pin.deadline = self.now + LINGER;
        }
        self.cancel_all(pin, None, site);
    }

    /// Puts a pin back, with a timer for what is to be sent again.
    pub(super) fn put_back(&mut self, place: Place, mut pin: Pin) {
        if pin.resend == NEVER && pin.has_to_resend() {
            (pin.interval, pin.resend) = (super::T1, self.now + super::T1);
        }
        self.store.put_back(place, pin);
    }
}
