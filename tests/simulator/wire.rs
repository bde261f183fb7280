//! Messages on the wire: names out of DocuSign's own description, the order of real messages, and what the
//! product's parser reads out of them.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::base::Dice;
use countersign::connect::parse::parse_bytes;
use countersign::connect::{Format as Parsed, Object};
use countersign::simulator::connect::{Configuration, Format, Message, Messages};
use countersign::simulator::life::{Kind, Life, Step};
use serde_json::Value;

use super::lives::{setting, steps};

fn all_lives(count: u64) -> impl Iterator<Item = Step> {
    (0..count).flat_map(|seed| Life::drawn(&setting(), Dice::seeded(seed)))
}

fn body(step: Step, configuration: &Configuration) -> String {
    String::from_utf8(Message::first(step).body(configuration)).unwrap()
}

#[test]
fn single_events_look_as_on_the_wire() {
    let configuration = Configuration { summary: false, ..Configuration::new(Format::Json) };
    let steps = steps(Kind::Sequential, 1);
    let step = steps.iter().find(|step| step.event == "recipient-completed").unwrap().clone();
    let envelope = step.subject.envelope().unwrap();
    let account = &envelope.account;
    let (account_id, user_id, id) = (account.id, account.sender.user_id, envelope.id);
    let generated = step.generated_at.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string();
    let told = body(step.clone(), &configuration);
    let head = format!(
        "{{\"event\":\"recipient-completed\",\"apiVersion\":\"v2.1\",\
         \"uri\":\"/restapi/v2.1/accounts/{account_id}/envelopes/{id}\",\
         \"retryCount\":0,\"configurationId\":10363315,\"generatedDateTime\":\"{generated}"
    );
    assert!(told.starts_with(&head), "{told}\n{head}");
    let tail = format!(
        "\"data\":{{\"accountId\":\"{account_id}\",\"userId\":\"{user_id}\",\"envelopeId\":\"{id}\",\
         \"recipientId\":\"1\"}}}}"
    );
    assert!(told.ends_with(&tail), "{told}\n{tail}");
    let digits = &told[head.len()..];
    assert!(digits[..1].chars().all(|c| c.is_ascii_digit()) && digits[1..].starts_with("Z\","), "{told}");
}

#[test]
fn the_real_sample_and_ours_have_the_same_keys_in_the_same_order() {
    let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/samples/connect/json-02-recipient-completed.json");
    let Ok(sample) = std::fs::read_to_string(sample) else { return };
    let configuration = Configuration { summary: false, ..Configuration::new(Format::Json) };
    let steps = steps(Kind::Sequential, 1);
    let step = steps.into_iter().find(|step| step.event == "recipient-completed").unwrap();
    // What stands before each colon that follows a quote: the keys as written.
    let keys = |text: &str| -> Vec<String> {
        text.split("\":").map(|part| part.rsplit('"').next().unwrap_or_default().to_owned()).collect()
    };
    let (mut theirs, mut ours) = (keys(&sample), keys(&body(step, &configuration)));
    // The last piece is a value and no key.
    theirs.pop();
    ours.pop();
    assert_eq!(ours, theirs);
}

#[test]
fn a_retry_changes_its_count_and_nothing_else_and_a_second_configuration_its_number() {
    let configuration = Configuration::new(Format::Json);
    let first = Message::first(steps(Kind::Sequential, 2).remove(1));
    let told = String::from_utf8(first.body(&configuration)).unwrap();
    let retry = Message { retry_count: 1, ..first.clone() };
    let retried = String::from_utf8(retry.body(&configuration)).unwrap();
    assert_eq!(retried, told.replace("\"retryCount\":0", "\"retryCount\":1"));
    let second = Message { second_configuration: true, ..first };
    let told_twice = String::from_utf8(second.body(&configuration)).unwrap();
    assert_eq!(told_twice, told.replace(":10363315,", ":10363316,"));
}

#[test]
fn the_products_parser_reads_single_events_as_they_were_meant() {
    let configuration = Configuration::new(Format::Json);
    for step in all_lives(200) {
        let told = body(step.clone(), &configuration);
        let event = parse_bytes(told.as_bytes(), None).unwrap();
        assert_eq!(event.format, Parsed::Json);
        assert_eq!(event.event.as_deref(), Some(step.event));
        assert_eq!(event.account_id.as_deref(), Some(step.subject.account().id.to_string().as_str()));
        assert_eq!(event.recipient_id.as_deref(), step.recipient_id.as_deref());
        assert_eq!(event.reassigned_recipient_id.as_deref(), step.reassigned_recipient_id.as_deref());
        assert_eq!(event.generated_at.map(|moment| moment.at), Some(step.generated_at));
        match (&event.object, step.subject.envelope()) {
            (Object::Envelope(id), Some(envelope)) => {
                assert_eq!(*id, envelope.id.to_string());
                envelope_is_read(event.envelope.as_ref().unwrap(), envelope, false);
            }
            (Object::Template(id, name), None) => assert!(!id.is_empty() && name.is_some()),
            other => panic!("{other:?}"),
        }
    }
}

