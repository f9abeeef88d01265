//! PCMU, the mu-law half of ITU-T G.711: one byte for each 16-bit sample.

const BIAS: i32 = 0x84;
const CLIP: i32 = 0x7fff - BIAS;

/// What a PCMU stream sends while nothing is to be heard.
pub const SILENCE: u8 = 0xff;

/// The mu-law byte nearest to a linear sample.
#[must_use]
pub fn encode(sample: i16) -> u8 {
    let magnitude = i32::from(sample).abs().min(CLIP) + BIAS;
    // The bias puts the highest bit at 7 to 14: its place is the segment.
    let segment = 24 - magnitude.leading_zeros().min(24);
    let step = (magnitude >> (segment + 3)) & 0x0f;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | (segment as u8) << 4 | step as u8)
}

/// The linear sample that a mu-law byte stands for.
#[must_use]
pub fn decode(byte: u8) -> i16 {
    let bits = !byte;
    let segment = (bits >> 4) & 0x07;
    let step = i32::from(bits & 0x0f);
    let magnitude = (((step << 3) + BIAS) << segment) - BIAS;
    // At most 32124, which an i16 holds.
    if bits & 0x80 == 0 { magnitude as i16 } else { -(magnitude as i16) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_are_those_of_the_standard() {
        assert_eq!(encode(0), 0xff);
        assert_eq!(encode(i16::MAX), 0x80);
        assert_eq!(encode(i16::MIN), 0x00);
        assert_eq!(decode(0x80), 32124);
        assert_eq!(decode(0x00), -32124);
        assert_eq!(decode(SILENCE), 0);
    }

    #[test]
    fn every_byte_survives_a_round_trip() {
        for byte in 0..=255_u8 {
            // 0x7f is minus zero, which comes back as plus zero.
            let expected = if byte == 0x7f { 0xff } else { byte };
            assert_eq!(encode(decode(byte)), expected, "byte {byte:#04x}");
        }
    }

    #[test]
    fn a_sample_comes_back_within_the_step_of_its_segment() {
        for sample in (-32_000..=32_000).step_by(37) {
            let back = i32::from(decode(encode(sample)));
            let sample = i32::from(sample);
            assert!((back - sample).abs() <= 8 + sample.abs() / 16, "{sample} came back as {back}");
        }
    }
}
