//! Events as FreeSWITCH writes them.

use std::fmt::Write;

use serde::ser::{SerializeMap, Serializer};

use super::Event;

/// What switch_url_encode replaces besides bytes below a space and above `~` (SWITCH_URL_UNSAFE).
const UNSAFE: &[u8] = b"\r\n #%&+:;<=>?@[\\]^`{|}\"";

impl Event {
    /// As the body of a `text/event-plain` frame (switch_event_serialize), faults included: see [`Event::from_plain`].
    pub fn to_plain(&self) -> String {
        let mut out = String::new();
        for (name, values) in self.grouped() {
            out.push_str(name);
            out.push_str(": ");
            match &*values {
                [""] => out.push_str("_undef_"),
                [value] => encode(value, &mut out),
                values => encode(&format!("ARRAY::{}", values.join("|:")), &mut out),
            }
            out.push('\n');
        }
        match self.body().filter(|body| !body.is_empty()) {
            Some(body) => {
                let _ = writeln!(out, "Content-Length: {}", body.len());
                out.push('\n');
                out.push_str(body);
            }
            None => out.push('\n'),
        }
        out
    }

    /// As the body of a `text/event-json` frame (switch_event_serialize_json).
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        // Writing strings into memory cannot fail.
        let _ = self.write_json(&mut serde_json::Serializer::new(&mut out));
        String::from_utf8(out).unwrap_or_default()
    }

    fn write_json<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        let mut map = json.serialize_map(None)?;
        for (name, values) in self.grouped() {
            match &*values {
                [value] => map.serialize_entry(name, value)?,
                values => map.serialize_entry(name, values)?,
            }
        }
        if let Some(body) = self.body() {
            map.serialize_entry("Content-Length", &body.len().to_string())?;
            map.serialize_entry("_body", body)?;
        }
        map.end()
    }

    /// Headers with neighbours of one name together, which are an array.
    fn grouped(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        let mut headers = self.headers().peekable();
        std::iter::from_fn(move || {
            let (name, value) = headers.next()?;
            let mut values = vec![value];
            while let Some((_, value)) = headers.next_if(|(other, _)| *other == name) {
                values.push(value);
            }
            Some((name, values))
        })
    }
}

fn encode(value: &str, out: &mut String) {
    let bytes = value.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        // Only these digits: FreeSWITCH looks for capital letters.
        let digit = |at: usize| bytes.get(at).is_some_and(|byte| b"0123456789ABCDEF".contains(byte));
        let encoded = *byte == b'%' && digit(at + 1) && digit(at + 2);
        if !encoded && (!(b' '..=b'~').contains(byte) || UNSAFE.contains(byte)) {
            let _ = write!(out, "%{byte:02X}");
        } else {
            out.push(char::from(*byte));
        }
    }
}
