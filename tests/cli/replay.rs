//! `countersign replay` and `countersign trace` against a stand-in for a running server.

use serde_json::{Value, json};

use super::kit::{Answer, Program, Server, countersign};

const LOST: &str = "0d3b4b1e-7f5c-8a4e-9c1d-2f6a7b8c9d0e";

fn run(server: &Server, args: &[&str]) -> Program {
    countersign(args).arg("--url").arg(&server.url).arg("--token").arg("t0ken")
}

fn page(after: Option<&str>) -> Value {
    let (result, notes, next) = if after.is_none() {
        let field = json!({"field": "signing_request.name", "published": "Old\u{1b}[2J", "today": "New"});
        let different = json!({
            "finding": "different", "id": "00000000-0000-8000-8000-000000000007", "account": "acc-1", "subject_id": "sr-1",
            "routing_key": "signing_request.sent.acc-1", "position": 7, "sequence": 1, "fields": [field], "published": false,
        });
        (different, json!([]), json!("256"))
    } else {
        let missing = json!({
            "finding": "missing", "id": LOST, "account": "acc-1", "subject_id": "sr-2",
            "routing_key": "signing_request.completed.acc-1", "position": null, "sequence": null, "fields": [],
            "published": true,
        });
        let note = json!({
            "note": "pruned", "account": "acc-1", "subject_id": "sr-3", "delivery_id": null, "why": "its beginning was pruned",
        });
        (missing, json!([note]), Value::Null)
    };
    json!({
        "result": [result], "notes": notes, "total": 300, "next_cursor": next,
        "counts": {"deliveries": 150, "unapplied": 1, "subjects": 40, "same": 200, "missing": 1, "extra": 0,
                   "different": 1, "published": 1},
    })
}

#[test]
fn a_replay_is_taken_page_by_page_and_told_as_a_table() {
    let server = Server::start(|asked| Answer::Json(200, page(asked.body["after"].as_str())));
    let args = ["replay", "--from", "2026-11-01T00:00:00Z", "--only", "missing"];
    let ended = run(&server, &args).done();
    let bodies: Vec<Value> = server.asked().into_iter().map(|asked| asked.body).collect();
    let from = "2026-11-01T00:00:00Z";
    assert_eq!(bodies[0], json!({"from": from, "publish": "missing"}));
    assert_eq!(bodies[1], json!({"from": from, "publish": "missing", "after": "256"}));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("FINDING"), "{}", ended.stdout);
    assert!(
        lines[1].starts_with("different") && lines[1].contains("signing_request.name: "),
        "{}",
        ended.stdout
    );
    assert!(lines[2].starts_with("missing") && lines[2].ends_with(LOST), "{}", ended.stdout);
    assert!(lines[3].starts_with("300 deliveries (2 of them in quarantine"), "{}", ended.stdout);
    assert!(lines[3].ends_with("2 missing, 2 different, 0 extra; 2 published"), "{}", ended.stdout);
    assert!(
        ended.stderr.contains("warning: sr-3 of account acc-1: its beginning was pruned"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stdout.contains('\u{1b}'));
    let found = run(&server, &["replay", "--dry-run", "--json"]).done().json();
    assert_eq!((&found["counts"]["same"], found["result"].as_array().map(Vec::len)), (&json!(400), Some(2)));
    run(&server, &["replay", LOST]).done();
    assert_eq!(server.asked().last().unwrap().body["ids"], json!([LOST]));
}

#[test]
fn a_replay_that_is_not_told_what_to_publish_publishes_nothing() {
    let server = Server::start(|_| Answer::Json(200, page(Some("1"))));
    for args in [
        &["replay"][..],
        &["replay", "--from", "2026-11-01T00:00:00Z"],
        &["replay", "--dry-run", "--only", "all"],
        &["replay", LOST, "--dry-run"],
        &["replay", "--only", "extra"],
        &["replay", "not-an-id"],
    ] {
        let ended = run(&server, args).ends(2);
        assert!(ended.stderr.contains("error:"), "{args:?}: {}", ended.stderr);
    }
    assert!(server.asked().is_empty());
}

