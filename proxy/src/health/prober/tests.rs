//! With a clock that stands still until it is told otherwise, and targets that answer or do not.

use std::collections::HashMap;
use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A prober, its clock, and what it said.
struct World {
    prober: Prober,
    now: Instant,
    began: Instant,
    /// What each address answers OPTIONS with; the others are dead.
    answers: HashMap<SocketAddr, u16>,
    /// When each was asked, since the beginning.
    asked: Vec<(Duration, SocketAddr)>,
    changes: Vec<(Duration, Condition, Reason)>,
    counted: [u32; 2],
    marks: Vec<Arc<Mark>>,
}

fn rules() -> Rules {
    Rules { interval: 5 * SECOND, timeout: SECOND, rise: 2, fall: 3, jitter: 0.2, failing: vec![408] }
}

fn address(number: usize) -> SocketAddr {
    format!("10.0.{}.{}:5060", number / 256, number % 256).parse().unwrap()
}

fn probed(number: usize) -> Probed {
    Probed {
        target: format!("task-{number}"),
        port_name: "sip".to_owned(),
        address: address(number),
        transport: Transport::Udp,
        listener: 0,
        mark: Arc::default(),
    }
}

impl World {
    /// So many targets, all alive.
    fn new(targets: usize, rules: Rules, seed: u64) -> Self {
        let list: Vec<_> = (0..targets).map(probed).collect();
        let now = Instant::now();
        let mut prober = Prober::new(rules, seed);
        prober.handle_list(&list, now);
        World {
            prober,
            now,
            began: now,
            answers: (0..targets).map(|number| (address(number), 200)).collect(),
            asked: Vec::new(),
            changes: Vec::new(),
            counted: [0; 2],
            marks: list.into_iter().map(|probed| probed.mark).collect(),
        }
    }

