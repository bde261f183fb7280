//! The feed as server-sent events: resumable, bounded, woken by the store.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use crate::base::{Position, limits};
use crate::store::{FeedQuery, FeedRow};
use crate::telemetry::{Metric, Metrics};

use super::caller::Caller;
use super::changes::{ChangeRow, query};
use super::params::{Params, bad, position};
use super::{Api, Problem, ProblemBody};

/// A browser that lost the stream comes back after this many milliseconds.
const RETRY_MS: u32 = 2_000;

/// Follows changes
///
/// Server-sent events: `id` is the position, `event` the first word of the routing key, `data` the row as in the list.
/// Without `after` and `Last-Event-ID` it begins at the feed's present end. A lost stream is resumed with
/// `Last-Event-ID`; comments keep a quiet one open.
#[utoipa::path(
    get, path = "/v1/changes/stream", tag = "changes", operation_id = "streamChanges",
    params(
        ("after" = Option<String>, Query, description = "A position: begin with the change after it", example = "42"),
        ("status" = Option<String>, Query, description = "Only changes with this second word of the routing key"),
        ("account" = Option<String>, Query, description = "Only this account's"),
        ("signing_request" = Option<String>, Query, description = "Only this signing request's"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last position seen; wins over `after`"),
    ),
    responses(
        (status = 200, description = "Changes as they come", content_type = "text/event-stream", body = String,
            example = "id: 42\nevent: signing_request\ndata: {\"position\":42,…}\n\n"),
        (status = 409, description = "The place lies beyond the feed's end: it comes from another store", body = ProblemBody),
        (status = "4XX", description = "Not let in, or a parameter that cannot be", body = ProblemBody),
        (status = 503, description = "All streams are taken", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn follow(
    caller: Caller,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(&request, &["after", "status", "account", "signing_request"])?;
    let mut query = query(&params, &caller)?;
    let resumed = match request.headers().get("last-event-id") {
        Some(id) => Some(
            id.to_str()
                .ok()
                .and_then(|id| position(id.trim()))
                .ok_or_else(|| bad("Last-Event-ID", "must be a position of this feed"))?,
        ),
        None => params.after()?,
    };
    let news = api.store.last_position();
    let last = *news.borrow();
    // After its data is gone, a store counts from 1 again: one who waits for what comes after 5,000 would wait long.
    if let Some(after) = resumed.filter(|after| *after > last) {
        // Readers see a commit a moment before it is announced, and this one may have been read there.
        let newest = FeedQuery { newest_first: true, limit: 1, ..FeedQuery::default() };
        let last = api.store.feed(newest).await?.first().map_or(Position(0), |row| row.entry.position);
        if after > last {
            return Err(Problem::BeyondFeed { last });
        }
    }
    query.after = resumed.unwrap_or(last);
    let (place, now) = (Place::take(&api)?, Instant::now());
    let live = Live {
        api: api.clone(),
        caller,
        query,
        news,
        stage: Stage::Opening,
        heartbeat: limits::STREAM_HEARTBEAT,
        beat_at: now,
        read_at: now,
        _place: place,
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        // Proxies of the nginx kind would hold events back until their buffer is full.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(stream::unfold(live, Live::next)))
}

/// One of the streams that may be open; given back when it is dropped.
struct Place {
    metrics: Metrics,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn take(api: &Api) -> Result<Self, Problem> {
        let permit = api.streams.clone().try_acquire_owned().map_err(|_| Problem::StreamsBusy)?;
        api.metrics.shift(Metric::Streams, "", 1);
        Ok(Self { metrics: api.metrics.clone(), _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.shift(Metric::Streams, "", -1);
    }
}

/// An open stream: what it holds between two pieces is its place in the feed and no rows.
struct Live {
    api: Data<Api>,
    caller: Caller,
    query: FeedQuery,
    news: watch::Receiver<Position>,
    stage: Stage,
    heartbeat: Duration,
    /// When the next heartbeat is due: counted from the last piece, so that news which the filters leave out do not
    /// put it off.
    beat_at: Instant,
    /// When the feed was last read.
    read_at: Instant,
    _place: Place,
}

/// What a stream does next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Say where it begins.
    Opening,
    /// Read on: more may be there.
    Reading,
    /// Wait for the next commit.
    Waiting,
}

impl Live {
    /// The next piece, with what comes after it; none when the stream ends.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let piece = self.piece().await?;
        if !self.caller.is_still_let_in(&self.api).await {
            tracing::info!("a stream ends: its token has ended");
            return None;
        }
        self.beat_at = Instant::now() + self.heartbeat;
        Some((Ok(piece.into()), self))
    }

    async fn piece(&mut self) -> Option<String> {
        loop {
            if self.api.stopping.is_cancelled() {
                return None;
            }
            match self.stage {
                Stage::Opening => {
                    self.stage = Stage::Reading;
                    // The place goes out at once: who is cut off before the first event resumes from it.
                    return Some(format!("retry: {RETRY_MS}\n{}", place(self.query.after)));
                }
                Stage::Reading => {
                    let piece = self.read().await?;
                    if !piece.is_empty() {
                        return Some(piece);
                    }
                }
                Stage::Waiting => {
                    if self.wait().await? {
                        self.stage = Stage::Reading;
                    } else {
                        // The comment keeps proxies awake; the place moves past changes that the filters left out.
                        return Some(format!(":\n{}", place(self.query.after)));
                    }
                }
            }
        }
    }

    /// Waits for news, true, or for the time of a heartbeat, false; none at the end.
    async fn wait(&mut self) -> Option<bool> {
        let after = self.query.after;
        let news = async {
            // Asked as a state and not as an event: nothing is lost when the heartbeat comes first.
            let open = self.news.wait_for(|last| *last > after).await.is_ok();
            tokio::time::sleep_until(self.read_at + limits::STREAM_READ_EVERY).await;
            open
        };
        tokio::select! {
            biased;
            () = self.api.stopping.cancelled() => None,
            () = tokio::time::sleep_until(self.beat_at) => Some(false),
            open = news => open.then_some(true),
        }
    }

    /// The events of the next few changes; none when the feed cannot be read, and the stream then ends.
    async fn read(&mut self) -> Option<String> {
        self.read_at = Instant::now();
        let seen = *self.news.borrow();
        let rows = match self.api.store.feed(self.query.clone()).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(%error, "a stream ends: the feed cannot be read");
                return None;
            }
        };
        let ended = rows.len() < self.query.limit;
        let mut piece = String::new();
        for row in rows {
            self.query.after = row.entry.position;
            piece.push_str(&event(row)?);
        }
        if ended {
            // All up to `seen` has been looked at, and need not be again however few of it fitted the filters.
            self.query.after = self.query.after.max(seen);
            self.stage = Stage::Waiting;
        }
        Some(piece)
    }
}

/// Tells a place without an event: a browser takes it for its `Last-Event-ID`.
fn place(after: Position) -> String {
    format!("id: {after}\n\n")
}

/// One change as an event.
fn event(row: FeedRow) -> Option<String> {
    let position = row.entry.position;
    let kind = row.entry.routing_key.split('.').next().unwrap_or_default().to_owned();
    let row = ChangeRow::new(row)
        .inspect_err(|problem| tracing::error!(%position, ?problem, "a stream ends: a row cannot be written"))
        .ok()?;
    let data = serde_json::to_string(&row).ok()?;
    let mut event = format!("id: {position}\nevent: {kind}\n");
    // An end of line within the data would end the field; JSON has none but between its tokens.
    for line in data.split(['\n', '\r']).filter(|line| !line.is_empty()) {
        event.push_str("data: ");
        event.push_str(line);
        event.push('\n');
    }
    event.push('\n');
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::bench::Bench;

    fn live(bench: &Bench, query: FeedQuery, heartbeat: Duration) -> Live {
        let (now, api) = (Instant::now(), Data::new(bench.api()));
        let place = Place::take(&api).unwrap();
        Live {
            api,
            caller: Caller::machine(),
            query: FeedQuery { limit: limits::FEED_READ_ROWS, ..query },
            news: bench.store.last_position(),
            stage: Stage::Waiting,
            heartbeat,
            beat_at: now + heartbeat,
            read_at: now,
            _place: place,
        }
    }

    #[tokio::test]
    async fn a_quiet_stream_beats_and_its_place_moves_past_what_the_filters_leave_out() {
        let bench = Bench::new();
        let query = FeedQuery { status: Some("completed".into()), ..FeedQuery::default() };
        let mut quiet = live(&bench, query, Duration::from_millis(40));
        assert_eq!(quiet.piece().await.unwrap(), ":\nid: 0\n\n");
        for number in 0..3 {
            bench.sent(number).await;
        }
        quiet.news.wait_for(|last| last.0 == 3).await.unwrap();
        let mut beats = Vec::new();
        while beats.last().is_none_or(|beat| beat != ":\nid: 3\n\n") {
            let (piece, next) = quiet.next().await.unwrap();
            quiet = next;
            beats.push(String::from_utf8(piece.unwrap().to_vec()).unwrap());
        }
        assert!(beats.iter().all(|beat| beat.starts_with(":\nid: ")), "{beats:?}");
    }

    #[tokio::test]
    async fn news_that_the_filters_leave_out_do_not_put_the_heartbeat_off() {
        let bench = Bench::new();
        let query = FeedQuery { status: Some("completed".into()), ..FeedQuery::default() };
        let heartbeat = Duration::from_millis(100);
        // Before the stream begins: its heartbeat counts from there.
        let began = Instant::now();
        let mut busy = live(&bench, query, heartbeat);
        let telling = async {
            for number in 0..u32::MAX {
                bench.sent(number).await;
            }
        };
        let piece = tokio::select! {
            piece = busy.piece() => piece.unwrap(),
            () = telling => unreachable!("it goes on for hours"),
        };
        assert!(piece.starts_with(":\n"), "{piece}");
        assert!(began.elapsed() >= heartbeat);
    }

    #[test]
    fn an_end_of_line_within_a_message_stays_within_its_event() {
        let mut row = Bench::row(7);
        row.entry.body = "{\n\"a\":\r\n1,\r\"b\":2}".into();
        let event = event(row).unwrap();
        assert_eq!(event.matches("\n\n").count(), 1, "{event}");
        assert!(!event.contains('\r'), "{event}");
        assert!(event.lines().filter(|line| !line.is_empty()).all(|line| line.contains(": ")), "{event}");
        let data: String = event.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        assert!(serde_json::from_str::<serde_json::Value>(&data).is_ok(), "{data}");
    }
}
