//! `[tcp]`: what TCP and TLS connections may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use settings::wrong;

use super::ConfigError;

/// `[tcp]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct TcpSettings {
    pub max_connections: usize,
    pub reserved: usize,
    pub max_per_source: usize,
    #[serde(with = "settings::duration")]
    pub idle_timeout: Duration,
    #[serde(with = "settings::duration")]
    pub message_timeout: Duration,
    #[serde(with = "settings::duration")]
    pub connect_timeout: Duration,
    pub max_message: usize,
}

impl Default for TcpSettings {
    fn default() -> Self {
        TcpSettings {
            max_connections: 10_000,
            reserved: 1_000,
            max_per_source: 500,
            idle_timeout: Duration::from_secs(600),
            message_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            max_message: sip::Limits::default().message_bytes,
        }
    }
}

impl TcpSettings {
    pub(super) fn check(self) -> Result<Self, ConfigError> {
        let numbers = [
            ("tcp.max_connections", self.max_connections, 1..=1_000_000),
            // One at least has to be left for those who come.
            ("tcp.reserved", self.reserved, 0..=self.max_connections.saturating_sub(1)),
            ("tcp.max_per_source", self.max_per_source, 1..=1_000_000),
            // RFC 3261 18.1.1: what is larger than 1300 bytes is what streams are for. Datagrams end at the same size.
            ("tcp.max_message", self.max_message, 1_300..=sip::Limits::default().message_bytes),
        ];
        for (key, found, range) in numbers {
            if !range.contains(&found) {
                return wrong(key, format!("expected {} to {}, found {found}", range.start(), range.end()));
            }
        }
        let hour = Duration::from_secs(3600);
        let times = [
            ("tcp.idle_timeout", self.idle_timeout, Duration::from_secs(1), 24 * hour),
            ("tcp.message_timeout", self.message_timeout, Duration::from_millis(100), hour),
            ("tcp.connect_timeout", self.connect_timeout, Duration::from_millis(10), hour),
        ];
        for (key, found, least, most) in times {
            if !(least..=most).contains(&found) {
                let [least, most, found] = [least, most, found].map(humantime::format_duration);
                return wrong(key, format!("expected \"{least}\" to \"{most}\", found \"{found}\""));
            }
        }
        Ok(self)
    }
}
