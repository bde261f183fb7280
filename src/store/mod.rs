//! The store's door: everything that must survive, behind one type that hides the database.
//!
//! A thread of its own writes, in groups: all that waits goes into one transaction, and each waiter is answered
//! once that transaction is on disk. A few reader threads serve everything else. The code behind the door is
//! synchronous and speaks one body of SQL through [`session`], so that a second database can stand beside SQLite.

mod error;
mod types;

pub use error::Error;
pub use types::*;

use std::path::PathBuf;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::base::{DeliveryId, Position};
use crate::signing::{Entry, Receipt};

/// Where and how to open a store.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The SQLite file; made where missing, together with its folder.
    pub path: PathBuf,
    /// Whether changes are to be enriched: each then leaves a claim for the enricher.
    pub enrich: bool,
}

/// A handle on the store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {}

impl Store {
    /// Opens the store, migrating it first.
    ///
    /// # Errors
    /// When the file cannot be opened, is locked by another process, or was made by a newer version.
    pub fn open(_settings: &Settings) -> Result<Self, Error> {
        unimplemented!()
    }

    /// Writes a delivery and the changes that it makes, in one durable transaction shared with others that wait.
    ///
    /// # Errors
    /// [`Error::Busy`] at once when too many wait; [`Error::Unavailable`] when it could not be written. In both
    /// cases nothing was stored.
    pub async fn append(&self, _arrival: Arrival) -> Result<Appended, Error> {
        unimplemented!()
    }

    /// The position of the last change committed; wakes its watchers on every commit.
    pub fn last_position(&self) -> watch::Receiver<Position> {
        unimplemented!()
    }

    /// Unpublished changes after a position, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn unsettled(&self, _after: Position, _limit: usize) -> Result<Vec<Entry>, Error> {
        unimplemented!()
    }

    /// Marks changes as published. Settling one twice is no error.
    ///
    /// # Errors
    /// When it could not be written; the changes will then be published again.
    pub async fn settle(&self, _receipts: Vec<Receipt>) -> Result<(), Error> {
        unimplemented!()
    }

    /// How much waits to be published, and since when.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn backlog(&self) -> Result<Backlog, Error> {
        unimplemented!()
    }

    /// Signing requests whose fetch is due at `now` and which are not claimed yet, at most `limit`. A claim lasts
    /// until it is completed, deferred, or the process ends.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn claim_enrichments(&self, _now: Timestamp, _limit: usize) -> Result<Vec<Enrichment>, Error> {
        unimplemented!()
    }

    /// When the next unclaimed fetch falls due; none when nothing waits.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next_enrichment_at(&self) -> Result<Option<Timestamp>, Error> {
        unimplemented!()
    }

    /// Appends the enriched change and ends the claim; what came in meanwhile keeps its own claim, due later.
    ///
    /// # Errors
    /// When it could not be written; the claim then stays open.
    pub async fn complete_enrichment(
        &self,
        _claim: Enrichment,
        _enriched: EnrichedChange,
    ) -> Result<(), Error> {
        unimplemented!()
    }

    /// Gives a claim back, due again at `until`, with one attempt more on its count.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn defer_enrichment(
        &self,
        _claim: Enrichment,
        _until: Timestamp,
        _why: String,
    ) -> Result<(), Error> {
        unimplemented!()
    }

    /// Changes in the order of the feed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn feed(&self, _query: FeedQuery) -> Result<Vec<FeedRow>, Error> {
        unimplemented!()
    }

    /// One change by its message id. Ids are not indexed (they are hashes, and an index over them would cost more
    /// than all else that a change writes): this reads the feed from its newest end.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn change(&self, _id: crate::base::ChangeId) -> Result<Option<FeedRow>, Error> {
        unimplemented!()
    }

    /// Puts stored changes back among the unpublished; the number put back.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn republish(&self, _positions: Vec<Position>) -> Result<usize, Error> {
        unimplemented!()
    }

    /// Deliveries, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn deliveries(&self, _query: DeliveryQuery) -> Result<Vec<DeliveryRow>, Error> {
        unimplemented!()
    }

    /// One delivery with its headers and raw bytes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn delivery(&self, _id: DeliveryId) -> Result<Option<DeliveryDetail>, Error> {
        unimplemented!()
    }

    /// Everything known about a signing request, one timeline per account that has it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn timelines(&self, _signing_request: &str) -> Result<Vec<Timeline>, Error> {
        unimplemented!()
    }

    /// Ends a quarantine: released (and applied) or dropped. `None` when there is no such open quarantine.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn resolve_quarantine(
        &self,
        _id: DeliveryId,
        _how: Resolution,
    ) -> Result<Option<Appended>, Error> {
        unimplemented!()
    }

    /// Counts for metrics, health and the dashboard.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn totals(&self) -> Result<Totals, Error> {
        unimplemented!()
    }

    /// Drops bodies and duplicate memory older than `before`; the number of deliveries pruned, at most some
    /// thousands a call so that the writer is never held up for long.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn prune(&self, _before: Timestamp) -> Result<usize, Error> {
        unimplemented!()
    }

    /// Tries a small durable write, for `/readyz`.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn probe(&self) -> Result<(), Error> {
        unimplemented!()
    }

    /// Writes what still waits and closes the database.
    pub async fn close(&self) {
        unimplemented!()
    }
}
