//! The target `http` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: countersign_fuzz::plant("http"),
    |data: &[u8]| countersign_fuzz::check("http", data)
);
