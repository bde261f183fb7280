//! Quarantine: listed, shown, released, dropped, each at most once.

use serde_json::json;

use super::support::Bench;

const NEVER_CAME: &str = "0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e";

#[actix_web::test]
async fn an_unreadable_delivery_is_listed_with_its_reason_until_it_is_dropped() {
    let bench = Bench::new();
    bench.tell("envelope-sent", "env-a").await;
    let (outcome, id) = bench.receive(b"{\"event\":").await;
    assert_eq!(outcome, "quarantined");
    let list = bench.get("/v1/quarantine").await.json();
    assert_eq!(list["result"].as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(list["result"][0]["id"], id.to_string());
    assert!(list["result"][0]["reason"].as_str().is_some_and(|r| !r.is_empty()), "{list}");
    let shown = bench.get(&format!("/v1/quarantine/{id}")).await.json();
    assert_eq!((&shown["outcome"], &shown["body_state"]), (&json!("quarantined"), &json!("here")));

    let dropped = bench.post(&format!("/v1/quarantine/{id}/drop"), None).await;
    assert_eq!(dropped.status, 200);
    assert_eq!(dropped.json(), json!({"outcome": "dropped", "delivery_id": id.to_string(), "changes": 0}));
    assert_eq!(bench.get("/v1/quarantine").await.json()["result"], json!([]));
    for how in ["drop", "release"] {
        let again = bench.post(&format!("/v1/quarantine/{id}/{how}"), None).await;
        assert_eq!(again.status, 409, "{how}");
        assert!(again.message().contains("`dropped`"), "{}", again.message());
    }
    assert_eq!(bench.get(&format!("/v1/quarantine/{id}")).await.status, 409);
    assert_eq!(bench.get(&format!("/v1/deliveries/{id}")).await.json()["outcome"], "dropped");
}

#[actix_web::test]
async fn a_release_applies_what_can_be_read_now() {
    let bench = Bench::new();
    // Kept out while its account is not on the source's list.
    let allow = |accounts: Vec<countersign::base::AccountId>| {
        let key = secrecy::SecretString::from(super::support::KEY);
        let mut source =
            countersign::receive::Source::new(countersign::base::SourceName::default(), vec![key]);
        source.accounts = accounts;
        bench.receiver.sources.replace(vec![source]);
    };
    allow(vec![countersign::base::AccountId::new("somebody-else")]);
    let at = "2026-11-23T09:59:00Z".parse().unwrap();
    let (outcome, id) = bench.receive(&super::support::message("envelope-sent", "env-a", at)).await;
    assert_eq!(outcome, "quarantined");
    let path = format!("/v1/quarantine/{id}/release");

    let still = bench.post(&path, None).await;
    assert_eq!(still.status, 422);
    assert!(still.message().contains("stays in quarantine"), "{}", still.message());
    assert_eq!(bench.get("/v1/changes").await.json()["result"], json!([]));

    allow(Vec::new());
    let released = bench.post(&path, None).await;
    assert_eq!(released.json(), json!({"outcome": "accepted", "delivery_id": id.to_string(), "changes": 1}));
    assert_eq!(bench.get("/v1/changes/1").await.json()["change"]["origin"], "replay");
    assert_eq!(bench.post(&path, None).await.status, 409, "once");
}

#[actix_web::test]
async fn what_is_not_in_quarantine_cannot_be_resolved() {
    let bench = Bench::new();
    let accepted = bench.tell("envelope-sent", "env-a").await;
    for how in ["release", "drop"] {
        assert_eq!(bench.post(&format!("/v1/quarantine/{accepted}/{how}"), None).await.status, 409);
        assert_eq!(bench.post(&format!("/v1/quarantine/{NEVER_CAME}/{how}"), None).await.status, 404);
        assert_eq!(bench.post(&format!("/v1/quarantine/nonsense/{how}"), None).await.status, 400);
    }
    assert_eq!(bench.get(&format!("/v1/quarantine/{NEVER_CAME}")).await.status, 404);
    assert_eq!(bench.get("/v1/quarantine?outcome=dropped").await.status, 400);
    assert_eq!(bench.get("/v1/deliveries").await.json()["result"][0]["outcome"], "accepted", "untouched");
}

#[actix_web::test]
async fn quarantines_are_listed_page_by_page() {
    let bench = Bench::new();
    let mut want = Vec::new();
    for number in 0..3 {
        bench.clock.advance(jiff::SignedDuration::from_secs(1));
        let (_, id) = bench.receive(format!("<x n='{number}'/>").as_bytes()).await;
        want.insert(0, id.to_string());
    }
    let first = bench.get("/v1/quarantine?limit=2").await.json();
    let cursor = first["next_cursor"].as_str().expect("a cursor").to_owned();
    let second = bench.get(&format!("/v1/quarantine?limit=2&before={cursor}")).await.json();
    let ids = |page: &serde_json::Value| -> Vec<String> {
        page["result"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!([ids(&first), ids(&second)].concat(), want);
    assert!(second["next_cursor"].is_null());
}
