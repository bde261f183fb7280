//! The real program, as its users run it: started, spoken to over HTTP, and heard on RabbitMQ.

// A test fails by panicking, and the checker prints its books; clippy's leave for that ends at functions marked `#[test]`.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

mod answers;
mod audit;
mod commands;
mod enriched;
mod examples;
mod faults;
mod feed;
mod flood;
mod hostile;
mod large;
mod lifecycle;
mod line;
mod linking;
mod proxy;
mod reconcile;
mod reference;
mod relay;
mod reload;
mod security;
mod soak;
mod support;
mod tokens;
mod topology;
