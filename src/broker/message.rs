//! A change as an AMQP message: CloudEvents 1.0 in binary or structured mode, its body written once and sent as it is.

use std::borrow::Cow;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use serde::Serialize;

use crate::signing::Entry;

use super::Mode;

/// The content type of a structured CloudEvent.
const STRUCTURED_TYPE: &str = "application/cloudevents+json; charset=utf-8";
/// The content type of the body of a change.
const BINARY_TYPE: &str = "application/json";
const APP_ID: &str = "countersign";
/// Written to disk by the broker before it confirms.
const PERSISTENT: u8 = 2;

/// A message ready to be published.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) routing_key: ShortString,
    pub(super) properties: BasicProperties,
    pub(super) body: Cow<'a, [u8]>,
}

/// The attributes of a CloudEvent, in the names of its specification.
#[derive(Serialize)]
struct Attributes<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: &'a str,
    time: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    subject: &'a str,
    /// A string: the types of CloudEvents end at 32 bits, and its extension for sequences says so itself.
    sequence: String,
    partitionkey: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    traceparent: &'a str,
}

impl<'a> Attributes<'a> {
    fn of(entry: &'a Entry) -> Self {
        let (account, subject) = (entry.account.as_str(), entry.subject.id());
        Self {
            specversion: "1.0",
            id: entry.id.to_string(),
            source: format!("/docusign/accounts/{account}"),
            event_type: &entry.event_type,
            time: entry.occurred_at.to_string(),
            subject,
            sequence: entry.sequence.to_string(),
            partitionkey: if subject.is_empty() {
                account.to_owned()
            } else {
                format!("{account}/{subject}")
            },
            traceparent: &entry.traceparent,
        }
    }

    /// The headers of the binary mode. `traceparent` is there twice: by its CloudEvents name and plainly, where
    /// tracing libraries look for it.
    fn headers(&self) -> FieldTable {
        let mut headers = FieldTable::default();
        for (name, value) in [
            ("cloudEvents_specversion", self.specversion),
            ("cloudEvents_id", &self.id),
            ("cloudEvents_source", &self.source),
            ("cloudEvents_type", self.event_type),
            ("cloudEvents_time", &self.time),
            ("cloudEvents_subject", self.subject),
            ("cloudEvents_sequence", &self.sequence),
            ("cloudEvents_partitionkey", &self.partitionkey),
            ("cloudEvents_traceparent", self.traceparent),
            ("traceparent", self.traceparent),
        ] {
            if !value.is_empty() {
                headers.insert(name.into(), AMQPValue::LongString(value.into()));
            }
        }
        headers
    }

    /// The structured body: the attributes, then the change's own bytes as `data`.
    fn around(&self, body: &str) -> Vec<u8> {
        // Plain text fields: serde_json cannot fail on them.
        let mut whole = serde_json::to_vec(self).unwrap_or_default();
        whole.pop();
        whole.extend_from_slice(b",\"datacontenttype\":\"application/json\",\"data\":");
        whole.extend_from_slice(body.as_bytes());
        whole.push(b'}');
        whole
    }
}

impl<'a> Message<'a> {
    pub(super) fn of(entry: &'a Entry, mode: Mode) -> Self {
        let attributes = Attributes::of(entry);
        let seconds = u64::try_from(entry.occurred_at.as_second()).unwrap_or(0);
        let mut properties = BasicProperties::default()
            .with_message_id(short(&attributes.id))
            .with_type(short(&entry.event_type))
            .with_timestamp(seconds)
            .with_app_id(APP_ID.into())
            .with_delivery_mode(PERSISTENT);
        if let Ok(subject) = ShortString::try_new(attributes.subject)
            && !attributes.subject.is_empty()
        {
            properties = properties.with_correlation_id(subject);
        }
        let (properties, body) = match mode {
            Mode::Binary => (
                properties.with_content_type(BINARY_TYPE.into()).with_headers(attributes.headers()),
                Cow::Borrowed(entry.body.as_bytes()),
            ),
            Mode::Structured => {
                let mut headers = FieldTable::default();
                if !entry.traceparent.is_empty() {
                    headers.insert(
                        "traceparent".into(),
                        AMQPValue::LongString(entry.traceparent.as_str().into()),
                    );
                }
                let properties = properties.with_content_type(STRUCTURED_TYPE.into()).with_headers(headers);
                (properties, Cow::Owned(attributes.around(&entry.body)))
            }
        };
        Self { routing_key: short(&entry.routing_key), properties, body }
    }
}