/// Holds what was read of an envelope against the envelope itself.
fn envelope_is_read(
    read: &countersign::connect::Envelope<'_>,
    meant: &countersign::simulator::life::Envelope,
    xml: bool,
) {
    let at = |moment: Option<countersign::base::Moment>| {
        assert!(moment.is_none_or(|moment| moment.certain));
        moment.map(|moment| moment.at)
    };
    assert!(read.status.as_deref().unwrap().eq_ignore_ascii_case(meant.status.word()));
    assert_eq!(read.subject.as_deref(), Some(meant.subject.as_str()));
    assert_eq!(read.voided_reason.as_deref(), meant.voided_reason.as_deref());
    assert_eq!(at(read.created_at), Some(meant.created_at));
    assert_eq!(at(read.completed_at), meant.completed_at);
    assert_eq!(at(read.declined_at), meant.declined_at);
    assert_eq!(at(read.deleted_at), meant.deleted_at);
    if !xml {
        assert_eq!(at(read.sent_at), meant.initial_sent_at);
        assert_eq!(at(read.delivered_at), meant.delivered_at);
        assert_eq!(at(read.voided_at), meant.voided_at);
    }
    assert_eq!(read.recipients.len(), meant.recipients.len());
    for recipient in &meant.recipients {
        let (id, guid) = (recipient.id.as_str(), recipient.guid.to_string());
        let wanted = if xml { guid.as_str() } else { id };
        let found = read.recipients.iter().find(|r| r.id == wanted).expect("the recipient");
        assert_eq!(found.name.as_deref(), Some(recipient.person.name.as_str()));
        assert_eq!(found.email.as_deref(), Some(recipient.person.email.as_str()));
        assert!(found.status.as_deref().unwrap().eq_ignore_ascii_case(recipient.status.word()));
        assert_eq!(found.routing_order, Some(recipient.routing_order));
        assert_eq!(at(found.sent_at), recipient.sent_at);
        assert_eq!(at(found.delivered_at), recipient.delivered_at);
        assert_eq!(at(found.signed_at), recipient.signed_at);
        assert_eq!(at(found.declined_at), recipient.declined_at);
        assert_eq!(found.declined_reason.as_deref(), recipient.declined_reason.as_deref());
        assert_eq!(found.autoresponded_reason.as_deref(), recipient.auto_responded_reason.as_deref());
    }
    let fields = meant.custom_fields.iter().map(|f| (f.name.as_str(), f.value.as_str()));
    for (name, value) in fields {
        assert!(read.custom_fields.iter().any(|(n, v)| n == name && v == value), "{name}");
    }
}

#[test]
fn the_products_parser_reads_snapshots_as_they_were_meant() {
    for format in [Format::JsonAggregate, Format::Xml] {
        let configuration = Configuration::new(format);
        for message in Messages::of(all_lives(200), format) {
            let told = message.body(&configuration);
            let event = parse_bytes(&told, None).unwrap();
            let envelope = message.step.subject.envelope().unwrap();
            assert_eq!(event.event, None);
            assert_eq!(event.object, Object::Envelope(envelope.id.to_string().into()));
            let account = match format {
                Format::Xml => envelope.account.number.to_string(),
                _ => envelope.account.id.to_string(),
            };
            assert_eq!(event.account_id.as_deref(), Some(account.as_str()));
            envelope_is_read(event.envelope.as_ref().unwrap(), envelope, format == Format::Xml);
        }
    }
}

#[test]
fn snapshots_come_for_subscribed_changes_only_and_one_for_each_act() {
    let told = |format| Messages::of(steps(Kind::Corrected, 3).into_iter(), format).collect::<Vec<_>>();
    let single = told(Format::Json);
    let snapshots = told(Format::Xml);
    assert_eq!(single.len(), steps(Kind::Corrected, 3).len());
    assert!(snapshots.len() < single.len());
    assert!(snapshots.iter().all(|message| message.step.settled));
    // The last signature tells its own completion and the envelope's in one.
    let last = snapshots.last().unwrap();
    assert_eq!(last.step.event, "envelope-completed");
    let not_subscribed = ["envelope-created", "envelope-corrected", "envelope-resent", "recipient-resent"];
    assert!(snapshots.iter().all(|message| !not_subscribed.contains(&message.step.event)));
    for kind in [Kind::Discarded, Kind::Template] {
        assert_eq!(Messages::of(steps(kind, 3).into_iter(), Format::Xml).count(), 0, "{kind:?}");
    }
}

