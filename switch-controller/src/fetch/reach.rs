//! Which addresses customers' URLs may lead to: public ones. What is in our own network, on this machine, or answers for the
//! cloud that it runs in, is not theirs to ask.
//!
//! This file must not contain: I/O of any kind.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Which addresses customers' URLs may lead to. Asked for each address that a name has, each time it is looked up, and for
/// hosts that are addresses themselves: a name that changes its mind gets nowhere.
pub trait Reach: Send + Sync {
    /// Whether this address may be reached.
    fn permits(&self, address: IpAddr) -> bool;
}

/// No address is refused.
#[derive(Debug, Clone, Copy)]
pub struct Everywhere;

impl Reach for Everywhere {
    fn permits(&self, _: IpAddr) -> bool {
        true
    }
}

/// Public addresses, and those that the operator allows.
#[derive(Debug, Clone)]
pub struct Public {
    allowed: Vec<IpNet>,
}

/// IPv4 addresses that are nobody's on the internet (IANA's registry of special-purpose addresses, and multicast).
const NOT_PUBLIC: [Ipv4Net; 16] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    // Metadata of most clouds, and the credentials of ECS's tasks.
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 31, 196, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// The IPv6 addresses that are given to anybody at all (RFC 4291 2.4); all others are local or special ...
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 0, 0, 3);

/// ... and some of these are, too: protocols with Teredo among them (RFC 4380: the IPv4 address in it is a stranger's
/// NAT), and documentation.
const NOT_PUBLIC_V6: [Ipv6Net; 3] =
    [v6(0x2001, 0, 0, 0, 23), v6(0x2001, 0xdb8, 0, 0, 32), v6(0x3fff, 0, 0, 0, 20)];

/// 6to4 (RFC 3056) has an IPv4 address behind it.
const SIX_TO_FOUR: Ipv6Net = v6(0x2002, 0, 0, 0, 16);

/// NAT64 (RFC 6052): leads to the IPv4 address at its end. That of a network's own (RFC 8215, 64:ff9b:1::/48) is local.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 0, 96);

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, d: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix)
}

impl Public {
    /// All that is public, and these.
    pub fn but(allowed: Vec<IpNet>) -> Self {
        Public { allowed }
    }
}

impl Reach for Public {
    fn permits(&self, address: IpAddr) -> bool {
        // ::ffff:10.0.0.1 is 10.0.0.1 to the system.
        let address = address.to_canonical();
        self.allowed.iter().any(|network| network.contains(&address)) || is_public(address)
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !NOT_PUBLIC.iter().any(|network| network.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [_, _, a, b, c, d, _, _, e, f, g, h, w, x, y, z] = address.octets();
    if NAT64.contains(&address) {
        return is_public_v4(Ipv4Addr::new(w, x, y, z));
    }
    if !GLOBAL_UNICAST.contains(&address) || NOT_PUBLIC_V6.iter().any(|network| network.contains(&address)) {
        return false;
    }
    if SIX_TO_FOUR.contains(&address) && !is_public_v4(Ipv4Addr::new(a, b, c, d)) {
        return false;
    }
    // ISATAP (RFC 5214 6.1) has one, too, in whichever network it is.
    let is_isatap = matches!([e, f, g, h], [0x00 | 0x02, 0x00, 0x5e, 0xfe]);
    !is_isatap || is_public_v4(Ipv4Addr::new(w, x, y, z))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(reach: &Public, address: &str) -> bool {
        reach.permits(address.parse().expect(address))
    }

    #[test]
    fn what_is_not_public_is_not_reached_however_it_is_written() {
        let reach = Public::but(Vec::new());
        let private = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
        ];
        for address in private {
            assert!(!permits(&reach, address), "{address}");
            let v4: Ipv4Addr = address.parse().unwrap();
            let [a, b, c, d] = v4.octets().map(u16::from);
            let (high, low) = (a << 8 | b, c << 8 | d);
            for tunnel in [
                format!("::ffff:{address}"),
                format!("::{address}"),
                format!("64:ff9b::{address}"),
                format!("64:ff9b:1::{address}"),
                format!("2002:{high:x}:{low:x}::1"),
                format!("2001:0:4136:e378:8000:63bf:{:x}:{:x}", !high, !low),
                format!("2a00:1450::5efe:{high:x}:{low:x}"),
                format!("2a00:1450::200:5efe:{high:x}:{low:x}"),
            ] {
                assert!(!permits(&reach, &tunnel), "{address} as {tunnel}");
            }
        }
        for address in [
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001:2::1",
            "2001:20::1",
            "3fff::1",
            "100::1",
            "5f00::1",
            "4000::1",
        ] {
            assert!(!permits(&reach, address), "{address}");
        }
    }

    #[test]
    fn what_is_public_is_reached_however_it_is_written() {
        let reach = Public::but(Vec::new());
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::200e",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
            "2001:4860:4860::8888",
        ] {
            assert!(permits(&reach, address), "{address}");
        }
    }

    #[test]
    fn what_the_operator_allows_is_reached() {
        let reach = Public::but(vec!["10.1.0.0/16".parse().unwrap(), "fd00:1::/32".parse().unwrap()]);
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "fd00:1::9"] {
            assert!(permits(&reach, address), "{address}");
        }
        for address in ["10.2.0.1", "::ffff:10.2.0.1", "fd00:2::1", "127.0.0.1", "64:ff9b::10.1.2.3"] {
            assert!(!permits(&reach, address), "{address}");
        }
    }
}