fn timeline() -> Value {
    let change = |sequence: u64, key: &str, verdict: Value| {
        json!({"position": sequence, "id": LOST, "sequence": sequence, "routing_key": key,
               "occurred_at": "2026-11-23T10:00:00Z", "verdict": verdict, "delivery_id": "d-1", "published": sequence < 3})
    };
    let delivery = json!({
        "id": "d-1", "event": "envelope-sent", "outcome": "accepted", "reason": null,
        "received_at": "2026-11-23T10:00:00.04Z", "stored_at": "2026-11-23T10:00:00.045Z",
    });
    json!({"result": [{
        "account": "acc-1",
        "signing_request": {"id": "sr-1", "name": "Lease \u{1b}[2J", "status": {"id": "sent", "name": "Sent"}},
        "participants": [{"id": "1", "name": "Ann", "status": {"id": "sent", "name": "Sent"}}],
        "enrichment": null,
        "milestones": [
            {"milestone": "received", "at": "2026-11-23T10:00:00Z", "delivery": delivery},
            {"milestone": "verified", "at": "2026-11-23T10:00:00.04Z", "delivery_id": "d-1", "took_ms": 40},
            {"milestone": "stored", "at": "2026-11-23T10:00:00.045Z", "took_ms": 5,
             "change": change(1, "signing_request.sent.acc-1", json!("advance"))},
            {"milestone": "published", "at": "2026-11-23T10:00:01.3Z", "position": 1, "sequence": 1, "took_ms": 1_255},
            {"milestone": "enriched", "at": "2026-11-23T10:00:02Z", "covers": [1], "took_ms": 1_955,
             "change": change(2, "enriched.sent.acc-1", json!(null))},
            {"milestone": "published", "at": null, "position": 2, "sequence": 2, "took_ms": null},
            {"milestone": "stored", "at": "2026-11-23T10:00:03Z", "took_ms": 5,
             "change": change(3, "late.created.acc-1", json!("late"))},
        ],
        "missing": [{"what": "published", "from": 3, "to": 3, "since": "2026-11-23T10:00:03Z", "why": "the broker is down"}],
    }]})
}

#[test]
fn a_life_is_told_with_its_times_its_latencies_and_what_is_missing() {
    let server = Server::start(|_| Answer::Json(200, timeline()));
    let ended = run(&server, &["trace", "sr-1", "--account", "acc-1"]).done();
    assert_eq!(server.lines(), ["GET /v1/signing-requests/sr-1/timeline?account=acc-1"]);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("sr-1  Lease"), "{}", ended.stdout);
    assert_eq!(lines[1], "account acc-1, Sent");
    assert!(lines[2].contains("Ann"), "{}", ended.stdout);
    assert!(
        lines[3].contains("received") && lines[3].contains("accepted, verified +40 ms, stored +5 ms"),
        "{}",
        lines[3]
    );
    assert!(
        lines[4].contains("#1") && lines[4].contains("published +1.2 s, advance, enriched as #2"),
        "{}",
        lines[4]
    );
    assert!(
        lines[5].contains("enriched #2") && lines[5].contains("published, answers 1 after 1.9 s"),
        "{}",
        lines[5]
    );
    assert!(lines[6].contains("late.created") && lines[6].contains("not published, late"), "{}", lines[6]);
    assert_eq!(lines[7], "sequence 3 waits to be published since 2026-11-23T10:00:03Z: the broker is down");
    assert!(!ended.stdout.contains('\u{1b}'));
    assert_eq!(run(&server, &["trace", "sr-1", "--json"]).done().json(), timeline());
}

#[test]
fn a_signing_request_that_nobody_knows_is_said_so() {
    let problem = json!({"statusCode": 404, "error": "Not Found", "message": "no delivery has told of this signing request"});
    let server = Server::start(move |_| Answer::Json(404, problem.clone()));
    let ended = run(&server, &["trace", "sr-9"]).ends(1);
    assert!(ended.stderr.contains("no delivery has told"), "{}", ended.stderr);
}
