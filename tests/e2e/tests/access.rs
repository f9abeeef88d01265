//! Who may start calls, and how many.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Context, Result};
use e2e::{
    site::{ADVERTISED, Addresses, Site, settings},
    wait_until,
    wire::Wire,
};
use lab::proxy_process::{ProxyProcess, Target, TargetList};

/// How long a change may take to be seen.
const SEEN_WITHIN: Duration = Duration::from_secs(10);

/// The status code of our answer to a new call, if the target does not get it.
fn call(proxy: &ProxyProcess, caller: &Wire) -> Result<Option<u16>> {
    let options = caller.request("OPTIONS", &format!("sip:1294@{ADVERTISED}"));
    caller.send(options.to_string(), proxy.sip_address())?;
    Ok(caller.receive_final().with_context(|| proxy.log())?.status())
}

#[test]
fn access_sources_are_read_from_a_file_again_when_it_changes_and_a_bad_one_changes_nothing() -> Result<()> {
    let (addresses, directory) = (Addresses::take(), tempfile::tempdir()?);
    let (list, draft) = (directory.path().join("sources"), directory.path().join("draft"));
    let put = |text: &str| fs::write(&draft, text).and_then(|()| fs::rename(&draft, &list));
    let caller = Wire::bind(addresses.caller(0))?;
    put(&format!("# carriers\n198.51.100.0/24\n{} # this one\n", caller.local().ip()))?;
    let mut settings = settings(addresses);
    settings.access.sources = vec![format!("file://{}", list.display())];
    // No target: whoever may call gets 500.
    settings.targets = TargetList::File(Vec::<Target>::new());
    let proxy = ProxyProcess::start(settings)?;
    assert_eq!(call(&proxy, &caller)?, Some(500));
    let errors = || proxy.metric("switchyard_proxy_access_list_errors_total");
    for bad in ["203.0.113.0/24\n300.0.0.0/8\n", ""] {
        let before = errors();
        put(bad)?;
        wait_until("a bad list is seen", SEEN_WITHIN, || Ok(errors() > before))?;
        assert_eq!(call(&proxy, &caller)?, Some(500));
    }
    assert!(proxy.log().contains("line 2"), "{}", proxy.log());
    put("203.0.113.0/24\n")?;
    wait_until("the list is seen", SEEN_WITHIN, || {
        Ok(proxy.metric("switchyard_proxy_access_networks") == Some(1.0))
    })?;
    // The metric may be a moment ahead of the list.
    wait_until("the caller is refused", SEEN_WITHIN, || Ok(call(&proxy, &caller)? == Some(403)))?;
    Ok(())
}

#[test]
fn a_flood_over_the_limit_gets_503_and_is_counted() -> Result<()> {
    let addresses = Addresses::take();
    let (target, caller) = (Wire::bind(addresses.target(0))?, Wire::bind(addresses.caller(0))?);
    let mut settings = settings(addresses);
    settings.targets = TargetList::File(vec![Target::new("task-0", target.local())]);
    // One call in all while the test runs.
    settings.further = "[limits]\nsource_calls = 1\nburst = \"0s\"\nretry_after = \"3s\"\n".to_owned();
    let proxy = ProxyProcess::start(settings)?;
    let invite = || caller.request("INVITE", &format!("sip:1294@{ADVERTISED}"));
    let mut refused = 0;
    // As many as it takes: on a slow machine a second may have passed.
    while refused < 20 {
        caller.send(invite().to_string(), proxy.sip_address())?;
        let answer = caller.receive().with_context(|| proxy.log())?;
        if answer.status() == Some(503) {
            let seconds: u32 = answer.header("Retry-After").parse().context("Retry-After")?;
            assert!((3..=6).contains(&seconds), "{answer:?}");
            refused += 1;
        }
    }
    let counted = proxy.metric("switchyard_proxy_calls_limited_total{limit=\"source\"}");
    assert!(counted >= Some(20.0), "{counted:?}");
    assert!(target.receive()?.is("INVITE"));
    Ok(())
}

/// How many INVITEs make a flood, for a test.
const ENOUGH: u32 = 1000;

/// Strangers' INVITEs, as fast as they are answered.
fn flood(stranger: &Wire, proxy: std::net::SocketAddr, going_on: &AtomicBool) -> Result<u32> {
    let mut answered = 0;
    // On a slow machine the flood outlasts the calls.
    while going_on.load(Ordering::Relaxed) || answered < ENOUGH {
        for _ in 0..32 {
            let invite = stranger.request("INVITE", &format!("sip:1294@{ADVERTISED}"));
            stranger.send(invite.to_string(), proxy)?;
        }
        // Some may be lost on the way; then silence ends the round.
        for _ in 0..32 {
            match stranger.receive() {
                Ok(answer) if answer.status() == Some(403) => answered += 1,
                Ok(answer) => anyhow::bail!("{answer:?}"),
                Err(_) => break,
            }
        }
    }
    Ok(answered)
}

#[test]
fn a_flood_from_a_source_that_is_not_allowed_loses_no_call_of_others() -> Result<()> {
    let site = Site::start("uas_answer", 2)?;
    let stranger = Wire::bind([127, 0, 2, 7].into())?;
    let (proxy, going_on) = (site.proxy.sip_address(), AtomicBool::new(true));
    let (calling, answered) = std::thread::scope(|scope| {
        let flooding = scope.spawn(|| flood(&stranger, proxy, &going_on));
        let calling = site.caller("uac_call").and_then(|caller| site.run(&caller.calls(150, 50)));
        going_on.store(false, Ordering::Relaxed);
        (calling, flooding.join())
    });
    let answered = answered.map_err(|_| anyhow::anyhow!("the flood panicked"))??;
    let figures = calling?.statistics;
    assert_eq!((figures.successful(), figures.failed()), (150, 0));
    assert!(answered >= ENOUGH);
    let seen = site.finish()?;
    assert_eq!(seen.iter().map(|target| target.statistics.successful()).sum::<u64>(), 150);
    Ok(())
}
