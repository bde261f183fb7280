//! Deliveries with documents inside: taken whole, kept whole, read in constant memory.

use std::fs;

use countersign::simulator::connect::{Configuration, Format};
use countersign::simulator::sender::{Target, Traffic};
use futures_util::future::join_all;

use crate::support::deliveries::{deliver, post, signature};
use crate::support::http;
use crate::support::server::{KEY, Server, Settings};
use crate::support::traffic::feed;

/// A document of 18 MiB becomes 24 MiB of base64.
const DOCUMENT: usize = 18 << 20;
const ENVELOPE: &str = "0c8f1f8a-9d21-4a41-8a57-0b9f0c8a7e01";

/// A message with a document in it, before and behind which stands what must be read.
fn large(envelope: &str) -> Vec<u8> {
    let document = "QUJD".repeat(DOCUMENT / 3);
    format!(
        "{{\"event\":\"envelope-completed\",\"generatedDateTime\":\"2026-11-23T10:00:00Z\",\"data\":{{\"accountId\":\"a\",\
         \"envelopeId\":\"{envelope}\",\"envelopeSummary\":{{\"status\":\"completed\",\"envelopeDocuments\":\
         [{{\"name\":\"lease\",\"PDFBytes\":\"{document}\"}}],\"emailSubject\":\"Lease 14\"}}}}}}"
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_inside_cost_no_memory_and_are_kept_byte_for_byte() {
    let server = Server::start(Settings::new()).await;
    let url = server.url("/connect");
    let (status, _) = deliver(
        &url,
        KEY,
        br#"{"event":"envelope-sent","data":{"accountId":"a","envelopeId":"b"}}"#.to_vec(),
    )
    .await;
    assert_eq!(status, 200);
    let before = server.peak_kib();
    let envelopes: Vec<String> =
        (0..8).map(|number| format!("00000000-0000-4000-8000-{number:012}")).collect();
    let answers = join_all(envelopes.iter().map(|envelope| deliver(&url, KEY, large(envelope)))).await;
    for (status, answer) in &answers {
        assert_eq!((*status, answer["outcome"].as_str()), (200, Some("accepted")), "{answer}");
    }
    let grown = server.peak_kib() - before;
    assert!(grown < 96 * 1024, "eight deliveries of 24 MiB at once cost {} MiB", grown / 1024);
    let told = feed(&server).await;
    let names = told.iter().filter(|row| row["change"]["signing_request"]["name"] == "Lease 14").count();
    assert_eq!(names, 8, "what stands behind the document was read");
    let id = answers[3].1["delivery_id"].as_str().unwrap();
    let kept =
        http().get(server.url(&format!("/v1/deliveries/{id}?raw=true"))).send().await.expect("an answer");
    assert!(
        kept.bytes().await.expect("bytes") == large(&envelopes[3]),
        "the bytes are those that were signed"
    );
}

#[tokio::test]
async fn a_large_delivery_that_is_forged_or_told_twice_leaves_no_file() {
    let server = Server::start(Settings::new()).await;
    let files = || walk(&server.folder().join("data"));
    let body = large(ENVELOPE);
    let forged = signature("another-key", &body);
    let (status, _) =
        post(&server.url("/connect"), &[("x-docusign-signature-1", &forged)], body.clone()).await;
    assert_eq!((status, files()), (401, 0));
    let (status, answer) = deliver(&server.url("/connect"), KEY, body.clone()).await;
    assert_eq!((status, answer["outcome"].as_str()), (200, Some("accepted")), "{answer}");
    assert_eq!(files(), 1);
}

/// Files above a mebibyte that are not the database's own.
fn walk(folder: &std::path::Path) -> usize {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    entries
        .map(|entry| match entry.path() {
            path if path.is_dir() => walk(&path),
            path if path.to_string_lossy().contains("countersign.db") => 0,
            path => usize::from(path.metadata().is_ok_and(|meta| meta.len() > 1 << 20)),
        })
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_in_legacy_xml_and_in_aggregate_json_are_taken_too() {
    let server = Server::start(Settings::new()).await;
    for format in [Format::Xml, Format::JsonAggregate, Format::Json] {
        let mut configuration = Configuration::new(format);
        configuration.document_bytes = 1 << 20;
        let target = Target { url: server.url("/connect"), keys: vec![KEY.into()], configuration };
        let traffic = Traffic { envelopes: 3, seed: format as u64, connections: 3, ..Traffic::to(target) };
        let sent = traffic.send().await.expect("traffic");
        assert!(sent.accepted > 0, "{format:?}: {sent:?}");
        assert_eq!(sent.accepted + sent.duplicate, sent.sent, "{format:?}: {sent:?}");
    }
}
