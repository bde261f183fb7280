//! What the relay needs of the store: a seam, so that the relay is tested without one.

use tokio::sync::watch;

use crate::base::Position;
use crate::signing::{Entry, Receipt};
use crate::store::{Error, Parts, Store, Work};

/// Where unpublished changes are read and settled.
pub trait Outbox: Send + Sync + 'static {
    /// This node's share of the relaying, as it changes.
    fn parts(&self) -> watch::Receiver<Parts>;
    /// Lets other nodes have this one's share, until [`Outbox::parts`] is asked for again.
    fn let_go(&self);
    /// As [`Store::unsettled`].
    fn unsettled(
        &self,
        parts: Parts,
        after: Position,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Entry>, Error>> + Send;
    /// As [`Store::settle`].
    fn settle(&self, receipts: Vec<Receipt>) -> impl Future<Output = Result<(), Error>> + Send;
    /// As [`Store::last_position`].
    fn last_position(&self) -> watch::Receiver<Position>;
}

impl Outbox for Store {
    fn parts(&self) -> watch::Receiver<Parts> {
        self.take_part(Work::Relay)
    }

    fn let_go(&self) {
        self.let_go(Work::Relay);
    }

    async fn unsettled(&self, parts: Parts, after: Position, limit: usize) -> Result<Vec<Entry>, Error> {
        self.unsettled(parts, after, limit).await
    }

    async fn settle(&self, receipts: Vec<Receipt>) -> Result<(), Error> {
        self.settle(receipts).await
    }

    fn last_position(&self) -> watch::Receiver<Position> {
        self.last_position()
    }
}
