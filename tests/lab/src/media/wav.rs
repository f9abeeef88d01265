//! WAV files of 16-bit PCM.

/// So much of a file is read: ten minutes.
const MOST_SAMPLES: usize = 10 * 60 * 8000;

/// The samples of a file of any rate and number of channels, mixed to one channel, at 8000 Hz. `None` for anything else.
pub fn read(file: &[u8]) -> Option<Vec<i16>> {
    let rest = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let format = chunk(rest, b"fmt ")?;
    let (kind, channels) = (word(format, 0)?, usize::from(word(format, 2)?));
    let rate = usize::from(word(format, 4)?) | usize::from(word(format, 6)?) << 16;
    // 1 is PCM, 0xfffe is WAVE_FORMAT_EXTENSIBLE, whose first words of SubFormat say the same.
    if !(kind == 1 || kind == 0xfffe) || word(format, 14)? != 16 || channels == 0 || rate == 0 {
        return None;
    }
    let samples: Vec<i16> =
        chunk(rest, b"data")?.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    Some(telephone(&samples, channels, rate))
}

/// A file of so many channels, whose samples come in turn, at 8000 Hz.
pub fn write(samples: &[i16], channels: u16) -> Vec<u8> {
    let bytes = (samples.len() * 2) as u32;
    let mut file = Vec::with_capacity(44 + samples.len() * 2);
    file.extend_from_slice(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(8000_u32.to_le_bytes());
    file.extend((16_000 * u32::from(channels)).to_le_bytes());
    file.extend((2 * channels).to_le_bytes());
    file.extend(16_u16.to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend(bytes.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

/// Samples of so many channels, which come in turn, mixed to one at 8000 Hz.
pub(super) fn telephone(samples: &[i16], channels: usize, rate: usize) -> Vec<i16> {
    let mix =
        |frame: &[i16]| (frame.iter().map(|sample| i32::from(*sample)).sum::<i32>() / channels as i32) as i16;
    let mono: Vec<i16> = samples.chunks_exact(channels).map(mix).collect();
    at_8000(&mono, rate)
}

/// The nearest sample before each point of time, or the mean of those that fall together: enough for tests.
fn at_8000(samples: &[i16], rate: usize) -> Vec<i16> {
    let length = samples.len().saturating_mul(8000) / rate;
    (0..length.min(MOST_SAMPLES))
        .map(|at| {
            let (from, to) = (at * rate / 8000, ((at + 1) * rate / 8000).max(at * rate / 8000 + 1));
            let together = samples.get(from..to.min(samples.len())).unwrap_or_default();
            let sum: i64 = together.iter().map(|sample| i64::from(*sample)).sum();
            (sum / together.len().max(1) as i64) as i16
        })
        .collect()
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk::<2>().map(|pair| u16::from_le_bytes(*pair))
}

fn chunk<'a>(mut rest: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    loop {
        let (head, body) = rest.split_first_chunk::<8>()?;
        let [a, b, c, d, length @ ..] = *head;
        let length = u32::from_le_bytes(length) as usize;
        if [a, b, c, d] == *name {
            // A file that is still being written says 0 or too much.
            return Some(body.get(..length).unwrap_or(body));
        }
        // RIFF: chunks begin at even bytes.
        rest = body.get(length.checked_add(length % 2)?..)?;
    }
}
