//! `countersign audit` without a server: keys from settings, files from elsewhere, and what is refused.

use super::kit::{Answer, Server, countersign};
use serde_json::json;

/// As `openssl genpkey -algorithm ed25519` writes it, and its public half as `openssl pkey` tells it.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n-----END PRIVATE KEY-----\n";
const PUBLIC: &str = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";

#[test]
fn the_public_half_of_a_key_is_shown_wherever_the_key_comes_from() {
    let by_file = countersign(&["audit", "key"])
        .file("key.pem", PEM)
        .env("COUNTERSIGN_AUDIT_KEY_FILE", "key.pem")
        .done();
    assert_eq!(by_file.stdout, format!("{PUBLIC}\n"));
    let mut in_folder =
        countersign(&["audit", "key", "--json", "--set", "data_dir=."]).file("audit-key.pem", PEM);
    assert_eq!(in_folder.done().json(), json!({"public_key": PUBLIC}));
    let none = countersign(&["audit", "key"]).ends(1);
    assert!(none.stderr.contains("there is no key yet") && none.stdout.is_empty(), "{}", none.stderr);
    let server = Server::start(|_| Answer::Json(200, json!({"public_key": PUBLIC})));
    assert_eq!(
        countersign(&["audit", "key", "--token", "t", "--url", &server.url]).done().stdout.trim(),
        PUBLIC
    );
    assert_eq!(server.lines(), ["GET /v1/audit"]);
}

#[test]
fn a_key_that_is_none_is_a_fault_of_the_settings_and_is_not_shown() {
    let ended = countersign(&["audit", "key"]).env("COUNTERSIGN_AUDIT_KEY", "hunter2").ends(78);
    assert!(
        ended.stderr.contains("no ed25519 private key") && !ended.stderr.contains("hunter2"),
        "{}",
        ended.stderr
    );
    let ended = countersign(&["audit", "key", "--set", "audit_retention_days=7"]).ends(78);
    assert!(ended.stderr.contains("dedup_retention_days"), "{}", ended.stderr);
    let ended = countersign(&["audit", "key", "--set", "data_dir=."]).file("audit-key.pem", "broken").ends(1);
    assert!(ended.stderr.contains("audit-key.pem") && !ended.stderr.contains("broken"), "{}", ended.stderr);
}

#[test]
fn what_cannot_be_verified_is_told_of() {
    let ended = countersign(&["audit", "verify"]).ends(1);
    assert!(ended.stderr.contains("countersign.db"), "{}", ended.stderr);
    for (text, word) in [
        ("{", "cannot be read"),
        (
            "{\"format\":\"other\",\"made_at\":\"2026-11-23T10:00:00Z\",\"signing_request\":\"x\",\"segments\":[]}",
            "its format is `other`",
        ),
    ] {
        let ended = countersign(&["audit", "verify", "--file", "f"]).file("f", text).ends(1);
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    for wrong in [["--link", "5"], ["--link", "x:00"], ["--public-key", "12"], ["--key-file", "k"]] {
        countersign(&["audit", "verify"]).args(&wrong).ends(2);
    }
    let ended = countersign(&["audit", "export", "--signing-request", "x"]).ends(1);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
}

#[test]
fn an_empty_file_is_sound_but_says_that_no_key_was_named() {
    let empty = "{\"format\":\"countersign-evidence-1\",\"made_at\":\"2026-11-23T10:00:00Z\",\"signing_request\":\"x\",\"segments\":[]}";
    let ended = countersign(&["audit", "verify", "--file", "f"]).file("f", empty).done();
    assert!(
        ended.stdout.starts_with("sound: 0 records") && ended.stderr.contains("pass --key-file"),
        "{}",
        ended.stderr
    );
}
