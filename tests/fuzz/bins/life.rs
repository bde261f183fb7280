//! The target `life` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: countersign_fuzz::plant("life"),
    |data: &[u8]| countersign_fuzz::check("life", data)
);
