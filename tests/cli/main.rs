//! The real program, as its users start it: arguments, environment and files in; streams and exit code out.

// A test fails by panicking; clippy's leave for that ends at functions marked `#[test]`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod audit;
mod check;
mod events;
mod help;
mod kit;
mod pages;
mod quarantine;
mod reconcile;
mod replay;
mod settings;
mod signature;
mod simulate;
mod token;
mod topology;
