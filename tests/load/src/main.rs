//! `load`: calls by the thousand, to measure a SIP proxy with.

use std::{fs, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use load::{
    bench::{self, Contender},
    broadcast, controller,
    forward::{self, Ways},
    html,
    outcome::Outcome,
    plan::{Plan, Target},
    run, system, terminal,
};

/// Calls by the thousand, to measure a SIP proxy with.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Call through a proxy, answer the calls behind it, and say what became of them.
    ///
    /// Exits with 0 only if every call was completed and every request came to the target of its INVITE.
    Run(RunArgs),
    /// Forward between a caller and targets without reading messages: the floor to compare a proxy with.
    Forward(ForwardArgs),
    /// Measure forwarder, proxy and Kamailio in one run, against the targets.
    ///
    /// Exits with 0 only if the proxy meets its targets.
    Bench(BenchArgs),
    /// Live through the night of the flood: calls by the thousand, while controllers and proxies are killed and added.
    ///
    /// The platform's stand-in asks controllers for calls over trunks with limits. Exits with 0 only if every call came to
    /// exactly one final status, nobody was called twice, no trunk was ever over its limit, and who called in was answered.
    Broadcast(BroadcastArgs),
    /// Measure the controller: memory and time of its calls on a stand-in for FreeSWITCH, and its CPU time beside a real one.
    ///
    /// Exits with 0 only if it meets its targets.
    Controller(ControllerArgs),
    /// Draw where the proxy's CPU time goes under load, as a flame graph. Needs `perf`.
    Flame(FlameArgs),
    /// Call through a proxy that was built to take notes for the compiler.
    Train(TrainArgs),
}

#[derive(Args)]
struct RunArgs {
    /// Calls per second
    #[arg(long, default_value_t = 1000.0)]
    rate: f64,
    /// How long to start calls
    #[arg(long, default_value = "10", value_name = "SECONDS", value_parser = seconds)]
    secs: Duration,
    /// How long to start calls before that, which count in no figure of time
    #[arg(long, default_value = "1", value_name = "SECONDS", value_parser = seconds)]
    warm: Duration,
    /// How long each call rings
    #[arg(long, default_value = "0", value_name = "SECONDS", value_parser = seconds)]
    ring: Duration,
    /// Where to call
    #[arg(long, value_name = "ADDRESS:PORT")]
    against: SocketAddr,
    /// Where to answer: ADDRESS:PORT, or ADDRESS:PORT=CONTACT:PORT to be known by another address
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003,127.0.0.1:7004"
    )]
    targets: Vec<Target>,
    /// Where to call from
    #[arg(long, default_value = "127.0.0.1:6000", value_name = "ADDRESS:PORT")]
    caller: SocketAddr,
    /// Sockets to call from: the caller's port and those that follow
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    sources: u16,
    /// Processes to measure, with their children
    #[arg(long, value_delimiter = ',')]
    pid: Vec<u32>,
    /// Padding in each INVITE
    #[arg(long, default_value_t = 0, value_name = "BYTES")]
    call_pad: usize,
    /// What the run is called in its reports
    #[arg(long, default_value = "load", value_name = "TEXT")]
    label: String,
    /// Write a page with plots
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write all figures
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct ForwardArgs {
    /// Where to receive
    #[arg(long, default_value = "127.0.0.1:5060", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// What comes from here goes to a target; all else goes here
    #[arg(long, default_value = "127.0.0.1:6000", value_name = "ADDRESS:PORT")]
    caller: SocketAddr,
    /// Where calls are answered
    #[arg(long, value_delimiter = ',', required = true, value_name = "ADDRESS:PORT")]
    targets: Vec<SocketAddr>,
}

#[derive(Args)]
struct BenchArgs {
    /// Calls per second
    #[arg(long, value_delimiter = ',', default_value = "1000,2000,5000,10000")]
    rates: Vec<u32>,
    /// How long each measurement takes, after a second of warming up
    #[arg(long, default_value = "4", value_name = "SECONDS", value_parser = seconds)]
    secs: Duration,
    /// How often each is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    runs: u8,
    /// What to measure
    #[arg(long, value_delimiter = ',', default_value = "floor,proxy,proxy-1000,kamailio")]
    against: Vec<Contender>,
    /// Write the result into this Markdown file, between two marker comments; a new file if there is none
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Args)]
struct BroadcastArgs {
    /// Calls to make
    #[arg(long, default_value_t = 5000)]
    calls: usize,
    /// How many come due in a minute
    #[arg(long, default_value_t = 3000, value_name = "CALLS")]
    per_minute: u32,
    /// Controllers in the beginning, each with its FreeSWITCH
    #[arg(long, default_value_t = 3, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=50))]
    controllers: u8,
    /// Proxies, by which others call in meanwhile
    #[arg(long, default_value_t = 2, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=50))]
    proxies: u8,
    /// How often a controller is killed (kill -9), and a proxy with each second one
    #[arg(long, default_value_t = 9, value_name = "TIMES")]
    kills: u32,
    /// What decides whom the queue asks
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write a page with plots
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Put the controllers' logs there
    #[arg(long, value_name = "DIRECTORY")]
    logs: Option<PathBuf>,
}

