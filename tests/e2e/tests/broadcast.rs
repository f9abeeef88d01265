//! The night of the flood, small: `cargo xtask broadcast` with its exit code, and what it says.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::process::{Command, Stdio};

use lab::child::binary;

/// A controller and a proxy are killed in the middle of it.
#[test]
fn every_call_of_a_broadcast_is_made_once_and_ends_once_whoever_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let report = directory.path().join("report.html");
    let mut load = Command::new(binary("load", "SWITCHYARD_LOAD").unwrap());
    let load = load.args(["broadcast", "--calls", "200", "--per-minute", "1500", "--kills", "1"]);
    let load = load.args(["--controllers", "2", "--report"]).arg(&report).stdin(Stdio::null());
    let output = load.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("controller 1 is killed") && said.contains("proxy 1 is killed"), "{said}");
    assert!(said.contains("PASS: every call has one final status"), "{said}");
    for status in [" busy", " canceled", " completed", " failed"] {
        assert!(said.contains(status), "{status}: {said}");
    }
    let page = std::fs::read_to_string(report).unwrap();
    assert!(page.contains("Broadcast: 200 calls: PASS") && page.matches("<svg").count() == 9, "{page}");
}
