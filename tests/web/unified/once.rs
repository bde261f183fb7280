//! Requests with a key: carried out once, answered alike, and never mistaken for one another.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::super::support::{ACCOUNT, Answer, Bench};
use super::super::upstream::{Upstream, writes};
use super::making::{lease, with};
use super::world::{World, over};

const PATH: &str = "/unified/e-signature/signing_requests";

async fn send(bench: &Bench, account: &str, (key, body): (&str, Value)) -> Answer {
    let request = TestRequest::post().uri(&format!("{PATH}?integrated_account_id={account}"));
    bench.ask(request.insert_header(("idempotency-key", key)).set_json(body)).await
}

async fn in_world(world: &World, key: &str, body: Value) -> Answer {
    send(&world.bench, &world.account, (key, body)).await
}

async fn made(world: &World) -> u64 {
    world.json("e-signature/signing_requests?search=Lease%2014").await["result_count"].as_u64().unwrap()
}

#[actix_web::test]
async fn a_request_that_is_sent_again_with_its_key_makes_nothing_again_and_has_the_same_answer() {
    let world = World::new();
    let first = in_world(&world, "key-1", lease()).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (200, None), "{}", first.message());
    for _ in 0..2 {
        let again = in_world(&world, "key-1", lease()).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
        assert_eq!(
            (&again.bytes, again.header("content-type")),
            (&first.bytes, first.header("content-type"))
        );
    }
    assert_eq!(made(&world).await, 1);
    let other = in_world(&world, "key-1", with(lease(), json!({"name": "Lease 14 b"}))).await;
    assert_eq!(other.status, 422, "{}", other.message());
    assert!(other.message().contains("another request"), "{}", other.message());
    // Another key is another request.
    let second = in_world(&world, "key-2", lease()).await;
    assert_eq!((second.status, second.header("idempotent-replayed")), (200, None));
    assert_eq!(made(&world).await, 2);
    assert_ne!(second.json()["id"], first.json()["id"]);
}

#[actix_web::test]
async fn what_is_refused_for_what_it_is_is_refused_again_without_a_call() {
    let upstream = Upstream::start(|_| {
        writes("HTTP/1.1 400 Bad Request\r\n\r\n{\"errorCode\":\"NO\",\"message\":\"No.\"}")
    })
    .await;
    let bench = over(&upstream.url);
    let first = send(&bench, ACCOUNT, ("key-1", lease())).await;
    let calls = upstream.asked().len();
    assert_eq!((first.status, first.header("idempotent-replayed")), (400, None));
    let again = send(&bench, ACCOUNT, ("key-1", lease())).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (400, Some("true")));
    assert_eq!((&again.bytes, upstream.asked().len()), (&first.bytes, calls));
}

#[actix_web::test]
async fn what_failed_is_tried_again_under_the_id_that_it_had_at_docusign() {
    let upstream = Upstream::start(|_| writes("HTTP/1.1 200 OK\r\n\r\nwhat?")).await;
    let bench = over(&upstream.url);
    for _ in 0..2 {
        let told = send(&bench, ACCOUNT, ("key-1", lease())).await;
        assert_eq!((told.status, told.header("idempotent-replayed")), (502, None), "{}", told.message());
    }
    send(&bench, ACCOUNT, ("key-2", lease())).await;
    let posts = upstream.asked().into_iter().filter(|asked| asked.line.starts_with("POST"));
    let ids: Vec<_> = posts
        .map(|asked| serde_json::from_slice::<Value>(&asked.body).unwrap()["transactionId"].clone())
        .collect();
    let half = ids.len() - ids.len() / 3;
    assert!(ids.len() >= 3 && ids[0].is_string(), "{ids:?}");
    assert!(ids[..half].iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(ids[half..].iter().all(|id| *id != ids[0]), "{ids:?}");
    // Another request is none of this key's though nothing was kept for it.
    let other = send(&bench, ACCOUNT, ("key-1", with(lease(), json!({"name": "Other"})))).await;
    assert_eq!(other.status, 422);
}

#[actix_web::test]
async fn of_two_that_are_sent_at_once_one_is_carried_out_and_the_other_told_to_wait() {
    let world = World::new();
    let (one, other) =
        futures_util::join!(in_world(&world, "key", lease()), in_world(&world, "key", lease()));
    let mut both = [one, other];
    both.sort_by_key(|answer| answer.status);
    assert_eq!((both[0].status, both[1].status), (200, 409), "{}", both[1].message());
    let after: u64 = both[1].header("retry-after").unwrap().parse().unwrap();
    assert!((1..=5).contains(&after));
    let again = in_world(&world, "key", lease()).await;
    assert_eq!((again.header("idempotent-replayed"), &again.bytes), (Some("true"), &both[0].bytes));
    assert_eq!(made(&world).await, 1);
}

#[actix_web::test]
async fn what_was_begun_goes_on_though_its_caller_leaves() {
    let began = std::sync::Arc::new(AtomicUsize::new(0));
    let count = began.clone();
    let upstream = Upstream::start(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        writes("HTTP/1.1 403 Forbidden\r\n\r\n{\"errorCode\":\"NO\",\"message\":\"No.\"}")
    })
    .await;
    let bench = Rc::new(over(&upstream.url));
    let asking = Rc::clone(&bench);
    let caller = actix_web::rt::spawn(async move { send(&asking, ACCOUNT, ("key", lease())).await });
    while began.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    caller.abort();
    for tries in 0.. {
        let told = send(&bench, ACCOUNT, ("key", lease())).await;
        if told.status != 409 {
            assert_eq!((told.status, told.header("idempotent-replayed")), (403, Some("true")));
            break;
        }
        assert!(tries < 400, "its answer is never kept");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(began.load(Ordering::SeqCst), 1);
}

#[actix_web::test]
async fn what_can_be_no_key_is_told_and_what_only_reads_needs_none() {
    let world = World::new();
    for key in ["", "  ", "two words", "k\u{fc}y", &"x".repeat(256)] {
        let told = in_world(&world, key, lease()).await;
        assert_eq!(told.status, 400, "{key}: {}", told.message());
    }
    let uri = format!("{PATH}?integrated_account_id={}", world.account);
    let twice = TestRequest::post().uri(&uri).append_header(("idempotency-key", "a"));
    let twice = twice.append_header(("idempotency-key", "b")).set_json(lease());
    assert_eq!(world.bench.ask(twice).await.status, 400);
    assert_eq!(made(&world).await, 0);
    for _ in 0..2 {
        let read = TestRequest::default().method(Method::GET).uri(&uri);
        let told = world.bench.ask(read.insert_header(("idempotency-key", "two words"))).await;
        assert_eq!((told.status, told.header("idempotent-replayed")), (200, None));
    }
}
