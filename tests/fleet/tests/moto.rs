//! The Lambda's program and switchctl against moto, where that is installed.

use anyhow::{Result, ensure};
use fleet::{Snapshot, State};
use fleet_tests::moto::Moto;
use fleet_tests::{cloud, reconcile, refused, switchctl};
use lab::aws::LambdaProcess;
use serde_json::json;

#[test]
fn the_lambda_and_switchctl_do_with_moto_what_they_do_with_the_stand_in() -> Result<()> {
    let Some(moto) = Moto::start()? else {
        println!("skipped: there is no moto_server: `cargo xtask test` installs it");
        return Ok(());
    };
    // Ours is the Runtime API alone.
    let (cloud, directory) = (cloud()?, tempfile::tempdir()?);
    let mut lambda = LambdaProcess::start(&cloud, &[("AWS_ENDPOINT_URL", moto.url())], directory.path())?;
    let mut variables = cloud.variables();
    variables.push(("AWS_ENDPOINT_URL".to_owned(), moto.url().to_owned()));
    variables.push(("SWITCHYARD_SNAPSHOT_URL".to_owned(), "s3://fleet/targets.json".to_owned()));
    let ctl = |arguments: &[&str]| -> Result<String> {
        switchctl(&variables, arguments)?.map_err(|error| anyhow::anyhow!("{arguments:?}: {error}"))
    };
    let list = || -> Result<Snapshot> { Ok(Snapshot::from_json(ctl(&["snapshot", "show"])?.as_bytes())?) };
    let who = |state: State| -> Result<Vec<String>> {
        let list = list()?;
        Ok(list
            .targets
            .iter()
            .filter(|target| target.state == state)
            .map(|target| target.id.clone())
            .collect())
    };
    ensure!(switchctl(&variables, &["targets", "list"])?.is_err(), "nobody has written one");
    let two = moto.service(&["run", "2"])?;
    let outcome = reconcile(&mut lambda)?;
    ensure!(outcome["active"] == json!(2) && outcome["generation"] == json!(1), "{outcome}");
    ensure!(who(State::Active)? == two, "{:?}", list()?);
    ensure!(reconcile(&mut lambda)?["changed"] == json!(false), "nothing has changed");

    let shown = ctl(&["targets", "list"])?;
    ensure!(two.iter().all(|id| shown.contains(id.as_str())) && shown.contains("generation 1"), "{shown}");
    let first = two.first().map_or("", String::as_str);
    let drained = ctl(&["targets", "drain", first.get(..8).unwrap_or(first), "--note", "noise"])?;
    ensure!(drained.contains("draining (was active): drained by an operator: noise"), "{drained}");
    reconcile(&mut lambda)?;
    ensure!(who(State::Draining)? == [first], "it survives a pass: {:?}", list()?);
    ctl(&["targets", "activate", first])?;
    ensure!(who(State::Active)? == two, "{:?}", list()?);

    moto.service(&["stop", first])?;
    reconcile(&mut lambda)?;
    ensure!(!who(State::Active)?.contains(&first.to_owned()), "{:?}", list()?);
    moto.service(&["desired", "3"])?;
    moto.service(&["run", "2"])?;
    let outcome = reconcile(&mut lambda)?;
    ensure!(outcome["active"] == json!(3) && outcome["desired"] == json!(3), "{outcome}");
    let outcome = lambda.invoke(&json!({"action": "prescale", "sessions": 500}))?;
    ensure!(outcome.as_ref().is_ok_and(|outcome| outcome["desired"] == json!(5)), "{outcome:?}");
    // moto knows no such service; the answer is an error, and the list stays.
    let before = list()?;
    let mut other = LambdaProcess::start(
        &cloud,
        &[("AWS_ENDPOINT_URL", moto.url()), ("SWITCHYARD_ECS_SERVICE", "nobody")],
        directory.path(),
    )?;
    drop(lambda);
    let (kind, what) = refused(&mut other, &json!({"action": "reconcile"}))?;
    ensure!(kind == "Ecs" && what.contains("\"nobody\""), "{kind}: {what}");
    ensure!(list()? == before, "it was written");
    Ok(())
}
