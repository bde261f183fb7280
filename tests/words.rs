//! The words against recorded messages, hostile bytes, fixtures and whole lives: verify, parse, map, apply.

// A test fails by panicking; clippy's leave for that ends at functions marked `#[test]`.
#![allow(clippy::unwrap_used, clippy::panic)]

mod words {
    mod carried;
    mod common;
    mod fixtures;
    mod hostile;
    mod laws;
    mod life;
    mod order;
    mod samples;
}
