//! Other programs that a task runs.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// The cargo that runs us, at the root of the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// The directory of the workspace.
pub(crate) fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// A program that was built beside this one.
pub(crate) fn built(name: &str) -> Result<PathBuf> {
    let own = env::current_exe().context("the path of this program")?;
    Ok(own.with_file_name(name))
}

/// Runs a program to its end. It gets no input: nothing here may wait for somebody at a keyboard.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let shown = shown(&command);
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("`{shown}` does not start"))?;
    if status.success() { Ok(()) } else { bail!("`{shown}` failed: {status}") }
}

/// A command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
