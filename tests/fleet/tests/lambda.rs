//! The Lambda's program, unchanged, under a Runtime API of our own and against a stand-in for ECS and S3.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fleet::State;
use fleet_tests::{PATH, active, address, cloud, reconcile, refused, shown, snapshot};
use lab::aws::LambdaProcess;
use serde_json::{Value, json};

#[test]
fn the_list_follows_the_tasks_and_is_not_written_when_nothing_has_changed() -> Result<()> {
    let (cloud, directory) = (cloud()?, tempfile::tempdir()?);
    let mut lambda = LambdaProcess::start(&cloud, &[], directory.path())?;
    cloud.ecs().run("a", address(1));
    cloud.ecs().run("b", address(2));
    cloud.ecs().change("b", |task| task.health = "UNKNOWN");
    let first = reconcile(&mut lambda)?;
    ensure!(
        first == json!({"generation": 1, "changed": true, "active": 1, "draining": 0, "desired": 2}),
        "{first}"
    );
    let target = snapshot(&cloud)?.targets.first().cloned().context("a target")?;
    ensure!(
        target.id == "a" && target.address == address(1) && target.ports["control"] == 8081,
        "{target:?}"
    );
    cloud.ecs().change("b", |task| task.health = "HEALTHY");
    let event = cloud.ecs().event("b");
    let second = lambda.invoke(&event)?;
    ensure!(
        second == Ok(json!({"generation": 2, "changed": true, "active": 2, "draining": 0, "desired": 2})),
        "{second:?}"
    );
    // The same event again, and one that is late.
    let late = cloud.ecs().event("a");
    for event in [event, late] {
        let again = lambda.invoke(&event)?;
        ensure!(again.as_ref().is_ok_and(|again| again["changed"] == json!(false)), "{again:?}");
    }
    ensure!(snapshot(&cloud)?.generation == Some(2), "{:?}", snapshot(&cloud)?);
    // ECS wants to stop it; then it has stopped.
    cloud.ecs().change("a", |task| task.desired = "STOPPED");
    reconcile(&mut lambda)?;
    ensure!(shown(&cloud)? == "a draining, b active", "{}", shown(&cloud)?);
    cloud.ecs().change("a", |task| task.last = "STOPPED");
    reconcile(&mut lambda)?;
    ensure!(shown(&cloud)? == "b active", "{}", shown(&cloud)?);
    // An account of ECS that is late, and a new task at the old address.
    cloud.ecs().lag = 2;
    cloud.ecs().run("c", address(1));
    reconcile(&mut lambda)?;
    ensure!(shown(&cloud)? == "b active, c active", "{}", shown(&cloud)?);
    let log = lambda.log();
    ensure!(log.contains("\"ActiveTargets\":1.0") && log.contains("\"CloudWatchMetrics\""), "{log}");
    ensure!(log.contains("\"target_id\":\"a\"") && log.contains("ECS stops its task"), "{log}");
    Ok(())
}

#[test]
fn those_without_calls_leave_first_and_a_busy_one_drains_until_its_calls_have_ended() -> Result<()> {
    let (cloud, directory) = (cloud()?, tempfile::tempdir()?);
    let mut lambda = LambdaProcess::start(&cloud, &[], directory.path())?;
    cloud.ecs().desired = 3;
    for (number, id) in ["a", "b", "c"].into_iter().enumerate() {
        cloud.ecs().run(id, address(number as u8 + 1));
        cloud.ecs().protect(id, id != "b");
    }
    reconcile(&mut lambda)?;
    ensure!(active(&cloud)? == ["a", "b", "c"], "{}", shown(&cloud)?);
    cloud.ecs().desired = 1;
    reconcile(&mut lambda)?;
    let took = active(&cloud)?;
    ensure!(took.len() == 1 && took != ["b"], "{}", shown(&cloud)?);
    // Who was chosen stays chosen.
    cloud.ecs().protect("b", true);
    reconcile(&mut lambda)?;
    ensure!(active(&cloud)? == took, "{}", shown(&cloud)?);
    // A new revision: the busy old one goes on until the new one is healthy.
    cloud.ecs().revision = "switch:2".to_owned();
    cloud.ecs().run("d", address(4));
    cloud.ecs().change("d", |task| task.health = "UNHEALTHY");
    reconcile(&mut lambda)?;
    ensure!(active(&cloud)? == took, "{}", shown(&cloud)?);
    cloud.ecs().change("d", |task| task.health = "HEALTHY");
    reconcile(&mut lambda)?;
    ensure!(active(&cloud)? == ["d"], "{}", shown(&cloud)?);
    Ok(())
}

