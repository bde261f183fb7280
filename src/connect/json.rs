//! JSON messages: one event each (SIM), or an envelope as it stands (aggregate).
//!
//! Shapes: DocuSign's `connect.schema-v2.json` and recorded messages, which differ from it in types.

use std::borrow::Cow;

use serde::de::MapAccess;
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::base::Moment;
use crate::base::limits::{CUSTOM_FIELDS_MAX, RECIPIENTS_MAX};

use super::event::{ConnectEvent, Envelope, Format, Object, Recipient};
use super::parse::{Unreadable, content_digest};
use super::tolerant::{Fill, List, Obj, skip, text};

/// Reads a JSON body, which begins with `{`.
pub(super) fn read(body: &[u8]) -> Result<ConnectEvent<'_>, Unreadable> {
    let Obj(message): Obj<Message<'_>> =
        serde_json::from_slice(body).map_err(|why| unreadable(&why, body))?;
    let single = message.event.is_some() || message.data.is_some();
    let mut event = if single { single_event(message)? } else { aggregate(message)? };
    if event.envelope.as_ref().is_some_and(|envelope| envelope.recipients.len() > RECIPIENTS_MAX) {
        return Err(Unreadable::TooManyRecipients);
    }
    if event.generated_at.is_none() {
        let data = if single { data_of(body) } else { None };
        event.content_digest = Some(content_digest(data.unwrap_or(body)));
    }
    Ok(event)
}

fn single_event(message: Message<'_>) -> Result<ConnectEvent<'_>, Unreadable> {
    let data = message.data.unwrap_or_default();
    let summary = data.summary.map(Summary::finish);
    let (envelope, told) = summary.map_or((None, None), |(envelope, told)| (Some(envelope), Some(told)));
    let (summary_id, sender_account) = told.map_or((None, None), |told| (told.envelope_id, told.account_id));
    // An event about an envelope that does not name it cannot be routed to any signing request.
    let needs_envelope = match message.event.as_deref() {
        Some(event) => ["envelope-", "recipient-"].iter().any(|p| starts_with_fold(event, p)),
        None => true,
    };
    let object = match (data.envelope_id.or(summary_id), data.template_id, data.agreement_id) {
        (Some(id), _, _) => Object::Envelope(id),
        _ if needs_envelope => return Err(Unreadable::NoEnvelope),
        (_, Some(id), _) => Object::Template(id, data.name),
        (_, _, Some(id)) => Object::Agreement(id),
        _ => Object::None,
    };
    Ok(ConnectEvent {
        format: Format::Json,
        event: message.event,
        account_id: data.account_id.or(sender_account),
        object,
        generated_at: message.generated_at,
        recipient_id: data.recipient_id,
        reassigned_recipient_id: data.reassigned_recipient_id,
        envelope,
        content_digest: None,
    })
}

fn aggregate(message: Message<'_>) -> Result<ConnectEvent<'_>, Unreadable> {
    let (envelope, told) = message.top.finish();
    let id = told.envelope_id.ok_or(Unreadable::NoEnvelope)?;
    Ok(ConnectEvent {
        format: Format::Json,
        event: None,
        account_id: told.account_id,
        object: Object::Envelope(id),
        // An aggregate has no time of its own; the envelope's latest change is what it speaks of.
        generated_at: message.generated_at.or(told.last_modified_at).or(envelope.status_changed_at),
        recipient_id: None,
        reassigned_recipient_id: None,
        envelope: Some(envelope),
        content_digest: None,
    })
}

fn starts_with_fold(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn unreadable(why: &serde_json::Error, body: &[u8]) -> Unreadable {
    if std::str::from_utf8(body).is_err() {
        return Unreadable::NotUtf8;
    }
    match why.classify() {
        Category::Eof => Unreadable::JsonTruncated,
        _ => Unreadable::JsonBroken { line: why.line(), column: why.column() },
    }
}

/// The bytes of `data`: what a retry or another configuration repeats to the letter.
fn data_of(body: &[u8]) -> Option<&[u8]> {
    #[derive(Default)]
    struct Data<'a>(Option<&'a RawValue>);
    impl<'de> Fill<'de> for Data<'de> {
        fn fill<A: MapAccess<'de>>(&mut self, key: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
            match &*key {
                "data" => self.0 = Some(map.next_value()?),
                _ => skip(map)?,
            }
            Ok(())
        }
    }
    let Obj(Data(raw)): Obj<Data<'_>> = serde_json::from_slice(body).ok()?;
    raw.map(|raw| raw.get().as_bytes())
}

