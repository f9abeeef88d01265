//! The real switchctl, and a snapshot in a file.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use lab::child::binary;
use serde_json::Value;

const LIST: &str = r#"{"targets": [{"id": "a", "address": "127.0.1.1", "ports": {"sip": 5060}}]}"#;

fn switchctl(snapshot: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(binary("switchctl", "SWITCHYARD_SWITCHCTL")?);
    command
        .env_remove("SWITCHYARD_SNAPSHOT_URL")
        .args(["--snapshot", &format!("file://{}", snapshot.display())]);
    command.args(arguments).output().context("switchctl")
}

fn shown(snapshot: &Path) -> Result<Value> {
    let output = switchctl(snapshot, &["snapshot", "show"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[test]
fn a_list_is_put_in_the_place_of_what_cannot_be_read() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (snapshot, list) = (directory.path().join("snapshot.json"), directory.path().join("list.json"));
    std::fs::write(&list, LIST)?;
    for broken in ["", "{\"targets\": [", "[1]"] {
        std::fs::write(&snapshot, broken)?;
        ensure!(
            !switchctl(&snapshot, &["targets", "list"])?.status.success(),
            "{broken:?} is taken for a list"
        );
        let push = switchctl(&snapshot, &["snapshot", "push", &list.display().to_string()])?;
        ensure!(push.status.success(), "{broken:?}: {}", String::from_utf8_lossy(&push.stderr));
        let shown = shown(&snapshot)?;
        ensure!(shown["targets"][0]["id"] == "a" && shown["generation"] == 1, "{shown}");
    }
    // Over one that can be read, its generations go on.
    let push = switchctl(&snapshot, &["targets", "drain", "a"])?;
    ensure!(push.status.success(), "{}", String::from_utf8_lossy(&push.stderr));
    ensure!(shown(&snapshot)?["generation"] == 2, "{}", shown(&snapshot)?);
    Ok(())
}
