//! Programs from PyPI that tests use where they are there.

use std::path::PathBuf;
use std::{env, fs};

/// Where this program is: below `target/python`, where `cargo xtask test` puts each package in a place of its own, or in the
/// PATH. Of several versions it is the one that is last by name.
pub fn program(name: &str) -> Option<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let places = installed().into_iter().rev().map(|place| place.join("bin"));
    places.chain(env::split_paths(&paths)).map(|bin| bin.join(name)).find(|program| program.is_file())
}

/// Where packages are, by name.
fn installed() -> Vec<PathBuf> {
    let own = env::current_exe().unwrap_or_default();
    let target = own.ancestors().find(|path| path.ends_with("target"));
    let Some(Ok(entries)) = target.map(|target| fs::read_dir(target.join("python"))) else {
        return Vec::new();
    };
    let mut places: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    places.retain(|place| place.join("installed").is_file());
    places.sort();
    places
}