#[test]
fn an_error_of_an_api_fails_the_invocation_and_changes_nothing() -> Result<()> {
    let (cloud, directory) = (cloud()?, tempfile::tempdir()?);
    let mut lambda = LambdaProcess::start(&cloud, &[], directory.path())?;
    cloud.ecs().run("a", address(1));
    reconcile(&mut lambda)?;
    let before = cloud.s3().get(PATH).map(<[u8]>::to_vec);
    let again = json!({"action": "reconcile"});
    cloud.ecs().change("a", |task| task.desired = "STOPPED");
    cloud.ecs().is_failing = true;
    let (kind, what) = refused(&mut lambda, &again)?;
    ensure!(kind == "Ecs" && what.contains("DescribeServices"), "{kind}: {what}");
    cloud.ecs().is_failing = false;
    cloud.s3().is_away = true;
    let (kind, what) = refused(&mut lambda, &again)?;
    ensure!(
        kind == "Store" && what.contains("s3://fleet/targets.json") && what.contains("503"),
        "{kind}: {what}"
    );
    cloud.s3().is_away = false;
    ensure!(cloud.s3().get(PATH).map(<[u8]>::to_vec) == before, "it was written");
    // What is no snapshot is not written over.
    cloud.s3().put(PATH, "{\"version\": 2, \"targets\": []}");
    let (kind, what) = refused(&mut lambda, &again)?;
    ensure!(kind == "BrokenSnapshot" && what.contains("expected version 1"), "{kind}: {what}");
    ensure!(
        cloud.s3().get(PATH).is_some_and(|content| content.starts_with(b"{\"version\": 2")),
        "written over"
    );
    cloud.s3().put(PATH, before.unwrap_or_default());
    reconcile(&mut lambda)?;
    ensure!(shown(&cloud)? == "a draining", "{}", shown(&cloud)?);
    Ok(())
}

#[test]
fn the_platform_is_told_the_capacity_with_a_password_that_is_nowhere_but_in_secrets_manager() -> Result<()> {
    let (cloud, directory) = (cloud()?, tempfile::tempdir()?);
    let (arn, url) = ("arn:aws:secretsmanager:eu-central-1:1:secret:platform", cloud.url());
    let variables = [
        ("SWITCHYARD_PLATFORM_URL", url.as_str()),
        ("SWITCHYARD_PLATFORM_REGION", "hydrogen"),
        ("SWITCHYARD_PLATFORM_PASSWORD_ARN", arn),
    ];
    let mut lambda = LambdaProcess::start(&cloud, &variables, directory.path())?;
    cloud.platform().credentials = "services:first".to_owned();
    cloud.ecs().run("a", address(1));
    // It may not be read: calls do not wait for that.
    reconcile(&mut lambda)?;
    ensure!(shown(&cloud)? == "a active" && cloud.platform().told.is_empty(), "{}", shown(&cloud)?);
    ensure!(lambda.log().contains("AccessDeniedException"), "{}", lambda.log());
    // Now it may, and is read once.
    cloud.secrets().values.insert(arn.to_owned(), "first".to_owned());
    reconcile(&mut lambda)?;
    reconcile(&mut lambda)?;
    let told = json!({"region": "hydrogen", "capacity": 1});
    ensure!(cloud.platform().told == [told.clone(), told], "{:?}", cloud.platform().told);
    ensure!(cloud.secrets().reads == 1, "{}", cloud.secrets().reads);
    // A new one.
    cloud.platform().credentials = "services:second".to_owned();
    cloud.secrets().values.insert(arn.to_owned(), "second".to_owned());
    reconcile(&mut lambda)?;
    let platform = cloud.platform();
    ensure!(platform.told.len() == 3 && platform.refused == 1, "{platform:?}");
    ensure!(!lambda.log().contains("second"), "{}", lambda.log());
    Ok(())
}

#[test]
fn nothing_at_all_from_ecs_is_not_believed_at_once() -> Result<()> {
    let (cloud, directory) = (cloud()?, tempfile::tempdir()?);
    let mut lambda = LambdaProcess::start(&cloud, &[], directory.path())?;
    cloud.ecs().run("a", address(1));
    reconcile(&mut lambda)?;
    cloud.ecs().is_empty = true;
    for _ in 0..3 {
        reconcile(&mut lambda)?;
        ensure!(shown(&cloud)? == "a active", "{}", shown(&cloud)?);
    }
    cloud.ecs().is_empty = false;
    reconcile(&mut lambda)?;
    let list = snapshot(&cloud)?;
    ensure!(shown(&cloud)? == "a active" && !list.other.contains_key("scaler"), "{list:?}");
    Ok(())
}

