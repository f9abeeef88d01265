//! What a seed chooses: how many take part, how bad the network is, and what goes wrong when.

use std::net::SocketAddr;

use crate::rng::Rng;

/// Milliseconds since the history began.
pub type Time = u64;

/// RFC 3261 17.1.1.1.
pub(crate) const T1: Time = 500;
/// RFC 3261 17.1.2.2.
pub(crate) const T2: Time = 4000;
/// 64*T1: how long a transaction goes on at most.
pub(crate) const TIMEOUT: Time = 64 * T1;

/// After how long a proxy gives a ringing call up (16.6.11: over three minutes).
pub(crate) const TIMER_C: Time = 185_000;

/// Which address the proxies write into what targets see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Internal {
    /// Each its own.
    Own,
    /// One address that leads to any of them.
    SharedAddress,
    /// A name that stands for all of them.
    SharedName,
}

/// Something that goes wrong, or is done by an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Everything that the target knew is lost. What is sent to it is answered by ICMP, or by nothing.
    KillTarget {
        target: usize,
        icmp: bool,
    },
    RestartTarget(usize),
    /// It does nothing for so long, and then all that it should have done.
    FreezeTarget(usize, Time),
    /// The list says so from now on: active, draining or not there.
    List(usize, Listed),
    /// All its pins are lost, and what is sent to it until it is back.
    KillProxy(usize),
    RestartProxy(usize),
    /// All its connections break.
    BreakLinks(usize),
    /// For so long nobody takes connections there: they are refused, or nothing comes of them.
    NoLinks {
        target: usize,
        refused: bool,
        time: Time,
    },
}

/// Whether a target takes TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tcp {
    No,
    /// Besides UDP.
    Beside,
    Alone,
}

/// What the list says of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Listed {
    Active,
    Draining,
    Absent,
}

/// What a seed has chosen.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) proxies: usize,
    pub(crate) targets: usize,
    pub(crate) calls: usize,
    pub(crate) strangers: usize,
    pub(crate) attempts: usize,
    pub(crate) no_reply: Time,
    pub(crate) no_answer: u16,
    pub(crate) max_pins: usize,
    pub(crate) internal: Internal,
    /// Whether requests leave the proxies through a NAT gateway, and not by the load balancer's address.
    pub(crate) nat: bool,
    /// How long the load balancer remembers which proxy a caller has.
    pub(crate) idle: Time,
    /// How often a proxy looks for what is due.
    pub(crate) tick: Time,
    /// Of a thousand datagrams: lost, doubled, late.
    pub(crate) loss: u64,
    pub(crate) doubled: u64,
    pub(crate) late: u64,
    /// How often the very same datagram is lost between the same two at most. So retransmissions succeed in the end,
    /// and no loss excuses a call that hangs.
    pub(crate) most_losses: u8,
    pub(crate) faults: Vec<(Time, Fault)>,
    /// What each target takes.
    pub(crate) tcp: Vec<Tcp>,
    /// Whether callers' elements write names into Record-Route, and how many of each one's places nobody is at.
    pub(crate) names: bool,
    pub(crate) dead_ends: usize,
    /// Within which time calls begin.
    pub(crate) span: Time,
}

impl Scenario {
    pub(crate) fn of(seed: u64, rng: &mut Rng) -> Self {
        let attempts = rng.pick(&[1, 2, 3, 3, 3]);
        let bad = rng.percent(80);
        let mut scenario = Scenario {
            seed,
            proxies: rng.between(2, 3) as usize,
            targets: rng.between(2, 4) as usize,
            calls: rng.between(4, 16) as usize,
            strangers: rng.between(0, 8) as usize,
            attempts,
            no_reply: rng.pick(&[500, 1000, 1000, 2000]),
            no_answer: rng.pick(&[500, 408]),
            max_pins: if rng.percent(10) { rng.between(1, 4) as usize } else { 256 },
            internal: rng.pick(&[Internal::Own, Internal::SharedAddress, Internal::SharedName]),
            nat: rng.percent(50),
            idle: rng.pick(&[120_000, 120_000, 30_000, 10_000]),
            tick: rng.pick(&[16, 40, 100]),
            loss: if bad { rng.between(0, 100) } else { 0 },
            doubled: if bad { rng.between(0, 50) } else { 0 },
            late: if bad { rng.between(0, 50) } else { 0 },
            most_losses: if attempts == 1 { 1 } else { 2 },
            faults: Vec::new(),
            tcp: Vec::new(),
            names: false,
            dead_ends: 0,
            span: rng.between(1_000, 40_000),
        };
        for _ in 0..rng.pick(&[0, 0, 1, 2, 3]) {
            scenario.add_fault(rng);
        }
        if rng.percent(40) {
            (scenario.names, scenario.dead_ends) = (true, rng.below(4));
        }
        scenario.tcp = vec![Tcp::No; scenario.targets];
        if rng.percent(40) {
            scenario.tcp.fill_with(|| rng.pick(&[Tcp::Beside, Tcp::Beside, Tcp::Alone]));
            for _ in 0..rng.between(0, 6) {
                scenario.add_break(rng);
            }
        }
        scenario
    }

