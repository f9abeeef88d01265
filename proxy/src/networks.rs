//! Sets of networks: who may start calls, where targets live.

use std::net::IpAddr;

use ipnet::IpNet;

/// A set of IPv4 and IPv6 networks. Looking an address up takes the logarithm of their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks {
    /// First and last address of ranges that do not touch, in order.
    v4: Vec<(u32, u32)>,
    /// The same of IPv6.
    v6: Vec<(u128, u128)>,
}

impl Networks {
    /// Reads CIDRs such as `10.0.0.0/16`; a bare address is a network of one.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        let nets: Vec<IpNet> = texts.iter().map(|text| network(text)).collect::<Result<_, _>>()?;
        let mut networks = Networks::default();
        for net in IpNet::aggregate(&nets) {
            match net {
                IpNet::V4(net) => networks.v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => networks.v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        networks.v4.sort_unstable();
        networks.v6.sort_unstable();
        Ok(networks)
    }

    /// Reads a list with a network on each line; empty lines and what follows `#` count for nothing. One without any
    /// network is refused: it is rather a file that was half written than the wish to have no calls.
    pub fn parse_lines(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let mut texts = Vec::new();
        for (number, line) in (1..).zip(lines).filter(|(_, line)| !line.is_empty()) {
            network(line).map_err(|what| format!("line {number}: {what}"))?;
            texts.push(line.to_owned());
        }
        if texts.is_empty() {
            return Err("expected a network on each line, found none".to_owned());
        }
        Networks::parse(&texts)
    }

    /// How many ranges of addresses there are; networks that touch are one.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the address lies in one of them. An IPv4-mapped IPv6 address counts as the IPv4 address.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match ip.to_canonical() {
            IpAddr::V4(ip) => lies_in(&self.v4, ip.to_bits()),
            IpAddr::V6(ip) => lies_in(&self.v6, ip.to_bits()),
        }
    }
}

fn lies_in<T: Ord>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| address <= *last)
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
    fn a_list_has_a_network_on_each_line_and_tells_the_wrong_one() {
        let list = "# carriers\n203.0.113.0/24\n\n  198.51.100.7 # one\r\n2001:db8::/32";
        let networks = Networks::parse_lines(list).unwrap();
        assert_eq!(networks.len(), 3);
        assert!(networks.contains("198.51.100.7".parse().unwrap()));
        assert!(Networks::parse_lines("# nobody\n").unwrap_err().contains("found none"));
        let error = Networks::parse_lines("203.0.113.0/24\n203.0.113.0/33\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("203.0.113.0/33"), "{error}");
    }

    #[test]
    fn what_is_no_network_is_told() {
        let error = Networks::parse(&["10.0.0.0/33".to_owned()]).unwrap_err();
        assert!(error.contains("\"10.0.0.0/33\""), "{error}");
    }
}
