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
    /// Channels of this controller's at that moment, legs among them.
    pub ours: usize,
    /// When it came.
    pub at: Instant,
}

impl Load {
    /// Of a HEARTBEAT that comes while this controller has so many channels.
    pub(super) fn of(event: &Event, ours: usize) -> Self {
        let number = |name| event.header(name).and_then(|text| text.parse().ok());
        Load {
            sessions: number("Session-Count").unwrap_or_default(),
            max_sessions: number("Max-Sessions").unwrap_or_default(),
            idle_cpu: event.header("Idle-CPU").and_then(|text| text.parse().ok()).unwrap_or_default(),
            core: event.core_uuid().unwrap_or_default().to_owned(),
            ours,
            at: Instant::now(),
        }
    }

    /// Channels now that this controller has so many: what came and went since the heartbeat counts.
    pub fn sessions_with(&self, ours: usize) -> u64 {
        let number = |channels: usize| u64::try_from(channels).unwrap_or(u64::MAX);
        self.sessions.saturating_add(number(ours)).saturating_sub(number(self.ours))
    }

    /// Whether there is room for another one beside so many of this controller's.
    pub fn has_room(&self, ours: usize) -> bool {
        self.max_sessions == 0 || self.sessions_with(ours) < self.max_sessions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_that_came_or_went_since_the_heartbeat_count() {
        let (core, at) = (String::new(), Instant::now());
        let load = Load { sessions: 30, max_sessions: 100, idle_cpu: 90.0, core, ours: 20, at };
        assert_eq!([20, 35, 10, 0].map(|ours| load.sessions_with(ours)), [30, 45, 20, 10]);
        assert_eq!([20, 89, 90, 400].map(|ours| load.has_room(ours)), [true, true, false, false]);
        let full = Load { sessions: 100, ..load.clone() };
        assert_eq!([20, 19].map(|ours| full.has_room(ours)), [false, true], "one has ended since");
        assert!(Load { max_sessions: 0, ..load.clone() }.has_room(1_000), "it did not say how many it takes");
        assert_eq!(Load { sessions: 3, ..load }.sessions_with(0), 0);
    }
}
