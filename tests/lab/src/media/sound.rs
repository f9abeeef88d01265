//! Tones, and how much sound there is in samples.

use std::f64::consts::TAU;

use super::{FRAME, RATE};

/// Peak of a generated tone, out of 32767: loud, without clipping. Its RMS is this over the root of two.
pub const TONE_PEAK: f64 = 8000.0;

/// A sine that goes on without a click from frame to frame.
#[derive(Debug, Clone)]
pub struct Tone {
    hertz: f64,
    position: u64,
}

impl Tone {
    /// A tone of so many hertz, below 4000.
    #[must_use]
    pub fn new(hertz: u16) -> Self {
        Self { hertz: f64::from(hertz), position: 0 }
    }

    /// The next 20 ms.
    pub fn frame(&mut self) -> [i16; FRAME] {
        let mut samples = [0; FRAME];
        for sample in &mut samples {
            let angle = TAU * self.hertz * self.position as f64 / RATE;
            *sample = (TONE_PEAK * angle.sin()) as i16;
            self.position += 1;
        }
        samples
    }
}

/// Adds up the energy of samples, so that its root mean square can be told at any time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Energy {
    squares: f64,
    samples: u64,
}

impl Energy {
    /// Takes in one linear sample.
    pub fn add(&mut self, sample: i16) {
        self.squares += f64::from(sample) * f64::from(sample);
        self.samples += 1;
    }

    /// Root mean square of all samples so far, 0 to 32767; 0 where there were none.
    #[must_use]
    pub fn rms(&self) -> f64 {
        if self.samples == 0 { 0.0 } else { (self.squares / self.samples as f64).sqrt() }
    }
}

/// How strong one frequency is in the samples: 0 when absent, 1 when they are nothing else (Goertzel's algorithm).
#[must_use]
pub fn share_of(samples: &[i16], hertz: u16) -> f64 {
    let turn = 2.0 * (TAU * f64::from(hertz) / RATE).cos();
    let (mut last, mut before) = (0.0, 0.0);
    let mut squares = 0.0;
    for &sample in samples {
        let sample = f64::from(sample);
        (last, before) = (sample + turn * last - before, last);
        squares += sample * sample;
    }
    let power = last * last + before * before - turn * last * before;
    if squares == 0.0 { 0.0 } else { power * 2.0 / (squares * samples.len() as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second_of(hertz: u16) -> Vec<i16> {
        let mut tone = Tone::new(hertz);
        (0..50).flat_map(|_| tone.frame()).collect()
    }

    #[test]
    fn the_rms_of_a_tone_is_its_peak_over_the_root_of_two() {
        let mut energy = Energy::default();
        second_of(440).into_iter().for_each(|sample| energy.add(sample));
        assert!((energy.rms() - TONE_PEAK / 2.0_f64.sqrt()).abs() < 10.0, "{}", energy.rms());
    }

    #[test]
    fn silence_has_no_energy() {
        let mut energy = Energy::default();
        assert_eq!(energy.rms(), 0.0);
        energy.add(0);
        assert_eq!(energy.rms(), 0.0);
        assert_eq!(share_of(&[0; FRAME], 440), 0.0);
    }

    #[test]
    fn a_tone_is_found_at_its_own_frequency_and_no_other() {
        let samples = second_of(440);
        assert!(share_of(&samples, 440) > 0.95, "{}", share_of(&samples, 440));
        assert!(share_of(&samples, 880) < 0.01);
    }
}
