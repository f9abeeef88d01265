//! TwiML documents without I/O: XML -> typed verbs, with the position of every error.
//!
//! A [`Document`] is well-formed XML with `<Response>` as its root. Its verbs are read when they are reached, by their
//! number: what is wrong with a later one does not keep an earlier one from running, and a number in a variable is
//! enough to go on after a restart.
//!
//! ```
//! use twiml::{Document, Severity, Verb};
//!
//! let document = Document::parse(
//!     b"<?xml version=\"1.0\"?>
//! <Response>
//!   <Say voice=\"woman\">Press a key</Say>
//!   <Gather timeout=\"soon\">
//!     <Record/>
//!   </Gather>
//! </Response>",
//! )
//! .unwrap();
//! assert_eq!((document.len(), document.name(1)), (2, Some("Gather")));
//! let Some(Ok(Verb::Say(say))) = document.verb(0) else { panic!("a verb") };
//! assert_eq!((say.speech.text(), say.times), ("Press a key".to_owned(), 1));
//! let error = document.verb(1).unwrap().unwrap_err();
//! assert_eq!(error.to_string(), "line 5, column 5: <Record> is not allowed within <Gather>");
//! // All of them at once, for the log, with what was read as a default.
//! let problems = document.problems();
//! assert_eq!(
//!     problems[0].to_string(),
//!     "warning: line 4, column 11: 'timeout' of <Gather> must be whole seconds, found \"soon\""
//! );
//! assert_eq!((problems[1].severity, &problems[1].error), (Severity::Error, &error));
//! // The text is all that has to be kept.
//! assert_eq!(Document::parse(document.source().as_bytes()).unwrap(), document);
//! ```
//!
//! What is read, and where this differs from Twilio, stands in `docs/compatibility.md`.
//!
//! This crate must not contain: sockets, clocks, randomness, or anything about SIP or FreeSWITCH. What customers send
//! is hostile: [`Limits`] bound it, reading takes time in proportion to it, there are no DTDs and no entities but the
//! five of XML.
//!
//! | file | what it holds |
//! |---|---|
//! | `document.rs` | [`Document`]: the verbs by number, [`Problem`] |
//! | `verbs/` | [`Verb`]: one file for each verb and noun |
//! | `attributes.rs` | attributes as numbers, times, words, URLs |
//! | `url_ref.rs` | [`UrlRef`]: URLs as written, resolved later |
//! | `error.rs`, `position.rs` | [`Error`], [`Position`] |
//! | `limits.rs` | [`Limits`] |
//! | `source.rs` | bytes -> text |
//! | `tokens.rs`, `reference.rs` | text -> tags and text; names, references, escapes |
//! | `element.rs` | an element with all it holds |
#![forbid(unsafe_code)]

mod attributes;
mod document;
mod element;
mod error;
mod limits;
mod position;
mod reference;
mod source;
mod tokens;
mod url_ref;
mod verbs;

pub use document::{Document, Problem, Severity};
pub use error::{Error, ErrorKind, Found};
pub use limits::Limits;
pub use position::Position;
pub use url::Url;
pub use url_ref::{UrlError, UrlRef};
pub use verbs::*;
