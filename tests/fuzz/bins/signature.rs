//! The target `signature` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: countersign_fuzz::plant("signature"),
    |data: &[u8]| countersign_fuzz::check("signature", data)
);
