//! What is chained: one record for each delivery, each end of a quarantine, each pruning and each checkpoint.

use jiff::Timestamp;
use uuid::Uuid;

use crate::base::DeliveryId;
use crate::connect::signature::{KeyPrint, SignedBy};

use super::chain::{Checkpoint, Digest32};
use super::layout::{In, Malformed, Out};

/// The version of the layout. A changed layout is a new version; records of older ones stay as they are.
const VERSION: u8 = 1;

/// One record of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A delivery came in.
    Delivery(Box<DeliveryRecord>),
    /// A quarantine ended.
    Resolution(Box<ResolutionRecord>),
    /// Something was removed on purpose.
    Pruned(PrunedRecord),
    /// Everything before it is signed for.
    Checkpoint(Checkpoint),
}

/// The kind of a record, as one word and as one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// See [`Record::Delivery`].
    Delivery = 1,
    /// See [`Record::Resolution`].
    Resolution = 2,
    /// See [`Record::Pruned`].
    Pruned = 3,
    /// See [`Record::Checkpoint`].
    Checkpoint = 4,
}

/// A delivery as it was received, and the verdict on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// The record's number: its place in the chain, from 1.
    pub number: u64,
    /// The delivery.
    pub id: DeliveryId,
    /// When its last byte had arrived.
    pub received_at: Timestamp,
    /// The source whose keys it was held against.
    pub source: String,
    /// The signature that was right, and its key; [`SignedBy::NOBODY`] of what DocuSign answered to a call of ours.
    pub signed_by: SignedBy,
    /// [`headers_digest`] of its headers as they are kept.
    pub headers: Digest32,
    /// SHA-256 of its bytes as received.
    pub body: Digest32,
    /// Their number.
    pub body_bytes: u64,
    /// What it was read to say; empty where it could not be read.
    pub says: Says,
    /// `accepted`, `duplicate` or `quarantined`.
    pub outcome: String,
    /// Why it was quarantined, else empty.
    pub reason: String,
    /// Changes that it made.
    pub changes: u64,
}

/// A [`DeliveryRecord`] that is about to be chained: its texts are another's. The fields are alike.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // as those of the record
pub struct DeliveryReceipt<'a> {
    pub number: u64,
    pub id: DeliveryId,
    pub received_at: Timestamp,
    pub source: &'a str,
    pub signed_by: SignedBy,
    pub headers: &'a Digest32,
    pub body: &'a Digest32,
    pub body_bytes: u64,
    /// Format, event, account, kind and subject, as in [`Says`].
    pub says: [&'a str; 5],
    pub outcome: &'a str,
    pub reason: &'a str,
    pub changes: u64,
}

/// What a delivery was read to say. All empty where it could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Says {
    /// `json` or `xml`.
    pub format: String,
    /// Its event.
    pub event: String,
    /// The account.
    pub account: String,
    /// What it is about: `signing_request`, `template`, `agreement` or `account`.
    pub kind: String,
    /// The id of that; empty for the account.
    pub subject: String,
}

/// The end of a quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolutionRecord {
    /// The record's number.
    pub number: u64,
    /// When it ended.
    pub at: Timestamp,
    /// The delivery.
    pub id: DeliveryId,
    /// `released` or `dropped`.
    pub how: String,
    /// What it was read to say at last; empty where it was dropped.
    pub says: Says,
    /// Changes that it made.
    pub changes: u64,
}

/// Something that is no longer there because its retention is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrunedRecord {
    /// The record's number.
    pub number: u64,
    /// Everything pruned was older than this.
    pub before: Timestamp,
    /// What is gone.
    pub what: Pruned,
    /// The numbers of the records concerned, first and last of each run.
    pub runs: Vec<(u64, u64)>,
}

/// What was pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruned {
    /// Bodies, headers and rows of deliveries; their records stay.
    Deliveries = 1,
    /// The records themselves, from the beginning of the chain up to before a checkpoint.
    Records = 2,
}

impl Record {
    /// The record's place in the chain, from 1.
    pub fn number(&self) -> u64 {
        match self {
            Self::Delivery(delivery) => delivery.number,
            Self::Resolution(resolution) => resolution.number,
            Self::Pruned(pruned) => pruned.number,
            Self::Checkpoint(checkpoint) => checkpoint.number,
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Delivery(_) => Kind::Delivery,
            Self::Resolution(_) => Kind::Resolution,
            Self::Pruned(_) => Kind::Pruned,
            Self::Checkpoint(_) => Kind::Checkpoint,
        }
    }

    /// The delivery that it is about.
    pub fn delivery(&self) -> Option<DeliveryId> {
        match self {
            Self::Delivery(delivery) => Some(delivery.id),
            Self::Resolution(resolution) => Some(resolution.id),
            Self::Pruned(_) | Self::Checkpoint(_) => None,
        }
    }

