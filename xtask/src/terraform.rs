//! Terraform's part of `cargo xtask test`: format, validity and tests of each module and example.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::{process, python, tools};

/// A program that checks the directories that it is given, where the provider cannot be downloaded.
const CHECKER: &str = "SWITCHYARD_TFCHECK";

/// From PyPI, into a place of its own.
const CHECKOV: &str = "checkov==3.3.30";

/// Checks all modules and examples, as far as what is needed is here; says what it left out.
///
/// # Errors
///
/// One of them is wrong.
pub(crate) fn run() -> Result<()> {
    let roots = roots(&process::root().join("terraform"))?;
    if let Some(checker) = checker() {
        println!("==> terraform: {} modules and examples, by {}", roots.len(), checker.display());
        let mut command = Command::new(checker);
        command.args(&roots);
        process::run(command)?;
    } else if let Some(terraform) = tools::TERRAFORM.into_iter().find(|name| tools::starts(name)) {
        by(terraform, &roots)?;
    } else {
        left_out("there is neither terraform nor tofu in the PATH");
    }
    policies()
}

/// What the environment names, or what lies beside the repository.
fn checker() -> Option<PathBuf> {
    let named = env::var_os(CHECKER).map(PathBuf::from);
    named.or_else(|| Some(process::root().join("../shared/tfcheck/check.sh")).filter(|path| path.exists()))
}

/// The directories of modules and examples, in a fixed order.
fn roots(terraform: &Path) -> Result<Vec<PathBuf>> {
    let mut roots = Vec::new();
    for kind in ["modules", "examples"] {
        let directory = terraform.join(kind);
        let entries = fs::read_dir(&directory).with_context(|| directory.display().to_string())?;
        for entry in entries {
            roots.push(entry?.path());
        }
    }
    roots.sort();
    Ok(roots)
}

/// With the provider from its registry. Where that cannot be reached, format is all that can be looked at.
fn by(terraform: &str, roots: &[PathBuf]) -> Result<()> {
    let command = |root: &Path, arguments: &[&str]| {
        let mut command = Command::new(terraform);
        command.arg(format!("-chdir={}", root.display())).args(arguments);
        command
    };
    for root in roots {
        println!("==> {terraform}: {}", root.display());
        process::run(command(root, &["fmt", "-check", "-recursive"]))?;
        let mut init = command(root, &["init", "-backend=false", "-input=false"]);
        if !init.stdin(Stdio::null()).stdout(Stdio::null()).status()?.success() {
            left_out("the AWS provider could not be fetched; only the format was looked at");
            return Ok(());
        }
        process::run(command(root, &["validate"]))?;
        process::run(command(root, &["test"]))?;
    }
    Ok(())
}

/// Rules of the trade, by checkov. What is not followed says why, beside it.
fn policies() -> Result<()> {
    let bin = match python::programs(&[CHECKOV]) {
        Ok(bin) => bin,
        Err(why) => {
            eprintln!("==> LEFT OUT, policies of the Terraform examples: {why:#}");
            return Ok(());
        }
    };
    for example in ["minimal", "production"] {
        let mut checkov = Command::new(bin.join("checkov"));
        checkov.args(["--quiet", "--compact", "--skip-download", "--framework", "terraform", "--directory"]);
        checkov.arg(process::root().join("terraform/examples").join(example));
        process::run(checkov)?;
    }
    Ok(())
}

fn left_out(why: &str) {
    eprintln!("==> LEFT OUT: validity and tests of terraform/: {why}. {CHECKER} may name a checker.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_and_example_is_checked() {
        let roots = roots(&process::root().join("terraform")).unwrap();
        assert!(roots.len() >= 9, "{roots:?}");
        assert!(roots.iter().all(|root| root.join("versions.tf").exists()), "{roots:?}");
    }
}
