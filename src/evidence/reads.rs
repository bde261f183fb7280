//! A record in words: what its bytes say, for people and for programs that do not read bytes.

use serde_json::{Value, json};

use super::chain::hex;
use super::record::{DeliveryRecord, Pruned, Record, Says};
use crate::connect::signature::SignedBy;

impl Record {
    /// The record as one JSON object.
    pub fn reads(&self) -> Value {
        match self {
            Self::Delivery(delivery) => json!({
                "kind": "delivery",
                "number": delivery.number,
                "delivery_id": delivery.id,
                "received_at": delivery.received_at,
                "source": delivery.source,
                "signature_header": signed(delivery)
                    .then(|| format!("X-DocuSign-Signature-{}", delivery.signed_by.header)),
                "connect_key": signed(delivery).then(|| hex(&delivery.signed_by.key.0)),
                "headers_sha256": hex(&delivery.headers),
                "body_sha256": hex(&delivery.body),
                "body_bytes": delivery.body_bytes,
                "says": says(&delivery.says),
                "outcome": delivery.outcome,
                "reason": delivery.reason,
                "changes": delivery.changes,
            }),
            Self::Resolution(resolution) => json!({
                "kind": "resolution",
                "number": resolution.number,
                "at": resolution.at,
                "delivery_id": resolution.id,
                "how": resolution.how,
                "says": says(&resolution.says),
                "changes": resolution.changes,
            }),
            Self::Pruned(pruned) => json!({
                "kind": "pruned",
                "number": pruned.number,
                "before": pruned.before,
                "what": match pruned.what {
                    Pruned::Deliveries => "deliveries",
                    Pruned::Records => "records",
                },
                "runs": pruned.runs,
            }),
            Self::Checkpoint(checkpoint) => json!({
                "kind": "checkpoint",
                "number": checkpoint.number,
                "covers": checkpoint.covers(),
                "link": checkpoint.link.to_string(),
                "at": checkpoint.at,
                "public_key": checkpoint.key.to_string(),
                "signature": hex(&checkpoint.signature),
            }),
        }
    }
}

/// False for what DocuSign answered to a call of our own: nobody signed that.
fn signed(delivery: &DeliveryRecord) -> bool {
    delivery.signed_by != SignedBy::NOBODY
}

fn says(says: &Says) -> Value {
    json!({
        "format": says.format,
        "event": says.event,
        "account": says.account,
        "kind": says.kind,
        "subject": says.subject,
    })
}
