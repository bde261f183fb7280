//! The target `settings` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: countersign_fuzz::plant("settings"),
    |data: &[u8]| countersign_fuzz::check("settings", data)
);
