//! The token of the admin port.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use settings::REDACTED;
use sha2::{Digest, Sha256};

/// The shortest token that is taken, in bytes.
const MIN_TOKEN: usize = 16;

/// Lets whoever has it change things. It is never shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// Whether this is it. Digests are compared, so that the time it takes tells nothing of the token.
    pub fn is(&self, other: &[u8]) -> bool {
        Sha256::digest(self.0.as_bytes()) == Sha256::digest(other)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match self.0.len() >= MIN_TOKEN && self.0.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(()),
            // The token itself must not reach the log.
            false => Err(format!("expected {MIN_TOKEN} or more letters, digits and signs without space")),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(REDACTED)
    }
}
