//! Messages that carry a whole signing request: everything has to be there, and to agree with all that is known.

use bytes::Bytes;
use countersign::base::{AccountId, DeliveryId, SigningRequestId};
use countersign::connect::parse::parse_bytes;
use countersign::signing::map::observe;
use countersign::signing::{State, Told};
use serde_json::{Value, json};
use uuid::Uuid;

use super::common::{RECEIVED_AT, cause};

const ACCOUNT: &str = "8b411bfe-54f5-47fc-bbf2-55d9a71a200f";
const ID: &str = "0c8f1f8a-9d21-4a41-8a57-0b9f0c8a7e01";
const BASE: &str = "https://eu.example/restapi/v2.1/accounts/a";

/// A message made at a second of a minute, with everything in it.
fn message(event: &str, recipient: Option<&str>, status: &str, second: u32) -> Value {
    let at = format!("2026-11-23T10:00:{second:02}.5000000Z");
    let signer = |id: &str| {
        let tabs = json!({"signHereTabs": [{"tabId": id, "documentId": "1"}]});
        json!({"recipientId": id, "status": "sent", "routingOrder": "1", "name": "Ada", "tabs": tabs})
    };
    let summary = json!({
        "envelopeId": ID, "status": status, "emailSubject": "Lease 14", "emailBlurb": "", "envelopeUri": "/envelopes/1",
        "createdDateTime": "2026-11-23T09:00:00Z", "lastModifiedDateTime": at, "statusChangedDateTime": at,
        "expireDateTime": "2027-03-23T09:00:00Z", "sender": {"userName": "Bo"}, "folders": [], "customFields": {},
        "envelopeDocuments": [{"documentId": "1", "name": "a.pdf", "type": "content", "uri": "/envelopes/1/documents/1",
            "PDFBytes": "JVBERi0="}],
        "recipients": {"signers": [signer("1"), signer("2")], "carbonCopies": [{"recipientId": "3", "status": "created"}],
            "recipientCount": "3"},
    });
    json!({
        "event": event, "generatedDateTime": at, "retryCount": 0,
        "data": {"accountId": ACCOUNT, "envelopeId": ID, "recipientId": recipient, "envelopeSummary": summary},
    })
}

/// The messages of one that was sent to its first signer.
fn sent() -> [Value; 2] {
    [message("envelope-sent", None, "sent", 1), message("recipient-sent", Some("1"), "sent", 2)]
}

/// What these messages leave as known, none of them told whole before.
fn told(messages: &[Value]) -> Told {
    let (account, mut state) = (AccountId::new(ACCOUNT), State::default());
    for message in messages {
        let body = message.to_string();
        let event = parse_bytes(body.as_bytes(), None).unwrap();
        state.apply(&observe(&event, account.clone()), cause(RECEIVED_AT.parse().unwrap()), |_| false);
    }
    let signing_request = SigningRequestId::new(ID);
    Told { account, signing_request, state, before: None, messages: numbered(messages) }
}

fn numbered(messages: &[Value]) -> Vec<(DeliveryId, Bytes)> {
    let messages = messages.iter().zip(1_u128..);
    messages
        .map(|(body, number)| (DeliveryId(Uuid::from_u128(number)), Bytes::from(body.to_string())))
        .collect()
}

/// Which message carried it, by its place from 1.
fn carried(told: &Told) -> Option<u128> {
    told.whole(BASE).map(|carried| carried.by.delivery_id.0.as_u128())
}

/// The same with the second message, the newest, told otherwise.
fn otherwise(change: impl FnOnce(&mut Value)) -> Told {
    let [first, mut last] = sent();
    let known = told(&[first.clone(), last.clone()]);
    change(&mut last);
    Told { messages: numbered(&[first, last]), ..known }
}

#[test]
fn the_newest_message_is_the_signing_request_and_its_documents_stay_behind() {
    let whole = told(&sent()).whole(BASE).unwrap();
    assert_eq!(whole.by.generated_at.to_string(), "2026-11-23T10:00:02.5Z");
    let shown = json!(whole.signing_request);
    assert_eq!(shown["status"]["id"], "sent");
    assert_eq!(shown["urls"][0]["url"], format!("{BASE}/envelopes/1"));
    assert_eq!(shown["document_fields"][1]["participant"]["id"], "2");
    assert_eq!(shown["participants"].as_array().unwrap().len(), 3);
    assert!(!shown.to_string().contains("JVBERi0="));
    let [first, last] = sent();
    assert_eq!(carried(&told(&[last, first])), Some(1), "whichever came last");
}

#[test]
fn whatever_is_missing_is_asked_for() {
    assert_eq!(carried(&otherwise(|_| ())), Some(2));
    for key in [
        "envelopeId",
        "status",
        "emailSubject",
        "emailBlurb",
        "envelopeUri",
        "createdDateTime",
        "lastModifiedDateTime",
        "statusChangedDateTime",
        "expireDateTime",
        "sender",
        "folders",
        "customFields",
        "envelopeDocuments",
        "recipients",
    ] {
        let without = otherwise(|last| {
            last["data"]["envelopeSummary"].as_object_mut().unwrap().remove(key).unwrap();
        });
        assert_eq!(carried(&without), None, "{key}");
    }
    for (path, key) in [
        ("/data/envelopeSummary/envelopeDocuments/0", "uri"),
        ("/data/envelopeSummary/recipients/signers/1", "tabs"),
        ("/data", "envelopeSummary"),
        ("/data", "accountId"),
        ("/data", "envelopeId"),
        ("", "generatedDateTime"),
        ("", "event"),
        ("", "data"),
    ] {
        let without = otherwise(|last| {
            last.pointer_mut(path).unwrap().as_object_mut().unwrap().remove(key).unwrap();
        });
        assert_eq!(carried(&without), None, "{path} {key}");
    }
}

