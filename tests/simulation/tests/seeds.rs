//! Some thousands of histories. One that fails prints the command that replays it.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use simulation::Seen;

/// How many histories. Each takes some 10 ms of one core.
const SEEDS: u64 = 2000;

#[test]
fn every_promise_is_kept_in_every_history() {
    let next = AtomicU64::new(0);
    let (seen, breach) = (Mutex::new(Seen::default()), Mutex::new(None));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= SEEDS || breach.lock().unwrap().is_some() {
                        return;
                    }
                    let history = simulation::run(seed, false);
                    seen.lock().unwrap().add(&history.seen);
                    if let Some(what) = history.breach {
                        breach.lock().unwrap().get_or_insert(what);
                    }
                }
            });
        }
    });
    if let Some(breach) = breach.into_inner().unwrap() {
        panic!("{breach}");
    }
    // Histories in which nothing happens would keep every promise.
    let seen = seen.into_inner().unwrap();
    println!("{seen:?}");
    assert!(seen.calls > 5 * SEEDS && seen.lost > SEEDS && seen.failovers > SEEDS, "{seen:?}");
    assert!(seen.answered > seen.calls / 2 && seen.refused > seen.calls / 4, "{seen:?}");
    assert!(seen.connections > SEEDS && seen.broken > SEEDS / 2 && seen.fallbacks > SEEDS / 50, "{seen:?}");
    assert!(seen.names > SEEDS / 10 && seen.dead_ends > SEEDS / 10, "{seen:?}");
    assert!(seen.cancelled > SEEDS / 2 && seen.late_answers > 0, "{seen:?}");
    assert!(seen.excused < seen.calls / 3, "excuses are to be rare: {seen:?}");
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in [3, 27, 4033] {
        let (first, again) = (simulation::run(seed, true), simulation::run(seed, true));
        assert!(first.trace.lines().count() > 20);
        assert_eq!(first.trace, again.trace, "seed {seed}");
        assert_eq!(first.seen, again.seen);
    }
}
