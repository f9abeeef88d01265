//! `[fetch]`, and lists at a URL.

use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;
use hyper::http::uri::Scheme;
use serde::{Deserialize, Serialize};
use settings::wrong;

use super::ConfigError;

/// What names of objects in S3 begin with.
const OBJECT: &str = "s3://";

/// `[fetch]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "proxy.example.toml documents each key")]
pub struct FetchSettings {
    #[serde(with = "settings::duration")]
    pub timeout: Duration,
    pub jitter: f64,
    pub ca: Option<PathBuf>,
}

impl Default for FetchSettings {
    fn default() -> Self {
        FetchSettings { timeout: Duration::from_secs(5), jitter: 0.2, ca: None }
    }
}

impl FetchSettings {
    pub(super) fn check(self) -> Result<Self, ConfigError> {
        let (least, most) = (Duration::from_millis(50), Duration::from_secs(300));
        if !(least..=most).contains(&self.timeout) {
            let found = humantime::format_duration(self.timeout);
            return wrong("fetch.timeout", format!("expected \"50ms\" to \"5m\", found \"{found}\""));
        }
        if !(0.0..=0.5).contains(&self.jitter) {
            let found = self.jitter;
            return wrong(
                "fetch.jitter",
                format!("expected a share of the interval from 0 to 0.5, found {found}"),
            );
        }
        Ok(self)
    }
}

/// A list that is fetched from an http or https URL, or from an object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListUrl {
    /// Where it is.
    pub url: Uri,
    /// Where the last good copy is kept.
    pub cache: Option<PathBuf>,
}

impl ListUrl {
    /// `None` if the text begins like no URL of this kind.
    pub(super) fn parse(text: &str, cache: Option<&PathBuf>) -> Option<Result<Self, String>> {
        if !["http://", "https://", OBJECT].iter().any(|scheme| text.starts_with(scheme)) {
            return None;
        }
        let wrong = |why: &str| Err(format!("expected an http, https or s3 URL, found {text:?}: {why}"));
        Some(match text.parse::<Uri>() {
            Err(error) => wrong(&error.to_string()),
            // It would stand in logs and in /config.
            Ok(url) if url.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
                wrong("user names and passwords are not supported")
            }
            Ok(url) if text.starts_with(OBJECT) && url.path().len() < 2 => wrong("expected s3://bucket/key"),
            Ok(url) => Ok(ListUrl { url, cache: cache.cloned() }),
        })
    }

    /// Whether it is in an object store.
    pub fn is_object(&self) -> bool {
        self.url.scheme_str() == Some("s3")
    }

    /// As the log shows it: what stands behind the path may be secret.
    pub fn shown(&self) -> String {
        let scheme = self.url.scheme().unwrap_or(&Scheme::HTTP);
        let authority = self.url.authority().map_or("", |authority| authority.as_str());
        format!("{scheme}://{authority}{}", self.url.path())
    }
}
