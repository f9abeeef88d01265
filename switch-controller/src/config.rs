//! Settings: one TOML file, every key of which an environment variable can override.
//!
//! [`Settings`] is the file as it stands; [`Config`] is what it means, in which everything is known to be right. What is not
//! set has the default that `switch-controller.example.toml` shows.

mod check;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use settings::Secret;
use settings::log::LogSettings;

pub use check::{Config, PlatformConfig, SwitchConfig};

/// The file, key by key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "switch-controller.example.toml documents each key")]
pub struct Settings {
    #[serde(with = "settings::duration")]
    pub drain: Duration,
    pub freeswitch: SwitchSettings,
    pub routes: RoutesSettings,
    pub platform: PlatformSettings,
    pub webhook: WebhookSettings,
    pub sounds: SoundSettings,
    pub speech: SpeechSettings,
    pub recordings: RecordingSettings,
    pub calls: CallSettings,
    pub api: ApiSettings,
    pub shared: SharedSettings,
    pub fleet: FleetSettings,
    pub limits: LimitSettings,
    pub log: LogSettings,
}

/// `[freeswitch]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "switch-controller.example.toml documents each key")]
pub struct SwitchSettings {
    pub address: String,
    pub password: Option<Secret>,
    pub password_file: Option<PathBuf>,
    pub profile: String,
    #[serde(with = "settings::duration")]
    pub answer_within: Duration,
    #[serde(with = "settings::duration")]
    pub silent: Duration,
}

/// `[routes]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "switch-controller.example.toml documents each key")]
pub struct RoutesSettings {
    pub file: Option<PathBuf>,
    #[serde(with = "settings::duration")]
    pub poll: Duration,
}

/// `[platform]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "switch-controller.example.toml documents each key")]
pub struct PlatformSettings {
    pub url: Option<String>,
    pub user: String,
    pub password: Option<Secret>,
    pub password_file: Option<PathBuf>,
    pub region: String,
    #[serde(with = "settings::duration")]
    pub timeout: Duration,
    #[serde(with = "settings::duration")]
    pub retry_for: Duration,
    #[serde(with = "settings::duration")]
    pub heartbeat: Duration,
    pub leg_events: bool,
    pub bucket: Option<String>,
    pub bucket_url: Option<String>,
    pub fallback: Option<PathBuf>,
    pub gateway_function: Option<String>,
    pub ca: Option<PathBuf>,
}

/// `[webhook]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "switch-controller.example.toml documents each key")]
pub struct WebhookSettings {
    #[serde(with = "settings::duration")]
    pub timeout: Duration,
    pub redirects: u32,
    pub documents: u32,
    pub body_bytes: usize,
    pub user_agent: String,
    pub allow: Vec<IpNet>,
    pub ca: Option<PathBuf>,
}

/// `[sounds]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "switch-controller.example.toml documents each key")]
pub struct SoundSettings {
    pub directory: PathBuf,
    pub cache_bytes: u64,
    pub file_bytes: u64,
    #[serde(with = "settings::duration")]
    pub timeout: Duration,
}

/// `[speech]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "switch-controller.example.toml documents each key")]
pub struct SpeechSettings {
    pub engine: SpeechEngine,
    pub command: Vec<String>,
    pub speak: String,
    pub speak_voice: String,
    #[serde(with = "settings::duration")]
    pub timeout: Duration,
    pub file_bytes: u64,
    pub at_once: usize,
}

/// What makes speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpeechEngine {
    /// A program, whose files are played.
    Command,
    /// A module of FreeSWITCH.
    Speak,
    /// Amazon Polly for its own voices, the program for all others.
    Polly,
}

/// `[recordings]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "switch-controller.example.toml documents each key")]
pub struct RecordingSettings {
    pub directory: PathBuf,
    pub url: Option<String>,
}

/// `[calls]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "switch-controller.example.toml documents each key")]
pub struct CallSettings {
    pub keep: bool,
    pub directory: PathBuf,
}

/// `[api]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "switch-controller.example.toml documents each key")]
pub struct ApiSettings {
    pub bind: SocketAddr,
    pub host: Option<String>,
    pub user: String,
    pub password: Option<Secret>,
}

/// `[shared]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "switch-controller.example.toml documents each key")]
pub struct SharedSettings {
    pub url: Option<String>,
    #[serde(with = "settings::duration")]
    pub interval: Duration,
}

/// `[fleet]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "switch-controller.example.toml documents each key")]
pub struct FleetSettings {
    pub url: Option<String>,
    pub id: Option<String>,
    #[serde(with = "settings::duration")]
    pub poll: Duration,
}

