//! What a target's controller says at `GET /load`. Whoever answers there may say anything.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The most bytes that are read of an answer.
pub(super) const MOST: usize = 4096;

/// How full a target is, by its own account. What it says besides is passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Channels of its FreeSWITCH, legs among them.
    pub sessions: u64,
    /// So many it takes; 0 if it does not say.
    pub max_sessions: u64,
    /// Calls of its controller.
    #[serde(default)]
    pub calls: u64,
    /// So many the controller takes; 0 if it does not say.
    #[serde(default)]
    pub max_calls: u64,
    /// Percent.
    pub idle_cpu: f64,
    /// Whether new calls are welcome.
    pub accepting: bool,
    /// How old the figures of FreeSWITCH were when it answered, in seconds.
    pub age: f64,
}

impl Figures {
    /// Reads an answer.
    ///
    /// # Errors
    ///
    /// It is none, or one that cannot be.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let figures: Figures =
            serde_json::from_slice(bytes).map_err(|error| format!("expected figures: {error}"))?;
        if !(0.0..=100.0).contains(&figures.idle_cpu) {
            return Err(format!("expected idle_cpu from 0 to 100, found {}", figures.idle_cpu));
        }
        if Duration::try_from_secs_f64(figures.age).is_err() {
            return Err(format!("expected an age in seconds, found {}", figures.age));
        }
        Ok(figures)
    }

    /// The share of the target that is free, from 0 to 1: of its sessions, its controller's calls or its CPU, whichever has
    /// least left.
    pub fn room(&self) -> f64 {
        let free = |used: u64, most: u64| match most {
            0 => 1.0,
            most => most.saturating_sub(used) as f64 / most as f64,
        };
        free(self.sessions, self.max_sessions)
            .min(free(self.calls, self.max_calls))
            .min(self.idle_cpu / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"sessions": 30, "max_sessions": 120, "calls": 15, "max_calls": 100, "idle_cpu": 80.5,
        "accepting": true, "core": "x", "age": 3.5}"#;

    #[test]
    fn the_room_is_what_the_scarcest_has_left() {
        let with =
            |from: &str, to: &str| Figures::from_json(GOOD.replace(from, to).as_bytes()).unwrap().room();
        assert_eq!(with("", ""), 0.75);
        assert_eq!(with("\"calls\": 15", "\"calls\": 60"), 0.4);
        assert_eq!(with("80.5", "12"), 0.12);
        assert_eq!(with("\"sessions\": 30", "\"sessions\": 121"), 0.0);
        assert_eq!(with("120", "0"), 0.805);
    }

    #[test]
    fn what_is_no_account_of_a_target_is_none() {
        for (from, to) in [
            (GOOD, ""),
            (GOOD, "[]"),
            (GOOD, "null"),
            ("30", "-1"),
            ("30", "1e300"),
            ("30", "\"30\""),
            ("80.5", "100.5"),
            ("80.5", "-0.5"),
            ("80.5", "1e999"),
            ("80.5", "null"),
            ("3.5", "-1"),
            ("3.5", "1e300"),
            ("\"accepting\": true", "\"accepting\": 1"),
            ("\"accepting\": true,", ""),
            ("\"core\": \"x\"", "\"sessions\": 1"),
        ] {
            assert!(Figures::from_json(GOOD.replace(from, to).as_bytes()).is_err(), "{to}");
        }
        let deep = format!("{{\"x\": {}", "[".repeat(MOST));
        assert!(Figures::from_json(deep.as_bytes()).is_err());
        for end in 0..GOOD.len() {
            assert!(Figures::from_json(&GOOD.as_bytes()[..end]).is_err(), "{end}");
        }
    }
}
