//! Stored deliveries: the list, one of them, and its very bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::support::{ACCOUNT, Bench, message};

const AT: &str = "2026-11-23T09:59:00Z";

fn ids(page: &Value) -> Vec<String> {
    page["result"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn deliveries_are_listed_newest_first_page_by_page() {
    let bench = Bench::new();
    let mut want = Vec::new();
    for number in 0..5 {
        want.insert(0, bench.tell("envelope-sent", &format!("env-{number}")).await.to_string());
    }
    let (mut seen, mut before) = (Vec::new(), String::new());
    for _ in 0..10 {
        let page = bench.get(&format!("/v1/deliveries?limit=2{before}")).await.json();
        seen.extend(ids(&page));
        match page["next_cursor"].as_str() {
            Some(cursor) => before = format!("&before={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, want);
}

#[actix_web::test]
async fn deliveries_are_narrowed_by_outcome_and_account() {
    let bench = Bench::new();
    let first = bench.tell("envelope-sent", "env-a").await.to_string();
    let body = message("envelope-sent", "env-a", AT.parse().unwrap());
    bench.clock.advance(jiff::SignedDuration::from_secs(1));
    let (outcome, again) = bench.receive(&body).await;
    assert_eq!(outcome, "duplicate");
    bench.clock.advance(jiff::SignedDuration::from_secs(1));
    let (_, unreadable) = bench.receive(b"<x/>").await;
    let found = async |query: &str| ids(&bench.get(&format!("/v1/deliveries?{query}")).await.json());
    assert_eq!(found("outcome=accepted").await, [first.as_str()]);
    assert_eq!(found("outcome=duplicate").await, [again.to_string()]);
    assert_eq!(found("outcome=quarantined").await, [unreadable.to_string()]);
    assert_eq!(found(&format!("account={ACCOUNT}")).await, [again.to_string(), first]);
    assert_eq!(found(&format!("account={ACCOUNT}&outcome=quarantined")).await, Vec::<String>::new());
    assert_eq!(found("account=another").await, Vec::<String>::new());
    for bad in ["outcome=refused", "before=42", "before=x", "limit=0", "after=1"] {
        assert_eq!(bench.get(&format!("/v1/deliveries?{bad}")).await.status, 400, "{bad}");
    }
}

#[actix_web::test]
async fn a_delivery_shows_its_headers_and_its_very_bytes() {
    let bench = Bench::new();
    let body = message("envelope-sent", "env-a", AT.parse().unwrap());
    let (_, id) = bench.receive(&body).await;
    let shown = bench.get(&format!("/v1/deliveries/{id}")).await.json();
    assert_eq!(STANDARD.decode(shown["body_base64"].as_str().unwrap()).unwrap(), body);
    assert_eq!((&shown["body_state"], &shown["outcome"]), (&json!("here"), &json!("accepted")));
    assert_eq!(shown["subject"], json!({"type": "signing_request", "id": "env-a"}));
    assert_eq!(shown["headers"][0], json!(["content-type", "application/json"]));
    let raw = bench.get(&format!("/v1/deliveries/{id}?raw=true")).await;
    assert_eq!(raw.bytes, body);
    assert_eq!(raw.header("content-type"), Some("application/octet-stream"));
    assert_eq!(raw.header("x-content-type-options"), Some("nosniff"));
    assert!(raw.header("content-disposition").is_some_and(|d| d.starts_with("attachment")), "{raw:?}");
    assert_eq!(bench.get(&format!("/v1/deliveries/{id}?raw=maybe")).await.status, 400);
}

#[actix_web::test]
async fn a_large_body_is_streamed_and_not_laid_into_json() {
    let bench = Bench::new();
    let mut event: Value =
        serde_json::from_slice(&message("envelope-sent", "env-a", AT.parse().unwrap())).unwrap();
    event["data"]["envelopeSummary"] = json!({"status": "sent", "envelopeDocuments": [{"documentId": "1", "PDFBytes": "QUJD".repeat(500_000)}]});
    let body = event.to_string().into_bytes();
    let (outcome, id) = bench.receive(&body).await;
    assert_eq!(outcome, "accepted");
    let shown = bench.get(&format!("/v1/deliveries/{id}")).await.json();
    assert_eq!((&shown["body_state"], &shown["body_base64"]), (&json!("large"), &Value::Null));
    assert_eq!(shown["body_bytes"], body.len());
    let raw = bench.get(&format!("/v1/deliveries/{id}?raw")).await;
    assert!(raw.bytes == body, "{} bytes of {}", raw.bytes.len(), body.len());
    std::fs::remove_file(bench.folder.path().join("bodies").join(id.to_string())).unwrap();
    assert_eq!(bench.get(&format!("/v1/deliveries/{id}?raw")).await.status, 410, "its file is gone");
}

#[actix_web::test]
async fn a_delivery_that_never_came_is_not_found_and_an_id_that_is_none_is_refused() {
    let bench = Bench::new();
    assert_eq!(bench.get("/v1/deliveries/0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e").await.status, 404);
    assert_eq!(bench.get("/v1/deliveries/7").await.status, 400);
    assert_eq!(bench.get("/v1/deliveries/..%2f..%2fetc%2fpasswd").await.status, 400);
}

#[actix_web::test]
async fn a_pruned_delivery_is_not_found() {
    let bench = Bench::new();
    let id = bench.tell("envelope-sent", "env-a").await;
    bench.clock.advance(jiff::SignedDuration::from_hours(1));
    bench.tell("envelope-sent", "env-b").await;
    let before = countersign::base::Clock::now(&*bench.clock) - jiff::SignedDuration::from_mins(30);
    assert_eq!(bench.store.prune(before).await.unwrap().deliveries, 1);
    assert_eq!(bench.get(&format!("/v1/deliveries/{id}")).await.status, 404);
}
