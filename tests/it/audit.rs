//! Evidence from end to end: a real server, `countersign audit`, and a checker that knows the documentation alone.

use std::fs;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::support::deliveries::{deliver, post, signature, sim};
use crate::support::server::{KEY, Server, Settings};
use crate::support::subscriber::python;
use crate::support::{PATIENCE, eventually};

const ENVELOPE: &str = "0c8f1f8a-9d21-4a41-8a57-0b9f0c8a7e01";
const OTHER: &str = "0c8f1f8a-9d21-4a41-8a57-0b9f0c8a7e02";

fn run(server: &Server, arguments: &[&str]) -> Output {
    server.command(arguments).stdin(Stdio::null()).output().expect("the program runs")
}

fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Three deliveries of one envelope, one of another, and one that cannot be read.
async fn filled(server: &Server) {
    let url = server.url("/connect");
    for (event, envelope, minute) in
        [("sent", ENVELOPE, 1), ("sent", OTHER, 2), ("sent", ENVELOPE, 1), ("completed", ENVELOPE, 3)]
    {
        let body = sim(&format!("envelope-{event}"), envelope, &format!("2026-11-23T10:0{minute}:00Z"));
        assert_eq!(deliver(&url, KEY, body).await.0, 200);
    }
    let body = b"<!DOCTYPE x><x/>".to_vec();
    let by = [("content-type", "text/xml"), ("x-docusign-signature-2", &*signature(KEY, &body))];
    assert_eq!(post(&url, &by, body).await.1["outcome"], "quarantined");
}

/// Waits until a checkpoint covers all that came in.
async fn signed(server: &Server, records: u64) -> Value {
    eventually("a checkpoint", PATIENCE, async || {
        let (_, audit) = server.get("/v1/audit").await;
        (audit["checkpoint"]["covers"].as_u64() >= Some(records)).then_some(audit)
    })
    .await
}

/// Checks a file without the program: exit code, and the last line, which is JSON.
fn checked(server: &Server, more: &[&str]) -> (Option<i32>, Value, String) {
    let file = server.folder().join("lease.json");
    let output = python().arg("audit_check.py").arg(file).args(more).output().expect("the checker runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
    let report = report.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), report, text)
}

#[tokio::test]
async fn what_is_exported_is_verified_by_us_and_by_a_checker_of_its_own() {
    let server = Server::start(Settings::new()).await;
    filled(&server).await;
    let audit = signed(&server, 5).await;
    let key = audit["public_key"].as_str().unwrap().to_owned();
    assert_eq!(done(&run(&server, &["audit", "key"])), key);
    let export = ["audit", "export", "--signing-request", ENVELOPE, "--output", "lease.json"];
    done(&run(&server, &export));
    fs::write(server.folder().join("connect.key"), format!("an-older-key\n{KEY}\n")).unwrap();
    let verify = [
        "audit",
        "verify",
        "--file",
        "lease.json",
        "--key-file",
        "connect.key",
        "--public-key",
        &key,
        "--json",
    ];
    let report = json_of(&run(&server, &verify));
    assert_eq!(
        (&report["sound"], &report["pinned"], &report["findings"]),
        (&json!(true), &json!(true), &json!([]))
    );
    assert_eq!((&report["deliveries"], &report["hmacs"]), (&json!(3), &json!(3)));

    let keys = server.folder().join("connect.key");
    let all = ["--key-file", keys.to_str().unwrap(), "--public-key", key.as_str()];
    let (code, report, text) = checked(&server, &all);
    assert_eq!((code, &report["sound"]), (Some(0), &json!(true)), "{text}");
    assert_eq!(
        (&report["deliveries"], &report["bodies"], &report["hmacs"]),
        (&json!(3), &json!(3), &json!(3))
    );
    assert_eq!(report["keys"], json!([key]));

    // Both find the same once something is changed.
    let path = server.folder().join("lease.json");
    let whole: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let first = whole["segments"][0]["first"].as_u64().unwrap();
    let changes: [(&str, &str); 3] = [
        ("/segments/0/entries/0/body", "AAAA"),
        ("/segments/0/entries/0/headers/0/1", "another"),
        ("/segments/0/before", &"1".repeat(64)),
    ];
    for (pointer, value) in changes {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).unwrap() = json!(value);
        fs::write(&path, changed.to_string()).unwrap();
        let output = run(&server, &verify);
        assert_eq!(output.status.code(), Some(1), "{pointer}");
        assert_eq!(json_of(&output)["findings"][0]["first"], first, "{pointer}");
        let (code, _, text) = checked(&server, &all);
        assert_eq!(code, Some(1), "{pointer}");
        assert!(text.starts_with(&format!("record {first}:")), "{pointer}: {text}");
    }
    fs::write(&path, whole.to_string()).unwrap();
    let (code, _, text) = checked(&server, &["--public-key", &"0".repeat(64)]);
    assert!(code == Some(1) && text.contains("unknown key"), "{text}");
    server.assert_log_keeps_secrets(&[]);
}

#[tokio::test]
async fn a_store_is_verified_beside_its_server_over_http_and_after_a_crash() {
    let mut server = Server::start(Settings::new()).await;
    filled(&server).await;
    let audit = signed(&server, 5).await;
    let report = json_of(&run(&server, &["audit", "verify", "--json"]));
    assert_eq!(
        (&report["sound"], &report["pinned"], &report["bodies"]),
        (&json!(true), &json!(true), &json!(5))
    );
    let over_http = run(&server, &["audit", "verify", "--json", "--url", &server.url("")]);
    let report = json_of(&over_http);
    assert_eq!(
        (&report["sound"], &report["deliveries"], &report["bodies"]),
        (&json!(true), &json!(5), &json!(0))
    );
    assert_eq!(done(&run(&server, &["audit", "key", "--url", &server.url("")])), audit["public_key"]);

    // Killed with records that nothing signs for yet: after a start, they are signed for.
    let body = sim("envelope-voided", OTHER, "2026-11-23T10:05:00Z");
    assert_eq!(deliver(&server.url("/connect"), KEY, body).await.0, 200);
    server.kill();
    let report = json_of(&run(&server, &["audit", "verify", "--json"]));
    assert_eq!((&report["sound"], &report["deliveries"]), (&json!(true), &json!(6)));
    server.restart().await;
    let last = signed(&server, report["last"].as_u64().unwrap()).await;
    assert_eq!(last["public_key"], audit["public_key"], "the key stays");

    // A link from the log holds for ever after; one that was never there does not.
    let log = server.lines().all().join("\n");
    let at = log.find("\"link\":\"").map(|at| at + 8).or_else(|| log.find("link=").map(|at| at + 5));
    let noted: String = log[at.expect("a checkpoint in the log")..]
        .chars()
        .take_while(|c| c.is_ascii_hexdigit() || *c == ':')
        .collect();
    assert!(done(&run(&server, &["audit", "verify", "--link", &noted])).contains("sound"));
    let never = format!("2:{}", "0".repeat(64));
    let refused = run(&server, &["audit", "verify", "--link", &never]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stdout).contains("rewritten record 2"), "{refused:?}");
    // A stopped server has signed for everything.
    assert_eq!(server.terminate().await, 0);
    let report = json_of(&run(&server, &["audit", "verify", "--json"]));
    assert_eq!((&report["sound"], &report["unsigned"]), (&json!(true), &json!(0)));
}
