//! Several messages, one after the other, through a router with pins.
#![no_main]

use proxy_fuzz::memory::Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proxy_fuzz::history(bytes));
