//! What goes into a hash, gathered first: the hash function takes long to start on each of many small parts.

use std::hash::Hasher;

/// Bytes that are gathered before the hash sees them. What most messages have fits.
const ROOM: usize = 192;

/// A hash function with its input in front of it. The result is that of the same bytes written one after the other.
pub(super) struct Gathered<H> {
    hash: H,
    bytes: [u8; ROOM],
    length: usize,
}

impl<H: Hasher> Gathered<H> {
    #[inline(always)]
    pub(super) fn new(hash: H) -> Self {
        Gathered { hash, bytes: [0; ROOM], length: 0 }
    }

    /// Adds bytes whose number is known by their place.
    #[inline]
    pub(super) fn add(&mut self, bytes: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.length..self.length + bytes.len()) {
            room.copy_from_slice(bytes);
            self.length += bytes.len();
        } else {
            self.hand_over();
            self.hash.write(bytes);
        }
    }

    /// Adds a part and its length, so that no two lists of parts look the same.
    #[inline]
    pub(super) fn part(&mut self, bytes: &[u8]) {
        self.add(&(bytes.len() as u32).to_le_bytes());
        self.add(bytes);
    }

    /// The hash function, with everything in it.
    pub(super) fn hashed(&mut self) -> &H {
        self.hand_over();
        &self.hash
    }

    /// What most hashes are for.
    pub(super) fn finish(&mut self) -> u64 {
        self.hashed().finish()
    }

    fn hand_over(&mut self) {
        self.hash.write(self.bytes.get(..self.length).unwrap_or_default());
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use siphasher::sip::SipHasher13;

    use super::*;

    #[test]
    fn gathered_bytes_hash_as_if_written_one_after_the_other_however_many() {
        for length in [0, 1, 7, 8, 60, 95, 96, 97, 190, 191, 192, 193, 1000] {
            let long = vec![7; length];
            let (mut gathered, mut plain) = (Gathered::new(SipHasher13::new()), SipHasher13::new());
            for bytes in [&long[..], b"a", &long, b""] {
                gathered.part(bytes);
                plain.write_u32(bytes.len() as u32);
                plain.write(bytes);
            }
            gathered.add(&7u16.to_le_bytes());
            plain.write_u16(7);
            assert_eq!(gathered.finish(), plain.finish(), "{length}");
        }
    }
}
