//! Health, version, metrics and totals.

use actix_web::test::TestRequest;
use countersign::web::{BrokerView, TopologyFault};
use serde_json::{Value, json};

use super::reference::linked;
use super::support::{Answer, Bench, HERE};

fn part(answer: &Answer, name: &str) -> Value {
    let parts = answer.json()["parts"].clone();
    parts.as_array().unwrap().iter().find(|part| part["part"] == name).cloned().expect("the part")
}

fn away() -> BrokerView {
    BrokerView {
        configured: true,
        error: Some("connection refused by broker.internal".into()),
        faults: vec![TopologyFault { part: "countersign.audit".into(), why: "NOT_FOUND".into() }],
        ..BrokerView::default()
    }
}

#[actix_web::test]
async fn a_lost_broker_does_not_make_it_unready() {
    let bench = Bench::new();
    assert_eq!(bench.get("/readyz").await.json(), json!({"status": "ready"}));
    *bench.broker.lock().unwrap() = away();
    let answer = bench.get("/readyz?verbose").await;
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("ready")));
    assert_eq!(part(&answer, "broker")["status"], "degraded");
    assert_eq!(part(&answer, "topology")["why"], json!(["countersign.audit: NOT_FOUND"]));
    assert_eq!(part(&answer, "store")["status"], "up");
    bench.broker.lock().unwrap().faults.clear();
    let answer = bench.get("/readyz?verbose").await;
    assert_eq!(part(&answer, "topology")["status"], "degraded", "nobody knows while the broker is away");
    bench.broker.lock().unwrap().connected = true;
    let answer = bench.get("/readyz?verbose").await;
    assert_eq!([&part(&answer, "broker")["status"], &part(&answer, "topology")["status"]], ["up", "up"]);
    bench.broker.lock().unwrap().blocked = true;
    let answer = bench.get("/readyz?verbose").await;
    assert_eq!((answer.status, &part(&answer, "broker")["status"]), (200, &json!("degraded")));
}

#[actix_web::test]
async fn why_something_is_wrong_is_told_only_to_those_who_are_let_in() {
    let bench = Bench::with_token(Some("t0ken"));
    *bench.broker.lock().unwrap() = away();
    let stranger = bench.get("/readyz?verbose").await;
    assert_eq!(stranger.status, 200);
    assert!(!String::from_utf8_lossy(&stranger.bytes).contains("broker.internal"), "{stranger:?}");
    assert_eq!(part(&stranger, "broker")["status"], "degraded", "that it is wrong, everyone may know");
    let known = TestRequest::get().uri("/readyz?verbose").insert_header(("authorization", "Bearer t0ken"));
    assert!(part(&bench.ask(known).await, "broker")["why"].to_string().contains("broker.internal"));
}

#[actix_web::test]
async fn keys_that_are_missing_or_cannot_be_reloaded_are_named() {
    let bench = Bench::new();
    {
        let mut keys = bench.keys.lock().unwrap();
        keys.without_keys = vec!["partner".into()];
        keys.reload_error = Some("the file is empty".into());
    }
    let answer = bench.get("/readyz?verbose=true").await;
    assert_eq!(answer.status, 200);
    let why = part(&answer, "keys")["why"].to_string();
    assert!(why.contains("`partner`") && why.contains("the file is empty"), "{why}");
}

#[actix_web::test]
async fn a_store_that_cannot_write_and_a_process_that_stops_are_unready() {
    let bench = Bench::new();
    bench.store.close().await;
    let answer = bench.get("/readyz?verbose").await;
    assert_eq!((answer.status, &answer.json()["status"]), (503, &json!("unready")));
    assert_eq!(part(&answer, "store")["status"], "down");
    assert_eq!(bench.get("/livez").await.status, 200, "alive all the same");

    let bench = Bench::new();
    assert_eq!(bench.get("/readyz").await.status, 200);
    bench.stopping.cancel();
    assert_eq!(bench.get("/readyz").await.status, 503);
}