fn moment<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Moment>, A::Error> {
    Ok(text(map)?.and_then(|text| Moment::parse(&text, None)))
}

/// A whole message; its top level is an envelope where it has neither `event` nor `data`.
#[derive(Default)]
struct Message<'a> {
    event: Option<Cow<'a, str>>,
    generated_at: Option<Moment>,
    data: Option<Data<'a>>,
    top: Summary<'a>,
}

impl<'de> Fill<'de> for Message<'de> {
    fn fill<A: MapAccess<'de>>(&mut self, key: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            "event" => self.event = text(map)?,
            "generatedDateTime" => self.generated_at = moment(map)?,
            "data" => self.data = Some(map.next_value::<Obj<Data<'de>>>()?.0),
            "apiVersion" | "uri" | "retryCount" | "configurationId" => skip(map)?,
            _ => self.top.fill(key, map)?,
        }
        Ok(())
    }
}

/// `data` of a SIM message.
#[derive(Default)]
struct Data<'a> {
    account_id: Option<Cow<'a, str>>,
    envelope_id: Option<Cow<'a, str>>,
    template_id: Option<Cow<'a, str>>,
    agreement_id: Option<Cow<'a, str>>,
    recipient_id: Option<Cow<'a, str>>,
    reassigned_recipient_id: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    summary: Option<Summary<'a>>,
}

impl<'de> Fill<'de> for Data<'de> {
    fn fill<A: MapAccess<'de>>(&mut self, key: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            "accountId" => self.account_id = text(map)?,
            "envelopeId" => self.envelope_id = text(map)?,
            "recipientId" => self.recipient_id = text(map)?,
            "envelopeSummary" => {
                self.summary = map.next_value::<Option<Obj<Summary<'de>>>>()?.map(|obj| obj.0)
            }
            "templateId" => self.template_id = text(map)?,
            "agreementId" => self.agreement_id = text(map)?,
            "reassignedRecipientId" => self.reassigned_recipient_id = text(map)?,
            "name" => self.name = text(map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// `envelopeSummary`, or the envelope of an aggregate.
#[derive(Default)]
struct Summary<'a> {
    envelope: Envelope<'a>,
    initial_sent_at: Option<Moment>,
    sender_account_id: Option<Cow<'a, str>>,
    told: Told<'a>,
}

/// What a summary tells beside the envelope itself.
#[derive(Default)]
struct Told<'a> {
    envelope_id: Option<Cow<'a, str>>,
    account_id: Option<Cow<'a, str>>,
    last_modified_at: Option<Moment>,
}

impl<'a> Summary<'a> {
    fn finish(self) -> (Envelope<'a>, Told<'a>) {
        let Self { mut envelope, initial_sent_at, sender_account_id, mut told } = self;
        envelope.sent_at = initial_sent_at.or(envelope.sent_at);
        told.account_id = told.account_id.or(sender_account_id);
        (envelope, told)
    }
}

