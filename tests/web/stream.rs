//! Server-sent events: order, resuming, waking, bounds and the end.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::test::TestRequest;
use countersign::base::limits;
use serde_json::Value;
use tokio::time::timeout;

use super::support::{Bench, HERE};

/// More than enough on a busy machine; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// One event as a browser would see it.
#[derive(Debug, Default, PartialEq)]
struct Event {
    id: Option<u64>,
    kind: String,
    data: Option<Value>,
}

/// An open stream, read event by event.
struct Reader<B> {
    body: Pin<Box<B>>,
    rest: String,
}

impl<B: MessageBody> Reader<B> {
    /// The next block, or none at the stream's end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.rest.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.rest = rest;
                return Some(block);
            }
            let body = &mut self.body;
            let chunk = timeout(PATIENCE, poll_fn(|context| body.as_mut().poll_next(context)));
            let chunk = chunk.await.expect("something in time")?.ok().expect("a sound body");
            self.rest.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next change, leaving out comments and bare places.
    async fn change(&mut self) -> Option<Event> {
        loop {
            let event = parse(&self.block().await?);
            if event.data.is_some() {
                return Some(event);
            }
        }
    }

    async fn positions(&mut self, count: usize) -> Vec<u64> {
        let mut seen = Vec::new();
        while seen.len() < count {
            seen.push(self.change().await.expect("an event").id.expect("an id"));
        }
        seen
    }
}

fn parse(block: &str) -> Event {
    let mut event = Event::default();
    let mut data = String::new();
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("id", id)) => event.id = id.parse().ok(),
            Some(("event", kind)) => event.kind = kind.to_owned(),
            Some(("data", part)) => data.push_str(part),
            _ => {}
        }
    }
    event.data = serde_json::from_str(&data).ok();
    event
}

async fn open(bench: &Bench, query: &str, last: Option<&str>) -> Reader<impl MessageBody + use<>> {
    let mut request = TestRequest::get().uri(&format!("/v1/changes/stream{query}"));
    if let Some(last) = last {
        request = request.insert_header(("Last-Event-ID", last));
    }
    let answer = bench.open(HERE, request).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers().get("content-type").unwrap(), "text/event-stream");
    Reader { body: Box::pin(answer.into_body()), rest: String::new() }
}

#[actix_web::test]
async fn a_stream_tells_what_was_and_then_what_comes() {
    let bench = Bench::new();
    bench.tell("envelope-sent", "env-a").await;
    bench.tell("recipient-completed", "env-a").await;
    let mut stream = open(&bench, "?after=0", None).await;
    assert_eq!(parse(&stream.block().await.unwrap()).id, Some(0), "the place, at once");
    let first = stream.change().await.unwrap();
    assert_eq!((first.id, first.kind.as_str()), (Some(1), "signing_request"));
    assert_eq!(first.data.unwrap(), bench.get("/v1/changes/1").await.json(), "the row as in the list");
    assert_eq!(stream.change().await.unwrap().kind, "participant");
    for envelope in ["env-b", "env-c"] {
        bench.tell("envelope-sent", envelope).await;
    }
    assert_eq!(stream.positions(2).await, [3, 4]);
}

#[actix_web::test]
async fn a_stream_without_a_place_begins_at_the_end() {
    let bench = Bench::new();
    bench.tell("envelope-sent", "env-a").await;
    // A delivery is answered a moment before its change is announced.
    let mut announced = bench.store.last_position();
    announced.wait_for(|last| last.0 == 1).await.unwrap();
    let mut stream = open(&bench, "", None).await;
    assert_eq!(parse(&stream.block().await.unwrap()).id, Some(1));
    bench.tell("envelope-completed", "env-a").await;
    assert_eq!(stream.positions(1).await, [2]);
}

