//! Programs that the tests need and cargo does not bring.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::process;

/// A program that a task needs.
pub(crate) struct Tool {
    program: &'static str,
    /// The Debian package that it is in.
    package: &'static str,
    /// What to say where we cannot install it.
    how_to_get_it: &'static str,
}

/// For the end-to-end tests.
pub(crate) const SIPP: Tool = Tool {
    program: "sipp",
    package: "sip-tester",
    how_to_get_it: "the end-to-end tests need SIPp (3.6 or newer) as `sipp` in the PATH: \
     on Debian and Ubuntu `sudo apt-get install sip-tester`, elsewhere see https://github.com/SIPp/sipp",
};

/// For looking at the proxy's page in the end-to-end tests.
pub(crate) const CHROMIUM: Tool = Tool {
    program: "chromium",
    package: "chromium",
    how_to_get_it: "the end-to-end tests need Chromium as `chromium` in the PATH: on Debian `sudo apt-get install chromium`",
};

/// For calling through, in the end-to-end tests: how others route.
pub(crate) const KAMAILIO: Tool = Tool {
    program: "kamailio",
    package: "kamailio",
    how_to_get_it: "calls through Kamailio need `kamailio` (5.6 or newer) in the PATH: \
     on Debian and Ubuntu `sudo apt-get install kamailio`, elsewhere see https://www.kamailio.org",
};

/// For hearing what is said, in the end-to-end tests.
pub(crate) const ESPEAK: Tool = Tool {
    program: "espeak-ng",
    package: "espeak-ng",
    how_to_get_it: "hearing a <Say> needs `espeak-ng` in the PATH: on Debian and Ubuntu `sudo apt-get install espeak-ng`",
};

/// For networks with NAT and loss in the end-to-end tests.
pub(crate) const IP: Tool = Tool {
    program: "ip",
    package: "iproute2",
    how_to_get_it: "networks with NAT and loss need `ip` in the PATH: on Debian and Ubuntu `sudo apt-get install iproute2`",
};

/// The same.
pub(crate) const NFT: Tool = Tool {
    program: "nft",
    package: "nftables",
    how_to_get_it: "networks with NAT and loss need `nft` in the PATH: on Debian and Ubuntu `sudo apt-get install nftables`",
};

/// For counting instructions.
pub(crate) const VALGRIND: Tool = Tool {
    program: "valgrind",
    package: "valgrind",
    how_to_get_it: "counting instructions needs `valgrind` in the PATH: \
     on Debian and Ubuntu `sudo apt-get install valgrind`, elsewhere see https://valgrind.org",
};

/// For shell scripts.
pub(crate) const SHELLCHECK: Tool = Tool {
    program: "shellcheck",
    package: "shellcheck",
    how_to_get_it: "checking scripts needs `shellcheck` in the PATH: on Debian and Ubuntu `sudo apt-get install shellcheck`",
};

/// For YAML.
pub(crate) const YAMLLINT: Tool = Tool {
    program: "yamllint",
    package: "yamllint",
    how_to_get_it: "checking YAML needs `yamllint` in the PATH: on Debian and Ubuntu `sudo apt-get install yamllint`",
};

/// What can check terraform/, in the order of preference.
pub(crate) const TERRAFORM: [&str; 2] = ["terraform", "tofu"];

impl Tool {
    /// Sees to it that it is there if that can be; else says which tests are left out. Whether it is there.
    pub(crate) fn prefer(&self) -> bool {
        self.require()
            .inspect_err(|why| eprintln!("==> LEFT OUT, for want of `{}`: {why:#}", self.program))
            .is_ok()
    }

    /// Sees to it that it is there; as root on Debian by installing it.
    ///
    /// # Errors
    ///
    /// It is not: with what to do.
    pub(crate) fn require(&self) -> Result<()> {
        if is_there(self.program) {
            return Ok(());
        }
        if !(is_root() && Path::new("/etc/debian_version").exists() && is_there("apt-get")) {
            bail!(self.how_to_get_it);
        }
        println!("==> there is no `{}`: installing it", self.program);
        for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends", self.package]] {
            let mut apt = Command::new("apt-get");
            apt.arg("-qq").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
            process::run(apt).context(self.how_to_get_it)?;
        }
        if is_there(self.program) {
            Ok(())
        } else {
            bail!("`{}` is still not there: {}", self.program, self.how_to_get_it)
        }
    }
}

/// For alerts: where Prometheus' `promtool` is. Debian's package of it would start a server here: the program alone is taken out
/// of it, into a place below `target`.
///
/// # Errors
///
/// It is not there, and cannot be had: with what to do.
pub(crate) fn promtool() -> Result<PathBuf> {
    const HOW_TO_GET_IT: &str = "checking alerts needs Prometheus' `promtool` in the PATH: \
        on Debian and Ubuntu it is in the package prometheus, elsewhere see https://prometheus.io/download";
    if starts("promtool") {
        return Ok("promtool".into());
    }
    let place = process::root().join("target/tools/prometheus");
    let program = place.join("usr/bin/promtool");
    if program.is_file() {
        return Ok(program);
    }
    if !(Path::new("/etc/debian_version").exists() && starts("apt-get")) {
        bail!(HOW_TO_GET_IT);
    }
    println!("==> there is no `promtool`: unpacking it into {}", place.display());
    fs::create_dir_all(&place)?;
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        process::run({
            command.args(arguments).current_dir(&place);
            command
        })
        .context(HOW_TO_GET_IT)
    };
    if is_root() {
        run("apt-get", &["-qq", "update"])?;
    }
    run("apt-get", &["-qq", "-o", "APT::Sandbox::User=root", "download", "prometheus"])?;
    let mut packages = fs::read_dir(&place)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let package = packages.find(|name| name.ends_with(".deb")).context(HOW_TO_GET_IT)?;
    run("dpkg-deb", &["--extract", &package, "."])?;
    Ok(program)
}

/// For programs from PyPI; Debian has the module of environments apart.
pub(crate) const PYTHON: Tool = Tool {
    program: "python3",
    package: "python3-venv",
    how_to_get_it: "programs from PyPI need Python 3 with its module venv: \
     on Debian and Ubuntu `sudo apt-get install python3-venv`",
};

/// Whether a program can be started; what it says does not matter. Not every PATH has what is for administrators.
fn is_there(program: &str) -> bool {
    starts(program) || starts(&format!("/usr/sbin/{program}"))
}

/// Whether a program of the PATH can be started.
pub(crate) fn starts(program: &str) -> bool {
    let nowhere = Stdio::null;
    Command::new(program)
        .arg("--version")
        .stdin(nowhere())
        .stdout(nowhere())
        .stderr(nowhere())
        .status()
        .is_ok()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
