//! What an examination found: each fault named by the records that it concerns.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::base::{DeliveryId, limits};

use super::chain::PublicKey;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A record or its link is not what was chained.
    Changed,
    /// Records are missing, and no chained notice says that they were pruned.
    Removed,
    /// A record stands in another's place.
    Reordered,
    /// A stretch is sound in itself, but is not what was signed for or noted down.
    Rewritten,
    /// The chain ends before a place up to which it is known to have reached.
    Truncated,
    /// A checkpoint's signature is not that of its key.
    SignatureWrong,
    /// A checkpoint is signed by a key that is not among those pinned.
    KeyUnknown,
    /// No checkpoint covers these records (in a file made for others, each record must be covered).
    Unsigned,
    /// A body is not what was received.
    BodyChanged,
    /// A body or row is missing, and no chained notice says that it was pruned.
    BodyRemoved,
    /// Headers are not those that were received.
    HeadersChanged,
    /// A delivery's row differs from the record of it.
    RowChanged,
    /// A delivery's row without a record.
    RowAdded,
    /// DocuSign's signature does not verify by any of the keys given.
    HmacWrong,
}

impl Fault {
    /// The fault's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Reordered => "reordered",
            Self::Rewritten => "rewritten",
            Self::Truncated => "truncated",
            Self::SignatureWrong => "signature_wrong",
            Self::KeyUnknown => "key_unknown",
            Self::Unsigned => "unsigned",
            Self::BodyChanged => "body_changed",
            Self::BodyRemoved => "body_removed",
            Self::HeadersChanged => "headers_changed",
            Self::RowChanged => "row_changed",
            Self::RowAdded => "row_added",
            Self::HmacWrong => "hmac_wrong",
        }
    }
}

/// One fault, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub fault: Fault,
    /// The first record concerned.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// The delivery concerned, where it is one and can be told.
    #[serde(rename = "delivery_id")]
    pub delivery: Option<DeliveryId>,
    /// The same in words.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.last) {
            (0, _) => {}
            (first, last) if first == last => write!(f, "record {first}")?,
            (first, last) => write!(f, "records {first} to {last}")?,
        }
        match self.delivery {
            Some(id) if self.first == 0 => write!(f, "delivery {id}")?,
            Some(id) => write!(f, " (delivery {id})")?,
            None => {}
        }
        write!(f, ": {}", self.what)
    }
}

/// The checkpoints that one key has signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyUse {
    /// The key.
    #[serde(serialize_with = "as_text")]
    pub public_key: PublicKey,
    /// Whether it is one of those that the examiner knows from elsewhere.
    pub pinned: bool,
    /// Checkpoints.
    pub checkpoints: u64,
    /// The first of them.
    pub first: u64,
    /// The last one.
    pub last: u64,
}

fn as_text<S: Serializer>(value: &impl fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// What was examined and found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Records examined.
    pub records: u64,
    /// The first and the last one's number; 0 where there is none.
    pub first: u64,
    /// See `first`.
    pub last: u64,
    /// Deliveries among them.
    pub deliveries: u64,
    /// Bodies whose digest was taken anew.
    pub bodies: u64,
    /// Deliveries whose body or row was pruned, as chained notices say.
    pub pruned: u64,
    /// Deliveries from before there was a chain: nothing is proved of them.
    pub unchained: u64,
    /// DocuSign signatures that were verified.
    pub hmacs: u64,
    /// The last record that a sound checkpoint covers.
    pub signed_through: u64,
    /// Records behind it.
    pub unsigned: u64,
    /// Who signed.
    pub keys: Vec<KeyUse>,
    /// What is wrong: the first [`limits::FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How much is wrong in all.
    pub faults: u64,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.faults == 0
    }

    /// Whether all that was signed was signed by keys that the examiner knows from elsewhere.
    pub fn is_pinned(&self) -> bool {
        self.keys.iter().all(|key| key.pinned)
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if let Some(last) = self.findings.last_mut() {
            let same = last.fault == finding.fault && last.what == finding.what;
            if same && last.delivery.is_none() && finding.delivery.is_none() && last.last + 1 == finding.first
            {
                last.last = finding.last;
                return;
            }
        }
        self.faults += 1;
        if self.findings.len() < limits::FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}
