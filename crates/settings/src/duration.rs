//! Durations as people write them: `"120s"`, `"200ms"`, `"1h 30m"`. For serde's `with`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// Reads one.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    humantime::parse_duration(&text).map_err(|error| {
        serde::de::Error::custom(format!("expected a duration such as \"120s\" or \"200ms\": {error}"))
    })
}

/// Writes one as it would be written in the file.
pub fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&humantime::format_duration(*time))
}

/// The same for a duration that may be left out.
pub mod optional {
    use super::{Deserializer, Duration, Serializer};

    /// Reads one.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        super::deserialize(from).map(Some)
    }

    /// Writes one as it would be written in the file.
    pub fn serialize<S: Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, to),
            None => to.serialize_none(),
        }
    }
}
