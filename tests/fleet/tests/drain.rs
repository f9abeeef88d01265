//! Tasks leave while they carry calls: real controllers beside stand-ins for FreeSWITCH, the real proxy, the Lambda's program,
//! and an ECS that stops whoever is not protected.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fleet_tests::proxies::{settings, states};
use fleet_tests::rates::invites;
use fleet_tests::tasks::{Ports, Task, ended_by_its_caller, lasting, place};
use fleet_tests::{active, cloud, reconcile, shown, wait_until};
use lab::aws::{Cloud, LambdaProcess};
use lab::phone::{CallReport, Phone};
use lab::proxy_process::ProxyProcess;
use lab::trace::Trace;
use serde_json::json;
use tokio::task::JoinHandle;

const WITHIN: Duration = Duration::from_secs(20);

type Calls = Vec<JoinHandle<Result<CallReport>>>;

fn proxy(cloud: &Cloud) -> Result<ProxyProcess> {
    let mut settings = settings(cloud, "sip", "");
    settings.poll = Duration::from_millis(300);
    ProxyProcess::start(settings)
}

async fn telephone() -> Result<Arc<Phone>> {
    Ok(Arc::new(Phone::start(([127, 0, 0, 1], 0).into(), &Trace::new()).await?))
}

async fn all_ended(calls: Calls) -> Result<usize> {
    let count = calls.len();
    for call in calls {
        ended_by_its_caller(&call.await??)?;
    }
    Ok(count)
}