/// AMQP's short strings end at 255 bytes, and the library panics beyond. Ids, types and routing keys are shorter by
/// how they are made; should one ever not be, it is cut rather than the program ended.
fn short(text: &str) -> ShortString {
    let mut end = text.len().min(255);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{AccountId, ChangeId, Position, SigningRequestId, Subject};
    use crate::signing::change::ENRICHED_TYPE;

    fn entry(subject: Subject) -> Entry {
        Entry {
            position: Position(7),
            subject_ref: 3,
            id: ChangeId(uuid::Uuid::from_u128(5)),
            account: AccountId::new("Acc-1"),
            subject,
            sequence: 12,
            routing_key: "enriched.completed.acc-1".into(),
            event_type: ENRICHED_TYPE.into(),
            occurred_at: "2026-11-23T10:00:00.123Z".parse().unwrap(),
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
            body: r#"{"id":"x","text":"\u00e9 \"quoted\""}"#.into(),
        }
    }

    fn header(message: &Message<'_>, name: &str) -> Option<String> {
        let headers = message.properties.headers().as_ref()?;
        match headers.inner().get(name)? {
            AMQPValue::LongString(text) => Some(text.to_string()),
            other => panic!("{name} is {other:?}"),
        }
    }

    #[test]
    fn binary_mode_sends_the_body_as_it_is_and_the_attributes_beside_it() {
        let entry = entry(Subject::SigningRequest(SigningRequestId::new("req-9")));
        let message = Message::of(&entry, Mode::Binary);
        assert_eq!(&*message.body, entry.body.as_bytes());
        assert!(matches!(message.body, Cow::Borrowed(_)));
        let properties = &message.properties;
        let text = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string).unwrap_or_default();
        assert_eq!(text(properties.message_id()), "00000000-0000-0000-0000-000000000005");
        assert_eq!(text(properties.kind()), ENRICHED_TYPE);
        assert_eq!(text(properties.app_id()), "countersign");
        assert_eq!(text(properties.correlation_id()), "req-9");
        assert_eq!(text(properties.content_type()), "application/json");
        assert_eq!((properties.delivery_mode(), properties.timestamp()), (&Some(2), &Some(1_795_428_000)));
        for (name, value) in [
            ("cloudEvents_specversion", "1.0"),
            ("cloudEvents_id", "00000000-0000-0000-0000-000000000005"),
            ("cloudEvents_source", "/docusign/accounts/acc-1"),
            ("cloudEvents_type", ENRICHED_TYPE),
            ("cloudEvents_time", "2026-11-23T10:00:00.123Z"),
            ("cloudEvents_subject", "req-9"),
            ("cloudEvents_sequence", "12"),
            ("cloudEvents_partitionkey", "acc-1/req-9"),
            ("cloudEvents_traceparent", entry.traceparent.as_str()),
            ("traceparent", entry.traceparent.as_str()),
        ] {
            assert_eq!(header(&message, name).as_deref(), Some(value), "{name}");
        }
    }

    #[test]
    fn structured_mode_wraps_the_same_bytes() {
        let entry = entry(Subject::SigningRequest(SigningRequestId::new("req-9")));
        let message = Message::of(&entry, Mode::Structured);
        let whole: serde_json::Value = serde_json::from_slice(&message.body).unwrap();
        let data: serde_json::Value = serde_json::from_str(&entry.body).unwrap();
        assert_eq!(
            whole,
            serde_json::json!({
                "specversion": "1.0", "id": "00000000-0000-0000-0000-000000000005",
                "source": "/docusign/accounts/acc-1", "type": ENRICHED_TYPE, "time": "2026-11-23T10:00:00.123Z",
                "subject": "req-9", "sequence": "12", "partitionkey": "acc-1/req-9",
                "traceparent": entry.traceparent, "datacontenttype": "application/json", "data": data,
            })
        );
        assert_eq!(message.properties.content_type().as_ref().unwrap().as_str(), STRUCTURED_TYPE);
        assert_eq!(header(&message, "cloudEvents_id"), None);
        assert_eq!(header(&message, "traceparent"), Some(entry.traceparent.clone()));
    }

    #[test]
    fn what_is_empty_is_left_out_and_what_is_too_long_does_no_harm() {
        let mut account = entry(Subject::Account);
        account.traceparent.clear();
        let message = Message::of(&account, Mode::Binary);
        assert_eq!(message.properties.correlation_id(), &None);
        assert_eq!(header(&message, "cloudEvents_subject"), None);
        assert_eq!(header(&message, "traceparent"), None);
        assert_eq!(header(&message, "cloudEvents_partitionkey").as_deref(), Some("acc-1"));

        let long = entry(Subject::Template("\u{e9}".repeat(200)));
        let message = Message::of(&long, Mode::Binary);
        assert_eq!(message.properties.correlation_id(), &None);
        assert_eq!(header(&message, "cloudEvents_subject").unwrap().chars().count(), 200);
    }
}
