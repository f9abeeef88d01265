//! `[udp]`

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use settings::wrong;

use super::ConfigError;

/// What a call's messages can wait for each other without anybody noticing; a full receive buffer is farther away.
const MAX_COALESCE: Duration = Duration::from_millis(10);

/// `[udp]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct UdpSettings {
    pub receive_buffer: usize,
    #[serde(with = "settings::duration")]
    pub coalesce: Duration,
    pub force_rport: bool,
    pub mtu: usize,
}

impl Default for UdpSettings {
    fn default() -> Self {
        let coalesce = Duration::from_micros(1_500);
        UdpSettings { receive_buffer: 8 << 20, coalesce, force_rport: false, mtu: 1500 }
    }
}

impl UdpSettings {
    pub(super) fn check(self) -> Result<Self, ConfigError> {
        if self.coalesce > MAX_COALESCE {
            let found = humantime::format_duration(self.coalesce);
            return wrong("udp.coalesce", format!("expected up to 10ms, found {found}"));
        }
        Ok(self)
    }

    /// The largest request that may go as a datagram where there is a choice: 200 bytes below the path's MTU, which are
    /// the 1,300 of an unknown one where that is 1,500 (RFC 3261 18.1.1).
    pub(crate) fn largest_request(&self) -> usize {
        self.mtu.saturating_sub(200)
    }

    /// Whether a datagram of so many bytes takes more than one packet: there are headers of IP and UDP (RFC 791, 8200,
    /// 768) in front of it.
    pub(crate) fn is_fragmented(&self, to: SocketAddr, length: usize) -> bool {
        let headers = if to.is_ipv4() { 20 + 8 } else { 40 + 8 };
        length + headers > self.mtu
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_into_a_packet_is_known() {
        let udp = UdpSettings::default();
        let fragmented = |to: &str, length| udp.is_fragmented(to.parse().unwrap(), length);
        assert!(!fragmented("192.0.2.1:5060", 1472) && fragmented("192.0.2.1:5060", 1473));
        assert!(!fragmented("[2001:db8::1]:5060", 1452) && fragmented("[2001:db8::1]:5060", 1453));
    }

    #[test]
    fn datagrams_do_not_wait_for_long() {
        let check = |coalesce| UdpSettings { coalesce, ..UdpSettings::default() }.check();
        assert!(check(MAX_COALESCE).is_ok() && check(Duration::ZERO).is_ok());
        let error = check(Duration::from_millis(11)).unwrap_err().to_string();
        assert!(error.contains("udp.coalesce: expected up to 10ms, found 11ms"), "{error}");
    }
}
