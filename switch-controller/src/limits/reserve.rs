//! Which part of a trunk's calls at once is a controller's own, where calls go on whatever becomes of parts: of controllers
//! that come, of those that have died and whose FreeSWITCH goes on.
//!
//! Each controller announces how many calls it may have at once by each trunk: its part, or as many as there are, if these
//! are more. It begins none beyond what it announced before. What others have announced beyond their parts is taken from
//! one's own: so the sum of all is never more than there is.
//!
//! This file must not contain: I/O, clocks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Share;

/// Calls at once by each trunk, by its host.
pub type Reserves = BTreeMap<String, u32>;

/// A trunk that has a limit, as one controller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkLoad {
    /// Its host.
    pub host: String,
    /// Calls at once that all controllers may have by it.
    pub most: u32,
    /// Those that this one has.
    pub calls: u32,
}

/// What a controller announces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Announced {
    /// Where its API is: whoever announces for the same one is its predecessor, which is dead, or its successor.
    pub host: String,
    /// What it may have.
    pub trunks: Reserves,
}

/// What was announced, as one controller knows.
#[derive(Debug, Default)]
pub struct Ledger {
    own: Reserves,
    /// Of others, with their places among those that are there.
    others: Vec<(Option<u32>, Reserves)>,
}

impl Ledger {
    /// What is to be announced next.
    pub fn next(&self, trunks: &[TrunkLoad], share: Option<Share>) -> Reserves {
        let reserve = |trunk: &TrunkLoad| {
            let part = share.map_or(0, |share| self.part(&trunk.host, trunk.most, share));
            (trunk.host.clone(), part.max(trunk.calls))
        };
        trunks.iter().map(reserve).collect()
    }

    /// This was announced.
    pub fn announced(&mut self, own: Reserves) {
        self.own = own;
    }

    /// Others have announced this: each with its place, if it is there.
    pub fn seen(&mut self, others: Vec<(Option<u32>, Reserves)>) {
        self.others = others;
    }

    /// How many calls at once this controller may have now.
    pub fn may_have(&self, host: &str, most: u32, share: Share) -> u32 {
        self.part(host, most, share).min(self.own.get(host).copied().unwrap_or_default())
    }

