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

#[test]
fn pushing_a_list_ends_nobodys_drain_unless_all_is_replaced() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (snapshot, list) = (directory.path().join("snapshot.json"), directory.path().join("list.json"));
    std::fs::write(
        &snapshot,
        LIST.replace("{\"targets\"", "{\"scaler\": {\"ended\": {\"z\": 1}}, \"targets\""),
    )?;
    std::fs::write(&list, LIST.replace("127.0.1.1", "127.0.1.9"))?;
    let file = list.display().to_string();
    let said = |arguments: &[&str]| -> Result<String> {
        let output = switchctl(&snapshot, arguments)?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    };
    said(&["targets", "drain", "a", "--note", "noise"])?;
    for verb in ["diff", "push"] {
        let told = said(&["snapshot", verb, &file])?;
        ensure!(
            told.contains("~ a 127.0.1.9 (was 127.0.1.1) draining: drained by an operator: noise"),
            "{told}"
        );
        ensure!(!told.contains("operator's drain of") && !told.contains("scaler"), "{told}");
    }
    let kept = shown(&snapshot)?;
    ensure!(kept["targets"][0]["state"] == "draining" && kept["targets"][0]["held"] == true, "{kept}");
    ensure!(kept["drained"]["a"]["note"] == "noise" && kept["scaler"]["ended"]["z"] == 1, "{kept}");
    for verb in ["diff", "push"] {
        let told = said(&["snapshot", verb, "--replace", &file])?;
        ensure!(told.contains("a 127.0.1.9 active (was draining)"), "{told}");
        ensure!(told.contains("- operator's drain of a: noise") && told.contains("- \"scaler\""), "{told}");
    }
    let replaced = shown(&snapshot)?;
    ensure!(replaced.get("drained").is_none() && replaced.get("scaler").is_none(), "{replaced}");
    ensure!(replaced["targets"][0]["state"] == "active", "{replaced}");
    Ok(())
}
