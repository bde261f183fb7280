//! One suite for every database behind the store's door.
#![allow(clippy::unwrap_used)]

mod books;
mod enrichment;
mod feed;
mod journal;
mod outbox;
mod support;
