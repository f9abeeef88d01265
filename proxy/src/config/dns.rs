//! `[dns]`

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use settings::wrong;

use super::ConfigError;
use crate::dns::Rules;

/// `[dns]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct DnsSettings {
    pub servers: Vec<String>,
    #[serde(with = "settings::duration")]
    pub timeout: Duration,
    pub attempts: usize,
    #[serde(with = "settings::duration")]
    pub wait: Duration,
    pub waiting: usize,
    pub cache: usize,
    #[serde(with = "settings::duration")]
    pub min_ttl: Duration,
    #[serde(with = "settings::duration")]
    pub max_ttl: Duration,
    #[serde(with = "settings::duration")]
    pub negative_ttl: Duration,
}

/// How names are looked up.
#[derive(Debug, Clone)]
pub struct DnsConfig {
    /// Who is asked; none: the system's servers.
    pub servers: Vec<SocketAddr>,
    /// How long one of them may take for an answer.
    pub timeout: Duration,
    /// How often a question is asked.
    pub attempts: usize,
    /// How long a look-up may take in all.
    pub wait: Duration,
    /// How many messages may wait, and how many that were sent may be kept.
    pub waiting: usize,
    /// How long answers hold, and how many.
    pub rules: Rules,
}

impl Default for DnsSettings {
    fn default() -> Self {
        DnsSettings {
            servers: Vec::new(),
            timeout: Duration::from_secs(1),
            attempts: 2,
            wait: Duration::from_secs(5),
            waiting: 1000,
            cache: 1000,
            min_ttl: Duration::from_secs(1),
            max_ttl: Duration::from_secs(300),
            negative_ttl: Duration::from_secs(10),
        }
    }
}

impl DnsSettings {
    pub(super) fn check(self) -> Result<DnsConfig, ConfigError> {
        let server = |text: &String| match (text.parse(), text.parse::<IpAddr>()) {
            (Ok(address), _) if SocketAddr::port(&address) > 0 => Ok(address),
            (_, Ok(ip)) => Ok(SocketAddr::new(ip, 53)),
            _ => wrong("dns.servers", format!("expected addresses such as \"10.0.0.2:53\", found {text:?}")),
        };
        let within = |key: &str, time: Duration, least: Duration, most: Duration| match (least..=most)
            .contains(&time)
        {
            true => Ok(time),
            false => wrong(key, format!("expected {least:?} to {most:?}, found {time:?}")),
        };
        let count = |key: &str, count: usize, most: usize| match (1..=most).contains(&count) {
            true => Ok(count),
            false => wrong(key, format!("expected 1 to {most}, found {count}")),
        };
        let (tenth, second, day) =
            (Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(86_400));
        Ok(DnsConfig {
            servers: self.servers.iter().map(server).collect::<Result<_, _>>()?,
            timeout: within("dns.timeout", self.timeout, tenth, 10 * second)?,
            attempts: count("dns.attempts", self.attempts, 5)?,
            wait: within("dns.wait", self.wait, tenth, 30 * second)?,
            waiting: count("dns.waiting", self.waiting, 100_000)?,
            rules: Rules {
                most: count("dns.cache", self.cache, 10_000)?,
                min_ttl: within("dns.min_ttl", self.min_ttl, second, day)?,
                max_ttl: within("dns.max_ttl", self.max_ttl, self.min_ttl, day)?,
                negative_ttl: within("dns.negative_ttl", self.negative_ttl, second, day)?,
            },
        })
    }
}
