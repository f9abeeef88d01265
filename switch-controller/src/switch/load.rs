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
    /// Calls of this controller at that moment.
    pub calls: usize,
    /// When it came.
    pub at: Instant,
}

impl Load {
    /// Of a HEARTBEAT that comes while there are so many calls.
    pub(super) fn of(event: &Event, calls: usize) -> Self {
        let number = |name| event.header(name).and_then(|text| text.parse().ok());
        Load {
            sessions: number("Session-Count").unwrap_or_default(),
            max_sessions: number("Max-Sessions").unwrap_or_default(),
            idle_cpu: event.header("Idle-CPU").and_then(|text| text.parse().ok()).unwrap_or_default(),
            core: event.core_uuid().unwrap_or_default().to_owned(),
            calls,
            at: Instant::now(),
        }
    }

    /// Channels now that there are so many calls: what came and went since is a channel each, or more.
    pub fn sessions_with(&self, calls: usize) -> u64 {
        let number = |calls: usize| u64::try_from(calls).unwrap_or(u64::MAX);
        self.sessions.saturating_add(number(calls)).saturating_sub(number(self.calls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_came_or_went_since_the_heartbeat_count() {
        let (core, at) = (String::new(), Instant::now());
        let load = Load { sessions: 30, max_sessions: 100, idle_cpu: 90.0, core, calls: 20, at };
        assert_eq!([20, 35, 10, 0].map(|calls| load.sessions_with(calls)), [30, 45, 20, 10]);
        assert_eq!(Load { sessions: 3, ..load }.sessions_with(0), 0);
    }
}
