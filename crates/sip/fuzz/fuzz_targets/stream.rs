//! One byte stream, cut in several ways.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sip_fuzz::stream(bytes));
