//! The proof that the broker holds a change: the only thing with which a change can be settled.

use crate::base::Position;

/// A positive confirm, without a return, for the change at a position.
///
/// Only [`crate::broker`] may make one (a test reads the tree for it); `settle` takes nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt(Position);

impl Receipt {
    /// For the broker's publisher alone, once `Ack` without a return has arrived.
    pub(crate) fn confirmed(position: Position) -> Self {
        Self(position)
    }

    /// The change that the broker holds.
    pub fn position(&self) -> Position {
        self.0
    }
}
