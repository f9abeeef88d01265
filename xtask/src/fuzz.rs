//! `cargo xtask fuzz`: one fuzz target after the other, for a time.

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

use crate::process;

/// The targets: name, crate, folders of inputs to begin with besides the corpus, longest input.
const TARGETS: [(&str, &str, &[&str], u32); 3] = [
    ("message", "crates/sip", &["tests/torture"], 4000),
    ("stream", "crates/sip", &["tests/torture"], 4000),
    ("route", "proxy", &[], 6000),
];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which: message, stream or route. All if none is given.
    targets: Vec<String>,
    /// For how long each.
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    seconds: u32,
}

/// Fuzzes. What is found is in `fuzz/artifacts` of the crate, and what is new on the way there in `fuzz/found`.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    for name in &arguments.targets {
        if !TARGETS.iter().any(|(target, ..)| target == name) {
            let known = TARGETS.map(|(target, ..)| target).join(", ");
            bail!("expected a target ({known}), found {name:?}");
        }
    }
    if process::run(with_nightly(&["fuzz", "--version"])).is_err() {
        bail!(
            "fuzzing needs cargo-fuzz and a nightly compiler: \
             `cargo install cargo-fuzz` and `rustup toolchain install nightly`"
        );
    }
    let wanted = |name: &str| arguments.targets.is_empty() || arguments.targets.iter().any(|own| own == name);
    for (name, directory, further, length) in TARGETS.into_iter().filter(|(name, ..)| wanted(name)) {
        let directory = process::root().join(directory);
        process::run(fuzz(name, &directory, further, (length, arguments.seconds))?)?;
    }
    Ok(())
}

fn fuzz(name: &str, directory: &Path, further: &[&str], (length, seconds): (u32, u32)) -> Result<Command> {
    let found = format!("fuzz/found/{name}");
    std::fs::create_dir_all(directory.join(&found))?;
    let mut command = with_nightly(&["fuzz", "run", name, &found, &format!("fuzz/corpus/{name}")]);
    command.current_dir(directory).args(further).arg("--");
    command.args([format!("-max_len={length}"), format!("-max_total_time={seconds}")]);
    Ok(command)
}

/// The cargo of the nightly toolchain, whichever one runs us.
fn with_nightly(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.arg("+nightly").args(arguments).current_dir(process::root());
    // Those of the toolchain that runs us would win otherwise.
    ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"].into_iter().for_each(|name| {
        command.env_remove(name);
    });
    command
}
