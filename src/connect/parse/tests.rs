//! What is read from messages at their bounds, and how what cannot be read is told.

use super::*;
use crate::base::Moment;

fn why(body: &str) -> Unreadable {
    parse_bytes(body.as_bytes(), None).unwrap_err()
}

fn xml(inside: &str) -> String {
    format!(
        "<DocuSignEnvelopeInformation><EnvelopeStatus><EnvelopeID>e</EnvelopeID>{inside}</EnvelopeStatus></DocuSignEnvelopeInformation>"
    )
}

#[test]
fn where_json_and_xml_break_is_told_and_what_stands_there_is_not() {
    let json = why("{\n  \"event\": secret}");
    assert_eq!(json, Unreadable::JsonBroken { line: 2, column: 12 });
    let xml = why("<DocuSignEnvelopeInformation>\n <Secret></Other>");
    assert!(matches!(xml, Unreadable::XmlBroken { line: 2, .. }), "{xml:?}");
    for why in [json, xml] {
        assert!(!why.to_string().to_lowercase().contains("secret"), "{why}");
    }
}

#[test]
fn a_message_may_have_as_many_recipients_as_the_bound_and_no_more() {
    let json = |n: usize| {
        let list = vec![r#"{"recipientId":"1"}"#; n / 2].join(",");
        let rest = vec![r#"{"recipientId":"1"}"#; n - n / 2].join(",");
        format!(r#"{{"envelopeId":"e","recipients":{{"signers":[{list}],"agents":[{rest}]}}}}"#)
    };
    let recipient = "<RecipientStatus><RecipientId>1</RecipientId></RecipientStatus>";
    let xml = |n: usize| xml(&format!("<RecipientStatuses>{}</RecipientStatuses>", recipient.repeat(n)));
    for body in [json(RECIPIENTS_MAX), xml(RECIPIENTS_MAX)] {
        let event = parse_bytes(body.as_bytes(), None).unwrap();
        assert_eq!(event.envelope.unwrap().recipients.len(), RECIPIENTS_MAX);
    }
    for body in [json(RECIPIENTS_MAX + 1), json(3 * RECIPIENTS_MAX), xml(RECIPIENTS_MAX + 1)] {
        assert_eq!(why(&body), Unreadable::TooManyRecipients);
    }
}

#[test]
fn nesting_in_what_is_skipped_costs_nothing_in_json_and_is_bounded_in_xml() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let json = format!(
        r#"{{"event":"envelope-sent","extra":{deep},"data":{{"envelopeId":"e","x":{deep},"recipientId":{deep}}}}}"#
    );
    assert!(parse_bytes(json.as_bytes(), None).is_ok());
    assert_eq!(why(&xml(&"<x>".repeat(100_000))), Unreadable::TooDeep);
}

#[test]
fn billions_of_laughs_are_not_expanded() {
    let body = format!(
        "<!DOCTYPE lolz [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]>{}",
        xml("<Subject>&b;</Subject>")
    );
    assert_eq!(why(&body), Unreadable::Dtd);
    assert_eq!(why(&xml("<Subject>&b;</Subject>")), Unreadable::EntityUnknown);
    assert_eq!(why(&xml("<Subject>&#xD800;</Subject>")), Unreadable::EntityUnknown);
}

#[test]
fn a_retry_has_the_digest_of_the_first_attempt() {
    let digest = |retry: &str, configuration: &str, reason: &str| {
        let body = format!(
            r#"{{"event":"envelope-resent","retryCount":{retry},"configurationId":{configuration},"generatedDateTime":"","data":{{"envelopeId":"e","r":"{reason}"}}}}"#
        );
        parse_bytes(body.as_bytes(), None).unwrap().content_digest.unwrap()
    };
    assert_eq!(digest("0", "1", "a"), digest("7", "\"2\"", "a"));
    assert_ne!(digest("0", "1", "a"), digest("0", "1", "b"));
    let timed = br#"{"event":"envelope-resent","generatedDateTime":"2026-01-01T00:00:00Z","data":{"envelopeId":"e"}}"#;
    assert_eq!(parse_bytes(timed, None).unwrap().content_digest, None);
}

#[test]
fn every_list_of_recipients_is_read_and_keeps_its_name() {
    let body = br#"{"envelopeId":"e","recipients":{"signers":[{"recipientId":"1"}],"seals":[{"recipientId":2,"routingOrder":"x"}],
        "futureParticipants":[{"recipientId":"3","routingOrder":"3"}],"recipientCount":"3","odd":[1,{"name":"nobody"}]}}"#;
    let envelope = parse_bytes(body, None).unwrap().envelope.unwrap();
    let read: Vec<_> = envelope.recipients.iter().map(|r| (&*r.kind, &*r.id, r.routing_order)).collect();
    assert_eq!(read, [("signers", "1", None), ("seals", "2", None), ("futureParticipants", "3", Some(3))]);
}

#[test]
fn custom_fields_are_read_in_both_formats() {
    let body = br#"{"envelopeId":"e","customFields":{"textCustomFields":[{"name":"a","value":"1"},{"value":"lost"}],"listCustomFields":[{"name":"b","value":null}]}}"#;
    let read = |envelope: crate::connect::Envelope<'_>| {
        envelope.custom_fields.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>()
    };
    assert_eq!(read(parse_bytes(body, None).unwrap().envelope.unwrap()), ["a=1", "b="]);
    let body = xml(
        "<CustomFields><CustomField><Name> a </Name><Value>1</Value></CustomField><CustomField><Value>lost</Value></CustomField><CustomField><Name>b</Name></CustomField></CustomFields>",
    );
    assert_eq!(read(parse_bytes(body.as_bytes(), None).unwrap().envelope.unwrap()), ["a=1", "b="]);
}

#[test]
fn texts_are_borrowed_where_they_stand_plain() {
    use std::borrow::Cow;
    let body = br#"{"event":"recipient-sent","data":{"envelopeId":"e","recipientId":" 1 "}}"#;
    let event = parse_bytes(body, None).unwrap();
    assert!(matches!(event.recipient_id, Some(Cow::Borrowed("1"))));
    let body = xml("<Subject>plain</Subject>");
    assert!(matches!(
        parse_bytes(body.as_bytes(), None).unwrap().envelope.unwrap().subject,
        Some(Cow::Borrowed("plain"))
    ));
}

#[test]
fn the_first_send_counts_in_json() {
    let body = br#"{"envelopeId":"e","sentDateTime":"2026-01-02T00:00:00Z","initialSentDateTime":"2026-01-01T00:00:00Z"}"#;
    let envelope = parse_bytes(body, None).unwrap().envelope.unwrap();
    assert_eq!(envelope.sent_at, Moment::parse("2026-01-01T00:00:00Z", None));
}

#[test]
fn reasons_have_words_of_their_own() {
    let all = [
        Unreadable::Empty,
        Unreadable::FormatUnknown,
        Unreadable::NotUtf8,
        Unreadable::JsonBroken { line: 1, column: 1 },
        Unreadable::JsonTruncated,
        Unreadable::XmlBroken { line: 1, column: 1 },
        Unreadable::XmlTruncated,
        Unreadable::Dtd,
        Unreadable::EntityUnknown,
        Unreadable::TooDeep,
        Unreadable::Soap,
        Unreadable::RootUnknown,
        Unreadable::NoEnvelope,
        Unreadable::TooManyRecipients,
        Unreadable::WordTooLong("event"),
        Unreadable::TooLarge,
    ];
    let words: std::collections::BTreeSet<_> = all.iter().map(Unreadable::word).collect();
    assert_eq!(words.len(), all.len());
}
