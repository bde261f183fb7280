//! An answer of DocuSign's REST API: any JSON object becomes a signing request, of any shape and within its bounds.

use std::path::Path;

use countersign::base::limits::{DOCUMENT_FIELDS_MAX, RECIPIENTS_MAX};
use countersign::base::{AccountId, ChangeId, DeliveryId, SigningRequestId, Subject};
use countersign::connect::parse_answer;
use countersign::docusign::ErrorDetails;
use countersign::signing::map_look::look;
use countersign::signing::map_rest::signing_request;
use countersign::signing::state::Cause;
use countersign::signing::{Enriched, Failure, Origin, SigningRequest, State, Told};
use serde_json::Value;

use super::{ends, files};

const BASE: &str = "https://demo.docusign.net/restapi/v2.1/accounts/1";

pub(crate) fn check(data: &[u8]) {
    let _ = serde_json::from_slice::<ErrorDetails>(data);
    looked_at(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    match signing_request(text, BASE) {
        Ok(request) => {
            bounded(&request);
            carried(data, text, &request);
            let told = enriched(Ok(Box::new(request)));
            assert!(told.get("error").is_none_or(Value::is_null), "{told}");
        }
        Err(why) => {
            let object = serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object());
            assert!(!object, "an object is refused: {why}");
            assert!(!why.is_empty() && why.len() < 100, "{why}");
            let code = why;
            enriched(Err(Failure {
                code,
                message: text.to_owned(),
                status: None,
                trace_token: None,
                attempts: 1,
            }));
        }
    }
}

/// What reconciling makes of it: whatever it tells is known once it was told, and it never tells an activity.
fn looked_at(data: &[u8]) {
    let Ok(event) = parse_answer(data) else { return };
    let seen = look(&event, AccountId::new("1"));
    assert!(seen.activity.is_none() && matches!(seen.subject, Subject::SigningRequest(_)));
    let received_at = "2026-11-23T10:00:00Z".parse().unwrap();
    let cause = Cause { origin: Origin::Reconcile, received_at, delivery_id: None };
    let mut state = State::default();
    let told = state.apply(&seen, cause, |_| false);
    assert!(told.len() <= seen.marks.len() && told.len() as u64 == state.sequence);
    let again = state.apply(&seen, cause, |_| false);
    assert!(again.is_empty(), "told twice: {again:?}");
}

/// A message that carries it: where that is believed, it is what REST would have told.
fn carried(data: &[u8], text: &str, fetched: &SigningRequest) {
    let Ok(event) = parse_answer(data) else { return };
    let (account, mut state) = (AccountId::new("1"), State::default());
    let received_at = "2026-11-23T10:00:00Z".parse().unwrap();
    let cause = Cause { origin: Origin::Connect, received_at, delivery_id: None };
    state.apply(&look(&event, account.clone()), cause, |_| false);
    let id = Value::from(fetched.id.as_str());
    let body = format!(
        "{{\"event\":\"envelope-sent\",\"generatedDateTime\":\"2026-11-23T09:59:59Z\",\
         \"data\":{{\"accountId\":\"1\",\"envelopeId\":{id},\"envelopeSummary\":{text}}}}}"
    );
    let (signing_request, delivery) = (SigningRequestId::new(&fetched.id), DeliveryId(uuid::Uuid::nil()));
    let told =
        Told { account, signing_request, state, before: None, messages: vec![(delivery, body.into())] };
    if let Some(carried) = told.whole(BASE) {
        assert_eq!(
            serde_json::to_value(&carried.signing_request).unwrap(),
            serde_json::to_value(fetched).unwrap()
        );
    }
}

fn bounded(request: &SigningRequest) {
    assert!(request.participants.len() <= RECIPIENTS_MAX);
    assert!(request.document_fields.len() <= DOCUMENT_FIELDS_MAX);
    let orders: Vec<_> =
        request.participants.iter().map(|one| one.routing_order.unwrap_or(u32::MAX)).collect();
    assert!(orders.is_sorted(), "{orders:?}");
    let value = serde_json::to_value(request).unwrap();
    assert!(value.get("remote_data").is_none_or(Value::is_null));
    for field in value["document_fields"].as_array().unwrap() {
        assert!(field.get("value").is_none(), "what was entered is told: {field}");
    }
}

/// The message that it makes; it covers two changes, told in either order.
fn enriched(result: Result<Box<SigningRequest>, Failure>) -> Value {
    let change = |number| ChangeId(uuid::Uuid::from_u128(number));
    let mut enriched = Enriched {
        account: AccountId::new("1"),
        integrated_account: None,
        signing_request: SigningRequestId::new("e"),
        known_status: None,
        covers: vec![(change(1), 1), (change(2), 2)],
        received_at: "2026-11-23T10:00:00Z".parse().unwrap(),
        carried_by: None,
        result,
    };
    let key = enriched.routing_key();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let words: Vec<_> = key.split('.').collect();
    assert!(
        words.len() == 3 && words.iter().all(|word| !word.is_empty() && word.bytes().all(plain)),
        "{key}"
    );
    assert!(key.len() <= 255, "{key}");
    let body: Value = serde_json::from_str(&enriched.body(7)).unwrap();
    assert_eq!((&body["sequence"], &body["id"]), (&Value::from(7), &Value::from(enriched.id().to_string())));
    let id = enriched.id();
    enriched.covers.reverse();
    assert_eq!(enriched.id(), id, "the id depends on the order of what it covers");
    body
}

pub(crate) fn seeds(fixtures: &Path) -> Vec<Vec<u8>> {
    let mut seeds =
        files(&fixtures.join("docusign"), |path| ends(path, "json") && path.ends_with("envelope.json"));
    seeds.push(
        br#"{"errorCode":"ENVELOPE_DOES_NOT_EXIST","message":"The envelope does not exist."}"#.to_vec(),
    );
    seeds
}
