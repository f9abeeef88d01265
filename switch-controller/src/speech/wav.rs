//! The header of a WAV file (RIFF, "Multimedia Programming Interface", 1991). Programs that write to a pipe cannot go back
//! and say how long it has become.
//!
//! This file must not contain: I/O of any kind.

/// Where the lengths of a file belong, and what they should be.
pub(super) struct Lengths {
    /// Of the whole file, without its first eight bytes: at byte 4.
    pub whole: u32,
    /// Where the length of the samples stands.
    pub at: usize,
    /// That length.
    pub samples: u32,
}

/// What stands before so many bytes of samples of 16 bits at 8000 Hz, of one channel.
#[cfg(feature = "polly")]
pub(super) fn header(samples: u32) -> Vec<u8> {
    let mut head = b"RIFF".to_vec();
    head.extend(samples.saturating_add(36).to_le_bytes());
    head.extend(b"WAVEfmt \x10\0\0\0");
    // PCM, one channel, samples and bytes a second, bytes and bits of a sample.
    head.extend([1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0]);
    head.extend(b"data");
    head.extend(samples.to_le_bytes());
    head
}

/// Reads the beginning of a file that has so many bytes.
pub(super) fn lengths(head: &[u8], length: u64) -> Result<Lengths, String> {
    let four = |at: usize| head.get(at..at + 4);
    if four(0) != Some(b"RIFF") || four(8) != Some(b"WAVE") {
        return Err("expected a WAV file (RIFF ... WAVE)".to_owned());
    }
    let length = u32::try_from(length).map_err(|_| "expected less than 4 GB".to_owned())?;
    let mut at = 12;
    while let (Some(name), Some(size)) = (four(at), four(at + 4)) {
        let begin = at + 8;
        if name == b"data" {
            let samples = length.saturating_sub(u32::try_from(begin).unwrap_or(u32::MAX));
            return match samples {
                0 => Err("expected samples in the WAV file, found none".to_owned()),
                _ => Ok(Lengths { whole: length.saturating_sub(8), at: at + 4, samples }),
            };
        }
        let size = size.iter().rev().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
        // Chunks begin at even bytes.
        at = begin.saturating_add(size).saturating_add(size & 1);
    }
    Err("expected a \"data\" chunk at the beginning of the WAV file, found none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(data: u32) -> Vec<u8> {
        let mut head = b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0".to_vec();
        head.extend([1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0]);
        head.extend(b"data");
        head.extend(data.to_le_bytes());
        head
    }

    #[test]
    fn lengths_come_from_the_file_and_not_from_its_header() {
        let found = lengths(&head(0x7fff_f000), 44 + 1600).expect("a WAV file");
        assert_eq!((found.whole, found.at, found.samples), (36 + 1600, 40, 1600));
    }

    #[test]
    fn what_is_none_is_refused() {
        assert!(lengths(b"", 0).is_err());
        assert!(lengths(b"espeak-ng: no such voice", 24).is_err());
        assert!(lengths(&head(0), 44).is_err(), "no samples");
        assert!(lengths(b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\xff", 20).is_err());
    }
}
