//! Stored deliveries over HTTP: what came, what became of it, and the very bytes.

use std::io;
use std::path::PathBuf;

use actix_web::body::SizedStream;
use actix_web::http::header::{CONTENT_DISPOSITION, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{Stream, stream};
use jiff::Timestamp;
use serde::Serialize;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::base::{DeliveryId, limits};
use crate::store::{self, DeliveryDetail, DeliveryQuery, StoredBody};

use super::caller::Caller;
use super::params::{Params, delivery_id};
use super::{Api, Problem, ProblemBody};

/// The outcomes that a stored delivery can have.
const OUTCOMES: &[&str] = &["accepted", "duplicate", "quarantined", "released", "dropped"];

/// A stored delivery.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(super) struct DeliveryRow {
    /// Its id: time-ordered, ours.
    id: Uuid,
    /// The source whose keys signed it.
    #[schema(example = "default")]
    source: String,
    /// When its last byte arrived.
    received_at: Timestamp,
    /// `json` or `xml`; null where it could not be told.
    #[schema(required = true, pattern = "^(json|xml|rest)$")]
    format: Option<&'static str>,
    /// Its event, `snapshot`, or `reconcile` where it was found over REST; null where it could not be read.
    #[schema(required = true, example = "envelope-completed")]
    event: Option<String>,
    /// Its account's id.
    #[schema(required = true)]
    account: Option<String>,
    /// What it is about.
    #[schema(required = true)]
    subject: Option<SubjectView>,
    /// `accepted`, `duplicate`, `quarantined`, `released` or `dropped`.
    #[schema(pattern = "^(accepted|duplicate|quarantined|released|dropped)$")]
    outcome: String,
    /// Why it is or was in quarantine.
    #[schema(required = true)]
    reason: Option<String>,
    /// Length of its body.
    body_bytes: u64,
    /// Changes that it made.
    changes: u64,
    /// When it was stored, to be answered 200; null where an older version stored it.
    #[schema(required = true)]
    stored_at: Option<Timestamp>,
}

/// What a delivery is about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliverySubject)]
struct SubjectView {
    /// `signing_request`, `template`, `agreement` or `account`.
    #[serde(rename = "type")]
    #[schema(pattern = "^(signing_request|template|agreement|account)$")]
    kind: &'static str,
    /// Its id; empty for the account.
    id: String,
}

impl From<store::DeliveryRow> for DeliveryRow {
    fn from(row: store::DeliveryRow) -> Self {
        Self {
            id: row.id.0,
            source: row.source,
            received_at: row.received_at,
            format: row.format.map(|format| format.word()),
            event: row.event,
            account: row.account.map(|account| account.as_str().to_owned()),
            subject: row.subject.map(|s| SubjectView { kind: s.kind(), id: s.id().to_owned() }),
            outcome: row.outcome,
            reason: row.reason,
            body_bytes: row.body_bytes,
            changes: row.changes,
            stored_at: row.stored_at,
        }
    }
}

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryPage {
    /// Deliveries, newest first.
    result: Vec<DeliveryRow>,
    /// Pass it as `before` for the next page; null where there is none.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

impl DeliveryPage {
    /// Reads one row more than is wanted, to tell whether more follow.
    pub(super) async fn read(api: &Api, query: DeliveryQuery) -> Result<Self, Problem> {
        let limit = query.limit;
        let mut rows = api.store.deliveries(DeliveryQuery { limit: limit + 1, ..query }).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let result: Vec<_> = rows.into_iter().map(DeliveryRow::from).collect();
        let next_cursor = result.last().filter(|_| more).map(|row| row.id.to_string());
        Ok(Self { result, next_cursor })
    }
}

/// A stored delivery with its headers and bytes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryWhole {
    #[serde(flatten)]
    row: DeliveryRow,
    /// Its headers as name and value, in the order received.
    #[schema(example = json!([["content-type", "application/json"]]))]
    headers: Vec<[String; 2]>,
    /// Its bytes as received; null where `body_state` is not `here`.
    #[schema(required = true)]
    body_base64: Option<String>,
    /// `here`; `large`: fetch it with `?raw=true`; or `pruned`.
    #[schema(pattern = "^(here|large|pruned)$")]
    body_state: &'static str,
}

