//! The private broker and database of the tests, used here as well.

// Tests use more of them than we do, and fail by panicking; here that ends the run, and what was started with it.
#![allow(dead_code, unused_imports, clippy::expect_used)]

#[path = "../../../it/support/patience.rs"]
mod patience;
#[path = "../../../it/support/postgres.rs"]
pub(crate) mod postgres;
#[path = "../../../it/support/rabbit.rs"]
pub(crate) mod rabbit;

pub(crate) use patience::eventually;
