//! `[health]`

use std::time::Duration;

use serde::{Deserialize, Serialize};
use settings::wrong;

use super::ConfigError;
use crate::health::Rules;
use crate::table::AllDown;

/// `[health]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct HealthSettings {
    pub enabled: bool,
    #[serde(with = "settings::duration")]
    pub interval: Duration,
    #[serde(with = "settings::duration")]
    pub timeout: Duration,
    pub rise: u32,
    pub fall: u32,
    pub jitter: f64,
    pub failing: Vec<u16>,
    pub all_down: AllDown,
}

/// How targets are judged.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthConfig {
    /// Whether they are judged at all.
    pub enabled: bool,
    /// By what.
    pub rules: Rules,
    /// What becomes of calls when all are down.
    pub all_down: AllDown,
}

impl Default for HealthSettings {
    fn default() -> Self {
        HealthSettings {
            enabled: true,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            rise: 2,
            fall: 3,
            jitter: 0.2,
            failing: vec![408, 504],
            all_down: AllDown::Try,
        }
    }
}

impl HealthSettings {
    pub(super) fn check(self) -> Result<HealthConfig, ConfigError> {
        let shortest = Duration::from_millis(50);
        if self.timeout < shortest || self.interval < self.timeout {
            return wrong(
                "health",
                format!(
                    "expected a timeout of 50ms or more and an interval that is no shorter, found {} and {}",
                    humantime::format_duration(self.timeout),
                    humantime::format_duration(self.interval)
                ),
            );
        }
        for (key, value) in [("health.rise", self.rise), ("health.fall", self.fall)] {
            if !(1..=100).contains(&value) {
                return wrong(key, format!("expected 1 to 100 probes, found {value}"));
            }
        }
        if !(0.0..=0.5).contains(&self.jitter) {
            return wrong(
                "health.jitter",
                format!("expected a share of the interval from 0 to 0.5, found {}", self.jitter),
            );
        }
        if let Some(code) = self.failing.iter().find(|code| !(200..700).contains(*code)) {
            return wrong("health.failing", format!("expected final status codes, 200 to 699, found {code}"));
        }
        let HealthSettings { enabled, interval, timeout, rise, fall, jitter, failing, all_down } = self;
        let rules = Rules { interval, timeout, rise, fall, jitter, failing };
        Ok(HealthConfig { enabled, rules, all_down })
    }
}