#[test]
fn copies_alone_do_not_show_that_tabs_were_asked_for() {
    let copies = |tabs: Option<Value>| {
        otherwise(|last| {
            let mut copy = json!({"recipientId": "1", "status": "sent"});
            if let Some(tabs) = tabs {
                copy["tabs"] = tabs;
            }
            last["data"]["envelopeSummary"]["recipients"] = json!({"signers": [], "carbonCopies": [copy]});
        })
    };
    assert_eq!(carried(&copies(None)), None);
    assert_eq!(carried(&copies(Some(json!({})))), Some(2));
}

#[test]
fn what_says_anything_else_than_is_known_is_not_believed() {
    for (path, value) in [
        ("/data/envelopeSummary/status", json!("created")),
        ("/data/envelopeSummary/status", json!("completed")),
        ("/data/envelopeSummary/status", json!("processing")),
        ("/data/envelopeSummary/recipients/signers/0/status", json!("created")),
        ("/data/envelopeSummary/recipients/signers/0/status", json!("delivered")),
        ("/data/envelopeSummary/recipients/signers/0/recipientId", json!("9")),
        ("/data/envelopeSummary/envelopeId", json!("another")),
        ("/data/envelopeSummary", json!(null)),
        ("/data/envelopeSummary", json!([])),
        ("/data/envelopeId", json!("another")),
        ("/data/accountId", json!("another")),
        ("/generatedDateTime", json!("")),
        ("/generatedDateTime", json!("2026-11-23T10:00:02.5")),
        ("/event", json!(null)),
    ] {
        let told = otherwise(|last| *last.pointer_mut(path).unwrap() = value.clone());
        assert_eq!(carried(&told), None, "{path} {value}");
    }
    let mut told = told(&sent());
    told.messages[1].1 =
        Bytes::from(sent()[1].to_string().replacen("\"event\"", "\"event\":\"\",\"event\"", 1));
    assert_eq!(carried(&told), None, "told twice");
    told.messages[1].1 = Bytes::from_static(b"<DocuSignEnvelopeInformation/>");
    assert_eq!(carried(&told), None);
    told.messages.clear();
    assert_eq!(carried(&told), None);
}

#[test]
fn one_who_was_told_of_in_another_format_is_not_among_these() {
    let mut known = told(&sent());
    let mut guid = message("recipient-sent", Some("1a0b6c55-54f5-47fc-bbf2-55d9a71a2001"), "sent", 1);
    guid["data"]["envelopeSummary"] = json!(null);
    known.state = told(&[sent()[0].clone(), sent()[1].clone(), guid]).state;
    assert_eq!(carried(&known), None);
}

#[test]
fn a_message_that_tells_why_it_was_voided_is_whole_and_one_that_does_not_is_not() {
    for told_why in [true, false] {
        let mut last = message("envelope-voided", None, "voided", 3);
        if told_why {
            last["data"]["envelopeSummary"]["voidedReason"] = json!("a mistake");
        }
        let [first, second] = sent();
        assert_eq!(carried(&told(&[first, second, last])), told_why.then_some(3));
    }
}

#[test]
fn nothing_is_told_that_is_older_than_what_was_told_before() {
    let before = |as_of: &str, updated_at: &str, carried: bool| {
        let carried_by = json!({"delivery_id": Uuid::nil(), "generated_at": as_of});
        json!({
            "signing_request": {"updated_at": updated_at},
            "fetched_at": if carried { json!(null) } else { json!(as_of) },
            "carried_by": if carried { carried_by } else { json!(null) },
        })
    };
    let (old, own, new) = ("2026-11-23T10:00:01Z", "2026-11-23T10:00:02.5Z", "2026-11-23T10:00:03Z");
    for by_message in [true, false] {
        for (as_of, updated_at, want) in
            [(old, old, Some(2)), (old, own, Some(2)), (old, new, None), (own, old, None), (new, old, None)]
        {
            let body = before(as_of, updated_at, by_message).to_string();
            let told = Told { before: Some(body), ..told(&sent()) };
            assert_eq!(carried(&told), want, "{as_of} {updated_at} {by_message}");
        }
    }
    // A fetch that was given up, or a body of which nothing is known.
    for body in [json!({"signing_request": {"id": ID}, "fetched_at": null, "error": {}}), json!({}), json!(7)]
    {
        assert_eq!(carried(&Told { before: Some(body.to_string()), ..told(&sent()) }), None, "{body}");
    }
}

#[test]
fn of_two_made_at_the_same_time_neither_is_newer() {
    let [first, last] = sent();
    let mut twin = last.clone();
    twin["retryCount"] = json!(1);
    assert_eq!(carried(&told(&[first.clone(), last.clone(), twin.clone()])), Some(2), "a retry");
    twin["data"]["envelopeSummary"]["emailSubject"] = json!("Lease 15");
    assert_eq!(carried(&told(&[first.clone(), last.clone(), twin.clone()])), None);
    twin["data"]["envelopeSummary"] = json!(null);
    assert_eq!(carried(&told(&[first, last, twin])), None, "what it did not carry may be newer");
}
