//! The target `elide` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: countersign_fuzz::plant("elide"),
    |data: &[u8]| countersign_fuzz::check("elide", data)
);
