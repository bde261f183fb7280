//! Bytes that nobody should send: whatever comes, the words answer and never panic.

use std::fs;

use countersign::base::limits::{RECIPIENTS_MAX, WORD_BYTES_MAX};
use countersign::connect::elide::Elider;
use countersign::connect::parse_bytes;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::Index;

use super::common::{changes, path};

/// Every body of the fixtures.
fn bodies() -> Vec<Vec<u8>> {
    let folders = fs::read_dir(path("fixtures/connect")).unwrap().map(|folder| folder.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|file| file.file_stem().is_some_and(|stem| stem == "body")).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Reads and maps `body`, and holds what comes out to its bounds.
fn survive(body: &[u8]) {
    for zone in [None, Some(&TimeZone::get("Europe/Berlin").unwrap())] {
        match parse_bytes(body, zone) {
            Ok(event) => {
                let told = changes(&event, None);
                assert!(!told.is_empty());
                assert!(told.len() <= RECIPIENTS_MAX + 2);
                for change in told {
                    assert!(change.routing_key().len() <= 255);
                    assert_eq!(change.routing_key().split('.').count(), 3);
                    assert!(change.subject.id().len() <= 3 * WORD_BYTES_MAX);
                    serde_json::from_str::<serde_json::Value>(&change.body(None)).unwrap();
                }
            }
            Err(why) => {
                assert!(!why.word().is_empty() && !why.to_string().is_empty());
            }
        }
    }
    let mut elider = Elider::new();
    elider.push(body);
    assert_eq!(elider.finish().unwrap(), body, "a small body is its own skeleton");
}

/// One change of a body: bytes put in, taken out, turned or copied from elsewhere in it.
fn mutate(body: &mut Vec<u8>, (at, other, how, byte): (Index, Index, u8, u8)) {
    const SNIPPETS: [&[u8]; 12] = [
        b"\"",
        b"\\",
        b"{",
        b"}",
        b"null",
        b"<",
        b">",
        b"<!--",
        b"<![CDATA[",
        b"&x;",
        b"\xed\xa0\x80",
        b"[[[[[[[[",
    ];
    let (at, other) = (at.index(body.len() + 1), other.index(body.len() + 1));
    let (from, to) = (at.min(other), at.max(other));
    match how {
        0 => body.truncate(at),
        1 => body.insert(at, byte),
        2 => drop(body.drain(from..to.min(from + usize::from(byte)))),
        3 => {
            let piece = body[from..to.min(from + 200)].to_vec();
            body.splice(at..at, piece);
        }
        4 => {
            body.splice(at..at, SNIPPETS[usize::from(byte) % SNIPPETS.len()].iter().copied());
        }
        _ => {
            if let Some(target) = body.get_mut(at) {
                *target = byte;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, start in prop::sample::select(vec!["", "{", "<", "{\"data\":", "<DocuSignEnvelopeInformation>"])) {
        survive(&[start.as_bytes(), &bytes].concat());
    }

    #[test]
    fn broken_fixtures_never_panic(which: Index, changes in prop::collection::vec(any::<(Index, Index, u8, u8)>(), 1..6)) {
        let bodies = bodies();
        let mut body = which.get(&bodies).clone();
        for (at, other, how, byte) in changes {
            mutate(&mut body, (at, other, how % 8, byte));
        }
        survive(&body);
    }

    #[test]
    fn values_of_any_type_in_any_place_never_fail_a_message(which: Index, at: Index, value in prop::sample::select(vec!["null", "true", "7", "-1.5e300", "\"\"", "\"\\ud800\"", "[]", "[[1]]", "{}", "{\"a\":[{}]}", "[null,{\"recipientId\":1}]"])) {
        let bodies: Vec<_> = bodies().into_iter().filter_map(|body| serde_json::from_slice::<serde_json::Value>(&body).ok()).filter(|body| body.get("event").is_some_and(serde_json::Value::is_string)).collect();
        let mut body = which.get(&bodies).clone();
        let readable = parse_bytes(body.to_string().as_bytes(), None).is_ok();
        let mut places = Vec::new();
        leaves(&body, String::new(), &mut places);
        places.retain(|place| !["/event", "/data", "/data/envelopeId", "/data/templateId", "/data/agreementId", "/data/envelopeSummary", "/data/envelopeSummary/envelopeId"].contains(&place.as_str()));
        // Half an emoji is forgiven where people write, and not where an object belongs.
        if value.contains("ud800") {
            let texts = ["emailSubject", "name", "email", "value", "declinedReason", "voidedReason", "note"];
            places.retain(|place| texts.iter().any(|text| place.ends_with(&format!("/{text}"))));
            prop_assume!(!places.is_empty());
        }
        *body.pointer_mut(&places[at.index(places.len())]).unwrap() = "@@here@@".into();
        let text = body.to_string().replace("\"@@here@@\"", value);
        prop_assert_eq!(parse_bytes(text.as_bytes(), None).is_ok(), readable, "{}", text);
        survive(text.as_bytes());
    }
}

fn leaves(value: &serde_json::Value, at: String, out: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| leaves(value, format!("{at}/{key}"), out));
        }
        serde_json::Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, value)| leaves(value, format!("{at}/{n}"), out));
        }
        _ => {}
    }
    if !at.is_empty() {
        out.push(at);
    }
}

#[test]
fn a_prefix_of_any_message_is_unreadable() {
    for body in bodies() {
        if parse_bytes(&body, None).is_err() {
            continue;
        }
        let end = body.trim_ascii_end().len();
        for cut in 0..end {
            assert!(parse_bytes(&body[..cut], None).is_err(), "{}", String::from_utf8_lossy(&body[..cut]));
        }
    }
}
