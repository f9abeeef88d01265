//! Why a snapshot is refused.

use std::net::IpAddr;

use crate::snapshot::{FORMAT, MAX_BYTES, MAX_TARGETS};

/// Why a snapshot is refused.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Not a byte.
    #[error("expected a target list, found nothing: an empty file or object")]
    Empty,
    /// More bytes than any fleet needs.
    #[error("a target list of {0} bytes: at most {MAX_BYTES} are taken")]
    TooLarge(usize),
    /// No JSON, or not of this shape.
    #[error(
        "expected a target list such as {{\"targets\": [{{\"id\": \"a\", \"address\": \"10.0.0.1\", \"ports\": {{\"sip\": 5060}}}}]}}: {0}"
    )]
    Json(#[from] serde_json::Error),
    /// Written by a later program, in a way that this one does not know.
    #[error("expected version {FORMAT} of the target list or an earlier one, found {0}")]
    Version(u32),
    /// More targets than places.
    #[error("a list of {0} targets: at most {MAX_TARGETS} are taken")]
    TooMany(usize),
    /// A target without a name.
    #[error("target {0} (counted from 1) has an empty id")]
    EmptyId(usize),
    /// A name that would not do in a log.
    #[error("target {0} (counted from 1): expected an id of up to 256 bytes without control characters")]
    BadId(usize),
    /// Likewise.
    #[error("target {0:?}: expected a {1} of 1 to 256 bytes without control characters")]
    BadName(String, &'static str),
    /// Two targets of one name.
    #[error("two targets have the id {0:?}")]
    DuplicateId(String),
    /// More ports than anybody has.
    #[error("target {0:?} has {1} ports: at most 64 are taken")]
    TooManyPorts(String, usize),
    /// A port that nobody can listen on.
    #[error("target {0:?} has port 0 for {1:?}")]
    PortZero(String, String),
    /// An address that is nobody's own.
    #[error("target {0:?} has the address {1}, which is nobody's own")]
    NobodysAddress(String, IpAddr),
}