#[actix_web::test]
async fn a_closed_store_is_answered_503_and_its_inner_words_stay_inside() {
    let bench = Bench::new();
    bench.store.close().await;
    for path in
        ["/v1/changes", "/v1/deliveries", "/v1/totals", "/v1/quarantine", "/v1/signing-requests/x/timeline"]
    {
        let answer = bench.get(path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert!(answer.header("retry-after").is_some(), "{path}");
        assert!(!answer.message().contains("clos"), "{path}: {}", answer.message());
    }
    assert_eq!(bench.get("/metrics").await.status, 200, "metrics are wanted most in an outage");
}

#[actix_web::test]
async fn the_version_is_told() {
    let version = Bench::new().get("/version").await.json();
    let want = json!({"name": "countersign", "version": "1.2.3", "commit": null, "started_at": "2026-11-23T09:00:00Z"});
    assert_eq!(version, want);
}

#[actix_web::test]
async fn metrics_show_the_store_as_it_is_and_every_name_from_the_start() {
    let bench = Bench::new();
    bench.tell("envelope-sent", "env-a").await;
    bench.tell("envelope-completed", "env-a").await;
    bench.receive(b"<x/>").await;
    bench.clock.advance(jiff::SignedDuration::from_secs(90));
    let answer = bench.get("/metrics").await;
    assert!(
        answer.header("content-type").is_some_and(|kind| kind.starts_with("application/openmetrics-text"))
    );
    let text = String::from_utf8(answer.bytes.to_vec()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for want in [
        "countersign_backlog 2",
        "countersign_quarantined 1",
        "countersign_enrich_pending 1",
        "countersign_deliveries_total{outcome=\"accepted\"} 2",
        "countersign_deliveries_total{outcome=\"quarantined\"} 1",
        "countersign_deliveries_total{outcome=\"refused\"} 0",
        "countersign_refusals_total{reason=\"signature_wrong\"} 0",
        "countersign_published_total 0",
        "# EOF",
    ] {
        assert!(lines.contains(&want), "{want} is not in\n{text}");
    }
    let age = lines.iter().find_map(|line| line.strip_prefix("countersign_backlog_age_seconds ")).unwrap();
    assert!((90..=95).contains(&age.parse::<u64>().unwrap()), "{age}");
}

#[actix_web::test]
async fn totals_balance() {
    let bench = Bench::new();
    bench.tell("envelope-sent", "env-a").await;
    let at = "2026-11-23T09:00:00Z".parse().unwrap();
    let body = super::support::message("envelope-sent", "env-a", at);
    assert_eq!(bench.receive(&body).await.0, "duplicate");
    bench.receive(b"<x/>").await;
    let forged = TestRequest::post()
        .uri("/connect")
        .insert_header(("x-docusign-signature-1", "bm90IGl0"))
        .set_payload(body);
    let refused = bench.ask_from(HERE, forged).await;
    assert_eq!((refused.status, refused.header("content-type")), (401, Some("application/json")));
    let totals = bench.get("/v1/totals").await.json();
    for (name, want) in [
        ("accepted", 1),
        ("duplicates", 1),
        ("quarantined", 1),
        ("signing_requests", 1),
        ("changes", 1),
        ("published", 0),
        ("backlog", 1),
        ("enrich_pending", 1),
    ] {
        assert_eq!(totals[name], want, "{name}: {totals}");
    }
    assert_eq!(totals["since_start"], json!({"at": "2026-11-23T09:00:00Z", "refused": 1, "enriched": 0}));
    assert_eq!(bench.get("/v1/totals?x=1").await.status, 400);
}

#[actix_web::test]
async fn books_that_do_not_balance_are_shown_everywhere_and_stop_nothing() {
    let bench = Bench::new();
    bench.tell("envelope-sent", "env-a").await;
    let books = bench.get("/v1/books?deep").await.json();
    assert_eq!(books["balanced"], true, "{books:#}");
    assert_eq!(books["equations"].as_array().map(Vec::len), Some(14));
    assert_eq!(part(&bench.get("/readyz?verbose").await, "books")["status"], "up");

    let bench = Bench::new();
    bench.tell("envelope-sent", "env-a").await;
    // Somebody takes a change from the outbox that no broker has confirmed.
    let database = rusqlite::Connection::open(bench.folder.path().join("countersign.sqlite")).unwrap();
    assert_eq!(database.execute("DELETE FROM outbox", []).unwrap(), 1);
    let books = bench.get("/v1/books?deep").await.json();
    assert_eq!(books["balanced"], false);
    let wrong: Vec<_> =
        books["equations"].as_array().unwrap().iter().filter(|e| e["difference"] != 0).cloned().collect();
    assert_eq!((&wrong[0]["name"], &wrong[0]["difference"]), (&json!("outbox"), &json!(1)), "{wrong:#?}");
    assert_eq!((&wrong[1]["name"], &wrong[1]["left"]), (&json!("stranded"), &json!(1)), "{wrong:#?}");
    let ready = bench.get("/readyz?verbose").await;
    assert_eq!((ready.status, &part(&ready, "books")["status"]), (200, &json!("degraded")));
    assert!(part(&ready, "books")["why"][0].as_str().unwrap().starts_with("outbox: "), "{ready:?}");
    let totals = bench.get("/v1/totals").await.json();
    assert_eq!(totals["imbalances"].as_array().map(Vec::len), Some(1));
    let metrics = bench.get("/metrics").await;
    let text = String::from_utf8_lossy(&metrics.bytes).into_owned();
    assert!(text.contains("countersign_books_imbalance{equation=\"outbox\"} 1\n"), "{text}");
    assert!(text.contains("countersign_books_imbalance{equation=\"deliveries\"} 0\n"), "{text}");
}

#[actix_web::test]
async fn each_milestone_has_a_counter() {
    let bench = Bench::new();
    bench.tell("envelope-sent", "env-a").await;
    bench.receive(b"<not a message>").await;
    let text = String::from_utf8_lossy(&bench.get("/metrics").await.bytes).into_owned();
    for (milestone, count) in
        [("received", 2), ("verified", 2), ("stored", 2), ("published", 0), ("enriched", 0)]
    {
        let line = format!("countersign_milestones_total{{milestone=\"{milestone}\"}} {count}\n");
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    assert!(text.contains("\ncountersign_receiving 0\n"), "both have ended: {text}");
}

#[actix_web::test]
async fn linked_accounts_are_counted_by_their_state() {
    let bench = Bench::new();
    linked(&bench).await;
    let told = String::from_utf8(bench.get("/metrics").await.bytes.to_vec()).unwrap();
    for (state, count) in [("active", 0), ("needs_reauth", 1)] {
        let line = format!("countersign_accounts{{state=\"{state}\"}} {count}");
        assert!(told.contains(&line), "{line}: {told}");
    }
}
