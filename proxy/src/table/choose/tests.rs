use std::time::Duration;

use fleet::Snapshot;

use super::*;
use crate::health::Condition;
use crate::load::Figures;

const NOW: Duration = Duration::from_secs(1_800_000_000);
const SECOND: Duration = Duration::from_secs(1);
const CALLS: usize = 4_000;

const LEAST_LOADED: Choice = Choice {
    policy: Policy::LeastLoaded,
    slow_start: Duration::from_secs(30),
    stale: Duration::from_secs(30),
};

fn list(ids: &str) -> Snapshot {
    let target = |id: char| {
        let address = format!("10.0.0.{}", id as u8 - b'a' + 1);
        format!(r#"{{"id": "{id}", "address": "{address}", "ports": {{"sip": 5060, "control": 8081}}}}"#)
    };
    let targets: Vec<_> = ids.chars().map(target).collect();
    Snapshot::from_json(format!(r#"{{"targets": [{}]}}"#, targets.join(",")).as_bytes()).unwrap()
}

fn table(ids: &str, before: Option<&Table>) -> Table {
    Table::new(list(ids), &["sip".to_owned()], [1; 16], before).choosing_by(LEAST_LOADED)
}

fn say(table: &Table, place: usize, sessions: u64, accepting: bool) {
    let figures =
        Figures { sessions, max_sessions: 100, calls: 0, max_calls: 0, idle_cpu: 100.0, accepting, age: 0.0 };
    table.gauges[place].take(figures, NOW);
}

/// How many of the calls each target gets.
fn shares(table: &Table, now: Duration) -> Vec<usize> {
    let mut shares = vec![0; table.targets.len()];
    for call in 0..CALLS {
        if let Some((place, _)) = table.choose("sip", format!("{call}@x").as_bytes(), &[], now) {
            shares[usize::from(place)] += 1;
        }
    }
    shares
}

fn by_hash(table: &Table) -> Vec<usize> {
    let mut shares = vec![0; table.targets.len()];
    for call in 0..CALLS {
        let (place, _) = table.pick("sip", format!("{call}@x").as_bytes(), &[]).unwrap();
        shares[usize::from(place)] += 1;
    }
    shares
}

#[test]
fn of_the_two_best_the_one_with_more_room_gets_the_call() {
    let table = table("abcd", None);
    for (place, sessions) in [10, 90, 20, 80].into_iter().enumerate() {
        say(&table, place, sessions, true);
    }
    for call in 0..CALLS {
        let call = format!("{call}@x");
        let port = &table.ports[0];
        let two = port.picker.pick_two(call.as_bytes()).map(Option::unwrap);
        let emptier = two.into_iter().min_by_key(|place| [10, 90, 20, 80][usize::from(*place)]);
        assert_eq!(table.choose("sip", call.as_bytes(), &[], NOW).map(|(place, _)| place), emptier);
    }
    let shares = shares(&table, NOW);
    // It gets those for which it is first or second: twice a quarter, and no more.
    assert!(shares[0] > CALLS * 45 / 100 && shares[0] < CALLS * 55 / 100, "{shares:?}");
    assert_eq!(shares[1], 0, "there is always one with more room");
}

#[test]
fn figures_that_are_equal_old_or_missing_leave_it_to_the_hash() {
    let table = table("abcd", None);
    let usual = by_hash(&table);
    assert_eq!(shares(&table, NOW), usual, "nobody has said anything yet");
    (0..4).for_each(|place| say(&table, place, 50, true));
    assert_eq!(shares(&table, NOW), usual);
    for place in 0..4 {
        say(&table, place, 10 * place as u64, place != 2);
    }
    assert_ne!(shares(&table, NOW + 30 * SECOND), usual);
    assert_eq!(shares(&table, NOW + 31 * SECOND), usual, "what is old is not used");
    let hash = table.choosing_by(Choice::default());
    assert_eq!(shares(&hash, NOW), usual, "nor by the other policy");
}

#[test]
fn who_takes_no_calls_gets_none_unless_nobody_does() {
    let table = table("abcd", None);
    let usual = by_hash(&table);
    (0..4).for_each(|place| say(&table, place, 50, place != 1));
    let shares_now = shares(&table, NOW);
    assert_eq!((shares_now[1], shares_now.iter().sum::<usize>()), (0, CALLS));
    // Its calls are spread over all others.
    assert!(
        [0, 2, 3].into_iter().all(|place| shares_now[place] > usual[place] + 200),
        "{shares_now:?} {usual:?}"
    );
    // One that is down is no better than it.
    table.endpoints().next().unwrap().2.mark.set(Condition::Down);
    assert_eq!(shares(&table, NOW)[..2], [0, 0]);
    table.endpoints().next().unwrap().2.mark.set(Condition::Healthy);
    (0..4).for_each(|place| say(&table, place, 50, false));
    assert_eq!(shares(&table, NOW), usual, "a call that is tried has a chance");
}

#[test]
fn a_call_that_failed_goes_to_another_each_time() {
    let table = table("abcd", None);
    (0..4).for_each(|place| say(&table, place, 10 * place as u64, true));
    let mut tried = Vec::new();
    while let Some((_, endpoint)) = table.choose("sip", b"x", &tried, NOW) {
        assert!(!tried.contains(&endpoint.address));
        tried.push(endpoint.address);
    }
    assert_eq!(tried.len(), 4);
}

#[test]
fn a_newcomer_gets_its_share_little_by_little_under_either_policy() {
    let before = table("abcd", None);
    for policy in [Policy::LeastLoaded, Policy::Hash] {
        let choice = Choice { policy, ..LEAST_LOADED };
        let after = table("abcde", Some(&before)).choosing_by(choice);
        after.begin_slowly(&before, NOW);
        let whole = by_hash(&after)[4];
        let share = |seconds: u32| shares(&after, NOW + seconds * SECOND)[4] as f64 / whole as f64;
        for (seconds, expected) in [(0, 0.1), (10, 0.4), (20, 0.7), (30, 1.0), (300, 1.0)] {
            let share = share(seconds);
            assert!((share - expected).abs() < 0.06, "{policy:?}: {share} after {seconds} s");
        }
        // The calls that it leaves to others are spread over all of them, and nobody else's move.
        let (first, last) = (shares(&after, NOW), shares(&after, NOW + 60 * SECOND));
        assert!((0..4).all(|place| first[place] > last[place] + 100), "{first:?} {last:?}");
        // A list that says the same again does not begin it anew, nor does it end it.
        let again = table("abcde", Some(&after)).choosing_by(choice);
        again.begin_slowly(&after, NOW + 20 * SECOND);
        assert_eq!(shares(&again, NOW + 20 * SECOND), shares(&after, NOW + 20 * SECOND));
    }
}

#[test]
fn an_empty_newcomer_is_not_flooded() {
    let before = table("abcd", None);
    let after = table("abcde", Some(&before));
    after.begin_slowly(&before, NOW);
    (0..4).for_each(|place| say(&after, place, 80, true));
    say(&after, 4, 0, true);
    let at = |seconds: u32| shares(&after, NOW + seconds * SECOND)[4];
    let most = CALLS * 2 / 5;
    assert!(at(0) < most * 15 / 100, "{}", at(0));
    assert!(at(30) > most * 90 / 100 && at(30) < most * 110 / 100, "{}", at(30));
}

#[test]
fn newcomers_take_all_where_the_others_are_full_gone_or_new_themselves() {
    let none = table("", None);
    let first = table("ab", Some(&none));
    first.begin_slowly(&none, NOW);
    assert_eq!(shares(&first, NOW), by_hash(&first), "nobody took calls before them");
    let both_new = table("cd", Some(&first));
    both_new.begin_slowly(&first, NOW);
    assert_eq!(shares(&both_new, NOW).iter().sum::<usize>(), CALLS);
    assert!(shares(&both_new, NOW).iter().all(|share| *share > CALLS / 3), "{:?}", shares(&both_new, NOW));
    // One that was there among many that are new is not run over either: it gets twice its share at most.
    let many_new = table("acdefghijk", Some(&first));
    many_new.begin_slowly(&first, NOW);
    let old = shares(&many_new, NOW)[0];
    assert!(old < CALLS * 21 / 100, "{old}");
    // And where it is full it gets none.
    let one_new = table("ac", Some(&first));
    one_new.begin_slowly(&first, NOW);
    say(&one_new, 0, 100, true);
    say(&one_new, 1, 0, true);
    assert_eq!(shares(&one_new, NOW)[0], 0);
}

#[test]
fn what_is_known_of_a_target_survives_a_new_list_unless_it_moved() {
    let first = table("abc", None);
    (0..3).for_each(|place| say(&first, place, 10, true));
    let moved = list("abc");
    let mut targets = moved.targets;
    targets.rotate_left(1);
    targets[0].address = [10, 0, 0, 99].into();
    let second = Table::new(Snapshot::of(targets).unwrap(), &["sip".to_owned()], [1; 16], Some(&first));
    let known: Vec<_> =
        second.gauges().map(|(target, gauge)| (&*target.id, gauge.shown().is_some())).collect();
    assert_eq!(known, [("b", false), ("c", true), ("a", true)]);
}
