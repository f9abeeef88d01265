//! A service with its Lambda, and what proxies would read.

pub mod moto;
pub mod plot;
pub mod proxies;
pub mod rates;
pub mod tasks;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use fleet::{Snapshot, State};
use lab::aws::{Cloud, LambdaProcess};
use lab::pause;
use serde_json::{Value, json};

/// Where the snapshot is kept.
pub const PATH: &str = "/fleet/targets.json";

/// A cloud whose service wants two tasks, of revision `switch:1`.
///
/// # Errors
///
/// No port is free.
pub fn cloud() -> Result<Cloud> {
    let cloud = Cloud::start()?;
    (cloud.ecs().desired, cloud.ecs().revision) = (2, "switch:1".to_owned());
    Ok(cloud)
}

/// The address of a number.
pub fn address(number: u8) -> IpAddr {
    IpAddr::from([127, 0, 1, number])
}

/// The snapshot.
///
/// # Errors
///
/// There is none, or one that no proxy would take.
pub fn snapshot(cloud: &Cloud) -> Result<Snapshot> {
    let s3 = cloud.s3();
    Ok(Snapshot::from_json(s3.get(PATH).context("no snapshot yet")?)?)
}

/// Who is in it, and how: `a active, b draining`.
///
/// # Errors
///
/// There is none.
pub fn shown(cloud: &Cloud) -> Result<String> {
    let mut shown: Vec<_> =
        snapshot(cloud)?.targets.iter().map(|target| format!("{} {}", target.id, target.state)).collect();
    shown.sort();
    Ok(shown.join(", "))
}

/// Who takes calls.
///
/// # Errors
///
/// There is no snapshot.
pub fn active(cloud: &Cloud) -> Result<Vec<String>> {
    let list = snapshot(cloud)?;
    let active = list.targets.iter().filter(|target| target.state == State::Active);
    Ok(active.map(|target| target.id.clone()).collect())
}

/// A pass, which has to succeed.
///
/// # Errors
///
/// It does not.
pub fn reconcile(lambda: &mut LambdaProcess<'_>) -> Result<Value> {
    let outcome = lambda.invoke(&json!({"action": "reconcile"}))?;
    outcome.map_err(|error| anyhow::anyhow!("{error}; the Lambda's log:\n{}", lambda.log()))
}

/// An invocation which has to fail; what it says.
///
/// # Errors
///
/// It does not.
pub fn refused(lambda: &mut LambdaProcess<'_>, event: &Value) -> Result<(String, String)> {
    let Err(error) = lambda.invoke(event)? else { bail!("{event} was taken") };
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    ensure!(!text("errorMessage").is_empty(), "{error}");
    Ok((text("errorType"), text("errorMessage")))
}

/// What `switchctl` prints to these arguments, with these variables; or what it complains of.
///
/// # Errors
///
/// There is no such program.
pub fn switchctl(variables: &[(String, String)], arguments: &[&str]) -> Result<Result<String, String>> {
    let tests = std::env::current_exe()?;
    let program = tests.ancestors().nth(2).context("target/debug")?.join("switchctl");
    let output = std::process::Command::new(&program)
        .args(arguments)
        .envs(variables.iter().cloned())
        .output()
        .with_context(|| format!("{}: cargo build -p switchctl", program.display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) })
}

/// Waits until something is so. Returns how long that took.
///
/// # Errors
///
/// It is not within that time.
pub fn wait_until(what: &str, within: Duration, mut so: impl FnMut() -> Result<bool>) -> Result<Duration> {
    let began = Instant::now();
    while began.elapsed() < within {
        if so()? {
            return Ok(began.elapsed());
        }
        pause(Duration::from_millis(10));
    }
    bail!("not within {within:?}: {what}")
}
