//! Replay: today's mapping over what is stored, against what was published.

// A test fails by panicking; clippy's leave for that ends at functions marked `#[test]`.
#![allow(clippy::unwrap_used, clippy::panic)]

mod replay {
    mod bench;
    mod faults;
    #[path = "../words/life.rs"]
    #[allow(dead_code)]
    mod life;
    mod lives;
}