    fn obey(&mut self) {
        let bad = |entry: &&Entry| entry.standing.condition() != Condition::Healthy;
        // Looked at one by one, which takes its time where there are many.
        assert!(
            self.marks.len() > 100
                || self.prober.troubled() == self.prober.entries.iter().flatten().filter(bad).count()
        );
        while let Some(command) = self.prober.next_command() {
            let at = self.now - self.began;
            match command {
                Command::Probe { address, slot, sequence, .. } => {
                    self.asked.push((at, address));
                    if let Some(code) = self.answers.get(&address).copied() {
                        let answer = Answer { source: address, slot, sequence, code };
                        self.prober.handle_answer(&answer, self.now);
                    }
                }
                Command::Tell(change) => self.changes.push((at, change.to, change.reason)),
                Command::CountProbe(answered) => self.counted[usize::from(answered)] += 1,
                Command::CountCall(_) => {}
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.obey();
        while let Some(at) = self.prober.next_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.prober.handle_timeout(self.now);
            self.obey();
        }
        self.now = end;
    }

    /// Until something else is thought of somebody.
    fn until(&mut self, condition: Condition) -> Duration {
        let began = self.now;
        while self.changes.last().map(|change| change.1) != Some(condition) {
            self.pass(SECOND / 10);
            assert!(self.now - began < 60 * SECOND, "never {condition:?}: {:?}", self.changes);
        }
        self.now - began
    }

    fn call_fails(&mut self) {
        self.prober.handle_call(address(0), Signal::Silent, self.now);
        self.obey();
    }

    fn condition(&self) -> Condition {
        self.marks[0].condition()
    }
}

#[test]
fn a_new_target_takes_calls_before_it_was_probed_and_is_probed_within_an_interval() {
    let mut world = World::new(1, rules(), 1);
    assert_eq!(world.condition(), Condition::Healthy);
    world.pass(5 * SECOND);
    assert_eq!(world.counted, [0, 1]);
    assert_eq!(world.changes, []);
}

#[test]
fn a_target_that_dies_is_down_within_an_interval_and_three_timeouts_and_comes_back_after_two_answers() {
    for seed in 0..50 {
        let mut world = World::new(1, rules(), seed);
        world.pass(20 * SECOND);
        world.answers.clear();
        let took = world.until(Condition::Down);
        assert!(took <= 6 * SECOND + 3 * SECOND + SECOND / 10, "{took:?}");
        let told: Vec<_> = world.changes.iter().map(|(_, condition, reason)| (*condition, *reason)).collect();
        assert_eq!(told, [(Condition::Suspect, Reason::NoAnswer), (Condition::Down, Reason::NoAnswer)]);

        let probes = world.asked.len();
        world.answers.insert(address(0), 200);
        let took = world.until(Condition::Healthy);
        assert!(took <= 13 * SECOND, "{took:?}");
        assert_eq!(world.asked.len(), probes + 2);
        assert_eq!(world.changes.last().unwrap().2, Reason::Answers(200));
    }
}

#[test]
fn a_lost_probe_makes_a_suspect_that_is_asked_again_at_once_and_cleared() {
    let mut world = World::new(1, rules(), 7);
    world.answers.clear();
    world.until(Condition::Suspect);
    assert!(world.marks[0].takes_calls());
    world.answers.insert(address(0), 200);
    assert!(world.until(Condition::Healthy) <= 2 * SECOND);
}

#[test]
fn one_that_answers_now_and_then_neither_falls_nor_rises() {
    let rules = Rules { rise: 2, fall: 2, jitter: 0.0, ..rules() };
    let mut world = World::new(1, rules, 3);
    for round in 0..40 {
        match round % 2 {
            0 => world.answers.clear(),
            _ => drop(world.answers.insert(address(0), 200)),
        }
        let probes = world.asked.len();
        while world.asked.len() == probes {
            world.pass(SECOND / 10);
        }
        assert_ne!(world.condition(), Condition::Down);
    }
    world.answers.clear();
    world.until(Condition::Down);
    let told = world.changes.len();
    for _ in 0..20 {
        // One answer, then one miss.
        world.answers.insert(address(0), 200);
        world.pass(5 * SECOND);
        world.answers.clear();
        world.pass(6 * SECOND);
    }
    assert_eq!((world.condition(), world.changes.len()), (Condition::Down, told));
}

#[test]
fn a_failed_call_has_its_target_probed_at_once_and_a_dead_one_is_down_two_timeouts_later() {
    let mut world = World::new(1, rules(), 5);
    world.pass(20 * SECOND);
    world.answers.clear();
    let probes = world.asked.len();
    world.call_fails();
    assert_eq!((world.condition(), world.asked.len()), (Condition::Suspect, probes + 1));
    let took = world.until(Condition::Down);
    assert!(took <= 2 * SECOND + SECOND / 10, "{took:?}");
}

#[test]
fn many_calls_that_fail_in_one_moment_count_once() {
    let mut world = World::new(1, rules(), 5);
    world.pass(20 * SECOND);
    let probes = world.asked.len();
    for _ in 0..1000 {
        world.call_fails();
    }
    assert_eq!((world.condition(), world.asked.len()), (Condition::Suspect, probes + 1));
    // Two good probes later that is forgotten.
    world.pass(13 * SECOND);
    assert_eq!(world.condition(), Condition::Healthy);
}

#[test]
fn a_target_that_answers_probes_and_no_calls_goes_down_and_answered_calls_clear_it() {
    let mut world = World::new(1, rules(), 5);
    for calls in 1..=3 {
        world.call_fails();
        let expected = if calls == 3 { Condition::Down } else { Condition::Suspect };
        assert_eq!(world.condition(), expected);
        world.pass(SECOND);
    }
    assert_eq!(world.changes.last().unwrap().2, Reason::CallFailed(Signal::Silent));
    world.until(Condition::Healthy);

    world.call_fails();
    world.prober.handle_call(address(0), Signal::Answered, world.now);
    world.obey();
    assert_eq!(world.condition(), Condition::Healthy);
    world.call_fails();
    assert_eq!(world.condition(), Condition::Healthy, "counted already in this second");
}

#[test]
fn answers_of_all_kinds_are_signs_of_life_except_those_that_are_set() {
    for (code, alive) in [(200, true), (404, true), (503, true), (408, false), (100, false)] {
        let mut world = World::new(1, rules(), 9);
        world.answers.insert(address(0), code);
        world.pass(30 * SECOND);
        assert_eq!(world.marks[0].takes_calls(), alive, "{code}");
    }
}

#[test]
fn an_answer_counts_once_from_the_right_address_and_in_time() {
    let mut world = World::new(1, rules(), 9);
    world.answers.clear();
    let mut probe = None;
    while probe.is_none() {
        world.now = world.prober.next_timeout().unwrap();
        world.prober.handle_timeout(world.now);
        probe = match world.prober.next_command() {
            Some(Command::Probe { slot, sequence, .. }) => Some((slot, sequence)),
            _ => None,
        };
    }
    let (slot, sequence) = probe.unwrap();
    let good = Answer { source: address(0), slot, sequence, code: 200 };
    let wrong = [
        Answer { source: address(1), ..good },
        Answer { sequence: sequence.wrapping_add(1), ..good },
        Answer { slot: slot + 1, ..good },
    ];
    for answer in wrong {
        world.prober.handle_answer(&answer, world.now);
        assert!(world.prober.next_command().is_none(), "{answer:?}");
    }
    world.prober.handle_answer(&good, world.now);
    assert!(matches!(world.prober.next_command(), Some(Command::CountProbe(true))));
    world.prober.handle_answer(&good, world.now);
    assert!(world.prober.next_command().is_none(), "the same again");
}

#[test]
fn a_thousand_targets_are_never_probed_in_one_moment_nor_two_proxies_in_step() {
    let probes = |seed| {
        let mut world = World::new(1000, rules(), seed);
        world.pass(60 * SECOND);
        world.asked
    };
    let (one, other) = (probes(1), probes(2));
    for asked in [&one, &other] {
        assert!((11_000..13_500).contains(&asked.len()), "{}", asked.len());
        for tenth in 0..600 {
            let from = SECOND / 10 * tenth;
            let count = asked.iter().filter(|(at, _)| *at >= from && *at < from + SECOND / 10).count();
            assert!(count < 60, "{count} probes in the tenth of a second from {from:?}");
        }
    }
    let first = |asked: &[(Duration, SocketAddr)]| {
        let of = |number| asked.iter().find(|(_, to)| *to == address(number)).unwrap().0;
        (0..1000).map(of).collect::<Vec<_>>()
    };
    let apart = first(&one).iter().zip(first(&other)).filter(|(a, b)| a.abs_diff(*b) > SECOND / 10).count();
    assert!(apart > 900, "{apart}");
}

#[test]
fn a_new_list_keeps_the_standing_of_those_that_stay_and_forgets_the_others() {
    let mut world = World::new(3, rules(), 4);
    world.answers.clear();
    world.pass(20 * SECOND);
    assert_eq!(world.prober.troubled(), 3);
    // 0 goes, 1 stays, 2 moves, 3 comes; and again and again, faster than a probe can fail.
    let moved = Probed { address: address(9), ..probed(2) };
    let list = [probed(1), moved, probed(3)];
    world.prober.handle_list(&list, world.now);
    let conditions = list.each_ref().map(|probed| probed.mark.condition());
    assert_eq!(conditions, [Condition::Down, Condition::Healthy, Condition::Healthy]);
    for _ in 0..100 {
        world.pass(SECOND / 4);
        world.prober.handle_list(&list, world.now);
    }
    assert!(list.iter().all(|probed| !probed.mark.takes_calls()));
    world.asked.clear();
    world.pass(20 * SECOND);
    assert!(world.asked.iter().all(|(_, to)| *to != address(0) && *to != address(2)));
    world.prober.handle_list(&[], world.now);
    world.pass(20 * SECOND);
    assert_eq!((world.prober.troubled(), world.prober.next_timeout()), (0, None));
}

#[test]
fn a_port_with_two_names_is_asked_once() {
    let mut world = World::new(0, rules(), 4);
    let list = ["sip", "alternative"].map(|name| Probed { port_name: name.to_owned(), ..probed(0) });
    world.answers.insert(address(0), 200);
    world.prober.handle_list(&list, world.now);
    world.pass(5 * SECOND);
    assert_eq!(world.asked.len(), 1);
}
