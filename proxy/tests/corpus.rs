//! Every history of the fuzz target's corpus, and every torture message, passes the checks that the fuzzer makes.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "checks report by panicking")]

use std::fs;
use std::path::Path;

#[allow(dead_code, unreachable_pub, missing_docs, reason = "shared with the fuzz target")]
#[path = "../fuzz/src/lib.rs"]
mod checks;

#[global_allocator]
static COUNTING: checks::memory::Counting = checks::memory::Counting;

/// Returns how many files there were.
fn each_file(folder: &str, check: impl Fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    files
        .filter(|file| file.is_file())
        .map(|file| {
            println!("{}", file.display());
            check(&fs::read(file).expect("a file"));
        })
        .count()
}

#[test]
fn the_corpus_passes() {
    assert!(each_file("fuzz/corpus/route", checks::history) > 0);
}

#[test]
fn torture_messages_pass_from_a_carrier_a_target_and_a_stranger() {
    for source in ["0", "1", "5"] {
        let play = |message: &[u8]| checks::history(&[b"0", source.as_bytes(), b"00", message].concat());
        assert!(each_file("../crates/sip/tests/torture", play) > 0);
    }
}
