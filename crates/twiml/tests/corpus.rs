//! Every file of the fuzz target's corpus passes the checks that the fuzzer makes.
#![allow(clippy::expect_used, clippy::panic, reason = "checks report by panicking")]

use std::fs;
use std::path::Path;

#[allow(dead_code, unreachable_pub, reason = "shared with the fuzz target")]
#[path = "../fuzz/src/lib.rs"]
mod checks;

#[test]
fn the_corpus_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/document");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        println!("{}", path.display());
        checks::document(&fs::read(path).expect("a file"));
        count += 1;
    }
    assert!(count > 0);
}
