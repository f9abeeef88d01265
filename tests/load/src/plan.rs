//! What a run is to do.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use anyhow::{Context, Error, Result, bail, ensure};

/// How long a call may take before it counts as lost. Nothing is sent twice, so that what has not come by then has not
/// been delayed but dropped.
pub const GIVE_UP: Duration = Duration::from_secs(2);

/// Bytes that are asked for as each socket's receive buffer, so that the load's own ends lose nothing.
pub const RECEIVE_BUFFER: usize = 16 << 20;

/// The most calls in one run: a call's number has eight hexadecimal digits in its Call-ID, and each takes 16 bytes here.
const MOST_CALLS: f64 = 100_000_000.0;

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Calls per second.
    pub rate: f64,
    /// How long calls are started and measured.
    pub time: Duration,
    /// How long calls are started before that. They must not be lost either, but count in no figure of time.
    pub warm: Duration,
    /// How long each call rings before it is answered.
    pub ring: Duration,
    /// What is measured: every request of the caller goes there.
    pub against: SocketAddr,
    /// Where calls are answered.
    pub targets: Vec<Target>,
    /// Where calls come from.
    pub caller: SocketAddr,
    /// How many sockets they come from: on the caller's port and on those that follow.
    pub sources: u16,
    /// Processes whose CPU time and memory are measured, with their children.
    pub pids: Vec<u32>,
    /// Bytes of padding in each INVITE.
    pub pad: usize,
    /// What the run is called in its reports.
    pub label: String,
}

impl Plan {
    /// How many calls are started, warming up included.
    pub fn calls(&self) -> usize {
        (self.rate * (self.warm + self.time).as_secs_f64()).round() as usize
    }

    /// How many of them are for warming up.
    pub fn warm_calls(&self) -> usize {
        (self.rate * self.warm.as_secs_f64()).round() as usize
    }

    /// When a call is due, in microseconds from the first one.
    pub fn due(&self, call: usize) -> u64 {
        (call as f64 / self.rate * 1e6) as u64
    }

    /// The addresses that calls come from.
    ///
    /// # Errors
    ///
    /// There are not so many ports behind the caller's.
    pub fn callers(&self) -> Result<Vec<SocketAddr>> {
        let port = |place: u16| self.caller.port().checked_add(place).context("no port beyond 65535");
        (0..self.sources).map(|place| Ok(SocketAddr::new(self.caller.ip(), port(place)?))).collect()
    }

    /// Refuses what cannot be run.
    ///
    /// # Errors
    ///
    /// What was expected, and what was found.
    pub fn check(&self) -> Result<()> {
        let calls = self.rate * (self.warm + self.time).as_secs_f64();
        ensure!(self.rate.is_finite() && self.rate > 0.0, "expected a rate above 0, found {}", self.rate);
        ensure!((1.0..=MOST_CALLS).contains(&calls), "expected 1 to {MOST_CALLS} calls, found {calls}");
        ensure!(self.sources > 0, "expected at least one source");
        ensure!(
            (1..=250).contains(&self.targets.len()),
            "expected 1 to 250 targets, found {}",
            self.targets.len()
        );
        Ok(())
    }
}

/// A place where calls are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it receives.
    pub bind: SocketAddr,
    /// What it gives as its address.
    pub contact: SocketAddr,
}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        Target { bind: address, contact: address }
    }
}

impl FromStr for Target {
    type Err = Error;

    /// `ADDRESS:PORT`, or `ADDRESS:PORT=CONTACT:PORT` where the two differ.
    fn from_str(text: &str) -> Result<Self> {
        let (bind, contact) = text.split_once('=').unwrap_or((text, text));
        let address =
            |text: &str| text.parse().with_context(|| format!("expected ADDRESS:PORT, found {text:?}"));
        let target = Target { bind: address(bind)?, contact: address(contact)? };
        if target.contact.ip().is_unspecified() {
            bail!("{bind} is no address to be reached at: expected {bind}=ADDRESS:PORT");
        }
        Ok(target)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn plan() -> Plan {
        Plan {
            rate: 1000.0,
            time: Duration::from_secs(2),
            warm: Duration::from_millis(500),
            ring: Duration::ZERO,
            against: "127.0.0.1:5060".parse().unwrap(),
            targets: vec!["127.0.1.1:7001".parse().unwrap(), "127.0.1.2:7001".parse().unwrap()],
            caller: "127.0.0.1:6000".parse().unwrap(),
            sources: 1,
            pids: Vec::new(),
            pad: 0,
            label: "a run".to_owned(),
        }
    }

    #[test]
    fn calls_are_due_at_even_distances() {
        assert_eq!((plan().calls(), plan().warm_calls()), (2500, 500));
        assert_eq!((plan().due(0), plan().due(1), plan().due(2000)), (0, 1000, 2_000_000));
    }

    #[test]
    fn sources_have_consecutive_ports() {
        let callers = Plan { sources: 3, ..plan() }.callers().unwrap();
        assert_eq!(callers.iter().map(SocketAddr::port).collect::<Vec<_>>(), [6000, 6001, 6002]);
        let plan = Plan { sources: 2, caller: "127.0.0.1:65535".parse().unwrap(), ..plan() };
        assert!(plan.callers().is_err());
    }

    #[test]
    fn a_target_may_be_known_by_another_address_and_must_be_if_it_binds_all() {
        let target: Target = "0.0.0.0:7001=127.0.1.1:7001".parse().unwrap();
        assert_eq!(target.contact, "127.0.1.1:7001".parse().unwrap());
        assert!("0.0.0.0:7001".parse::<Target>().is_err() && "here".parse::<Target>().is_err());
    }

    #[test]
    fn what_cannot_be_run_is_refused() {
        assert!(plan().check().is_ok());
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e12] {
            assert!(Plan { rate, ..plan() }.check().is_err(), "{rate}");
        }
        assert!(Plan { targets: Vec::new(), ..plan() }.check().is_err());
        assert!(Plan { sources: 0, ..plan() }.check().is_err());
    }
}
