//! What a store still keeps of a delivery, held against what the chain says of it.

use jiff::Timestamp;

use super::chain::Digest32;
use super::record::{DeliveryRecord, ResolutionRecord, Says};

/// What a store keeps of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Nothing: it was pruned, or taken away.
    Gone,
    /// Its row at least.
    Row(Box<KeptDelivery>),
}

/// A delivery's row, and its contents where they are still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptDelivery {
    /// The source.
    pub source: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// What it was read to say.
    pub says: Says,
    /// Its outcome now.
    pub outcome: String,
    /// Why it is or was in quarantine, else empty.
    pub reason: String,
    /// Length of its body.
    pub body_bytes: u64,
    /// Changes that it made.
    pub changes: u64,
    /// Its headers and bytes.
    pub contents: Option<Contents>,
}

/// Digests of what is kept of a delivery's contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Of its headers.
    pub headers: Digest32,
    /// Of its bytes, or why they cannot be read.
    pub body: Result<Digest32, String>,
}

impl KeptDelivery {
    /// True where the row tells of a resolution that the record at receipt cannot know.
    pub(super) fn was_resolved(&self, record: &DeliveryRecord) -> bool {
        record.outcome == "quarantined" && matches!(self.outcome.as_str(), "released" | "dropped")
    }

    /// The columns in which the row differs from the record of its receipt.
    pub(super) fn differs_from(&self, record: &DeliveryRecord) -> Vec<&'static str> {
        let resolved = self.was_resolved(record);
        let columns = [
            ("source", self.source == record.source),
            ("received_at", self.received_at == record.received_at),
            ("reason", self.reason == record.reason),
            ("body_bytes", self.body_bytes == record.body_bytes),
            ("outcome", resolved || self.outcome == record.outcome),
            ("what it says", resolved || self.says == record.says),
            ("changes", resolved || self.changes == record.changes),
        ];
        columns.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }

    /// The same for the record of its resolution.
    pub(super) fn differs_from_resolution(&self, record: &ResolutionRecord) -> Vec<&'static str> {
        let columns = [
            ("outcome", self.outcome == record.how),
            ("what it says", self.says == record.says),
            ("changes", self.changes == record.changes),
        ];
        columns.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }
}
