//! A voice of tones, for machines without a speech program: one tone for each word, as long as the word.
//!
//! Nobody understands it, but it sounds where speech sounds, takes as long, and another text sounds otherwise.

use crate::media::wav;
use crate::media::{FRAME, Tone};

/// 20 ms frames of a letter, and of the gap behind a word.
const LETTER: usize = 4;
const GAP: usize = 4;

/// Letters that are spoken of one text: five minutes.
const MOST: usize = 3_000;

/// The text as a WAV file: 16-bit PCM, 8000 Hz, one channel.
#[must_use]
pub fn speak(text: &str) -> Vec<u8> {
    let mut samples = Vec::new();
    let mut left = MOST;
    for word in text.split_whitespace() {
        if left == 0 {
            break;
        }
        let letters = word.chars().filter(|letter| letter.is_alphanumeric()).count().min(left);
        // A word without any takes time, too.
        left -= letters.max(1);
        let mut tone = Tone::new(pitch(word));
        (0..letters * LETTER).for_each(|_| samples.extend(tone.frame()));
        samples.extend([0; FRAME * GAP]);
    }
    wav::write(&samples, 1)
}

/// Between 300 and 555 Hz, by the word.
fn pitch(word: &str) -> u16 {
    300 + u16::from(word.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::sound::share_of;

    #[test]
    fn words_are_tones_of_their_own_length() {
        let samples = wav::read(&speak("hash, key")).unwrap();
        assert_eq!(samples.len(), FRAME * (7 * LETTER + 2 * GAP));
        assert!(share_of(&samples[..FRAME * 4 * LETTER], pitch("hash,")) > 0.9);
        assert_ne!(pitch("hash,"), pitch("key"));
        assert!(wav::read(&speak("")).unwrap().is_empty());
        assert!(speak(&"long ".repeat(10_000)).len() < 8_000_000);
    }
}
