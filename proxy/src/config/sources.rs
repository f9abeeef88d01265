//! `access.sources`: who may start calls, in the settings or in a file.

use std::fmt;
use std::path::PathBuf;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::ListUrl;
use crate::networks::Networks;

/// `access.sources` as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum SourcesSetting {
    /// Networks.
    List(Vec<String>),
    /// Where they are.
    Url(String),
}

/// Who may start calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sources {
    /// These.
    Inline(Networks),
    /// Those in a file that is watched: a network on each line.
    File(PathBuf),
    /// The same at a URL that is asked for.
    Url(ListUrl),
}

impl SourcesSetting {
    /// Reads it; `cache` is where the last good copy is kept of what comes from a URL.
    pub(super) fn check(&self, cache: Option<&PathBuf>) -> Result<Sources, String> {
        match self {
            SourcesSetting::List(list) => Networks::parse(list).map(Sources::Inline),
            SourcesSetting::Url(url) => match url.strip_prefix("file://") {
                Some(path) if path.starts_with('/') => Ok(Sources::File(PathBuf::from(path))),
                _ => match ListUrl::parse(url, cache) {
                    Some(list) => list.map(Sources::Url),
                    None => Err(format!(
                        "expected file:///path/to/a/list, http://..., https://... or s3://bucket/key, found {url:?}"
                    )),
                },
            },
        }
    }
}

impl<'de> Deserialize<'de> for SourcesSetting {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ListOrUrl)
    }
}

struct ListOrUrl;

impl<'de> Visitor<'de> for ListOrUrl {
    type Value = SourcesSetting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of networks, \"file:///path/to/a/list\" or \"https://host/path/to/a/list\"")
    }

    fn visit_str<E: serde::de::Error>(self, url: &str) -> Result<SourcesSetting, E> {
        Ok(SourcesSetting::Url(url.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<SourcesSetting, A::Error> {
        let mut networks = Vec::new();
        while let Some(network) = list.next_element()? {
            networks.push(network);
        }
        Ok(SourcesSetting::List(networks))
    }
}
