//! The target `json` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: countersign_fuzz::plant("json"),
    |data: &[u8]| countersign_fuzz::check("json", data)
);
