//! The body of a refusal, and the detail that a bulk answer carries inside an item.

use serde::Deserialize;

use super::tolerant::Scalar;

/// `{"errorCode":"ENVELOPE_DOES_NOT_EXIST","message":"…"}`. Decide by the code, never by the message: DocuSign
/// reworded 16 of them in 2026.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ErrorDetails {
    /// The code, in whichever case (`HOURLY_…` and `Hourly_…` are both seen).
    pub error_code: Scalar,
    /// Words for people; may name people.
    pub message: Scalar,
}
