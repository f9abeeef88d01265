//! Programs that the tests need and cargo does not bring.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::process;

/// What to say where we cannot install it.
const HOW_TO_GET_SIPP: &str = "the end-to-end tests need SIPp (3.6 or newer) as `sipp` in the PATH: \
     on Debian and Ubuntu `sudo apt-get install sip-tester`, elsewhere see https://github.com/SIPp/sipp";

/// Sees to it that there is a SIPp; as root on Debian by installing it.
///
/// # Errors
///
/// There is none: with what to do.
pub(crate) fn require_sipp() -> Result<()> {
    if is_there("sipp") {
        return Ok(());
    }
    if !(is_root() && Path::new("/etc/debian_version").exists() && is_there("apt-get")) {
        bail!(HOW_TO_GET_SIPP);
    }
    println!("==> there is no `sipp`: installing it");
    for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends", "sip-tester"]] {
        let mut apt = Command::new("apt-get");
        apt.arg("-qq").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        process::run(apt).context(HOW_TO_GET_SIPP)?;
    }
    if is_there("sipp") { Ok(()) } else { bail!("`sipp` is still not there: {HOW_TO_GET_SIPP}") }
}

/// Whether a program can be started; what it says does not matter.
fn is_there(program: &str) -> bool {
    let nowhere = Stdio::null;
    Command::new(program).arg("-v").stdin(nowhere()).stdout(nowhere()).stderr(nowhere()).status().is_ok()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
