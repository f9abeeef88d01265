//! `[log]`: what is written to standard error.

pub mod redact;

use std::io::{self, IsTerminal, Write};

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// `[log]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// A level, or a filter as tracing has it: `info,proxy::health=debug`.
    pub level: String,
    /// For whom.
    pub format: LogFormat,
    /// Whether telephone numbers are shortened.
    pub redact_numbers: bool,
}

/// For whom the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        LogSettings { level: "info".to_owned(), format: LogFormat::Text, redact_numbers: false }
    }
}

/// What is written of a line.
pub type Rewrite = fn(&str) -> String;

/// Starts the log. With `rewrite`, what it says is written of each line.
pub fn start(settings: &LogSettings, rewrite: Option<Rewrite>) -> Result<(), String> {
    let filter = EnvFilter::try_new(&settings.level).map_err(|error| {
        format!("log.level: expected a level or a tracing filter, found {:?}: {error}", settings.level)
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || Lines { rewrite });
    let started = match settings.format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| error.to_string())
}

/// Standard error, which gets a whole line at once.
struct Lines {
    rewrite: Option<Rewrite>,
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.rewrite {
            Some(rewrite) => io::stderr().write_all(rewrite(&String::from_utf8_lossy(line)).as_bytes())?,
            None => io::stderr().write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
