//! `lab demo`: systems that are started, called, looked at, and judged.
//!
//! | file | what it shows |
//! |---|---|
//! | `line/` | the whole: telephone, proxy, FreeSWITCH or stand-ins, switch-controllers, and a customer's application |
//! | `calls.rs`, `verdict.rs` | the proxy by itself, before machines that answer |

mod calls;
pub mod line;
mod verdict;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub use calls::{Expected, planned};
pub use verdict::{Outcome, faults, table};

use crate::ladder::{Live, Look, ladder};
use crate::machine::MachineReport;
use crate::phone::{CallPlan, Phone};
use crate::system::System;
use crate::trace::Trace;

/// A call to be placed.
#[derive(Debug, Clone)]
pub struct Planned<Expected> {
    /// What it is, for the reader.
    pub title: String,
    /// What the telephone does.
    pub plan: CallPlan,
    /// What must come of it.
    pub expected: Expected,
}

/// Calls under way at the same time.
const AT_ONCE: usize = 5;

/// How long the last ACKs and answers may be on their way when the telephone is done.
const SETTLE: Duration = Duration::from_secs(3);

/// What the demo is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Answering machines.
    pub machines: u8,
    /// Calls to place.
    pub calls: usize,
}

/// A demo under way.
pub struct Demo {
    system: System,
    options: Options,
    look: Look,
}

impl Demo {
    /// Starts the system and says who is where.
    ///
    /// # Errors
    /// When the system cannot be started.
    pub async fn start(options: Options, trace: &Trace) -> Result<Self> {
        let system = System::start(options.machines, trace).await?;
        println!("\nThe proxy before machines that answer:");
        let usual = if system.has_usual_port() { "" } else { "  (port 5060 is taken)" };
        println!(
            "  proxy      {}{usual}, admin at http://{}",
            system.address(),
            system.proxy.admin_address()
        );
        for (number, machine) in system.machines.iter().enumerate() {
            println!("  machine {:<2} {}", number + 1, machine.address());
        }
        println!("  telephone  {}", system.phone.address());
        Ok(Self { system, options, look: Look::of_stdout() })
    }

    /// Places the calls, and prints what came of them; true when everything was as it must be.
    ///
    /// # Errors
    /// When a call could not be placed at all.
    pub async fn judge(&self) -> Result<bool> {
        let system = &self.system;
        println!("\nPlacing {} calls, {AT_ONCE} at a time", self.options.calls);
        let outcomes = place(system, self.options.calls).await?;
        let reports = settled(system, &outcomes).await;
        if let Some(shown) = outcomes.first() {
            println!("\nOne call in full: {}", shown.planned.title);
            println!("{}", ladder(&system.trace, &shown.report.call_id, self.look));
        }
        println!("{}", table(&reports));
        let faults = faults(&outcomes, &reports, system.phone.wrong());
        for fault in &faults {
            println!("  wrong: {fault}");
        }
        match faults.len() {
            0 => println!("\nPASS: all {} calls went as they must.", outcomes.len()),
            many => println!(
                "\nFAIL: {many} things were not as they must be. The proxy's log:\n{}",
                system.proxy.log()
            ),
        }
        Ok(faults.is_empty())
    }

    /// Says how to call it.
    pub fn invite(&self) {
        let address = self.system.address();
        println!("\nThe machines: call sip:anything@{address}, from this machine:");
        println!("  sipp -sn uac -s 1294 -i 127.0.0.1 -m 1 -d 2000 {address}");
        println!("  lab phone --to sip:echo@{address} --press 12#");
        println!("The user part chooses what the machine does: {USERS}.");
    }
}

async fn place(system: &System, number: usize) -> Result<Vec<Outcome>> {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut calls = JoinSet::new();
    let mut outcomes = Vec::new();
    for (at, planned) in planned(system.address(), number).into_iter().enumerate() {
        let slot = Arc::clone(&slots).acquire_owned().await?;
        let phone = Arc::clone(&system.phone);
        calls.spawn(async move {
            let _slot = slot;
            one(at + 1, planned, &phone).await
        });
        while let Some(ended) = calls.try_join_next() {
            outcomes.push(told(system, ended.context("a call's task")??));
        }
    }
    while let Some(ended) = calls.join_next().await {
        outcomes.push(told(system, ended.context("a call's task")??));
    }
    outcomes.sort_by_key(|outcome| outcome.number);
    Ok(outcomes)
}

/// Prints what came of a call, and which machine got it.
fn told(system: &System, outcome: Outcome) -> Outcome {
    let machine = system.machines.iter().position(|m| m.report().call(&outcome.report.call_id).is_some());
    println!("{}", outcome.line(machine.map(|at| at + 1)));
    outcome
}

async fn one(number: usize, planned: Planned<Expected>, phone: &Phone) -> Result<Outcome> {
    let report = phone.call(planned.plan.clone()).await?;
    Ok(Outcome { number, planned, report })
}

/// The machines' reports, once they agree with what the telephone has seen or do not come to.
async fn settled(system: &System, outcomes: &[Outcome]) -> Vec<MachineReport> {
    let deadline = Instant::now() + SETTLE;
    loop {
        let reports: Vec<_> = system.machines.iter().map(crate::machine::Machine::report).collect();
        if faults(outcomes, &reports, 0).is_empty() || Instant::now() >= deadline {
            return reports;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The user parts that mean something to a machine which answers by user.
pub const USERS: &str = "echo, tone (and any number), quiet, busy, ring, hangup, silent";

/// Prints every message of a trace as it happens, for ever.
pub async fn watch(trace: &Trace, look: Look) {
    let mut live = Live::new(trace.names(), Instant::now(), look);
    let mut messages = trace.watch();
    println!("{}", live.head());
    while let Some(message) = messages.recv().await {
        if let Some(line) = live.line(&message) {
            println!("{line}");
        }
    }
}

/// The names under which a live view shows one machine alone.
pub fn name_machine(trace: &Trace, address: SocketAddr, number: usize) {
    trace.name(address, &format!("machine {number}"));
}
