//! `simulation`: histories from seeds.

use std::io::{IsTerminal, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use clap::Parser;
use simulation::Seen;
use simulation::spread::plot;

/// Callers, proxies and targets over a bad network, with a clock of their own: one seed, one history.
///
/// Exits with 1 if a promise of the proxy was broken, and shows which.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    /// Replay one history
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Show every message of it
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Run many, as FROM..TO
    #[arg(long, default_value = "0..10000", value_parser = range)]
    seeds: (u64, u64),
    /// Go on after the first that fails, and list all
    #[arg(long)]
    all: bool,
    /// Draw how calls spread over targets of unequal size, and print the figures
    #[arg(long, value_name = "SVG", conflicts_with_all = ["seed", "seeds", "all"])]
    spread: Option<PathBuf>,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let wrong = || format!("expected FROM..TO such as 0..10000, found {text:?}");
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
    match (number(from)?, number(to)?) {
        (from, to) if from < to => Ok((from, to)),
        _ => Err(wrong()),
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(file) = cli.spread {
        return draw_spread(&file);
    }
    let kept = match cli.seed {
        Some(seed) => one(seed, cli.trace),
        None => many(cli.seeds, cli.all),
    };
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many histories a picture is made of.
const SEEDS: u64 = 16;

fn draw_spread(file: &Path) -> ExitCode {
    let all = plot::all(SEEDS);
    print!("{}", plot::table(&all));
    match std::fs::write(file, plot::svg(&all)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            ExitCode::FAILURE
        }
    }
}

fn one(seed: u64, trace: bool) -> bool {
    let history = simulation::run(seed, trace);
    println!("{}\n\n{}", history.scenario, history.trace);
    println!("{:?}", history.seen);
    match &history.breach {
        Some(breach) => println!("\n{breach}"),
        None => println!("every promise was kept"),
    }
    history.breach.is_none()
}

/// Runs seeds on all cores. Returns whether every promise was kept.
fn many((from, to): (u64, u64), all: bool) -> bool {
    let (next, failed) = (AtomicU64::new(from), AtomicU64::new(0));
    let seen = Mutex::new(Seen::default());
    let shows = std::io::stderr().is_terminal();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= to || (!all && failed.load(Ordering::Relaxed) > 0) {
                return;
            }
            let history = simulation::run(seed, false);
            if let Ok(mut seen) = seen.lock() {
                seen.add(&history.seen);
            }
            if let Some(breach) = history.breach {
                failed.fetch_add(1, Ordering::Relaxed);
                let shown = if all { breach.lines().next().unwrap_or("") } else { &breach };
                println!("{shown}");
            }
            if shows && seed % 100 == 0 {
                eprint!("\r{} of {} ", seed - from, to - from);
                let _ = std::io::stderr().flush();
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner();
    let seen = seen.into_inner().unwrap_or_default();
    println!("{} histories, {failed} with a promise broken; {seen:?}", next.into_inner().min(to) - from);
    failed == 0
}
