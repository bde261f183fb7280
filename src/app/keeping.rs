//! When this node is to do what one node does for all.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Interval;
use tokio_util::sync::CancellationToken;

use crate::store::{Parts, Store, Work};

/// Turns of some work that one node does for all, as long as it is this one.
#[derive(Debug)]
pub(super) struct Keeping {
    share: watch::Receiver<Parts>,
    turns: Interval,
}

impl Keeping {
    /// A turn at once, and then at every such interval.
    pub(super) fn new(store: &Store, every: Duration) -> Self {
        Self { share: store.take_part(Work::Keep), turns: tokio::time::interval(every) }
    }

    /// Waits for the next turn; false once `stop` is cancelled.
    pub(super) async fn turn(&mut self, stop: &CancellationToken) -> bool {
        loop {
            tokio::select! {
                () = stop.cancelled() => return false,
                _ = self.turns.tick() => {}
                // A node is given its share a moment after its start, or when another one has ended.
                Ok(()) = self.share.changed() => {}
            }
            if !self.share.borrow_and_update().is_empty() {
                return true;
            }
        }
    }
}
