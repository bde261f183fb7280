//! The real program, as its users run it: started, spoken to over HTTP, and heard on RabbitMQ.

// A test fails by panicking; clippy's leave for that ends at functions marked `#[test]`.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod answers;
mod commands;
mod enriched;
mod feed;
mod flood;
mod hostile;
mod large;
mod lifecycle;
mod line;
mod relay;
mod security;
mod support;
mod topology;
