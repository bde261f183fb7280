//! Real message bodies against `/asyncapi.yaml`, and against the shapes of `/openapi.json`.

use std::path::Path;

use countersign::base::{
    AccountId, AccountState, ChangeId, DeliveryId, Dice, Moment, ParticipantId, SigningRequestId, Subject,
};
use countersign::connect::{Format, parse_bytes};
use countersign::signing::account::{ACCOUNT_TYPE, AccountChange};
use countersign::signing::change::{Change, ENRICHED_TYPE, Origin};
use countersign::signing::enriched::{Enriched, Failure};
use countersign::signing::state::Cause;
use countersign::signing::{
    Activity, Mark, Observation, ParticipantStatus, Person, SigningRequestStatus, State, map, map_rest,
};
use countersign::web::message::Message;
use serde_json::{Value, json};

use super::reference::{strict, validator};

/// The document, and a strict validator for each message by its CloudEvents type.
fn asyncapi() -> Value {
    yaml_serde::from_str(include_str!("../../src/web/asyncapi.yaml")).expect("YAML")
}

#[track_caller]
fn holds(document: &Value, event_type: &str, body: &str) {
    let messages = document["components"]["messages"].as_object().unwrap();
    let message = messages.values().find(|message| message["name"] == event_type);
    let payload = &message.unwrap_or_else(|| panic!("no message is named {event_type}"))["payload"];
    let body: Value = serde_json::from_str(body).expect("JSON");
    let faults: Vec<_> = validator(document, payload)
        .iter_errors(&body)
        .map(|e| format!("{}: {e}", e.instance_path))
        .collect();
    assert!(faults.is_empty(), "{event_type}: {faults:#?}\n{body:#}");
    serde_json::from_value::<Message>(body).expect("a message that timelines read back");
}

fn cause() -> Cause {
    let dice = Dice::seeded(3);
    let received_at = "2026-11-23T10:00:00.5Z".parse().unwrap();
    Cause { origin: Origin::Connect, received_at, delivery_id: Some(DeliveryId(dice.uuid_at(received_at))) }
}

fn account() -> AccountId {
    AccountId::new("8b411bfe-54f5-47fc-bbf2-55d9a71a200f")
}

fn observation(subject: Subject, event: &str) -> Observation {
    Observation {
        account: account(),
        subject,
        event: event.into(),
        format: Format::Json,
        generated_at: None,
        name: None,
        cancellation_reason: None,
        marks: Vec::new(),
        activity: None,
    }
}

fn request() -> Subject {
    Subject::SigningRequest(SigningRequestId::new("env-a"))
}

fn person(id: &str, whole: bool) -> Person {
    let told = |text: &str| whole.then(|| text.to_owned());
    Person {
        id: ParticipantId::new(id),
        name: told("A Person"),
        email: told("person@example.com"),
        reason: told("too long"),
        routing_order: whole.then_some(2),
    }
}

#[track_caller]
fn check(document: &Value, changes: &[Change]) {
    assert!(!changes.is_empty());
    for change in changes {
        holds(document, change.kind.event_type(), &change.body(None));
    }
}

#[test]
fn every_status_in_every_order_is_as_the_schemas_say() {
    let document = strict(asyncapi());
    let mut verdicts = std::collections::BTreeSet::new();
    for first in SigningRequestStatus::ALL {
        for second in SigningRequestStatus::ALL.iter().filter(|second| *second != first) {
            let mut state = State::default();
            for (status, whole) in [(first, true), (second, false)] {
                let mut seen = observation(request(), &format!("envelope-{}", status.id()));
                seen.name = whole.then(|| "Please sign".into());
                seen.cancellation_reason = whole.then(|| "changed my mind".into());
                let at = Moment { at: "2026-11-23T09:00:00Z".parse().unwrap(), certain: whole };
                seen.marks.push(Mark::SigningRequest { status: *status, at: Some(at) });
                let changes = state.apply(&seen, cause(), |_| false);
                verdicts.extend(
                    changes.iter().map(|change| change.routing_key().split('.').next().unwrap().to_owned()),
                );
                check(&document, &changes);
            }
        }
    }
    for first in ParticipantStatus::ALL {
        for second in ParticipantStatus::ALL.iter().filter(|second| *second != first) {
            let mut state = State::default();
            for (status, whole) in [(first, true), (second, false)] {
                let mut seen = observation(request(), "snapshot");
                seen.marks.push(Mark::Participant { person: person("1", whole), status: *status, at: None });
                check(&document, &state.apply(&seen, cause(), |_| false));
            }
        }
    }
    assert_eq!(
        verdicts.into_iter().collect::<Vec<_>>(),
        ["conflict", "late", "signing_request"],
        "all were tried"
    );
}

#[test]
fn activities_of_every_subject_are_as_the_schemas_say() {
    let document = strict(asyncapi());
    let subjects =
        [request(), Subject::Template("tpl".into()), Subject::Agreement("click".into()), Subject::Account];
    for subject in subjects {
        for (person, reassigned_to) in [
            (None, None),
            (Some(person("1", false)), None),
            (Some(person("1", true)), Some(ParticipantId::new("2"))),
        ] {
            for origin in [Origin::Connect, Origin::Reconcile, Origin::Replay] {
                let mut seen = observation(subject.clone(), "something-new");
                let discriminator = b"x".to_vec();
                let reassigned_to = reassigned_to.clone();
                seen.activity =
                    Some(Activity { person: person.clone(), reassigned_to, at: None, discriminator });
                let delivery_id = cause().delivery_id.filter(|_| origin != Origin::Reconcile);
                let cause = Cause { origin, delivery_id, ..cause() };
                check(&document, &State::default().apply(&seen, cause, |_| false));
            }
        }
    }
}

