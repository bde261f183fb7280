//! Replay: today's mapping over what is stored, against what was published.

// A test fails by panicking; clippy's leave for that ends at functions marked `#[test]`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "it/support/postgres.rs"]
#[allow(dead_code)] // of what tests/it shares, not all is used
mod cluster;
#[path = "it/support/patience.rs"]
#[allow(dead_code)]
mod patience;

use patience::eventually;

mod replay {
    mod bench;
    mod faults;
    #[path = "../words/life.rs"]
    #[allow(dead_code)]
    mod life;
    mod lives;
}
