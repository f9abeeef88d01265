//! Random histories of a service: tasks come, fail, move to new revisions and stop, while what ECS says of them is late,
//! out of order, incomplete or nothing at all, two Lambdas work at once, and operators drain. A printed seed replays.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used)]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use fleet::{Drain, Snapshot, State};
use scaler_lambda::facts::{Service, Stage, Task};
use scaler_lambda::plan::{Rules, plan};

const HISTORIES: u64 = 10_000;
/// For how many steps an account may be late.
const LAG: usize = 4;

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }

    fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A service, as it is; and each task's accounts of the last steps, the present one last.
struct World {
    rng: Rng,
    service: Service,
    tasks: BTreeMap<String, Vec<Task>>,
    /// What proxies read.
    store: Option<Snapshot>,
    now: i64,
    born: usize,
    /// The latest version of each task that any pass was shown, with what it said.
    shown: BTreeMap<String, Task>,
    /// The same of those that are in the list, since they are.
    listed: BTreeMap<String, Task>,
}

impl World {
    fn new(seed: u64) -> Self {
        let service = Service { desired: 2, revision: Some("switch:1".to_owned()) };
        let (tasks, shown, listed) = Default::default();
        World { rng: Rng(seed), service, tasks, store: None, now: 1_000, born: 0, shown, listed }
    }

    /// Something happens, and time passes.
    fn step(&mut self) {
        self.now += 1 + self.rng.below(30) as i64;
        match self.rng.below(12) {
            0 => self.service.desired = self.rng.below(6) as u32,
            1 => self.service.revision = Some(format!("switch:{}", 1 + self.rng.below(3))),
            2..=4 => self.start(),
            5 => self.drain_or_activate(),
            _ => {}
        }
        let ids: Vec<String> = self.tasks.keys().cloned().collect();
        for id in ids {
            let mut task = self.task(&id).clone();
            match (task.stage, self.rng.below(10)) {
                (Stage::Coming, 0..3) => task.stage = Stage::Running,
                (Stage::Running, 0..4) => task.healthy = true,
                (Stage::Running, 4) => task.healthy = false,
                (Stage::Running, 5) => task.protected = Some(self.rng.percent(50)),
                (Stage::Running | Stage::Coming, 6) => task.wanted = false,
                (Stage::Running, 7..9) if !task.wanted => task.stage = Stage::Stopping,
                (Stage::Stopping, 0..5) => task.stage = Stage::Stopped,
                (Stage::Stopped, 0) => drop(self.tasks.remove(&id)),
                // Killed, without being asked to stop before.
                (_, 9) if self.rng.percent(20) => (task.stage, task.wanted) = (Stage::Stopped, false),
                _ => {}
            }
            if let Some(accounts) = self.tasks.get_mut(&id) {
                if accounts.last() != Some(&task) {
                    task.version += 1;
                }
                accounts.push(task);
                let surplus = accounts.len().saturating_sub(LAG);
                accounts.drain(..surplus);
            }
        }
    }

    fn task(&self, id: &str) -> &Task {
        self.tasks[id].last().unwrap()
    }

