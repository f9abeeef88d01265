//! Another target, CANCEL, and final answers of our own.

use std::net::SocketAddr;

use sip::Method;
use smallvec::SmallVec;

use super::packed::{pack, unpack};
use super::pin::{Attempt, Cancel, Closing, Code, Heard, NEVER, Pin, Stage};
use super::{LINGER, Pins, Site, T1};
use crate::route::{Choice, Input, Routing, Scratch, Transport, write_essence};

/// The reason phrase of an answer of our own.
pub(super) fn reason(code: Code) -> &'static str {
    match code {
        100 => "Trying",
        408 => "Request Timeout",
        super::requests::TERMINATED => "Request Terminated",
        _ => "No Destination available",
    }
}

impl Pin {
    /// Whether something has to be sent again until it is answered.
    pub(super) fn has_to_resend(&self) -> bool {
        let closing = self.closing.as_ref().is_some_and(|closing| closing.hop.transport == Transport::Udp);
        closing || self.attempts.iter().any(Attempt::waits_for_cancel)
    }
}

impl Attempt {
    /// Whether our CANCEL has no answer yet, and is to be sent again.
    pub(super) fn waits_for_cancel(&self) -> bool {
        self.cancel == Cancel::Sent && self.heard != Heard::Final && !self.is_by_stream()
    }
}

