//! Scale out and in, under calls with media: real controllers beside stand-ins for FreeSWITCH, two proxies that choose by load,
//! the Lambda's program, and an ECS that stops whoever is not protected.
#![allow(clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fleet_tests::proxies::{settings, states};
use fleet_tests::tasks::{Ports, Task, ended_by_its_caller, lasting, place};
use fleet_tests::{active, cloud, plot, rates, reconcile, shown, wait_until};
use lab::aws::LambdaProcess;
use lab::phone::Phone;
use lab::proxy_process::ProxyProcess;
use lab::trace::Trace;

/// Through each of the two proxies. Each call has its media and its controller; what the proxies carry at 50 calls/s is in
/// `scale.rs`.
const CALLS_PER_SECOND: u32 = 8;
const LONG: Duration = Duration::from_secs(24);
/// How long each call lasts.
const LASTS: Duration = Duration::from_millis(1500);
const IDS: [&str; 4] = ["a", "b", "c", "d"];
/// From the event until both proxies have it in force.
const FOLLOWED: Duration = Duration::from_secs(3);
/// All of it runs beside its callers on one machine, which may be busy with more: patience is no part of what is tested.
const LEAST_LOADED: &str = "[dispatch]\npolicy = \"least-loaded\"\nslow_start = \"3s\"\nno_reply = \"5s\"\n[load]\npoll = \"500ms\"\n";

/// Ends the sampling however the test ends.
struct Ends(Arc<AtomicBool>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn wait_active(proxies: &[ProxyProcess], count: usize, what: &str) -> Result<()> {
    let told = Instant::now();
    wait_until(what, FOLLOWED, || {
        let active = |proxy| Ok(states(proxy)?.values().filter(|state| *state == "active").count());
        let counts = proxies.iter().map(active).collect::<Result<Vec<_>>>()?;
        Ok(counts.iter().all(|active| *active == count))
    })?;
    println!("{what}: in force at both proxies after {:?}", told.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn from_two_to_four_and_in_to_one_every_call_is_answered_and_ended_by_its_own_bye() -> Result<()> {
    let (cloud, directory, ports) = (cloud()?, tempfile::tempdir()?, Ports::free()?);
    let mut lambda =
        LambdaProcess::start(&cloud, &[("SWITCHYARD_TARGET_PORTS", &ports.setting())], directory.path())?;
    let mut tasks = Vec::new();
    for (number, id) in (20..).zip(IDS).take(2) {
        tasks.push(Task::start(&cloud, id, number, ports, "").await?);
    }
    reconcile(&mut lambda)?;
    let start = || {
        let mut settings = settings(&cloud, "sip", "");
        settings.further.push_str(LEAST_LOADED);
        ProxyProcess::start(settings)
    };
    let proxies = Arc::new([start()?, start()?]);
    let (began, over) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let _ends = Ends(Arc::clone(&over));
    let sampling = tokio::task::spawn_blocking({
        let (proxies, over) = (Arc::clone(&proxies), Arc::clone(&over));
        move || rates::sample(&*proxies, &IDS, began, &over)
    });
    let mut calling = Vec::new();
    for proxy in &*proxies {
        let phone = Arc::new(Phone::start(([127, 0, 0, 1], 0).into(), &Trace::new()).await?);
        let plan = lasting(proxy, LASTS);
        calling.push(tokio::spawn(async move {
            let (mut calls, mut ticks) =
                (Vec::new(), tokio::time::interval(Duration::from_secs(1) / CALLS_PER_SECOND));
            while began.elapsed() < LONG {
                ticks.tick().await;
                calls.push(place(&phone, plan.clone()));
            }
            calls
        }));
    }

    let mut marks = Vec::new();
    let mut mark = |what: &str| marks.push((began.elapsed().as_secs_f64(), what.to_owned()));
    tokio::time::sleep(Duration::from_secs(4)).await;
    cloud.ecs().desired = 4;
    for (number, id) in (20..).zip(IDS).skip(2) {
        tasks.push(Task::start(&cloud, id, number, ports, "").await?);
    }
    mark("two more are healthy");
    let event = cloud.ecs().event("d");
    lambda.invoke(&event)?.map_err(|error| anyhow::anyhow!("{error}"))?;
    wait_active(&*proxies, 4, "four take calls")?;
    tokio::time::sleep(Duration::from_secs(6)).await;
    mark("one is enough");
    cloud.ecs().desired = 1;
    reconcile(&mut lambda)?;
    wait_active(&*proxies, 1, "one takes calls")?;
    let stays = active(&cloud)?;
    // Who stays is busy all the while; the others give their protection back one after the other.
    wait_until("three have left", Duration::from_secs(15), || {
        let ids = cloud.ecs().schedule();
        for id in ids {
            let place = tasks.iter().position(|task| task.id == id).context("a task")?;
            tasks.remove(place).stop(&cloud)?;
        }
        Ok(tasks.len() == 1)
    })
    .with_context(|| shown(&cloud).unwrap_or_default())?;
    mark("three have left");
    reconcile(&mut lambda)?;
    ensure!(shown(&cloud)? == format!("{} active", stays[0]), "{}", shown(&cloud)?);

    let mut ended = 0;
    for calls in calling {
        for call in calls.await? {
            let report = call.await??;
            ended_by_its_caller(&report).with_context(|| format!("after {ended} calls"))?;
            ended += 1;
        }
    }
    over.store(true, Ordering::Relaxed);
    let lines = sampling.await?;
    ensure!(ended > CALLS_PER_SECOND as usize * LONG.as_secs() as usize, "{ended}");
    println!("{ended} calls, each answered and ended by its own BYE");
    if let Ok(directory) = std::env::var("SWITCHYARD_REPORT") {
        let picture = plot::svg("INVITEs to each switch, through both proxies, by load", &lines, &marks);
        std::fs::write(format!("{directory}/fleet-switches.svg"), picture)?;
    }
    for (id, rates) in &lines {
        ensure!(rates.iter().any(|(_, rate)| *rate > 0.0), "{id} got no call");
    }
    Ok(())
}
