//! Picking a target: weighted rendezvous hashing over a fixed number of slots.
//!
//! A call's Call-ID names one of [`SLOTS`] slots by a keyed hash; each slot belongs to the target that scores highest
//! for it (highest random weight, with -ln(u)/weight as the score, so that shares follow weights exactly). The owners
//! of all slots are worked out when the list changes, so that picking costs one hash and one look-up however many
//! targets there are. A target that leaves gives up its own slots and no other slot moves; one that comes takes slots
//! from all others in proportion.
//!
//! Where the owner cannot take a call, the next in rank does: the one that would own the slot without it. So the calls
//! of a target that is down are spread over all others, as if it had left. The first two of each slot are worked out
//! beforehand, for those who choose between them; any other rank when it is asked for, at a cost that grows with the
//! number of targets: nothing is prepared for what is rare.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// How many slots there are. 65,536 keep the shares of 1,000 targets within some 13 % (one standard deviation) of
/// even, those of 10 within 1.3 %; a table of two bytes each stays in a core's cache.
pub const SLOTS: usize = 1 << 16;

/// Says which target a call belongs to.
#[derive(Debug, Clone)]
pub struct Picker {
    key: [u8; 16],
    /// For each slot the place of its target in the list; empty if nobody takes calls.
    owners: Vec<u16>,
    /// The same for the next in rank; empty if there is none. Apart, so that it takes no room in a cache where nobody asks.
    seconds: Vec<u16>,
    candidates: Vec<Candidate>,
}

/// One that takes calls.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    place: u16,
    /// The keyed hash of its id.
    id: u64,
    weight: f64,
}

impl Picker {
    /// From the ids and weights of the targets that take calls, each with its place in the list of all targets. Those
    /// of weight 0 get nothing. `key` is the secret that all proxies share: it makes the hash unpredictable for
    /// strangers, who could otherwise choose Call-IDs that all fall to one target.
    pub fn new<'t>(key: [u8; 16], targets: impl Iterator<Item = (u16, &'t str, u32)>) -> Self {
        let candidates: Vec<_> = targets
            .filter(|(_, _, weight)| *weight > 0)
            .map(|(place, id, weight)| Candidate {
                place,
                id: hash(&key, id.as_bytes()),
                weight: f64::from(weight),
            })
            .collect();
        let (mut owners, mut seconds) = (Vec::new(), Vec::new());
        for slot in 0..SLOTS as u64 {
            let [first, second] = best_two(slot, &candidates, |_| true);
            owners.extend(first);
            seconds.extend(second);
        }
        Picker { key, owners, seconds, candidates }
    }

    /// The place in the list of the target to which the call of this Call-ID belongs; `None` if nobody takes calls.
    pub fn pick(&self, call_id: &[u8]) -> Option<u16> {
        self.owners.get(self.slot(call_id)).copied()
    }

    /// The same, and the one that it would belong to without the first.
    pub fn pick_two(&self, call_id: &[u8]) -> [Option<u16>; 2] {
        let slot = self.slot(call_id);
        [&self.owners, &self.seconds].map(|places| places.get(slot).copied())
    }

    /// The same among those places alone that `may` allows: the first in rank of them. Takes time in proportion to the
    /// number of targets, some 20 ns each.
    pub fn pick_among(&self, call_id: &[u8], may: impl Fn(u16) -> bool) -> Option<u16> {
        self.pick_two_among(call_id, may)[0]
    }

    /// The first two in rank of those places alone that `may` allows, at the same cost.
    pub fn pick_two_among(&self, call_id: &[u8], may: impl Fn(u16) -> bool) -> [Option<u16>; 2] {
        best_two(self.slot(call_id) as u64, &self.candidates, may)
    }

    /// A number from 0 to 1, below 1, that all proxies know a call by and that has nothing to do with whose it is.
    pub fn lot(&self, call_id: &[u8]) -> f64 {
        // The slot is the lower end.
        (hash(&self.key, call_id) >> 16) as f64 / (1u64 << 48) as f64
    }

    /// The places of all that take calls.
    pub fn places(&self) -> impl Iterator<Item = u16> {
        self.candidates.iter().map(|candidate| candidate.place)
    }

    fn slot(&self, call_id: &[u8]) -> usize {
        (hash(&self.key, call_id) % SLOTS as u64) as usize
    }
}

fn hash(key: &[u8; 16], bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_key(key);
    hasher.write(bytes);
    hasher.finish()
}