    fn part(&self, host: &str, most: u32, share: Share) -> u32 {
        let beyond = self.others.iter().map(|(place, reserves)| {
            let part = place.map_or(0, |place| Share { place, ..share }.part(most));
            reserves.get(host).copied().unwrap_or_default().saturating_sub(part)
        });
        share.part(most).saturating_sub(beyond.sum())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Members;
    use super::super::tests::random;
    use super::*;
    use std::time::{Duration, Instant, SystemTime};

    const HOST: &str = "carrier";

    fn one(calls: u32) -> Reserves {
        [(HOST.to_owned(), calls)].into()
    }

    #[test]
    fn who_comes_gets_what_others_have_no_more() {
        let share = Share { place: 1, of: 2 };
        let mut ledger = Ledger::default();
        ledger.announced(one(10));
        // The other one is alone no more, and has 18 calls still.
        ledger.seen(vec![(Some(0), one(18))]);
        assert_eq!(ledger.may_have(HOST, 20, share), 2);
        ledger.seen(vec![(Some(0), one(10))]);
        assert_eq!(ledger.may_have(HOST, 20, share), 10);
        // One that is dead has no part, and calls all the same.
        ledger.seen(vec![(Some(0), one(10)), (None, one(4))]);
        assert_eq!(ledger.may_have(HOST, 20, share), 6);
        // What was not announced may not be had.
        ledger.announced(one(3));
        assert_eq!(ledger.may_have(HOST, 20, share), 3);
    }

    #[test]
    fn what_is_there_is_announced_whatever_the_part() {
        let trunk = |calls| TrunkLoad { host: HOST.to_owned(), most: 20, calls };
        let ledger = Ledger::default();
        assert_eq!(ledger.next(&[trunk(15)], Some(Share { place: 0, of: 2 })), one(15));
        assert_eq!(ledger.next(&[trunk(5)], Some(Share { place: 0, of: 2 })), one(10));
        assert_eq!(ledger.next(&[trunk(5)], None), one(5));
    }

    struct Node {
        host: u64,
        members: Members,
        ledger: Ledger,
        phase: u64,
        cut_off: u64,
        /// When each of its calls ends.
        calls: Vec<u64>,
    }

    /// Controllers come, are killed with calls that go on, and come again with these; some do not reach the store for a
    /// while. The calls of all are never more than there may be.
    #[test]
    fn calls_that_outlive_parts_are_never_too_many() {
        const LIMIT: u32 = 17;
        let interval = Duration::from_secs(10);
        let (began, wall) = (Instant::now(), SystemTime::UNIX_EPOCH);
        let mut full = 0;
        for seed in 1..300_u64 {
            let mut random = random(seed);
            let mut store: BTreeMap<String, (SystemTime, Announced)> = BTreeMap::new();
            let mut nodes: Vec<Node> = Vec::new();
            let mut dead: Vec<(u64, u64, Vec<u64>)> = Vec::new();
            let (mut names, mut most) = (0, 0);
            for second in 0..900_u64 {
                let now = began + Duration::from_secs(second);
                let mut fresh = |host, calls, phase| {
                    names += 1;
                    let members = Members::new(format!("{names}"), interval);
                    Node { host, members, ledger: Ledger::default(), phase, cut_off: 0, calls }
                };
                if nodes.len() + dead.len() < 6 && random(30) == 0 {
                    let phase = random(10);
                    nodes.push(fresh(1000 + second, Vec::new(), phase));
                }
                if !nodes.is_empty() && random(60) == 0 {
                    let node = nodes.remove(usize::try_from(random(nodes.len() as u64)).unwrap());
                    dead.push((second + random(200), node.host, node.calls));
                }
                let back: Vec<_> = dead.extract_if(.., |(at, ..)| *at <= second).collect();
                nodes.extend(back.into_iter().map(|(_, host, calls)| fresh(host, calls, random(10))));
                for calls in nodes
                    .iter_mut()
                    .map(|node| &mut node.calls)
                    .chain(dead.iter_mut().map(|dead| &mut dead.2))
                {
                    calls.retain(|end| *end > second);
                }
                for node in &mut nodes {
                    if random(200) == 0 {
                        node.cut_off = second + random(90);
                    }
                    if (second + node.phase).is_multiple_of(10) && node.cut_off < second {
                        attend(node, &mut store, LIMIT, now, wall + Duration::from_secs(second));
                    }
                    let may =
                        node.members.share(now).map_or(0, |share| node.ledger.may_have(HOST, LIMIT, share));
                    if (node.calls.len() as u32) < may && random(3) > 0 {
                        node.calls.push(second + 5 + random(150));
                    }
                }
                let calls =
                    nodes.iter().map(|node| node.calls.len()).chain(dead.iter().map(|dead| dead.2.len()));
                let calls: usize = calls.sum();
                most = most.max(calls);
                assert!(calls <= LIMIT as usize, "seed {seed}, second {second}: {calls}");
            }
            full += u32::from(most == LIMIT as usize);
        }
        assert!(full > 200, "there were as many as there may be for {full} seeds of 299 alone");
    }

    /// What `shared.rs` does now and then.
    fn attend(
        node: &mut Node,
        store: &mut BTreeMap<String, (SystemTime, Announced)>,
        most: u32,
        now: Instant,
        wall: SystemTime,
    ) {
        let load = TrunkLoad { host: HOST.to_owned(), most, calls: node.calls.len() as u32 };
        let trunks = node.ledger.next(&[load], node.members.share(now));
        let host = node.host.to_string();
        store.insert(
            node.members.own().to_owned(),
            (wall, Announced { host: host.clone(), trunks: trunks.clone() }),
        );
        node.ledger.announced(trunks);
        store.retain(|name, (_, announced)| name == node.members.own() || announced.host != host);
        let listed: Vec<_> = store.iter().map(|(name, (at, _))| (name.clone(), *at)).collect();
        for gone in node.members.seen(&listed, now) {
            store.remove(&gone);
        }
        let others = store.iter().filter(|(name, _)| *name != node.members.own());
        let others = others.map(|(name, (_, said))| (node.members.place_of(name), said.trunks.clone()));
        node.ledger.seen(others.collect());
    }
}
