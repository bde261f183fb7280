//! The simulator held against DocuSign's own description, against the product's parser, and against receivers that
//! answer by script.

// A test fails by panicking; clippy's leave for that ends at functions marked `#[test]`.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod changes;
mod drafts;
mod estate;
mod lives;
mod oauth;
mod play;
mod receiver;
mod rest;
mod sender;
mod spec;
mod users;
mod wire;
mod xml;
