//! The feed over HTTP: pages of changes, one change, and publishing some of them again.

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::base::{ChangeId, Position, limits};
use crate::store::{FeedQuery, FeedRow, Store};

use super::caller::{Caller, Scope};
use super::message::Message;
use super::params::{Params, bad, position};
use super::{Api, Problem, ProblemBody};

/// A change in the feed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Change)]
pub(super) struct ChangeRow {
    /// Where it stands in the feed: strictly growing.
    #[schema(example = 42, minimum = 1)]
    position: u64,
    /// True once the broker has confirmed it.
    published: bool,
    /// When it was first published; null before, and where it was published by a version that did not keep it.
    #[schema(required = true)]
    published_at: Option<Timestamp>,
    /// `<kind>.<what>.<account id>`.
    #[schema(example = "signing_request.completed.8b411bfe-54f5-4f0e-b1d6-1d1f4c0c5a11")]
    routing_key: String,
    /// CloudEvents `type`.
    #[serde(rename = "type")]
    #[schema(example = "countersign.signing_request.status_changed.v1")]
    event_type: String,
    /// Gap-free per account and signing request, from 1.
    #[schema(minimum = 1)]
    sequence: u64,
    /// The message as it is published, byte for byte.
    #[schema(value_type = Message)]
    change: Box<RawValue>,
}

impl ChangeRow {
    pub(super) fn new(row: FeedRow) -> Result<Self, Problem> {
        let FeedRow { entry, published, published_at } = row;
        let damaged = |_| Problem::Internal(format!("the body at position {} is no JSON", entry.position));
        Ok(Self {
            position: entry.position.0,
            published,
            published_at,
            routing_key: entry.routing_key,
            event_type: entry.event_type,
            sequence: entry.sequence,
            change: RawValue::from_string(entry.body).map_err(damaged)?,
        })
    }
}

/// A page of the feed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangePage {
    /// Changes in the order asked for.
    result: Vec<ChangeRow>,
    /// Pass it as `after` for the next page; null where there is none now.
    #[schema(required = true, example = "142")]
    next_cursor: Option<String>,
}

/// What the feed can be narrowed by.
pub(super) const FILTERS: &[&str] = &["after", "limit", "order", "status", "account", "signing_request"];

