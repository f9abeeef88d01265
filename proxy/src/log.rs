//! The log: each call at DEBUG, each message at TRACE, and never a line by default for what a stranger sent.

mod redact;

use sip::{Index, Limits, Message, Method};
use tracing::Level;

use crate::config::LogSettings;
use crate::metrics::label;
use crate::route::{Input, Verdict};

/// What became of a message. Costs nothing but a look at the level unless that is DEBUG or TRACE.
pub fn message(settings: &LogSettings, input: &Input<'_>, verdict: &Verdict) {
    if !tracing::enabled!(Level::DEBUG) {
        return;
    }
    let mut index = Index::new();
    let msg = Message::parse(input.bytes, &mut index, &Limits::default()).ok();
    let call_id = msg.and_then(|msg| msg.call_id().ok()).unwrap_or_default();
    let call_id = match settings.redact_numbers {
        true => redact::call_id(call_id, msg.as_ref()),
        false => call_id.escape_ascii().to_string(),
    };
    let first_line = |msg| first_line(msg, settings.redact_numbers);
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
        Verdict::Wait => tracing::trace!(%call_id, %source, "waits for DNS"),
        Verdict::Drop(cause, None) => tracing::trace!(%call_id, %source, cause = label(*cause), "dropped"),
    }
}

/// An INVITE that belongs to no dialog yet, or a retransmission of one.
fn begins_call(msg: &Message<'_>) -> bool {
    msg.request().is_some_and(|line| line.method == Method::Invite)
        && msg.to().is_ok_and(|to| to.tag().is_none())
}

fn first_line(msg: Message<'_>, redact: bool) -> String {
    match (msg.request(), msg.status()) {
        (Some(line), _) if redact => format!("{} {}", line.method, redact::uri(line.uri)),
        (Some(line), _) => format!("{} {}", line.method, line.uri.escape_ascii()),
        (None, Some(line)) => line.code.to_string(),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Result, Write};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;
    use crate::route::{Hop, Transport};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    /// What is logged of a call from one number to another, at TRACE.
    fn logged(redact_numbers: bool) -> String {
        let address = "192.0.2.1:5060".parse().unwrap();
        let bytes =
            b"INVITE sip:0238811000@203.0.113.10 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
            From: <sip:0715100860@192.0.2.1>;tag=a\r\nTo: <sip:0238811000@203.0.113.10>\r\n\
            Call-ID: 0715100860-1\r\nCSeq: 1 INVITE\r\n\r\n";
        let (transport, listener, connection, local) = (Transport::Udp, 0, None, None);
        let input =
            Input { bytes, source: address, local, listener, transport, connection, now: Duration::ZERO };
        let hop = Hop { listener, local, transport, address, connection, server: None };
        let verdicts = [
            Verdict::Forward { hop, new_call: None },
            Verdict::Reply { hop, code: 403 },
            Verdict::Drop(crate::route::Cause::Refused, None),
        ];
        let settings = LogSettings { redact_numbers, ..LogSettings::default() };
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            verdicts.iter().for_each(|verdict| message(&settings, &input, verdict));
        });
        let written = written.0.lock().unwrap().clone();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn numbers_are_shortened_where_the_settings_say_so_and_only_there() {
        let whole = logged(false);
        assert!(
            whole.contains("INVITE sip:0238811000@203.0.113.10") && whole.contains("0715100860-1"),
            "{whole}"
        );
        let short = logged(true);
        assert_eq!((short.lines().count(), short.matches("***60-1").count()), (3, 3), "{short}");
        assert!(short.contains("INVITE sip:***00@203.0.113.10"), "{short}");
        assert!(!short.contains("0715100") && !short.contains("0238811"), "{short}");
    }
}
