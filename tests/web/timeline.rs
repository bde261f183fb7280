//! The life of a signing request: one list in the order of time.

use countersign::base::Clock;
use countersign::signing::enriched::{Enriched, Failure};
use countersign::store::EnrichedChange;
use serde_json::{Value, json};

use super::support::{ACCOUNT, Bench};

/// Gives up the fetch of all that is due, as the enricher does after its last attempt.
async fn give_up(bench: &Bench) {
    bench.clock.advance(jiff::SignedDuration::from_secs(2));
    let now = bench.clock.now();
    for claim in bench.store.claim_enrichments(now, 10).await.unwrap() {
        let enriched = Enriched {
            account: claim.account.clone(),
            integrated_account: None,
            signing_request: claim.signing_request.clone(),
            known_status: claim.status,
            covers: claim.covers.iter().map(|covered| (covered.id, covered.sequence)).collect(),
            received_at: now,
            carried_by: None,
            result: Err(Failure {
                code: "ENVELOPE_NOT_FOUND".into(),
                message: "gone".into(),
                status: Some(404),
                trace_token: None,
                attempts: 1,
            }),
        };
        let change = EnrichedChange {
            id: enriched.id(),
            routing_key: enriched.routing_key(),
            occurred_at: enriched.occurred_at(),
            received_at: now,
            body: Box::new(move |sequence| enriched.body(sequence)),
        };
        bench.store.complete_enrichment(claim, change).await.unwrap();
    }
}

fn words(timeline: &Value) -> Vec<String> {
    let miles = timeline["milestones"].as_array().unwrap();
    let told = |mile: &Value| match mile["milestone"].as_str().unwrap() {
        "received" => format!("received {}", mile["delivery"]["event"].as_str().unwrap()),
        "verified" => "verified".to_owned(),
        other => format!("{other} {}", mile["change"]["sequence"]),
    };
    miles.iter().map(told).collect()
}

#[actix_web::test]
async fn deliveries_and_changes_are_one_list_in_the_order_of_time() {
    let bench = Bench::new();
    bench.tell("envelope-sent", "env-a").await;
    bench.tell("recipient-completed", "env-a").await;
    give_up(&bench).await;
    bench.tell("envelope-completed", "env-a").await;
    let found = bench.get("/v1/signing-requests/ENV-A/timeline").await.json();
    let timeline = &found["result"][0];
    assert_eq!(
        words(timeline),
        [
            "received envelope-sent",
            "verified",
            "stored 1",
            "received recipient-completed",
            "verified",
            "stored 2",
            "enriched 3",
            "received envelope-completed",
            "verified",
            "stored 4",
        ]
    );
    let at: Vec<_> =
        timeline["milestones"].as_array().unwrap().iter().map(|m| m["at"].as_str().unwrap()).collect();
    assert!(at.is_sorted(), "{at:?}");
    assert_eq!(timeline["milestones"][6]["covers"], json!([1, 2]));
    assert_eq!(
        timeline["milestones"][2]["change"]["delivery_id"],
        timeline["milestones"][0]["delivery"]["id"]
    );
    assert_eq!(timeline["milestones"][1]["delivery_id"], timeline["milestones"][0]["delivery"]["id"]);
    assert_eq!(timeline["milestones"][6]["took_ms"], 3_500, "since the first change that it answers");
    assert_eq!(timeline["signing_request"]["status"], json!({"id": "completed", "name": "Completed"}));
    assert_eq!(timeline["participants"][0]["status"]["id"], "completed");
    assert!(
        timeline["enrichment"]["due_at"].is_string(),
        "the last change is still to be fetched: {timeline}"
    );
}

#[actix_web::test]
async fn each_account_has_a_timeline_of_its_own() {
    let bench = Bench::new();
    bench.tell("envelope-sent", "env-a").await;
    let at = bench.clock.now();
    let other = String::from_utf8(super::support::message("envelope-completed", "env-a", at)).unwrap();
    let other = other.replace(ACCOUNT, "another-account");
    assert_eq!(bench.receive(other.as_bytes()).await.0, "accepted");
    let both = bench.get("/v1/signing-requests/env-a/timeline").await.json();
    let accounts: Vec<_> = both["result"].as_array().unwrap().iter().map(|t| t["account"].clone()).collect();
    assert_eq!(accounts, [json!(ACCOUNT), json!("another-account")]);
    let one = bench.get("/v1/signing-requests/env-a/timeline?account=Another-Account").await.json();
    assert_eq!(one["result"].as_array().map(Vec::len), Some(1));
    assert_eq!(one["result"][0]["signing_request"]["status"]["id"], "completed");
}

#[actix_web::test]
async fn a_signing_request_that_nobody_told_of_is_not_found() {
    let bench = Bench::new();
    bench.tell("envelope-sent", "env-a").await;
    for path in ["env-b", "env-a?account=nobody", "%00", "a%2fb"] {
        let (id, query) = path.split_once('?').map_or((path, String::new()), |(i, q)| (i, format!("?{q}")));
        assert_eq!(
            bench.get(&format!("/v1/signing-requests/{id}/timeline{query}")).await.status,
            404,
            "{path}"
        );
    }
    assert_eq!(bench.get("/v1/signing-requests/env-a/timeline?limit=1").await.status, 400);
    let long = "x".repeat(300);
    assert_eq!(bench.get(&format!("/v1/signing-requests/{long}/timeline")).await.status, 400);
}

#[actix_web::test]
async fn what_is_missing_is_told_with_the_reason_and_since_when() {
    let bench = Bench::new();
    bench.tell("envelope-sent", "env-a").await;
    let missing = async || {
        bench.get("/v1/signing-requests/env-a/timeline").await.json()["result"][0]["missing"].clone()
    };
    let told = missing().await;
    assert_eq!((&told[0]["what"], &told[1]), (&json!("enriched"), &Value::Null), "no broker is set: {told}");
    *bench.broker.lock().unwrap() = countersign::web::BrokerView {
        configured: true,
        error: Some("connection refused".into()),
        ..countersign::web::BrokerView::default()
    };
    let told = missing().await;
    let (what, since) = (&told[0]["what"], &told[0]["since"]);
    assert_eq!((what, since), (&json!("published"), &json!(bench.clock.now().to_string())), "{told}");
    assert_eq!(told[0]["why"], "the broker is down: connection refused");
}
