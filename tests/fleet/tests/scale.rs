//! Scale out and in, under load: no call fails.
#![allow(clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fleet_tests::proxies::{settings, states};
use fleet_tests::rates::{self, invites};
use fleet_tests::{active, cloud, plot, reconcile, shown, wait_until};
use lab::aws::LambdaProcess;
use lab::pause;
use lab::proxy_process::{ProxyProcess, free_port};
use load::plan::Plan;
use serde_json::json;

/// From the event until both proxies have it in force.
const FOLLOWED: Duration = Duration::from_secs(3);
/// Calls per second through each of the two proxies.
const RATE: f64 = 25.0;
const LONG: Duration = Duration::from_secs(26);
/// How long each call rings: it lives through what happens meanwhile.
const RING: Duration = Duration::from_millis(1400);
const IDS: [&str; 4] = ["a", "b", "c", "d"];

fn target(number: usize, port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 7, number as u8 + 1], port))
}

#[test]
fn from_two_to_four_and_in_to_one_under_load_no_call_fails() -> Result<()> {
    let (cloud, directory) = (cloud()?, tempfile::tempdir()?);
    let ports = [free_port(target(0, 0).ip())?, free_port(target(0, 0).ip())?];
    let ports_setting = format!("sip={},alternative={}", ports[0], ports[1]);
    let mut lambda =
        LambdaProcess::start(&cloud, &[("SWITCHYARD_TARGET_PORTS", &ports_setting)], directory.path())?;
    let start = |number: usize| cloud.ecs().run(IDS[number], target(number, 0).ip());
    (0..2).for_each(start);
    reconcile(&mut lambda)?;
    let proxies = [
        ProxyProcess::start(settings(&cloud, "sip", ""))?,
        ProxyProcess::start(settings(&cloud, "alternative", ""))?,
    ];
    let began = Instant::now();
    let over = AtomicBool::new(false);
    let (outcomes, rates, marks) = std::thread::scope(|scope| -> Result<_> {
        let loads: Vec<_> = (0..2)
            .map(|number| {
                let plan = Plan {
                    rate: RATE,
                    time: LONG,
                    ring: RING,
                    warm: Duration::ZERO,
                    against: proxies[number].sip_address(),
                    targets: (0..4).map(|place| target(place, ports[number]).into()).collect(),
                    caller: SocketAddr::from(([127, 0, 0, 1], free_port([127, 0, 0, 1].into())?)),
                    sources: 1,
                    pids: Vec::new(),
                    pad: 0,
                    label: format!("proxy {number}"),
                };
                Ok(scope.spawn(move || load::run::run(&plan, |_| ())))
            })
            .collect::<Result<_>>()?;
        let sampler = scope.spawn(|| rates::sample(&proxies, &["a", "b", "c", "d", "e"], began, &over));
        let happened = happen(&cloud, &mut lambda, &proxies, began, &start);
        let outcomes: Result<Vec<_>> = loads
            .into_iter()
            .map(|load| load.join().map_err(|_| anyhow::anyhow!("the load panicked"))?)
            .collect();
        over.store(true, Ordering::Relaxed);
        let rates = sampler.join().map_err(|_| anyhow::anyhow!("the sampler panicked"))?;
        Ok((outcomes?, rates, happened?))
    })?;
    let picture = plot::svg("INVITEs to each target, through both proxies", &rates, &marks);
    if let Ok(directory) = std::env::var("SWITCHYARD_REPORT") {
        std::fs::write(format!("{directory}/fleet.svg"), picture)?;
    }
    for (outcome, proxy) in outcomes.iter().zip(&proxies) {
        println!(
            "{}: {} calls, {} completed, {:?}",
            outcome.label, outcome.offered, outcome.completed, outcome.targets
        );
        let bad = (outcome.refused, outcome.lost, outcome.wrong_target, outcome.repeated, outcome.strange);
        ensure!(bad == (0, 0, 0, 0, 0) && outcome.completed == outcome.offered, "{bad:?}\n{}", proxy.log());
        ensure!(outcome.targets.iter().all(|(_, calls)| *calls > 0), "{:?}", outcome.targets);
    }
    Ok(())
}

/// What happens to the service meanwhile. Returns when it was in force.
fn happen(
    cloud: &lab::aws::Cloud,
    lambda: &mut LambdaProcess<'_>,
    proxies: &[ProxyProcess],
    began: Instant,
    start: &impl Fn(usize),
) -> Result<Vec<(f64, String)>> {
    let mut marks = Vec::new();
    let mut follow = |what: &str,
                      lambda: &mut LambdaProcess<'_>,
                      event: &serde_json::Value,
                      expected: usize|
     -> Result<()> {
        let told = Instant::now();
        marks.push((began.elapsed().as_secs_f64(), what.to_owned()));
        lambda.invoke(event)?.map_err(|error| anyhow::anyhow!("{error}"))?;
        let so = || {
            let each = proxies.iter().map(|proxy| {
                Ok(states(proxy)?.values().filter(|state| *state == "active").count() == expected)
            });
            Ok(each.collect::<Result<Vec<_>>>()?.into_iter().all(|so| so))
        };
        wait_until(what, FOLLOWED, so).with_context(|| shown(cloud).unwrap_or_default())?;
        println!("{what}: in force at both proxies after {:?}", told.elapsed());
        Ok(())
    };
    pause(Duration::from_secs(4));
    cloud.ecs().desired = 4;
    for (number, id) in IDS.into_iter().enumerate().skip(2) {
        start(number);
        // It runs, and is not healthy at once.
        cloud.ecs().change(id, |task| task.health = "UNKNOWN");
    }
    let event = cloud.ecs().event("c");
    follow("two more run", lambda, &event, 2)?;
    for id in ["c", "d"] {
        cloud.ecs().change(id, |task| task.health = "HEALTHY");
    }
    let event = cloud.ecs().event("d");
    follow("they are healthy", lambda, &event, 4)?;
    pause(Duration::from_secs(4));
    // All have calls, and are protected: ECS stops none of them.
    IDS.into_iter().for_each(|id| cloud.ecs().protect(id, true));
    cloud.ecs().desired = 1;
    follow("one is enough", lambda, &json!({"action": "reconcile"}), 1)?;
    let stays = active(cloud)?;
    let leave = || IDS.into_iter().filter(|id| !stays.contains(&(*id).to_owned()));
    let got = || leave().map(|id| invites(proxies, id)).collect::<Vec<_>>();
    let before = got();
    // The last calls end; the controllers give the protection back, and ECS stops them.
    pause(RING + Duration::from_millis(600));
    ensure!(got() == before, "new calls reach those that drain: {before:?}, then {:?}", got());
    for id in leave() {
        cloud.ecs().protect(id, false);
        cloud.ecs().change(id, |task| task.desired = "STOPPED");
        cloud.ecs().change(id, |task| task.last = "STOPPED");
    }
    follow("three have stopped", lambda, &json!({"action": "reconcile"}), 1)?;
    ensure!(shown(cloud)? == format!("{} active", stays[0]), "{}", shown(cloud)?);
    // A new task at the address of one that has gone.
    let (number, _) = IDS.iter().enumerate().find(|(_, id)| stays[0] != **id).context("one that has gone")?;
    cloud.ecs().desired = 2;
    cloud.ecs().run("e", target(number, 0).ip());
    let event = cloud.ecs().event("e");
    follow("another, at an old address", lambda, &event, 2)?;
    Ok(marks)
}
