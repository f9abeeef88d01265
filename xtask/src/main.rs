//! The commands of this repository: `cargo xtask --help`.
//!
//! A program instead of scripts, so that they run wherever the project builds and need nothing else.

mod fuzz;
mod instructions;
mod lint;
mod process;
mod profile;
mod programs;
mod python;
mod release;
mod terraform;
mod test;
mod tools;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The commands of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Builds everything and shows it at work: a telephone calls an application, through proxy, switch and controller.
    ///
    /// Whatever follows is handed to the demonstration: `--keep` lets it run until Ctrl-C, `--help` shows the others.
    #[command(disable_help_flag = true)]
    Demo(programs::Arguments),
    /// Calls by the thousand through a proxy: `cargo xtask load --rate 5000 --secs 10 --against 127.0.0.1:5060`.
    #[command(disable_help_flag = true)]
    Load(programs::Arguments),
    /// Measures the proxy against a bare forwarder and, where it is installed, Kamailio: `--out docs/performance.md`. With
    /// `--controller` first, the switch-controller.
    #[command(disable_help_flag = true)]
    Bench(programs::Arguments),
    /// The night of the flood: `--calls 5000` outbound calls over trunks with limits, while controllers and proxies are killed
    /// and added. The exit code is the verdict; `--report FILE` writes a page with plots, `--help` shows the rest.
    #[command(disable_help_flag = true)]
    Broadcast(programs::Arguments),
    /// Draws where the proxy's CPU time goes as a flame graph: `--rate 2000 --out docs/flame.svg`. Needs `perf`.
    #[command(disable_help_flag = true)]
    Flame(programs::Arguments),
    /// Makes what is handed out: programs for x86_64 and arm64 Linux, SBOMs, checksums. The proxy is optimised by a profile
    /// of itself under load.
    Release(release::Arguments),
    /// Runs what has to pass before a change is merged: format, lints, all tests. Installs SIPp if it can.
    Test(test::Arguments),
    /// Checks what is not Rust: scripts, YAML, Dockerfiles, compose file, Kubernetes manifests, alerts. A part of `test`.
    Lint,
    /// Checks terraform/ alone, as `test` does: format, validity, tests, policies, as far as what is needed is here.
    Terraform,
    /// Counts the instructions that the routing of a message takes, and compares them with the figures kept in
    /// proxy/benches/instructions.toml. Needs Valgrind.
    Instructions(instructions::Arguments),
    /// Fuzzes, ten minutes for each target: `cargo xtask fuzz route --seconds 60`. Needs cargo-fuzz and a nightly compiler.
    Fuzz(fuzz::Arguments),
}

fn main() -> Result<()> {
    match Arguments::parse().task {
        Task::Demo(arguments) => programs::demo(&arguments),
        Task::Load(arguments) => programs::load("run", &arguments),
        Task::Bench(arguments) => programs::bench(&arguments),
        Task::Broadcast(arguments) => programs::broadcast(&arguments),
        Task::Flame(arguments) => programs::load("flame", &arguments),
        Task::Release(arguments) => release::run(&arguments),
        Task::Test(arguments) => test::run(&arguments),
        Task::Lint => lint::run(),
        Task::Terraform => terraform::run(),
        Task::Instructions(arguments) => instructions::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_follows_demo_is_the_labs() {
        let arguments = Arguments::parse_from(["cargo xtask", "demo", "--keep", "--calls", "3"]);
        let Task::Demo(demo) = arguments.task else { panic!("{arguments:?}") };
        assert_eq!(demo.arguments, ["--keep", "--calls", "3"]);
    }
}
