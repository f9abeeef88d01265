//! A run: the answering side in its own thread, the caller in this one.

use std::{
    net::SocketAddr,
    sync::atomic::Ordering,
    thread::{self, ScopedJoinHandle},
};

use anyhow::{Result, anyhow};

use crate::{
    answering::{self, Answered, Answers, Shared},
    caller::{self, Called, Caller},
    message::Run,
    outcome::Outcome,
    plan::Plan,
    system,
    timeline::Sample,
};

/// Carries out a plan. `progress` is told of each second.
///
/// # Errors
///
/// A plan that cannot be run, an address that cannot be bound, or an error of the system's when receiving.
pub fn run(plan: &Plan, progress: impl FnMut(&Sample)) -> Result<Outcome> {
    plan.check()?;
    let (run, shared) = (Run::new(), Shared::default());
    let (targets, callers) = (answering::bind(plan)?, caller::bind(plan)?);
    let answers = Answers::new(run.clone(), plan);
    let caller = Caller::new(run, plan, &shared)?;
    let before = Drops::now(plan)?;
    let (called, answered) = thread::scope(|scope| {
        let answering = scope.spawn(|| answering::answer(answers, &targets, &shared));
        let called = caller.call(&callers, progress);
        shared.stop.store(true, Ordering::Relaxed);
        both(called, answering)
    })?;
    let after = Drops::now(plan)?;
    Ok(Outcome {
        own_drops: after.own - before.own.min(after.own),
        drops: after.measured.zip(before.measured).map(|(after, before)| after.saturating_sub(before)),
        ..Outcome::new(plan, called, answered)
    })
}

fn both(
    called: Result<Called>,
    answering: ScopedJoinHandle<'_, Result<Answered>>,
) -> Result<(Called, Answered)> {
    let answered = answering.join().map_err(|_| anyhow!("the answering side panicked"))?;
    Ok((called?, answered?))
}

/// Datagrams that were dropped so far.
struct Drops {
    own: u64,
    measured: Option<u64>,
}

impl Drops {
    fn now(plan: &Plan) -> Result<Self> {
        let drops = |address: SocketAddr| system::drops(address);
        let targets = plan.targets.iter().map(|target| target.bind);
        let own = targets.chain(plan.callers()?).filter_map(drops).sum();
        Ok(Drops { own, measured: drops(plan.against) })
    }
}