    fn start(&mut self) {
        self.born += 1;
        let task = Task {
            arn: format!("arn:aws:ecs:eu-central-1:1:task/c/t{}", self.born),
            version: 1,
            revision: self.service.revision.clone().unwrap(),
            stage: Stage::Coming,
            wanted: true,
            healthy: false,
            // Addresses are used again by later tasks.
            address: Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1 + self.rng.below(4) as u8))),
            started_at: Some(self.now),
            protected: None,
            sessions: None,
        };
        self.tasks.insert(task.id().to_owned(), vec![task]);
    }

    fn drain_or_activate(&mut self) {
        let Some(store) = &mut self.store else { return };
        let ids: Vec<String> = store.targets.iter().map(|target| target.id.clone()).collect();
        let Some(id) = ids.get(self.rng.below(ids.len())) else { return };
        if self.rng.percent(50) {
            store.drain(id, Drain { at: "now".to_owned(), ..Drain::default() }).unwrap();
        } else {
            store.activate(id).unwrap();
        }
        self.store = Some(store.next("operator"));
    }

    /// What ECS says now: to a pass that is lucky, the truth.
    fn account(&mut self, faults: bool) -> Vec<Task> {
        if faults && self.rng.percent(5) {
            return Vec::new();
        }
        let (lost, late) = (faults && self.rng.percent(20), faults && self.rng.percent(50));
        let mut seen = Vec::new();
        for accounts in self.tasks.values() {
            if lost && self.rng.percent(20) {
                continue;
            }
            let from = if late { self.rng.below(accounts.len()) } else { accounts.len() - 1 };
            seen.push(accounts[from].clone());
            if faults && self.rng.percent(10) {
                seen.push(accounts[self.rng.below(accounts.len())].clone());
            }
        }
        for place in 0..seen.len() {
            let other = self.rng.below(seen.len());
            seen.swap(place, other);
        }
        seen
    }

    /// One Lambda, or two that have read the same.
    fn pass(&mut self, faults: bool) {
        let read = self.store.clone();
        let writers = if faults && self.rng.percent(15) { 2 } else { 1 };
        for _ in 0..writers {
            if faults && self.rng.percent(10) {
                continue; // An error of an API: nothing is written.
            }
            let seen = self.account(faults);
            self.note(&seen);
            let next = plan(&Rules::default(), &self.service, &seen, read.as_ref(), (self.now, "now"));
            // Compare and set: who comes second reads again.
            let next = match self.store == read {
                true => next,
                false => {
                    plan(&Rules::default(), &self.service, &seen, self.store.as_ref(), (self.now, "now"))
                }
            };
            if let Some(next) = next {
                self.take(next, &seen);
            }
        }
    }

    fn note(&mut self, seen: &[Task]) {
        for task in seen {
            let known = self.shown.entry(task.id().to_owned()).or_insert_with(|| task.clone());
            if task.version > known.version {
                *known = task.clone();
            }
        }
    }

    /// What must hold of every list that is written.
    fn take(&mut self, next: Snapshot, seen: &[Task]) {
        if let Some(before) = &self.store {
            assert_eq!(next.generation, before.generation.map(|generation| generation + 1));
            assert_eq!(next.epoch, before.epoch);
        }
        next.to_json().unwrap();
        self.listed.retain(|id, _| next.target(id).is_some());
        for task in seen.iter().filter(|task| next.target(task.id()).is_some()) {
            let known = self.listed.entry(task.id().to_owned()).or_insert_with(|| task.clone());
            if task.version > known.version {
                *known = task.clone();
            }
        }
        for target in next.targets.iter().filter(|target| target.state == State::Active) {
            assert!(!next.drained.contains_key(&target.id), "{} is drained by an operator", target.id);
            let shown = &self.shown[&target.id];
            assert!(
                shown.stage <= Stage::Running && shown.wanted,
                "active, although ECS has said that it stops: {target:#?} {shown:#?}"
            );
            let listed = &self.listed[&target.id];
            assert!(
                listed.healthy || is_in_doubt(&next),
                "active, although not healthy: {target:#?} {listed:#?}"
            );
        }
        self.check_that_nobody_is_left_at_the_second_look_alone(&next);
        self.store = Some(next);
    }

    fn check_that_nobody_is_left_at_the_second_look_alone(&self, next: &Snapshot) {
        let Some(before) = &self.store else { return };
        if next.targets.iter().any(|target| target.state == State::Active) || self.service.desired == 0 {
            return;
        }
        for target in before.targets.iter().filter(|target| target.state == State::Active) {
            let shown = &self.shown[&target.id];
            let certain =
                shown.stage > Stage::Running || !shown.wanted || before.drained.contains_key(&target.id);
            assert!(certain || is_in_doubt(before), "nobody takes calls, at the first look: {target:#?}");
        }
    }

    /// The list is what the service is.
    fn check_end(&self) {
        let list = self.store.as_ref().unwrap();
        let able = |task: &&Task| task.wanted && task.stage == Stage::Running && task.healthy;
        let tasks: Vec<&Task> = self.tasks.keys().map(|id| self.task(id)).collect();
        let able: Vec<&&Task> = tasks.iter().filter(|task| able(task)).collect();
        let is_drained = |task: &Task| list.drained.contains_key(task.id());
        let active = |task: &Task| list.target(task.id()).map(|target| target.state) == Some(State::Active);
        for target in &list.targets {
            let task = self.tasks.get(&target.id).and_then(|accounts| accounts.last());
            let task = task.unwrap_or_else(|| panic!("no such task: {target:#?}"));
            assert!(task.stage != Stage::Stopped, "it has stopped: {target:#?}");
            assert_eq!(Some(target.address), task.address);
        }
        assert!(tasks.iter().all(|task| !active(task) || able.contains(&task)), "active and not able");
        assert!(able.iter().all(|task| list.target(task.id()).is_some()), "able and not there");
        // As many leave as are too many, operators' drains first, then older revisions.
        let drained = able.iter().filter(|task| is_drained(task)).count();
        let took: Vec<&&&Task> = able.iter().filter(|task| active(task)).collect();
        let expected = (able.len() - drained).min(self.service.desired as usize);
        let old = |task: &Task| self.service.revision.as_ref() != Some(&task.revision);
        let others = able.iter().filter(|task| !is_drained(task) && !active(task));
        if took.iter().any(|task| old(task)) {
            assert!(others.clone().all(|task| old(task)), "an old one stays, and a new one leaves");
        }
        assert_eq!(took.len(), expected, "{able:#?} {list:#?}");
    }
}

fn is_in_doubt(list: &Snapshot) -> bool {
    list.other.get("scaler").is_some_and(|memory| memory.get("doubt_since").is_some())
}

#[test]
fn whatever_happens_the_list_is_the_truth_two_passes_later_and_no_stopped_task_is_active() {
    let first = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = first.map_or(0..HISTORIES, |seed: u64| seed..seed + 1);
    for seed in seeds {
        let history = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            for _ in 0..20 + world.rng.below(40) {
                world.step();
                if world.rng.percent(70) {
                    world.pass(true);
                }
            }
            for _ in 0..2 {
                world.now += 60;
                world.pass(false);
            }
            world.check_end();
            let settled = world.store.clone();
            world.now += 60;
            world.pass(false);
            assert_eq!(world.store, settled, "nothing happens, and nothing is written");
        });
        assert!(history.is_ok(), "SEED={seed} replays it");
    }
}