    /// Whether nothing is lost, doubled or late: then nothing needs to be said twice.
    pub(crate) fn is_quiet(&self) -> bool {
        let breaks = |fault: &Fault| {
            matches!(fault, Fault::KillProxy(_) | Fault::BreakLinks(_) | Fault::NoLinks { .. })
        };
        let kills = self.faults.iter().any(|(_, fault)| breaks(fault));
        self.loss + self.doubled + self.late == 0 && !kills
    }

    /// Connections may break at all targets. The last takes new ones always.
    fn add_break(&mut self, rng: &mut Rng) {
        let at = rng.between(0, self.span + 20_000);
        let fault = match rng.below(3) {
            0 => Fault::NoLinks {
                target: rng.below(self.targets - 1),
                refused: rng.percent(50),
                time: rng.between(500, 10_000),
            },
            _ => Fault::BreakLinks(rng.below(self.targets)),
        };
        self.faults.push((at, fault));
    }

    /// The last of the targets never fails, so that calls are answered in every history.
    fn add_fault(&mut self, rng: &mut Rng) {
        let at = rng.between(0, self.span + 20_000);
        let target = rng.below(self.targets - 1);
        let proxy = rng.below(self.proxies);
        match rng.below(8) {
            0 | 1 => {
                self.faults.push((at, Fault::KillTarget { target, icmp: rng.percent(50) }));
                if rng.percent(60) {
                    self.faults.push((at + rng.between(500, 20_000), Fault::RestartTarget(target)));
                }
            }
            2 => self.faults.push((at, Fault::FreezeTarget(target, rng.between(500, 15_000)))),
            3 | 4 => {
                self.faults.push((at, Fault::List(target, Listed::Draining)));
                let after = rng.between(3_000, 30_000);
                let then = rng.pick(&[Listed::Active, Listed::Absent, Listed::Draining]);
                self.faults.push((at + after, Fault::List(target, then)));
            }
            5 => {
                self.faults.push((at, Fault::List(target, Listed::Absent)));
                self.faults.push((at + rng.between(3_000, 30_000), Fault::List(target, Listed::Active)));
            }
            _ => {
                self.faults.push((at, Fault::KillProxy(proxy)));
                self.faults.push((at + rng.between(100, 6_000), Fault::RestartProxy(proxy)));
            }
        }
    }
}

/// What callers see of the proxies: the load balancer.
pub(crate) const ADVERTISED: ([u8; 4], u16) = ([52, 74, 4, 205], 5060);
/// The address that leads to any of the proxies, where they share one.
pub(crate) const SHARED: &str = "10.10.1.250:5060";
/// The name that stands for all of them, where they share one.
pub(crate) const NAME: &str = "proxies.internal:5060";

pub(crate) fn advertised() -> SocketAddr {
    SocketAddr::from(ADVERTISED)
}

pub(crate) fn target_address(target: usize) -> SocketAddr {
    SocketAddr::from(([10, 10, 1, 21 + target as u8], 5060))
}

pub(crate) fn proxy_address(proxy: usize) -> SocketAddr {
    SocketAddr::from(([10, 10, 1, 161 + proxy as u8], 5060))
}

/// Where a proxy's packets seem to come from that leave through the NAT gateway.
pub(crate) fn nat_address(proxy: usize) -> SocketAddr {
    SocketAddr::from(([52, 74, 9, 1 + proxy as u8], 5060))
}

pub(crate) fn caller_address(call: usize) -> SocketAddr {
    SocketAddr::from(([175, 100, 32, 29 + (call % 3) as u8], 5060 + (call as u16 / 3) * 2))
}

/// Where the element of a private caller is by its name: at some places nobody is, and that is told by ICMP; at the last
/// one it is.
pub(crate) fn places_of_element(call: usize, dead_ends: usize) -> Vec<SocketAddr> {
    let at = caller_address(call);
    let dead = (0..dead_ends).map(|number| SocketAddr::from(([175, 100, 33, 1 + number as u8], at.port())));
    dead.chain([at]).collect()
}

/// Whether nobody is there, by the list above.
pub(crate) fn is_dead_end(address: SocketAddr) -> bool {
    matches!(address, SocketAddr::V4(v4) if v4.ip().octets()[..3] == [175, 100, 33])
}

/// Somebody who may not call, and now and then one who may.
pub(crate) fn stranger_address(number: usize) -> SocketAddr {
    match number % 3 {
        0 => SocketAddr::from(([175, 100, 32, 200], 5060 + number as u16)),
        _ => SocketAddr::from(([198, 51, 100, 66], 5060 + number as u16)),
    }
}