#[actix_web::test]
async fn a_lost_stream_is_resumed_where_it_was_and_the_header_wins() {
    let bench = Bench::new();
    for number in 0..40 {
        bench.tell("envelope-sent", &format!("env-{number}")).await;
    }
    let mut stream = open(&bench, "?after=2", None).await;
    let mut seen = stream.positions(20).await;
    drop(stream);
    let last = seen.last().unwrap().to_string();
    let mut resumed = open(&bench, "?after=2", Some(&last)).await;
    seen.extend(resumed.positions(18).await);
    assert_eq!(seen, (3..=40).collect::<Vec<u64>>());
}

#[actix_web::test]
async fn filters_leave_out_events_but_not_the_way_past_them() {
    let bench = Bench::new();
    let mut stream = open(&bench, "?signing_request=env-9&status=completed", None).await;
    for number in 0..10 {
        bench.tell("envelope-sent", &format!("env-{number}")).await;
    }
    bench.tell("envelope-completed", "env-8").await;
    bench.tell("envelope-completed", "env-9").await;
    assert_eq!(stream.positions(1).await, [12]);
}

#[actix_web::test]
async fn a_place_of_another_store_is_refused_rather_than_waited_for() {
    let bench = Bench::new();
    bench.tell("envelope-sent", "env-a").await;
    for (query, last) in [("?after=2", None), ("", Some("5000"))] {
        let mut request = TestRequest::get().uri(&format!("/v1/changes/stream{query}"));
        if let Some(last) = last {
            request = request.insert_header(("Last-Event-ID", last));
        }
        let answer = bench.ask(request).await;
        assert_eq!(answer.status, 409, "{query} {last:?}");
        assert!(answer.message().contains("ends at position 1"), "{}", answer.message());
    }
}

#[actix_web::test]
async fn a_stream_that_cannot_be_asked_for_is_refused() {
    let bench = Bench::new();
    for query in ["?after=x", "?limit=5", "?order=desc", "?status=a.b"] {
        assert_eq!(bench.get(&format!("/v1/changes/stream{query}")).await.status, 400, "{query}");
    }
    for last in ["x", "-1", "1 2", ""] {
        let request = TestRequest::get().uri("/v1/changes/stream").insert_header(("Last-Event-ID", last));
        assert_eq!(bench.ask(request).await.status, 400, "{last:?}");
    }
}

#[actix_web::test]
async fn streams_are_bounded_and_a_place_comes_free_when_one_is_gone() {
    let bench = Bench::new();
    let mut open_ones = Vec::new();
    for _ in 0..limits::STREAMS_MAX {
        open_ones.push(bench.open(HERE, TestRequest::get().uri("/v1/changes/stream")).await);
    }
    let metrics = String::from_utf8(bench.get("/metrics").await.bytes.to_vec()).unwrap();
    assert!(metrics.contains(&format!("countersign_streams {}", limits::STREAMS_MAX)), "{metrics}");
    let one_more = bench.get("/v1/changes/stream").await;
    assert_eq!((one_more.status, one_more.header("retry-after")), (503, Some("5")));
    assert_eq!(one_more.json()["error"], "Service Unavailable");
    drop(open_ones.pop());
    assert_eq!(bench.open(HERE, TestRequest::get().uri("/v1/changes/stream")).await.status(), 200);
    drop(open_ones);
    let metrics = String::from_utf8(bench.get("/metrics").await.bytes.to_vec()).unwrap();
    assert!(metrics.contains("countersign_streams 0"), "{metrics}");
}

#[actix_web::test]
async fn streams_end_when_the_process_stops() {
    let bench = Bench::new();
    let mut waiting = open(&bench, "", None).await;
    waiting.block().await.unwrap();
    let stopping = bench.stopping.clone();
    let (rest, ()) = tokio::join!(waiting.block(), async move {
        // The other side is waiting for news by now, or will be told as soon as it does.
        tokio::task::yield_now().await;
        stopping.cancel();
    });
    assert_eq!(rest, None);
}

#[actix_web::test]
async fn streams_end_when_the_store_is_closed() {
    let bench = Bench::new();
    let mut waiting = open(&bench, "", None).await;
    waiting.block().await.unwrap();
    bench.store.close().await;
    assert_eq!(waiting.block().await, None);
}
