//! What a channel plays: tone_stream's tones, silence, WAV and MP3 files.

use std::f64::consts::TAU;

use crate::media::sound::TONE_PEAK;
use crate::media::{FRAME, RATE, mp3, wav};

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
            return Some(Sound::Tones(Tones {
                items: vec![item],
                loops: Some(1),
                peak: 0.0,
                item: 0,
                at: 0,
            }));
        }
        Tones::parse(name.strip_prefix("tone_stream://")?).map(Sound::Tones)
    }

    /// A file of any rate and number of channels: WAV of 16-bit PCM, or MP3.
    pub(super) fn file(file: &[u8]) -> Option<Self> {
        let samples = wav::read(file).or_else(|| mp3::read(file))?;
        Some(Sound::Samples(samples, 0))
    }
}

/// The tones of a tone_stream (libteletone's language).
#[derive(Debug, Clone)]
pub(super) struct Tones {
    items: Vec<Tone>,
    /// How often they are still to be played; `None` is for ever.
    loops: Option<u32>,
    peak: f64,
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
        let mut tones = Tones { items: Vec::new(), loops: Some(1), peak: TONE_PEAK, item: 0, at: 0 };
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
                // Decibels; what is usual is -7.
                Some(("v" | "V", volume)) => {
                    let volume: f64 = volume.trim().parse().ok().filter(|volume| *volume <= 0.0)?;
                    tones.peak = TONE_PEAK * 10_f64.powf((volume + 7.0) / 20.0);
                }
                // Decay and the like.
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
                    let sample = if sounding { self.peak * sum / tone.hertz.len() as f64 } else { 0.0 };
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
        let good = wav::write(&[1; 100], 1);
        for end in 0..44 {
            assert!(Sound::file(&good[..end]).is_none_or(|sound| played(sound, 9).is_empty()), "{end}");
        }
    }

    #[test]
    fn files_of_both_rates_come_out_alike() {
        let tone: Vec<i16> = played(Sound::stream("tone_stream://%(1000,0,440)").unwrap(), 9999);
        assert_eq!(played(Sound::file(&wav::write(&tone, 1)).unwrap(), 9999), tone);
        let mut doubled = wav::write(&tone.iter().flat_map(|sample| [*sample; 2]).collect::<Vec<_>>(), 1);
        doubled[24..28].copy_from_slice(&16_000_u32.to_le_bytes());
        assert_eq!(played(Sound::file(&doubled).unwrap(), 9999), tone);
    }
}
