//! The target `rest` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: countersign_fuzz::plant("rest"),
    |data: &[u8]| countersign_fuzz::check("rest", data)
);
