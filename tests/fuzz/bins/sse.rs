//! The target `sse` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: countersign_fuzz::plant("sse"),
    |data: &[u8]| countersign_fuzz::check("sse", data)
);
