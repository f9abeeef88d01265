//! `X-Twilio-Signature`, as a customer would check it (twilio.com/docs/usage/security).
//!
//! Written from the standards and with none of the controller's code, so that one mistake cannot be made on both sides.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// SHA-1's block (FIPS 180-4 section 1).
const BLOCK: usize = 64;

/// The signature of a POST: of the URL as it was asked, and its parameters sorted by name.
#[must_use]
pub fn of_post(token: &str, url: &str, parameters: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = parameters.iter().collect();
    sorted.sort();
    let tail: String = sorted.into_iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect();
    STANDARD.encode(hmac(token.as_bytes(), format!("{url}{tail}").as_bytes()))
}

/// HMAC-SHA1 (RFC 2104 section 2).
fn hmac(key: &[u8], message: &[u8]) -> [u8; 20] {
    let mut block = [0; BLOCK];
    let digest = sha1(key);
    let key = if key.len() > BLOCK { &digest[..] } else { key };
    block.iter_mut().zip(key).for_each(|(slot, byte)| *slot = *byte);
    let inner = sha1(&[&block.map(|byte| byte ^ 0x36)[..], message].concat());
    sha1(&[&block.map(|byte| byte ^ 0x5c)[..], &inner].concat())
}

/// SHA-1 (FIPS 180-4 section 6.1.2).
fn sha1(message: &[u8]) -> [u8; 20] {
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize((padded.len() + 8).next_multiple_of(BLOCK) - 8, 0);
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.as_chunks::<BLOCK>().0 {
        let mut words: Vec<u32> =
            block.as_chunks::<4>().0.iter().map(|four| u32::from_be_bytes(*four)).collect();
        for _ in 16..80 {
            if let Some([w16, _, w14, _, _, _, _, _, w8, _, _, _, _, w3, _, _]) = words.last_chunk::<16>() {
                words.push((w16 ^ w14 ^ w8 ^ w3).rotate_left(1));
            }
        }
        state = rounds(state, &words);
    }
    let mut digest = [0; 20];
    let bytes = state.into_iter().flat_map(u32::to_be_bytes);
    digest.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
    digest
}

fn rounds(state: [u32; 5], words: &[u32]) -> [u32; 5] {
    let [mut a, mut b, mut c, mut d, mut e] = state;
    for (round, word) in words.iter().enumerate() {
        let (mixed, constant) = match round {
            0..20 => ((b & c) | (!b & d), 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6_u32),
        };
        let sum =
            a.rotate_left(5).wrapping_add(mixed).wrapping_add(e).wrapping_add(constant).wrapping_add(*word);
        (e, d, c, b, a) = (d, c, b.rotate_left(30), a, sum);
    }
    let [h0, h1, h2, h3, h4] = state;
    [h0.wrapping_add(a), h1.wrapping_add(b), h2.wrapping_add(c), h3.wrapping_add(d), h4.wrapping_add(e)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digest: [u8; 20]) -> String {
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// FIPS 180-1 appendices A and B, and lengths at which the padding changes.
    #[test]
    fn sha1_of_known_messages() {
        assert_eq!(hex(sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(hex(sha1(b"")), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(hex(sha1(two_blocks)), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    }

    /// RFC 2202 section 3, cases 2 and 6.
    #[test]
    fn hmac_of_known_messages() {
        let short = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(short), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        let long = hmac(&[0xaa; 80], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(long), "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    }

    /// The example of Twilio's documentation.
    #[test]
    fn the_signature_of_a_known_request() {
        let pairs = [
            ("To", "+18005551212"),
            ("From", "+12349013030"),
            ("Digits", "1234"),
            ("Caller", "+12349013030"),
            ("CallSid", "CA1234567890ABCDE"),
        ];
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        assert_eq!(of_post("12345", url, &pairs), "0/KCTR6DLpKmkAf8muzZqo1nDgQ=");
        assert_ne!(of_post("12346", url, &pairs), "0/KCTR6DLpKmkAf8muzZqo1nDgQ=");
    }
}
