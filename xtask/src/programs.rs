//! `cargo xtask demo`, `load`, `broadcast` and `bench`: programs of this repository, built and then become.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context, Result};

use crate::{process, profile};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Handed to the program as they are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    pub(crate) arguments: Vec<String>,
}

/// Shows everything at work.
pub(crate) fn demo(arguments: &Arguments) -> Result<()> {
    process::run(process::cargo(&["build", "--workspace", "--bins"]))?;
    become_it(Command::new(process::built("lab")?).arg("demo").args(&arguments.arguments))
}

/// Runs a command of the load generator, with an optimised proxy.
pub(crate) fn load(verb: &str, arguments: &Arguments) -> Result<()> {
    process::run(process::cargo(&["build", "--release", "--package", "load", "--package", "proxy"]))?;
    let load = process::built("../release/load")?;
    become_it(Command::new(load).current_dir(process::root()).arg(verb).args(&arguments.arguments))
}

/// Lives through the night of the flood, with programs as the tests have them.
pub(crate) fn broadcast(arguments: &Arguments) -> Result<()> {
    let packages = ["load", "proxy", "switch-controller"].map(|name| ["--package", name]);
    process::run(process::cargo(&[&["build", "--bins"], packages.as_flattened()].concat()))?;
    let mut command = Command::new(process::built("load")?);
    become_it(command.current_dir(process::root()).arg("broadcast").args(&arguments.arguments))
}

/// Measures the proxy as it is shipped; or the controller, if that is what is asked for first.
pub(crate) fn bench(arguments: &Arguments) -> Result<()> {
    if let Some((first, rest)) = arguments.arguments.split_first()
        && first == "--controller"
    {
        process::run(process::cargo(&[
            "build",
            "--release",
            "--package",
            "load",
            "--package",
            "switch-controller",
            "--bins",
        ]))?;
        let mut command = Command::new(process::built("../release/load")?);
        return become_it(command.current_dir(process::root()).arg("controller").args(rest));
    }
    let shipped = profile::run()?;
    let load = process::built("../release/load")?;
    let mut command = Command::new(load);
    command.current_dir(process::root()).arg("bench").args(&arguments.arguments);
    become_it(command.env("SWITCHYARD_PROXY", shipped))
}

/// Takes this program's place, so that Ctrl-C goes to it alone.
fn become_it(command: &mut Command) -> Result<()> {
    let error = command.exec();
    Err(error).with_context(|| format!("{} does not start", process::shown(command)))
}
