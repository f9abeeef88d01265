//! 2,000 calls over 20 targets of unequal size, of whose sizes the list knows nothing.
#![allow(clippy::indexing_slicing, reason = "tests fail by panicking")]

use simulation::spread::{Spread, plot, spread};

#[test]
fn by_load_targets_fill_alike_and_by_the_hash_alone_they_do_not() {
    let spreads = plot::all(4);
    println!("{}", plot::table(&spreads));
    let [hash, weighted, eager, least] = &spreads[..] else { panic!("{} ways", spreads.len()) };
    for spread in &spreads {
        assert!(spread.calls > 140_000, "{}", spread.calls);
    }
    // Nobody is full, and nobody is asked in vain: by the hash alone the small ones are full all the time.
    assert!(least.deviation() < 3.0 && hash.deviation() > 10.0, "{} {}", least.deviation(), hash.deviation());
    assert!(least.refused * 1000 < least.calls, "{} of {}", least.refused, least.calls);
    assert!(hash.refused * 100 > 10 * hash.calls, "{} of {}", hash.refused, hash.calls);
    assert_eq!(least.failed, 0);
    assert!(least.refused < weighted.refused, "{} {}", least.refused, weighted.refused);
    // A newcomer: twice an even share at once, or little by little.
    let first = |spread: &Spread| spread.newcomer.iter().take(10).sum::<f64>();
    assert!(first(least) * 2.0 < first(eager), "{} {}", first(least), first(eager));
}

#[test]
fn the_same_seed_is_the_same_history() {
    for (_, _, way) in plot::WAYS {
        assert_eq!(spread(way, 3), spread(way, 3));
        assert_ne!(spread(way, 3), spread(way, 4));
    }
}
