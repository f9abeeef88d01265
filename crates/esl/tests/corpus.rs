//! Every file of the fuzz targets' corpora passes the checks that the fuzzers make.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "checks report by panicking")]

use std::fs;
use std::path::Path;

#[allow(dead_code, unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../fuzz/src/lib.rs"]
mod checks;

/// Fails where there are no files.
fn each_file(folder: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(folder);
    let files: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    assert!(!files.is_empty());
    for file in files {
        println!("{}", file.display());
        check(&fs::read(file).expect("a file"));
    }
}

#[test]
fn the_stream_corpus_passes() {
    each_file("stream", checks::stream);
}

#[test]
fn the_event_corpus_passes() {
    each_file("event", checks::event);
}

#[test]
fn the_text_corpus_passes() {
    each_file("text", checks::text);
}
