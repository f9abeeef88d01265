//! `cargo xtask test`.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::{instructions, lint, process, python, terraform, tools};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Leaves out format, lints and the count of instructions.
    #[arg(long)]
    no_lint: bool,
}

/// What is run, in this order: the quick ones first. The programs are built before the tests because these start them.
const LINTS: [&[&str]; 2] =
    [&["fmt", "--all", "--check"], &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]];
const TESTS: [&[&str]; 2] = [&["build", "--workspace", "--bins"], &["test", "--workspace"]];

/// What the tests use from PyPI, in the versions they were written with: requests to the API that nobody would think of, and
/// somebody else's idea of ECS and S3.
const FROM_PYPI: [&str; 2] = ["schemathesis==4.32.5", "moto[server]==5.2.5"];

/// Runs all steps; the first that fails is the last.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    tools::SIPP.require()?;
    tools::CHROMIUM.require()?;
    [tools::KAMAILIO, tools::ESPEAK, tools::IP, tools::NFT].iter().for_each(|tool| _ = tool.prefer());
    for package in FROM_PYPI {
        if let Err(why) = python::programs(&[package]) {
            eprintln!("==> LEFT OUT, for want of {package}: {why:#}");
        }
    }
    let lints = if arguments.no_lint { &[][..] } else { &LINTS[..] };
    let steps: Vec<_> = lints.iter().chain(&TESTS).collect();
    let began = Instant::now();
    if !arguments.no_lint {
        lint::run()?;
    }
    for (number, step) in steps.iter().enumerate() {
        let command = process::cargo(step);
        let name = format!("step {} of {}", number + 1, steps.len());
        println!("==> {name}: {}", process::shown(&command));
        let step_began = Instant::now();
        process::run(command).with_context(|| name.clone())?;
        println!("==> {name}: done in {:.0?}", step_began.elapsed());
    }
    terraform::run().context("terraform")?;
    if !arguments.no_lint {
        instructions::run(&instructions::Arguments::default())?;
    }
    println!("==> all passed in {:.0?}", began.elapsed());
    Ok(())
}
