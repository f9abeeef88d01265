//! Numbers and addresses as text, without the detour over `std::fmt`: these are written for every message.

use std::io::Write;
use std::net::IpAddr;

/// Appends a decimal number.
pub fn write_number(out: &mut Vec<u8>, number: u32) {
    let mut digits = [0; 10];
    let mut rest = number;
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - count..).unwrap_or_default());
}

/// Appends an address, an IPv6 one without brackets.
pub fn write_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            // With one dot too many.
            let mut text = [0; 16];
            let mut used = 0;
            let mut push = |byte: u8| {
                if let Some(place) = text.get_mut(used) {
                    *place = byte;
                    used += 1;
                }
            };
            for octet in ip.octets() {
                if octet >= 100 {
                    push(b'0' + octet / 100);
                }
                if octet >= 10 {
                    push(b'0' + octet / 10 % 10);
                }
                push(b'0' + octet % 10);
                push(b'.');
            }
            out.extend_from_slice(text.get(..used.saturating_sub(1)).unwrap_or_default());
        }
        IpAddr::V6(ip) => {
            // Writing to a vector cannot fail.
            let _ = write!(out, "{ip}");
        }
    }
}

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
