//! A delivery: one POST as it arrived, and the same once its signature has been verified.

use std::path::PathBuf;

use bytes::Bytes;
use jiff::Timestamp;

use crate::base::json::write_text;
use crate::base::{DeliveryId, SourceName};

use super::signature::SignedBy;

/// The bytes of a delivery.
#[derive(Debug, Clone)]
pub enum Body {
    /// Small enough to be kept in memory: the bytes as received.
    Inline(Bytes),
    /// Larger: the bytes as received lie in a file, and `skeleton` is the same with its documents cut out.
    Spooled {
        /// The file with the bytes as received.
        path: PathBuf,
        /// Its length in bytes.
        length: u64,
        /// SHA-256 of the bytes as received, taken while they arrived.
        sha256: [u8; 32],
        /// What the parser reads; `None` where even without documents it is too large to be read.
        skeleton: Option<Bytes>,
    },
}

impl Body {
    /// Length of the bytes as received.
    pub fn length(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Spooled { length, .. } => *length,
        }
    }
}

/// One POST as received: nothing about it is trusted yet.
#[derive(Debug)]
pub struct Delivery {
    /// Ours, time-ordered.
    pub id: DeliveryId,
    /// The source whose keys must have signed it.
    pub source: SourceName,
    /// When its last byte arrived.
    pub received_at: Timestamp,
    /// Request headers in the order received; names in lower case. Secrets (`authorization`) are left out.
    pub headers: Vec<(String, String)>,
    /// The bytes that were signed.
    pub body: Body,
    /// W3C trace context: the request's own or one made for it.
    pub traceparent: String,
}

impl Delivery {
    /// Its headers as they are kept: a JSON list with a list of name and value for each.
    pub fn headers_json(&self) -> String {
        let bytes = self.headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum::<usize>();
        let mut json = String::with_capacity(bytes + 2);
        for (name, value) in &self.headers {
            json.push_str(if json.is_empty() { "[[" } else { ",[" });
            write_text(&mut json, name);
            json.push(',');
            write_text(&mut json, value);
            json.push(']');
        }
        json.push_str(if json.is_empty() { "[]" } else { "]" });
        json
    }

    /// The first value of the header `name` (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// What DocuSign answered to an authenticated call of our own, to be kept as a delivery is. Nobody signed it: it is
/// trusted because we asked for it, over TLS and with our token.
#[derive(Debug)]
pub struct Answered(Delivery);

impl Answered {
    /// What was answered; only for what came as the body of such an answer.
    pub fn new(delivery: Delivery) -> Self {
        Self(delivery)
    }

    /// What was answered, as it is kept.
    pub fn delivery(&self) -> &Delivery {
        &self.0
    }
}

/// A delivery whose signature matched a key of its source. Only [`crate::connect::signature`] makes one.
#[derive(Debug)]
pub struct VerifiedDelivery {
    delivery: Delivery,
    signed_by: SignedBy,
}

impl VerifiedDelivery {
    pub(super) fn new(delivery: Delivery, signed_by: SignedBy) -> Self {
        Self { delivery, signed_by }
    }

    /// The delivery, now to be trusted.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// Which signature was right, and by which key.
    pub fn signed_by(&self) -> SignedBy {
        self.signed_by
    }

    /// Gives the delivery on, for storing.
    pub fn into_inner(self) -> Delivery {
        self.delivery
    }
}
