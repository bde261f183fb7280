//! The store's door: everything that must survive, behind one type that hides the database.
//!
//! A thread of its own writes, in groups: all that waits goes into one transaction, and each waiter is answered
//! once that transaction is on disk. A few reader threads serve everything else. The code behind the door is
//! synchronous and speaks one body of SQL through `session`, to a SQLite file or a PostgreSQL server.
//!
//! Several nodes may share a server. Their groups are written one at a time: a transaction begins by taking the
//! baton, the one row of `totals`. So positions are given in the order of commits, states and sequences are read and
//! written by one at a time, and what a node keeps in memory is stale only where another has written since.

/// Whether a subject is in one of the parts of a mask (see [`leases::Parts`]), in SQL. There are [`PARTS`] of them.
macro_rules! in_parts {
    ($subject:literal, $mask:literal) => {
        concat!("((CAST(", $mask, " AS BIGINT) >> CAST(", $subject, " % 32 AS INTEGER)) & 1) = 1")
    };
}

/// Whether an account is on a list that [`feed::among`] wrote, or there is no list, in SQL. One that has the separator
/// in it is on none.
macro_rules! is_among {
    ($account:literal, $list:literal) => {
        concat!(
            "((replace(",
            $list,
            ", '|' || ",
            $account,
            " || '|', '') <> ",
            $list,
            " AND replace(",
            $account,
            ", '|', '') = ",
            $account,
            ") OR ",
            $list,
            " IS NULL)"
        )
    };
}

/// What begins with the `line` of a subject's newest ?2 deliveries, from the number ?1 of the last.
macro_rules! line_of_deliveries {
    ($($rest:tt)+) => {
        concat!(
            "WITH RECURSIVE line (seq, previous, place) AS (SELECT seq, previous, CAST(1 AS BIGINT) FROM deliveries ",
            "WHERE seq = ?1 UNION ALL SELECT d.seq, d.previous, l.place + 1 FROM line l ",
            "JOIN deliveries d ON d.seq = l.previous WHERE l.place < ?2) ",
            $($rest)+
        )
    };
}

mod accounts;
mod append;
mod audit;
mod body;
mod books;
mod carried;
mod enrichment;
mod error;
mod evidence;
mod feed;
mod idempotency;
mod known;
mod late;
mod leases;
mod ledger;
mod lookout;
mod memory;
mod migrations;
mod open;
mod outbox;
mod readers;
mod reconcile;
mod replay;
mod session;
mod tokens;
mod types;
mod writer;

pub use accounts::{AccountQuery, Authorization, Credentials, IntegratedAccount, Link};
pub use audit::{Audit, StoredRecord};
pub use error::Error;
pub use idempotency::{KeptAnswer, Keyed, Turn};
pub use known::{Known, KnownQuery, Whole};
pub use leases::{PARTS, Parts, Work};
pub use open::{Place, Settings};
pub use reconcile::{ReconcileRun, Reconciled, RunState};
pub use replay::{Life, LifeDelivery, LifeRead, ReplayOrder, ReplayRange, Republished, Walked};
pub use tokens::{ApiToken, ReadTokens};
pub use types::*;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::base::{AccountId, ChangeId, DeliveryId, Position, SigningRequestId};
use crate::connect::Body;
use crate::evidence::{Checkpoint, Head, Signer};
use crate::signing::{Entry, Receipt, Told};

use body::{Large, Packed};
use leases::Leases;
use ledger::Ledger;
use open::Threads;
use readers::Readers;
use session::Session;
use writer::Writer;

