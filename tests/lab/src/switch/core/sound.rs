//! What a channel plays: tone_stream's tones, silence, and WAV files.

use std::f64::consts::TAU;

use crate::media::sound::TONE_PEAK;
use crate::media::{FRAME, RATE};

/// A file that is played is at most so long: ten minutes.
const MOST_SAMPLES: usize = 10 * 60 * 8000;

/// A sound that is given out frame by frame.
#[derive(Debug, Clone)]
pub(super) enum Sound {
    /// Samples at 8000 Hz, and how many of them were played.
    Samples(Vec<i16>, usize),
    /// Tones.
    Tones(Tones),
}

impl Sound {
    /// The next 20 ms, filled up with silence, and how many samples of them are the sound's own; `None` when it is over.
    pub(super) fn frame(&mut self) -> Option<([i16; FRAME], usize)> {
        let mut frame = [0; FRAME];
        let mut own = 0;
        for slot in &mut frame {
            let next = match self {
                Sound::Samples(samples, played) => {
                    let sample = samples.get(*played).copied();
                    *played += 1;
                    sample
                }
                Sound::Tones(tones) => tones.next(),
            };
            let Some(sample) = next else { break };
            *slot = sample;
            own += 1;
        }
        (own > 0).then_some((frame, own))
    }

    /// Reads `tone_stream://%(500,500,440,480);loops=-1` and `silence_stream://1000`. `None` for anything else.
    pub(super) fn stream(name: &str) -> Option<Self> {
        if let Some(rest) = name.strip_prefix("silence_stream://") {
            let millis: i64 = rest.split(',').next()?.trim().parse().ok()?;
            let on = if millis < 0 { u64::MAX } else { millis.unsigned_abs().saturating_mul(8) };
            let item = Tone { on, off: 0, hertz: Vec::new() };
            return Some(Sound::Tones(Tones { items: vec![item], loops: Some(1), item: 0, at: 0 }));
        }
        Tones::parse(name.strip_prefix("tone_stream://")?).map(Sound::Tones)
    }

    /// Reads a WAV file: 16-bit PCM of any rate and number of channels.
    pub(super) fn wav(file: &[u8]) -> Option<Self> {
        let rest = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
        let format = chunk(rest, b"fmt ")?;
        let (kind, channels) = (word(format, 0)?, usize::from(word(format, 2)?));
        let rate = usize::from(word(format, 4)?) | usize::from(word(format, 6)?) << 16;
        // 1 is PCM, 0xfffe is WAVE_FORMAT_EXTENSIBLE, whose first words of SubFormat say the same.
        if !(kind == 1 || kind == 0xfffe) || word(format, 14)? != 16 || channels == 0 || rate == 0 {
            return None;
        }
        let mono: Vec<i16> = chunk(rest, b"data")?
            .chunks_exact(channels * 2)
            .map(|frame| {
                let samples =
                    frame.as_chunks::<2>().0.iter().map(|pair| i32::from(i16::from_le_bytes(*pair)));
                (samples.sum::<i32>() / channels as i32) as i16
            })
            .collect();
        Some(Sound::Samples(at_8000(&mono, rate), 0))
    }
}

