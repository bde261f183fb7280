//! The relay's errands to the store: reading what is unpublished, settling what is confirmed.
//!
//! One errand at a time. So whatever is read was read after the last settling was on disk, and a change that is
//! settled can never come back in an older page to be published once more, behind its successors.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::base::{Dice, Position, limits};
use crate::broker::backoff;
use crate::failpoint::{self, Step};
use crate::signing::{Entry, Receipt};
use crate::store::{Error, Parts};
use crate::telemetry::{Metric, Metrics};

use super::Outbox;
use super::dealer::{Dealer, Reading};

/// A confirmed change and its subject.
type Confirmed = (Receipt, i64);

/// What came of an errand.
pub(super) enum Done {
    Read(Reading, Result<Vec<Entry>, Error>),
    Settled(Vec<Confirmed>, Result<(), Error>),
}

pub(super) struct Clerk<O> {
    outbox: Arc<O>,
    metrics: Metrics,
    dice: Dice,
    last: watch::Receiver<Position>,
    /// Confirmed changes that the store does not know of yet. Never more than the dealer holds.
    confirmed: Vec<Confirmed>,
    errand: Option<BoxFuture<'static, Done>>,
    failures: u32,
    not_before: Option<Instant>,
}

impl<O> fmt::Debug for Clerk<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clerk").field("confirmed", &self.confirmed.len()).finish_non_exhaustive()
    }
}

impl<O: Outbox> Clerk<O> {
    pub(super) fn new(outbox: O, metrics: Metrics, dice: Dice) -> Self {
        let last = outbox.last_position();
        let outbox = Arc::new(outbox);
        Self {
            outbox,
            metrics,
            dice,
            last,
            confirmed: Vec::new(),
            errand: None,
            failures: 0,
            not_before: None,
        }
    }

    /// A view of this node's share, to wait on.
    pub(super) fn parts(&self) -> watch::Receiver<Parts> {
        self.outbox.parts()
    }

    /// Lets other nodes have this one's share.
    pub(super) fn let_go(&self) {
        self.outbox.let_go();
    }

    /// A view of the newest position, to wait on.
    pub(super) fn last(&self) -> watch::Receiver<Position> {
        self.last.clone()
    }

    /// Takes a receipt, to be settled with the next errand.
    pub(super) fn take(&mut self, receipt: Receipt, subject: i64) {
        self.confirmed.push((receipt, subject));
    }

    /// Sets out, if there is anything to do: settling first, for it makes room; reading only where it may.
    pub(super) fn set_out(&mut self, dealer: &mut Dealer, may_read: bool, now: Instant) {
        if self.errand.is_some() || self.not_before.is_some_and(|at| now < at) {
            return;
        }
        if !self.confirmed.is_empty() {
            self.errand = Some(self.settling());
        } else if may_read {
            // Marked before it is read: a change that comes after that wakes the relay again.
            let last = *self.last.borrow_and_update();
            self.errand = dealer.reading(last).map(|reading| self.reading(reading));
        }
    }

    fn settling(&mut self) -> BoxFuture<'static, Done> {
        let (outbox, confirmed) = (Arc::clone(&self.outbox), std::mem::take(&mut self.confirmed));
        Box::pin(async move {
            let receipts = confirmed.iter().map(|(receipt, _)| *receipt).collect();
            let outcome = outbox.settle(receipts).await;
            Done::Settled(confirmed, outcome)
        })
    }

    fn reading(&self, reading: Reading) -> BoxFuture<'static, Done> {
        let outbox = Arc::clone(&self.outbox);
        Box::pin(async move {
            let Reading { parts, after, limit, .. } = reading;
            Done::Read(reading, outbox.unsettled(parts, after, limit).await)
        })
    }

    /// Waits for the errand under way; for ever where there is none.
    pub(super) async fn back(&mut self) -> Done {
        let Some(errand) = &mut self.errand else { return std::future::pending().await };
        let done = errand.await;
        self.errand = None;
        done
    }

    /// Takes in what came of an errand.
    pub(super) fn take_in(&mut self, done: Done, dealer: &mut Dealer) {
        let failed = match done {
            Done::Read(reading, Ok(page)) => {
                failpoint::pass(Step::OutboxRead);
                dealer.admit(reading, page);
                None
            }
            Done::Settled(confirmed, Ok(())) => {
                failpoint::pass(Step::Settled);
                self.metrics.count(Metric::Published, "", confirmed.len() as u64);
                self.metrics.count(Metric::Milestones, "published", confirmed.len() as u64);
                for (_, subject) in confirmed {
                    dealer.settled(subject);
                }
                None
            }
            Done::Read(_, Err(error)) => Some(("the unpublished changes cannot be read", error)),
            Done::Settled(mut confirmed, Err(error)) => {
                // Kept, so that they need not be published again.
                confirmed.append(&mut self.confirmed);
                self.confirmed = confirmed;
                Some(("published changes cannot be marked as such", error))
            }
        };
        match failed {
            None => (self.failures, self.not_before) = (0, None),
            Some((what, error)) => {
                self.failures = self.failures.saturating_add(1);
                let wait = backoff(self.failures, limits::RELAY_STORE_BACKOFF, &self.dice);
                self.not_before = Some(Instant::now() + wait);
                tracing::error!(%error, "{what}; it is tried again");
            }
        }
    }

    /// When it may set out again, after a failure.
    pub(super) fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// True where it is neither on an errand nor has receipts to settle.
    pub(super) fn idle(&self) -> bool {
        self.errand.is_none() && self.confirmed.is_empty()
    }

    /// Ends the errand under way and settles what is confirmed, unless the store fails: what it does not learn of is
    /// published again after the next start, under the same ids.
    pub(super) async fn put_in_order(&mut self, dealer: &mut Dealer) {
        let failures = self.failures;
        while !self.idle() && self.failures <= failures {
            self.not_before = None;
            self.set_out(dealer, false, Instant::now());
            let done = self.back().await;
            self.take_in(done, dealer);
        }
    }
}
