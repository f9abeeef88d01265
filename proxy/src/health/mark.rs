//! What is thought of one SIP port of one target: written by the prober, read wherever a target is picked.

use std::sync::atomic::{AtomicU8, Ordering};

/// What is thought of a SIP port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Condition {
    /// It answers, or has not been asked yet.
    #[default]
    Healthy,
    /// It did not answer of late, too seldom to be given up. It gets calls.
    Suspect,
    /// It does not answer and gets no new calls.
    Down,
}

impl Condition {
    /// As it stands in the admin port's JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Condition::Healthy => "healthy",
            Condition::Suspect => "suspect",
            Condition::Down => "down",
        }
    }
}

/// A condition that several threads share. Reading it is one load; nothing is ordered by it.
#[derive(Debug, Default)]
pub struct Mark(AtomicU8);

impl Mark {
    /// What is thought now.
    pub fn condition(&self) -> Condition {
        match self.0.load(Ordering::Relaxed) {
            0 => Condition::Healthy,
            1 => Condition::Suspect,
            _ => Condition::Down,
        }
    }

    /// Changes what is thought.
    pub fn set(&self, condition: Condition) {
        let number = match condition {
            Condition::Healthy => 0,
            Condition::Suspect => 1,
            Condition::Down => 2,
        };
        self.0.store(number, Ordering::Relaxed);
    }

    /// Whether new calls may go there.
    pub fn takes_calls(&self) -> bool {
        self.condition() != Condition::Down
    }
}
