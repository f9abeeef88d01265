//! What can be wrong with bytes that came, and with text that is to go out.

use std::fmt;

/// Why bytes from the other side are not what they should be. Positions count bytes from 0: of the connection for what
/// the decoders find, of the event for what [`crate::Event`] finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// Something else stands where `what` was expected; `found` is `None` at the end of the bytes.
    Expected {
        /// What belongs here.
        what: &'static str,
        /// The byte that stands here instead.
        found: Option<u8>,
        /// Where.
        at: u64,
    },
    /// A limit was passed (see [`crate::Limits`]).
    TooMany {
        /// What there is too much of, with its unit: "bytes in a body", "header lines".
        what: &'static str,
        /// How many came (at least).
        found: usize,
        /// How many are taken.
        limit: usize,
        /// Where the frame begins.
        at: u64,
    },
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
            Error::TooMany { what, found, limit, at } => {
                write!(f, "{found} {what} in the frame at byte {at}: at most {limit} are taken")
            }
        }
    }
}

impl std::error::Error for Error {}

/// Why text cannot stand in a command: FreeSWITCH would read something else there than was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where it was to stand: "a channel variable's value".
    pub place: &'static str,
    /// What is wrong: "a line end", "a brace that has no partner".
    pub found: &'static str,
    /// At which byte of the text, from 0.
    pub at: usize,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot hold {} (at byte {})", self.place, self.found, self.at)
    }
}

impl std::error::Error for Refused {}
