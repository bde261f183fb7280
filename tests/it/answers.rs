//! What a sender is answered, and what is stored by then: the contract of `POST /connect`.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::deliveries::{deliver, post, signature, sim};
use crate::support::server::{KEY, Server, Settings};
use crate::support::{PATIENCE, eventually};

const ENVELOPE: &str = "0c8f1f8a-9d21-4a41-8a57-0b9f0c8a7e01";
const AT: &str = "2026-11-23T10:00:00.1234567Z";

async fn feed(server: &Server) -> Vec<Value> {
    let (status, page) = server.get("/v1/changes?limit=1000").await;
    assert_eq!(status, 200, "{page}");
    page["result"].as_array().cloned().expect("a list of changes")
}

#[tokio::test]
async fn a_signed_delivery_is_accepted_once_and_a_duplicate_ever_after() {
    let server = Server::start(Settings::new()).await;
    let url = server.url("/connect");
    let (status, first) = deliver(&url, KEY, sim("envelope-sent", ENVELOPE, AT)).await;
    assert_eq!((status, first["outcome"].as_str()), (200, Some("accepted")), "{first}");
    let (status, again) = deliver(&url, KEY, sim("envelope-sent", ENVELOPE, AT)).await;
    assert_eq!((status, again["outcome"].as_str()), (200, Some("duplicate")), "{again}");
    // A retry has other bytes and another signature, for its count stands in the body.
    let retried = String::from_utf8(sim("envelope-sent", ENVELOPE, AT))
        .unwrap()
        .replace("\"retryCount\":0", "\"retryCount\":3");
    let (status, retry) = deliver(&url, KEY, retried.into_bytes()).await;
    assert_eq!((status, retry["outcome"].as_str()), (200, Some("duplicate")), "{retry}");
    assert!(
        first["delivery_id"].is_string() && first["delivery_id"] != retry["delivery_id"],
        "{first} {retry}"
    );
    assert_eq!(feed(&server).await.len(), 1);
    assert_eq!(server.metric("countersign_deliveries_total").await, 3.0);
    server.assert_log_keeps_secrets(&[]);
}

#[tokio::test]
async fn a_delivery_whose_signature_is_missing_or_wrong_is_refused_and_leaves_nothing() {
    let server = Server::start(Settings::new()).await;
    let url = server.url("/connect");
    let body = sim("envelope-completed", ENVELOPE, AT);
    let right = signature(KEY, &body);
    let of_another_key = signature(KEY.trim_end_matches('='), &body);
    let of_another_body = signature(KEY, b"{}");
    let hex: String = right.bytes().map(|byte| format!("{byte:02x}")).collect();
    let cases: [(&str, Vec<(&str, &str)>); 8] = [
        ("none", vec![]),
        ("empty", vec![("x-docusign-signature-1", "")]),
        ("of a key that lost its last character", vec![("x-docusign-signature-1", &of_another_key)]),
        ("of another body", vec![("x-docusign-signature-1", &of_another_body)]),
        ("in hexadecimal", vec![("x-docusign-signature-1", &hex)]),
        ("cut short", vec![("x-docusign-signature-1", &right[..20])]),
        ("in a header of another name", vec![("x-docusign-signature", &right)]),
        (
            "under a digest that is none of ours",
            vec![("x-docusign-signature-1", &right), ("x-authorization-digest", "HMACSHA1")],
        ),
    ];
    for (case, headers) in cases {
        let (status, answer) = post(&url, &headers, body.clone()).await;
        assert_eq!(status, 401, "{case}: {answer}");
        assert_eq!(answer["statusCode"], 401, "{case}: {answer}");
        assert_eq!(answer["error"], "Unauthorized", "{case}: {answer}");
        assert!(answer["message"].is_string(), "{case}: {answer}");
    }
    let (status, _) = post(&server.url("/connect?test=true"), &[], body.clone()).await;
    assert_eq!(status, 401, "no word in the address stands in for a signature");
    assert_eq!(feed(&server).await, Vec::<Value>::new());
    let (_, deliveries) = server.get("/v1/deliveries").await;
    assert_eq!(deliveries["result"], Value::Array(Vec::new()), "{deliveries}");
    assert_eq!(server.metric("countersign_refusals_total").await, 9.0);
    server.assert_log_keeps_secrets(&[&right]);
}

