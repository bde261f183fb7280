//! The HTTP faces as an attacker meets them: no secret comes out, and nothing that was sent in speaks for us.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::deliveries::{deliver, post, sim};
use crate::support::rude::Rude;
use crate::support::server::{KEY, Server, Settings};
use crate::support::{PATIENCE, eventually, http};

const ENVELOPE: &str = "0c8f1f8a-9d21-4a41-8a57-0b9f0c8a7e01";
const AT: &str = "2026-11-23T10:00:00Z";

/// Every secret that the settings below and the requests of the test know.
const SECRETS: [&str; 15] = [
    "s3cr3t-connect-key-1",
    "s3cr3t-connect-key-2",
    "s3cr3t-partner-key",
    "s3cr3t-basic-password",
    "s3cr3t-api-token",
    "s3cr3t-vault-key",
    "s3cr3t-broker-password",
    "s3cr3t-client-secret",
    "s3cr3t-access-token",
    "c3RlYWx0aHktcHJpdmF0ZS1rZXk",
    "s3cr3t-wrong-token",
    "s3cr3t-wrong-basic",
    "s3cr3t-cookie",
    "s3cr3t-proxy-password",
    "s3cr3t-store-password",
];

fn settings(format: &str) -> Settings {
    let partner = "[[source]]\nname = \"partner\"\nhmac_keys = [\"s3cr3t-partner-key\"]\n\
                   basic_auth = \"partner:s3cr3t-basic-password\"\n";
    let pem = "-----BEGIN PRIVATE KEY-----\nc3RlYWx0aHktcHJpdmF0ZS1rZXk=\n-----END PRIVATE KEY-----\n";
    Settings::new()
        .file(partner)
        .with("COUNTERSIGN_HMAC_KEYS", "s3cr3t-connect-key-1,s3cr3t-connect-key-2")
        .with("COUNTERSIGN_API_TOKEN", "s3cr3t-api-token")
        .with("COUNTERSIGN_VAULT_KEY", "s3cr3t-vault-key-s3cr3t-vault-key-s3cr3t-vault-key")
        // Nobody listens there: each attempt is told in the log.
        .with("COUNTERSIGN_BROKER", "amqp://user:s3cr3t-broker-password@127.0.0.1:9/%2f")
        .with("COUNTERSIGN_DOCUSIGN__CLIENT_ID", "client")
        .with("COUNTERSIGN_DOCUSIGN__USER_ID", "user")
        .with("COUNTERSIGN_DOCUSIGN__CLIENT_SECRET", "s3cr3t-client-secret")
        .with("COUNTERSIGN_DOCUSIGN__PRIVATE_KEY", pem)
        .with("COUNTERSIGN_DOCUSIGN__ACCESS_TOKEN", "s3cr3t-access-token")
        .with("COUNTERSIGN_DOCUSIGN__AUTH_URL", "http://127.0.0.1:9")
        .with("COUNTERSIGN_DOCUSIGN__BASE_URI", "http://127.0.0.1:9")
        .with("COUNTERSIGN_LOG__LEVEL", "trace")
        .with("COUNTERSIGN_LOG__FORMAT", format)
}

fn told(secret_holder: &str) -> Option<&'static str> {
    let base64 = |secret: &str| {
        use base64::Engine as _;
        // Of `partner:…`, whose beginning fills whole groups.
        base64::engine::general_purpose::STANDARD_NO_PAD.encode(format!("partner::{secret}"))[12..].to_owned()
    };
    SECRETS
        .into_iter()
        .find(|secret| secret_holder.contains(*secret) || secret_holder.contains(&base64(secret)))
}

/// Fails where a file of the folder, or of one below, holds a secret.
fn assert_files_keep_secrets(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_files_keep_secrets(&path);
            continue;
        }
        let bytes = fs::read(&path).expect("a file");
        let found = told(&String::from_utf8_lossy(&bytes));
        assert!(found.is_none(), "{} holds {found:?}", path.display());
    }
}

