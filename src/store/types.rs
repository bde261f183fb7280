//! What goes through the store's door, in and out.

use jiff::Timestamp;

use crate::base::{AccountId, ChangeId, DeliveryId, Outcome, Position, SigningRequestId, Subject};
use crate::connect::{Answered, Format, VerifiedDelivery};
use crate::signing::{Entry, Observation, SigningRequestStatus, State};

/// A verified delivery on its way in, with what was read from it.
#[derive(Debug)]
pub struct Arrival {
    /// The delivery: its bytes and headers are kept.
    pub delivery: VerifiedDelivery,
    /// What it says.
    pub reading: Reading,
}

/// What was read from a delivery.
#[derive(Debug)]
pub enum Reading {
    /// It says this.
    Understood(Box<Observation>),
    /// It could not be read, for this reason: quarantined.
    Unreadable(String),
}

/// Something that was found over REST, on its way in.
#[derive(Debug)]
pub struct Found {
    /// What DocuSign answered: kept as a delivery is.
    pub answer: Answered,
    /// What it says.
    pub seen: Box<Observation>,
}

/// What became of an arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Accepted, duplicate or quarantined.
    pub outcome: Outcome,
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// The changes that it made, each by the first word of its routing key.
    pub changes: Vec<&'static str>,
}

/// How much waits to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Unpublished changes.
    pub changes: u64,
    /// When the oldest of them was appended.
    pub oldest_at: Option<Timestamp>,
}

/// How the reason begins for which a claim is put off while others go before it: one for a signing request that has not
/// come to its end. As soon as it does, the claim is due.
pub const MAKES_WAY: &str = "makes way: ";

/// A signing request that is to be fetched, claimed by one worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrichment {
    /// The store's short number for account and signing request.
    pub subject_ref: i64,
    /// The account.
    pub account: AccountId,
    /// Our id of the account, where it is linked.
    pub integrated_account: Option<String>,
    /// The signing request.
    pub signing_request: SigningRequestId,
    /// Where it is known to stand.
    pub status: Option<SigningRequestStatus>,
    /// Failed attempts so far.
    pub attempts: u32,
    /// The changes that this fetch answers, by sequence: all after the last fetch.
    pub covers: Vec<Covered>,
    /// The last sequence that the last fetch answered: with it the claim is known again.
    pub covers_after: u64,
    /// Trace context of the newest of them.
    pub traceparent: String,
    /// When the last fetch ended, if there was one.
    pub fetched_at: Option<Timestamp>,
}

/// A change that an enriched one answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// Its message id.
    pub id: ChangeId,
    /// Its sequence.
    pub sequence: u64,
}

/// The enriched change, complete but for its sequence, which the store gives.
///
/// `body` is called inside the transaction with the sequence, and must do nothing but write the JSON. It may be
/// called again when the transaction has to be repeated.
pub struct EnrichedChange {
    /// Message id: made of the ids that it covers.
    pub id: ChangeId,
    /// Routing key.
    pub routing_key: String,
    /// CloudEvents `time`.
    pub occurred_at: Timestamp,
    /// When the fetch was answered.
    pub received_at: Timestamp,
    /// Writes the JSON body for a sequence.
    pub body: Box<dyn Fn(u64) -> String + Send>,
}

impl std::fmt::Debug for EnrichedChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrichedChange").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What to read from the feed.
#[derive(Debug, Clone, Default)]
pub struct FeedQuery {
    /// Only changes after this position.
    pub after: Position,
    /// At most so many.
    pub limit: usize,
    /// Only changes whose routing key has this second word.
    pub status: Option<String>,
    /// Only this account's.
    pub account: Option<AccountId>,
    /// Only those of these accounts.
    pub among: Option<Vec<AccountId>>,
    /// Only this signing request's.
    pub signing_request: Option<SigningRequestId>,
    /// Newest first, before `after` where that is not 0.
    pub newest_first: bool,
}

/// A change in the feed, and whether the broker holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedRow {
    /// The change.
    pub entry: Entry,
    /// True once confirmed by the broker.
    pub published: bool,
    /// When that was first written down; not known of changes published by older versions.
    pub published_at: Option<Timestamp>,
}

/// Which deliveries to list.
#[derive(Debug, Clone, Default)]
pub struct DeliveryQuery {
    /// Only those before this one (newest first).
    pub before: Option<DeliveryId>,
    /// At most so many.
    pub limit: usize,
    /// Only with this outcome: `accepted`, `duplicate`, `quarantined`, `released`, `dropped`.
    pub outcome: Option<String>,
    /// Only this account's.
    pub account: Option<AccountId>,
    /// Only those of these accounts; none whose account is not known.
    pub among: Option<Vec<AccountId>>,
}

/// A stored delivery, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Ours.
    pub id: DeliveryId,
    /// The source.
    pub source: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Its format; none where it could not be told.
    pub format: Option<Format>,
    /// Its event, or `snapshot`.
    pub event: Option<String>,
    /// Its account.
    pub account: Option<AccountId>,
    /// What it is about.
    pub subject: Option<Subject>,
    /// `accepted`, `duplicate`, `quarantined`, `released` or `dropped`.
    pub outcome: String,
    /// Why it is in quarantine.
    pub reason: Option<String>,
    /// Length of its body in bytes.
    pub body_bytes: u64,
    /// Changes that it made.
    pub changes: u64,
    /// When its transaction was written; not known of deliveries stored by older versions.
    pub stored_at: Option<Timestamp>,
}

/// A stored delivery with its bytes.
#[derive(Debug, Clone)]
pub struct DeliveryDetail {
    /// The row.
    pub row: DeliveryRow,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its bytes as received; `None` once pruned.
    pub body: Option<StoredBody>,
}

/// The bytes of a stored delivery.
#[derive(Debug, Clone)]
pub enum StoredBody {
    /// Here.
    Inline(bytes::Bytes),
    /// In this file.
    File(std::path::PathBuf),
}

/// Everything known about one signing request of one account.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// The account.
    pub account: AccountId,
    /// The signing request.
    pub signing_request: SigningRequestId,
    /// Where it and its participants stand.
    pub state: State,
    /// Its deliveries, oldest first (the newest 1,000).
    pub deliveries: Vec<DeliveryRow>,
    /// Its changes, oldest first (the newest 1,000).
    pub changes: Vec<FeedRow>,
    /// Whether a fetch is outstanding, and the last reason why one failed.
    pub enrichment: Option<(Timestamp, u32, Option<String>)>,
}

/// How a quarantine ends.
#[derive(Debug)]
pub enum Resolution {
    /// It can be read now.
    Released {
        /// What it says.
        observation: Box<Observation>,
        /// Trace context for the changes that it makes.
        traceparent: String,
    },
    /// It is not wanted; its bytes stay until they are pruned.
    Dropped,
}

/// Counts over the whole store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Deliveries accepted.
    pub accepted: u64,
    /// Duplicates.
    pub duplicates: u64,
    /// Open quarantines.
    pub quarantined: u64,
    /// Changes appended.
    pub changes: u64,
    /// Signing requests known.
    pub signing_requests: u64,
    /// Fetches outstanding.
    pub enrichments: u64,
}

/// What one step of pruning took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Deliveries, with their bodies.
    pub deliveries: usize,
    /// Changes.
    pub changes: usize,
}

impl Pruned {
    /// How much that is; with 0 nothing is left to be pruned.
    pub fn rows(self) -> usize {
        self.deliveries + self.changes
    }
}
