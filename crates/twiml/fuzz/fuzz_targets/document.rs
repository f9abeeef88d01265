//! One document: its positions, its verbs, its problems.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| twiml_fuzz::document(bytes));
