//! Linked accounts: their tokens are fresh for whoever asks, on any number of nodes, and sealed at rest.

// A test fails by panicking; clippy's leave for that ends at functions marked `#[test]`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod link {
    mod forward;
    mod place;
    mod refresh;
    mod sealed;
}
