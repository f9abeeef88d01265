//! Calls for a proxy that takes notes of where its time goes, for the compiler (profile-guided optimisation).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::proxy_process::ProxyProcess;

use super::{Contender, WARM, contender, site, under_load};
use crate::run;

/// Few and many messages in a turn of the proxy's loop.
const RATES: [u32; 3] = [200, 1000, 4000];

/// How long the proxy may take to leave and write what it has seen.
const LEAVE: Duration = Duration::from_secs(20);

/// Carries calls through the proxy at each of some rates, and lets it leave as an operator would.
///
/// # Errors
///
/// The proxy does not start, loses every call, or does not leave.
pub fn train(time: Duration) -> Result<()> {
    let site = site(Contender::Proxy)?;
    let mut proxy = ProxyProcess::start(contender::proxy(&site)).context("the proxy does not start")?;
    for rate in RATES {
        let plan = under_load(Contender::Proxy, &site, rate, time, proxy.pid());
        let outcome = run::run(&plan, |_| ())?;
        ensure!(outcome.completed > 0, "no call was completed at {rate} calls/s");
        println!("{rate} calls/s for {:.0} s: seen", (time + WARM).as_secs_f64());
    }
    // The first lets it drain, the second says that there is nothing to wait for.
    proxy.terminate()?;
    proxy.terminate()?;
    let status = proxy.wait_exit(LEAVE)?;
    ensure!(status.success(), "the proxy left with {status}; its log:\n{}", proxy.log());
    Ok(())
}
