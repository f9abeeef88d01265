//! The benchmark: bare forwarder, proxy and Kamailio under the same load in one run, one after the other again and again,
//! so that what else the machine does falls on all of them. Absolute figures mean nothing on another machine; ratios
//! in one run do.

mod contender;
mod figures;
mod flame;
mod kamailio;
pub(crate) mod markdown;
pub(crate) mod table;
pub(crate) mod targets;
mod train;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, Result};
use lab::proxy_process::free_port;

pub use contender::Contender;
use contender::Site;
use figures::{Figures, Measured};
pub use flame::{Flame, flame};
pub use train::train;

use crate::{
    plan::{Plan, Target},
    run, system,
};

/// How long each contender is under load before it is measured.
const WARM: Duration = Duration::from_secs(1);

/// Calls come from here: no address that a target has, so that the proxy can tell them apart.
const CALLER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 2, 1));

/// What is measured listens here.
const AGAINST: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 3, 1));

/// Ports that answer calls.
const PORTS: u8 = 4;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// Calls per second.
    pub rates: Vec<u32>,
    /// How long each measurement takes.
    pub time: Duration,
    /// How often each is made.
    pub runs: u8,
    /// What is measured.
    pub against: Vec<Contender>,
    /// The Markdown file that gets the result.
    pub out: Option<PathBuf>,
}

/// Measures, prints, writes; says whether the proxy meets its targets.
///
/// # Errors
///
/// A contender does not start, the load cannot run, or the file cannot be written.
pub fn bench(options: &Options) -> Result<bool> {
    let against = present(&options.against);
    let load_before = system::load_average();
    let all = usize::from(options.runs) * options.rates.len() * against.len();
    let time = (options.time + WARM).as_secs_f64() * all as f64;
    println!("{}; load average {load_before}; {all} measurements, about {time:.0} s", system::machine());
    if cfg!(debug_assertions) {
        println!("This is a debug build: its figures mean nothing. Use `cargo build --release`.");
    }
    let mut measured = Vec::new();
    for number in 0..options.runs {
        for rate in &options.rates {
            let first = usize::from(number) % against.len().max(1);
            // Nobody is always the first on a machine that warms up or slows down.
            for contender in against.iter().cycle().skip(first).take(against.len()) {
                let one = measure(*contender, *rate, number, options.time)?;
                println!("run {} {}", number + 1, one.line());
                measured.push(one);
            }
        }
    }
    let figures = Figures::of(&measured);
    let verdicts = targets::verdicts(&figures);
    println!("\n{}\n{}", table::text(&table::rows(&figures)), table::text(&targets::rows(&verdicts)));
    if let Some(file) = &options.out {
        let text = markdown::section(options, &figures, &verdicts, &load_before);
        markdown::write(file, &text).with_context(|| file.display().to_string())?;
        println!("written to {}", file.display());
    }
    Ok(verdicts.iter().all(|verdict| verdict.holds))
}

/// Those that are on this machine.
fn present(against: &[Contender]) -> Vec<Contender> {
    let missing = kamailio::program().is_none();
    if missing && against.contains(&Contender::Kamailio) {
        println!("kamailio is not installed and left out; Debian's package `kamailio` has it");
    }
    against.iter().copied().filter(|one| !(missing && *one == Contender::Kamailio)).collect()
}

fn measure(contender: Contender, rate: u32, number: u8, time: Duration) -> Result<Measured> {
    let site = site(contender)?;
    let running = contender.start(&site).with_context(|| format!("{contender} does not start"))?;
    let plan = under_load(contender, &site, rate, time, running.pid());
    let outcome = run::run(&plan, |_| ())?;
    Ok(Measured { contender, rate, number, outcome })
}

fn under_load(contender: Contender, site: &Site, rate: u32, time: Duration, pid: u32) -> Plan {
    Plan {
        rate: f64::from(rate),
        time,
        warm: WARM,
        ring: Duration::ZERO,
        against: site.against,
        targets: site.targets.clone(),
        caller: site.caller,
        sources: 1,
        pids: vec![pid],
        pad: 0,
        label: contender.to_string(),
    }
}

/// Addresses for one measurement. Each target has its own address; for 1,000 of them, each port answers at 250
/// addresses, and so three of four requests that go astray are seen.
fn site(contender: Contender) -> Result<Site> {
    let address = |last: u8| IpAddr::from([127, 0, 1, last]);
    let mut targets = Vec::new();
    let mut list = Vec::new();
    for place in 1..=PORTS {
        let bind = if contender == Contender::ManyTargets { [0; 4].into() } else { address(place) };
        let port = free_port(bind)?;
        targets.push(Target { bind: (bind, port).into(), contact: (address(place), port).into() });
        match contender {
            Contender::ManyTargets => list.extend((1..=250).map(|last| SocketAddr::new(address(last), port))),
            _ => list.push(SocketAddr::new(address(place), port)),
        }
    }
    Ok(Site {
        against: (AGAINST, free_port(AGAINST)?).into(),
        caller: (CALLER, free_port(CALLER)?).into(),
        targets,
        list,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_targets_are_a_thousand_addresses() {
        let site = site(Contender::ManyTargets).unwrap();
        let mut list = site.list.clone();
        list.sort();
        list.dedup();
        assert_eq!((list.len(), site.targets.len()), (1000, 4));
        assert!(site.targets.iter().all(|target| site.list.contains(&target.contact)));
        assert_eq!(super::site(Contender::Floor).unwrap().list.len(), 4);
    }
}
