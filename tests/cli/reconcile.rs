//! `countersign reconcile` and `countersign connect` against a stand-in for a running server.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::kit::{Answer, Asked, Program, Server, countersign};

fn run(server: &Server, args: &[&str]) -> Program {
    countersign(args).arg("--url").arg(&server.url).arg("--token").arg("t0ken")
}

fn report(state: &str) -> Value {
    let ended = matches!(state, "done" | "failed").then_some("2026-11-23T10:05:00Z");
    json!({
        "id": "0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e", "account": "acc-1", "state": state, "asked": true,
        "dry_run": false, "ask_connect": false, "from": "2026-11-20T00:00:00Z", "to": "2026-11-23T10:00:00Z",
        "started_at": "2026-11-23T10:00:00Z", "ended_at": ended,
        "waits_until": (state == "waiting").then_some("2026-11-23T11:00:00Z"),
        "why": (state == "failed").then_some("DocuSign forbids it: NO\u{1b}[2J"),
        "total": 40, "looked": 40, "unreadable": 0, "missed": 3, "missed_since": "2026-11-21T09:00:00Z", "concerned": 120,
        "signing_requests": ["sr-1"], "calls": 2,
    })
}

/// A server whose look comes through these states, one each time that it is asked.
fn looking(states: &'static [&'static str]) -> Server {
    let asked = AtomicUsize::new(0);
    Server::start(move |request: &Asked| {
        if request.line.starts_with("POST") {
            return Answer::Json(202, json!({"result": [report("queued")]}));
        }
        let at = asked.fetch_add(1, Ordering::SeqCst).min(states.len() - 1);
        Answer::Json(200, json!({"result": [report(states[at])]}))
    })
}

#[test]
fn a_look_is_asked_for_and_waited_for_and_its_report_is_a_table() {
    let server = looking(&["running", "waiting", "waiting", "done"]);
    let args = ["reconcile", "--from", "2026-11-20T00:00:00Z", "--account", "acc-1"];
    let ended = run(&server, &args).done();
    let body = &server.asked()[0].body;
    let from = "2026-11-20T00:00:00Z";
    assert_eq!(*body, json!({"from": from, "account": "acc-1", "dry_run": false, "ask_connect": false}));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("STARTED") && lines[1].contains("done"), "{}", ended.stdout);
    assert_eq!(lines[2..], ["missed: sr-1", "and 119 more signing requests"]);
    let waits = "account acc-1 waits for calls until 2026-11-23T11:00:00Z";
    assert_eq!(ended.stderr.matches(waits).count(), 1, "{}", ended.stderr);
}

#[test]
fn a_look_that_failed_ends_with_1_and_says_why() {
    let ended = run(&looking(&["failed"]), &["reconcile", "--json"]).ends(1);
    assert_eq!(ended.json()["result"][0]["state"], "failed");
    assert!(ended.stderr.contains("account acc-1: DocuSign forbids it"), "{}", ended.stderr);
    assert!(!ended.stderr.contains('\u{1b}'), "{}", ended.stderr);
}

#[test]
fn a_look_that_the_server_forgot_is_not_waited_for() {
    let server = Server::start(|request: &Asked| {
        let post = request.line.starts_with("POST");
        let result = if post { vec![report("queued")] } else { Vec::new() };
        Answer::Json(if post { 202 } else { 200 }, json!({"result": result}))
    });
    let ended = run(&server, &["reconcile"]).ends(1);
    assert!(ended.stderr.contains("does not know the look any more"), "{}", ended.stderr);
}

#[test]
fn reports_are_listed_without_asking_for_a_look() {
    let server = looking(&["failed"]);
    let ended = run(&server, &["reconcile", "--list"]).done();
    assert!(ended.stdout.contains("failed"), "{}", ended.stdout);
    assert_eq!(server.lines(), ["GET /v1/reconcile"]);
}

#[test]
fn findings_are_told_with_their_cost_and_their_mending_and_only_faults_end_with_1() {
    let finding = |severity: &str| {
        json!({
            "code": "paused", "severity": severity, "connect_id": "7", "what": "it is paused\u{1b}[2J",
            "cost": "messages wait", "todo": "resume it",
        })
    };
    for (severity, code) in [("fault", 1), ("advice", 0)] {
        let view = json!({"account": "acc-1", "configurations": [], "findings": [finding(severity)]});
        let server = Server::start(move |_: &Asked| Answer::Json(200, json!({"result": [view.clone()]})));
        let args = ["connect", "lint", "--account", "acc-1", "--public-url", "https://hooks.example.com"];
        let ended = run(&server, &args).ends(code);
        for told in [severity, "account acc-1, configuration 7: it is paused", "messages wait", "resume it"] {
            assert!(ended.stdout.contains(told), "{told}: {}", ended.stdout);
        }
        assert!(!ended.stdout.contains('\u{1b}'), "{}", ended.stdout);
        let query = "account=acc-1&public_url=https%3A%2F%2Fhooks.example.com";
        assert_eq!(server.lines(), [format!("GET /v1/connect?{query}")]);
    }
}

#[test]
fn what_registering_changed_is_told_field_by_field() {
    let done = json!({
        "account": "acc-1", "connect_id": "7", "url": "https://hooks.example.com/connect/sales", "done": "mended",
        "dry_run": true, "changed": [{"field": "includeHMAC", "from": "false", "to": "true"}],
    });
    let server = Server::start(move |_: &Asked| Answer::Json(200, json!({"result": [done.clone()]})));
    let args = [
        "connect",
        "register",
        "--public-url",
        "https://hooks.example.com/",
        "--source",
        "sales",
        "--dry-run",
    ];
    let ended = run(&server, &args).done();
    assert!(
        ended.stdout.contains("https://hooks.example.com/connect/sales: would be mended"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains(r#"includeHMAC: "false" → "true""#), "{}", ended.stdout);
    let url = "https://hooks.example.com/connect/sales";
    assert_eq!(server.asked()[0].body, json!({"name": "countersign", "dry_run": true, "url": url}));
}
