//! `cargo xtask instructions`: what the routing of a message costs, counted rather than timed.
//!
//! Counts are the same on a busy machine as on an idle one, so that a change can be judged by them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{process, tools};

/// What is counted: cases of proxy/benches/cost.rs.
const CASES: [&str; 5] = ["parse", "invite", "response", "bye", "reply"];

/// Each is run so many times, and then so many; the difference has nothing in it that happens once.
const TIMES: (u64, u64) = (100, 300);

/// How much worse than the figure that is kept a count may be, in percent.
const TOLERANCE: u64 = 5;

/// Where the figures are kept.
const FIGURES: &str = "proxy/benches/instructions.toml";

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Keeps the counts as the figures to compare with from now on.
    #[arg(long)]
    update: bool,
}

/// Counts, prints, compares.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    tools::VALGRIND.require()?;
    let program = build()?;
    let kept = kept()?;
    let mut counts = BTreeMap::new();
    let mut worse = Vec::new();
    println!("{:<10} {:>12} {:>12}", "message", "instructions", "kept figure");
    for case in CASES {
        let per_message =
            (count(&program, case, TIMES.1)? - count(&program, case, TIMES.0)?) / (TIMES.1 - TIMES.0);
        let figure = kept.get(case).copied();
        println!(
            "{case:<10} {per_message:>12} {:>12}",
            figure.map_or("none".to_owned(), |figure| figure.to_string())
        );
        if figure.is_none_or(|figure| per_message * 100 > figure * (100 + TOLERANCE)) {
            worse.push(case);
        }
        counts.insert(case, per_message);
    }
    if arguments.update {
        return keep(&counts);
    }
    if !worse.is_empty() {
        bail!(
            "more than {TOLERANCE} % worse than kept, or not kept yet: {}. If that is meant: `cargo xtask instructions --update`",
            worse.join(", ")
        );
    }
    Ok(())
}

/// Builds the benchmark and says where it is.
fn build() -> Result<PathBuf> {
    let mut cargo = process::cargo(&[
        "bench",
        "--package",
        "proxy",
        "--bench",
        "cost",
        "--no-run",
        "--message-format=json",
    ]);
    println!("==> {}", process::shown(&cargo));
    let output =
        cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cargo does not start")?;
    if !output.status.success() {
        bail!("the benchmark does not build: {}", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let of_ours = |line: &&str| line.contains("\"name\":\"cost\"");
    let executable = text
        .lines()
        .filter(of_ours)
        .find_map(|line| line.split("\"executable\":\"").nth(1)?.split('"').next());
    executable.map(PathBuf::from).context("cargo did not say where the benchmark is")
}

/// The instructions of the function that is measured, for so many messages.
fn count(program: &PathBuf, case: &str, times: u64) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--toggle-collect=*measured*", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(program).args([case, &times.to_string()]).stdin(Stdio::null());
    let output = valgrind.output().context("valgrind does not start")?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split("Collected :").nth(1)?.trim().parse().ok());
    collected.with_context(|| format!("valgrind did not count: {text}"))
}

fn kept() -> Result<BTreeMap<String, u64>> {
    match std::fs::read_to_string(process::root().join(FIGURES)) {
        Ok(text) => toml::from_str(&text).with_context(|| FIGURES.to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error).with_context(|| FIGURES.to_owned()),
    }
}

fn keep(counts: &BTreeMap<&str, u64>) -> Result<()> {
    let mut text =
        "# Instructions for each message; `cargo xtask instructions --update` writes them.\n".to_owned();
    for (case, count) in counts {
        let _ = writeln!(text, "{case} = {count}");
    }
    std::fs::write(process::root().join(FIGURES), text).with_context(|| FIGURES.to_owned())
}