#[tokio::test]
async fn any_of_several_signatures_may_match_and_any_header_may_carry_it() {
    let server =
        Server::start(Settings::new().with("COUNTERSIGN_HMAC_KEYS", &format!("other-key,{KEY}"))).await;
    let body = sim("envelope-sent", ENVELOPE, AT);
    let (wrong, right) = (signature("a-third-key", &body), signature(KEY, &body));
    let headers = [
        ("X-DocuSign-Signature-1", &*wrong),
        ("X-DocuSign-Signature-57", &*right),
        ("x-authorization-digest", "HMACSHA256"),
    ];
    let (status, answer) = post(&server.url("/connect"), &headers, body).await;
    assert_eq!((status, answer["outcome"].as_str()), (200, Some("accepted")), "{answer}");
}

#[tokio::test]
async fn without_a_key_every_delivery_is_refused() {
    let server = Server::start(Settings::new().without("COUNTERSIGN_HMAC_KEYS")).await;
    for key in ["", KEY] {
        let (status, answer) =
            deliver(&server.url("/connect"), key, sim("envelope-sent", ENVELOPE, AT)).await;
        assert_eq!(status, 401, "{answer}");
    }
    assert_eq!(feed(&server).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_source_that_nobody_configured_is_not_found() {
    let server = Server::start(Settings::new()).await;
    let (status, answer) =
        deliver(&server.url("/connect/nobody"), KEY, sim("envelope-sent", ENVELOPE, AT)).await;
    assert_eq!((status, answer["error"].as_str()), (404, Some("Not Found")), "{answer}");
    let (status, _) = deliver(&server.url("/connect/default"), KEY, sim("envelope-sent", ENVELOPE, AT)).await;
    assert_eq!(status, 200, "the source `default` may also be named");
}

#[tokio::test]
async fn each_source_has_keys_of_its_own() {
    let settings = Settings::new().file("[[source]]\nname = \"partner\"\nhmac_keys = [\"partner-key\"]\n");
    let server = Server::start(settings).await;
    let cases = [
        ("/connect/partner", "partner-key", 200),
        ("/connect/partner", KEY, 401),
        ("/connect", "partner-key", 401),
    ];
    for (path, key, want) in cases {
        let (status, answer) = deliver(&server.url(path), key, sim("envelope-sent", ENVELOPE, AT)).await;
        assert_eq!(status, want, "{path}: {answer}");
    }
}

#[tokio::test]
async fn soap_is_an_unsupported_media_type() {
    let server = Server::start(Settings::new()).await;
    let body = br#"<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body/></soap:Envelope>"#;
    let signature = signature(KEY, body);
    let headers = [
        ("content-type", "text/xml"),
        ("soapaction", "DocuSignConnectUpdate"),
        ("x-docusign-signature-1", &*signature),
    ];
    let (status, answer) = post(&server.url("/connect"), &headers, body.to_vec()).await;
    assert_eq!((status, answer["statusCode"].as_u64()), (415, Some(415)), "{answer}");
}

#[tokio::test]
async fn an_authentic_delivery_that_cannot_be_read_is_kept_in_quarantine() {
    let server = Server::start(Settings::new()).await;
    let dtd = "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><DocuSignEnvelopeInformation xmlns=\"http://www.docusign.net/API/3.0\"><EnvelopeStatus><EnvelopeID>&a;</EnvelopeID></EnvelopeStatus></DocuSignEnvelopeInformation>";
    let bodies: Vec<Vec<u8>> = vec![
        b"hello".to_vec(),
        Vec::new(),
        br#"{"event":"envelope-sent","data":{"#.to_vec(),
        b"<DocuSignEnvelopeInformation><EnvelopeStatus>".to_vec(),
        dtd.as_bytes().to_vec(),
        "[".repeat(200_000).into_bytes(),
        "<a>".repeat(200_000).into_bytes(),
        b"{\"event\":\"\xff\xfe\"}".to_vec(),
    ];
    let count = bodies.len();
    for body in bodies {
        let (status, answer) = deliver(&server.url("/connect"), KEY, body.clone()).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!((status, answer["outcome"].as_str()), (200, Some("quarantined")), "{shown}: {answer}");
    }
    let (_, kept) = server.get("/v1/deliveries?outcome=quarantined&limit=100").await;
    assert_eq!(kept["result"].as_array().map(Vec::len), Some(count), "{kept}");
    assert_eq!(server.metric("countersign_quarantined").await, count as f64);
    assert_eq!(feed(&server).await, Vec::<Value>::new());
}

/// Sends a head and then as much of `body` as is taken, and gives the answer's status line.
async fn raw_post(server: &Server, head: &str, body: impl Iterator<Item = Vec<u8>>) -> String {
    let address = server.url("").trim_start_matches("http://").to_owned();
    let mut wire = TcpStream::connect(&address).await.expect("a connection");
    wire.write_all(format!("POST /connect HTTP/1.1\r\nhost: {address}\r\n{head}\r\n\r\n").as_bytes())
        .await
        .expect("sent");
    let (mut reader, mut writer) = wire.split();
    let send = async {
        for part in body {
            // The server may stop reading as soon as it has seen enough.
            if writer.write_all(&part).await.is_err() {
                break;
            }
        }
    };
    let mut answer = vec![0; 64];
    let receive = async {
        let mut length = 0;
        while length < answer.len() {
            match reader.read(&mut answer[length..]).await {
                Ok(0) | Err(_) => break,
                Ok(n) => length += n,
            }
        }
    };
    tokio::time::timeout(PATIENCE, async { tokio::join!(send, receive) }).await.expect("an answer in time");
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_delivery_over_the_limit_is_too_large_whether_or_not_it_says_so_first() {
    let server = Server::start(Settings::new()).await;
    let limit = countersign::base::limits::DELIVERY_BYTES_MAX;
    let told = format!(
        "content-type: application/json\r\nx-docusign-signature-1: x\r\ncontent-length: {}",
        limit + 1
    );
    let answer = raw_post(&server, &told, std::iter::empty()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let untold = "content-type: application/json\r\nx-docusign-signature-1: x\r\ntransfer-encoding: chunked";
    let chunk = [b"100000\r\n".as_slice(), &vec![b'x'; 0x10_0000], b"\r\n"].concat();
    let chunks =
        std::iter::repeat_n(chunk, usize::try_from(limit >> 20).unwrap() + 1).chain([b"0\r\n\r\n".to_vec()]);
    let answer = raw_post(&server, untold, chunks).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let left = fs::read_dir(server.folder().join("data")).expect("a folder").flatten();
    let left: u64 = left.map(|entry| entry.metadata().map_or(0, |meta| meta.len())).sum();
    assert!(left < limit, "{left} bytes stay behind");
    assert_eq!(feed(&server).await, Vec::<Value>::new());
}

/// Delivers a fresh envelope signed with `key`: the status.
async fn status_with(server: &Server, key: &str, envelope: u32) -> u16 {
    let envelope = format!("00000000-0000-4000-8000-{envelope:012}");
    deliver(&server.url("/connect"), key, sim("envelope-sent", &envelope, AT)).await.0
}

#[tokio::test]
async fn keys_change_by_signal_and_by_file_without_a_restart() {
    let keys = tempfile::NamedTempFile::new().unwrap();
    fs::write(keys.path(), "key-a\n").unwrap();
    let path = keys.path().to_str().unwrap();
    let settings = Settings::new().without("COUNTERSIGN_HMAC_KEYS").with("COUNTERSIGN_HMAC_KEYS_FILE", path);
    let server = Server::start(settings).await;
    assert_eq!(status_with(&server, "key-a", 1).await, 200);
    assert_eq!(status_with(&server, "key-b", 2).await, 401);

    fs::write(keys.path(), "key-a,key-b\n").unwrap();
    server.signal("HUP");
    eventually("the second key is taken after SIGHUP", Duration::from_secs(10), async || {
        (status_with(&server, "key-b", 3).await == 200).then_some(())
    })
    .await;
    assert_eq!(status_with(&server, "key-a", 4).await, 200, "the first is still good");

    fs::write(keys.path(), "key-b\n").unwrap();
    eventually("the first key is refused once its file no longer holds it", PATIENCE, async || {
        (status_with(&server, "key-a", 5).await == 401).then_some(())
    })
    .await;
    assert_eq!(status_with(&server, "key-b", 6).await, 200);
    assert!(server.metric("countersign_key_reloads_total").await >= 2.0);
    server.assert_log_keeps_secrets(&["key-a", "key-b"]);
}

#[tokio::test]
async fn a_file_of_keys_that_is_gone_or_empty_leaves_the_keys_that_were() {
    let keys = tempfile::NamedTempFile::new().unwrap();
    fs::write(keys.path(), "key-a\n").unwrap();
    let path = keys.path().to_str().unwrap();
    let settings = Settings::new().without("COUNTERSIGN_HMAC_KEYS").with("COUNTERSIGN_HMAC_KEYS_FILE", path);
    let server = Server::start(settings).await;
    let reloads = server.metric("countersign_key_reloads_total").await;
    fs::write(keys.path(), "").unwrap();
    server.signal("HUP");
    eventually("the reload is counted", Duration::from_secs(10), async || {
        (server.metric("countersign_key_reloads_total").await > reloads).then_some(())
    })
    .await;
    assert_eq!(status_with(&server, "key-a", 1).await, 200);
}
