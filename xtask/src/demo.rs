//! `cargo xtask demo`.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context, Result};

use crate::process;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Handed to the demonstration as they are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    pub(crate) arguments: Vec<String>,
}

/// Builds all programs and becomes the demonstration, so that Ctrl-C goes to it alone.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    process::run(process::cargo(&["build", "--workspace", "--bins"]))?;
    let lab = process::built("lab")?;
    let error = Command::new(&lab).arg("demo").args(&arguments.arguments).exec();
    Err(error).with_context(|| format!("{} does not start", lab.display()))
}