/// A handle on the store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    /// For the faces, whose queries may be long.
    readers: Readers,
    /// For relay and enricher, who must not wait behind those.
    flow_readers: Readers,
    writer: Arc<Mutex<Option<Writer>>>,
    last: watch::Receiver<Position>,
    head: watch::Receiver<Head>,
    /// As they were when the store was opened.
    tokens: Arc<ReadTokens>,
    leases: Leases,
    claimed: Arc<Mutex<HashSet<i64>>>,
    large: Large,
    threads: Arc<Mutex<Option<Threads>>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    fn writer(&self) -> Result<Writer, Error> {
        held(&self.writer).clone().ok_or_else(|| Error::Unavailable("it is closed".into()))
    }

    /// Writes a delivery and the changes that it makes, in one durable transaction shared with others that wait.
    ///
    /// # Errors
    /// [`Error::Busy`] at once when too many wait; [`Error::Unavailable`] when it could not be written. In both
    /// cases nothing was stored.
    pub async fn append(&self, arrival: Arrival) -> Result<Appended, Error> {
        let delivery = arrival.delivery.delivery();
        let (id, spooled) = (delivery.id, matches!(delivery.body, Body::Spooled { .. }));
        if let Body::Spooled { path, .. } = &delivery.body {
            let (large, from) = (self.large.clone(), path.clone());
            let kept = self.flow_readers.read(move |session| large.keep(session, id, &from)).await;
            if kept.is_err() {
                // The delivery will come again under another id, and as often as the store is away.
                let _ = std::fs::remove_file(path);
            }
            kept?;
        }
        let packed = Packed::pack(delivery, &self.large);
        let weight = packed.weight();
        // Shared with the writer and not given to it, so that this thread frees what it allocated: freed by another
        // one, none of it would come back to this one's cache, and every allocation would take the long way.
        let shared = Arc::new((arrival, packed));
        let (wanted, given) = (Arc::clone(&shared), Arc::clone(&shared));
        let wants = move || append::wants(&wanted.0);
        let write = move |ledger: &mut Ledger| append::append(ledger, &given.0, &given.1);
        let written = self.writer()?.try_write(weight, wants, write).await;
        drop(shared);
        if let Err(error) = &written
            && spooled
            && self.large.is_unowned_after(error)
        {
            // Left behind it would only waste room: the delivery will come again under another id.
            let large = self.large.clone();
            self.flow_readers
                .read(move |session| {
                    large.forget(session, id);
                    Ok(())
                })
                .await?;
        }
        written
    }

    /// The position of the last change committed; wakes its watchers on every commit.
    pub fn last_position(&self) -> watch::Receiver<Position> {
        self.last.clone()
    }

    /// Asks for this node's share of some work, which then follows how many nodes there are; a view of it. The only
    /// node has everything at once.
    pub fn take_part(&self, work: Work) -> watch::Receiver<Parts> {
        self.leases.take_part(work)
    }

    /// Lets other nodes have this one's share, until one is asked for again. The only node keeps everything.
    pub fn let_go(&self, work: Work) {
        self.leases.let_go(work);
    }

    /// Unpublished changes in some parts after a position, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn unsettled(&self, parts: Parts, after: Position, limit: usize) -> Result<Vec<Entry>, Error> {
        self.flow_readers.read(move |session| outbox::unsettled(session, parts, after, limit)).await
    }

    /// Marks changes as published. Settling one twice is no error.
    ///
    /// # Errors
    /// When it could not be written; the changes will then be published again.
    pub async fn settle(&self, receipts: Vec<Receipt>) -> Result<(), Error> {
        self.writer()?.write(move |ledger| outbox::settle(ledger, &receipts)).await
    }

    /// How much waits to be published, and since when.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn backlog(&self) -> Result<Backlog, Error> {
        self.readers.read(outbox::backlog).await
    }

    /// Signing requests in this node's share whose fetch is due at `now` and which are not claimed yet, at most
    /// `limit`: accounts take turns, and in each those that came to their end go first. A claim lasts until it is completed, deferred, or the process ends.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn claim_enrichments(&self, now: Timestamp, limit: usize) -> Result<Vec<Enrichment>, Error> {
        let claimed: HashSet<i64> = held(&self.claimed).clone();
        let parts = self.leases.parts(Work::Enrich);
        let due = self.flow_readers.read(move |session| {
            enrichment::due(session, parts, now, limit, &claimed)?
                .into_iter()
                .map(|reference| enrichment::read(session, reference))
                .collect::<Result<Vec<_>, _>>()
        });
        let mut due: Vec<Enrichment> = due.await?.into_iter().flatten().collect();
        let mut claimed = held(&self.claimed);
        due.retain(|claim| claimed.insert(claim.subject_ref));
        Ok(due)
    }

    /// What Connect's messages told of a claim's signing request since it was last told whole; none where it was told
    /// of in other ways too, or by more than is looked at.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn told_since(&self, claim: &Enrichment) -> Result<Option<Told>, Error> {
        let (claim, large) = (claim.clone(), self.large.clone());
        self.flow_readers.read(move |session| carried::told(session, &claim, &large)).await
    }

    /// How many signing requests of an account wait to be fetched.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn enrichments_waiting(&self, account: &AccountId) -> Result<u64, Error> {
        let account = account.clone();
        self.readers.read(move |session| enrichment::waiting(session, &account)).await
    }

    /// When the next unclaimed fetch falls due; none when nothing waits.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next_enrichment_at(&self) -> Result<Option<Timestamp>, Error> {
        let claimed: HashSet<i64> = held(&self.claimed).clone();
        let parts = self.leases.parts(Work::Enrich);
        let query = move |session: &Session| {
            enrichment::upcoming(session, parts, claimed.len() + 1).map(|next| (next, claimed))
        };
        let (next, claimed) = self.flow_readers.read(query).await?;
        Ok(next.into_iter().find(|(reference, _)| !claimed.contains(reference)).map(|(_, at)| at))
    }

    /// Appends the enriched change and ends the claim; what came in meanwhile keeps its own claim, due later.
    ///
    /// # Errors
    /// When it could not be written; the claim then stays open.
    pub async fn complete_enrichment(
        &self,
        claim: Enrichment,
        enriched: EnrichedChange,
    ) -> Result<(), Error> {
        let reference = claim.subject_ref;
        let written = self.writer()?.write(move |ledger| append::complete(ledger, &claim, &enriched)).await;
        // Written or not, the claim is over; where it was not, its row is still there and due.
        held(&self.claimed).remove(&reference);
        written
    }

    /// Gives a claim back, due again at `until`; `attempts` is its new count of failed attempts.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn defer_enrichment(
        &self,
        claim: Enrichment,
        until: Timestamp,
        attempts: u32,
        why: String,
    ) -> Result<(), Error> {
        let reference = claim.subject_ref;
        let write = move |ledger: &mut Ledger| enrichment::defer(ledger, &claim, until, attempts, &why);
        let written = self.writer()?.write(write).await;
        held(&self.claimed).remove(&reference);
        written
    }

    /// Changes in the order of the feed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn feed(&self, query: FeedQuery) -> Result<Vec<FeedRow>, Error> {
        self.readers.read(move |session| feed::feed(session, &query)).await
    }

    /// One change by its message id. Ids are not indexed (they are hashes, and an index over them would cost more
    /// than all else that a change writes): this reads the feed from its newest end.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn change(&self, id: ChangeId) -> Result<Option<FeedRow>, Error> {
        self.readers.read(move |session| feed::change(session, id)).await
    }

    /// Puts stored changes back among the unpublished; the number put back.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn republish(&self, positions: Vec<Position>) -> Result<usize, Error> {
        self.republish_among(positions, None).await
    }

    /// The same with those of some accounts alone.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn republish_among(
        &self,
        positions: Vec<Position>,
        among: Option<Vec<AccountId>>,
    ) -> Result<usize, Error> {
        let write = move |ledger: &mut Ledger| outbox::republish(ledger, &positions, among.as_deref());
        self.writer()?.write(write).await
    }

    /// Deliveries, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<DeliveryRow>, Error> {
        self.readers.read(move |session| feed::deliveries(session, &query)).await
    }

    /// One delivery with its headers and raw bytes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryDetail>, Error> {
        let large = self.large.clone();
        self.readers.read(move |session| feed::delivery(session, id, &large)).await
    }

    /// Everything known about a signing request, one timeline per account that has it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn timelines(&self, signing_request: &str) -> Result<Vec<Timeline>, Error> {
        let id = SigningRequestId::new(signing_request);
        self.readers.read(move |session| feed::timelines(session, &id)).await
    }

    /// Ends a quarantine at the time `at`: released (and applied) or dropped. `None` when there is no such open quarantine.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn resolve_quarantine(
        &self,
        id: DeliveryId,
        how: Resolution,
        at: Timestamp,
    ) -> Result<Option<Appended>, Error> {
        self.writer()?
            .write(move |ledger| match &how {
                Resolution::Released { observation, traceparent } => {
                    append::release(ledger, id, at, observation, traceparent)
                }
                Resolution::Dropped => append::drop_quarantined(ledger, id, at),
            })
            .await
    }

    /// Counts for metrics, health and the dashboard.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn totals(&self) -> Result<Totals, Error> {
        self.readers.read(feed::totals).await
    }

    /// Drops deliveries and published changes older than `before`, few a call so that the writer is never held up for
    /// long; what went.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn prune(&self, before: Timestamp) -> Result<Pruned, Error> {
        let (gone, changes) = self.writer()?.write(move |ledger| outbox::prune(ledger, before)).await?;
        let (pruned, large) = (Pruned { deliveries: gone.len(), changes }, self.large.clone());
        let forget = move |session: &Session| {
            gone.into_iter().for_each(|id| large.forget(session, id));
            Ok(())
        };
        self.flow_readers.read(forget).await?;
        Ok(pruned)
    }

    /// Where the chain of evidence ends. Its watchers are woken when records begin to wait for a checkpoint, and when
    /// [`limits::EVIDENCE_UNSIGNED_MAX`](crate::base::limits::EVIDENCE_UNSIGNED_MAX) do, by commits of this node.
    pub fn evidence_head(&self) -> watch::Receiver<Head> {
        self.head.clone()
    }

    /// Signs for all of the chain of evidence that no checkpoint covers yet; none where there is nothing.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn checkpoint(&self, signer: Arc<Signer>, at: Timestamp) -> Result<Option<Checkpoint>, Error> {
        self.writer()?.write(move |ledger| evidence::checkpoint(ledger, &signer, at)).await
    }

    /// Removes records of the chain of evidence that were signed for before `before`, up to a checkpoint that the rest
    /// hangs from; how many, at most some two thousand a call.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn prune_evidence(&self, before: Timestamp) -> Result<u64, Error> {
        self.writer()?.write(move |ledger| evidence::prune_records(ledger, before)).await
    }

    /// Records of the chain of evidence after a number, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn evidence(&self, after: u64, limit: usize) -> Result<Vec<StoredRecord>, Error> {
        self.readers.read(move |session| audit::records(session, after, limit)).await
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn last_checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        self.readers.read(audit::last_checkpoint).await
    }

    /// Tries a small durable write, for `/readyz`.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn probe(&self) -> Result<(), Error> {
        self.writer()?
            .write(|ledger| ledger.session.execute("UPDATE totals SET one = 1 WHERE one = 1", &[]).map(drop))
            .await
    }

    /// Writes what still waits and closes the database.
    pub async fn close(&self) {
        held(&self.writer).take();
        let Some(threads) = held(&self.threads).take() else { return };
        let stop = move || threads.stop();
        // A join that fails means that the thread panicked, which it has said itself.
        let _ = tokio::task::spawn_blocking(stop).await;
        self.readers.close();
        self.flow_readers.close();
    }
}

#[cfg(test)]
mod tests;