#[derive(Args)]
struct ControllerArgs {
    /// Calls in progress at once, whose memory is measured
    #[arg(long, default_value_t = 5000)]
    held: u32,
    /// Calls per second
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// How many are made at that rate; an hour's worth, at ten in a second
    #[arg(long, default_value_t = 36_000)]
    calls: u32,
    /// A real FreeSWITCH's program; else none is measured
    #[arg(long, value_name = "PATH", env = lab::real_switch::BINARY)]
    freeswitch: Option<PathBuf>,
    /// Calls at once on the real FreeSWITCH
    #[arg(long, default_value_t = 40)]
    at_once: u32,
    /// Write the result into this Markdown file, between two marker comments; a new file if there is none
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Args)]
struct FlameArgs {
    /// Calls per second
    #[arg(long, default_value_t = 2000)]
    rate: u32,
    /// How long to look
    #[arg(long, default_value = "8", value_name = "SECONDS", value_parser = seconds)]
    secs: Duration,
    /// The SVG file to write
    #[arg(long, default_value = "docs/flame.svg", value_name = "FILE")]
    out: PathBuf,
}

#[derive(Args)]
struct TrainArgs {
    /// How long at each rate
    #[arg(long, default_value = "2", value_name = "SECONDS", value_parser = seconds)]
    secs: Duration,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Verb::Run(args) => call(args),
        Verb::Forward(ForwardArgs { listen, caller, targets }) => {
            let ready = || println!("forwarding at {listen}");
            forward::forward(&Ways { listen, caller, targets }, ready).map(|()| true)
        }
        Verb::Bench(BenchArgs { rates, secs, runs, against, out }) => {
            bench::bench(&bench::Options { rates, time: secs, runs, against, out })
        }
        Verb::Broadcast(args) => broadcast::run(&broadcast::Options {
            calls: args.calls,
            per_minute: args.per_minute,
            controllers: args.controllers.into(),
            proxies: args.proxies.into(),
            kills: args.kills,
            report: args.report,
            logs: args.logs,
            seed: args.seed,
        }),
        Verb::Controller(args) => measure_controller(args),
        Verb::Flame(FlameArgs { rate, secs, out }) => {
            bench::flame(&bench::Flame { rate, time: secs, out }).map(|()| true)
        }
        Verb::Train(TrainArgs { secs }) => bench::train(secs).map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn call(args: RunArgs) -> Result<bool> {
    let plan = Plan {
        rate: args.rate,
        time: args.secs,
        warm: args.warm,
        ring: args.ring,
        against: args.against,
        targets: args.targets,
        caller: args.caller,
        sources: args.sources,
        pids: args.pid,
        pad: args.call_pad,
        label: args.label,
    };
    let outcome = run::run(&plan, |second| eprintln!("{}", terminal::progress(second)))?;
    print!("{}", terminal::summary(&outcome));
    if let Some(file) = args.report {
        let page = html::page(&outcome, &system::machine(), &system::today());
        fs::write(&file, page).with_context(|| file.display().to_string())?;
    }
    if let Some(file) = args.json {
        write_json(&outcome, &file)?;
    }
    Ok(outcome.all_completed())
}

fn measure_controller(args: ControllerArgs) -> Result<bool> {
    if let Some(path) = args.freeswitch.filter(|_| std::env::var_os(lab::real_switch::BINARY).is_none()) {
        return again_with(&path);
    }
    let ControllerArgs { held, rate, calls, at_once, out, .. } = args;
    controller::bench(&controller::Options { held, rate, calls, real: at_once, out })
}

/// Becomes the same program with FreeSWITCH's path in its environment, which a running program may not change safely.
fn again_with(freeswitch: &std::path::Path) -> Result<bool> {
    use std::os::unix::process::CommandExt as _;
    let own = std::env::current_exe().context("the path of this program")?;
    let mut command = std::process::Command::new(own);
    Err(command.args(std::env::args_os().skip(1)).env(lab::real_switch::BINARY, freeswitch).exec().into())
}

fn write_json(outcome: &Outcome, file: &PathBuf) -> Result<()> {
    let json = serde_json::to_string_pretty(outcome)?;
    fs::write(file, json + "\n").with_context(|| file.display().to_string())
}

fn seconds(text: &str) -> Result<Duration> {
    let expected = || format!("expected seconds, found {text:?}");
    Duration::try_from_secs_f64(text.parse().with_context(expected)?).with_context(expected)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_run_is_planned_as_it_is_asked_for() {
        let line = "load run --rate 5000 --secs 0.5 --against 127.0.0.1:5060 --pid 1,2 --sources 3";
        let Verb::Run(args) = Cli::parse_from(line.split(' ')).command else { panic!("not a run") };
        assert_eq!((args.rate, args.secs), (5000.0, Duration::from_millis(500)));
        assert_eq!((args.pid, args.sources, args.targets.len()), (vec![1, 2], 3, 4));
    }
}
