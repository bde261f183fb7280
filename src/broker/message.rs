//! A change as an AMQP message: CloudEvents 1.0 in binary or structured mode, its body written once and sent as it is.

use uuid::Uuid;

use crate::signing::Entry;

use super::Mode;
use super::wire::{Outgoing, Target, property};

/// The content type of a structured CloudEvent.
const STRUCTURED_TYPE: &str = "application/cloudevents+json; charset=utf-8";
/// The content type of the body of a change.
const BINARY_TYPE: &str = "application/json";
const APP_ID: &str = "countersign";
/// Written to disk by the broker before it confirms.
const PERSISTENT: u8 = 2;

/// Writes a change as a message to be published.
pub(super) fn write(entry: &Entry, mode: Mode, to: &Target<'_>, out: &mut Outgoing) {
    let (properties, routing_key) =
        (|out: &mut Outgoing| write_properties(entry, mode, out), &entry.routing_key);
    match mode {
        Mode::Binary => out.publish(to, routing_key, properties, entry.body.as_bytes()),
        Mode::Structured => out.publish(to, routing_key, properties, &around(entry)),
    }
}

/// Properties and headers. In binary mode the attributes are headers, and `traceparent` is there twice: by its
/// CloudEvents name and plainly, where tracing libraries look for it.
fn write_properties(entry: &Entry, mode: Mode, out: &mut Outgoing) {
    // A short string ends at 255 bytes, and half an id is none.
    let subject = Some(entry.subject.id()).filter(|id| (1..256).contains(&id.len()));
    let correlated = if subject.is_some() { property::CORRELATION_ID } else { 0 };
    out.short(
        property::CONTENT_TYPE
            | property::HEADERS
            | property::DELIVERY_MODE
            | correlated
            | property::MESSAGE_ID
            | property::TIMESTAMP
            | property::TYPE
            | property::APP_ID,
    );
    out.short_text(if mode == Mode::Binary { BINARY_TYPE } else { STRUCTURED_TYPE });
    out.table(|out| {
        if mode == Mode::Binary {
            attributes(entry, |name, value| out.text_field(&["cloudEvents_", name], value));
        }
        if !entry.traceparent.is_empty() {
            out.text_field(&["traceparent"], &[&entry.traceparent]);
        }
    });
    out.octet(PERSISTENT);
    if let Some(subject) = subject {
        out.short_text(subject);
    }
    out.short_text(entry.id.0.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    out.long_long(u64::try_from(entry.occurred_at.as_second()).unwrap_or(0));
    out.short_text(&entry.event_type);
    out.short_text(APP_ID);
}

/// The attributes of a CloudEvent, in the names of its specification, each value in pieces; what is empty is left out.
fn attributes(entry: &Entry, mut take: impl FnMut(&'static str, &[&str])) {
    let (account, subject) = (entry.account.as_str(), entry.subject.id());
    take("specversion", &["1.0"]);
    take("id", &[entry.id.0.as_hyphenated().encode_lower(&mut Uuid::encode_buffer())]);
    take("source", &["/docusign/accounts/", account]);
    take("type", &[&entry.event_type]);
    take("time", &[&entry.occurred_at.to_string()]);
    if !subject.is_empty() {
        take("subject", &[subject]);
    }
    // A string: the types of CloudEvents end at 32 bits, and its extension for sequences says so itself.
    take("sequence", &[&entry.sequence.to_string()]);
    let key = [account, "/", subject];
    take("partitionkey", if subject.is_empty() { &key[..1] } else { &key });
    if !entry.traceparent.is_empty() {
        take("traceparent", &[&entry.traceparent]);
    }
}

/// The structured body: the attributes, then the change's own bytes as `data`.
fn around(entry: &Entry) -> Vec<u8> {
    let mut whole = Vec::with_capacity(entry.body.len() + 1_024);
    let mut next = b'{';
    attributes(entry, |name, value| {
        whole.push(std::mem::replace(&mut next, b','));
        whole.extend_from_slice(format!("\"{name}\":").as_bytes());
        // Plain texts: serde_json cannot fail on them.
        whole.extend(serde_json::to_vec(&value.concat()).unwrap_or_default());
    });
    whole.extend_from_slice(b",\"datacontenttype\":\"application/json\",\"data\":");
    whole.extend_from_slice(entry.body.as_bytes());
    whole.push(b'}');
    whole
}

#[cfg(test)]
mod tests {
    use lapin::BasicProperties;
    use lapin::protocol::basic::{AMQPMethod, parse_properties};
    use lapin::protocol::{AMQPClass, parse_class};
    use lapin::types::{AMQPValue, ShortString};

    use super::*;
    use crate::base::{AccountId, ChangeId, Position, SigningRequestId, Subject};
    use crate::broker::wire::frames_of;
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

    /// The message as the client library reads what we wrote: routing key, properties, body.
    fn written(entry: &Entry, mode: Mode) -> (String, BasicProperties, Vec<u8>) {
        let mut out = Outgoing::default();
        write(entry, mode, &Target { exchange: "countersign", channel: 3, frame_max: 4_096 }, &mut out);
        let frames = frames_of(&out);
        let (publish, header) = (&frames[0], &frames[1]);
        let AMQPClass::Basic(AMQPMethod::Publish(publish)) = parse_class(publish.as_slice()).unwrap().1
        else {
            panic!("{publish:?} publishes nothing");
        };
        assert_eq!((publish.exchange.as_str(), publish.mandatory), ("countersign", true));
        let body = frames[2..].concat();
        assert_eq!(header[..12], [&[0, 60, 0, 0][..], &(body.len() as u64).to_be_bytes()].concat());
        let (rest, properties) = parse_properties(&header[12..]).unwrap();
        assert!(rest.is_empty());
        (publish.routing_key.to_string(), properties, body)
    }

    fn header(properties: &BasicProperties, name: &str) -> Option<String> {
        match properties.headers().as_ref()?.inner().get(name)? {
            AMQPValue::LongString(text) => Some(text.to_string()),
            other => panic!("{name} is {other:?}"),
        }
    }

    #[test]
    fn binary_mode_sends_the_body_as_it_is_and_the_attributes_beside_it() {
        let entry = entry(Subject::SigningRequest(SigningRequestId::new("req-9")));
        let (routing_key, properties, body) = written(&entry, Mode::Binary);
        assert_eq!(routing_key, entry.routing_key);
        assert_eq!(body, entry.body.as_bytes());
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
            assert_eq!(header(&properties, name).as_deref(), Some(value), "{name}");
        }
    }

    #[test]
    fn structured_mode_wraps_the_same_bytes() {
        let entry = entry(Subject::SigningRequest(SigningRequestId::new("req-9")));
        let (_, properties, body) = written(&entry, Mode::Structured);
        let whole: serde_json::Value = serde_json::from_slice(&body).unwrap();
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
        assert_eq!(properties.content_type().as_ref().unwrap().as_str(), STRUCTURED_TYPE);
        assert_eq!(header(&properties, "cloudEvents_id"), None);
        assert_eq!(header(&properties, "traceparent"), Some(entry.traceparent.clone()));
    }

    #[test]
    fn what_is_empty_is_left_out_and_what_is_too_long_does_no_harm() {
        let mut account = entry(Subject::Account);
        account.traceparent.clear();
        let (_, properties, _) = written(&account, Mode::Binary);
        assert_eq!(properties.correlation_id(), &None);
        assert_eq!(header(&properties, "cloudEvents_subject"), None);
        assert_eq!(header(&properties, "traceparent"), None);
        assert_eq!(header(&properties, "cloudEvents_partitionkey").as_deref(), Some("acc-1"));

        let mut long = entry(Subject::Template("\u{e9}".repeat(200)));
        long.routing_key = "x\u{e9}".repeat(100);
        let (routing_key, properties, _) = written(&long, Mode::Binary);
        assert_eq!(routing_key, "x\u{e9}".repeat(85));
        assert_eq!(properties.correlation_id(), &None);
        assert_eq!(header(&properties, "cloudEvents_subject").unwrap().chars().count(), 200);
    }

    #[test]
    fn a_large_body_is_cut_to_frames_and_comes_out_whole() {
        for length in [4_088, 4_089, 9_000] {
            let mut large = entry(Subject::Account);
            large.body = (0..length).map(|number| char::from(b'a' + (number % 26) as u8)).collect();
            let (_, _, body) = written(&large, Mode::Binary);
            assert_eq!(body, large.body.as_bytes());
        }
    }
}
