//! The target `xml` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: countersign_fuzz::plant("xml"),
    |data: &[u8]| countersign_fuzz::check("xml", data)
);