impl<'de> Fill<'de> for Summary<'de> {
    fn fill<A: MapAccess<'de>>(&mut self, key: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        let envelope = &mut self.envelope;
        match &*key {
            "status" => envelope.status = text(map)?,
            "envelopeId" => self.told.envelope_id = text(map)?,
            "accountId" => self.told.account_id = text(map)?,
            "emailSubject" => envelope.subject = text(map)?,
            "createdDateTime" => envelope.created_at = moment(map)?,
            "initialSentDateTime" => self.initial_sent_at = moment(map)?,
            "sentDateTime" => envelope.sent_at = moment(map)?,
            "deliveredDateTime" => envelope.delivered_at = moment(map)?,
            "completedDateTime" => envelope.completed_at = moment(map)?,
            "declinedDateTime" => envelope.declined_at = moment(map)?,
            "voidedDateTime" => envelope.voided_at = moment(map)?,
            "deletedDateTime" => envelope.deleted_at = moment(map)?,
            "statusChangedDateTime" => envelope.status_changed_at = moment(map)?,
            "lastModifiedDateTime" => self.told.last_modified_at = moment(map)?,
            "voidedReason" => envelope.voided_reason = text(map)?,
            "purgeState" => envelope.purge_state = text(map)?,
            "sender" => self.sender_account_id = map.next_value::<Obj<Sender<'de>>>()?.0.0,
            "recipients" => envelope.recipients = map.next_value::<Obj<Recipients<'de>>>()?.0.0,
            "customFields" => envelope.custom_fields = map.next_value::<Obj<CustomFields<'de>>>()?.0.0,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Sender<'a>(Option<Cow<'a, str>>);

impl<'de> Fill<'de> for Sender<'de> {
    fn fill<A: MapAccess<'de>>(&mut self, key: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            "accountId" => self.0 = text(map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// All recipients of all lists (`signers`, `carbonCopies`, whatever lists DocuSign may add): what has a
/// `recipientId` is one.
#[derive(Default)]
struct Recipients<'a>(Vec<Recipient<'a>>);

impl<'de> Fill<'de> for Recipients<'de> {
    fn fill<A: MapAccess<'de>>(&mut self, key: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        let is_count = matches!(&*key, "recipientCount" | "currentRoutingOrder");
        if is_count || self.0.len() > RECIPIENTS_MAX {
            return skip(map);
        }
        let List(list) = map.next_value::<List<Recipient<'de>, RECIPIENTS_MAX>>()?;
        for mut recipient in list.into_iter().filter(|recipient| !recipient.id.is_empty()) {
            recipient.kind = key.clone();
            self.0.push(recipient);
        }
        Ok(())
    }
}

impl<'de> Fill<'de> for Recipient<'de> {
    fn fill<A: MapAccess<'de>>(&mut self, key: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            "recipientId" => self.id = text(map)?.unwrap_or_default(),
            "recipientIdGuid" => self.guid = text(map)?,
            // In-person signers may be named by `signerName` alone.
            "name" => self.name = text(map)?.or(self.name.take()),
            "signerName" => self.name = self.name.take().or(text(map)?),
            "email" => self.email = text(map)?.or(self.email.take()),
            "signerEmail" => self.email = self.email.take().or(text(map)?),
            "routingOrder" => self.routing_order = text(map)?.and_then(|order| order.parse().ok()),
            "status" => self.status = text(map)?,
            "sentDateTime" => self.sent_at = moment(map)?,
            "deliveredDateTime" => self.delivered_at = moment(map)?,
            "signedDateTime" => self.signed_at = moment(map)?,
            "declinedDateTime" => self.declined_at = moment(map)?,
            "declinedReason" => self.declined_reason = text(map)?,
            "autoRespondedReason" => self.autoresponded_reason = text(map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// Text and list custom fields alike: name and value.
#[derive(Default)]
struct CustomFields<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

#[derive(Default)]
struct CustomField<'a> {
    name: Option<Cow<'a, str>>,
    value: Option<Cow<'a, str>>,
}

impl<'de> Fill<'de> for CustomFields<'de> {
    fn fill<A: MapAccess<'de>>(&mut self, _: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        let List(list) = map.next_value::<List<CustomField<'de>, CUSTOM_FIELDS_MAX>>()?;
        let room = CUSTOM_FIELDS_MAX.saturating_sub(self.0.len());
        let named = list.into_iter().filter_map(|field| Some((field.name?, field.value.unwrap_or_default())));
        self.0.extend(named.take(room));
        Ok(())
    }
}

impl<'de> Fill<'de> for CustomField<'de> {
    fn fill<A: MapAccess<'de>>(&mut self, key: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            "name" => self.name = text(map)?,
            "value" => self.value = text(map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}
