//! Events: names and values, and sometimes a body.

mod json;
mod plain;
mod write;

use std::fmt;
use std::sync::Arc;

use crate::error::Error;

/// One event. Two allocations whatever it carries; a clone is a reference.
///
/// Names are compared in any case, as FreeSWITCH does. What is no UTF-8 has become U+FFFD.
///
/// A CHANNEL_EXECUTE_COMPLETE carries all variables of its channel and takes about 8 KB: take out what matters and let the
/// event go.
#[derive(Clone, PartialEq, Eq)]
pub struct Event(Arc<Parts>);

#[derive(PartialEq, Eq)]
struct Parts {
    /// All names and values one behind the other, then the body.
    text: Box<str>,
    /// For each header where its name ends and where its value ends. A name begins where the value before it ends.
    ends: Box<[(u32, u32)]>,
    has_body: bool,
}

impl Event {
    /// From the body of a `text/event-plain` frame: lines with URL-encoded values, and behind an empty line a body of as
    /// many bytes as the event's own `Content-Length` says.
    ///
    /// In this format FreeSWITCH leaves a `%` as it is if two hexadecimal digits follow (switch_url_encode), so that a
    /// value `%41` arrives as `A`; and an empty value as `_undef_`, which is taken back here. JSON has neither fault.
    pub fn from_plain(bytes: &[u8]) -> Result<Self, Error> {
        plain::parse(bytes)
    }

    /// From the body of a `text/event-json` frame, or what `uuid_dump <uuid> json` prints: one object of strings and
    /// arrays of strings, with the body as `_body`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        json::parse(bytes)
    }

    /// Made here: the stand-in for FreeSWITCH in tests sends these.
    pub fn new<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>, body: Option<&str>) -> Self {
        let mut parts = Builder::default();
        for (name, value) in headers {
            parts.push(name, value);
        }
        parts.finish(body)
    }

    /// Names and values in the order in which they came, without the body's `Content-Length`. An array stands here as several headers of one name.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut begin = 0;
        self.0.ends.iter().map(move |(name_end, value_end)| {
            let name = self.cut(begin, *name_end);
            begin = *value_end;
            (name, self.cut(*name_end, *value_end))
        })
    }

    fn cut(&self, begin: u32, end: u32) -> &str {
        self.0.text.get(begin as usize..end as usize).unwrap_or_default()
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// A channel variable: the header `variable_...`.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All channel variables, without their prefix.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        const PREFIX: &str = "variable_";
        self.headers().filter_map(|(name, value)| {
            let (prefix, rest) = name.split_at_checked(PREFIX.len())?;
            prefix.eq_ignore_ascii_case(PREFIX).then_some((rest, value))
        })
    }

    /// `Event-Name`: `CHANNEL_PARK`; empty where there is none, as in what `uuid_dump` prints of other versions.
    pub fn name(&self) -> &str {
        self.header("Event-Name").unwrap_or_default()
    }

    /// `Event-Subclass` of a `CUSTOM` event: `conference::maintenance`.
    pub fn subclass(&self) -> Option<&str> {
        self.header("Event-Subclass")
    }

    /// `Unique-ID`: the channel.
    pub fn unique_id(&self) -> Option<&str> {
        self.header("Unique-ID")
    }

    /// `Job-UUID` of a BACKGROUND_JOB.
    pub fn job_uuid(&self) -> Option<&str> {
        self.header("Job-UUID")
    }

    /// `Application-UUID`: what was sent as `Event-UUID` with the execute that this event tells of.
    pub fn application_uuid(&self) -> Option<&str> {
        self.header("Application-UUID")
    }

    /// `Core-UUID`: this run of FreeSWITCH. Another one means that it was restarted and its calls are gone.
    pub fn core_uuid(&self) -> Option<&str> {
        self.header("Core-UUID")
    }

    /// What stands behind the headers: a background job's result.
    pub fn body(&self) -> Option<&str> {
        let begin = self.0.ends.last().map_or(0, |(_, value_end)| *value_end as usize);
        if self.0.has_body { self.0.text.get(begin..) } else { None }
    }

    /// Bytes that it takes in memory.
    pub fn size(&self) -> usize {
        size_of::<Parts>() + self.0.text.len() + size_of_val(&*self.0.ends)
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.headers()).entries(self.body().map(|body| ("_body", body))).finish()
    }
}

/// An event while it is read.
#[derive(Default)]
struct Builder {
    text: String,
    ends: Vec<(u32, u32)>,
}

