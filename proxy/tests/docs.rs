//! `docs/sip.md` lists for each rule the tests that fail without it: they exist, and where it says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Where tests stand whose name has this before it.
fn folder(prefix: &str) -> &'static str {
    match prefix {
        "" => "proxy",
        "dns" => "proxy/src/dns",
        "e2e" => "tests/e2e/tests",
        "fleet" => "crates/fleet",
        "health" => "proxy/src/health",
        "names" => "proxy/tests",
        "simulation" => "tests/simulation/tests",
        "sip" => "crates/sip/src",
        "table" => "proxy/src",
        other => panic!("docs/sip.md does not say where `{other}:` tests stand"),
    }
}

/// The functions that a test attribute stands before.
fn tests_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            tests_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let behind = text.split("test]\n").skip(1).filter_map(|rest| rest.split_once("fn "));
            found.extend(behind.filter_map(|(_, rest)| Some(rest.split_once('(')?.0.to_owned())));
        }
    }
}

/// The tests in the last column of each table, with what stands before their names.
fn named() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join("docs/sip.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.filter_map(|row| row.rsplit_once(" | ")).map(|(_, tests)| tests);
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let names = names.filter(|name| !name.contains(['.', '/', '=', ';']));
    let named = names.map(|name| name.split_once(": ").unwrap_or(("", name)));
    named.map(|(prefix, name)| (prefix.to_owned(), name.to_owned())).collect()
}

#[test]
fn every_test_that_is_named_for_a_rule_exists() {
    let named = named();
    assert!(named.len() > 200, "{} are named", named.len());
    for (prefix, name) in named {
        let mut tests = BTreeSet::new();
        tests_in(&root().join(folder(&prefix)), &mut tests);
        assert!(tests.contains(&name), "no test `{name}` in {}", folder(&prefix));
    }
}

#[test]
fn every_rule_names_a_test() {
    let text = std::fs::read_to_string(root().join("docs/sip.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| rule |"));
    let breaks = |row: &&str| !row.starts_with("| mistake |") && !row.contains('`');
    let without: Vec<_> = rows.filter(breaks).collect();
    // In the table of the simulation the last column says what breaks a rule.
    let simulated =
        text.split_once("### All of it together").and_then(|(_, rest)| rest.split("\n## ").next()).unwrap();
    let without: Vec<_> = without.into_iter().filter(|row| !simulated.contains(row)).collect();
    assert!(without.is_empty(), "{without:#?}");
}