#[test]
fn recorded_deliveries_become_messages_as_the_schemas_say() {
    let document = strict(asyncapi());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/connect");
    let mut checked = 0;
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let Ok(event) = parse_bytes(&bytes, None) else { continue };
            let seen = map::observe(&event, account());
            for change in State::default().apply(&seen, cause(), |_| false) {
                holds(&document, change.kind.event_type(), &change.body(None));
                checked += 1;
            }
        }
    }
    assert!(checked >= 20, "only {checked} messages");
}

fn enriched(result: Result<Box<countersign::signing::request::SigningRequest>, Failure>) -> Enriched {
    Enriched {
        account: account(),
        integrated_account: None,
        signing_request: SigningRequestId::new("env-a"),
        known_status: Some(SigningRequestStatus::Sent),
        covers: vec![(ChangeId(uuid::Uuid::nil()), 1), (ChangeId(uuid::Uuid::max()), 2)],
        received_at: "2026-11-23T10:00:00.5Z".parse().unwrap(),
        carried_by: None,
        result,
    }
}

#[test]
fn every_fetched_envelope_becomes_a_message_as_the_schemas_say() {
    let document = strict(asyncapi());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/docusign");
    let mut checked = 0;
    for case in std::fs::read_dir(folder).unwrap() {
        let Ok(told) = std::fs::read_to_string(case.unwrap().path().join("envelope.json")) else { continue };
        let request =
            map_rest::signing_request(&told, "https://demo.docusign.net/restapi/v2.1/accounts/x").unwrap();
        holds(&document, ENRICHED_TYPE, &enriched(Ok(Box::new(request))).body(3));
        checked += 1;
    }
    assert!(checked >= 10, "only {checked} cases");
}

#[test]
fn a_fetch_given_up_becomes_a_message_as_the_schemas_say() {
    let document = strict(asyncapi());
    for (status, trace_token, known) in
        [(Some(404), Some("abc".to_owned()), Some(SigningRequestStatus::Sent)), (None, None, None)]
    {
        let failure = Failure { code: "X".into(), message: "no".into(), status, trace_token, attempts: 8 };
        let change = Enriched { known_status: known, ..enriched(Err(failure)) };
        holds(&document, ENRICHED_TYPE, &change.body(1));
    }
}

#[test]
fn the_schemas_refuse_what_no_message_says() {
    let document = strict(asyncapi());
    let mut seen = observation(request(), "envelope-sent");
    seen.marks.push(Mark::SigningRequest { status: SigningRequestStatus::Sent, at: None });
    let change = State::default().apply(&seen, cause(), |_| false).remove(0);
    let payload = &document["components"]["messages"]["signingRequestStatusChanged"]["payload"];
    let valid: Value = serde_json::from_str(&change.body(None)).unwrap();
    let check = |body: &Value| validator(&document, payload).is_valid(body);
    assert!(check(&valid));
    for (pointer, value) in [
        ("/sequence", json!(0)),
        ("/verdict", json!("repeat")),
        ("/origin", json!("elsewhere")),
        ("/signing_request", Value::Null),
        ("/signing_request/status/id", json!("signing")),
        ("/participant", json!({})),
        ("/occurred_at", json!("yesterday")),
        ("/id", json!("1")),
        ("/cause", json!({})),
    ] {
        let mut body = valid.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        assert!(!check(&body), "{pointer} was let through");
    }
    let mut body = valid.clone();
    body["surprise"] = json!(1);
    assert!(!check(&body), "a field that no schema names");
}

#[test]
fn the_document_names_this_version_every_type_and_every_example_holds() {
    let document = strict(asyncapi());
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let messages = document["components"]["messages"].as_object().unwrap();
    let mut examples = 0;
    for message in messages.values() {
        for example in message["examples"].as_array().into_iter().flatten() {
            holds(&document, message["name"].as_str().unwrap(), &example["payload"].to_string());
            let headers = &document["components"]["schemas"]["Headers"];
            assert!(validator(&document, headers).is_valid(&example["headers"]), "{example}");
            examples += 1;
        }
    }
    assert!(examples > 0);
    let ids = |all: Vec<&'static str>| json!(all);
    let parameters = &document["components"]["parameters"];
    let own = SigningRequestStatus::ALL.iter().map(|s| s.id()).collect::<std::collections::BTreeSet<_>>();
    let told: std::collections::BTreeSet<_> = parameters["signingRequestStatus"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap())
        .collect();
    assert_eq!(own, told);
    let people = ParticipantStatus::ALL.iter().map(|s| s.id()).collect::<Vec<_>>();
    let mut told = parameters["participantStatus"]["enum"].as_array().unwrap().clone();
    told.sort_by_key(|id| people.iter().position(|known| id == known));
    assert_eq!(json!(told), ids(people));
}

#[test]
fn the_states_of_a_linked_account_are_as_documented() {
    let (document, unknown) = (strict(asyncapi()), AccountId::unknown());
    let account = account();
    let states = AccountState::ALL.into_iter().map(Some).chain([None]);
    for (n, state) in states.enumerate() {
        let change = AccountChange {
            account: if n == 0 { &unknown } else { &account },
            integrated: "0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e",
            name: (n > 0).then_some("Acme"),
            tenant: "tenant-1",
            state,
            previous: (n > 0).then_some(AccountState::Active),
            reason: (n == 2).then_some("invalid_grant"),
            at: "2026-11-23T10:00:00.5Z".parse().unwrap(),
        };
        holds(&document, ACCOUNT_TYPE, &change.body(1));
    }
}