#[test]
fn operators_drain_and_prescale_and_everything_unknown_is_refused() -> Result<()> {
    let (cloud, directory) = (cloud()?, tempfile::tempdir()?);
    let mut lambda =
        LambdaProcess::start(&cloud, &[("SWITCHYARD_SESSIONS_PER_TASK", "150")], directory.path())?;
    cloud.ecs().run("a", address(1));
    cloud.ecs().run("b", address(2));
    reconcile(&mut lambda)?;
    let drain = lambda.invoke(&json!({"action": "drain", "target": "a", "note": "noise"}))?;
    ensure!(drain.as_ref().is_ok_and(|answer| answer["draining"] == json!(1)), "{drain:?}");
    let a = snapshot(&cloud)?.target("a").cloned().context("a")?;
    ensure!(
        a.state == State::Draining && a.reason.as_deref() == Some("drained by an operator: noise"),
        "{a:?}"
    );
    reconcile(&mut lambda)?;
    ensure!(shown(&cloud)? == "a draining, b active", "it survives: {}", shown(&cloud)?);
    lambda
        .invoke(&json!({"action": "activate", "target": "a"}))?
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    ensure!(shown(&cloud)? == "a active, b active", "{}", shown(&cloud)?);
    // 1,200 calls at 150 each are 8 tasks; then 2 are enough, and nothing is lowered.
    for sessions in [1200, 300] {
        let answer = lambda.invoke(&json!({"action": "prescale", "sessions": sessions}))?;
        ensure!(answer.as_ref().is_ok_and(|answer| answer["desired"] == json!(8)), "{answer:?}");
    }
    let foreign = json!({"source": "aws.ecs", "detail-type": "ECS Task State Change",
        "detail": {"clusterArn": "arn:aws:ecs:eu-central-1:1:cluster/other", "group": "service:switch"}});
    ensure!(lambda.invoke(&foreign)? == Ok(Value::Null), "somebody else's task");
    for (event, kind, text) in [
        (json!({"action": "drain", "target": "z"}), "NoSuchTarget", "\"z\""),
        (json!({"action": "explode"}), "UnknownEvent", "unknown variant `explode`"),
        (json!({"source": "aws.s3", "detail-type": "Object Created"}), "UnknownEvent", "Object Created"),
        (json!([]), "UnknownEvent", "expected an ECS Task State Change"),
    ] {
        let (found, what) = refused(&mut lambda, &event)?;
        ensure!(found == kind && what.contains(text), "{found}: {what}");
    }
    Ok(())
}

#[test]
fn two_lambdas_and_an_operator_at_once_lose_nothing_of_each_other() -> Result<()> {
    let (cloud, directories) = (cloud()?, (tempfile::tempdir()?, tempfile::tempdir()?));
    cloud.ecs().desired = 40;
    let work = |lambda: &mut LambdaProcess<'_>, name: &'static str| -> Result<()> {
        for number in 0..20 {
            let id = format!("{name}{number}");
            cloud.ecs().run(&id, address(number + 1));
            reconcile(lambda)?;
            let drain = lambda.invoke(&json!({"action": "drain", "target": id}))?;
            drain.map_err(|error| anyhow::anyhow!("{error}"))?;
        }
        Ok(())
    };
    // Either takes the events of both: neither may leave before the other has what came of its own.
    let mut one = LambdaProcess::start(&cloud, &[], directories.0.path())?;
    let mut other = LambdaProcess::start(&cloud, &[], directories.1.path())?;
    std::thread::scope(|scope| {
        let one = scope.spawn(|| work(&mut one, "a"));
        work(&mut other, "b")?;
        one.join().map_err(|_| anyhow::anyhow!("it panicked"))?
    })?;
    let list = snapshot(&cloud)?;
    ensure!(list.targets.len() == 40 && list.drained.len() == 40, "{}", shown(&cloud)?);
    ensure!(list.targets.iter().all(|target| target.state == State::Draining), "{}", shown(&cloud)?);
    println!("generation {:?}, {} writes refused", list.generation, cloud.s3().conflicts);
    Ok(())
}

#[test]
fn bad_settings_end_it_with_the_reason_and_good_ones_have_it_ready_soon() -> Result<()> {
    let (cloud, directory) = (cloud()?, tempfile::tempdir()?);
    let mut bad =
        LambdaProcess::start(&cloud, &[("SWITCHYARD_SNAPSHOT_URL", "s3://fleet")], directory.path())?;
    let error = bad.invoke(&json!({"action": "reconcile"})).unwrap_err().to_string();
    ensure!(error.contains("64") && error.contains("s3://bucket/key"), "{error}");
    let mut lambda = LambdaProcess::start(&cloud, &[], directory.path())?;
    // The event of the one that left goes to this one.
    reconcile(&mut lambda)?;
    let ready = lambda.time_to_ready()?;
    println!("ready after {ready:?}");
    ensure!(ready < Duration::from_secs(2), "{ready:?}");
    Ok(())
}
