//! Numbers and addresses as text, without the detour over `std::fmt`: these are written for every message.

use std::io::Write;
use std::net::IpAddr;

/// Appends a decimal number.
pub fn write_number(out: &mut Vec<u8>, number: u32) {
    let mut digits = [0; 10];
    let mut rest = number;
    let mut at = digits.len();
    for pair in digits.as_chunks_mut::<2>().0.iter_mut().rev() {
        *pair = [b'0' + (rest % 100 / 10) as u8, b'0' + (rest % 10) as u8];
        at -= 2;
        rest /= 100;
        if rest == 0 {
            break;
        }
    }
    // The first of a pair is no digit of a number with an odd number of them.
    at += usize::from(digits.get(at) == Some(&b'0'));
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

/// Appends an address, an IPv6 one without brackets.
pub fn write_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            // With one dot too many.
            let mut text = [0; 16];
            let mut used = 0;
            for octet in ip.octets() {
                let (digits, length) = OCTETS.get(usize::from(octet)).copied().unwrap_or_default();
                if let Some(place) = text.get_mut(used..used + 4) {
                    place.copy_from_slice(&digits);
                }
                used += usize::from(length);
            }
            out.extend_from_slice(text.get(..used.saturating_sub(1)).unwrap_or_default());
        }
        IpAddr::V6(ip) => {
            // Writing to a vector cannot fail.
            let _ = write!(out, "{ip}");
        }
    }
}

/// Each number that is part of an IPv4 address as text, with a dot behind it, and how long that is.
#[allow(clippy::indexing_slicing, reason = "the compiler evaluates it")]
static OCTETS: [([u8; 4], u8); 256] = {
    let mut octets = [([0; 4], 0); 256];
    let mut at = 0;
    while at < 256 {
        let (hundreds, tens, ones) = (b'0' + at as u8 / 100, b'0' + at as u8 / 10 % 10, b'0' + at as u8 % 10);
        octets[at] = match at {
            0..10 => ([ones, b'.', 0, 0], 2),
            10..100 => ([tens, ones, b'.', 0], 3),
            _ => ([hundreds, tens, ones, b'.'], 4),
        };
        at += 1;
    }
    octets
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_read_as_the_standard_library_writes_them() {
        for number in [0, 7, 10, 99, 100, 65_535, u32::MAX] {
            let mut out = Vec::new();
            write_number(&mut out, number);
            assert_eq!(out, number.to_string().into_bytes());
        }
        for ip in ["0.0.0.0", "10.1.162.255", "255.255.255.255", "::1", "2001:db8::a"] {
            let mut out = Vec::new();
            write_ip(&mut out, ip.parse().unwrap());
            assert_eq!(out, ip.as_bytes());
        }
    }
}