impl Pins {
    /// Makes messages of our own from what is kept of an INVITE, with the spare working memory.
    fn with_text<T>(&mut self, pin: &Pin, make: impl FnOnce(&mut Self, &mut Scratch, &Input<'_>) -> T) -> T {
        let mut spare = self.spare.take().unwrap_or_default();
        let mut unpacked = std::mem::take(&mut self.unpacked);
        let text = match pin.packed {
            true => {
                unpacked.clear();
                unpack(&pin.text, &mut unpacked);
                unpacked.as_slice()
            }
            false => &pin.text,
        };
        let made = make(self, &mut spare, &pin.caller.input(text));
        (self.spare, self.unpacked) = (Some(spare), unpacked);
        made
    }

    /// Sends the INVITE to a target that it has not been at; if there is none, the caller gets `code`. Returns whether
    /// there was one.
    pub(super) fn next_target(&mut self, pin: &mut Pin, code: Code, site: Site<'_>) -> bool {
        let tried: SmallVec<[SocketAddr; 8]> = pin.attempts.iter().map(|attempt| attempt.address()).collect();
        let found = tried.len() < self.dispatch.attempts && self.invite(pin, Choice::Skip(&tried), site);
        if found {
            pin.stage = Stage::Calling;
            self.began(pin);
        } else {
            self.counts.failed += 1;
            self.end(pin, code, site);
        }
        found
    }

    /// The INVITE has been sent, for the first time this way.
    pub(super) fn began(&self, pin: &mut Pin) {
        let by_stream = pin.attempt().is_some_and(Attempt::is_by_stream);
        (pin.began, pin.interval) = (self.now, T1);
        pin.resend = if by_stream { NEVER } else { self.now + T1 };
        pin.deadline = self.now + self.no_reply();
    }

    /// Sends the INVITE: again to the present target, or to another.
    pub(super) fn invite(&mut self, pin: &mut Pin, choice: Choice<'_>, site: Site<'_>) -> bool {
        let another = matches!(choice, Choice::Skip(_));
        let mut attempt = None;
        self.with_text(pin, |pins, spare, input| {
            pins.outbox.post(|out| {
                let (hop, way, hash, place) =
                    site.router.invite_again(input, site.table, choice, spare, out)?;
                attempt = Some(Attempt::new(&way, hop.listener, hash));
                Some((hop, place.filter(|_| another)))
            })
        });
        pin.attempts.extend(attempt.filter(|_| another));
        attempt.is_some()
    }

    /// Ends the INVITE with a final answer of our own.
    pub(super) fn end(&mut self, pin: &mut Pin, code: Code, site: Site<'_>) {
        pin.stage = Stage::Ended(code);
        pin.deadline = self.now + LINGER;
        // RFC 3261 17.2.1, Timer G: what is sent over a connection arrives.
        pin.interval = T1;
        pin.resend = if pin.caller.transport() == Transport::Udp { self.now + T1 } else { NEVER };
        self.reply(pin, code, site);
        self.cancel_all(pin, None, site);
    }

    /// An answer of our own to the caller.
    pub(super) fn reply(&mut self, pin: &Pin, code: Code, site: Site<'_>) {
        self.with_text(pin, |pins, spare, input| {
            pins.outbox.post(|out| {
                let hop = site.router.own_reply(input, site.table, (code, reason(code)), spare, out)?;
                Some((hop, None))
            })
        });
    }

    /// Cancels all attempts but one.
    pub(super) fn cancel_all(&mut self, pin: &mut Pin, but: Option<usize>, site: Site<'_>) {
        for attempt in (0..pin.attempts.len()).filter(|attempt| Some(*attempt) != but) {
            self.cancel_one(pin, attempt, site);
        }
    }

    /// Cancels an attempt if its target has said anything (RFC 3261 9.1). Whoever says something later to a call that is
    /// off, or that has gone on to another target, gets it then.
    pub(super) fn cancel_one(&mut self, pin: &mut Pin, at: usize, site: Site<'_>) {
        let Some(attempt) = pin.attempts.get_mut(at) else { return };
        if (attempt.heard, attempt.cancel) == (Heard::Provisional, Cancel::No) {
            attempt.cancel = Cancel::Sent;
            self.own_request(pin, at, Method::Cancel, None, site);
        }
    }

    /// CANCEL or ACK to an attempt's target: hop by hop, and so with one Via (RFC 3261 9.1, 17.1.1.3).
    pub(super) fn own_request(
        &mut self,
        pin: &Pin,
        attempt: usize,
        method: Method<'_>,
        to: Option<&[u8]>,
        site: Site<'_>,
    ) {
        let Some((hop, part)) = pin.attempts.get(attempt).map(|a| (a.hop(), a.hop)) else { return };
        self.with_text(pin, |pins, spare, input| {
            pins.outbox.post(|out| {
                site.router.own_request(input, (method, (&hop, part), to), site.table, spare, out)?;
                Some((hop, None))
            })
        });
    }

    /// Keeps of the INVITE only what messages of our own are made of, in as little memory as may be: it will not be sent
    /// any more.
    pub(super) fn shorten(&mut self, pin: &mut Pin) {
        // Made elsewhere and copied from there: what is kept for minutes is to have no room to spare.
        let (mut essence, mut packed) = std::mem::take(&mut self.short);
        essence.clear();
        packed.clear();
        let written = self.with_text(pin, |_, spare, input| write_essence(input.bytes, spare, &mut essence));
        if written.is_some() {
            pack(&essence, &mut packed);
            (pin.text, pin.packed) = (packed.as_slice().into(), true);
        }
        self.short = (essence, packed);
    }

    /// Ends a call that was answered after its caller had been refused: ACK, then BYE until it is answered
    /// (RFC 3261 13.2.2.4).
    pub(super) fn close(&mut self, pin: &mut Pin, attempt: usize, (routing, key): (&Routing<'_>, u64)) {
        let Some(hop) = pin.attempts.get(attempt).map(Attempt::usual_hop) else { return };
        let mut bye = Vec::new();
        let written = self.outbox.post(|out| {
            routing.write_in_dialog(Method::Ack, key, &hop, out)?;
            routing.write_in_dialog(Method::Bye, key, &hop, &mut bye)?;
            Some((hop, None))
        });
        if written {
            self.counts.late_answers += u64::from(pin.closing.is_none());
            self.outbox.post(|out| {
                out.extend_from_slice(&bye);
                Some((hop, None))
            });
            pin.closing = Some(Box::new(Closing { bytes: bye, hop }));
        }
    }
}
