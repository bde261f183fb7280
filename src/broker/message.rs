//! A change as an AMQP message: CloudEvents 1.0, binary or structured.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::signing::Entry;

/// How a change is laid into a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Attributes in headers, the change as body.
    #[default]
    Binary,
    /// Attributes and change in one JSON body.
    Structured,
}

/// Body and properties of a change.
pub(super) struct Message<'a> {
    pub(super) body: std::borrow::Cow<'a, [u8]>,
    pub(super) properties: BasicProperties,
}

/// CloudEvents `source`.
fn source(entry: &Entry) -> String {
    format!("/docusign/accounts/{}", entry.account)
}

/// CloudEvents `subject`: the signing request's id; for what concerns the account as a whole, the account's.
fn subject(entry: &Entry) -> &str {
    match entry.subject.id() {
        "" => entry.account.as_str(),
        id => id,
    }
}

/// CloudEvents `partitionkey`: within it, order and `sequence` are kept.
fn partition_key(entry: &Entry) -> String {
    format!("{}/{}", entry.account, subject(entry))
}

#[derive(Serialize)]
struct Structured<'a> {
    specversion: &'a str,
    id: String,
    source: String,
    r#type: &'a str,
    time: String,
    subject: &'a str,
    datacontenttype: &'a str,
    sequence: String,
    partitionkey: String,
    traceparent: &'a str,
    data: &'a RawValue,
}

/// Lays a change into a message. The body is the stored one, byte for byte; structured mode wraps it.
pub(super) fn message(entry: &Entry, mode: Mode) -> Message<'_> {
    let id = entry.id.to_string();
    let seconds = u64::try_from(entry.occurred_at.as_second()).unwrap_or(0);
    let properties = BasicProperties::default()
        .with_delivery_mode(2) // persistent: the broker writes it to disk before it confirms
        .with_message_id(id.as_str().into())
        .with_type(entry.event_type.as_str().into())
        .with_timestamp(seconds)
        .with_app_id("countersign".into())
        .with_correlation_id(subject(entry).into());
    match mode {
        Mode::Binary => {
            let headers = headers(entry, &id);
            let properties = properties.with_content_type("application/json".into()).with_headers(headers);
            Message { body: entry.body.as_bytes().into(), properties }
        }
        Mode::Structured => {
            let mut headers = FieldTable::default();
            headers.insert("traceparent".into(), text(&entry.traceparent));
            let content_type = "application/cloudevents+json; charset=utf-8";
            let properties = properties.with_content_type(content_type.into()).with_headers(headers);
            Message { body: structured(entry, id).into(), properties }
        }
    }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// All attributes are texts, `sequence` too: CloudEvents knows no number of 64 bits.
fn headers(entry: &Entry, id: &str) -> FieldTable {
    let mut headers = FieldTable::default();
    let time = entry.occurred_at.to_string();
    let attributes = [
        ("cloudEvents_specversion", "1.0"),
        ("cloudEvents_id", id),
        ("cloudEvents_source", &source(entry)),
        ("cloudEvents_type", &entry.event_type),
        ("cloudEvents_time", &time),
        ("cloudEvents_subject", subject(entry)),
        ("cloudEvents_sequence", &entry.sequence.to_string()),
        ("cloudEvents_partitionkey", &partition_key(entry)),
        ("cloudEvents_traceparent", &entry.traceparent),
        ("traceparent", &entry.traceparent),
    ];
    for (name, value) in attributes {
        headers.insert(name.into(), text(value));
    }
    headers
}

fn structured(entry: &Entry, id: String) -> Vec<u8> {
    // The stored body is JSON that we wrote; should it ever not be, it is published as a JSON text, not lost.
    let data = RawValue::from_string(entry.body.clone())
        .or_else(|_| serde_json::value::to_raw_value(&entry.body))
        .unwrap_or_else(|_| RawValue::NULL.to_owned());
    let event = Structured {
        specversion: "1.0",
        id,
        source: source(entry),
        r#type: &entry.event_type,
        time: entry.occurred_at.to_string(),
        subject: subject(entry),
        datacontenttype: "application/json",
        sequence: entry.sequence.to_string(),
        partitionkey: partition_key(entry),
        traceparent: &entry.traceparent,
        data: &data,
    };
    serde_json::to_vec(&event).unwrap_or_default()
}
