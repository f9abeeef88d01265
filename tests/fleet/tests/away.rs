//! The store is away for as many polls as ten minutes have, at the shortest poll that there is: nothing changes for callers.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use fleet_tests::proxies::{settings, states};
use fleet_tests::{PATH, cloud, reconcile, refused, shown, wait_until};
use lab::aws::LambdaProcess;
use lab::proxy_process::{ProxyProcess, TargetList, free_port};
use load::plan::Plan;
use serde_json::json;

/// Ten minutes of a poll every two seconds.
const POLLS: f64 = 300.0;
const POLL: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(45);
const FAILED: &str = "switchyard_proxy_list_fetches_total{list=\"targets\",result=\"failed\"}";

fn target(number: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 7, 50 + number], port))
}

#[test]
fn the_store_away_for_ten_minutes_changes_nothing_for_callers() -> Result<()> {
    let (cloud, directory) = (cloud()?, tempfile::tempdir()?);
    let port = free_port(target(0, 0).ip())?;
    let ports = format!("sip={port}");
    let mut lambda = LambdaProcess::start(&cloud, &[("SWITCHYARD_TARGET_PORTS", &ports)], directory.path())?;
    for (number, id) in (0..).zip(["a", "b"]) {
        cloud.ecs().run(id, target(number, 0).ip());
    }
    reconcile(&mut lambda)?;
    let mut settings = settings(&cloud, "sip", "");
    // By HTTP, where a poll is one request; S3's are tried again, which would take minutes here.
    settings.targets = TargetList::Elsewhere(format!("url = \"{}{PATH}\"", cloud.url()));
    settings.poll = POLL;
    settings.further.push_str("[fetch]\ntimeout = \"500ms\"\n");
    let proxy = ProxyProcess::start(settings)?;
    let plan = Plan {
        rate: 20.0,
        time: LONG,
        ring: Duration::from_millis(500),
        warm: Duration::ZERO,
        against: proxy.sip_address(),
        targets: (0..2).map(|number| target(number, port).into()).collect(),
        caller: SocketAddr::from(([127, 0, 0, 1], free_port([127, 0, 0, 1].into())?)),
        sources: 1,
        pids: Vec::new(),
        pad: 0,
        label: "away".to_owned(),
    };
    let outcome = std::thread::scope(|scope| -> Result<_> {
        let calling = scope.spawn(|| load::run::run(&plan, |_| ()));
        lab::pause(Duration::from_secs(1));
        let before = cloud.s3().get(PATH).map(<[u8]>::to_vec);
        cloud.s3().is_away = true;
        let failed = || proxy.metric(FAILED).unwrap_or_default();
        let from = failed();
        // Meanwhile the service changes, and nobody can write that down.
        cloud.ecs().change("b", |task| task.desired = "STOPPED");
        let (kind, _) = refused(&mut lambda, &json!({"action": "reconcile"}))?;
        ensure!(kind == "Store", "{kind}");
        let took = wait_until("300 polls", LONG - Duration::from_secs(8), || Ok(failed() >= from + POLLS))
            .with_context(|| format!("{} polls", failed() - from))?;
        ensure!(proxy.get("/readyz")?.0 == 200 && states(&proxy)?.values().all(|state| state == "active"));
        ensure!(cloud.s3().get(PATH).map(<[u8]>::to_vec) == before, "it was written");
        println!("{} polls found nothing within {took:?}; calls went on", failed() - from);
        ensure!(proxy.log().matches("target list refused").count() <= 2, "{}", proxy.log());
        // It is back: the next pass and the next poll bring everything.
        cloud.s3().is_away = false;
        reconcile(&mut lambda)?;
        wait_until("the change is in force", Duration::from_secs(3), || {
            Ok(states(&proxy)?.get("b").is_some_and(|state| state == "draining"))
        })
        .with_context(|| shown(&cloud).unwrap_or_default())?;
        calling.join().map_err(|_| anyhow!("the load panicked"))?
    })?;
    let bad = (outcome.refused, outcome.lost, outcome.wrong_target, outcome.repeated, outcome.strange);
    ensure!(bad == (0, 0, 0, 0, 0) && outcome.completed == outcome.offered, "{bad:?}\n{}", proxy.log());
    ensure!(outcome.targets.iter().all(|(_, calls)| *calls > 100), "{:?}", outcome.targets);
    println!("{} calls, {} completed", outcome.offered, outcome.completed);
    Ok(())
}
