//! The chain of evidence over HTTP: whose key signs it, where it ends, and its records.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::evidence::chain::hex;
use crate::evidence::{Checkpoint, Head};
use crate::store::StoredRecord;

use super::caller::Caller;
use super::params::Params;
use super::{Api, Problem, ProblemBody};

/// The state of the chain of evidence.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Audit)]
struct AuditView {
    /// The public half of the key that signs this node's checkpoints (ed25519), in hex digits. Note it down.
    #[schema(example = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c")]
    public_key: String,
    /// The number of the chain's last record; 0 before the first.
    number: u64,
    /// Its link, in hex digits.
    link: String,
    /// The newest checkpoint.
    #[schema(required = true)]
    checkpoint: Option<CheckpointView>,
}

/// A signed statement of where the chain ended at a time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Checkpoint)]
struct CheckpointView {
    /// Records that it covers: the number of the last of them.
    covers: u64,
    /// The link of that one, in hex digits.
    link: String,
    /// When it was signed.
    at: Timestamp,
    /// Whose signature it is, in hex digits.
    public_key: String,
    /// The ed25519 signature, in hex digits.
    signature: String,
}

impl From<Checkpoint> for CheckpointView {
    fn from(checkpoint: Checkpoint) -> Self {
        Self {
            covers: checkpoint.covers(),
            link: checkpoint.link.to_string(),
            at: checkpoint.at,
            public_key: checkpoint.key.to_string(),
            signature: hex(&checkpoint.signature),
        }
    }
}

/// A page of records.
#[derive(Debug, Serialize, ToSchema)]
struct AuditPage {
    /// Records in the order of the chain.
    result: Vec<RecordView>,
    /// Pass it as `after` for the next page; null where there is none yet.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// A record of the chain.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditRecord)]
struct RecordView {
    /// Its number, from 1.
    number: u64,
    /// Its bytes, in base64.
    record: String,
    /// Its link, in hex digits.
    link: String,
}

impl From<StoredRecord> for RecordView {
    fn from(row: StoredRecord) -> Self {
        Self { number: row.number, record: STANDARD.encode(row.record), link: row.link.to_string() }
    }
}

/// Shows where the chain of evidence stands
///
/// And the public half of the key that signs it, for auditors to note down.
#[utoipa::path(
    get, path = "/v1/audit", tag = "audit", operation_id = "getAudit",
    responses(
        (status = 200, description = "Where it stands", body = AuditView),
        (status = "4XX", description = "Not let in", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn show(
    caller: Caller,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require_all()?;
    Params::read(&request, &[])?;
    let checkpoint = api.store.last_checkpoint().await?.map(CheckpointView::from);
    let Head { number, link, .. } = *api.store.evidence_head().borrow();
    let (public_key, link) = (api.audit_key.to_string(), link.to_string());
    Ok(HttpResponse::Ok().json(AuditView { public_key, number, link, checkpoint }))
}

/// Lists records of the chain of evidence
///
/// Oldest first, as they were digested: docs/evidence.md describes their bytes.
#[utoipa::path(
    get, path = "/v1/audit/records", tag = "audit", operation_id = "listAuditRecords",
    params(
        ("after" = Option<u64>, Query, description = "A record's number, or a cursor of this list: only those after it"),
        ("limit" = Option<u32>, Query, description = "Rows in the page at most: 1 to 1000, by default 100", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "A page of records", body = AuditPage),
        (status = "4XX", description = "Not let in, or a parameter that cannot be", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    caller: Caller,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require_all()?;
    let params = Params::read(&request, &["after", "limit"])?;
    let (after, limit) = (params.after()?.unwrap_or_default().0, params.limit()?);
    let mut rows = api.store.evidence(after, limit + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| row.number.to_string());
    let result = rows.into_iter().map(RecordView::from).collect();
    Ok(HttpResponse::Ok().json(AuditPage { result, next_cursor }))
}
