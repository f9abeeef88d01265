//! The one error of this crate: what was expected, what came, and where.

use std::borrow::Cow;
use std::fmt;

use crate::position::Position;

/// What is wrong with a document or one of its verbs, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Where it stands.
    pub position: Position,
    /// What it is.
    pub kind: ErrorKind,
}

/// What is wrong. As text it is one line; control characters and quotes of what a customer wrote are escaped, and what
/// is long is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text is not well-formed XML, or holds what this crate refuses (a DTD, an entity of its own, an encoding
    /// that it does not read).
    Xml {
        /// What should stand here.
        expected: Cow<'static, str>,
        /// What stands here instead.
        found: Found,
    },
    /// A limit was passed (see [`crate::Limits`]).
    TooMuch {
        /// What there is too much of, with its unit: "elements", "bytes in an attribute".
        what: &'static str,
        /// How much came, at least.
        found: usize,
        /// How much is taken.
        limit: usize,
    },
    /// The root element is not `<Response>`.
    Root,
    /// An element, or `text`, stands where the verb does not take it.
    NotAllowed {
        /// What stands there.
        child: String,
        /// The verb or noun that it stands in.
        parent: String,
    },
    /// Something that the verb cannot do without is missing.
    Missing {
        /// The verb or noun.
        element: String,
        /// What it must contain: "a URL".
        what: &'static str,
    },
    /// An attribute or a text has a value that the verb cannot be carried out with.
    Invalid {
        /// The verb or noun.
        element: String,
        /// The attribute; `None` for the element's text.
        attribute: Option<String>,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: Found,
    },
    /// A verb that TwiML does not have.
    UnknownVerb {
        /// Its name; `text` for text that stands between verbs.
        name: String,
    },
    /// A verb that TwiML has and Switchyard does not carry out.
    UnsupportedVerb {
        /// Its name.
        name: String,
    },
    /// Only ever a warning: something was not understood, and the verb is carried out without it.
    Ignored {
        /// The verb or noun.
        element: String,
        /// What is ignored: "attribute 'transcribe'", "&lt;Say&gt;".
        what: String,
    },
}

/// What a customer wrote where something else was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing: the document ends here.
    End,
    /// This, cut to [`Found::MAX_CHARS`] characters.
    Text(String),
}

impl Found {
    /// How many characters of what came are kept.
    pub const MAX_CHARS: usize = 64;

    /// What `text` begins with; the end where it is empty.
    pub(crate) fn start_of(text: &str) -> Found {
        if text.is_empty() { Found::End } else { Found::value(text) }
    }

    /// A value, which may be empty.
    pub(crate) fn value(text: &str) -> Found {
        Found::Text(cut(text))
    }
}

/// The first [`Found::MAX_CHARS`] characters, and a sign where there are more.
pub(crate) fn cut(text: &str) -> String {
    let mut kept: String = text.chars().take(Found::MAX_CHARS).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    kept
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::End => f.write_str("the end"),
            Found::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::Xml { expected, found } => {
                write!(f, "Error while parsing XML: expected {expected}, found {found}")
            }
            ErrorKind::TooMuch { what, found, limit } => {
                write!(f, "{found} {what}: at most {limit} are taken")
            }
            ErrorKind::Root => f.write_str("The root element must be the <Response> element"),
            ErrorKind::NotAllowed { child, parent } => {
                write!(f, "<{}> is not allowed within <{}>", cut(child), cut(parent))
            }
            ErrorKind::Missing { element, what } => write!(f, "<{}> must contain {what}", cut(element)),
            ErrorKind::Invalid { element, attribute: Some(attribute), expected, found } => {
                let (element, attribute) = (cut(element), cut(attribute));
                write!(f, "'{attribute}' of <{element}> must be {expected}, found {found}")
            }
            ErrorKind::Invalid { element, attribute: None, expected, found } => {
                write!(f, "<{}> must contain {expected}, found {found}", cut(element))
            }
            ErrorKind::UnknownVerb { name: verb } => write!(f, "Invalid element <{}>", cut(verb)),
            ErrorKind::UnsupportedVerb { name: verb } => write!(f, "<{}> is not supported", cut(verb)),
            ErrorKind::Ignored { element, what } => write!(f, "{what} of <{}> is ignored", cut(element)),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.kind)
    }
}

impl std::error::Error for Error {}

/// An error as the reader finds it: with a byte offset, which becomes a [`Position`] where it leaves the crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) offset: usize,
    pub(crate) kind: ErrorKind,
}

impl Fault {
    /// `source` is the document, `offset` where it has something else than `expected`.
    pub(crate) fn xml(source: &str, offset: usize, expected: impl Into<Cow<'static, str>>) -> Fault {
        let rest = source.get(offset..).unwrap_or_default();
        let line = rest.split(['\n', '\r']).next().filter(|line| !line.is_empty()).unwrap_or(rest);
        Fault { offset, kind: ErrorKind::Xml { expected: expected.into(), found: Found::start_of(line) } }
    }

    pub(crate) fn too_much(offset: usize, what: &'static str, found: usize, limit: usize) -> Fault {
        Fault { offset, kind: ErrorKind::TooMuch { what, found, limit } }
    }

    pub(crate) fn at(self, source: &str) -> Error {
        Error { position: Position::at(source, self.offset), kind: self.kind }
    }
}