/// The samples of a WAV file with 16-bit PCM, mixed to one channel, at 8000 Hz.
pub(crate) fn samples_of(file: &[u8]) -> Option<Vec<i16>> {
    match Sound::wav(file)? {
        Sound::Samples(samples, _) => Some(samples),
        Sound::Tones(_) => None,
    }
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

/// 16-bit PCM at 8000 Hz as a WAV file.
pub(crate) fn to_wav(samples: &[i16], channels: u16) -> Vec<u8> {
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

/// The tones of a tone_stream (libteletone's language, without volume).
#[derive(Debug, Clone)]
pub(super) struct Tones {
    items: Vec<Tone>,
    /// How often they are still to be played; `None` is for ever.
    loops: Option<u32>,
    item: usize,
    at: u64,
}

/// A tone, and the silence behind it, in samples.
#[derive(Debug, Clone)]
struct Tone {
    on: u64,
    off: u64,
    hertz: Vec<f64>,
}

impl Tones {
    fn parse(text: &str) -> Option<Self> {
        let mut tones = Tones { items: Vec::new(), loops: Some(1), item: 0, at: 0 };
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            if let Some(tone) = part.strip_prefix("%(") {
                let numbers: Option<Vec<f64>> = tone
                    .strip_suffix(')')?
                    .split(',')
                    .map(|number| number.trim().parse().ok())
                    .map(|number| number.filter(|number: &f64| (0.0..1e9).contains(number)))
                    .collect();
                let (on, rest) = numbers.as_deref()?.split_first()?;
                let (off, hertz) = rest.split_first()?;
                let samples = |millis: f64| (millis * RATE / 1000.0) as u64;
                tones.items.push(Tone { on: samples(*on), off: samples(*off), hertz: hertz.to_vec() });
                continue;
            }
            match part.split_once('=') {
                Some(("loops" | "l" | "L", count)) => {
                    let count: i64 = count.trim().parse().ok()?;
                    tones.loops = u32::try_from(count).ok();
                }
                // Volume, decay and the like.
                Some((name, _)) if name.len() == 1 => {}
                _ => return None,
            }
        }
        let sounds = tones.items.iter().any(|tone| tone.on + tone.off > 0);
        sounds.then_some(tones)
    }

    fn next(&mut self) -> Option<i16> {
        while self.loops != Some(0) {
            match self.items.get(self.item) {
                Some(tone) if self.at < tone.on.saturating_add(tone.off) => {
                    let sounding = self.at < tone.on && !tone.hertz.is_empty();
                    let angle = |hertz: &f64| (TAU * hertz * self.at as f64 / RATE).sin();
                    let sum: f64 = tone.hertz.iter().map(angle).sum();
                    let sample = if sounding { TONE_PEAK * sum / tone.hertz.len() as f64 } else { 0.0 };
                    self.at += 1;
                    return Some(sample as i16);
                }
                Some(_) => (self.item, self.at) = (self.item + 1, 0),
                None => {
                    (self.item, self.at) = (0, 0);
                    self.loops = self.loops.map(|loops| loops - 1);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::sound::share_of;

    fn played(mut sound: Sound, most: usize) -> Vec<i16> {
        let mut samples = Vec::new();
        while let Some((frame, own)) = sound.frame().filter(|_| samples.len() < most) {
            samples.extend(&frame[..own]);
        }
        samples
    }

    #[test]
    fn a_tone_is_as_long_and_as_high_as_it_is_asked_for() {
        let samples = played(Sound::stream("tone_stream://%(500,0,800)").unwrap(), 99_999);
        assert_eq!(samples.len(), 4000);
        assert!(share_of(&samples, 800) > 0.95);
        let twice = played(Sound::stream("tone_stream://%(100,50,440.0,480.0);loops=2").unwrap(), 99_999);
        assert_eq!(twice.len(), 2400);
        assert!(twice[800..1200].iter().all(|sample| *sample == 0));
        let ever = played(Sound::stream("tone_stream://L=1;v=-7;%(20,0,440);loops=-1").unwrap(), 80_000);
        assert!(ever.len() >= 80_000);
        assert_eq!(played(Sound::stream("silence_stream://30").unwrap(), 9999), [0; 240]);
    }

    #[test]
    fn what_is_no_sound_is_refused() {
        for text in [
            "tone_stream://",
            "tone_stream://%(0,0,440)",
            "tone_stream://%(1)",
            "tone_stream://%(nan,1,1)",
            "a.mp3",
        ] {
            assert!(Sound::stream(text).is_none(), "{text}");
        }
        let good = to_wav(&[1; 100], 1);
        for end in 0..44 {
            assert!(Sound::wav(&good[..end]).is_none_or(|sound| played(sound, 9).is_empty()), "{end}");
        }
    }

    #[test]
    fn files_of_both_rates_come_out_alike() {
        let tone: Vec<i16> = played(Sound::stream("tone_stream://%(1000,0,440)").unwrap(), 9999);
        assert_eq!(played(Sound::wav(&to_wav(&tone, 1)).unwrap(), 9999), tone);
        let mut doubled = to_wav(&tone.iter().flat_map(|sample| [*sample; 2]).collect::<Vec<_>>(), 1);
        doubled[24..28].copy_from_slice(&16_000_u32.to_le_bytes());
        assert_eq!(played(Sound::wav(&doubled).unwrap(), 9999), tone);
    }
}
