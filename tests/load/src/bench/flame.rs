//! Where the proxy's time goes: its call stacks under load, the system's among them, caught by `perf`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use super::{Contender, contender::Process, site, under_load};
use crate::{flame::Samples, run, system};

/// Samples a second; no round number, so that nothing that comes round by the clock is always or never met.
const FREQUENCY: &str = "997";

/// What to draw.
#[derive(Clone, Debug)]
pub struct Flame {
    /// Calls per second.
    pub rate: u32,
    /// For how long samples are taken.
    pub time: Duration,
    /// The SVG file that is written.
    pub out: PathBuf,
}

/// Draws where the time of the proxy goes.
///
/// # Errors
///
/// There is no `perf`, it may not measure, the proxy does not start, or the file cannot be written.
pub fn flame(options: &Flame) -> Result<()> {
    let site = site(Contender::Proxy)?;
    let running = Contender::Proxy.start(&site).context("the proxy does not start")?;
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("perf.data");
    let plan = under_load(Contender::Proxy, &site, options.rate, options.time, running.pid());
    let profiler = record(running.pid(), &data)?;
    let outcome = run::run(&plan, |_| ());
    // It is told to end, and writes what it has.
    drop(profiler);
    outcome?;
    let samples = Samples::read(&script(&data)?);
    ensure!(
        samples.count() > 0,
        "perf took no samples: it may need root, or kernel.perf_event_paranoid at 1 or less"
    );
    let title = format!(
        "CPU time of the proxy at {} calls/s: {} samples; blue: the system. {}",
        options.rate,
        samples.count(),
        system::today()
    );
    fs::write(&options.out, samples.svg(&title)).with_context(|| options.out.display().to_string())?;
    println!("written to {}", options.out.display());
    Ok(())
}

/// By the clock of the CPU, which every machine has; stacks by unwinding information, as the release build has no frame
/// pointers.
fn record(pid: u32, data: &Path) -> Result<Process> {
    let mut perf = Command::new("perf");
    perf.args([
        "record",
        "--quiet",
        "--event",
        "cpu-clock",
        "--freq",
        FREQUENCY,
        "--call-graph",
        "dwarf,16384",
    ]);
    perf.args(["--pid", &pid.to_string(), "--output"]).arg(data).stdin(Stdio::null()).stdout(Stdio::null());
    let child = perf
        .spawn()
        .context("a flame graph needs `perf` in the PATH: Debian's package `linux-perf` has it")?;
    Ok(Process(child))
}

fn script(data: &Path) -> Result<String> {
    let mut perf = Command::new("perf");
    perf.args(["script", "--no-inline", "--fields", "comm,ip,sym", "--input"])
        .arg(data)
        .stderr(Stdio::null());
    let output = perf.output().context("perf does not start")?;
    ensure!(output.status.success(), "`perf script` failed: {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
