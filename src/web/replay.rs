//! Replay over HTTP: today's mapping over stored bytes against what was published, page by page.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::base::{AccountId, ChangeId, DeliveryId, Subject, limits};
use crate::receive::replay::{Bound, Choice, Finding, Note, Page, ReplayError, Verdict, Wanted};

use super::caller::{Caller, Scope};
use super::params::{Params, position};
use super::{Api, Problem, ProblemBody};

/// Which deliveries to replay, and what to publish.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"from": "2026-11-01T00:00:00Z", "to": "2026-11-23T00:00:00Z"}))]
pub(super) struct ReplayWanted {
    /// The beginning: a time (RFC 3339), or a delivery's id; without it, the oldest delivery that is kept.
    from: Option<String>,
    /// The end: a time, up to which it goes, or a delivery's id, which it includes; without it, the newest.
    to: Option<String>,
    /// The `next_cursor` of the page before.
    after: Option<String>,
    /// What to publish; without it and `ids`, nothing is (a dry run).
    #[schema(pattern = "^(missing|different|all)$")]
    publish: Option<String>,
    /// Message ids of changes to publish, whether missing, different or the same.
    #[schema(max_items = 1000)]
    ids: Vec<Uuid>,
}

/// What a page of a replay found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReplayPage {
    /// Changes that are not as they would be today.
    result: Vec<FindingView>,
    /// What could not be compared, and why.
    notes: Vec<NoteView>,
    /// Counts of this page.
    counts: ReplayCounts,
    /// Deliveries in the whole range, about.
    total: u64,
    /// Pass it as `after` for the next page; null at the end of the range.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// A change that is not as it would be today.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReplayFinding)]
struct FindingView {
    /// `missing`: today's mapping makes it, and it was never published. `extra`: it was published, and would not be
    /// made today; it cannot be unpublished. `different`: it says something else today.
    #[schema(pattern = "^(missing|extra|different)$")]
    finding: &'static str,
    /// Message id.
    id: Uuid,
    /// The account.
    account: String,
    /// `signing_request`, `template`, `agreement` or `account`.
    subject_type: &'static str,
    /// The id of what it is about; empty for the account.
    subject_id: String,
    /// `<kind>.<what>.<account id>`: as published, or where it would go.
    routing_key: String,
    /// When it happened.
    occurred_at: Timestamp,
    /// Its position in the feed; null where it is missing.
    #[schema(required = true)]
    position: Option<u64>,
    /// Its sequence; null where it is missing: it gets the next one.
    #[schema(required = true)]
    sequence: Option<u64>,
    /// The delivery that tells it.
    #[schema(required = true)]
    delivery_id: Option<Uuid>,
    /// What differs; only with `different`.
    fields: Vec<FieldView>,
    /// True where this call has it published.
    published: bool,
}

/// A field that says something else today.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReplayField)]
struct FieldView {
    /// Its path in the message.
    #[schema(example = "signing_request.previous_status.id")]
    field: String,
    /// What was published; null where it was absent.
    #[schema(required = true)]
    published: Value,
    /// What would be published today; null where it would be absent.
    #[schema(required = true)]
    today: Value,
}

/// Something that could not be compared.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReplayNote)]
struct NoteView {
    /// `pruned`: bytes are gone. `unreadable`: a delivery cannot be read today. `moved`: it is read to be about
    /// something else. `too_long`, `restless`: too many deliveries, or one coming after another.
    #[schema(pattern = "^(pruned|unreadable|moved|too_long|restless)$")]
    note: &'static str,
    /// The account, where it is about one.
    #[schema(required = true)]
    account: Option<String>,
    /// The id of what it is about.
    #[schema(required = true)]
    subject_id: Option<String>,
    /// The delivery.
    #[schema(required = true)]
    delivery_id: Option<Uuid>,
    /// In words.
    why: String,
}

/// How much was looked at, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
struct ReplayCounts {
    /// Deliveries of the range.
    deliveries: u64,
    /// Of those, in quarantine or dropped from it: not compared. See `/v1/quarantine`.
    unapplied: u64,
    /// Signing requests (and the like) that were told anew.
    subjects: u64,
    /// Changes that are the same today.
    same: u64,
    /// Changes that are missing.
    missing: u64,
    /// Changes that would not be made today.
    extra: u64,
    /// Changes that say something else today.
    different: u64,
    /// Changes that wait to be published because of this call.
    published: u64,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        let (word, differences) = match finding.verdict {
            Verdict::Missing => ("missing", Vec::new()),
            Verdict::Extra => ("extra", Vec::new()),
            Verdict::Different(differences) => ("different", differences),
        };
        let field = |difference: crate::signing::replay::Difference| FieldView {
            field: difference.field,
            published: difference.published,
            today: difference.today,
        };
        Self {
            finding: word,
            id: finding.id.0,
            account: finding.account.as_str().to_owned(),
            subject_type: finding.subject.kind(),
            subject_id: finding.subject.id().to_owned(),
            routing_key: finding.routing_key,
            occurred_at: finding.occurred_at,
            position: finding.position.map(|position| position.0),
            sequence: finding.sequence,
            delivery_id: finding.delivery_id.map(|id| id.0),
            fields: differences.into_iter().map(field).collect(),
            published: finding.published,
        }
    }
}

