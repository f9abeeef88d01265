//! What targets answer (RFC 3261 16.7).

use std::net::SocketAddr;

use sip::{Method, Name};
use smallvec::SmallVec;

use super::pin::{Attempt, Cancel, Closing, Code, Heard, NEVER, Pin, Stage};
use super::{LINGER, Pins, Signal, Site, TIMER_C};
use crate::route::{Branch, Cause, Choice, Hop, Routing, Verdict};

/// The most targets that are asked for a dialog.
const MOST_SEARCHED: usize = 8;

/// What becomes of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It goes to the caller.
    Pass,
    /// It goes no further.
    Absorb,
}

impl Pins {
    /// Handles a response whose topmost Via has this branch of ours. `None`: it goes to the caller.
    pub(crate) fn response(&mut self, routing: &Routing<'_>, branch: &Branch) -> Option<Verdict> {
        if self.is_empty() {
            return None;
        }
        let place = self.store.find(branch.transaction)?;
        let (code, method) = (routing.msg.status()?.code, routing.msg.cseq().ok()?.method);
        let mut pin = self.store.take(place)?;
        let attempt = pin.attempts.iter().position(|attempt| attempt.hop == branch.hop);
        let fate = match (attempt, method) {
            (Some(attempt), _) if pin.in_dialog && !pin.is_note() => {
                self.searched(&mut pin, attempt, (code, method), routing)
            }
            (Some(attempt), Method::Invite) => {
                self.answer(&mut pin, attempt, code, (routing, branch.transaction))
            }
            (Some(attempt), Method::Cancel) if !pin.is_note() => {
                if let Some(attempt) = pin.attempts.get_mut(attempt).filter(|_| code >= 200) {
                    attempt.cancel = Cancel::Known;
                }
                Fate::Absorb
            }
            (None, Method::Bye) => {
                pin.closing = None;
                Fate::Absorb
            }
            _ => Fate::Pass,
        };
        self.put_back(place, pin);
        match fate {
            Fate::Pass => None,
            Fate::Absorb => Some(Verdict::Drop(Cause::Absorbed, None)),
        }
    }

    /// A refusal that goes to the caller as it is, and that its target does not send again since it went over TCP: we do
    /// (RFC 3261 17.2.1, Timer G), until its ACK.
    pub(crate) fn repeat(&mut self, branch: &Branch, hop: Hop, bytes: &[u8]) {
        let Some(place) = self.store.find(branch.transaction) else { return };
        let Some(mut pin) = self.store.take(place) else { return };
        if pin.stage == Stage::Refused {
            pin.closing = Some(Box::new(Closing { bytes: bytes.to_vec(), hop }));
        }
        self.put_back(place, pin);
    }

