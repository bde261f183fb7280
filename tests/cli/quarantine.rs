//! `countersign quarantine` against a stand-in for a running server.

use serde_json::{Value, json};

use super::kit::{Answer, Asked, Program, Server, countersign};

const BODY: &[u8] = b"<!DOCTYPE x>\r\n\xff\x00";

fn delivery() -> Value {
    json!({
        "id": "d-1", "source": "default", "received_at": "2026-11-23T10:00:00Z", "format": "xml", "event": null,
        "account": null, "outcome": "quarantined", "reason": "a DTD \u{1b}[2J", "body_bytes": BODY.len(),
        "headers": [["content-type", "text/xml"], ["x-evil", "\u{7}"]], "body_base64": null, "body_state": "large",
    })
}

fn answer(asked: &Asked) -> Answer {
    match asked.line.as_str() {
        "GET /v1/quarantine?limit=5" => {
            Answer::Json(200, json!({"result": [delivery()], "next_cursor": null}))
        }
        "GET /v1/quarantine?limit=100" => Answer::Json(200, json!({"result": []})),
        "GET /v1/quarantine/d-1" => Answer::Json(200, delivery()),
        "GET /v1/deliveries/d-1?raw=true" => Answer::Bytes(BODY),
        "POST /v1/quarantine/d-1/release" => Answer::Json(200, json!({"outcome": "accepted", "changes": 2})),
        "POST /v1/quarantine/d-1/drop" => Answer::Json(200, json!({"outcome": "dropped"})),
        _ => Answer::Json(
            404,
            json!({"statusCode": 404, "error": "Not Found", "message": "no open quarantine"}),
        ),
    }
}

fn quarantine(server: &Server, args: &[&str]) -> Program {
    countersign(&["quarantine"]).args(args).arg("--url").arg(&server.url).arg("--token").arg("t0ken")
}

#[test]
fn open_quarantines_are_listed_with_their_reasons() {
    let server = Server::start(answer);
    let ended = quarantine(&server, &["list", "--limit", "5"]).done();
    let last = ended.stdout.lines().last().unwrap();
    assert!(last.starts_with("d-1") && last.contains("a DTD") && !last.contains('\u{1b}'), "{last:?}");
    let json = quarantine(&server, &["list", "--limit", "5", "--json"]).done().json();
    assert_eq!(json["result"][0]["id"], "d-1");
    let ended = quarantine(&server, &["list"]).done();
    assert!(ended.stderr.contains("nothing is in quarantine"), "{}", ended.stderr);
}

#[test]
fn a_delivery_is_shown_with_its_headers_and_its_very_bytes() {
    let server = Server::start(answer);
    let ended = quarantine(&server, &["show", "d-1"]).done();
    assert!(ended.stdout.contains("  content-type: text/xml"), "{}", ended.stdout);
    assert!(!ended.stdout.contains(['\u{1b}', '\u{7}']), "{:?}", ended.stdout);
    let mut program = quarantine(&server, &["show", "d-1", "--body", "message.xml"]);
    assert!(program.done().stdout.is_empty());
    assert_eq!(std::fs::read(program.path().join("message.xml")).unwrap(), BODY);
    assert_eq!(quarantine(&server, &["show", "d-1", "--json"]).done().json(), delivery());
    let ended = quarantine(&server, &["show", "d-1", "--body", "no/such/folder"]).ends(1);
    assert!(ended.stderr.contains("no/such/folder cannot be written"), "{}", ended.stderr);
}

#[test]
fn bytes_that_were_pruned_are_told_of() {
    let server = Server::start(|asked| match asked.line.as_str() {
        "GET /v1/quarantine/d-1" => Answer::Json(200, delivery()),
        _ => {
            Answer::Json(410, json!({"statusCode": 410, "message": "the delivery's bytes have been pruned"}))
        }
    });
    let ended = quarantine(&server, &["show", "d-1", "--body", "-"]).ends(1);
    assert!(ended.stdout.is_empty() && ended.stderr.contains("have been pruned"), "{}", ended.stderr);
    assert!(ended.stderr.contains("dedup_retention_days"), "{}", ended.stderr);
    let mut program = quarantine(&server, &["show", "d-1", "--body", "file"]);
    program.ends(1);
    assert!(!program.path().join("file").exists(), "nothing came, nothing is written");
}

#[test]
fn quarantines_are_released_and_dropped_one_by_one() {
    let server = Server::start(answer);
    let ended = quarantine(&server, &["release", "d-1"]).done();
    assert_eq!(ended.stdout, "d-1 released accepted\n");
    let ended = quarantine(&server, &["drop", "d-1"]).done();
    assert_eq!(ended.stdout, "d-1 dropped dropped\n");
    let asked = server.asked();
    assert!(asked.iter().all(|asked| asked.authorization.as_deref() == Some("Bearer t0ken")), "{asked:?}");
}

#[test]
fn one_that_cannot_be_released_does_not_hold_up_the_others() {
    let server = Server::start(answer);
    let ended = quarantine(&server, &["release", "gone", "d-1"]).ends(1);
    assert_eq!(ended.stdout, "gone failed\nd-1 released accepted\n");
    assert!(ended.stderr.contains("no open quarantine"), "{}", ended.stderr);
    let json = quarantine(&server, &["release", "gone", "d-1", "--json"]).ends(1).json();
    assert_eq!((&json["result"][0]["ok"], &json["result"][1]["ok"]), (&json!(false), &json!(true)));
    assert_eq!(json["result"][1]["answer"]["changes"], 2);
}