impl From<Note> for NoteView {
    fn from(note: Note) -> Self {
        let (account, subject): (Option<AccountId>, Option<Subject>) = note.subject.unzip();
        Self {
            note: note.kind,
            account: account.map(|account| account.as_str().to_owned()),
            subject_id: subject.map(|subject| subject.id().to_owned()),
            delivery_id: note.delivery_id.map(|id| id.0),
            why: note.why,
        }
    }
}

impl From<Page> for ReplayPage {
    fn from(page: Page) -> Self {
        let tally = page.tally;
        Self {
            result: page.findings.into_iter().map(FindingView::from).collect(),
            notes: page.notes.into_iter().map(NoteView::from).collect(),
            counts: ReplayCounts {
                deliveries: tally.deliveries,
                unapplied: tally.unapplied,
                subjects: tally.subjects,
                same: tally.same,
                missing: tally.missing,
                extra: tally.extra,
                different: tally.different,
                published: tally.published,
            },
            total: page.total,
            next_cursor: page.next.map(|number| number.to_string()),
        }
    }
}

/// Replays deliveries
///
/// Reads the stored bytes of a range of deliveries again, runs today's parser, mapping and state machine over the
/// signing requests that they are about (each from its beginning, from a fresh state), and compares what comes out
/// with what was published. With `publish` or `ids`, what is chosen of it is published: a missing change is appended
/// with `origin` `replay`, its own id and the next sequence; a different one is written anew in its place and published
/// again under its id. It is of all accounts: a token for some may not ask for it. A page covers some hundred deliveries: follow `next_cursor` until it is null.
#[utoipa::path(
    post, path = "/v1/replay", tag = "deliveries", operation_id = "replayDeliveries",
    request_body = ReplayWanted,
    responses(
        (status = 200, description = "What was found, and what was published of it", body = ReplayPage),
        (status = 400, description = "The body cannot be read", body = ProblemBody),
        (status = "4XX", description = "Not let in, or no JSON", body = ProblemBody),
        (status = "5XX", description = "Try again later; what was published is not published twice", body = ProblemBody),
    ),
)]
pub(super) async fn replay(
    caller: Caller,
    request: HttpRequest,
    wanted: Json<ReplayWanted>,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    Params::read(&request, &[])?;
    caller.require_all()?;
    let wanted = read(wanted.into_inner())?;
    if wanted.publish != Choice::default() {
        caller.require(Scope::Write)?;
    }
    let page = (api.replay)(wanted).await.map_err(|error| match error {
        ReplayError::Store(error) => error.into(),
        ReplayError::File(error) => Problem::StoreDown(error.to_string()),
    })?;
    if page.tally.published > 0 {
        tracing::info!(published = page.tally.published, "changes found by replay are published");
    }
    Ok(HttpResponse::Ok().json(ReplayPage::from(page)))
}

fn read(wanted: ReplayWanted) -> Result<Wanted, Problem> {
    let ReplayWanted { from, to, after, publish, ids } = wanted;
    let bound = |name: &str, text: Option<String>| {
        text.map(|text| {
            let time = text.parse::<Timestamp>().map(Bound::Time).ok();
            time.or_else(|| Uuid::parse_str(&text).ok().map(|id| Bound::Delivery(DeliveryId(id)))).ok_or_else(
                || {
                    Problem::BodyBad(format!(
                        "`{name}` must be a time such as 2026-11-23T00:00:00Z, or a delivery's id"
                    ))
                },
            )
        })
        .transpose()
    };
    let after = match after.as_deref() {
        None => 0,
        Some(text) => position(text)
            .and_then(|number| i64::try_from(number.0).ok())
            .ok_or_else(|| Problem::BodyBad("`after` must be a cursor of a replay".into()))?,
    };
    let (missing, different) = match publish.as_deref() {
        None => (false, false),
        Some("missing") => (true, false),
        Some("different") => (false, true),
        Some("all") => (true, true),
        Some(_) => return Err(Problem::BodyBad("`publish` must be missing, different or all".into())),
    };
    if ids.len() > limits::REPLAY_IDS_MAX {
        return Err(Problem::BodyBad(format!("`ids` must hold at most {} ids", limits::REPLAY_IDS_MAX)));
    }
    let publish = Choice { missing, different, ids: ids.into_iter().map(ChangeId).collect() };
    Ok(Wanted { from: bound("from", from)?, to: bound("to", to)?, after, publish })
}
