//! Settings: one TOML file, every key of which an environment variable can override.
//!
//! [`Settings`] is the file as it stands; `check.rs` turns it into a [`Config`], in which everything is known to be
//! right. What is not set has the default that `proxy.example.toml` shows.

mod capture;
mod check;
mod dns;
mod fetch;
mod health;
mod limits;
mod load;
mod show;
mod sources;
mod tcp;
mod tls;
mod udp;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use capture::{CaptureConfig, CaptureSettings};
pub use check::{Config, ListenerConfig, Source};
pub use dns::{DnsConfig, DnsSettings};
pub use fetch::{FetchSettings, ListUrl};
pub use health::{HealthConfig, HealthSettings};
pub use limits::LimitSettings;
pub use load::LoadSettings;
pub use settings::Error as ConfigError;
use settings::Secret;
pub use settings::log::{LogFormat, LogSettings};
pub use sources::{Sources, SourcesSetting};
pub use tcp::TcpSettings;
pub use tls::{TlsConfig, TlsListener};
pub use udp::UdpSettings;

use crate::table::Policy;

/// The file, key by key.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct Settings {
    pub workers: usize,
    #[serde(with = "settings::duration")]
    pub drain: Duration,
    pub handover: Option<PathBuf>,
    #[serde(serialize_with = "show::secrets")]
    pub secrets: Vec<String>,
    pub tokens: TokenSettings,
    pub listener: Vec<ListenerSettings>,
    pub targets: TargetSettings,
    pub fetch: FetchSettings,
    pub dispatch: DispatchSettings,
    pub load: LoadSettings,
    pub access: AccessSettings,
    pub limits: LimitSettings,
    pub headers: HeaderSettings,
    pub udp: UdpSettings,
    pub tcp: TcpSettings,
    pub health: HealthSettings,
    pub tls: TlsSettings,
    pub admin: AdminSettings,
    pub capture: CaptureSettings,
    pub dns: DnsSettings,
    pub log: LogSettings,
}

/// `[[listener]]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct ListenerSettings {
    pub name: String,
    pub bind: SocketAddr,
    pub advertise: Option<String>,
    pub internal: Option<String>,
    #[serde(default = "sip")]
    pub port_name: String,
    #[serde(default)]
    pub proxy_protocol: Vec<String>,
    pub tls: Option<TlsListenerSettings>,
}

/// `[listener.tls]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct TlsListenerSettings {
    pub bind: SocketAddr,
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub client_ca: Option<PathBuf>,
    pub advertise: Option<String>,
    pub internal: Option<String>,
}

/// `[tokens]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct TokenSettings {
    #[serde(with = "settings::duration")]
    pub lifetime: Duration,
}

/// `[targets]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct TargetSettings {
    pub url: Option<String>,
    pub fallback: Option<String>,
    pub list: Option<Vec<fleet::Target>>,
    #[serde(with = "settings::duration")]
    pub poll: Duration,
    pub cache: Option<PathBuf>,
    pub networks: Vec<String>,
}

/// `[dispatch]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct DispatchSettings {
    pub policy: Policy,
    #[serde(with = "settings::duration::optional")]
    pub slow_start: Option<Duration>,
    pub attempts: usize,
    #[serde(with = "settings::duration")]
    pub no_reply: Duration,
    pub no_answer: u16,
    pub max_pins: usize,
}

/// `[access]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct AccessSettings {
    pub sources: Option<SourcesSetting>,
    pub refused: Refused,
    #[serde(with = "settings::duration")]
    pub poll: Duration,
    pub cache: Option<PathBuf>,
}

/// What a source that may not start calls gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
pub enum Refused {
    /// An answer: 403.
    #[default]
    #[serde(rename = "403")]
    Forbidden,
    /// None: an answer to a call whose source is forged would reach somebody else.
    #[serde(rename = "drop")]
    Drop,
}

/// `[headers]`
#[derive(Debug, Clone, Deserialize, Default, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct HeaderSettings {
    pub strip: Vec<String>,
    pub add: BTreeMap<String, String>,
}

/// `[tls]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct TlsSettings {
    pub ca: Option<PathBuf>,
    pub names: BTreeMap<String, String>,
    #[serde(with = "settings::duration")]
    pub poll: Duration,
}

/// `[admin]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct AdminSettings {
    pub bind: SocketAddr,
    pub token: Option<Secret>,
    pub state_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            workers: 0,
            drain: Duration::from_secs(120),
            handover: None,
            secrets: Vec::new(),
            tokens: TokenSettings::default(),
            listener: Vec::new(),
            targets: TargetSettings::default(),
            fetch: FetchSettings::default(),
            dispatch: DispatchSettings::default(),
            load: LoadSettings::default(),
            access: AccessSettings::default(),
            limits: LimitSettings::default(),
            headers: HeaderSettings::default(),
            udp: UdpSettings::default(),
            tcp: TcpSettings::default(),
            health: HealthSettings::default(),
            tls: TlsSettings::default(),
            admin: AdminSettings::default(),
            capture: CaptureSettings::default(),
            dns: DnsSettings::default(),
            log: LogSettings::default(),
        }
    }
}

impl Default for TokenSettings {
    fn default() -> Self {
        TokenSettings { lifetime: Duration::from_secs(24 * 3600) }
    }
}

impl Default for TargetSettings {
    fn default() -> Self {
        TargetSettings {
            url: None,
            fallback: None,
            list: None,
            poll: Duration::from_secs(2),
            cache: None,
            networks: Vec::new(),
        }
    }
}

impl Default for DispatchSettings {
    fn default() -> Self {
        DispatchSettings {
            policy: Policy::default(),
            slow_start: None,
            attempts: 3,
            no_reply: Duration::from_secs(1),
            no_answer: 500,
            max_pins: 400_000,
        }
    }
}

impl Default for AccessSettings {
    fn default() -> Self {
        AccessSettings {
            sources: None,
            refused: Refused::default(),
            poll: Duration::from_secs(2),
            cache: None,
        }
    }
}

impl Default for TlsSettings {
    fn default() -> Self {
        TlsSettings { ca: None, names: BTreeMap::new(), poll: Duration::from_secs(10) }
    }
}

impl Default for AdminSettings {
    fn default() -> Self {
        AdminSettings { bind: SocketAddr::from(([127, 0, 0, 1], 8080)), token: None, state_file: None }
    }
}

fn sip() -> String {
    "sip".to_owned()
}

impl Config {
    /// Reads the file and the environment, and checks both.
    pub fn load(
        path: &Path,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        Config::check(settings::load(path, environment)?)
    }

    /// The same for settings that are at hand; `name` stands in errors.
    pub fn parse(
        text: &str,
        name: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        Config::check(settings::read(text, name, environment)?)
    }
}

#[cfg(test)]
mod tests;
