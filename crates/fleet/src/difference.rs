//! What is other in one snapshot than in another: for logs and for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::{Drain, Snapshot, Target};

/// What became of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'s> {
    /// It was not there before.
    Came(&'s Target),
    /// It is not there any more.
    Left(&'s Target),
    /// It is another than it was.
    Changed(&'s Target, &'s Target),
}

/// What became of something beside the targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside<'s> {
    /// What is recorded of an operator's drain of the target of this id, before and after.
    Drained(&'s str, Option<&'s Drain>, Option<&'s Drain>),
    /// What else a writer keeps under this key, before and after.
    Other(&'s str, Option<&'s Value>, Option<&'s Value>),
}

/// What beside the targets is not what it was: operators' drains, and what else writers keep.
pub fn differences_beside<'s>(before: &'s Snapshot, after: &'s Snapshot) -> Vec<Beside<'s>> {
    let ids: BTreeSet<&str> = before.drained.keys().chain(after.drained.keys()).map(String::as_str).collect();
    let keys: BTreeSet<&str> = before.other.keys().chain(after.other.keys()).map(String::as_str).collect();
    let drains = ids.into_iter().map(|id| (id, before.drained.get(id), after.drained.get(id)));
    let drains = drains.filter(|(_, was, is)| was != is).map(|(id, was, is)| Beside::Drained(id, was, is));
    let others = keys.into_iter().map(|key| (key, before.other.get(key), after.other.get(key)));
    let others = others.filter(|(_, was, is)| was != is).map(|(key, was, is)| Beside::Other(key, was, is));
    drains.chain(others).collect()
}

impl fmt::Display for Beside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |was: bool, is: bool| match (was, is) {
            (false, _) => '+',
            (_, false) => '-',
            _ => '~',
        };
        match self {
            Beside::Drained(id, was, is) => {
                write!(f, "{} operator's drain of {id}", sign(was.is_some(), is.is_some()))?;
                let note = is.or(*was).and_then(|drain| drain.note.as_ref());
                note.map_or(Ok(()), |note| write!(f, ": {note}"))
            }
            Beside::Other(key, was, is) => {
                write!(f, "{} {key:?}, which a writer keeps", sign(was.is_some(), is.is_some()))
            }
        }
    }
}

/// What became of each target that is not what it was, by id.
pub fn differences<'s>(before: &'s Snapshot, after: &'s Snapshot) -> Vec<Change<'s>> {
    let by_id = |list: &'s Snapshot| -> BTreeMap<&'s str, &'s Target> {
        list.targets.iter().map(|target| (target.id.as_str(), target)).collect()
    };
    let (before, after) = (by_id(before), by_id(after));
    let mut all = before.clone();
    all.extend(&after);
    let change = |id: &str| match (before.get(id), after.get(id)) {
        (None, Some(after)) => Some(Change::Came(after)),
        (Some(before), None) => Some(Change::Left(before)),
        (Some(before), Some(after)) if before != after => Some(Change::Changed(before, after)),
        _ => None,
    };
    all.keys().filter_map(|id| change(id)).collect()
}

impl Change<'_> {
    /// Whose it is.
    pub fn id(&self) -> &str {
        match self {
            Change::Came(target) | Change::Left(target) | Change::Changed(_, target) => &target.id,
        }
    }
}

impl fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Came(target) => write!(f, "+ {} {} {}", target.id, target.address, target.state)?,
            Change::Left(target) => return write!(f, "- {} {}", target.id, target.address),
            Change::Changed(before, after) => {
                write!(f, "~ {} {}", after.id, after.address)?;
                if before.address != after.address {
                    write!(f, " (was {})", before.address)?;
                }
                write!(f, " {}", after.state)?;
                if before.state != after.state {
                    write!(f, " (was {})", before.state)?;
                }
                if before.weight != after.weight {
                    write!(f, " weight {} (was {})", after.weight, before.weight)?;
                }
            }
        }
        let (Change::Came(target) | Change::Left(target) | Change::Changed(_, target)) = self;
        target.reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::State;

    #[test]
    fn who_came_left_and_changed() {
        let target = |id: &str| Target::new(id, [10, 0, 0, 1].into(), BTreeMap::new());
        let draining =
            |id| Target { state: State::Draining, reason: Some("leaves".to_owned()), ..target(id) };
        let before = Snapshot::of(vec![target("a"), target("b"), target("c")]).unwrap();
        let after = Snapshot::of(vec![draining("b"), target("a"), target("d")]).unwrap();
        let shown: Vec<_> = differences(&before, &after).iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["~ b 10.0.0.1 draining (was active): leaves", "- c 10.0.0.1", "+ d 10.0.0.1 active"]
        );
        assert!(differences(&after, &after).is_empty());
    }

    #[test]
    fn what_was_recorded_beside_the_targets_is_told_too() {
        let (mut before, mut after) = (Snapshot::default(), Snapshot::default());
        before.drained.insert("a".to_owned(), Drain { note: Some("noise".to_owned()), ..Drain::default() });
        before.other.insert("scaler".to_owned(), 1.into());
        after.drained.insert("b".to_owned(), Drain::default());
        after.other.insert("scaler".to_owned(), 2.into());
        let shown: Vec<_> = differences_beside(&before, &after).iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "- operator's drain of a: noise",
                "+ operator's drain of b",
                "~ \"scaler\", which a writer keeps"
            ]
        );
        assert!(differences_beside(&after, &after).is_empty());
    }
}