    /// The answer to a request of a dialog whose target was a guess.
    fn searched(
        &mut self,
        pin: &mut Pin,
        attempt: usize,
        (code, method): (Code, Method<'_>),
        routing: &Routing<'_>,
    ) -> Fate {
        let present = attempt + 1 == pin.attempts.len();
        if code < 200 || method == Method::Cancel || (present && pin.stage != Stage::Calling) {
            return Fate::Pass;
        }
        let wanted = code == 481 && pin.cancelled.is_none();
        let elsewhere = !present || (wanted && self.search_on(pin, routing.site()));
        if !elsewhere {
            (pin.stage, pin.deadline) = (Stage::Answered, self.now + LINGER);
            return Fate::Pass;
        }
        if method == Method::Invite {
            let to = routing.msg.first(Name::To).map(|field| field.line);
            self.own_request(pin, attempt, Method::Ack, to, routing.site());
        }
        Fate::Absorb
    }

    /// Sends a request of a dialog to another target that may have that, each one once. Returns whether there was one.
    fn search_on(&mut self, pin: &mut Pin, site: Site<'_>) -> bool {
        let tried: SmallVec<[SocketAddr; MOST_SEARCHED]> =
            pin.attempts.iter().map(Attempt::address).collect();
        let found = tried.len() < MOST_SEARCHED && self.invite(pin, Choice::Skip(&tried), site);
        self.counts.searches += u64::from(found);
        found
    }

    fn answer(
        &mut self,
        pin: &mut Pin,
        attempt: usize,
        code: Code,
        (routing, key): (&Routing<'_>, u64),
    ) -> Fate {
        let present = attempt + 1 == pin.attempts.len();
        let heard = if code < 200 { Heard::Provisional } else { Heard::Final };
        if let Some(attempt) = pin.attempts.get_mut(attempt) {
            if attempt.heard == Heard::Nothing {
                self.signals.push((attempt.address(), Signal::Answered));
            }
            attempt.heard = attempt.heard.max(heard);
        }
        match code {
            _ if pin.is_note() => self.note(pin, code),
            ..200 if present && pin.stage.is_open() => self.provisional(pin, code, routing),
            // Given up, or too late: whoever rings is to stop (RFC 3261 16.7.5 would ring two phones).
            ..200 => {
                self.cancel_one(pin, attempt, routing.site());
                Fate::Absorb
            }
            200..300 => self.success(pin, attempt, (routing, key)),
            _ => self.refusal(pin, attempt, code, routing),
        }
    }

    /// Where there is one attempt, a pin only takes note.
    fn note(&mut self, pin: &mut Pin, code: Code) -> Fate {
        pin.deadline = self.now + if code < 200 { TIMER_C } else { LINGER };
        if pin.stage.is_open() {
            pin.stage = match code {
                ..200 => Stage::Ringing,
                200..300 => Stage::Answered,
                _ => Stage::Refused,
            };
        }
        Fate::Pass
    }

    fn provisional(&mut self, pin: &mut Pin, code: Code, routing: &Routing<'_>) -> Fate {
        if pin.stage == Stage::Calling {
            (pin.stage, pin.resend) = (Stage::Trying, NEVER);
            pin.deadline = self.now + if pin.cancelled.is_some() { LINGER } else { TIMER_C };
        }
        if pin.cancelled.is_some() {
            self.cancel_all(pin, None, routing.site());
        }
        if code == 100 {
            if !pin.told {
                pin.told = true;
                self.reply(pin, 100, routing.site());
            }
            return Fate::Absorb;
        }
        pin.told = true;
        if pin.stage != Stage::Ringing {
            pin.stage = Stage::Ringing;
            self.shorten(pin);
        }
        if pin.cancelled.is_none() {
            pin.deadline = self.now + TIMER_C;
        }
        Fate::Pass
    }

    /// A 2xx goes to the caller, every time (RFC 3261 16.7.5), unless the caller has a refusal already.
    fn success(&mut self, pin: &mut Pin, attempt: usize, (routing, key): (&Routing<'_>, u64)) -> Fate {
        if !pin.stage.is_open() && pin.stage != Stage::Answered {
            self.close(pin, attempt, (routing, key));
            return Fate::Absorb;
        }
        if pin.stage != Stage::Answered {
            pin.stage = Stage::Answered;
            (pin.resend, pin.deadline) = (NEVER, self.now + LINGER);
            // Requests that ignore Record-Route follow the target that answered.
            let last = pin.attempts.len() - 1;
            pin.attempts.swap(attempt.min(last), last);
            self.cancel_all(pin, Some(last), routing.site());
        }
        Fate::Pass
    }

    fn refusal(&mut self, pin: &mut Pin, attempt: usize, code: Code, routing: &Routing<'_>) -> Fate {
        let present = attempt + 1 == pin.attempts.len();
        if present && pin.stage == Stage::Refused {
            return Fate::Pass; // The caller has not acknowledged it yet.
        }
        let to = routing.msg.first(Name::To).map(|field| field.line);
        if !present || !pin.stage.is_open() {
            self.own_request(pin, attempt, Method::Ack, to, routing.site());
            return Fate::Absorb;
        }
        let may_retry = pin.stage != Stage::Ringing && pin.cancelled.is_none();
        match code {
            500 | 503 if may_retry => {}
            482 if may_retry && !pin.merged => {}
            // RFC 3261 16.7.6: a 503 speaks of one target, and would keep the caller away from all.
            503 => {}
            _ => {
                pin.stage = Stage::Refused;
                (pin.resend, pin.deadline) = (NEVER, self.now + LINGER);
                self.cancel_all(pin, Some(attempt), routing.site());
                return Fate::Pass;
            }
        }
        self.own_request(pin, attempt, Method::Ack, to, routing.site());
        if may_retry {
            self.counts.refusals += u64::from(self.next_target(pin, 500, routing.site()));
        } else {
            self.end(pin, pin.cancelled.unwrap_or(500), routing.site());
        }
        Fate::Absorb
    }
}