/// `[limits]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "switch-controller.example.toml documents each key")]
pub struct LimitSettings {
    #[serde(with = "settings::duration")]
    pub call_duration: Duration,
    #[serde(with = "settings::duration")]
    pub ringing: Duration,
    pub sessions: usize,
    /// So many calls of the API are remembered by their sid, and all that have not ended.
    pub remembered: usize,
    pub account_calls: Option<u32>,
    pub account_calls_per_second: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            drain: Duration::from_secs(3600),
            freeswitch: SwitchSettings::default(),
            routes: RoutesSettings::default(),
            platform: PlatformSettings::default(),
            webhook: WebhookSettings::default(),
            sounds: SoundSettings::default(),
            speech: SpeechSettings::default(),
            recordings: RecordingSettings::default(),
            calls: CallSettings::default(),
            api: ApiSettings::default(),
            shared: SharedSettings::default(),
            fleet: FleetSettings::default(),
            limits: LimitSettings::default(),
            log: LogSettings::default(),
        }
    }
}

impl Default for SwitchSettings {
    fn default() -> Self {
        SwitchSettings {
            address: "127.0.0.1:8021".to_owned(),
            password: None,
            password_file: None,
            profile: "nat_gateway".to_owned(),
            answer_within: Duration::from_secs(10),
            silent: Duration::from_secs(15),
        }
    }
}

impl Default for RoutesSettings {
    fn default() -> Self {
        RoutesSettings { file: None, poll: Duration::from_secs(2) }
    }
}

impl Default for PlatformSettings {
    fn default() -> Self {
        PlatformSettings {
            url: None,
            user: "services".to_owned(),
            password: None,
            password_file: None,
            region: "hydrogen".to_owned(),
            timeout: Duration::from_secs(5),
            retry_for: Duration::from_secs(15 * 60),
            heartbeat: Duration::from_secs(30),
            leg_events: true,
            bucket: None,
            bucket_url: None,
            fallback: None,
            gateway_function: None,
            ca: None,
        }
    }
}

impl Default for WebhookSettings {
    fn default() -> Self {
        WebhookSettings {
            timeout: Duration::from_secs(15),
            redirects: 5,
            documents: 10_000,
            body_bytes: 64 << 10,
            user_agent: "TwilioProxy/1.1".to_owned(),
            allow: Vec::new(),
            ca: None,
        }
    }
}

impl Default for SoundSettings {
    fn default() -> Self {
        SoundSettings {
            directory: PathBuf::from("/var/cache/switchyard/sounds"),
            cache_bytes: 2 << 30,
            file_bytes: 40 << 20,
            timeout: Duration::from_secs(30),
        }
    }
}

impl Default for SpeechSettings {
    fn default() -> Self {
        let command = ["espeak-ng", "--stdin", "--stdout", "-v", "{language}"];
        SpeechSettings {
            engine: SpeechEngine::Command,
            command: command.map(str::to_owned).to_vec(),
            speak: "flite".to_owned(),
            speak_voice: "slt".to_owned(),
            timeout: Duration::from_secs(20),
            file_bytes: 40 << 20,
            at_once: 4,
        }
    }
}

impl Default for CallSettings {
    fn default() -> Self {
        CallSettings { keep: true, directory: PathBuf::from("/var/lib/switchyard/calls") }
    }
}

impl Default for RecordingSettings {
    fn default() -> Self {
        RecordingSettings { directory: PathBuf::from("/var/lib/switchyard/recordings"), url: None }
    }
}

impl Default for ApiSettings {
    fn default() -> Self {
        ApiSettings {
            bind: SocketAddr::from(([127, 0, 0, 1], 8081)),
            host: None,
            user: "switchyard".to_owned(),
            password: None,
        }
    }
}

impl Default for SharedSettings {
    fn default() -> Self {
        SharedSettings { url: None, interval: Duration::from_secs(10) }
    }
}

impl Default for FleetSettings {
    fn default() -> Self {
        FleetSettings { url: None, id: None, poll: Duration::from_secs(5) }
    }
}

impl ApiSettings {
    /// How others reach it.
    pub fn reached_at(&self) -> String {
        self.host.clone().unwrap_or_else(|| self.bind.to_string())
    }
}

impl Default for LimitSettings {
    fn default() -> Self {
        let (call_duration, ringing) = (Duration::from_secs(4 * 3600), Duration::from_secs(600));
        LimitSettings {
            call_duration,
            ringing,
            sessions: 1_000,
            remembered: 100_000,
            account_calls: None,
            account_calls_per_second: None,
        }
    }
}

impl Config {
    /// Reads the file and the environment, and checks both.
    pub fn load(
        path: &Path,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, settings::Error> {
        Config::check(settings::load(path, environment)?)
    }

    /// The same for settings that are at hand; `name` stands in errors.
    pub fn parse(
        text: &str,
        name: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, settings::Error> {
        Config::check(settings::read(text, name, environment)?)
    }
}

#[cfg(test)]
mod tests;
