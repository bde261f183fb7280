//! Every folder of `fixtures/connect`: from headers and body to the changes that `expected.json` tells.

use std::fs;
use std::path::Path;

use countersign::connect::parse;
use countersign::connect::signature::{Keys, verify};
use countersign::signing::Change;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::common::{changes, delivery, path};

#[test]
fn every_fixture_gives_the_changes_that_it_expects() {
    let rewrite = std::env::var("COUNTERSIGN_FIXTURES").is_ok_and(|how| how == "rewrite");
    let mut folders: Vec<_> =
        fs::read_dir(path("fixtures/connect")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 45, "only {} cases", folders.len());
    let mut wrong = Vec::new();
    for folder in folders {
        let expected_at = folder.join("expected.json");
        let outcome = outcome(&folder);
        if rewrite {
            fs::write(&expected_at, format!("{outcome:#}\n")).unwrap();
        }
        let expected: Value = serde_json::from_slice(&fs::read(&expected_at).unwrap()).unwrap();
        if outcome != expected {
            wrong.push(format!("{}:\n{outcome:#}\nexpected\n{expected:#}", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn outcome(folder: &Path) -> Value {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let body: Vec<_> = files.filter(|file| file.file_stem().is_some_and(|stem| stem == "body")).collect();
    let [body] = &body[..] else { panic!("{}: one body, please", folder.display()) };
    let headers = fs::read_to_string(folder.join("headers")).unwrap();
    let headers = headers.lines().map(|line| line.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let zone =
        fs::read_to_string(folder.join("timezone")).ok().map(|name| TimeZone::get(name.trim()).unwrap());

    let delivery = delivery(headers, fs::read(body).unwrap());
    let keys = Keys::new(&[SecretString::from("fixture-key")]);
    let digests = keys.digests(&fs::read(body).unwrap());
    let verified = match verify(delivery, &digests) {
        Ok(verified) => verified,
        Err((_, refusal)) => return json!({ "refused": refusal.word() }),
    };
    let event = match parse(&verified, zone.as_ref()) {
        Ok(event) => event,
        Err(why) => return json!({ "unreadable": why.word() }),
    };
    let told = changes(&event, verified.delivery().header("x-docusign-accountid"));
    assert!(!told.is_empty(), "{}: a new delivery must appear", folder.display());
    let told: Vec<_> = told.iter().map(shown).collect();
    json!({ "format": event.format.word(), "changes": told })
}

/// A change as `expected.json` shows it: what is absent is left out.
fn shown(change: &Change) -> Value {
    let person = change.participant.as_ref().map(|participant| {
        let person = &participant.person;
        without_nulls(json!({
            "id": person.id, "name": person.name, "email": person.email, "reason": person.reason,
            "routing_order": person.routing_order, "status": participant.status,
            "previous_status": participant.previous_status, "reassigned_to": participant.reassigned_to,
        }))
    });
    without_nulls(json!({
        "routing_key": change.routing_key(), "id": change.id, "sequence": change.sequence,
        "verdict": change.verdict.word(), "occurred_at": change.occurred_at.at,
        "uncertain": (!change.occurred_at.certain).then_some(true),
        "subject": format!("{} {}", change.subject.kind(), change.subject.id()), "name": change.name,
        "status": change.status, "previous_status": change.previous_status,
        "cancellation_reason": change.cancellation_reason, "participant": person, "event": change.event,
    }))
}

fn without_nulls(value: Value) -> Value {
    let Value::Object(fields) = value else { return value };
    Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
}
