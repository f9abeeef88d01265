//! How full FreeSWITCH is, as its heartbeat says.

use std::time::Instant;

use esl::Event;

/// The figures of one heartbeat.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Channels, legs among them.
    pub sessions: u64,
    /// So many it takes.
    pub max_sessions: u64,
    /// Percent.
    pub idle_cpu: f64,
    /// This run of FreeSWITCH.
    pub core: String,
    /// When it came.
    pub at: Instant,
}

impl Load {
    /// Of a HEARTBEAT.
    pub(super) fn of(event: &Event) -> Self {
        let number = |name| event.header(name).and_then(|text| text.parse().ok());
        Load {
            sessions: number("Session-Count").unwrap_or_default(),
            max_sessions: number("Max-Sessions").unwrap_or_default(),
            idle_cpu: event.header("Idle-CPU").and_then(|text| text.parse().ok()).unwrap_or_default(),
            core: event.core_uuid().unwrap_or_default().to_owned(),
            at: Instant::now(),
        }
    }
}