    /// Its bytes: what is digested and chained.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = begin(self.kind(), self.number());
        match self {
            Self::Delivery(delivery) => delivery.receipt().write(&mut out),
            Self::Resolution(resolution) => resolution.encode(&mut out),
            Self::Pruned(pruned) => pruned.encode(&mut out),
            Self::Checkpoint(checkpoint) => checkpoint.encode(&mut out),
        }
        out.0
    }

    /// The record back from its bytes, which must be exactly those that [`Record::encode`] writes.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = In::new(bytes);
        let version = from.byte()?;
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        let kind = from.byte()?;
        let number = from.number()?;
        let record = match kind {
            1 => Self::Delivery(Box::new(DeliveryRecord::decode(number, &mut from)?)),
            2 => Self::Resolution(Box::new(ResolutionRecord::decode(number, &mut from)?)),
            3 => Self::Pruned(PrunedRecord::decode(number, &mut from)?),
            4 => Self::Checkpoint(Checkpoint::decode(number, &mut from)?),
            kind => return Err(Malformed::Kind(kind)),
        };
        from.end()?;
        Ok(record)
    }
}

fn begin(kind: Kind, number: u64) -> Out {
    let mut out = Out(Vec::with_capacity(384));
    out.byte(VERSION).byte(kind as u8).number(number);
    out
}

impl DeliveryReceipt<'_> {
    /// The bytes of the record: those of [`Record::encode`].
    pub fn encode(&self) -> Vec<u8> {
        let mut out = begin(Kind::Delivery, self.number);
        self.write(&mut out);
        out.0
    }

    fn write(&self, out: &mut Out) {
        out.time(self.received_at).bytes(self.id.0.as_bytes()).text(self.source);
        out.byte(self.signed_by.header).bytes(&self.signed_by.key.0);
        out.bytes(self.headers).bytes(self.body).number(self.body_bytes);
        for text in self.says {
            out.text(text);
        }
        out.text(self.outcome).text(self.reason).number(self.changes);
    }
}

impl DeliveryRecord {
    fn receipt(&self) -> DeliveryReceipt<'_> {
        DeliveryReceipt {
            number: self.number,
            id: self.id,
            received_at: self.received_at,
            source: &self.source,
            signed_by: self.signed_by,
            headers: &self.headers,
            body: &self.body,
            body_bytes: self.body_bytes,
            says: self.says.texts(),
            outcome: &self.outcome,
            reason: &self.reason,
            changes: self.changes,
        }
    }

    fn decode(number: u64, from: &mut In<'_>) -> Result<Self, Malformed> {
        // Fields of a struct are read in the order in which they are written here.
        Ok(Self {
            number,
            received_at: from.time()?,
            id: DeliveryId(Uuid::from_bytes(from.array()?)),
            source: from.text()?,
            signed_by: SignedBy { header: from.byte()?, key: KeyPrint(from.array()?) },
            headers: from.array()?,
            body: from.array()?,
            body_bytes: from.number()?,
            says: Says::decode(from)?,
            outcome: from.text()?,
            reason: from.text()?,
            changes: from.number()?,
        })
    }
}

impl Says {
    /// In the order in which they are written.
    fn texts(&self) -> [&str; 5] {
        [&self.format, &self.event, &self.account, &self.kind, &self.subject]
    }

    fn encode(&self, out: &mut Out) {
        for text in self.texts() {
            out.text(text);
        }
    }

    fn decode(from: &mut In<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            format: from.text()?,
            event: from.text()?,
            account: from.text()?,
            kind: from.text()?,
            subject: from.text()?,
        })
    }

    /// Whether it is about this signing request.
    pub fn is_about(&self, signing_request: &str) -> bool {
        self.kind == "signing_request" && self.subject == signing_request
    }
}

impl ResolutionRecord {
    fn encode(&self, out: &mut Out) {
        out.time(self.at).bytes(self.id.0.as_bytes()).text(&self.how);
        self.says.encode(out);
        out.number(self.changes);
    }

    fn decode(number: u64, from: &mut In<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            number,
            at: from.time()?,
            id: DeliveryId(Uuid::from_bytes(from.array()?)),
            how: from.text()?,
            says: Says::decode(from)?,
            changes: from.number()?,
        })
    }
}

impl PrunedRecord {
    fn encode(&self, out: &mut Out) {
        out.time(self.before).byte(self.what as u8).count(self.runs.len());
        for (first, last) in &self.runs {
            out.number(*first).number(*last);
        }
    }

    fn decode(number: u64, from: &mut In<'_>) -> Result<Self, Malformed> {
        let before = from.time()?;
        let what = match from.byte()? {
            1 => Pruned::Deliveries,
            2 => Pruned::Records,
            what => return Err(Malformed::Kind(what)),
        };
        let count = from.count()?;
        let runs = (0..count).map(|_| Ok((from.number()?, from.number()?))).collect::<Result<_, _>>()?;
        Ok(Self { number, before, what, runs })
    }
}

/// The digest of headers: SHA-256 over their number, then the name and the value of each, as texts are laid out.
pub fn headers_digest(headers: &[(String, String)]) -> Digest32 {
    let bytes = headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum::<usize>();
    let mut out = Out(Vec::with_capacity(bytes + 4));
    out.count(headers.len());
    for (name, value) in headers {
        out.text(name).text(value);
    }
    super::chain::sha256(&[&out.0])
}

/// The runs that sorted numbers make: `1 2 3 7` is `1–3, 7–7`.
pub fn runs(numbers: impl IntoIterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}
