//! How settings are shown: as they would be written, and without what must stay secret.

use serde::{Serialize, Serializer};
use settings::REDACTED;

/// The names of secrets, by which operators see which are in force and in which order.
pub(super) fn secrets<S: Serializer>(secrets: &[String], to: S) -> Result<S::Ok, S::Error> {
    let name = |secret: &String| match secret.split_once(':') {
        Some((name, _)) => format!("{name}:{REDACTED}"),
        None => REDACTED.to_owned(),
    };
    secrets.iter().map(name).collect::<Vec<_>>().serialize(to)
}
