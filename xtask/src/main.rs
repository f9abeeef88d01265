//! The commands of this repository: `cargo xtask --help`.
//!
//! A program instead of scripts, so that they run wherever the project builds and need nothing else.

mod demo;
mod instructions;
mod process;
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
    /// Builds everything and shows it at work: a telephone calls machines that answer, through the proxy.
    ///
    /// Whatever follows is handed to the demonstration: `--keep` lets it run until Ctrl-C, `--help` shows the others.
    #[command(disable_help_flag = true)]
    Demo(demo::Arguments),
    /// Runs what has to pass before a change is merged: format, lints, all tests. Installs SIPp if it can.
    Test(test::Arguments),
    /// Counts the instructions that the routing of a message takes, and compares them with the figures kept in
    /// proxy/benches/instructions.toml. Needs Valgrind.
    Instructions(instructions::Arguments),
}

fn main() -> Result<()> {
    match Arguments::parse().task {
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Test(arguments) => test::run(&arguments),
        Task::Instructions(arguments) => instructions::run(&arguments),
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
