//! `cargo xtask release`: what is handed out. For each kind of machine an archive with the programs, their settings and what
//! they are run with; for each program what it is made of (SBOM, CycloneDX); checksums of all of it.
//!
//! It is linked by Zig, which links for other machines, and for an older C library than this one has.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{process, profile, python};

/// What builds and links, from PyPI.
const FROM_PYPI: [&str; 2] = ["cargo-zigbuild==0.24.0", "ziglang==0.17.1"];

/// What writes down what programs are made of, from crates.io.
const SBOM: &str = "cargo-cyclonedx@0.5.9";

/// The oldest C library that the programs run with: RHEL 8, Debian 10, Ubuntu 20.04, Amazon Linux 2023.
const C_LIBRARY: &str = "2.28";

/// All of this workspace's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Those that are handed out, as far as they are there; each has a directory of its name.
const PROGRAMS: [&str; 4] = ["proxy", "switch-controller", "scaler-lambda", "switchctl"];

/// The one that runs on AWS Lambda, which wants it in a zip under another name (`provided.al2023`).
const LAMBDA: (&str, &str) = ("scaler-lambda", "bootstrap");

/// What goes with them, where it is there.
const BESIDE: [&str; 6] = ["LICENSE", "CHANGELOG.md", "README.md", "docs", "infrastructure", "terraform"];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The kinds of machines.
    #[arg(long, value_delimiter = ',', default_values = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"])]
    targets: Vec<String>,
    /// Does not count first what the proxy does under load: saves two builds and ten seconds of calls, and costs speed.
    #[arg(long)]
    no_profile: bool,
}

/// Makes all of it, in `target/release-VERSION`.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let programs: Vec<_> =
        PROGRAMS.into_iter().filter(|name| process::root().join(name).join("Cargo.toml").exists()).collect();
    let out = process::root().join("target").join(format!("release-{VERSION}"));
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    let profile = if arguments.no_profile { None } else { Some(profile::profile()?) };
    for target in &arguments.targets {
        // A profile of this machine's code says little about another's.
        let profile = profile.as_deref().filter(|_| profile::host().is_ok_and(|host| host == *target));
        let built = build(target, &programs, profile)?;
        archive(&out, target, &built)?;
        for program in built.iter().filter(|program| program.ends_with(LAMBDA.0)) {
            lambda(&out, target, program)?;
        }
    }
    bills_of_materials(&out, &programs)?;
    checksums(&out)?;
    println!("==> {} has:", out.display());
    for name in files(&out)? {
        println!("    {name}");
    }
    Ok(())
}

/// Builds the programs for one kind of machine. The proxy by itself: the profile is its own.
fn build(target: &str, programs: &[&str], profile: Option<&Path>) -> Result<Vec<PathBuf>> {
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", target]);
    process::run(rustup).context("building for other machines needs rustup")?;
    let bin = python::programs(&FROM_PYPI)?;
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([bin].into_iter().chain(env::split_paths(&path)))?;
    let directory = process::root().join("target/zig");
    for program in programs {
        println!("==> {program} for {target}");
        let linked = format!("{target}.{C_LIBRARY}");
        let mut cargo =
            process::cargo(&["zigbuild", "--release", "--locked", "--package", program, "--target", &linked]);
        cargo.arg("--target-dir").arg(&directory).env("PATH", &path);
        cargo.env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
        if let Some(profile) = profile.filter(|_| *program == "proxy") {
            cargo.env("RUSTFLAGS", profile::using(profile));
        }
        process::run(cargo)?;
    }
    Ok(programs.iter().map(|program| directory.join(target).join("release").join(program)).collect())
}

/// Packs programs and what goes with them, the same bytes for the same contents.
fn archive(out: &Path, target: &str, programs: &[PathBuf]) -> Result<()> {
    let name = format!("switchyard-{VERSION}-{}-linux", machine(target));
    let directory = out.join(&name);
    fs::create_dir_all(&directory)?;
    for program in programs {
        let file = program.file_name().context("a program's name")?;
        fs::copy(program, directory.join(file)).with_context(|| program.display().to_string())?;
        let example = format!("{0}/{0}.example.toml", file.to_string_lossy());
        copy_known(&example, &directory)?;
    }
    BESIDE.iter().try_for_each(|place| copy_known(place, &directory))?;
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"]);
    tar.arg(format!("--mtime={}", committed()?));
    tar.args(["--use-compress-program=gzip -n", "--create", "--file"])
        .arg(out.join(format!("{name}.tar.gz")));
    process::run({
        tar.arg("--directory").arg(out).arg(&name);
        tar
    })?;
    fs::remove_dir_all(&directory).with_context(|| directory.display().to_string())
}

/// Packs the program for AWS Lambda.
fn lambda(out: &Path, target: &str, program: &Path) -> Result<()> {
    let (name, inside) = LAMBDA;
    let bootstrap = out.join(inside);
    fs::copy(program, &bootstrap).with_context(|| program.display().to_string())?;
    let mut touch = Command::new("touch");
    process::run({
        touch.arg("--date").arg(committed()?).arg(&bootstrap);
        touch
    })?;
    let mut zip = Command::new("python3");
    zip.args(["-m", "zipfile", "-c", &format!("{name}-{VERSION}-{}.zip", machine(target)), inside]);
    zip.env("TZ", "UTC").current_dir(out);
    process::run(zip)?;
    fs::remove_file(&bootstrap).with_context(|| bootstrap.display().to_string())
}

/// `x86_64` or `aarch64`.
fn machine(target: &str) -> &str {
    target.split('-').next().unwrap_or(target)
}

