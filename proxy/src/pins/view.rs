//! What operators see of pins.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use super::pin::{Heard, Pin, Stage};
use super::{Pins, TICK};

/// An INVITE that is under way, or was not long ago.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PinView {
    /// Who sent it.
    pub caller: SocketAddr,
    /// `calling`, `trying`, `ringing`, `answered`, `refused` (by a target), `ended` (by the proxy).
    pub stage: &'static str,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Its targets' addresses in the order in which they were tried.
    pub targets: Vec<SocketAddr>,
    /// Those of them that never said anything.
    pub silent: Vec<SocketAddr>,
    /// Since the present target was asked, in seconds.
    pub seconds: u64,
}

impl Pins {
    /// Some of them.
    pub fn view(&self, most: usize) -> Vec<PinView> {
        self.store.iter().take(most).map(|pin| self.view_of(pin)).collect()
    }

    fn view_of(&self, pin: &Pin) -> PinView {
        let silent = pin.attempts.iter().filter(|attempt| attempt.heard == Heard::Nothing);
        PinView {
            caller: pin.caller.source(),
            stage: match pin.stage {
                Stage::Calling => "calling",
                Stage::Trying => "trying",
                Stage::Ringing => "ringing",
                Stage::Answered => "answered",
                Stage::Refused => "refused",
                Stage::Ended(_) | Stage::Acknowledged => "ended",
            },
            cancelled: pin.cancelled.is_some(),
            targets: pin.attempts.iter().map(|attempt| attempt.address()).collect(),
            silent: silent.map(|attempt| attempt.address()).collect(),
            seconds: (TICK * self.now.saturating_sub(pin.began)).max(Duration::ZERO).as_secs(),
        }
    }
}
