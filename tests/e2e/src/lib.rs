//! End-to-end tests: real SIPp machines call each other through the real proxy process.
//!
//! | module | what it is |
//! |---|---|
//! | [`site`] | one test's network: addresses of its own, a proxy, targets that answer |
//! | [`machine`] | a target as a process of its own, which can be frozen and killed |
//! | [`sipp`] | a SIPp process: started with a scenario of `scenarios/`, waited for, never left behind |
//! | [`outcome`] | what a SIPp process says afterwards: its statistics, its messages, or why it failed |
//! | [`message`] | a SIP message as text, read independently of the parser that the proxy uses |
//! | [`internet`] | networks of their own for callers, proxies and targets, with NAT and loss |
//! | [`wire`] | plain sockets, for what SIPp would not send |
//! | [`black_hole`] | a TCP port at which packets vanish |
//! | [`collector`] | what a proxy tells a collector of messages |
//! | [`web`] | a web server with a list |
//! | [`repository`] | what docs, dashboards and manifests say, as text |
//! | [`exchange`] | FreeSWITCH or its stand-in, the real switch-controller, a customer's server, a telephone, carriers |
//! | [`somleng`] | the same with a platform, and what that knows |
//! | [`tls`] | certificates made for a test, and connections that use them |
//!
//! Everything is on loopback: callers are on 127.0.0.0/24, targets on 127.0.1.0/24. The address that the proxy shows to
//! the outside is none of this machine's, as behind a load balancer: what is sent there never comes back.

pub mod agent;
pub mod black_hole;
pub mod collector;
pub mod exchange;
pub mod internet;
pub mod machine;
pub mod message;
pub mod outcome;
pub mod repository;
pub mod sipp;
pub mod site;
pub mod somleng;
pub mod tls;
pub mod web;
pub mod wire;

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
pub use lab::pause;

/// Looks at `condition` until it holds.
///
/// # Errors
///
/// It does not hold within `timeout`; or what it says itself.
pub fn wait_until(what: &str, timeout: Duration, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + timeout;
    while !condition()? {
        if Instant::now() >= deadline {
            bail!("{what}: not within {timeout:?}");
        }
        pause(Duration::from_millis(10));
    }
    Ok(())
}

/// Says that a test is left out, and why: past the test harness, which would keep it to itself. Always `true`.
pub fn skipped(why: &str) -> bool {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    // If nobody can be told, nothing can be done about that.
    let _ = writeln!(std::io::stderr(), "==> NOT TESTED: {name}: {why}");
    true
}