#[test]
fn documents_inside_have_the_size_asked_for_and_differ_between_envelopes() {
    let configuration = Configuration { document_bytes: 10_000, ..Configuration::new(Format::Json) };
    let bytes = |seed| {
        let told: Value =
            serde_json::from_str(&body(steps(Kind::Sequential, seed).remove(0), &configuration)).unwrap();
        let document = &told["data"]["envelopeSummary"]["envelopeDocuments"][0];
        STANDARD.decode(document["PDFBytes"].as_str().unwrap()).unwrap()
    };
    assert_eq!(bytes(1).len(), 10_000);
    assert!(bytes(1).starts_with(b"%PDF-"));
    assert_ne!(bytes(1), bytes(2));
    assert_eq!(bytes(1), bytes(1));
}

/// Where keys may come from: DocuSign's tree of a message, and its API description.
struct Described {
    api: Value,
}

impl Described {
    /// Every key below `value` that neither the tree nor the definition knows.
    fn unknown(
        &self,
        value: &Value,
        tree: Option<&Value>,
        definition: Option<&str>,
        path: &str,
    ) -> Vec<String> {
        match value {
            Value::Array(items) => {
                let tree = tree.and_then(|tree| tree.get(0));
                items.iter().flat_map(|item| self.unknown(item, tree, definition, path)).collect()
            }
            Value::Object(fields) => fields
                .iter()
                .flat_map(|(key, value)| {
                    let path = format!("{path}.{key}");
                    let node = tree.and_then(|tree| tree.get(key));
                    let property =
                        definition.and_then(|name| self.api["definitions"][name]["properties"].get(key));
                    if node.is_none() && property.is_none() {
                        return vec![path];
                    }
                    let reference = property.and_then(|p| {
                        p.get("$ref").or_else(|| p.get("items")?.get("$ref")).and_then(Value::as_str)
                    });
                    self.unknown(value, node, reference.and_then(|r| r.rsplit('/').next()), &path)
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

#[test]
fn every_key_of_a_summary_stands_in_docusigns_own_description() {
    let spec = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/spec");
    let json =
        |name: &str| -> Option<Value> { serde_json::from_slice(&std::fs::read(spec.join(name)).ok()?).ok() };
    // A bare checkout has only the excerpt, which the next test reads.
    let (Some(tree), Some(api)) = (json("connect.schema-v2.json"), json("esignature.rest.swagger-v2.1.json"))
    else {
        return;
    };
    let described = Described { api };
    let tree = &tree["data"]["envelopeSummary"];
    let configuration = Configuration { document_bytes: 10, ..Configuration::new(Format::Json) };
    for step in all_lives(200) {
        let told: Value = serde_json::from_str(&body(step, &configuration)).unwrap();
        let Some(summary) = told["data"].get("envelopeSummary") else { continue };
        let unknown = described.unknown(summary, Some(tree), Some("envelope"), "");
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}

#[test]
fn the_names_of_a_summary_stand_in_the_excerpt_that_the_tree_holds() {
    let excerpt = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/docusign/fields.json");
    let excerpt: Value = serde_json::from_slice(&std::fs::read(excerpt).unwrap()).unwrap();
    let stands = |object: &str, fields: &Value| {
        for key in fields.as_object().unwrap().keys() {
            let known = excerpt[object].as_array().unwrap().iter().any(|name| name == key);
            // These two stand in the tree of messages alone.
            assert!(known || key == "PDFBytes" || key == "envelopeMetadata", "{object}.{key}");
        }
    };
    let configuration = Configuration { document_bytes: 10, ..Configuration::new(Format::Json) };
    for step in all_lives(50) {
        let told: Value = serde_json::from_str(&body(step, &configuration)).unwrap();
        let Some(summary) = told["data"].get("envelopeSummary") else { continue };
        stands("Envelope", summary);
        stands("Recipients", &summary["recipients"]);
        for list in ["signers", "carbonCopies"] {
            for recipient in summary["recipients"][list].as_array().unwrap() {
                stands("Signer", recipient);
            }
        }
        for document in summary["envelopeDocuments"].as_array().unwrap() {
            stands("EnvelopeDocument", document);
        }
    }
}

#[test]
fn scalars_of_a_summary_are_strings() {
    fn scalars(value: &Value, path: &str) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| scalars(item, path)),
            Value::Object(fields) => {
                fields.iter().for_each(|(key, value)| scalars(value, &format!("{path}.{key}")));
            }
            Value::Null => assert_eq!(path, ".anySigner"),
            Value::String(_) => {}
            other => panic!("{path}: {other}"),
        }
    }
    let configuration = Configuration::new(Format::Json);
    for step in all_lives(20) {
        let told: Value = serde_json::from_str(&body(step, &configuration)).unwrap();
        if let Some(summary) = told["data"].get("envelopeSummary") {
            scalars(summary, "");
        }
    }
}
