//! One test's network: a proxy, targets that answer, callers, each at an address that no other test uses.

use std::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicU8, Ordering},
};

use anyhow::{Context, Result, ensure};
use lab::proxy_process::{Listener, ProxyProcess, ProxySettings, Target, TargetList, free_port};

use crate::{
    outcome::Outcome,
    sipp::{Running, Sipp},
};

/// What callers know the proxy's first listener by: the load balancer's address, which leads nowhere from here.
pub const ADVERTISED: &str = "203.0.113.10:5060";

/// What callers know the second listener by, whose calls go to the targets' port `alternative`.
pub const ADVERTISED_ALTERNATIVE: &str = "203.0.113.10:5080";

/// Four addresses outside and four inside, which no other test of this program has.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    block: u8,
}

impl Addresses {
    /// The next free ones.
    pub fn take() -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        // From .2 on, because .1 is what other programs use; 63 blocks before they are used again.
        Self { block: 2 + 4 * (NEXT.fetch_add(1, Ordering::Relaxed) % 63) }
    }

    /// The proxy's address.
    pub fn proxy(self) -> IpAddr {
        self.outside(0)
    }

    /// A caller's address: `number` from 0 to 2.
    pub fn caller(self, number: u8) -> IpAddr {
        self.outside(1 + number)
    }

    /// A target's address: `number` from 0 to 3.
    pub fn target(self, number: u8) -> IpAddr {
        IpAddr::from([127, 0, 1, self.block + number])
    }

    fn outside(self, number: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, self.block + number])
    }
}

/// A proxy with its targets.
pub struct Site {
    /// The addresses of everything here.
    pub addresses: Addresses,
    /// The proxy.
    pub proxy: ProxyProcess,
    targets: Vec<Answering>,
}

/// A target: what the proxy's list says, and what answers there.
pub struct Answering {
    /// Its entry in the list.
    pub target: Target,
    /// Its SIPp.
    pub sipp: Running,
}

impl Site {
    /// So many targets with this scenario, and a proxy with the usual settings.
    ///
    /// # Errors
    ///
    /// Something does not start.
    pub fn start(scenario: &str, targets: u8) -> Result<Self> {
        Self::start_with(scenario, targets, |_| ())
    }

    /// The same with other settings.
    ///
    /// # Errors
    ///
    /// Something does not start.
    pub fn start_with(scenario: &str, targets: u8, change: impl FnOnce(&mut ProxySettings)) -> Result<Self> {
        Self::start_at(Addresses::take(), targets, change, |local| Sipp::answering(scenario, local))
    }

    /// The same with SIPps of the test's choosing, at addresses that it knows before.
    ///
    /// # Errors
    ///
    /// Something does not start.
    pub fn start_at(
        addresses: Addresses,
        targets: u8,
        change: impl FnOnce(&mut ProxySettings),
        sipp: impl Fn(SocketAddr) -> Sipp,
    ) -> Result<Self> {
        let targets = (0..targets)
            .map(|number| Answering::start(addresses, number, &sipp))
            .collect::<Result<Vec<_>>>()?;
        let mut settings = settings(addresses);
        settings.targets =
            TargetList::File(targets.iter().map(|answering| answering.target.clone()).collect());
        change(&mut settings);
        Ok(Self { addresses, proxy: ProxyProcess::start(settings)?, targets })
    }

    /// A SIPp that calls the proxy from this site's first address for callers.
    ///
    /// # Errors
    ///
    /// It has no free port.
    pub fn caller(&self, scenario: &str) -> Result<Sipp> {
        let local = free_address(self.addresses.caller(0))?;
        Ok(Sipp::caller(scenario, local, self.proxy.sip_address()))
    }

    /// Takes a target off this site, to end it otherwise than [`Self::finish`] does.
    pub fn take_target(&mut self, number: usize) -> Answering {
        self.targets.remove(number)
    }

    /// Makes a SIPp's calls.
    ///
    /// # Errors
    ///
    /// A call did not go as the scenario says: with the proxy's log.
    pub fn run(&self, caller: &Sipp) -> Result<Outcome> {
        caller.run().with_context(|| format!("the proxy's log:\n{}", self.proxy.log()))
    }

    /// A target's SIPp.
    ///
    /// # Errors
    ///
    /// There are fewer.
    pub fn target(&mut self, number: usize) -> Result<&mut Answering> {
        self.targets.get_mut(number).context("no such target")
    }

    /// Ends the targets once their calls have ended, and says what each saw.
    ///
    /// # Errors
    ///
    /// A call did not go as the scenario says, or a target got what belongs to another: with the proxy's log.
    pub fn finish(self) -> Result<Vec<Outcome>> {
        let proxy = self.proxy;
        let outcomes = self.targets.into_iter().map(|answering| answering.sipp.stop());
        let outcomes = outcomes.collect::<Result<Vec<_>>>();
        let outcomes = outcomes.with_context(|| format!("the proxy's log:\n{}", proxy.log()))?;
        for (number, outcome) in outcomes.iter().enumerate() {
            let strays = outcome.statistics.out_of_call();
            ensure!(strays == 0, "target {number} got {strays} messages of others\n{}", proxy.log());
        }
        Ok(outcomes)
    }
}

impl Answering {
    /// Starts what answers at one of the targets' addresses.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn start(addresses: Addresses, number: u8, sipp: impl Fn(SocketAddr) -> Sipp) -> Result<Self> {
        let local = free_address(addresses.target(number))?;
        Ok(Self { target: Target::new(&format!("task-{number}"), local), sipp: sipp(local).start()? })
    }
}

/// An address with a port that is free for UDP and TCP.
///
/// # Errors
///
/// `ip` is not this machine's.
pub fn free_address(ip: IpAddr) -> Result<SocketAddr> {
    Ok(SocketAddr::new(ip, free_port(ip)?))
}

/// Two listeners, known to the outside by the load balancer's address and to targets by their own.
pub fn settings(addresses: Addresses) -> ProxySettings {
    let bind = SocketAddr::new(addresses.proxy(), 0);
    let main = Listener { advertise: Some(ADVERTISED.to_owned()), ..Listener::new("main", bind) };
    let alternative = Listener::new("alternative", bind).to_port("alternative");
    let alternative = Listener { advertise: Some(ADVERTISED_ALTERNATIVE.to_owned()), ..alternative };
    ProxySettings { listeners: vec![main, alternative], admin: bind, ..ProxySettings::default() }
}
