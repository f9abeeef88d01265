//! `text/event-json`: what switch_event_serialize_json writes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Builder, Event};
use crate::error::Error;

pub(super) fn parse(bytes: &[u8]) -> Result<Event, Error> {
    // cJSON writes bytes above 127 as they are: what a carrier sends in Latin-1 arrives so.
    let text = String::from_utf8_lossy(bytes);
    let mut json = serde_json::Deserializer::from_str(&text);
    let event = json.deserialize_map(Object).and_then(|event| json.end().map(|()| event));
    event.map_err(|error| {
        let at = offset(&text, error.line(), error.column());
        let found = text.as_bytes().get(at).copied();
        Error::Expected { what: "an object of strings and arrays of strings", found, at: at as u64 }
    })
}

/// Where a line and a column of serde_json's are, both counted from 1.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    before + column.saturating_sub(1)
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Event;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Event, M::Error> {
        let mut event = Builder::default();
        let mut body = None;
        while let Some(Text(name)) = map.next_key()? {
            match map.next_value()? {
                Value::One(value) if name == "_body" => body = Some(value),
                Value::One(value) => event.push(&name, &value),
                Value::Many(values) => values.iter().for_each(|value| event.push(&name, value)),
            }
        }
        Ok(event.finish(body.as_deref()))
    }
}

/// A string, borrowed where nothing in it is escaped.
struct Text<'de>(Cow<'de, str>);

impl<'de> de::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        match json.deserialize_str(AnyValue)? {
            Value::One(text) => Ok(Text(text)),
            Value::Many(_) => Err(de::Error::custom("a string was expected")),
        }
    }
}

enum Value<'de> {
    One(Cow<'de, str>),
    Many(Vec<Cow<'de, str>>),
}

impl<'de> de::Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::One(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::One(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Value<'de>, E> {
        Ok(Value::One(Cow::Owned(text)))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Value<'de>, S::Error> {
        let mut all = Vec::new();
        while let Some(Text(text)) = seq.next_element()? {
            all.push(text);
        }
        Ok(Value::Many(all))
    }
}
