//! The one error of this crate: what was expected, what came, and where.

use std::fmt;

/// Why bytes are not what they should be. Positions count bytes from 0, in the message for what [`crate::Message`]
/// finds, in the value for what a typed value finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// Something else stands where `what` was expected; `found` is `None` at the end of the bytes.
    Expected {
        /// What the grammar wants here.
        what: &'static str,
        /// The byte that stands here instead.
        found: Option<u8>,
        /// Where.
        at: usize,
    },
    /// A limit was passed (see [`crate::Limits`]).
    TooMany {
        /// What there is too much of, with its unit: "bytes in a line", "header fields".
        what: &'static str,
        /// How many came (at least).
        found: usize,
        /// How many are taken.
        limit: usize,
    },
    /// A header field that every message must have is not there (RFC 3261 8.1.1).
    Missing(&'static str),
    /// A header field that must stand once stands several times with different values.
    Contradiction(&'static str),
    /// `Content-Length` promises more than came in the datagram (RFC 3261 18.3).
    Short {
        /// Bytes promised.
        promised: usize,
        /// Bytes that came.
        came: usize,
    },
}

impl Error {
    pub(crate) fn expected(what: &'static str, bytes: &[u8], at: usize) -> Self {
        Error::Expected { what, found: bytes.get(at).copied(), at }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Expected { what, found: Some(byte), at } => {
                write!(f, "expected {what} at byte {at}, found {:?}", char::from(*byte))
            }
            Error::Expected { what, found: None, at } => {
                write!(f, "expected {what} at byte {at}, found the end")
            }
            Error::TooMany { what, found, limit } => write!(f, "{found} {what}: at most {limit} are taken"),
            Error::Missing(name) => write!(f, "expected a {name} header field, found none"),
            Error::Contradiction(name) => {
                write!(f, "expected one {name} header field, found several that differ")
            }
            Error::Short { promised, came } => {
                write!(f, "expected a body of {promised} bytes as Content-Length says, found {came}")
            }
        }
    }
}

impl std::error::Error for Error {}