/// Every kind of request, right and wrong: all answers in one text.
async fn ask_everything(server: &Server) -> String {
    let basic = |password: &str| {
        format!("Basic {}", {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(format!("partner:{password}"))
        })
    };
    let mut answers = String::new();
    let sent = sim("envelope-sent", ENVELOPE, AT);
    let signed = crate::support::deliveries::signature("s3cr3t-partner-key", &sent);
    for (path, authorization) in [
        ("/connect/partner", basic("s3cr3t-basic-password")),
        ("/connect/partner", basic("s3cr3t-wrong-basic")),
        ("/connect", basic("s3cr3t-wrong-basic")),
    ] {
        let headers = [
            ("x-docusign-signature-1", &*signed),
            ("authorization", &*authorization),
            ("cookie", "session=s3cr3t-cookie"),
            ("proxy-authorization", "Basic s3cr3t-proxy-password"),
        ];
        let (status, answer) = post(&server.url(path), &headers, sent.clone()).await;
        answers.push_str(&format!("{status} {answer}\n"));
    }
    let (status, answer) = deliver(&server.url("/connect"), "s3cr3t-connect-key-2", sent).await;
    assert_eq!(status, 200, "{answer}");
    let (status, _) = deliver(&server.url("/connect"), "s3cr3t-connect-key-1", b"unreadable".to_vec()).await;
    assert_eq!(status, 200);
    let paths = [
        "/",
        "/docs",
        "/openapi.json",
        "/asyncapi.yaml",
        "/livez",
        "/readyz?verbose",
        "/version",
        "/metrics",
        "/v1/changes",
        "/v1/changes/1",
        "/v1/changes/x",
        "/v1/deliveries",
        "/v1/quarantine",
        "/v1/totals",
        "/v1/deliveries/x",
        "/nothing",
        "/v1/changes?token=x",
    ];
    for path in paths {
        for token in ["s3cr3t-api-token", "s3cr3t-wrong-token"] {
            let answer = http().get(server.url(path)).bearer_auth(token).send().await.expect("an answer");
            answers.push_str(&format!("{:?}\n", answer.headers()));
            answers.push_str(&answer.text().await.expect("text"));
        }
    }
    let listed = http().get(server.url("/v1/deliveries")).bearer_auth("s3cr3t-api-token");
    let listed: serde_json::Value = listed.send().await.expect("an answer").json().await.expect("JSON");
    for row in listed["result"].as_array().expect("deliveries") {
        let path = format!("/v1/deliveries/{}", row["id"].as_str().expect("an id"));
        let whole = http().get(server.url(&path)).bearer_auth("s3cr3t-api-token").send().await;
        answers.push_str(&whole.expect("an answer").text().await.expect("text"));
    }
    answers
}

