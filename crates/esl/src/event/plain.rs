//! `text/event-plain`: what switch_event_serialize writes.

use super::{Builder, Event};
use crate::block::{split_header, trim_end};
use crate::error::Error;

/// In front of the elements of an array, which stand apart by `|:`.
const ARRAY: &str = "ARRAY::";

pub(super) fn parse(bytes: &[u8]) -> Result<Event, Error> {
    let mut event = Builder::default();
    let mut length: Option<usize> = None;
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |feed| feed + 1);
        let line = trim_end(rest.get(..end).unwrap_or_default());
        if line.is_empty() {
            at += end;
            break;
        }
        let (name, value) = split_header(line).ok_or(Error::Expected {
            what: "a header of an event: a name and a colon",
            found: line.first().copied(),
            at: at as u64,
        })?;
        let value = decode(value);
        let name = String::from_utf8_lossy(name);
        if name.eq_ignore_ascii_case("Content-Length") {
            let found = value.bytes().next();
            let what = "the length of the event's body in bytes";
            length = Some(value.parse().map_err(|_| Error::Expected { what, found, at: at as u64 })?);
        }
        match value.strip_prefix(ARRAY) {
            Some(elements) => elements.split("|:").for_each(|value| event.push(&name, value)),
            None => event.push(&name, &value),
        }
        at += end;
    }
    let Some(length) = length else { return Ok(event.finish(None)) };
    let rest = bytes.get(at..).unwrap_or_default();
    let body = rest.get(..length).ok_or(Error::Expected {
        what: "as much body as the event's Content-Length says",
        found: None,
        at: bytes.len() as u64,
    })?;
    Ok(event.finish(Some(&String::from_utf8_lossy(body))))
}

/// Undoes switch_url_encode. A `%` without two hexadecimal digits stands for itself, as in switch_url_decode.
fn decode(value: &[u8]) -> String {
    if value == b"_undef_" {
        return String::new();
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(percent) = memchr::memchr(b'%', rest) {
        let (before, behind) = rest.split_at(percent);
        bytes.extend_from_slice(before);
        let digit = |at: usize| behind.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        rest = match (digit(1), digit(2)) {
            (Some(high), Some(low)) => {
                bytes.extend(u8::try_from(high * 16 + low));
                behind.get(3..).unwrap_or_default()
            }
            _ => {
                bytes.push(b'%');
                behind.get(1..).unwrap_or_default()
            }
        };
    }
    bytes.extend_from_slice(rest);
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
