//! Headers and body of a delivery: let in exactly where a key of the source signed this body.
//!
//! The text is headers, an empty line and the body. What cannot be found by chance has a short name: `{1}`, `{2}` and
//! `{o}` in a header stand for the signatures by the source's keys and by another one, `{b}` for one of another
//! body, `{x}` for one in hexadecimal.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::base::{DeliveryId, SourceName};
use countersign::connect::signature::{Keys, explain, verify};
use countersign::connect::{Body, Delivery};
use secrecy::SecretString;

use super::cut;

const KEYS: [&str; 2] = ["first-fuzz-key=", "second-fuzz-key="];
const OTHER: &str = "other-fuzz-key=";
const HEADERS_MAX: usize = 128;

pub(crate) fn check(data: &[u8]) {
    let end = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((data, &b""[..]), |at| (&data[..at], &data[at + 2..]));
    let headers = headers(&String::from_utf8_lossy(head), body);
    let keys = KEYS.map(SecretString::from);
    let prepared = Keys::new(&keys);
    let digests = prepared.digests(body);
    let wanted = is_signed(&headers, body);
    assert_eq!(verify(delivery(&headers, body), &digests).is_ok(), wanted, "{headers:?}");
    for pieces in cut::ways(body) {
        let mut digesting = prepared.begin();
        pieces.into_iter().for_each(|piece| digesting.update(piece));
        assert_eq!(
            verify(delivery(&headers, body), &digesting.finish()).is_ok(),
            wanted,
            "it depends on the pieces"
        );
    }
    assert!(
        verify(delivery(&headers, body), &Keys::default().digests(body)).is_err(),
        "let in without any key"
    );
    let stranger = Keys::new(&[SecretString::from("nobody-signs-with-this")]);
    assert!(verify(delivery(&headers, body), &stranger.digests(body)).is_err());

    let other = [SecretString::from(OTHER)];
    let explained = explain(body, &headers, &keys, &[("other", &other)]);
    assert_eq!(explained.verified, wanted, "{headers:?}\n{explained:?}");
    assert!(!explained.findings.is_empty());
    let text = serde_json::to_string(&explained).unwrap();
    // The name of a header is quoted, its control characters left out.
    let given: String =
        String::from_utf8_lossy(data).to_lowercase().chars().filter(|c| !c.is_control()).collect();
    for secret in KEYS.into_iter().chain([OTHER]).filter(|secret| !given.contains(secret)) {
        assert!(!text.contains(secret), "an explanation quotes a key");
        assert!(!text.contains(&signature(secret, body)), "an explanation quotes a signature");
    }
}

fn headers(text: &str, body: &[u8]) -> Vec<(String, String)> {
    let hex: String = digest(KEYS[0], body).iter().map(|byte| format!("{byte:02x}")).collect();
    let marks = [
        ("{1}", signature(KEYS[0], body)),
        ("{2}", signature(KEYS[1], body)),
        ("{o}", signature(OTHER, body)),
        ("{b}", signature(KEYS[0], &[body, b"\n"].concat())),
        ("{x}", hex),
    ];
    let pairs = text.lines().filter_map(|line| line.split_once(':')).take(HEADERS_MAX);
    pairs
        .map(|(name, value)| {
            let value = marks.iter().fold(value.to_owned(), |value, (mark, text)| value.replace(mark, text));
            (name.to_ascii_lowercase(), value)
        })
        .collect()
}

fn delivery(headers: &[(String, String)], body: &[u8]) -> Delivery {
    Delivery {
        id: DeliveryId(uuid::Uuid::nil()),
        source: SourceName::default(),
        received_at: "2026-11-23T10:00:00Z".parse().unwrap(),
        headers: headers.to_vec(),
        body: Body::Inline(body.to_vec().into()),
        traceparent: String::new(),
    }
}

/// The rule once more, by another library and in other words.
fn is_signed(headers: &[(String, String)], body: &[u8]) -> bool {
    let right = KEYS.map(|key| signature(key, body));
    let number = |name: &str| {
        let digits = name.strip_prefix("x-docusign-signature-")?;
        let plain = (1..=3).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        plain.then(|| digits.parse::<u32>().ok()).flatten()
    };
    let told = headers.iter().filter(|(name, _)| number(name).is_some_and(|n| (1..=100).contains(&n)));
    let signed = told.take(100).any(|(_, value)| right.iter().any(|right| value.trim() == right));
    let mut algorithms = headers.iter().filter(|(name, _)| name == "x-authorization-digest");
    signed && algorithms.all(|(_, value)| value.replace('-', "").trim().eq_ignore_ascii_case("hmacsha256"))
}

fn digest(key: &str, body: &[u8]) -> Vec<u8> {
    ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes()), body).as_ref().to_vec()
}

fn signature(key: &str, body: &[u8]) -> String {
    STANDARD.encode(digest(key, body))
}

pub(crate) fn seeds(_: &Path) -> Vec<Vec<u8>> {
    [
        "x-docusign-signature-1: {1}\n\n{}",
        "X-DocuSign-Signature-1: {o}\nX-DocuSign-Signature-2: {2}\nX-Authorization-Digest: HMACSHA256\n\n{\"event\":\"x\"}",
        "x-docusign-signature-1: {1}\nx-authorization-digest: HMAC-SHA256\n\nbody\n",
        "x-docusign-signature-1: {1}\nx-authorization-digest: MD5\n\nbody",
        "x-docusign-signature-1: {1}\nx-authorization-digest: {1}\n\nbody",
        "x-docusign-signature-100: {2}\nx-docusign-signature-101: {1}\n\n{\n}\n",
        "x-docusign-signature-0: {1}\nx-docusign-signature-: {1}\nsignature: {1}\n\nbody",
        "x-docusign-signature-1: sha256={x}\ncontent-encoding: gzip\n\n\u{1f}\u{8b}body",
        "x-docusign-signature-1: {b}\ncontent-type: application/json\n\n{\"a\":\"\\u00e9\"}",
        "authorization: Basic dTpw\nx-docusign-signature-1: {x}\nx-docusign-signature-1: \"{1}\"\n\n<a/>",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
