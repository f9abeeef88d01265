//! Proxies that follow the snapshot.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fleet_tests::proxies::{settings, states};
use fleet_tests::{PATH, cloud, wait_until};
use lab::pause;
use lab::proxy_process::ProxyProcess;

const WITHIN: Duration = Duration::from_secs(10);

fn list(generation: u64, ids: &str) -> String {
    let target = |id: char| {
        format!(
            "{{\"id\": \"{id}\", \"address\": \"127.0.7.{}\", \"ports\": {{\"sip\": 5060}}}}",
            id as u8 - b'a' + 1
        )
    };
    let targets: Vec<_> = ids.chars().map(target).collect();
    format!(
        "{{\"epoch\": \"e\", \"generation\": {generation}, \"written_at\": \"2026-11-22T07:00:00Z\", \"targets\": [{}]}}",
        targets.join(", ")
    )
}

fn wait_for(proxy: &ProxyProcess, ids: &str) -> Result<()> {
    let so = || Ok(states(proxy)?.keys().map(String::as_str).collect::<String>() == ids);
    wait_until(&format!("targets {ids}"), WITHIN, so).with_context(|| proxy.log()).map(drop)
}

#[test]
fn what_is_no_good_list_changes_nothing_and_nobody_goes_back() -> Result<()> {
    let cloud = cloud()?;
    cloud.s3().put(PATH, list(7, "ab"));
    let mut settings = settings(&cloud, "sip", "");
    settings.poll = Duration::from_millis(100);
    settings.further.push_str("[fetch]\ntimeout = \"500ms\"\n");
    let proxy = ProxyProcess::start(settings)?;
    ensure!(proxy.metric("switchyard_proxy_target_list_generation") == Some(7.0), "{}", proxy.log());
    ensure!(proxy.metric("switchyard_proxy_target_list_written_timestamp_seconds") == Some(1_795_330_800.0));
    cloud.s3().put(PATH, list(8, "abc"));
    wait_for(&proxy, "abc")?;
    for (bad, why) in [
        (String::new(), "found nothing"),
        (list(9, "ab").split_at(90).0.to_owned(), "EOF while parsing"),
        (list(7, "ab"), "expected generation 8 of epoch"),
        (list(9, "aa"), "two targets have the id"),
        (list(9, "ab").replace("127.0.7.1", "0.0.0.0"), "nobody's own"),
        (list(9, "ab").replace("{\"epoch", "{\"version\": 2, \"epoch"), "expected version 1"),
        ("x".repeat(20 << 20), "up to 16777216"),
    ] {
        let before = proxy.metric("switchyard_proxy_target_list_errors_total");
        cloud.s3().put(PATH, bad);
        wait_until(why, WITHIN, || Ok(proxy.log().contains(why))).with_context(|| proxy.log())?;
        ensure!(proxy.metric("switchyard_proxy_target_list_errors_total") > before, "{why}");
        wait_for(&proxy, "abc")?;
    }
    cloud.s3().put(PATH, list(9, "abcd"));
    wait_for(&proxy, "abcd")
}

#[test]
fn a_store_that_is_away_changes_nothing_and_the_copy_on_disk_serves_a_restart() -> Result<()> {
    let (cloud, directory) = (cloud()?, tempfile::tempdir()?);
    let copy = directory.path().join("targets.json");
    cloud.s3().put(PATH, list(7, "ab"));
    let settings = || {
        let cache = format!("cache = \"{}\"\n", copy.display());
        let mut settings = settings(&cloud, "sip", &cache);
        settings.poll = Duration::from_millis(100);
        settings.further.push_str("[fetch]\ntimeout = \"500ms\"\n");
        settings
    };
    let proxy = ProxyProcess::start(settings())?;
    wait_for(&proxy, "ab")?;
    wait_until("a copy", WITHIN, || Ok(copy.exists()))?;
    cloud.s3().is_away = true;
    let asked = cloud.s3().requests;
    wait_until("it asks on", WITHIN, || Ok(cloud.s3().requests > asked + 10))?;
    wait_for(&proxy, "ab")?;
    ensure!(proxy.get("/readyz")?.0 == 200, "{}", proxy.log());
    let confirmed = proxy.metric("switchyard_proxy_list_confirmed_timestamp_seconds{list=\"targets\"}");
    drop(proxy);
    let again = ProxyProcess::start(settings())?;
    wait_for(&again, "ab")?;
    // The copy's generation counts: the store does not lead back behind it.
    cloud.s3().put(PATH, list(6, "a"));
    cloud.s3().is_away = false;
    wait_until("it is refused", WITHIN, || Ok(again.log().contains("expected generation 7")))
        .with_context(|| again.log())?;
    cloud.s3().put(PATH, list(8, "abc"));
    wait_for(&again, "abc")?;
    let now = || again.metric("switchyard_proxy_list_confirmed_timestamp_seconds{list=\"targets\"}");
    wait_until("it is confirmed", WITHIN, || Ok(now() >= confirmed && now() > Some(0.0))).map(drop)
}

#[test]
fn it_is_not_ready_before_there_is_a_list_and_the_settings_stand_in_for_a_store_that_is_away() -> Result<()> {
    let cloud = cloud()?;
    cloud.s3().is_away = true;
    let stand_in = "list = [{ id = \"z\", address = \"127.0.7.26\", ports = { sip = 5060 } }]\n\
        fallback = \"dns+a://nowhere.invalid:5060\"\n";
    let start = |stand_in: &str| {
        let mut settings = settings(&cloud, "sip", stand_in);
        settings.poll = Duration::from_millis(100);
        settings.further.push_str("[fetch]\ntimeout = \"300ms\"\n[dns]\nservers = [\"127.0.0.1:9\"]\n");
        ProxyProcess::start(settings)
    };
    let proxy = start(stand_in)?;
    wait_for(&proxy, "z")?;
    ensure!(proxy.log().contains("another source stands in"), "{}", proxy.log());
    cloud.s3().is_away = false;
    pause(Duration::from_millis(300));
    wait_for(&proxy, "z")?;
    cloud.s3().put(PATH, list(1, "ab"));
    wait_for(&proxy, "ab")?;
    drop(proxy);
    cloud.s3().is_away = true;
    let Err(error) = start("") else { anyhow::bail!("it was ready without a list") };
    ensure!(format!("{error:#}").contains("not ready"), "{error:#}");
    Ok(())
}
