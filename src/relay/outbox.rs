//! What the relay needs of the store: a seam, so that the relay is tested without one.

use tokio::sync::watch;

use crate::base::Position;
use crate::signing::{Entry, Receipt};
use crate::store::{Error, Store};

/// Where unpublished changes are read and settled.
pub trait Outbox: Send + Sync + 'static {
    /// As [`Store::unsettled`].
    fn unsettled(
        &self,
        after: Position,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Entry>, Error>> + Send;
    /// As [`Store::settle`].
    fn settle(&self, receipts: Vec<Receipt>) -> impl Future<Output = Result<(), Error>> + Send;
    /// As [`Store::last_position`].
    fn last_position(&self) -> watch::Receiver<Position>;
}

impl Outbox for Store {
    async fn unsettled(&self, after: Position, limit: usize) -> Result<Vec<Entry>, Error> {
        self.unsettled(after, limit).await
    }

    async fn settle(&self, receipts: Vec<Receipt>) -> Result<(), Error> {
        self.settle(receipts).await
    }

    fn last_position(&self) -> watch::Receiver<Position> {
        self.last_position()
    }
}
