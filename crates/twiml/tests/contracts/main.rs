//! What TwiML means, case by case. The letter and number that a name begins with are those of docs/compatibility.md.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests report by panicking")]

mod dial;
mod documents;
mod gather;
mod record;
mod say_play_pause;
mod small_verbs;

use twiml::{Document, Verb};

/// The document with this in its `<Response>`.
fn response(inner: &str) -> Document {
    Document::parse(format!("<Response>{inner}</Response>").as_bytes()).unwrap()
}

/// The only verb of the document.
fn verb(inner: &str) -> Verb {
    let document = response(inner);
    assert_eq!(document.len(), 1, "{inner}");
    document.verb(0).unwrap().unwrap()
}

/// What is wrong with the first verb, without its position.
fn error(inner: &str) -> String {
    response(inner).verb(0).unwrap().unwrap_err().kind.to_string()
}

/// All problems, one a line.
fn problems(inner: &str) -> Vec<String> {
    response(inner).problems().iter().map(ToString::to_string).collect()
}

/// The verb of this kind, or the test fails.
#[macro_export]
macro_rules! only {
    ($kind:ident, $inner:expr) => {{
        let verb = $crate::verb($inner);
        let twiml::Verb::$kind(verb) = verb else { panic!("{verb:?}") };
        verb
    }};
}
