//! An event in either format.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| esl_fuzz::event(bytes));
