//! Pins as bytes, for the proxy that takes over from this one.

use serde::{Deserialize, Serialize};

use super::Pins;
use super::pin::{NEVER, Pin, Stage, Ticks};

/// The format's version: what another proxy cannot read it leaves, which costs no established call.
const VERSION: u8 = 3;

/// One pin with its names.
#[derive(Serialize, Deserialize)]
struct Named<P> {
    key: u64,
    call: u64,
    pin: P,
}

impl Pins {
    /// All pins as bytes.
    pub fn pass_on(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.now.to_le_bytes());
        for (key, call, pin) in self.store.named() {
            // Writing into a vector does not fail; what did would be left out.
            if let Ok(one) = postcard::to_stdvec(&Named { key, call, pin }) {
                bytes.extend_from_slice(&one);
            }
        }
        bytes
    }

    /// Takes over what another process has passed on; it is as old here as it was there. Returns how many there are.
    ///
    /// # Errors
    ///
    /// Bytes of another version, or that say nothing: with what was expected. Pins before them are kept.
    pub fn take_over(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let Some(([VERSION, then @ ..], mut rest)) = bytes.split_first_chunk::<5>() else {
            return Err(format!("expected pins of version {VERSION}, found {:?}", bytes.first()));
        };
        let then = Ticks::from_le_bytes(*then);
        let mut count = 0;
        while !rest.is_empty() {
            let (named, behind) = postcard::take_from_bytes::<Named<Pin>>(rest)
                .map_err(|error| format!("pin {}: {error}", count + 1))?;
            let Named { key, call, mut pin } = named;
            for time in [&mut pin.began, &mut pin.resend, &mut pin.deadline] {
                *time = moved(*time, then, self.now);
            }
            // Connections stay behind. An INVITE that its target has, too, counts there as sent again.
            let mut left = false;
            for attempt in &mut pin.attempts {
                left = attempt.leave_tcp();
            }
            if left && pin.stage == Stage::Calling && pin.may_move() {
                pin.resend = self.now;
            }
            count += usize::from(self.store.insert(key, call, pin));
            rest = behind;
        }
        Ok(count)
    }
}

/// A time of a process for which it is `then`, for one for which it is `now`.
fn moved(time: Ticks, then: Ticks, now: Ticks) -> Ticks {
    match time {
        NEVER => NEVER,
        _ if time >= then => now.saturating_add(time - then),
        _ => now.saturating_sub(then - time),
    }
}
