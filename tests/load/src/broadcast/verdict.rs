//! What must hold of a night, and what of it does not.
//!
//! No clock, no network: a [`History`] comes in, sentences go out.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::history::{Call, History, Seen, Trunk};

/// How long after a call was made its controller may be killed, so that nobody wonders that it was never called.
const HASTE: Duration = Duration::from_secs(2);

/// Everything that is not as it must be; nothing, if all is well.
#[must_use]
pub fn faults(history: &History) -> Vec<String> {
    let mut faults = history.faults.clone();
    let mut seen: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    for call in history.trunks.iter().flat_map(|trunk| &trunk.seen) {
        seen.entry(&call.sid).or_default().push(call);
        *numbers.entry(&call.number).or_default() += 1;
    }
    for call in &history.calls {
        let carried = seen.remove(call.sid.as_str()).unwrap_or_default();
        faults
            .extend(of_call(call, &carried, history).into_iter().map(|what| format!("{}: {what}", call.sid)));
    }
    faults
        .extend(seen.keys().map(|sid| format!("a carrier was asked for a call that nobody wanted: {sid:?}")));
    let twice = numbers.iter().filter(|(_, times)| **times > 1);
    faults.extend(twice.map(|(number, times)| format!("{number} was called {times} times")));
    faults.extend(history.trunks.iter().flat_map(|trunk| of_trunk(trunk, &history.stalls)));
    let inbound = history.inbound.iter().filter(|call| !call.completed);
    faults.extend(inbound.map(|call| {
        format!(
            "a call that came in after {:.1} s was not answered: {}",
            call.began.as_secs_f64(),
            call.report
        )
    }));
    faults
}

/// Calls that no carrier saw: made by a controller that was killed before it could call.
#[must_use]
pub fn never_called(history: &History) -> usize {
    let seen: HashSet<_> =
        history.trunks.iter().flat_map(|trunk| &trunk.seen).map(|seen| &seen.sid).collect();
    history.calls.iter().filter(|call| !seen.contains(&call.sid)).count()
}

fn of_call(call: &Call, carried: &[&Seen], history: &History) -> Vec<String> {
    let mut faults = Vec::new();
    let completed = call.events.iter().filter(|event| *event == "completed").count();
    match (call.records, completed) {
        (0, _) => faults.push("has no final status".to_owned()),
        // The controller that goes on after a kill cannot know whether there was a channel: the platform drops what it says.
        (2, _) if died(history, call.made, None) => {}
        (2.., _) => faults.push(format!("has {} final statuses", call.records)),
        (_, 0) => faults.push("the platform was not told that it is over".to_owned()),
        (_, 2..) => faults.push(format!("something was told behind its end: {:?}", call.events)),
        _ => {}
    }
    if call.names.len() != 1 {
        faults.push(format!("expected to be made under one name, found {:?}", call.names));
    }
    match carried {
        [] if !may_be_lost(call, history) => faults.push("was never called".to_owned()),
        [] => {}
        [one] => faults.extend(of_answer(call, one)),
        many => faults.push(format!("was called {} times", many.len())),
    }
    faults
}

/// A controller may die between its promise to call and the call.
fn may_be_lost(call: &Call, history: &History) -> bool {
    let near = |at: Duration| died(history, Some(at.saturating_sub(HASTE)), Some(at + HASTE));
    call.made.is_some_and(near) || call.unanswered.iter().any(|at| near(*at))
}

/// Whether anybody was killed in that time.
fn died(history: &History, from: Option<Duration>, to: Option<Duration>) -> bool {
    let within = |at| from.is_some_and(|from| at >= from) && to.is_none_or(|to| at <= to);
    history.marks.iter().any(|mark| mark.kill && within(mark.at))
}

/// What the carrier said is what the platform knows.
fn of_answer(call: &Call, seen: &Seen) -> Option<String> {
    let fits = match (seen.answer, call.status) {
        (_, None) => true,
        (Some(200), Some(status)) => status == "completed",
        (Some(486), Some(status)) => status == "busy",
        (_, Some(status)) => !["completed", "busy"].contains(&status),
    };
    let said = seen.answer.map_or("nothing".to_owned(), |code| code.to_string());
    (!fits).then(|| format!("the carrier said {said}, and its status is {:?}", call.status))
}

