//! Enrichment, from DocuSign's REST API to the enriched change: over real HTTP where there is a wire.

// A test fails by panicking; clippy's leave for that ends at functions marked `#[test]`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod enrich {
    mod broken_wires;
    mod budget;
    mod carried;
    mod client;
    mod failures;
    mod flow;
    mod hands;
    mod mapping;
    mod oauth;
    mod outage;
    mod running;
    mod stand_in;
    mod store;
}
