//! Programs from PyPI, in a place of their own under `target/`: nothing is installed into the system.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{process, tools};

/// The directory of programs of these packages, such as `yamllint==1.37.0`; installed the first time. Tests look for theirs in the
/// places made here (`lab::python`).
///
/// # Errors
///
/// There is no `python3` with its module venv and it cannot be installed, or PyPI cannot be reached.
pub(crate) fn programs(packages: &[&str]) -> Result<PathBuf> {
    // Other versions are in another place.
    let place = process::root().join("target/python").join(packages.join("-"));
    let (bin, done) = (place.join("bin"), place.join("installed"));
    if !done.exists() {
        println!("==> installing {}", packages.join(", "));
        tools::PYTHON.require()?;
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&place);
        process::run(venv).context("expected `python3` with its module venv (Debian: python3-venv)")?;
        let mut pip = Command::new(bin.join("pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(packages);
        process::run(pip)?;
        std::fs::write(&done, "").with_context(|| done.display().to_string())?;
    }
    Ok(bin)
}