/// When the last change was made, as GNU's tools read a date: the same contents have the same time.
fn committed() -> Result<String> {
    Ok(format!("@{}", git(&["log", "-1", "--format=%ct"])?.trim()))
}

/// Copies what git has of a place: what lies there besides is not for others. A file that ends in `.example.toml` goes to the top.
fn copy_known(place: &str, directory: &Path) -> Result<()> {
    for file in git(&["ls-files", "--", place])?.lines() {
        let example = file.ends_with(".example.toml") && !file.starts_with("infrastructure");
        let to = if example { file.rsplit('/').next().unwrap_or(file) } else { file };
        let to = directory.join(to);
        fs::create_dir_all(to.parent().unwrap_or(directory))?;
        fs::copy(process::root().join(file), &to).with_context(|| file.to_owned())?;
    }
    Ok(())
}

/// What each program is made of.
fn bills_of_materials(out: &Path, programs: &[&str]) -> Result<()> {
    let tools = process::root().join("target/tools");
    process::run({
        let mut cargo = process::cargo(&["install", "--quiet", "--locked", SBOM, "--root"]);
        cargo.arg(&tools);
        cargo
    })?;
    for program in programs {
        let mut cyclonedx = Command::new(tools.join("bin/cargo-cyclonedx"));
        cyclonedx.args([
            "cyclonedx",
            "--format",
            "json",
            "--spec-version",
            "1.5",
            "--target",
            "all",
            "--quiet",
        ]);
        // It writes beside every Cargo.toml of the workspace, under this name.
        cyclonedx.args(["--override-filename", "switchyard-sbom", "--manifest-path"]);
        cyclonedx.arg(process::root().join(program).join("Cargo.toml"));
        process::run(cyclonedx)?;
        let written = process::root().join(program).join("switchyard-sbom.json");
        let kept = out.join(format!("switchyard-{VERSION}-{program}.cdx.json"));
        fs::copy(&written, &kept).with_context(|| written.display().to_string())?;
        for file in git(&["ls-files", "--others", "--", "*switchyard-sbom.json"])?.lines() {
            fs::remove_file(process::root().join(file)).with_context(|| file.to_owned())?;
        }
    }
    Ok(())
}

/// SHA-256 of all that is there, as `sha256sum --check` reads it.
fn checksums(out: &Path) -> Result<()> {
    let mut sums = Command::new("sha256sum");
    let output = sums.args(files(out)?).current_dir(out).output().context("sha256sum")?;
    ensure!(output.status.success(), "sha256sum: {}", String::from_utf8_lossy(&output.stderr));
    fs::write(out.join("SHA256SUMS"), output.stdout)?;
    Ok(())
}

fn files(directory: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn git(arguments: &[&str]) -> Result<String> {
    let output = Command::new("git").args(arguments).current_dir(process::root()).output().context("git")?;
    ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that goes away with it.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Result<Self> {
            let path = env::temp_dir().join(format!("switchyard-release-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path)?;
            Ok(Self(path))
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn output(command: &mut Command) -> Result<String> {
        let output = command.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    #[test]
    fn an_archive_has_the_programs_and_what_they_need_and_is_the_same_each_time() -> Result<()> {
        let (one, other) = (Place::new("one")?, Place::new("other")?);
        let program = one.0.join("proxy");
        fs::write(&program, "no real one")?;
        let name = format!("switchyard-{VERSION}-aarch64-linux.tar.gz");
        for place in [&one, &other] {
            archive(&place.0, "aarch64-unknown-linux-gnu", std::slice::from_ref(&program))?;
        }
        assert!(fs::read(one.0.join(&name))? == fs::read(other.0.join(&name))?, "they differ");
        let listed = output(Command::new("tar").arg("--list").arg("--file").arg(other.0.join(&name)))?;
        let top = format!("switchyard-{VERSION}-aarch64-linux");
        for file in
            ["proxy", "proxy.example.toml", "LICENSE", "infrastructure/freeswitch/start.sh", "docs/sip.md"]
        {
            assert!(listed.lines().any(|line| line == format!("{top}/{file}")), "{file}: {listed}");
        }
        assert!(!listed.contains("Cargo.toml"), "{listed}");
        Ok(())
    }

    #[test]
    fn the_lambdas_zip_has_its_program_as_bootstrap_which_can_be_run() -> Result<()> {
        let place = Place::new("lambda")?;
        let program = place.0.join("scaler-lambda");
        fs::copy("/bin/true", &program)?;
        lambda(&place.0, "aarch64-unknown-linux-gnu", &program)?;
        let zip = place.0.join(format!("scaler-lambda-{VERSION}-aarch64.zip"));
        let modes = "import sys, zipfile\nfor one in zipfile.ZipFile(sys.argv[1]).infolist():\n    \
                     print(one.filename, oct(one.external_attr >> 16 & 0o111))";
        let said = output(Command::new("python3").arg("-c").arg(modes).arg(zip))?;
        assert_eq!(said, "bootstrap 0o111\n");
        assert!(!place.0.join("bootstrap").exists());
        Ok(())
    }

    #[test]
    fn checksums_are_of_all_files_and_can_be_checked() -> Result<()> {
        let place = Place::new("checksums")?;
        fs::write(place.0.join("a"), "1")?;
        fs::write(place.0.join("b"), "2")?;
        checksums(&place.0)?;
        let check =
            || output(Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(&place.0));
        assert_eq!(check()?, "a: OK\nb: OK\n");
        fs::write(place.0.join("b"), "3")?;
        assert!(check().is_err());
        Ok(())
    }
}
