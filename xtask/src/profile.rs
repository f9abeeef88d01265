//! The proxy optimised for what it does under load, as `cargo xtask release` ships it and `cargo xtask bench` measures it.
//!
//! Profile-guided optimisation takes two builds: the first counts, under the calls of `load train`, how often each way
//! through the program is taken; the second puts what is taken often close together.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::process;

/// Builds it for this machine, and says where it is.
///
/// # Errors
///
/// A build fails, the calls fail, or `llvm-profdata` is missing and cannot be installed.
pub(crate) fn run() -> Result<PathBuf> {
    let profile = profile()?;
    let built = build("shipped", &using(&profile))?;
    let shipped = directory().join("proxy");
    fs::copy(&built, &shipped).with_context(|| built.display().to_string())?;
    println!("built {}", shipped.display());
    Ok(shipped)
}

/// Makes the profile: how often each way through the proxy is taken.
pub(crate) fn profile() -> Result<PathBuf> {
    let directory = directory();
    let (counts, profile) = (directory.join("counts"), directory.join("proxy.profdata"));
    let _ = fs::remove_dir_all(&counts);
    let merge = llvm_profdata()?;
    let counting = build("counting", &format!("-Cprofile-generate={}", counts.display()))?;
    train(&counting)?;
    let mut command = Command::new(merge);
    command.arg("merge").arg("--output").arg(&profile).arg(&counts);
    process::run(command)?;
    Ok(profile)
}

/// The compiler's flag to build by a profile.
pub(crate) fn using(profile: &Path) -> String {
    format!("-Cprofile-use={}", profile.display())
}

/// Where all of it goes.
fn directory() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| process::root().join("target")).join("profile")
}

/// Builds the proxy with a flag for all its code. The target is named so that build scripts do without the flag.
fn build(name: &str, flag: &str) -> Result<PathBuf> {
    let (host, directory) = (host()?, directory().join(name));
    let mut cargo = process::cargo(&["build", "--release", "--package", "proxy", "--target", &host]);
    cargo.arg("--target-dir").arg(&directory).env("RUSTFLAGS", flag);
    println!("==> the proxy with {flag}");
    process::run(cargo)?;
    Ok(directory.join(host).join("release/proxy"))
}

/// Has the proxy that counts carry calls.
fn train(counting: &Path) -> Result<()> {
    process::run(process::cargo(&["build", "--release", "--package", "load"]))?;
    let mut load = Command::new(process::built("../release/load")?);
    load.arg("train").env("SWITCHYARD_PROXY", counting);
    process::run(load)
}

/// The compiler's own, which reads what the compiler's code writes.
fn llvm_profdata() -> Result<PathBuf> {
    let program = Path::new(&rustc(&["--print", "target-libdir"])?).with_file_name("bin/llvm-profdata");
    if !program.exists() {
        let mut rustup = Command::new("rustup");
        rustup.args(["component", "add", "llvm-tools"]);
        process::run(rustup)
            .context("optimising by a profile needs `llvm-profdata` of rustup's llvm-tools")?;
    }
    ensure!(program.exists(), "expected llvm-profdata at {}", program.display());
    Ok(program)
}

/// The kind of this machine.
pub(crate) fn host() -> Result<String> {
    let version = rustc(&["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc did not name its host")
}

fn rustc(arguments: &[&str]) -> Result<String> {
    let output = Command::new("rustc").args(arguments).output().context("rustc does not start")?;
    ensure!(output.status.success(), "rustc failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
