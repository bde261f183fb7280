//! Replay over HTTP: what it takes, what it tells, and that a dry run changes nothing.

use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::support::{ACCOUNT, Bench};

/// A store in which the second of three changes was lost.
async fn spoilt() -> (Bench, Value) {
    let bench = Bench::new();
    for event in ["envelope-sent", "envelope-delivered", "envelope-completed"] {
        bench.tell(event, "env-a").await;
    }
    let lost = bench.get("/v1/changes/2").await.json()["change"]["id"].clone();
    let database = rusqlite::Connection::open(bench.folder.path().join("countersign.sqlite")).unwrap();
    database
        .execute_batch("DELETE FROM changes WHERE position = 2; DELETE FROM outbox WHERE position = 2")
        .unwrap();
    (bench, lost)
}

async fn replay(bench: &Bench, wanted: Value) -> Value {
    let answer = bench.post("/v1/replay", Some(wanted)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[actix_web::test]
async fn a_lost_change_is_told_then_published_and_then_no_longer_missing() {
    let (bench, lost) = spoilt().await;
    let dry = replay(&bench, json!({})).await;
    assert_eq!((&dry["counts"]["missing"], &dry["counts"]["same"]), (&json!(1), &json!(2)), "{dry:#}");
    let finding = &dry["result"][0];
    assert_eq!((&finding["finding"], &finding["id"]), (&json!("missing"), &lost));
    assert_eq!(finding["routing_key"], format!("signing_request.delivered.{ACCOUNT}"));
    assert_eq!((&finding["position"], &finding["published"]), (&Value::Null, &json!(false)));
    assert_eq!(bench.get("/v1/changes").await.json()["result"].as_array().map(Vec::len), Some(2));

    let done = replay(&bench, json!({"ids": [lost]})).await;
    assert_eq!((&done["result"][0]["published"], &done["counts"]["published"]), (&json!(true), &json!(1)));
    let newest = bench.get("/v1/changes?order=desc&limit=1").await.json()["result"][0].clone();
    assert_eq!((&newest["change"]["id"], &newest["sequence"]), (&lost, &json!(4)));
    assert_eq!(
        (&newest["change"]["origin"], &newest["change"]["verdict"]),
        (&json!("replay"), &json!("late"))
    );
    assert_eq!(replay(&bench, json!({"publish": "all"})).await["counts"]["missing"], 0);
    let books = bench.get("/v1/books").await.json();
    assert_eq!(books["equations"][2]["name"], "changes");
    assert_eq!(books["equations"][2]["difference"], 0, "what replay made is in the books: {books:#}");
}

#[actix_web::test]
async fn what_a_replay_cannot_take_is_refused_with_the_reason() {
    let bench = Bench::new();
    for (body, word) in [
        (json!({"from": "yesterday"}), "`from`"),
        (json!({"to": "1"}), "`to`"),
        (json!({"after": "-1"}), "`after`"),
        (json!({"publish": "extra"}), "`publish`"),
        (json!({"publsh": "all"}), "publsh"),
        (json!({"ids": vec!["0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e"; 1_001]}), "1000 ids"),
    ] {
        let answer = bench.post("/v1/replay", Some(body)).await;
        assert_eq!(answer.status, 400, "{word}");
        assert!(answer.message().contains(word), "{word}: {}", answer.message());
    }
    let empty = replay(&bench, json!({"from": "2026-01-01T00:00:00Z", "to": null})).await;
    assert_eq!((&empty["total"], &empty["next_cursor"]), (&json!(0), &Value::Null));
}

#[actix_web::test]
async fn a_replay_needs_the_token() {
    let bench = Bench::with_token(Some("t0ken"));
    let request = || TestRequest::post().uri("/v1/replay").set_json(json!({"publish": "all"}));
    assert_eq!(bench.ask(request()).await.status, 401);
    assert_eq!(bench.ask(request().insert_header(("authorization", "Bearer t0ken"))).await.status, 200);
}
