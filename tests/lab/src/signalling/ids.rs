//! Tags, branches and other words that must differ from all others.

use std::hash::{BuildHasher, RandomState};

/// A source of unique words: random in programs, seeded in tests.
#[derive(Debug, Clone)]
pub struct Ids {
    state: u64,
}

impl Ids {
    /// The same words for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Words that no other process makes.
    #[must_use]
    pub fn random() -> Self {
        Self::seeded(RandomState::new().hash_one(std::process::id()))
    }

    /// The next number (splitmix64: no secret, merely spread well).
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A tag, or the local part of a Call-ID (RFC 3261 19.3: at least 32 random bits).
    pub fn word(&mut self) -> String {
        format!("{:016x}", self.number())
    }

    /// A branch (RFC 3261 8.1.1.7: begins with the magic cookie).
    pub fn branch(&mut self) -> String {
        format!("z9hG4bK{:016x}", self.number())
    }

    /// A first CSeq number (RFC 3261 8.1.1.5: below 2^31), small enough to read.
    pub fn cseq(&mut self) -> u32 {
        (self.number() % 5000) as u32 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_differ_from_each_other_and_repeat_with_their_seed() {
        let (mut one, mut two) = (Ids::seeded(7), Ids::seeded(7));
        let first = one.word();
        assert_eq!(first, two.word());
        assert_ne!(first, one.word());
        assert_ne!(Ids::random().word(), Ids::random().word());
        assert!(one.branch().starts_with("z9hG4bK"));
    }
}
