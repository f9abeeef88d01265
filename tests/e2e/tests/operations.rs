//! What an operator does while calls go on.

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::Result;
use e2e::{
    sipp::Sipp,
    site::{Answering, Site},
    wait_until,
};

#[test]
fn after_sigterm_calls_go_on_until_the_drain_time_is_over() -> Result<()> {
    let drain = Duration::from_secs(4);
    let mut site = Site::start_with("uas_answer", 2, |settings| settings.drain = drain)?;
    let mut calling = site.caller("uac_call")?.calls(6, 50).hold(Duration::from_millis(1500)).start()?;
    calling.wait_sent(6, |message| message.is("ACK"))?;

    let told = Instant::now();
    site.proxy.terminate()?;
    let not_ready = || Ok(site.proxy.get("/readyz")?.0 == 503);
    wait_until("not ready at once", Duration::from_secs(1), not_ready)?;
    assert!(TcpStream::connect(site.proxy.sip_address()).is_err(), "no new connection is taken");

    // Their BYEs come now.
    calling.finish()?;
    let status = site.proxy.wait_exit(drain + Duration::from_secs(5))?;
    assert_eq!(status.code(), Some(0), "{}", site.proxy.log());
    assert!(told.elapsed() >= drain, "{:?}", told.elapsed());
    site.finish()?;
    Ok(())
}

#[test]
fn a_new_target_list_moves_new_calls_and_leaves_the_others() -> Result<()> {
    let site = Site::start("uas_answer", 1)?;
    let mut old_calls = site.caller("uac_call")?.calls(4, 50).hold(Duration::from_secs(3)).start()?;
    old_calls.wait_sent(4, |message| message.is("ACK"))?;

    let newcomer = Answering::start(site.addresses, 1, |local| Sipp::answering("uas_answer", local))?;
    site.proxy.set_targets(std::slice::from_ref(&newcomer.target))?;
    wait_until("the new list is in use", Duration::from_secs(5), || {
        let (_, page) = site.proxy.get("/targets")?;
        Ok(page.contains("task-1") && !page.contains("task-0"))
    })?;

    site.run(&site.caller("uac_call")?.calls(8, 50))?;
    old_calls.finish()?;
    let new_calls = newcomer.sipp.stop()?;
    assert_eq!(new_calls.statistics.successful(), 8);
    assert_eq!(new_calls.statistics.out_of_call(), 0);
    // The old target had its four calls, and their BYEs.
    assert_eq!(site.finish()?.iter().map(|target| target.statistics.successful()).sum::<u64>(), 4);
    Ok(())
}

#[test]
fn a_draining_target_gets_no_new_call() -> Result<()> {
    let mut site = Site::start("uas_answer", 2)?;
    let list = [site.target(0)?.target.clone().draining(), site.target(1)?.target.clone()];
    site.proxy.set_targets(&list)?;
    wait_until("the new list is in use", Duration::from_secs(5), || {
        Ok(site.proxy.get("/targets")?.1.contains("draining"))
    })?;
    site.run(&site.caller("uac_call")?.calls(8, 50))?;
    let calls: Vec<_> = site.finish()?.iter().map(|target| target.statistics.successful()).collect();
    assert_eq!(calls, [0, 8]);
    Ok(())
}

#[test]
fn a_second_sigterm_does_not_wait() -> Result<()> {
    let mut site = Site::start_with("uas_answer", 1, |settings| settings.drain = Duration::from_secs(60))?;
    site.proxy.terminate()?;
    wait_until("it drains", Duration::from_secs(2), || Ok(site.proxy.get("/readyz")?.0 == 503))?;
    site.proxy.terminate()?;
    site.proxy.wait_exit(Duration::from_secs(5))?;
    Ok(())
}
