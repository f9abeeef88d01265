//! What is written into settings and shown to nobody.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// The shortest token that is taken, in bytes.
const MIN_TOKEN: usize = 16;

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// A password or a token. Shown, logged or written out it is [`REDACTED`].
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// A secret that does not come from settings.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether it is of use as a token, which whoever has it may act with: long enough, and fit for a header field.
    pub fn check_token(&self) -> Result<(), String> {
        match self.0.len() >= MIN_TOKEN && self.0.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(()),
            // The token itself must not reach the log.
            false => Err(format!("expected {MIN_TOKEN} or more letters, digits and signs without space")),
        }
    }

    /// Whether that is it, in a time that says nothing of how much of it is right.
    pub fn is(&self, other: impl AsRef<[u8]>) -> bool {
        let (ours, theirs) = (self.0.as_bytes(), other.as_ref());
        ours.len() == theirs.len() && ours.iter().zip(theirs).fold(0, |odd, (a, b)| odd | (a ^ b)) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_itself_alone_and_is_not_shown() {
        let secret = Secret::new("hunter2");
        assert!(secret.is("hunter2") && secret.reveal() == "hunter2");
        assert!(!secret.is("hunter3") && !secret.is("hunter22") && !secret.is(""));
        assert_eq!(format!("{secret:?}"), REDACTED);
    }
}