fn of_trunk(trunk: &Trunk, stalls: &[(Duration, Duration)]) -> Vec<String> {
    let (most, (per_second, until)) = (trunk.most(), trunk.most_per_second(stalls));
    let mut faults = Vec::new();
    if most > trunk.calls {
        let over = trunk.load().into_iter().find(|(_, calls)| *calls > trunk.calls);
        let at = over.map_or(0.0, |(at, _)| at.as_secs_f64());
        faults.push(format!(
            "{} had {most} calls at once, and may have {}: at {at:.3} s",
            trunk.name, trunk.calls
        ));
    }
    if per_second > trunk.per_second {
        let (may, at) = (trunk.per_second, until.as_secs_f64());
        faults.push(format!(
            "{} began {per_second} calls within a second, and may begin {may}: by {at:.3} s",
            trunk.name
        ));
    }
    let open = trunk.seen.iter().filter(|seen| seen.ended.is_none());
    faults.extend(open.map(|seen| format!("{}: the carrier still has it", seen.sid)));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broadcast::history::{Inbound, Mark};

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn call(number: u64) -> Call {
        Call {
            sid: format!("CA{number}"),
            number: format!("8551{number:04}"),
            names: [format!("channel {number}")].into(),
            asked: 1,
            made: Some(at(1000 * number)),
            records: 1,
            status: Some("completed"),
            events: ["ringing", "answered", "completed"].map(str::to_owned).to_vec(),
            ..Call::default()
        }
    }

    fn seen(number: u64) -> Seen {
        Seen {
            sid: format!("CA{number}"),
            number: format!("8551{number:04}"),
            began: at(1000 * number + 10),
            ended: Some(at(1000 * number + 510)),
            answer: Some(200),
        }
    }

    /// Ten calls, one each second, by a trunk that may have one at once.
    fn good() -> History {
        let seen = (1..=10).map(seen).collect();
        let trunk = Trunk { name: "one".to_owned(), calls: 1, per_second: 1, seen };
        let inbound = Inbound { completed: true, ..Inbound::default() };
        let calls = (1..=10).map(call).collect();
        History { calls, trunks: vec![trunk], inbound: vec![inbound], ..History::default() }
    }

    /// What is said of a good night in which this goes wrong.
    fn said(spoil: impl FnOnce(&mut History)) -> String {
        let mut history = good();
        spoil(&mut history);
        faults(&history).join("; ")
    }

    #[test]
    fn a_good_night_has_no_faults() {
        assert_eq!(said(|_| ()), "");
    }

    #[test]
    fn a_call_that_is_made_twice_is_found() {
        let again = |history: &mut History| {
            let twice = Seen { began: at(20_000), ended: Some(at(20_001)), ..seen(3) };
            history.trunks[0].seen.push(twice);
        };
        assert_eq!(said(again), "CA3: was called 2 times; 85510003 was called 2 times");
        // Under another name, but the same person.
        let other = |history: &mut History| history.trunks[0].seen[3].number = "85510003".to_owned();
        assert_eq!(said(other), "85510003 was called 2 times");
        let stranger = |history: &mut History| history.trunks[0].seen[3].sid = "CA3".to_owned();
        let said = said(stranger);
        assert!(said.contains("CA3: was called 2 times") && said.contains("CA4: was never called"), "{said}");
        let names = |history: &mut History| _ = history.calls[0].names.insert("another".to_owned());
        assert!(super::tests::said(names).contains("under one name"));
        let unwanted = |history: &mut History| drop(history.calls.remove(0));
        assert!(super::tests::said(unwanted).contains("nobody wanted: \"CA1\""));
    }

    #[test]
    fn a_status_that_is_lost_or_comes_twice_is_found() {
        let lost = |history: &mut History| {
            (history.calls[4].records, history.calls[4].status) = (0, None);
            history.calls[4].events.pop();
        };
        assert_eq!(said(lost), "CA5: has no final status");
        let record = |history: &mut History| (history.calls[4].records, history.calls[4].status) = (0, None);
        assert_eq!(said(record), "CA5: has no final status");
        let twice = |history: &mut History| history.calls[4].records = 2;
        assert_eq!(said(twice), "CA5: has 2 final statuses");
        let killed = |millis| {
            said(|history| {
                twice(history);
                history.marks.push(Mark { at: at(millis), what: String::new(), kill: true });
            })
        };
        assert_eq!((killed(5_200), killed(4_000)), (String::new(), "CA5: has 2 final statuses".to_owned()));
        let untold = |history: &mut History| drop(history.calls[4].events.pop());
        assert_eq!(said(untold), "CA5: the platform was not told that it is over");
        let behind = |history: &mut History| {
            history.calls[4].events.extend(["answered".to_owned(), "completed".to_owned()]);
        };
        assert!(said(behind).contains("something was told behind its end"));
        let wrong = |history: &mut History| history.calls[4].status = Some("failed");
        assert_eq!(said(wrong), "CA5: the carrier said 200, and its status is Some(\"failed\")");
    }

    #[test]
    fn a_limit_that_is_broken_is_found() {
        let longer = |history: &mut History| history.trunks[0].seen[0].ended = Some(at(2011));
        assert_eq!(said(longer), "one had 2 calls at once, and may have 1: at 2.010 s");
        // In the very instant in which another ends.
        assert_eq!(said(|history| history.trunks[0].seen[0].ended = Some(at(2010))), "");
        let sooner = |history: &mut History| history.trunks[0].seen[1].began = at(2009);
        assert_eq!(said(sooner), "one began 2 calls within a second, and may begin 1: by 2.009 s");
        // Nobody looked when the first of them came.
        let unseen = |history: &mut History| {
            sooner(history);
            history.stalls.push((at(900), at(1_009)));
        };
        assert_eq!(said(unseen), "");
        assert!(said(|history| history.trunks[0].seen[9].ended = None).contains("still has it"));
    }

    #[test]
    fn a_call_that_is_not_made_is_excused_by_its_controllers_death_alone() {
        let unmade = |history: &mut History| {
            history.trunks[0].seen.remove(6);
            let call = &mut history.calls[6];
            (call.status, call.events) = (Some("failed"), vec!["completed".to_owned()]);
        };
        assert_eq!(said(unmade), "CA7: was never called");
        let mark = |millis, kill| Mark { at: at(millis), what: String::new(), kill };
        let killed = |millis, kill| {
            said(|history| {
                unmade(history);
                history.marks.push(mark(millis, kill));
            })
        };
        assert_eq!(killed(7_500, true), "");
        assert_eq!(
            (killed(7_500, false), killed(9_500, true)),
            ("CA7: was never called".to_owned(), "CA7: was never called".to_owned())
        );
        // An answer that was lost is an excuse if who was to give it died then.
        let unanswered = |millis| {
            said(|history| {
                unmade(history);
                history.calls[6].unanswered = vec![at(4_000)];
                history.marks.push(mark(millis, true));
            })
        };
        assert_eq!(
            (unanswered(3_500), unanswered(1_500)),
            (String::new(), "CA7: was never called".to_owned())
        );
    }

    #[test]
    fn who_calls_in_and_is_not_answered_is_a_fault() {
        assert!(said(|history| history.inbound[0].completed = false).contains("was not answered"));
    }
}
