//! The recorded messages beside the repository: each reads as it should, and each signature verifies.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::base::Refusal;
use countersign::connect::parse_bytes;
use countersign::connect::signature::{Keys, sign, verify};
use proptest::prelude::*;
use secrecy::SecretString;
use serde::Deserialize;

use super::common::{changes, delivery, path};

fn folder() -> PathBuf {
    path("../shared/samples/connect")
}

/// The samples are not part of the repository: where they are absent, these tests have nothing to read.
fn sample(name: &str) -> Option<Vec<u8>> {
    folder().exists().then(|| fs::read(folder().join(name)).unwrap())
}

/// Each change on a line: routing key, time, then what else it tells.
fn told(name: &str) -> Option<Vec<String>> {
    let body = sample(name)?;
    let event = parse_bytes(&body, None).unwrap();
    let lines = changes(&event, None).into_iter().map(|change| {
        let mut words =
            vec![change.routing_key(), change.occurred_at.at.to_string(), change.subject.id().to_owned()];
        words.extend(change.name.clone());
        words.extend(change.cancellation_reason.clone());
        if let Some(person) = change.participant.map(|participant| participant.person) {
            words.push(person.id.to_string());
            words.extend(person.name.into_iter().chain(person.email).chain(person.reason));
            words.extend(person.routing_order.map(|order| order.to_string()));
        }
        words.join(" | ")
    });
    Some(lines.collect())
}

const GUID: &str = "8b411bfe-54f5-47fc-bbf2-55d9a71a200f";

#[test]
fn every_sample_reads_as_it_should() {
    let expected: [(&str, Vec<String>); 11] = [
        ("json-02-recipient-completed.json", vec![format!(
            "participant.completed.{GUID} | 2022-12-09T18:29:29.736Z | 71799c95-8417-4b16-90d5-86ff24a91d09 | 1"
        )]),
        ("json-03-envelope-completed.json", vec![format!(
            "signing_request.completed.{GUID} | 2022-12-09T18:32:13.299Z | 71799c95-8417-4b16-90d5-86ff24a91d09"
        )]),
        ("json-04-envelope-completed.json", vec![format!(
            "signing_request.completed.{GUID} | 2022-09-21T13:58:43.9115721Z | f826722d-0cc8-4ad0-a4ef-bdb128502a61"
        )]),
        // No time at all: it happened when it was received.
        ("json-08-recipient-sent-string-scalars.json", vec![
            "participant.sent.xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx | 2026-11-23T10:00:00Z | 123456 | API Demo subject | 1".into(),
        ]),
        ("xml-01-completed.xml", xml("4197223", "08740f95-2187-4b01-9a69-452ae3140752 | Please sign this document", &[
            ("participant.completed", "2020-03-29T06:56:54.043Z", "994d45c0-3d06-4174-9d53-70d15683c0e2 | Alex Sender | alex.sender@example.com | 1"),
            // A carbon copy has no time of its own: the message's stands in.
            ("participant.completed", "2020-03-29T06:57:15.1085476Z", "4e569d35-e07b-4917-8458-cad6e3eb9f50 | Alex Sender | alex.sender@example.com | 2"),
            ("signing_request.completed", "2020-03-29T06:56:54.59Z", ""),
        ])),
        ("xml-02-sent.xml", xml("4197223", "08740f95-2187-4b01-9a69-111111111111 | Please sign this document", &[
            ("signing_request.sent", "2020-03-29T06:56:33.89Z", ""),
            ("participant.sent", "2020-03-29T06:56:33.873Z", "994d45c0-3d06-4174-1111-111111111111 | Alex Sender | alex.sender@example.com | 1"),
            ("participant.created", "2020-03-29T06:56:53.9678325Z", "4e569d35-e07b-4917-1111-111111111111 | Alex Sender | alex.sender@example.com | 2"),
        ])),
        ("xml-03-sent.xml", xml("492035", "62d077fc-e912-4854-acac-da30a7c9854b | This is the subject", &[
            ("signing_request.sent", "2014-09-16T10:07:49.323Z", ""),
            ("participant.sent", "2014-09-16T10:07:49.277Z", "10ca30ab-6ab0-4a20-9e4f-3ac5975ba7cd | Zo\u{eb} \u{160}\u{165}astn\u{e1} | zoe@example.org | 1"),
        ])),
        ("xml-03-delivered.xml", xml("492035", "62d077fc-e912-4854-acac-da30a7c9854b | This is the subject", &[
            ("participant.delivered", "2014-09-16T10:25:52.403Z", "10ca30ab-6ab0-4a20-9e4f-3ac5975ba7cd | Zo\u{eb} \u{160}\u{165}astn\u{e1} | zoe@example.org | 1"),
            ("signing_request.delivered", "2014-09-16T10:25:52.467Z", ""),
        ])),
        ("xml-03-completed.xml", xml("492035", "62d077fc-e912-4854-acac-da30a7c9854b | This is the subject", &[
            ("participant.completed", "2014-09-16T10:28:35.847Z", "10ca30ab-6ab0-4a20-9e4f-3ac5975ba7cd | Zo\u{eb} \u{160}\u{165}astn\u{e1} | zoe@example.org | 1"),
            ("signing_request.completed", "2014-09-16T10:28:35.863Z", ""),
        ])),
        ("xml-03-declined.xml", xml("492035", "e9708096-6e41-48e6-b24f-334aadaa93af | This is the subject", &[
            ("participant.declined", "2014-09-16T10:46:32.177Z", "2867656e-d8f0-482c-98b5-74bc62df5167 | Zo\u{eb} \u{160}\u{165}astn\u{e1} | zoe@example.org | Je ne signerai pas un test ! | 1"),
            ("signing_request.declined", "2014-09-16T10:46:32.223Z", ""),
        ])),
        ("xml-12-voided-autoresponded-docs-synthetic.xml", xml("unknown", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee | NDA & terms | Wrong recipient", &[
            ("participant.autoresponded", "2021-03-01T16:05:00.1234567Z", "11111111-2222-3333-4444-555555555555 | Bounced Signer | bounced@example.com | 550 5.1.1 mailbox unavailable | 1"),
            ("signing_request.voided", "2021-03-01T16:05:00.1234567Z", ""),
        ])),
    ];
    for (name, lines) in &expected {
        if let Some(told) = told(name) {
            assert_eq!(&told, lines, "{name}");
        }
    }
    let Ok(files) = fs::read_dir(folder()) else { return };
    let unexpected: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "hmac.json" && !expected.iter().any(|(known, _)| known == name))
        .collect();
    assert!(unexpected.is_empty(), "samples without an expectation: {unexpected:?}");
}

