//! Verbs that are not carried out.

use std::fmt;

use crate::error::{Error, ErrorKind, Fault};
use crate::position::Position;

/// An element in the place of a verb that is not carried out. By default a call ends here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// Its name as written, in the case it was written; `text` for text between verbs.
    pub name: String,
    /// Where it stands.
    pub position: Position,
    /// Whether TwiML has such a verb.
    pub known: bool,
}

/// Verbs of TwiML for voice that are not carried out.
const KNOWN: [&str; 9] = ["Connect", "Start", "Stop", "Enqueue", "Leave", "Pay", "Prompt", "Sms", "Echo"];

impl Unsupported {
    pub(crate) fn new(name: &str, position: Position) -> Self {
        Unsupported { name: name.to_owned(), position, known: KNOWN.contains(&name) }
    }

    /// The error that it is where calls end at it.
    pub fn error(&self) -> Error {
        Error { position: self.position, kind: self.kind() }
    }

    pub(crate) fn fault(&self, offset: usize) -> Fault {
        Fault { offset, kind: self.kind() }
    }

    fn kind(&self) -> ErrorKind {
        let name = self.name.clone();
        if self.known { ErrorKind::UnsupportedVerb { name } } else { ErrorKind::UnknownVerb { name } }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error().fmt(f)
    }
}