impl Builder {
    /// `Content-Length` is left out: it says how long the body was on the wire, and is made anew for each format. And
    /// `_body`, which JSON calls the body by, and no header of FreeSWITCH's can be called (switch_event_base_add_header).
    fn push(&mut self, name: &str, value: &str) {
        if name.eq_ignore_ascii_case("Content-Length") || name == "_body" {
            return;
        }
        self.text.push_str(name);
        let name_end = self.text.len();
        self.text.push_str(value);
        // Limits on bodies keep events far below 4 GB; one that is over loses what is behind.
        if let (Ok(name_end), Ok(value_end)) = (name_end.try_into(), self.text.len().try_into()) {
            self.ends.push((name_end, value_end));
        }
    }

    fn finish(mut self, body: Option<&str>) -> Event {
        self.text.push_str(body.unwrap_or_default());
        let (text, ends) = (self.text.into_boxed_str(), self.ends.into_boxed_slice());
        Event(Arc::new(Parts { text, ends, has_body: body.is_some() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Event {
        Event::from_plain(text.as_bytes()).unwrap()
    }

    #[test]
    fn plain_values_are_decoded() {
        let event = plain(
            "Event-Name: CUSTOM\nEvent-Subclass: conference%3A%3Amaintenance\nvariable_a: b%20c%0A%E1\nx: %zz%4\n\n",
        );
        assert_eq!((event.name(), event.subclass()), ("CUSTOM", Some("conference::maintenance")));
        assert_eq!(
            (event.variable("A"), event.header("VARIABLE_a")),
            (Some("b c\n\u{fffd}"), Some("b c\n\u{fffd}"))
        );
        assert_eq!((event.header("X"), event.variable("x"), event.body()), (Some("%zz%4"), None, None));
    }

    #[test]
    fn an_events_own_body_is_as_long_as_it_says() {
        let event = plain("Job-UUID: 1\nContent-Length: 5\n\n+OK\n\nmore");
        assert_eq!(
            (event.body(), event.job_uuid(), event.headers().count()),
            (Some("+OK\n\n"), Some("1"), 1)
        );
        let short = Event::from_plain(b"Content-Length: 5\n\n+OK");
        let what = "as much body as the event's Content-Length says";
        assert_eq!(short, Err(Error::Expected { what, found: None, at: 22 }));
        assert!(matches!(
            Event::from_plain(b"a: 1\nno colon\n\n"),
            Err(Error::Expected { found: Some(b'n'), at: 5, .. })
        ));
    }

    #[test]
    fn an_array_is_several_headers_in_either_format() {
        let json = Event::from_json(br#"{"a":["x","y"],"b":"z"}"#).unwrap();
        assert_eq!(json, plain("a: ARRAY%3A%3Ax%7C%3Ay\nb: z\n\n"));
        assert_eq!(json.headers().collect::<Vec<_>>(), [("a", "x"), ("a", "y"), ("b", "z")]);
        assert_eq!(
            (json.to_json(), json.to_plain()),
            (r#"{"a":["x","y"],"b":"z"}"#.into(), "a: ARRAY%3A%3Ax%7C%3Ay\nb: z\n\n".into())
        );
    }

    #[test]
    fn what_plain_cannot_tell_apart_json_can() {
        let event = Event::new([("a", "%41"), ("b", "_undef_"), ("c", "")], None);
        assert_eq!(event.to_plain(), "a: %41\nb: _undef_\nc: _undef_\n\n");
        assert_eq!(
            plain(&event.to_plain()).headers().map(|(_, value)| value).collect::<Vec<_>>(),
            ["A", "", ""]
        );
        assert_eq!(Event::from_json(event.to_json().as_bytes()), Ok(event));
    }

    #[test]
    fn json_that_is_no_event_tells_where() {
        let at = |json: &[u8]| match Event::from_json(json) {
            Err(Error::Expected { at, .. }) => at,
            other => panic!("{other:?}"),
        };
        assert_eq!(at(b"{\"a\":1}"), 5);
        assert_eq!(at(b"{\"a\":\"b\"}\n}"), 10);
        assert!(Event::from_json(b"{\"a\":{\"b\":\"c\"}}").is_err() && Event::from_json(b"").is_err());
        let latin = Event::from_json(b"{\"a\":\"caf\xe9\"}").unwrap();
        assert_eq!(latin.header("a"), Some("caf\u{fffd}"));
    }
}
