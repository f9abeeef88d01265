//! Sets of networks: who may start calls, where targets live.

use std::net::IpAddr;

use ipnet::IpNet;

/// A set of IPv4 and IPv6 networks. Looking an address up takes the logarithm of their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks {
    /// First and last address of ranges that do not touch, in order.
    ranges: Vec<(IpAddr, IpAddr)>,
}

impl Networks {
    /// Reads CIDRs such as `10.0.0.0/16`; a bare address is a network of one.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        let nets: Vec<IpNet> = texts.iter().map(|text| network(text)).collect::<Result<_, _>>()?;
        let ranges = IpNet::aggregate(&nets).iter().map(|net| (net.network(), net.broadcast())).collect();
        let mut networks = Networks { ranges };
        networks.ranges.sort_unstable();
        Ok(networks)
    }

    /// Whether the address lies in one of them. An IPv4-mapped IPv6 address counts as the IPv4 address.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let after = self.ranges.partition_point(|(first, _)| *first <= ip);
        after.checked_sub(1).and_then(|at| self.ranges.get(at)).is_some_and(|(_, last)| ip <= *last)
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let parsed = match text.parse::<IpAddr>() {
        Ok(ip) => Ok(IpNet::from(ip)),
        Err(_) => text.parse::<IpNet>(),
    };
    parsed.map_err(|_| format!("expected a network such as \"203.0.113.0/24\" or an address, found {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_their_networks_only() {
        let texts =
            ["10.0.0.0/16", "10.0.5.0/24", "203.0.113.7", "2001:db8::/32", "0.0.0.0/32"].map(str::to_owned);
        let networks = Networks::parse(&texts).unwrap();
        let has = |ip: &str| networks.contains(ip.parse().unwrap());
        for inside in
            ["10.0.0.0", "10.0.255.255", "10.0.5.9", "203.0.113.7", "2001:db8::1", "::ffff:10.0.0.1"]
        {
            assert!(has(inside), "{inside}");
        }
        for outside in [
            "10.1.0.0",
            "9.255.255.255",
            "203.0.113.8",
            "203.0.113.6",
            "2001:db9::",
            "::1",
            "255.255.255.255",
        ] {
            assert!(!has(outside), "{outside}");
        }
        assert!(!Networks::default().contains("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_told() {
        let error = Networks::parse(&["10.0.0.0/33".to_owned()]).unwrap_err();
        assert!(error.contains("\"10.0.0.0/33\""), "{error}");
    }
}
