//! The load through the real proxy.

use std::{net::SocketAddr, time::Duration};

use anyhow::Result;
use lab::proxy_process::{ProxyProcess, ProxySettings, Target, TargetList, free_port};
use load::plan::Plan;

#[test]
fn two_hundred_calls_at_two_hundred_per_second_are_all_completed_each_at_one_target() -> Result<()> {
    let address = |ip: [u8; 4]| anyhow::Ok(SocketAddr::new(ip.into(), free_port(ip.into())?));
    let targets =
        [1, 2, 3, 4].map(|last| address([127, 0, 1, last])).into_iter().collect::<Result<Vec<_>>>()?;
    let list =
        targets.iter().enumerate().map(|(place, target)| Target::new(&format!("task-{place}"), *target));
    let proxy = ProxyProcess::start(ProxySettings {
        targets: TargetList::File(list.collect()),
        ..ProxySettings::default()
    })?;
    let plan = Plan {
        rate: 200.0,
        time: Duration::from_secs(1),
        ring: Duration::ZERO,
        warm: Duration::ZERO,
        against: proxy.sip_address(),
        targets: targets.into_iter().map(Into::into).collect(),
        caller: address([127, 0, 0, 1])?,
        sources: 1,
        pids: vec![proxy.pid()],
        pad: 100,
        label: "two hundred calls".to_owned(),
    };
    let outcome = load::run::run(&plan, |_| ())?;
    let counts = (outcome.offered, outcome.completed, outcome.refused, outcome.lost, outcome.wrong_target);
    assert_eq!(counts, (200, 200, 0, 0, 0), "the proxy's log:\n{}", proxy.log());
    assert_eq!(outcome.targets.iter().map(|(_, calls)| calls).sum::<u64>(), 200);
    assert!(outcome.targets.iter().all(|(_, calls)| *calls > 0), "{:?}", outcome.targets);
    assert_eq!((outcome.repeated, outcome.strange, outcome.own_drops), (0, 0, 0));
    assert_eq!(outcome.histogram.iter().map(|(_, count)| count).sum::<u64>(), 200);
    Ok(())
}
