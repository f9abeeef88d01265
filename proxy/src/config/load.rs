//! `[load]`, and which policy needs it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use settings::wrong;

use super::{ConfigError, DispatchSettings};
use crate::load::Rules;
use crate::table::{Choice, Policy};

/// How long a newcomer takes to get its whole share where the emptiest is chosen, which it is.
const SLOW_START: Duration = Duration::from_secs(30);

/// `[load]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct LoadSettings {
    #[serde(with = "settings::duration")]
    pub poll: Duration,
    #[serde(with = "settings::duration")]
    pub timeout: Duration,
    pub jitter: f64,
    #[serde(with = "settings::duration")]
    pub stale: Duration,
}

impl Default for LoadSettings {
    fn default() -> Self {
        let [poll, timeout, stale] = [2, 1, 30].map(Duration::from_secs);
        LoadSettings { poll, timeout, jitter: 0.2, stale }
    }
}

impl LoadSettings {
    pub(super) fn check(self) -> Result<Rules, ConfigError> {
        let LoadSettings { poll, timeout, jitter, stale } = self;
        let shown = humantime::format_duration;
        let least = Duration::from_millis(50);
        if poll < least || timeout < least {
            let found = format!("{} and {}", shown(poll), shown(timeout));
            return wrong("load", format!("expected poll and timeout of 50ms or more, found {found}"));
        }
        if stale < poll {
            let found = format!("{}, which is less than load.poll ({})", shown(stale), shown(poll));
            return wrong(
                "load.stale",
                format!("expected as long as a poll takes, or longer, found {found}"),
            );
        }
        if !(0.0..=0.5).contains(&jitter) {
            let what = format!("expected a share of the interval from 0 to 0.5, found {jitter}");
            return wrong("load.jitter", what);
        }
        Ok(Rules { poll, timeout, jitter, stale })
    }
}

/// By what new calls' targets are chosen.
pub(super) fn choice(dispatch: &DispatchSettings, load: &Rules) -> Result<Choice, ConfigError> {
    let DispatchSettings { policy, slow_start, attempts, .. } = *dispatch;
    if policy == Policy::LeastLoaded && attempts < 2 {
        let what = format!("expected dispatch.attempts of 2 or more with \"least-loaded\", found {attempts}");
        return wrong("dispatch.policy", what);
    }
    let usual = if policy == Policy::LeastLoaded { SLOW_START } else { Duration::ZERO };
    let slow_start = slow_start.unwrap_or(usual);
    if slow_start > Duration::from_secs(3600) {
        let found = humantime::format_duration(slow_start);
        return wrong("dispatch.slow_start", format!("expected up to an hour, found {found}"));
    }
    Ok(Choice { policy, slow_start, stale: load.stale })
}
