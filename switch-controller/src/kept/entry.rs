//! What is kept of a call, as JSON.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use settings::Secret;
use twiml::Method;

use crate::call::facts::{Application, Direction, Facts};
use crate::call::resume::{Left, Next, Place};

/// The format's.
const VERSION: u32 = 1;

/// What is kept of a call.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it is.
    pub facts: Facts,
    /// What it executes at its beginning: there may be no document yet.
    pub application: Option<Application>,
    /// Where it is.
    pub document: Option<Document>,
    /// When it came to be, in seconds of Unix time.
    pub began: u64,
    /// When it was answered, in milliseconds of Unix time.
    pub answered: Option<u64>,
    /// The host by which it left, if it did.
    pub trunk: Option<String>,
}

/// A document, and a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its text.
    pub text: String,
    /// Where it came from, if it came from a URL.
    pub url: Option<String>,
    /// Where in it the call is.
    pub place: Place,
}

impl Entry {
    /// What a call goes on with, so long after the beginning of Unix time; behind its Dial, if that was connected and is over.
    pub fn left(&self, now: Duration, dialled: bool) -> Option<Left> {
        let next = match &self.document {
            Some(document) => Next::Verb {
                document: document.text.clone(),
                url: document.url.clone(),
                place: document.place,
                dialled,
            },
            None => Next::Application(self.application.clone()?),
        };
        let since = |then: Duration| now.saturating_sub(then);
        Some(Left {
            next,
            answered: self.answered.map(|at| since(Duration::from_millis(at))),
            lasted: since(Duration::from_secs(self.began)),
            // Answers to what the process before has asked for may still come, under its numbers.
            asked: (now.as_secs() as u32).wrapping_mul(64),
        })
    }

    pub(super) fn to_json(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(&Written::from(self))?)
    }

    pub(super) fn from_json(text: &[u8]) -> io::Result<Self> {
        let written: Written = serde_json::from_slice(text)?;
        match written.version {
            VERSION => Ok(written.into()),
            other => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("expected version {VERSION}, found {other}"),
            )),
        }
    }
}

/// Unix time, now.
pub fn unix() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    channel: String,
    call_sid: String,
    account_sid: String,
    auth_token: String,
    outbound: bool,
    api_version: String,
    from: String,
    to: String,
    default_voice: String,
    fallback: Option<(String, bool)>,
    application: Option<WrittenApplication>,
    document: Option<WrittenDocument>,
    began: u64,
    answered: Option<u64>,
    trunk: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenApplication {
    Url { url: String, post: bool },
    Twiml(String),
}

#[derive(Serialize, Deserialize)]
struct WrittenDocument {
    text: String,
    url: Option<String>,
    verb: usize,
    documents: u32,
    verbs: u32,
}

impl From<&Entry> for Written {
    fn from(entry: &Entry) -> Self {
        let facts = entry.facts.clone();
        Written {
            version: VERSION,
            channel: facts.channel,
            call_sid: facts.call_sid,
            account_sid: facts.account_sid,
            auth_token: facts.auth_token.reveal().to_owned(),
            outbound: facts.direction == Direction::OutboundApi,
            api_version: facts.api_version,
            from: facts.from,
            to: facts.to,
            default_voice: facts.default_voice,
            fallback: facts.fallback.map(|(url, method)| (url, method == Method::Post)),
            application: entry.application.clone().map(|application| match application {
                Application::Url { url, method } => {
                    WrittenApplication::Url { url, post: method == Method::Post }
                }
                Application::Twiml(text) => WrittenApplication::Twiml(text),
            }),
            document: entry.document.clone().map(|Document { text, url, place }| {
                let Place { verb, documents, verbs } = place;
                WrittenDocument { text, url, verb, documents, verbs }
            }),
            began: entry.began,
            answered: entry.answered,
            trunk: entry.trunk.clone(),
        }
    }
}

impl From<Written> for Entry {
    fn from(written: Written) -> Self {
        let method = |post| if post { Method::Post } else { Method::Get };
        Entry {
            facts: Facts {
                channel: written.channel,
                call_sid: written.call_sid,
                account_sid: written.account_sid,
                auth_token: Secret::new(written.auth_token),
                direction: if written.outbound { Direction::OutboundApi } else { Direction::Inbound },
                api_version: written.api_version,
                from: written.from,
                to: written.to,
                default_voice: written.default_voice,
                fallback: written.fallback.map(|(url, post)| (url, method(post))),
            },
            application: written.application.map(|application| match application {
                WrittenApplication::Url { url, post } => Application::Url { url, method: method(post) },
                WrittenApplication::Twiml(text) => Application::Twiml(text),
            }),
            document: written.document.map(|WrittenDocument { text, url, verb, documents, verbs }| {
                Document { text, url, place: Place { verb, documents, verbs } }
            }),
            began: written.began,
            answered: written.answered,
            trunk: written.trunk,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::kept) fn entry(channel: &str) -> Entry {
        Entry {
            facts: Facts {
                channel: channel.to_owned(),
                call_sid: "CA1".to_owned(),
                account_sid: "AC1".to_owned(),
                auth_token: Secret::new("a token"),
                direction: Direction::OutboundApi,
                api_version: "2010-04-01".to_owned(),
                from: "1294".to_owned(),
                to: "+855715100860".to_owned(),
                default_voice: "Basic.Kal".to_owned(),
                fallback: Some(("https://b.example/".to_owned(), Method::Post)),
            },
            application: Some(Application::Url { url: "https://a.example/".to_owned(), method: Method::Get }),
            document: Some(Document {
                text: "<Response><Say>ជំរាបសួរ\n</Say></Response>".to_owned(),
                url: Some("https://a.example/".to_owned()),
                place: Place { verb: 3, documents: 2, verbs: 9 },
            }),
            began: 1_800_000_000,
            answered: Some(1_800_000_004_500),
            trunk: Some("sip.example.com".to_owned()),
        }
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        for entry in [entry("one"), Entry { document: None, answered: None, ..entry("two") }] {
            let read = Entry::from_json(&entry.to_json().unwrap()).unwrap();
            assert_eq!(read.to_json().unwrap(), entry.to_json().unwrap());
            assert_eq!(read.facts.auth_token.reveal(), "a token");
            assert_eq!((&read.facts.fallback, &read.trunk), (&entry.facts.fallback, &entry.trunk));
            assert_eq!(
                (read.facts.direction, &read.application, &read.document),
                (Direction::OutboundApi, &entry.application, &entry.document)
            );
        }
    }

    #[test]
    fn another_version_is_refused_by_its_number() {
        let text = String::from_utf8(entry("one").to_json().unwrap()).unwrap();
        let error = Entry::from_json(text.replace("\"version\":1", "\"version\":2").as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "expected version 1, found 2");
    }

    #[test]
    fn a_call_goes_on_with_its_document_and_before_that_with_its_application() {
        let now = Duration::from_secs(1_800_000_010);
        let left = entry("one").left(now, false).unwrap();
        assert_eq!(left.answered, Some(Duration::from_millis(5_500)));
        assert_eq!(left.lasted, Duration::from_secs(10));
        let Next::Verb { place, .. } = left.next else { panic!("no document") };
        assert_eq!(place.verb, 3);
        let young = Entry { document: None, ..entry("one") };
        assert!(matches!(young.left(now, false).unwrap().next, Next::Application(_)));
        assert!(Entry { application: None, ..young }.left(now, false).is_none());
    }
}
