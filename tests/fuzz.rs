//! The fuzz targets without a fuzzer: every seed, and seeded mutations of them, in bounded time.
//!
//! `tests/fuzz/run` gives the same targets to libFuzzer, which finds more and needs longer.

// A test fails by panicking; clippy's leave for that ends at functions marked `#[test]`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fuzz {
    mod mutate;
    mod rounds;
    mod targets;
}
