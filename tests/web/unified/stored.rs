//! `source=store`: signing requests as they are known here, without a call of DocuSign's.

use countersign::base::{AccountId, ChangeId, Clock as _, limits};
use countersign::signing::change::routing_key;
use countersign::store::EnrichedChange;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::support::{ACCOUNT, Bench};
use super::super::upstream::{Upstream, writes};
use super::world::over;

fn envelope(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// Fetches whatever waits, as an object that tells of itself; its number is the last digit of its id.
async fn enrich(bench: &Bench) {
    let at = bench.clock.now();
    let due = at.checked_add(limits::ENRICH_COALESCE).unwrap();
    for (number, claim) in bench.store.claim_enrichments(due, 100).await.unwrap().into_iter().enumerate() {
        let id = claim.signing_request.as_str().to_owned();
        let digit = id.chars().last().unwrap();
        let request = json!({
            "id": id, "name": format!("Lease {digit}"), "status": {"id": "sent", "name": "Sent"},
            "created_at": format!("2026-11-2{digit}T10:00:00Z"), "updated_at": format!("2026-11-2{digit}T10:00:00Z"),
            "collections": [{"id": format!("f-{digit}"), "name": "Sent"}],
            "custom_fields": [{"id": "1", "name": "Case", "value": digit.to_string()}],
            "participants": [{"id": "1", "name": "Ann Lee", "emails": [{"email": format!("ann{digit}@example.com")}],
                "status": {"id": "sent", "name": "Sent"}}],
        });
        let change = EnrichedChange {
            id: ChangeId(Uuid::from_u128(number as u128 + 1)),
            routing_key: routing_key("enriched", "sent", &AccountId::new(ACCOUNT)),
            occurred_at: at,
            received_at: at,
            body: Box::new(move |_| json!({"signing_request": request, "error": null}).to_string()),
        };
        bench.store.complete_enrichment(claim, change).await.unwrap();
    }
}

fn path(rest: &str) -> String {
    format!("/unified/e-signature/signing_requests{rest}source=store&integrated_account_id={ACCOUNT}")
}

async fn ask(bench: &Bench, rest: &str) -> Value {
    let answer = bench.get(&path(rest)).await;
    assert_eq!(answer.status, 200, "{rest}: {}", String::from_utf8_lossy(&answer.bytes));
    answer.json()
}

fn ids(page: &Value) -> Vec<String> {
    page["result"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn signing_requests_are_known_without_a_call_and_each_tells_its_age() {
    let upstream = Upstream::start(|_| writes("HTTP/1.1 200 OK\r\n\r\n{}")).await;
    let bench = over(&upstream.url);
    for number in 0..7 {
        bench.tell("envelope-sent", &envelope(number)).await;
    }
    enrich(&bench).await;
    let read_at = bench.clock.now().to_string();
    bench.tell("envelope-completed", &envelope(3)).await;
    let told_at = bench.clock.now().to_string();
    bench.tell("envelope-sent", &envelope(7)).await;
    let one = ask(&bench, &format!("/{}?", envelope(3))).await;
    assert_eq!((&one["name"], &one["status"]["id"]), (&json!("Lease 3"), &json!("completed")));
    assert_eq!(one["source"], json!({"from": "store", "as_of": read_at, "status_as_of": told_at}));
    let two = ask(&bench, &format!("/{}?", envelope(2))).await;
    assert_eq!((&two["status"]["id"], &two["source"]["status_as_of"]), (&json!("sent"), &Value::Null));
    let partial = ask(&bench, &format!("/{}?", envelope(7))).await;
    assert_eq!((&partial["is_partial_response"], &partial["source"]["as_of"]), (&json!(true), &Value::Null));
    for (rest, status) in [(format!("/{}?", envelope(9)), 404), ("/no%20id?".to_owned(), 404)] {
        assert_eq!(bench.get(&path(&rest)).await.status, status, "{rest}");
    }
    let bad = bench.get(&path("?").replace("source=store", "source=memory")).await;
    assert_eq!(bad.status, 400, "{}", bad.message());
    assert!(upstream.asked().is_empty(), "{:?}", upstream.asked());
}

#[actix_web::test]
async fn those_of_an_account_are_walked_either_way_and_each_is_there_once() {
    let upstream = Upstream::start(|_| writes("HTTP/1.1 200 OK\r\n\r\n{}")).await;
    let bench = over(&upstream.url);
    for number in 0..7 {
        bench.tell("envelope-sent", &envelope(number)).await;
    }
    let all: Vec<_> = (0..9).map(envelope).collect();
    let (mut cursor, mut seen, mut pages) = (String::new(), Vec::new(), Vec::new());
    loop {
        let page = ask(&bench, &format!("?limit=3&next_cursor={cursor}&")).await;
        seen.extend(ids(&page));
        assert_eq!(page["prev_cursor"].is_null(), pages.is_empty());
        let next = page["next_cursor"].as_str().map(str::to_owned);
        if pages.is_empty() {
            bench.tell("envelope-sent", &envelope(7)).await;
            bench.tell("envelope-completed", &envelope(0)).await;
            bench.tell("envelope-sent", &envelope(8)).await;
        }
        pages.push(page);
        let Some(next) = next else { break };
        cursor = next;
    }
    assert_eq!(seen, all);
    assert_eq!(pages.len(), 3, "no page is empty");
    let mut back = pages[2].clone();
    for page in [1, 0] {
        let cursor = back["prev_cursor"].as_str().unwrap().to_owned();
        back = ask(&bench, &format!("?limit=3&next_cursor={cursor}&")).await;
        assert_eq!(ids(&back), ids(&pages[page]));
    }
    assert!(back["prev_cursor"].is_null());
    let forth =
        ask(&bench, &format!("?limit=3&next_cursor={}&", back["next_cursor"].as_str().unwrap())).await;
    assert_eq!(ids(&forth), ids(&pages[1]));
    let lines = bench.get(&path("?truto_response_format=stream&limit=4&")).await;
    assert_eq!(lines.bytes.iter().filter(|byte| **byte == b'\n').count(), 9);
    assert!(upstream.asked().is_empty());
}

#[actix_web::test]
async fn filters_hold_for_what_is_known_too() {
    let upstream = Upstream::start(|_| writes("HTTP/1.1 200 OK\r\n\r\n{}")).await;
    let bench = over(&upstream.url);
    for number in 0..7 {
        bench.tell("envelope-sent", &envelope(number)).await;
    }
    enrich(&bench).await;
    bench.tell("envelope-completed", &envelope(3)).await;
    for (filter, want) in [
        ("status=completed", vec![3]),
        ("status=sent,completed", (0..7).collect()),
        ("created_at[gt]=2026-11-24T10:00:00Z", vec![5, 6]),
        ("created_at[lt]=2026-11-21T10:00:00Z", vec![0]),
        // Since its status was told.
        ("updated_at[gt]=2026-11-26", vec![6]),
        ("collections[id]=F-4", vec![4]),
        ("custom_field=case%3D5", vec![5]),
        ("search=ANN2", vec![2]),
        ("search=lease", (0..7).collect()),
        ("search=nobody", vec![]),
        ("status=sent&created_at[gt]=2026-11-22T10:00:00Z&created_at[lt]=2026-11-25", vec![4]),
    ] {
        let page = ask(&bench, &format!("?{filter}&")).await;
        assert_eq!(ids(&page), want.into_iter().map(envelope).collect::<Vec<_>>(), "{filter}");
        assert!(page["next_cursor"].is_null(), "{filter}");
    }
    let first = ask(&bench, "?status=sent&limit=2&").await;
    assert_eq!(ids(&first), [0, 1].map(envelope));
    let next = first["next_cursor"].as_str().unwrap();
    let second = ask(&bench, &format!("?status=sent&limit=2&next_cursor={next}&")).await;
    assert_eq!(ids(&second), [2, 4].map(envelope));
    assert_eq!(bench.get(&path("?custom_field=x&")).await.status, 400);
    assert!(upstream.asked().is_empty());
}
