//! `[limits]`

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::guard::Limits;

/// `[limits]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct LimitSettings {
    pub source_calls: u32,
    pub calls: u32,
    #[serde(with = "settings::duration")]
    pub burst: Duration,
    #[serde(with = "settings::duration")]
    pub retry_after: Duration,
}

impl Default for LimitSettings {
    fn default() -> Self {
        let (burst, retry_after) = (Duration::from_secs(2), Duration::from_secs(5));
        LimitSettings { source_calls: 0, calls: 0, burst, retry_after }
    }
}

impl LimitSettings {
    /// Reads them; the error begins with the key.
    pub(super) fn check(&self) -> Result<Limits, (&'static str, String)> {
        let seconds = self.retry_after.as_secs();
        match u32::try_from(seconds) {
            Ok(retry_after @ 1..=3600) => {
                let LimitSettings { source_calls, calls, burst, .. } = *self;
                Ok(Limits { source_calls, calls, burst, retry_after })
            }
            _ => Err(("limits.retry_after", format!("expected 1 to 3600 seconds, found {seconds}"))),
        }
    }
}
