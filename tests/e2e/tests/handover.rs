//! A new proxy takes over from the one that runs, under load, and no call notices.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::{
    sipp::Sipp,
    site::{Addresses, Site, free_address, settings},
    wait_until,
};
use lab::proxy_process::{ProxyProcess, ProxySettings, TargetList};

const CALLS: u32 = 600;
const WITHIN: Duration = Duration::from_secs(20);

/// Settings whose ports are known before, so that another proxy can have the same.
fn fixed(addresses: Addresses, directory: &tempfile::TempDir) -> Result<ProxySettings> {
    let mut settings = settings(addresses);
    for listener in &mut settings.listeners {
        listener.bind = free_address(addresses.proxy())?;
    }
    settings.admin = free_address(addresses.proxy())?;
    settings.workers = 2;
    settings.keys = format!("handover = {:?}", directory.path().join("handover.sock"));
    Ok(settings)
}

fn start(addresses: Addresses, targets: u8, chosen: ProxySettings) -> Result<Site> {
    let change = |settings: &mut ProxySettings| {
        *settings = ProxySettings { targets: settings.targets.clone(), ..chosen };
    };
    Site::start_at(addresses, targets, change, |local| Sipp::answering("uas_answer", local))
}

#[test]
fn a_proxy_that_takes_over_under_load_loses_no_call() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let addresses = Addresses::take();
    let fixed = fixed(addresses, &directory)?;
    let mut site = start(addresses, 4, fixed.clone())?;
    let targets = (0..4).map(|number| Ok(site.target(number)?.target.clone())).collect::<Result<Vec<_>>>()?;
    let caller = site.caller("uac_call")?.calls(CALLS, 100).hold(Duration::from_secs(1)).start()?;
    // Three times, each while calls are being set up, are up and are ended.
    for round in 1..=3 {
        let seen = f64::from(round) * 30.0;
        wait_until("calls", WITHIN, || Ok(site.proxy.metric("switchyard_proxy_invites_total") > Some(seen)))?;
        let next = ProxyProcess::start(ProxySettings {
            targets: TargetList::File(targets.clone()),
            ..fixed.clone()
        })?;
        let mut old = std::mem::replace(&mut site.proxy, next);
        let status = old.wait_exit(WITHIN).with_context(|| old.log())?;
        assert!(status.success(), "{}", old.log());
        assert!(old.log().contains("handed over"), "{}", old.log());
    }
    let calling = caller.finish().with_context(|| site.proxy.log())?;
    let figures = calling.statistics.clone();
    assert_eq!((figures.successful(), figures.failed()), (u64::from(CALLS), 0));
    let targets = site.finish()?;
    assert!(targets.iter().all(|target| target.statistics.failed() == 0));
    Ok(())
}

#[test]
fn a_proxy_that_cannot_start_changes_nothing_for_the_one_that_runs() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let addresses = Addresses::take();
    let mut fixed = fixed(addresses, &directory)?;
    fixed.health = "interval = \"200ms\"\ntimeout = \"100ms\"".to_owned();
    let site = start(addresses, 1, fixed.clone())?;
    // It gets the sockets, finds no target list, and gives up.
    let broken = ProxyProcess::start(ProxySettings { targets: TargetList::Missing, ..fixed });
    let log = match broken {
        // What said "ready" was the one that runs.
        Ok(mut broken) => {
            assert!(!broken.wait_exit(WITHIN)?.success());
            broken.log()
        }
        Err(error) => format!("{error:#}"),
    };
    assert!(log.contains("no target list yet"), "{log}");
    wait_until("the old one goes on", WITHIN, || Ok(site.proxy.log().contains("not handed over")))?;
    let calling = site.run(&site.caller("uac_call")?.calls(20, 50))?;
    assert_eq!(calling.statistics.successful(), 20);
    let probes = || site.proxy.metric("switchyard_proxy_probes_total").unwrap_or_default();
    let before = probes();
    wait_until("targets are probed as before", WITHIN, || Ok(probes() > before))?;
    Ok(())
}