/// Until the proxy has it that only these take calls.
fn in_force(proxy: &ProxyProcess, who: &[&str]) -> Result<()> {
    wait_until(&format!("{who:?} take calls"), WITHIN, || {
        let states = states(proxy)?;
        let active: Vec<_> =
            states.iter().filter(|(_, state)| *state == "active").map(|(id, _)| &**id).collect();
        Ok(active == who)
    })
    .map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_task_that_leaves_keeps_its_calls_gets_no_new_one_and_ends_with_the_last() -> Result<()> {
    let (cloud, directory, ports) = (cloud()?, tempfile::tempdir()?, Ports::free()?);
    let mut lambda =
        LambdaProcess::start(&cloud, &[("SWITCHYARD_TARGET_PORTS", &ports.setting())], directory.path())?;
    let mut tasks = Vec::new();
    for (number, id) in (1..).zip(["a", "b"]) {
        tasks.push(Task::start(&cloud, id, number, ports, "").await?);
    }
    reconcile(&mut lambda)?;
    let (proxies, phone) = ([proxy(&cloud)?], telephone().await?);
    let [proxy] = &proxies;
    let long: Calls = (0..16).map(|_| place(&phone, lasting(proxy, Duration::from_secs(8)))).collect();
    wait_until("both have calls, and are protected", WITHIN, || {
        let busy = tasks.iter().all(|task| task.switch.sessions() > 0 && cloud.ecs().is_protected(&task.id));
        Ok(busy && tasks.iter().map(|task| task.switch.sessions()).sum::<usize>() == 16)
    })?;

    // One is enough. ECS would stop nobody: both are busy. The Lambda chooses.
    cloud.ecs().desired = 1;
    ensure!(cloud.ecs().schedule().is_empty(), "a busy task is stopped");
    reconcile(&mut lambda)?;
    let stays = active(&cloud)?;
    let place_of = tasks.iter().position(|task| !stays.contains(&task.id)).context("one leaves")?;
    let leaver = tasks.swap_remove(place_of);
    in_force(proxy, &[&stays[0]])?;
    let (before, had) = (invites(&proxies, &leaver.id), leaver.switch.sessions());
    ensure!(had > 0, "its calls are cut");
    let new: Calls = (0..20).map(|_| place(&phone, lasting(proxy, Duration::from_millis(500)))).collect();
    all_ended(new).await?;
    ensure!(invites(&proxies, &leaver.id) == before, "new calls reach {}", leaver.id);
    ensure!(leaver.switch.sessions() == had && cloud.ecs().is_protected(&leaver.id), "its calls are cut");

    // The last call ends: the protection goes, ECS stops it, it leaves, and is in the list no more.
    ensure!(all_ended(long).await? == 16);
    wait_until("the protection is given back", Duration::from_secs(4), || {
        Ok(!cloud.ecs().is_protected(&leaver.id))
    })
    .with_context(|| leaver.controller.log())?;
    // Who stays is as idle now; ECS would take either. One of a size is as good as the other here.
    cloud.ecs().protect(&stays[0], true);
    ensure!(cloud.ecs().schedule() == [leaver.id.as_str()]);
    leaver.stop(&cloud)?;
    reconcile(&mut lambda)?;
    ensure!(shown(&cloud)? == format!("{} active", stays[0]), "{}", shown(&cloud)?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fleet_of_busy_tasks_is_rolled_to_a_new_revision_and_no_call_fails() -> Result<()> {
    let (cloud, directory, ports) = (cloud()?, tempfile::tempdir()?, Ports::free()?);
    let mut lambda =
        LambdaProcess::start(&cloud, &[("SWITCHYARD_TARGET_PORTS", &ports.setting())], directory.path())?;
    let mut tasks = Vec::new();
    for (number, id) in (3..).zip(["old-1", "old-2", "old-3"]) {
        tasks.push(Task::start(&cloud, id, number, ports, "").await?);
    }
    cloud.ecs().desired = 3;
    reconcile(&mut lambda)?;
    let (proxies, phone) = ([proxy(&cloud)?], telephone().await?);
    let [proxy] = &proxies;
    let (began, sip) = (Instant::now(), lasting(proxy, Duration::from_secs(3)));
    // Ten calls a second, three seconds each, all the while.
    let calling = tokio::spawn({
        let phone = Arc::clone(&phone);
        async move {
            let (mut calls, mut ticks) = (Calls::new(), tokio::time::interval(Duration::from_millis(100)));
            while began.elapsed() < Duration::from_secs(18) {
                ticks.tick().await;
                calls.push(place(&phone, sip.clone()));
            }
            calls
        }
    });
    wait_until("all are busy and protected", WITHIN, || {
        Ok(tasks.iter().all(|task| cloud.ecs().is_protected(&task.id)))
    })?;

    cloud.ecs().revision = "switch:2".to_owned();
    for (number, id) in (6..).zip(["new-1", "new-2", "new-3"]) {
        tasks.push(Task::start(&cloud, id, number, ports, "").await?);
    }
    ensure!(cloud.ecs().schedule().is_empty(), "a busy task is stopped");
    reconcile(&mut lambda)?;
    in_force(proxy, &["new-1", "new-2", "new-3"])?;
    println!("new calls go to the new revision after {:.1} s", began.elapsed().as_secs_f64());
    let old = || ["old-1", "old-2", "old-3"].map(|id| invites(&proxies, id));
    let before = old();
    let mut stopped = Vec::new();
    wait_until("the old ones have left", WITHIN, || {
        let ids = cloud.ecs().schedule();
        for id in ids {
            let place = tasks.iter().position(|task| task.id == id).context("a task")?;
            tasks.remove(place).stop(&cloud)?;
            println!("{id} has left after {:.1} s", began.elapsed().as_secs_f64());
            stopped.push(id);
        }
        Ok(stopped.len() == 3)
    })?;
    ensure!(stopped.iter().all(|id| id.starts_with("old-")), "{stopped:?}");
    ensure!(old() == before, "new calls reach the old revision: {before:?}, {:?}", old());
    reconcile(&mut lambda)?;
    ensure!(active(&cloud)? == ["new-1", "new-2", "new-3"], "{}", shown(&cloud)?);
    ensure!(shown(&cloud)?.matches("active").count() == 3 && !shown(&cloud)?.contains("old"));
    let calls = all_ended(calling.await?).await?;
    ensure!(calls > 150, "{calls}");
    println!("{calls} calls, each answered and ended by its own BYE");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_task_that_drains_by_the_list_makes_no_calls_for_the_api_and_takes_those_that_come() -> Result<()> {
    let (cloud, directory, ports) = (cloud()?, tempfile::tempdir()?, Ports::free()?);
    let mut lambda =
        LambdaProcess::start(&cloud, &[("SWITCHYARD_TARGET_PORTS", &ports.setting())], directory.path())?;
    let fleet =
        |id: &str| format!("[fleet]\nurl = \"s3://fleet/targets.json\"\nid = \"{id}\"\npoll = \"200ms\"\n");
    let (one, other) = (
        Task::start(&cloud, "one", 9, ports, &fleet("one")).await?,
        Task::start(&cloud, "other", 10, ports, &fleet("other")).await?,
    );
    reconcile(&mut lambda)?;
    let status = |task: &Task, method: &str, path: &str, body: &str| -> Result<u16> {
        Ok(task.controller.http(method, path, body)?.0)
    };
    let made = |task: &Task| {
        let call = r#"{"to": "85512345678", "from": "1294", "twiml": "<Response><Hangup/></Response>"}"#;
        status(task, "POST", "/calls", call)
    };
    ensure!(made(&one)? == 200, "{}", one.controller.log());
    let drain = lambda.invoke(&json!({"action": "drain", "target": "one"}))?;
    drain.map_err(|error| anyhow::anyhow!("{error}"))?;
    wait_until("it knows that it drains", WITHIN, || Ok(status(&one, "GET", "/readyz", "")? == 503))
        .with_context(|| one.controller.log())?;
    ensure!(made(&one)? == 503 && made(&other)? == 200, "{}", one.controller.log());
    // FreeSWITCH says every few seconds how full it is.
    wait_until("it says so to proxies", WITHIN, || {
        let (status, load) = one.controller.http("GET", "/load", "")?;
        Ok(status == 200 && String::from_utf8(load)?.contains("\"accepting\":false"))
    })
    .with_context(|| one.controller.log())?;
    // What a proxy has sent before it knew is taken.
    let phone = telephone().await?;
    let late = lab::phone::CallPlan::new(one.switch.address(), "1294")
        .script([lab::phone::Step::Wait(Duration::from_secs(1)), lab::phone::Step::HangUp]);
    ended_by_its_caller(&phone.call(late).await?)?;
    // The store is away: what it said last holds. Then it is given back.
    cloud.s3().is_away = true;
    lab::pause(Duration::from_millis(600));
    ensure!(made(&one)? == 503, "{}", one.controller.log());
    cloud.s3().is_away = false;
    let activate = lambda.invoke(&json!({"action": "activate", "target": "one"}))?;
    activate.map_err(|error| anyhow::anyhow!("{error}"))?;
    wait_until("it is given back", WITHIN, || Ok(status(&one, "GET", "/readyz", "")? == 200))?;
    ensure!(made(&one)? == 200, "{}", one.controller.log());
    Ok(())
}