impl From<DeliveryDetail> for DeliveryWhole {
    fn from(detail: DeliveryDetail) -> Self {
        let (body_base64, body_state) = match detail.body {
            Some(StoredBody::Inline(bytes)) => (Some(STANDARD.encode(bytes)), "here"),
            Some(StoredBody::File(_)) => (None, "large"),
            None => (None, "pruned"),
        };
        let headers = detail.headers.into_iter().map(|(name, value)| [name, value]).collect();
        Self { row: detail.row.into(), headers, body_base64, body_state }
    }
}

/// Lists deliveries
///
/// All that were authentic, duplicates and quarantined ones included, newest first.
#[utoipa::path(
    get, path = "/v1/deliveries", tag = "deliveries", operation_id = "listDeliveries",
    params(
        ("before" = Option<Uuid>, Query, description = "A delivery's id, or a cursor of this list: only those before it"),
        ("limit" = Option<u32>, Query, description = "Rows in the page at most: 1 to 1000, by default 100", minimum = 1, maximum = 1000),
        ("outcome" = Option<String>, Query, description = "Only those with this outcome", pattern = "^(accepted|duplicate|quarantined|released|dropped)$"),
        ("account" = Option<String>, Query, description = "Only this account's"),
    ),
    responses(
        (status = 200, description = "A page of deliveries", body = DeliveryPage),
        (status = "4XX", description = "Not let in, or a parameter that cannot be", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    caller: Caller,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(&request, &["before", "limit", "outcome", "account"])?;
    let account = params.account()?;
    account.as_ref().map_or(Ok(()), |account| caller.require_account(account))?;
    let query = DeliveryQuery {
        before: params.before()?,
        limit: params.limit()?,
        outcome: params.outcome(OUTCOMES)?,
        account,
        among: caller.among(),
    };
    Ok(HttpResponse::Ok().json(DeliveryPage::read(&api, query).await?))
}

/// Shows one delivery
///
/// With its headers and its bytes; with `raw=true` the bytes alone, exactly as they were signed.
#[utoipa::path(
    get, path = "/v1/deliveries/{id}", tag = "deliveries", operation_id = "getDelivery",
    params(
        ("id" = Uuid, Path, description = "The delivery"),
        ("raw" = Option<bool>, Query, description = "Answer with the bytes alone"),
    ),
    responses(
        (status = 200, description = "The delivery, or its bytes", content(
            (DeliveryWhole = "application/json"),
            (Vec<u8> = "application/octet-stream"),
        )),
        (status = 410, description = "Its bytes have been pruned", body = ProblemBody),
        (status = "4XX", description = "Not let in, or not found", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn show(
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    let raw = Params::read(&request, &["raw"])?.flag("raw")?;
    let id = delivery_id(&id)?;
    let seen = |detail: &DeliveryDetail| match &detail.row.account {
        Some(account) => caller.may_use(account),
        None => caller.accounts().is_none(),
    };
    let detail = api.store.delivery(id).await?.filter(seen).ok_or(Problem::DeliveryUnknown)?;
    if raw { bytes(id, detail.body).await } else { Ok(HttpResponse::Ok().json(DeliveryWhole::from(detail))) }
}

/// The bytes alone. They are whatever was sent: never to be shown by a browser as a page of ours.
async fn bytes(id: DeliveryId, body: Option<StoredBody>) -> Result<HttpResponse, Problem> {
    let mut answer = HttpResponseBuilder::new(actix_web::http::StatusCode::OK);
    answer
        .content_type("application/octet-stream")
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.bin\"")));
    match body {
        None => Err(Problem::BodyPruned),
        Some(StoredBody::Inline(bytes)) => Ok(answer.body(bytes)),
        Some(StoredBody::File(path)) => {
            let (file, length) = open(path).await.map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Problem::BodyPruned,
                _ => Problem::StoreDown(format!("the file of a large body cannot be read: {error}")),
            })?;
            Ok(answer.body(SizedStream::new(length, pieces(file))))
        }
    }
}

async fn open(path: PathBuf) -> io::Result<(File, u64)> {
    let file = File::open(path).await?;
    let length = file.metadata().await?.len();
    Ok((file, length))
}

/// A file, piece by piece.
fn pieces(file: File) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold(file, async |mut file| {
        let mut piece = vec![0; limits::BODY_PIECE_BYTES];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok((read > 0).then(|| (Bytes::from(piece), file)))
    })
}
