//! Reconciling: what Connect never delivered, found over the simulated DocuSign's REST and written to a real store.

// A test fails by panicking; clippy's leave for that ends at functions marked `#[test]`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod reconcile {
    mod configurations;
    mod finding;
    mod lint;
    mod paging;
    mod waiting;
    mod world;
}
