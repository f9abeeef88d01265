//! Settings of a program: one TOML file, every key of which an environment variable can override.
//!
//! A program says what its file looks like by a type that serde reads, with `deny_unknown_fields` and a default for
//! each key, and checks by itself what makes sense.
//!
//! ```
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Settings {
//!     #[serde(with = "settings::duration")]
//!     drain: std::time::Duration,
//! }
//!
//! let environment = [("SWITCHYARD_DRAIN".to_owned(), "30s".to_owned())];
//! let settings: Settings = settings::read("drain = \"2m\"", "program.toml", environment.into_iter())?;
//! assert_eq!(settings.drain.as_secs(), 30);
//! # Ok::<(), settings::Error>(())
//! ```
//!
//! - [`read`] and [`load`]: file and environment ([`environment`])
//! - [`duration`], [`Secret`]: kinds of values that most programs have
//! - [`log`]: `[log]`, the same for all programs
//! - [`program`]: arguments, settings, log, run
//! - [`probe`]: asking a running program whether it is well

pub mod duration;
pub mod log;
pub mod probe;
pub mod program;

mod environment;
mod secret;

use std::path::Path;

use serde::de::DeserializeOwned;

pub use environment::environment;
pub use secret::{REDACTED, Secret};

/// Why settings are refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{path}: {error}")]
    Read {
        /// Which file.
        path: String,
        /// Why not.
        error: std::io::Error,
    },
    /// The file is no TOML, has an unknown key or a value of the wrong kind. The text shows the line.
    #[error("{path}: {error}")]
    File {
        /// Which file.
        path: String,
        /// What and where.
        error: toml::de::Error,
    },
    /// An environment variable is no setting, or has a value of the wrong kind.
    #[error("environment variable {name}: {what}")]
    Environment {
        /// The variable.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// A value is of the right kind and makes no sense all the same.
    #[error("{key}: {what}")]
    Value {
        /// The setting.
        key: String,
        /// What was expected and what came.
        what: String,
    },
}

/// A value that makes no sense.
pub fn wrong<T>(key: &str, what: impl Into<String>) -> Result<T, Error> {
    Err(Error::Value { key: key.to_owned(), what: what.into() })
}

/// Reads the file, and the environment over it.
pub fn load<S: DeserializeOwned>(
    path: &Path,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<S, Error> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Error::Read { path: shown.clone(), error })?;
    read(&text, &shown, environment)
}

/// The same for settings that are at hand; `name` stands in errors.
pub fn read<S: DeserializeOwned>(
    text: &str,
    name: &str,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<S, Error> {
    let file = |error| Error::File { path: name.to_owned(), error };
    // First by itself, since only then errors know their place in the file.
    let settings: S = toml::from_str(text).map_err(file)?;
    environment::apply(settings, toml::from_str(text).map_err(file)?, environment)
}
