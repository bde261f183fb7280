//! One suite for every database behind the store's door, and what only one of them has.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::duplicate_mod)] // the suite stands here once for each database
#![allow(dead_code)] // of what tests/it shares, not all is used

#[path = "../it/support/postgres.rs"]
mod cluster;
#[path = "../it/support/patience.rs"]
mod patience;
mod support;

use patience::eventually;

/// The suite over a store in a file.
mod sqlite {
    mod alone;
    #[path = "../books.rs"]
    mod books;
    #[path = "../carried.rs"]
    mod carried;
    #[path = "../enrichment.rs"]
    mod enrichment;
    #[path = "../evidence.rs"]
    mod evidence;
    #[path = "../feed.rs"]
    mod feed;
    #[path = "../idempotency.rs"]
    mod idempotency;
    #[path = "../journal.rs"]
    mod journal;
    #[path = "../known.rs"]
    mod known;
    mod late;
    #[path = "../outbox.rs"]
    mod outbox;
    #[path = "../reconcile.rs"]
    mod reconcile;
    mod spoilt;
    mod tampered;
    #[path = "../tokens.rs"]
    mod tokens;

    pub(crate) async fn place() -> crate::support::Place {
        crate::support::Place::new(None)
    }
}

/// The suite over a store on a server.
mod postgres {
    #[path = "../books.rs"]
    mod books;
    #[path = "../carried.rs"]
    mod carried;
    #[path = "../enrichment.rs"]
    mod enrichment;
    #[path = "../evidence.rs"]
    mod evidence;
    #[path = "../feed.rs"]
    mod feed;
    #[path = "../idempotency.rs"]
    mod idempotency;
    #[path = "../journal.rs"]
    mod journal;
    #[path = "../known.rs"]
    mod known;
    mod nodes;
    #[path = "../outbox.rs"]
    mod outbox;
    #[path = "../reconcile.rs"]
    mod reconcile;
    #[path = "../tokens.rs"]
    mod tokens;

    pub(crate) async fn place() -> crate::support::Place {
        crate::support::Place::new(Some(crate::cluster::Postgres::shared().await.database().await))
    }
}
