//! Every file of the fuzz targets' corpora, and every torture message, passes the checks that the fuzzers make.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "checks report by panicking")]

use std::fs;
use std::path::Path;

#[allow(dead_code, unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../fuzz/src/lib.rs"]
mod checks;

/// Returns how many files there were.
fn each_file(folder: &str, check: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    files
        .filter(|file| file.extension().is_some_and(|ext| ext == "sip"))
        .map(|file| {
            println!("{}", file.display());
            check(&fs::read(file).expect("a file"));
        })
        .count()
}

#[test]
fn the_message_corpus_passes() {
    assert!(each_file("fuzz/corpus/message", checks::message) > 0);
}

#[test]
fn the_stream_corpus_passes() {
    assert!(each_file("fuzz/corpus/stream", checks::stream) > 0);
}

#[test]
fn torture_messages_pass_as_datagrams_and_as_streams() {
    assert!(each_file("tests/torture", checks::message) > 0);
    assert!(each_file("tests/torture", checks::stream) > 0);
}