fn xml(account: &str, subject: &str, lines: &[(&str, &str, &str)]) -> Vec<String> {
    let line = |(key, at, person): &(&str, &str, &str)| {
        let person = if person.is_empty() { String::new() } else { format!(" | {person}") };
        format!("{key}.{account} | {at} | {subject}{person}")
    };
    lines.iter().map(line).collect()
}

#[derive(Debug, Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Debug, Deserialize)]
struct Vector {
    file: String,
    bytes: usize,
    key: String,
    signature: String,
}

fn vectors() -> Vec<Vector> {
    sample("hmac.json")
        .map_or_else(Vec::new, |json| serde_json::from_slice::<Vectors>(&json).unwrap().vectors)
}

/// Keys, signatures and bodies: of the samples where they are there, and of a fixture in any case.
fn signed() -> Vec<(String, String, Vec<u8>)> {
    let recorded = vectors().into_iter().map(|one| {
        let body = sample(&one.file).unwrap();
        (one.key, one.signature, body)
    });
    let folder = path("fixtures/connect/json-envelope-completed");
    let headers = fs::read_to_string(folder.join("headers")).unwrap();
    let signature = headers.lines().find_map(|line| line.strip_prefix("x-docusign-signature-1: ")).unwrap();
    let body = fs::read(folder.join("body.json")).unwrap();
    recorded.chain([("fixture-key".to_owned(), signature.to_owned(), body)]).collect()
}

fn fate(key: &str, number: usize, signature: &str, body: &[u8]) -> Result<(), Refusal> {
    let headers = vec![(format!("x-docusign-signature-{number}"), signature.to_owned())];
    let keys = Keys::new(&[SecretString::from("another"), SecretString::from(key)]);
    verify(delivery(headers, body.to_vec()), &keys.digests(body)).map(drop).map_err(|(_, refusal)| refusal)
}

#[test]
fn every_vector_verifies_and_is_what_we_would_sign() {
    for vector in vectors() {
        let body = sample(&vector.file).unwrap();
        assert_eq!(body.len(), vector.bytes, "{}", vector.file);
        assert_eq!(sign(&vector.key, &body), vector.signature, "{}", vector.file);
        assert_eq!(fate(&vector.key, 1, &vector.signature, &body), Ok(()), "{}", vector.file);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn one_bit_changed_anywhere_is_refused(which: prop::sample::Index, at: prop::sample::Index, bit in 0u8..8, place in 0..3) {
        let (mut key, signature, mut body) = which.get(&signed()).clone();
        let mut digest = STANDARD.decode(&signature).unwrap();
        match place {
            0 => {
                let at = at.index(body.len());
                body[at] ^= 1 << bit;
            }
            1 => {
                let at = at.index(digest.len());
                digest[at] ^= 1 << bit;
            }
            // A key changes by a character put in.
            _ => {
                let at = at.index(key.chars().count() + 1);
                let at = key.char_indices().nth(at).map_or(key.len(), |(at, _)| at);
                key.insert(at, char::from(b'0' + bit));
            }
        }
        prop_assert_eq!(fate(&key, 1, &STANDARD.encode(&digest), &body), Err(Refusal::SignatureWrong));
    }
}
