//! What docs, dashboards, alerts, compose file, manifests and Terraform name exists in the programs.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use e2e::repository::{File, files, keys, names, quoted, read};
use e2e::{exchange::Exchange, site::Addresses, site::settings, wait_until, web::Web, wire::Wire};
use lab::proxy_process::{ProxyProcess, Target, TargetList};
use std::time::Duration;

/// What tests and tools read.
const FOR_TESTS: [&str; 1] = ["SWITCHYARD_TFCHECK"];

/// Where names of the programs stand.
fn descriptions() -> Result<Vec<File>> {
    let endings =
        ["md", "json", "yaml", "yml", "toml", "env", "tf", "tftest.hcl", "sh", "Dockerfile", "xml", "tpl"];
    files(&["README.md", "docs", "infrastructure", "terraform"], &endings)
}

/// Files that set or describe settings, and the keys that each program has.
fn settings_of_all() -> Result<BTreeSet<String>> {
    let places = ["proxy", "switch-controller", "scaler-lambda"];
    let examples = files(&places, &[".example.toml"])?;
    ensure!(examples.len() >= 2, "expected an example file of each program, got {}", examples.len());
    Ok(examples.iter().flat_map(|(_, text)| keys(text)).collect())
}

/// The metrics of a page in Prometheus' text format.
fn metrics(page: &str) -> BTreeSet<String> {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned).collect()
}

/// What a proxy exports that has a list from a web server, asks its target how full it is, and has answered something.
fn of_the_proxy() -> Result<BTreeSet<String>> {
    let addresses = Addresses::take();
    let web = Web::start(addresses.target(3), None)?;
    web.put("127.0.0.0/8\n", None);
    let load = Web::start(addresses.target(0), None)?;
    load.put(
        "{\"sessions\": 1, \"max_sessions\": 100, \"idle_cpu\": 95.5, \"accepting\": true, \"age\": 0.1}",
        None,
    );
    let mut settings = settings(addresses);
    settings
        .further
        .push_str("[dispatch]\npolicy = \"least-loaded\"\n[load]\npoll = \"200ms\"\ntimeout = \"200ms\"\n");
    let target = Target::new("a", (addresses.target(0), 5060).into()).with_port("control", load.port());
    settings.targets = TargetList::File(vec![target]);
    settings.access.sources = vec![web.url().to_owned()];
    let proxy = ProxyProcess::start(settings)?;
    let wire = Wire::connect(addresses.caller(0), proxy.sip_address())?;
    let request = wire.request("OPTIONS", &format!("sip:{}", proxy.sip_address()));
    wire.send(request.to_string(), proxy.sip_address())?;
    wire.receive_final()?;
    wait_until("the answer is counted", Duration::from_secs(5), || {
        Ok(proxy.metric("switchyard_proxy_replies_total").is_some())
    })?;
    wait_until("the target says how full it is", Duration::from_secs(10), || {
        Ok(proxy.metric("switchyard_proxy_target_room").is_some())
    })?;
    Ok(metrics(&proxy.get("/metrics")?.1))
}

async fn of_the_controller() -> Result<BTreeSet<String>> {
    let exchange = Exchange::start().await?;
    let (status, page) = exchange.controller.http("GET", "/metrics", "")?;
    ensure!(status == 200, "/metrics: {status}");
    Ok(metrics(&String::from_utf8_lossy(&page)))
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_that_are_named_are_exported_and_those_exported_are_described() -> Result<()> {
    let proxy = tokio::task::spawn_blocking(of_the_proxy).await??;
    let controller = of_the_controller().await?;
    ensure!(proxy.len() > 40 && controller.len() > 15, "{proxy:?} {controller:?}");
    let mut named = 0;
    for (path, text) in descriptions()? {
        for (prefix, exported) in [("switchyard_proxy_", &proxy), ("switchyard_controller_", &controller)] {
            for name in names(&text, prefix) {
                ensure!(exported.contains(&name), "{path} names {name}, which nobody exports");
                named += 1;
            }
        }
    }
    ensure!(named > 100, "only {named} names were found");
    let operations = names(&read("docs/operations.md")?, "switchyard_proxy_");
    let undescribed: Vec<_> = proxy.difference(&operations).collect();
    ensure!(undescribed.is_empty(), "docs/operations.md does not say what these are: {undescribed:?}");
    let described = quoted(&read("docs/switch-controller.md")?);
    for name in &controller {
        let short = name.trim_start_matches("switchyard_controller_");
        let is = |quoted: &String| quoted.split('{').next() == Some(short);
        ensure!(described.iter().any(is), "docs/switch-controller.md does not say what {name} is");
    }
    Ok(())
}

#[test]
fn environment_variables_that_are_named_are_read() -> Result<()> {
    let settings = settings_of_all()?;
    let code: String =
        files(&["crates", "proxy", "switch-controller", "scaler-lambda", "switchctl"], &[".rs"])?
            .into_iter()
            .filter(|(path, _)| !path.contains("/tests/") && !path.ends_with("tests.rs"))
            .map(|(_, text)| text)
            .collect();
    let script = files(&["infrastructure/freeswitch"], &[".sh", "vars.xml"])?;
    let freeswitch: BTreeSet<_> = script.iter().flat_map(|(_, text)| names(text, "FREESWITCH_")).collect();
    let mut named = 0;
    for (path, text) in descriptions()? {
        for name in names(&text, "SWITCHYARD_") {
            let key = name.trim_start_matches("SWITCHYARD_").to_lowercase().replace("__", ".");
            let of_tests = FOR_TESTS.contains(&name.as_str());
            let known = of_tests || settings.contains(&key) || code.contains(&format!("\"{name}\""));
            ensure!(known, "{path} names {name}, which nobody reads");
            named += 1;
        }
        for name in names(&text, "FREESWITCH_") {
            // start.sh makes some of their names from parts.
            let made = name.trim_start_matches("FREESWITCH_");
            let known = freeswitch.contains(&name) || freeswitch.contains(made);
            ensure!(known, "{path} names {name}, which nobody reads");
            named += 1;
        }
    }
    ensure!(named > 60, "only {named} names were found");
    Ok(())
}

#[test]
fn settings_that_docs_name_exist() -> Result<()> {
    let settings = settings_of_all()?;
    let is_section = |name: &str| settings.iter().any(|key| key.starts_with(&format!("{name}.")));
    // Files and attributes that begin like a section.
    let endings = ["toml", "md", "json", "rs", "xml", "sh", "txt", "pem", "yaml", "yml", "com", "example"];
    let mut named = 0;
    for (path, text) in files(&["README.md", "docs", "infrastructure"], &[".md", ".yml"])? {
        for quoted in quoted(&text) {
            let name = quoted.split([' ', '=']).next().unwrap_or_default();
            let whole = name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '.');
            let Some((section, rest)) = name.split_once('.').filter(|_| whole) else { continue };
            if is_section(section) && !endings.contains(&rest) {
                ensure!(settings.contains(name), "{path} names `{name}`, which is no setting");
                named += 1;
            }
        }
    }
    ensure!(named > 50, "only {named} names were found");
    Ok(())
}

