//! The log: each call at DEBUG, each message at TRACE, and never a line by default for what a stranger sent.

use sip::{Index, Limits, Message, Method};
use tracing::Level;
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};
use crate::metrics::label;
use crate::route::{Input, Verdict};

/// Starts the log, to standard error.
pub fn start(settings: &LogSettings) -> Result<(), String> {
    let filter = EnvFilter::try_new(&settings.level).map_err(|error| {
        format!("log.level: expected a level or a tracing filter, found {:?}: {error}", settings.level)
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match settings.format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| error.to_string())
}

/// What became of a message. Costs nothing but a look at the level unless that is DEBUG or TRACE.
pub fn message(input: &Input<'_>, verdict: &Verdict) {
    if !tracing::enabled!(Level::DEBUG) {
        return;
    }
    let mut index = Index::new();
    let msg = Message::parse(input.bytes, &mut index, &Limits::default()).ok();
    let call_id = msg.and_then(|msg| msg.call_id().ok()).unwrap_or_default().escape_ascii();
    let source = input.source;
    match verdict {
        Verdict::Forward { hop, .. } if msg.is_some_and(|msg| begins_call(&msg)) => {
            tracing::debug!(%call_id, %source, to = %hop.address, "new call");
        }
        Verdict::Forward { hop, .. } => {
            let what = msg.map(first_line).unwrap_or_default();
            tracing::trace!(%call_id, %source, to = %hop.address, what, "forwarded");
        }
        Verdict::Reply { code, .. } => {
            let what = msg.map(first_line).unwrap_or_default();
            tracing::debug!(%call_id, %source, code, what, "answered");
        }
        Verdict::Answer(answer) => tracing::trace!(%source, code = answer.code, "probe answered"),
        Verdict::Drop(cause, Some(error)) => {
            tracing::debug!(%call_id, %source, cause = label(*cause), %error, "dropped");
        }
        Verdict::Drop(cause, None) => tracing::trace!(%call_id, %source, cause = label(*cause), "dropped"),
    }
}

/// An INVITE that belongs to no dialog yet, or a retransmission of one.
fn begins_call(msg: &Message<'_>) -> bool {
    msg.request().is_some_and(|line| line.method == Method::Invite)
        && msg.to().is_ok_and(|to| to.tag().is_none())
}

fn first_line(msg: Message<'_>) -> String {
    match (msg.request(), msg.status()) {
        (Some(line), _) => format!("{} {}", line.method, line.uri.escape_ascii()),
        (None, Some(line)) => line.code.to_string(),
        (None, None) => String::new(),
    }
}
