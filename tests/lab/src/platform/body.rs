//! What may stand in a request.

use serde_json::{Map, Value};

/// What a value has to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Text that is not empty.
    Text,
    /// An http or https URL.
    Url,
    /// `GET` or `POST`.
    Method,
    /// 0 or more.
    Count,
    /// Texts, at least one.
    Texts,
    /// Anything with keys.
    Object,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        match self {
            Kind::Text => text(value),
            Kind::Url => value
                .as_str()
                .and_then(|text| url::Url::parse(text).ok())
                .is_some_and(|url| matches!(url.scheme(), "http" | "https")),
            Kind::Method => matches!(value.as_str(), Some("GET" | "POST")),
            Kind::Count => value.as_u64().is_some(),
            Kind::Texts => value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(text)),
            Kind::Object => value.is_object(),
        }
    }
}

/// Reads an object that has to have some keys, may have others, and no more.
pub(super) fn read(
    body: &[u8],
    required: &[(&str, Kind)],
    optional: &[(&str, Kind)],
) -> Result<Map<String, Value>, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| format!("expected JSON: {error}"))?;
    let Value::Object(object) = value else { return Err(format!("expected an object, found {value}")) };
    for (key, kind) in required {
        let value = object.get(*key).ok_or_else(|| format!("{key} is missing"))?;
        if !kind.fits(value) {
            return Err(format!("{key}: expected {kind:?}, found {value}"));
        }
    }
    for (key, value) in &object {
        if required.iter().any(|(known, _)| known == key) {
            continue;
        }
        match optional.iter().find(|(known, _)| known == key) {
            None => return Err(format!("{key}: unknown")),
            Some((_, kind)) if !kind.fits(value) => {
                return Err(format!("{key}: expected {kind:?}, found {value}"));
            }
            Some(_) => {}
        }
    }
    Ok(object)
}

/// A text of an object; empty where there is none.
pub(super) fn text<'a>(object: &'a Map<String, Value>, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_what_it_must_and_no_more() {
        let read =
            |text: &str| read(text.as_bytes(), &[("a", Kind::Text)], &[("n", Kind::Count)]).map(|_| ());
        assert_eq!(read(r#"{"a":"x","n":0}"#), Ok(()));
        for (text, expected) in [
            ("x", "expected JSON"),
            ("[]", "expected an object"),
            ("{}", "a is missing"),
            (r#"{"a":""}"#, "a: expected Text"),
            (r#"{"a":"x","n":-1}"#, "n: expected Count"),
            (r#"{"a":"x","n":null}"#, "n: expected Count"),
            (r#"{"a":"x","b":1}"#, "b: unknown"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
