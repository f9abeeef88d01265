//! Text in every place of a command.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| esl_fuzz::text(bytes));
