//! A byte stream from either side, cut in several ways.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| esl_fuzz::stream(bytes));
