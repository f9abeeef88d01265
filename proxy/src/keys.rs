//! The keys behind every hash that others see or could try to foresee.

use std::hash::{BuildHasher, Hasher, RandomState};

use sha2::{Digest, Sha256};

/// The shortest secret that is taken, in bytes.
const MIN_SECRET: usize = 16;

/// Keys for one purpose each, all made from the secrets that the proxies of a fleet share.
#[derive(Clone)]
pub struct Keys {
    /// Which target a call belongs to.
    pub pick: [u8; 16],
    /// Branches of our own Via: the first signs, all are recognised.
    pub branches: Vec<[u8; 16]>,
    /// To tags of our own refusals: the first signs, all are recognised.
    pub tags: Vec<[u8; 16]>,
    /// Dialog tokens: the first signs, all verify.
    pub tokens: Vec<TokenKey>,
}

/// A key for dialog tokens.
#[derive(Clone)]
pub struct TokenKey {
    /// What a token names its key by. Two keys may share one.
    pub id: u16,
    /// The key.
    pub secret: [u8; 16],
}

impl std::fmt::Debug for Keys {
    /// Shows how many there are and nothing of them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.tags.len())
    }
}

impl Keys {
    /// From secrets such as `k1:0123456789abcdef`, a name and then the secret itself; the first is in force.
    pub fn from_secrets(secrets: &[String]) -> Result<Self, String> {
        let parts: Vec<&[u8]> =
            secrets.iter().enumerate().map(|(i, text)| secret(i, text)).collect::<Result<_, _>>()?;
        let first = *parts.first().ok_or("expected at least one secret")?;
        let for_each = |label: &str| parts.iter().map(|secret| derive(label, secret)).collect();
        let token = |secret: &&[u8]| {
            let [high, low, ..] = derive("token-id", secret);
            TokenKey { id: u16::from_be_bytes([high, low]), secret: derive("token", secret) }
        };
        Ok(Keys {
            pick: derive("pick", first),
            branches: for_each("branch"),
            tags: for_each("to-tag"),
            tokens: parts.iter().map(token).collect(),
        })
    }

    /// For a proxy that has no secrets and is alone: different each time it starts.
    pub fn for_this_process() -> Result<Self, String> {
        // `RandomState` is seeded by the operating system; two make 16 bytes.
        let words = [RandomState::new(), RandomState::new()].map(|state| state.build_hasher().finish());
        Keys::from_secrets(&[format!("process:{:016x}{:016x}", words[0], words[1])])
    }
}

fn secret(place: usize, text: &str) -> Result<&[u8], String> {
    match text.split_once(':') {
        Some((name, secret)) if !name.is_empty() && secret.len() >= MIN_SECRET => Ok(secret.as_bytes()),
        // The secret itself must not reach the log.
        _ => Err(format!(
            "expected \"NAME:SECRET\" with {MIN_SECRET} bytes of secret or more in place {} (counted from 1)",
            place + 1
        )),
    }
}

/// A key for one purpose. The label's length never varies within a purpose, so that no two inputs collide.
fn derive(label: &str, secret: &[u8]) -> [u8; 16] {
    let digest = Sha256::new()
        .chain_update(b"switchyard/1/")
        .chain_update(label)
        .chain_update([0])
        .chain_update(secret);
    let mut key = [0; 16];
    key.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_purpose_and_secret_and_are_the_same_for_the_same() {
        let keys = |text: &str| Keys::from_secrets(&[text.to_owned()]).unwrap();
        let (a, b) = (keys("k1:0123456789abcdef"), keys("k2:0123456789abcdeX"));
        assert_eq!(a.pick, keys("other:0123456789abcdef").pick);
        assert_ne!(a.pick, b.pick);
        assert_ne!(Some(&a.pick), a.branches.first());
        assert_ne!(Keys::for_this_process().unwrap().pick, Keys::for_this_process().unwrap().pick);
    }

    #[test]
    fn a_refused_secret_is_not_in_the_error() {
        let error = Keys::from_secrets(&["k1:hunter2".to_owned()]).unwrap_err();
        assert!(!error.contains("hunter2") && error.contains("place 1"), "{error}");
    }
}