#[test]
fn settings_in_examples_of_docs_exist() -> Result<()> {
    let settings = settings_of_all()?;
    let mut named = 0;
    for (path, text) in files(&["README.md", "docs"], &[".md"])? {
        let blocks = text.split("\n```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next());
        for key in blocks.flat_map(keys) {
            ensure!(settings.contains(&key), "{path} sets {key}, which is no setting");
            named += 1;
        }
    }
    ensure!(named > 10, "only {named} settings were found");
    Ok(())
}

#[test]
fn metrics_of_the_scaler_that_are_named_are_written() -> Result<()> {
    let is_name = |word: &&str| {
        word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().all(char::is_alphabetic)
    };
    let scaler = read("scaler-lambda/src/scaler.rs")?;
    let (_, metrics) = scaler.split_once("let metrics = [").context("metrics")?;
    let metrics = metrics.split("];").next().context("their end")?;
    let written = metrics.lines().filter_map(|line| line.split('"').nth(1)).collect::<BTreeSet<_>>();
    ensure!(written.len() > 5, "{written:?}");
    // The lines that take them from the scaler, and what stands before: `for name in [...]`.
    let mut named = BTreeSet::new();
    let files = files(&["terraform/modules"], &[".tf"])?;
    for (path, text) in &files {
        let lines: Vec<_> = text.lines().collect();
        for pair in lines
            .windows(2)
            .filter(|pair| pair.last().is_some_and(|line| line.contains("var.scaler.metrics")))
        {
            let words = pair.iter().flat_map(|line| line.split('"').skip(1).step_by(2));
            for word in words.filter(is_name).filter(|word| *word != "Maximum") {
                ensure!(written.contains(word), "{path} names {word}, which the scaler does not write");
                named.insert(word);
            }
        }
    }
    ensure!(named.len() >= 2, "only {named:?} were found");
    let docs = read("docs/fleet.md")?;
    let (_, listed) = docs.split_once("\nMetrics, written to the log").context("the scaler's metrics")?;
    let listed = quoted(listed.split("\n\n").next().context("their end")?);
    let listed: BTreeSet<_> =
        listed.iter().map(String::as_str).filter(|word| !["Cluster", "Service"].contains(word)).collect();
    ensure!(listed == written, "docs/fleet.md has {listed:?}, the scaler writes {written:?}");
    Ok(())
}

#[test]
fn each_alert_is_tested_and_has_its_runbook() -> Result<()> {
    let rules = read("infrastructure/prometheus/alerts.yml")?;
    let (tests, docs) = (read("infrastructure/prometheus/alerts.test.yml")?, read("docs/alerts.md")?);
    let alerts: Vec<_> = rules.split("- alert: ").skip(1).collect();
    ensure!(alerts.len() > 20, "{}", alerts.len());
    for alert in alerts {
        let name = alert.lines().next().context("a name")?;
        for test in [format!("name: {name} fires\n"), format!("name: {name} does not fire\n")] {
            ensure!(tests.contains(&test), "there is no test `{}`", test.trim());
        }
        ensure!(docs.contains(&format!("\n### {name}\n")), "docs/alerts.md does not have {name}");
        let link = format!("runbook_url: docs/alerts.md#{}\n", name.to_lowercase());
        ensure!(alert.contains(&link), "{name} does not lead to its runbook");
    }
    for heading in docs.lines().filter_map(|line| line.strip_prefix("### ")) {
        ensure!(
            rules.contains(&format!("alert: {heading}\n")),
            "docs/alerts.md has {heading}, which is no alert"
        );
    }
    Ok(())
}
