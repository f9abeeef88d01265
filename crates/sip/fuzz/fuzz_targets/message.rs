//! One datagram: the view, its typed values, edits and replies.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sip_fuzz::message(bytes));
