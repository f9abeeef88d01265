//! Proxies that follow the snapshot in the stand-in's S3.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::aws::Cloud;
use lab::proxy_process::{Listener, ProxyProcess, ProxySettings, TargetList};
use serde_json::Value;

/// Settings of a proxy whose calls go to the targets' port of that name, with further lines of `[targets]`.
pub fn settings(cloud: &Cloud, port_name: &str, further: &str) -> ProxySettings {
    let any = ([127, 0, 0, 1], 0).into();
    ProxySettings {
        listeners: vec![Listener::new("main", any).to_port(port_name)],
        targets: TargetList::Elsewhere(format!("url = \"s3://fleet/targets.json\"\n{further}")),
        poll: Duration::from_secs(2),
        networks: vec!["127.0.7.0/24".to_owned()],
        environment: cloud.variables(),
        ..ProxySettings::default()
    }
}

/// The targets' states, by their ids, as the proxy has them in force.
///
/// # Errors
///
/// It does not say.
pub fn states(proxy: &ProxyProcess) -> Result<BTreeMap<String, String>> {
    let (_, body) = proxy.get("/targets")?;
    let body: Value = serde_json::from_str(&body).with_context(|| body.clone())?;
    let list = body.as_array().or_else(|| body.get("targets").and_then(Value::as_array));
    let text = |target: &Value, key: &str| target.get(key).and_then(Value::as_str).map(str::to_owned);
    let states =
        list.context("a list")?.iter().map(|target| Some((text(target, "id")?, text(target, "state")?)));
    states.collect::<Option<_>>().with_context(|| format!("ids and states: {body}"))
}
