//! The HTTP faces on a real store and a real receiver, in process: what is answered, to whom, and in which shape.

// A test fails by panicking; clippy's leave for that ends at functions marked `#[test]`.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod web {
    mod access;
    mod deliveries;
    mod docusign;
    mod feed;
    mod health;
    mod linking;
    mod messages;
    mod pages;
    #[path = "../it/support/patience.rs"]
    mod patience;
    mod proxy;
    mod quarantine;
    mod reference;
    mod replay;
    mod stream;
    mod support;
    mod timeline;
    mod tokens;
    mod tokens_of_some;
    mod unified;
    mod upstream;
    mod wire;
}
