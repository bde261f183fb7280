//! Authentic messages of a hostile make: each is answered 200 and kept, costs little memory, and grows into little more
//! than it was.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::deliveries::{ACCOUNT, deliver, post, signature};
use crate::support::server::{KEY, Server, Settings};

const ENVELOPE: &str = "0c8f1f8a-9d21-4a41-8a57-0b9f0c8a7e01";

/// What one such message may cost beside what the server needs anyway, in KiB.
const GROWTH_KIB_MAX: u64 = 96 * 1024;

async fn outcome(server: &Server, body: Vec<u8>) -> String {
    let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
    let (status, answer) = deliver(&server.url("/connect"), KEY, body).await;
    assert_eq!(status, 200, "{shown}: {answer}");
    answer["outcome"].as_str().unwrap_or_default().to_owned()
}

/// An aggregate message with so many recipients, all of whom have a status to tell.
fn crowd(subject: &str, status: &str, recipients: usize, name: &str) -> Vec<u8> {
    let signers: Vec<Value> = (1..=recipients)
        .map(|number| json!({"recipientId": number.to_string(), "name": name, "status": status}))
        .collect();
    json!({
        "accountId": ACCOUNT, "envelopeId": ENVELOPE, "status": status, "emailSubject": subject,
        "recipients": { "signers": signers },
    })
    .to_string()
    .into_bytes()
}

/// Bytes of all files in a folder.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries
        .map(|entry| match entry.path() {
            path if path.is_dir() => size(&path),
            path => path.metadata().map_or(0, |about| about.len()),
        })
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_broken_and_endless_messages_are_kept_in_quarantine_and_cost_no_memory() {
    let server = Server::start(Settings::new()).await;
    assert_eq!(outcome(&server, crowd("Lease", "sent", 1, "Jo")).await, "accepted");
    let before = server.peak_kib();
    let nested = |open: &str, close: &str, times: usize| {
        format!("{{\"event\":\"envelope-sent\",\"x\":{}{}}}", open.repeat(times), close.repeat(times))
            .into_bytes()
    };
    let bomb: String =
        (0..60).map(|n| format!("<!ENTITY e{} \"&e{n};&e{n};&e{n};&e{n};\">", n + 1)).collect();
    let xml = |inside: &str| {
        format!(
            "<DocuSignEnvelopeInformation xmlns=\"http://www.docusign.net/API/3.0\">{inside}</DocuSignEnvelopeInformation>"
        )
    };
    let bodies: Vec<Vec<u8>> = vec![
        nested("[", "]", 200_000),
        nested("{\"a\":", "}", 80_000),
        nested("[", "]", 10_000_000),
        "{\"a\":".repeat(5_000_000).into_bytes(),
        format!("<!DOCTYPE x [<!ENTITY e0 \"x\">{bomb}]>{}", xml("&e60;")).into_bytes(),
        xml(&"&#x41;".repeat(80_000)).into_bytes(),
        xml(&"<a>".repeat(5_000_000)).into_bytes(),
        xml(&format!("<a {}/>", (0..40_000).map(|n| format!("a{n}=\"\" ")).collect::<String>())).into_bytes(),
        format!("{{\"event\":\"{}\",\"data\":{{}}}}", "e".repeat(1 << 20)).into_bytes(),
        format!("{{\"event\":\"envelope-sent\",\"data\":{{\"envelopeId\":\"{}\"}}}}", "e".repeat(300_000))
            .into_bytes(),
        "\u{0}".repeat(20 << 20).into_bytes(),
        "9".repeat(20 << 20).into_bytes(),
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(outcome(&server, body).await, "quarantined", "{shown}");
    }
    let grown = server.peak_kib() - before;
    assert!(grown < GROWTH_KIB_MAX, "hostile messages cost {} MiB", grown / 1024);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_names_and_crowds_of_recipients_do_not_multiply() {
    let server = Server::start(Settings::new()).await;
    assert_eq!(outcome(&server, crowd("Lease", "sent", 1, "Jo")).await, "accepted");
    let before = server.peak_kib();
    // Each change names the signing request: a subject of 300 kB would be written 1,500 times.
    assert_eq!(outcome(&server, crowd(&"s".repeat(300_000), "sent", 1_500, "Jo")).await, "accepted");
    assert_eq!(outcome(&server, crowd("Lease", "sent", 50_000, &"n".repeat(200))).await, "quarantined");
    let mut cut = String::from("é").repeat(500_000);
    cut.push('x');
    let renamed = crowd(&cut, "completed", 2, &"ü".repeat(400_000)).to_vec();
    assert_eq!(outcome(&server, renamed).await, "accepted");
    let grown = server.peak_kib() - before;
    assert!(grown < GROWTH_KIB_MAX, "crowds cost {} MiB", grown / 1024);
    let disk = size(&server.folder().join("data"));
    assert!(disk < 64 << 20, "they left {} MiB on disk", disk >> 20);
    let (_, page) = server.get("/v1/changes?limit=1000").await;
    for row in page["result"].as_array().expect("changes") {
        let row = row.to_string();
        assert!(row.len() < 16 * 1024, "a change of {} bytes: {}…", row.len(), &row[..200]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_body_is_kept_as_it_came_and_never_unpacked() {
    let server = Server::start(Settings::new()).await;
    assert_eq!(outcome(&server, crowd("Lease", "sent", 1, "Jo")).await, "accepted");
    let before = server.peak_kib();
    // A bomb: 1 GiB of zeros, by the system's own gzip.
    let mut gzip = std::process::Command::new("gzip")
        .arg("-9")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("gzip");
    let mut zeros = gzip.stdin.take().expect("a pipe");
    let writing = std::thread::spawn(move || {
        for _ in 0..1024 {
            zeros.write_all(&[0; 1 << 20]).expect("written");
        }
    });
    let bomb = gzip.wait_with_output().expect("gzip").stdout;
    writing.join().expect("all written");
    let signed = signature(KEY, &bomb);
    let headers = [
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
        ("x-docusign-signature-1", &*signed),
    ];
    let (status, answer) = post(&server.url("/connect"), &headers, bomb.clone()).await;
    assert_eq!((status, answer["outcome"].as_str()), (200, Some("quarantined")), "{answer}");
    let (_, kept) = server.get("/v1/quarantine").await;
    let reason = kept["result"][0]["reason"].as_str().unwrap_or_default().to_owned();
    assert!(reason.contains("compressed"), "{kept}");
    let unsigned = [("content-encoding", "gzip"), ("x-docusign-signature-1", &*signed)];
    let (status, _) = post(&server.url("/connect"), &unsigned, bomb[1..].to_vec()).await;
    assert_eq!(status, 401, "the signature is over the bytes as they came");
    let grown = server.peak_kib() - before;
    assert!(grown < 32 * 1024, "a gzip bomb cost {} MiB", grown / 1024);
}