/// The two targets whose scores for this slot are best. Equal scores, which take two ids with one hash, go to the first.
fn best_two(slot: u64, candidates: &[Candidate], may: impl Fn(u16) -> bool) -> [Option<u16>; 2] {
    let (mut first, mut second) = ((f64::INFINITY, None), (f64::INFINITY, None));
    for Candidate { place, id, weight } in candidates.iter().filter(|candidate| may(candidate.place)) {
        // A number in (0, 1]; the score is exponentially distributed with the weight as its rate.
        let unit =
            ((mix(id ^ slot.wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
        let score = -unit.ln() / weight;
        if score < first.0 {
            (first, second) = ((score, Some(*place)), first);
        } else if score < second.0 {
            second = (score, Some(*place));
        }
    }
    [first.1, second.1]
}

/// Mixes all bits into all bits (the finaliser of SplitMix64). Keyed by the id's hash that goes in.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: usize = 10_000;

    fn picks(targets: &[(&'static str, u32)]) -> Vec<Option<&'static str>> {
        let list = targets.iter().enumerate().map(|(i, (id, weight))| (i as u16, *id, *weight));
        let picker = Picker::new([7; 16], list);
        let pick = |call: usize| picker.pick(format!("{call}@example.com").as_bytes());
        (0..CALLS).map(|call| pick(call).map(|i| targets[usize::from(i)].0)).collect()
    }

    const FIVE: [(&str, u32); 5] = [("a", 100), ("b", 100), ("c", 100), ("d", 100), ("e", 100)];

    #[test]
    fn removing_one_of_five_moves_a_fifth_of_the_calls_and_no_other() {
        let before = picks(&FIVE);
        let after = picks(&[FIVE[4], FIVE[0], FIVE[1], FIVE[3]]);
        let moved = before.iter().zip(&after).filter(|(b, a)| a != b).count();
        let had = before.iter().filter(|target| **target == Some("c")).count();
        assert_eq!(moved, had, "only calls of the target that left may move");
        assert!((1_800..2_200).contains(&moved), "{moved}");
        // And what moved is spread over all the others, not heaped on one.
        for (id, _) in FIVE.iter().filter(|(id, _)| *id != "c") {
            let got = before.iter().zip(&after).filter(|(b, a)| a != b && **a == Some(id)).count();
            assert!((400..600).contains(&got), "{id}: {got}");
        }
    }

    #[test]
    fn adding_one_takes_calls_for_itself_alone() {
        let before = picks(&FIVE[..4]);
        let after = picks(&FIVE);
        assert!(before.iter().zip(&after).all(|(b, a)| a == b || *a == Some("e")));
    }

    #[test]
    fn shares_follow_weights_and_weight_0_gets_nothing() {
        let all = picks(&[("a", 100), ("b", 300), ("c", 0)]);
        let a = all.iter().filter(|t| **t == Some("a")).count();
        assert!((2_300..2_700).contains(&a), "{a}");
        assert!(!all.contains(&Some("c")));
    }

    #[test]
    fn a_changed_weight_moves_calls_only_to_or_from_that_target() {
        let before = picks(&FIVE);
        let after = picks(&[FIVE[0], FIVE[1], ("c", 200), FIVE[3], FIVE[4]]);
        assert!(before.iter().zip(&after).all(|(b, a)| a == b || *a == Some("c")));
    }

    #[test]
    fn the_next_in_rank_is_the_one_that_would_own_the_call_without_the_first() {
        let picker = |targets: &[(&str, u32)]| {
            Picker::new([7; 16], (0..).zip(targets).map(|(i, (id, weight))| (i, *id, *weight)))
        };
        let (all, without_e) = (picker(&FIVE), picker(&FIVE[..4]));
        for call in 0..CALLS {
            let call_id = format!("{call}@example.com");
            let call_id = call_id.as_bytes();
            assert_eq!(all.pick_among(call_id, |_| true), all.pick(call_id));
            assert_eq!(all.pick_among(call_id, |place| place != 4), without_e.pick(call_id));
            let [first, second] = all.pick_two(call_id);
            assert_eq!(first, all.pick(call_id));
            assert_eq!(second, all.pick_among(call_id, |place| Some(place) != first));
            assert_eq!(all.pick_two_among(call_id, |_| true), [first, second]);
            assert_eq!(all.pick_among(call_id, |_| false), None);
        }
        assert_eq!(all.places().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_calls_lot_is_even_and_has_nothing_to_do_with_whose_it_is() {
        let picker = Picker::new([7; 16], (0..).zip(FIVE).map(|(i, (id, weight))| (i, id, weight)));
        for target in 0..5 {
            let calls = (0..CALLS).map(|call| format!("{call}@example.com"));
            let own: Vec<_> = calls.filter(|call| picker.pick(call.as_bytes()) == Some(target)).collect();
            let low = own.iter().filter(|call| picker.lot(call.as_bytes()) < 0.25).count();
            let share = low as f64 / own.len() as f64;
            assert!((0.2..0.3).contains(&share), "{share}");
        }
    }

    #[test]
    fn without_anyone_who_takes_calls_there_is_nobody_to_pick() {
        assert_eq!(picks(&[("a", 0)])[0], None);
        let one = Picker::new([7; 16], [(3, "a", 1)].into_iter());
        assert_eq!(one.pick_two(b"x"), [Some(3), None]);
    }
}