/// Lists changes
///
/// In the order in which they were stored, oldest first. Follow `next_cursor` until it is null; a page can be
/// shorter than `limit` where messages are large. To wait for what comes next, use the stream.
#[utoipa::path(
    get, path = "/v1/changes", tag = "changes", operation_id = "listChanges",
    params(
        ("after" = Option<String>, Query, description = "A position, or a cursor of this feed: only changes after it (before it, with `order=desc`)", example = "42"),
        ("limit" = Option<u32>, Query, description = "Rows in the page at most: 1 to 1000, by default 100", minimum = 1, maximum = 1000),
        ("order" = Option<String>, Query, description = "`asc` (oldest first, the default) or `desc`", pattern = "^(asc|desc)$"),
        ("status" = Option<String>, Query, description = "Only changes with this second word of the routing key", example = "completed"),
        ("account" = Option<String>, Query, description = "Only this account's"),
        ("signing_request" = Option<String>, Query, description = "Only this signing request's"),
    ),
    responses(
        (status = 200, description = "A page of the feed", body = ChangePage),
        (status = 400, description = "A parameter is unknown or cannot be", body = ProblemBody),
        (status = "4XX", description = "Not let in, or not found", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    caller: Caller,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(&request, FILTERS)?;
    let limit = params.limit()?;
    let query = FeedQuery { newest_first: params.newest_first()?, ..query(&params, &caller)? };
    let (result, more) = page(&api.store, query, limit, limits::PAGE_BYTES_MAX).await?;
    let next_cursor = result.last().filter(|_| more).map(|row| row.position.to_string());
    Ok(HttpResponse::Ok().json(ChangePage { result, next_cursor }))
}

/// The filters and the place in the feed, of what the caller may see.
pub(super) fn query(params: &Params, caller: &Caller) -> Result<FeedQuery, Problem> {
    let account = params.account()?;
    account.as_ref().map_or(Ok(()), |account| caller.require_account(account))?;
    Ok(FeedQuery {
        after: params.after()?.unwrap_or_default(),
        limit: limits::FEED_READ_ROWS,
        status: params.status()?,
        account,
        among: caller.among(),
        signing_request: params.signing_request()?,
        newest_first: false,
    })
}

/// Reads up to `most` rows, some at a time, and ends early once they have `bytes_max` bytes. Whether more follow.
async fn page(
    store: &Store,
    mut query: FeedQuery,
    most: usize,
    bytes_max: usize,
) -> Result<(Vec<ChangeRow>, bool), Problem> {
    let mut rows = Vec::new();
    let mut bytes = 0;
    loop {
        // One more than is wanted tells whether more follow.
        query.limit = limits::FEED_READ_ROWS.min(most - rows.len()) + 1;
        let read = store.feed(query.clone()).await?;
        let ended = read.len() < query.limit;
        for row in read {
            if rows.len() == most || (bytes >= bytes_max && !rows.is_empty()) {
                return Ok((rows, true));
            }
            bytes += row.entry.body.len();
            query.after = row.entry.position;
            rows.push(ChangeRow::new(row)?);
        }
        if ended {
            return Ok((rows, false));
        }
    }
}

/// Shows one change
///
/// By its position, which is quick, or by its message id, which is searched for from the newest change backwards.
#[utoipa::path(
    get, path = "/v1/changes/{position_or_id}", tag = "changes", operation_id = "getChange",
    params(("position_or_id" = String, Path, description = "A position, or a message id (a UUID)", example = "42")),
    responses(
        (status = 200, description = "The change", body = ChangeRow),
        (status = "4XX", description = "Not let in, or not found", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn show(
    caller: Caller,
    which: Path<String>,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    Params::read(&request, &[])?;
    let row = if let Some(position) = position(&which) {
        let before = Position(position.0.checked_sub(1).ok_or(Problem::ChangeUnknown)?);
        let query = FeedQuery { after: before, limit: 1, ..FeedQuery::default() };
        api.store.feed(query).await?.pop().filter(|row| row.entry.position == position)
    } else {
        let id = Uuid::parse_str(&which)
            .map_err(|_| bad("position_or_id", "must be a position or a message id (a UUID)"))?;
        api.store.change(ChangeId(id)).await?
    };
    let row = row.filter(|row| caller.may_use(&row.entry.account)).ok_or(Problem::ChangeUnknown)?;
    Ok(HttpResponse::Ok().json(ChangeRow::new(row)?))
}

/// Which changes to publish again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayRequest {
    /// Positions in the feed.
    #[schema(min_items = 1, max_items = 1000, example = json!([41, 42]))]
    positions: Vec<u64>,
}

/// What is published again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Replayed {
    /// How many changes wait to be published again. Positions where there is no change, and changes that still wait
    /// for their first publish, do not count.
    #[schema(example = 2)]
    replayed: usize,
}

/// Publishes changes again
///
/// With the ids that they had, so that subscribers can tell them for duplicates. Where the token is for some accounts,
/// changes of others do not count as being there.
#[utoipa::path(
    post, path = "/v1/changes/replay", tag = "changes", operation_id = "replayChanges",
    request_body = ReplayRequest,
    responses(
        (status = 200, description = "They wait to be published again", body = Replayed),
        (status = 400, description = "The body cannot be read", body = ProblemBody),
        (status = "4XX", description = "Not let in, or no JSON", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn replay(
    caller: Caller,
    request: HttpRequest,
    wanted: Json<ReplayRequest>,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require(Scope::Write)?;
    Params::read(&request, &[])?;
    let ReplayRequest { mut positions } = wanted.into_inner();
    if positions.is_empty() || positions.len() > limits::PAGE_ROWS_MAX {
        let why = format!("`positions` must hold 1 to {} positions", limits::PAGE_ROWS_MAX);
        return Err(Problem::BodyBad(why));
    }
    positions.sort_unstable();
    positions.dedup();
    let positions = positions.into_iter().map(Position).collect();
    let replayed = api.store.republish_among(positions, caller.among()).await?;
    tracing::info!(replayed, "changes are published again");
    Ok(HttpResponse::Ok().json(Replayed { replayed }))
}

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::test::{TestRequest, call_and_read_body_json, init_service};
    use serde_json::{Value, json};

    use super::*;
    use crate::base::AccountId;
    use crate::web::bench::Bench;

    async fn positions(bench: &Bench, most: usize, bytes_max: usize) -> (Vec<u64>, bool) {
        let (rows, more) = page(&bench.store, FeedQuery::default(), most, bytes_max).await.unwrap();
        (rows.iter().map(|row| row.position).collect(), more)
    }

    #[tokio::test]
    async fn a_page_ends_early_where_messages_are_large_and_says_that_more_follow() {
        let bench = Bench::new();
        for number in 0..20 {
            bench.sent(number).await;
        }
        let (one, _) = page(&bench.store, FeedQuery::default(), 1, usize::MAX).await.unwrap();
        let bytes = one[0].change.get().len();
        assert_eq!(positions(&bench, 20, bytes * 3 - 1).await, (vec![1, 2, 3], true));
        assert_eq!(positions(&bench, 20, 1).await, (vec![1], true), "one comes whatever its size");
        assert_eq!(positions(&bench, 20, 0).await, (vec![1], true));
        assert_eq!(positions(&bench, 20, usize::MAX).await, ((1..=20).collect(), false));
        assert_eq!(positions(&bench, 20, bytes * 20).await, ((1..=20).collect(), false), "exactly all");
    }

    #[actix_web::test]
    async fn what_was_published_can_be_published_again() {
        let bench = Bench::new();
        for number in 0..3 {
            bench.sent(number).await;
        }
        bench.settle([1, 2]).await;
        let api = Data::new(bench.api());
        let app =
            init_service(App::new().configure(|config| crate::web::configure(config, api.clone()))).await;
        let peer = "127.0.0.1:9".parse().unwrap();
        let published = async || {
            let request = TestRequest::get().uri("/v1/changes").peer_addr(peer).to_request();
            let page: Value = call_and_read_body_json(&app, request).await;
            page["result"].as_array().unwrap().iter().map(|row| row["published"] == true).collect::<Vec<_>>()
        };
        assert_eq!(published().await, [true, true, false]);
        let rows = bench.store.feed(FeedQuery { limit: 10, ..FeedQuery::default() }).await.unwrap();
        let at: Vec<_> = rows.iter().map(|row| row.published_at).collect();
        assert_eq!(at, [Some(crate::web::bench::now()), Some(crate::web::bench::now()), None]);
        let replay = TestRequest::post().uri("/v1/changes/replay").peer_addr(peer);
        let replay = replay.set_json(json!({"positions": [2, 2, 3, 99]})).to_request();
        let answer: Value = call_and_read_body_json(&app, replay).await;
        assert_eq!(answer, json!({"replayed": 1}), "the second alone was published and is there");
        assert_eq!(published().await, [true, false, false]);
        let request = TestRequest::get().uri("/v1/totals").peer_addr(peer).to_request();
        let totals: Value = call_and_read_body_json(&app, request).await;
        assert_eq!((&totals["published"], &totals["backlog"]), (&json!(1), &json!(2)));
        bench.settle([2, 2, 3]).await;
        let books = bench.store.books().await.unwrap();
        assert_eq!((books.settled, books.published, books.published_again), (4, 3, 1));
        assert_eq!((books.put_back, books.outbox), (1, 0));
        let all = crate::base::books::equations(&books);
        assert_eq!(crate::base::books::imbalances(&all).next(), None, "publishing again is in the books");
    }

    #[tokio::test]
    async fn what_is_of_other_accounts_is_not_published_again() {
        let bench = Bench::new();
        for number in 0..3 {
            bench.sent(number).await;
        }
        bench.settle([1, 2, 3]).await;
        let positions = || vec![Position(1), Position(3)];
        let again = async |account: &str| {
            let among = Some(vec![AccountId::new("another"), AccountId::new(account)]);
            bench.store.republish_among(positions(), among).await.unwrap()
        };
        assert_eq!(again("foreign").await, 0);
        assert_eq!(again(crate::web::bench::ACCOUNT).await, 2);
        assert_eq!(bench.store.backlog().await.unwrap().changes, 2);
    }

    #[test]
    fn a_damaged_message_is_a_fault_of_ours_and_not_passed_on() {
        let mut row = Bench::row(3);
        row.entry.body = "{\"cut\":".into();
        assert_eq!(ChangeRow::new(row).unwrap_err().status().as_u16(), 500);
    }
}