async fn keeps_secrets(format: &str) {
    let mut server = Server::start(settings(format)).await;
    let answers = ask_everything(&server).await;
    assert!(told(&answers).is_none(), "an answer tells {:?}", told(&answers));
    eventually("the broker and DocuSign were tried", PATIENCE, async || {
        let fetches = http().get(server.url("/metrics")).bearer_auth("s3cr3t-api-token");
        let text = fetches.send().await.ok()?.text().await.ok()?;
        let tried = |name: &str| {
            text.lines().any(|line| line.starts_with(name) && !line.ends_with(" 0") && !line.starts_with('#'))
        };
        (tried("countersign_broker_connects_total") && tried("countersign_fetches_total")).then_some(())
    })
    .await;
    // A database that nobody serves: `check` tells what it tried.
    let shared = "postgres://user:s3cr3t-store-password@127.0.0.1:9/countersign";
    for command in [&["config", "print"][..], &["config", "print", "--json"], &["check", "--online"]] {
        for store in [None, Some(shared)] {
            let mut command = server.command(command);
            let output =
                command.envs(store.map(|url| ("COUNTERSIGN_STORE", url))).output().expect("the program");
            let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(told(&text).is_none(), "{command:?} tells {:?}: {text}", told(&text));
        }
    }
    server.signal("HUP");
    server.terminate().await;
    for line in server.lines().all() {
        assert!(told(&line).is_none(), "the log tells {:?}: {line}", told(&line));
    }
    assert_files_keep_secrets(&server.folder().join("data"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_comes_out_of_settings_requests_answers_files_or_logs_at_any_level() {
    tokio::join!(keeps_secrets("json"), keeps_secrets("text"));
}

/// Fails where another user could read a file or enter a folder; how many there are.
fn assert_private(path: &Path) -> usize {
    use std::os::unix::fs::MetadataExt as _;
    let mode = path.metadata().expect("its mode").mode();
    assert_eq!(mode & 0o077, 0, "{} has the mode {mode:o}", path.display());
    if !path.is_dir() {
        return 1;
    }
    let inside = fs::read_dir(path).expect("a folder").flatten();
    1 + inside.map(|entry| assert_private(&entry.path())).sum::<usize>()
}

#[tokio::test]
async fn what_is_stored_is_for_its_own_user_alone() {
    let server = Server::start(Settings::new()).await;
    let large = format!("{{\"event\":\"x\",\"a\":\"{}\"}}", "a".repeat(1 << 20)).into_bytes();
    assert_eq!(deliver(&server.url("/connect"), KEY, large).await.0, 200);
    let seen = assert_private(&server.folder().join("data"));
    assert!(seen > 4, "{seen} files and folders");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_in_writes_no_lines_of_its_own_into_the_log() {
    let forged = "%0a1999-01-01T00:00:00Z%20ERROR%20forged%20line%1b%5b31m";
    let mut server = Server::start(Settings::new().with("COUNTERSIGN_LOG__FORMAT", "text")).await;
    let (status, _) = post(&server.url(&format!("/connect/{forged}")), &[], b"{}".to_vec()).await;
    assert_eq!(status, 404);
    let (status, _) = server.get(&format!("/v1/{forged}")).await;
    assert_eq!(status, 404);
    // An authentic message of an account that the log names.
    let allowed = "[[source]]\nname = \"narrow\"\nhmac_keys = [\"narrow-key\"]\naccounts = [\"one\"]\n";
    server.write_settings(allowed);
    server.restart().await;
    let body = serde_json::json!({
        "event": "envelope-sent", "generatedDateTime": AT,
        "data": { "accountId": "two\n1999-01-01 ERROR forged line\u{1b}[31m", "envelopeId": ENVELOPE },
    });
    let (status, answer) =
        deliver(&server.url("/connect/narrow"), "narrow-key", body.to_string().into_bytes()).await;
    assert_eq!((status, answer["outcome"].as_str()), (200, Some("quarantined")), "{answer}");
    server.terminate().await;
    for line in server.lines().all() {
        assert!(!line.starts_with("1999-01-01"), "a line of the caller's own: {line}");
        assert!(!line.contains('\u{1b}'), "the caller paints on the terminal: {line:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_name_in_the_address_is_not_repeated_into_the_log() {
    let mut server = Server::start(Settings::new()).await;
    let (status, _) =
        post(&server.url(&format!("/connect/{}", "n".repeat(60_000))), &[], b"{}".to_vec()).await;
    assert_eq!(status, 404);
    server.terminate().await;
    for line in server.lines().all() {
        assert!(line.len() < 4_096, "a line of {} bytes", line.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_careful_headers_and_none_invites_other_sites() {
    let server = Server::start(Settings::new()).await;
    let paths =
        ["/", "/docs", "/openapi.json", "/assets/app.js", "/livez", "/v1/changes", "/nothing", "/connect"];
    for path in paths {
        let asked = http().get(server.url(path)).header("origin", "https://evil.example");
        let answer = asked.send().await.expect("an answer");
        let header = |name: &str| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(header("content-security-policy").starts_with("default-src '"), "{path}");
        assert!(["no-store", "no-cache"].contains(&&*header("cache-control")), "{path}");
        assert!(!answer.headers().keys().any(|name| name.as_str().starts_with("access-control-")), "{path}");
        assert!(!answer.headers().contains_key("server"), "{path}");
    }
    for method in ["OPTIONS", "TRACE", "CONNECT", "PUT", "PATCH", "PROPFIND"] {
        let asked = format!(
            "{method} /v1/changes HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example\r\nx-echo: me\r\nconnection: close\r\n\r\n"
        );
        let said = Rude::saying(&server, asked).await.answer(Duration::from_secs(10)).await;
        assert!(said.starts_with("HTTP/1.1 405"), "{method}: {said}");
        assert!(!said.to_lowercase().contains("access-control-") && !said.contains("x-echo"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_open_in_a_browser_on_this_machine_can_change_nothing_here() {
    let server = Server::start(Settings::new()).await;
    let (_, answer) = deliver(&server.url("/connect"), KEY, b"unreadable".to_vec()).await;
    let id = answer["delivery_id"].as_str().expect("an id");
    let path = format!("/v1/quarantine/{id}/drop");
    let own = server.url("").trim_start_matches("http://").to_owned();
    let rebound = format!("evil.example:{}", own.rsplit(':').next().unwrap());
    let cases: [(&str, Vec<(&str, &str)>); 6] = [
        ("a form or fetch of another site", vec![("origin", "https://evil.example")]),
        ("one of a sandboxed frame", vec![("origin", "null")]),
        ("a browser that tells only where it comes from", vec![("sec-fetch-site", "cross-site")]),
        ("another port of this machine", vec![("sec-fetch-site", "same-site")]),
        ("another name made to point here", vec![("host", &*rebound)]),
        ("the same with its origin", vec![("host", &*rebound), ("origin", "http://evil.example")]),
    ];
    for (case, headers) in cases {
        let (status, answer) = post(&server.url(&path), &headers, Vec::new()).await;
        assert_eq!(status, 403, "{case}: {answer}");
        let mut reading = http().get(server.url("/v1/deliveries"));
        for (name, value) in headers {
            reading = reading.header(name, value);
        }
        assert_eq!(reading.send().await.expect("an answer").status().as_u16(), 403, "{case}");
    }
    // A proxy on this machine with settings as they come: HTTP/1.0, its own address as the host, no further header.
    let asked = format!("GET /v1/deliveries HTTP/1.0\r\nHost: {own}\r\nConnection: close\r\n\r\n");
    let said = Rude::saying(&server, asked).await.answer(Duration::from_secs(10)).await;
    assert!(said.contains(" 403 "), "{said}");
    let (status, _) = server.get(&format!("/v1/quarantine/{id}")).await;
    assert_eq!(status, 200, "it is still there");
    let (status, _) = post(&server.url(&path), &[("sec-fetch-site", "same-origin")], Vec::new()).await;
    assert_eq!(status, 200, "the dashboard itself may");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_the_faces() {
    let server = Server::start(Settings::new().file("[[source]]\nname = \"a\"\nhmac_keys = [\"k\"]\n")).await;
    let paths = [
        "/../../etc/passwd",
        "/assets/../../Cargo.toml",
        "/assets/%2e%2e/%2e%2e/countersign.toml",
        "/v1/deliveries/..%2f..%2fcountersign.toml?raw=true",
        "/v1/deliveries/%2e%2e?raw=true",
        "//etc/passwd",
        "/v1/quarantine/..%2f..%2f..%2fetc%2fpasswd",
        "/connect/..%2f..%2fx",
        "/connect/a%00",
        "/connect/a/../b",
    ];
    for path in paths {
        let asked = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let said = Rude::saying(&server, asked).await.ended(Duration::from_secs(10)).await;
        assert!(said.starts_with("HTTP/1.1 4"), "{path}: {said}");
        let asked = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let said = Rude::saying(&server, asked).await.ended(Duration::from_secs(10)).await;
        assert!(said.starts_with("HTTP/1.1 4") && !said.contains("root:"), "{path}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_can_be_read_in_two_ways_by_a_proxy_and_by_us() {
    let server = Server::start(Settings::new()).await;
    let hidden = "GET /version HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let cases = [
        (
            "length and chunks",
            format!("content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        ),
        ("two lengths", format!("content-length: 0\r\ncontent-length: {}\r\n\r\n{hidden}", hidden.len())),
        ("a signed length", format!("content-length: +0\r\n\r\n{hidden}")),
        (
            "chunks that are not last",
            format!("transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}"),
        ),
        ("an unknown coding", format!("transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}")),
        ("white space before the colon", format!("transfer-encoding : chunked\r\n\r\n0\r\n\r\n{hidden}")),
        ("a folded header", format!("a: b\r\n content-length: 5\r\n\r\n{hidden}")),
    ];
    for (case, rest) in cases {
        let asked = format!("POST /livez HTTP/1.1\r\nhost: localhost\r\n{rest}");
        let said = Rude::saying(&server, asked).await.ended(PATIENCE).await;
        assert!(!said.contains("started_at"), "{case}: what was hidden in the body was answered: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_that_costs_too_much_is_left_out() {
    let keys: Vec<String> = (0..90).map(|number| format!("key-{number}")).collect();
    let server = Server::start(Settings::new().with("COUNTERSIGN_HMAC_KEYS", &keys.join(","))).await;
    let explained = || server.lines().all().iter().filter(|line| line.contains("does not verify")).count();
    let headers: Vec<(String, String)> = (1..=80)
        .map(|number| (format!("x-docusign-signature-{number}"), format!("{number:a<43}=")))
        .collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let began = Instant::now();
    let (status, _) = post(&server.url("/connect"), &headers, vec![b'{'; 60 * 1024]).await;
    assert_eq!((status, explained()), (401, 0));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let (status, _) = post(&server.url("/connect"), &headers, vec![b'{'; 1024]).await;
    assert_eq!(status, 401);
    eventually("a short one is explained", PATIENCE, async || (explained() > 0).then_some(())).await;
}
