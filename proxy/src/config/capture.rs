//! `[capture]`

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use settings::{Secret, wrong};

use super::ConfigError;
use super::check::ListenerConfig;

/// The longest password, in bytes.
const MAX_PASSWORD: usize = 255;

/// `[capture]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct CaptureSettings {
    pub collector: Option<SocketAddr>,
    pub node: u32,
    pub sample: f64,
    pub password: Option<Secret>,
}

/// Which messages are captured, and for whom.
#[derive(Debug, Clone)]
pub struct CaptureConfig {
    /// Who gets them.
    pub collector: SocketAddr,
    /// What the collector knows us by.
    pub node: u32,
    /// The share of calls, more than 0 and at most 1.
    pub sample: f64,
    /// What it knows those by whom it trusts.
    pub password: Option<Secret>,
}

impl Default for CaptureSettings {
    fn default() -> Self {
        CaptureSettings { collector: None, node: 2001, sample: 1.0, password: None }
    }
}

impl CaptureSettings {
    /// `None`: nothing is captured.
    pub(super) fn check(self, listeners: &[ListenerConfig]) -> Result<Option<CaptureConfig>, ConfigError> {
        if !(0.0..=1.0).contains(&self.sample) {
            return wrong(
                "capture.sample",
                format!("expected a share of calls from 0 to 1, found {}", self.sample),
            );
        }
        if let Some(length) = self.password.as_ref().map(|password| password.reveal().len())
            && !(1..=MAX_PASSWORD).contains(&length)
        {
            return wrong("capture.password", format!("expected 1 to {MAX_PASSWORD} bytes, found {length}"));
        }
        let Some(collector) = self.collector else { return Ok(None) };
        // Each packet would be captured in its turn.
        let is_ours = |bind: SocketAddr| {
            bind == collector || (bind.ip().is_unspecified() && bind.port() == collector.port())
        };
        if collector.port() == 0 || listeners.iter().any(|listener| is_ours(listener.bind)) {
            return wrong(
                "capture.collector",
                format!("expected an address and port that no listener has, found {collector}"),
            );
        }
        let CaptureSettings { node, sample, password, .. } = self;
        Ok((sample > 0.0).then_some(CaptureConfig { collector, node, sample, password }))
    }
}
