//! JSON messages: one event each (SIM), or an envelope as it stands (aggregate).
//!
//! Shapes: DocuSign's `connect.schema-v2.json` and recorded messages, which differ from it in types.

use std::borrow::Cow;

use crate::base::Moment;
use crate::base::limits::{CUSTOM_FIELDS_MAX, RECIPIENTS_MAX};

use super::event::{ConnectEvent, Envelope, Format, Object, Recipient};
use super::parse::{Unreadable, content_digest};
use super::scan::{Broken, Scan};
use super::tolerant::{Fill, fill, list, object, skip, text};

/// Reads a JSON body, which begins with `{`.
pub(super) fn read(body: &[u8]) -> Result<ConnectEvent<'_>, Unreadable> {
    let mut from = Scan::new(body);
    let mut message = Message::default();
    let read = fill(&mut message, &mut from).and_then(|()| from.end());
    read.map_err(|Broken| unreadable(from.at(), body))?;
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

/// Reads an envelope as REST tells it, which begins with `{`.
pub(super) fn read_answer(body: &[u8]) -> Result<ConnectEvent<'_>, Unreadable> {
    let mut from = Scan::new(body);
    let mut top = Summary::default();
    let read = fill(&mut top, &mut from).and_then(|()| from.end());
    read.map_err(|Broken| unreadable(from.at(), body))?;
    let mut event = aggregate(Message { top, ..Message::default() })?;
    if event.envelope.as_ref().is_some_and(|envelope| envelope.recipients.len() > RECIPIENTS_MAX) {
        return Err(Unreadable::TooManyRecipients);
    }
    event.format = Format::Rest;
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

/// What is wrong with a body that can be read up to `at`.
fn unreadable(at: usize, body: &[u8]) -> Unreadable {
    if std::str::from_utf8(body).is_err() {
        return Unreadable::NotUtf8;
    }
    let Some(before) = body.get(..at).filter(|before| before.len() < body.len()) else {
        return Unreadable::JsonTruncated;
    };
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    Unreadable::JsonBroken { line, column }
}

/// The bytes of `data`: what a retry or another configuration repeats to the letter.
fn data_of(body: &[u8]) -> Option<&[u8]> {
    let mut data = None;
    let mut from = Scan::new(body);
    let read = from.object(|from, key| {
        let value = from.skip()?;
        if key == "data" {
            data = Some(value);
        }
        Ok(())
    });
    read.ok()?;
    data.map(|data| from.written(data))
}

fn moment(from: &mut Scan<'_>) -> Result<Option<Moment>, Broken> {
    Ok(text(from)?.and_then(|text| Moment::parse(&text, None)))
}

/// A whole message; its top level is an envelope where it has neither `event` nor `data`.
#[derive(Default)]
struct Message<'a> {
    event: Option<Cow<'a, str>>,
    generated_at: Option<Moment>,
    data: Option<Data<'a>>,
    top: Summary<'a>,
}

impl<'a> Fill<'a> for Message<'a> {
    fn fill(&mut self, key: Cow<'a, str>, from: &mut Scan<'a>) -> Result<(), Broken> {
        match &*key {
            "event" => self.event = text(from)?,
            "generatedDateTime" => self.generated_at = moment(from)?,
            "data" => fill(self.data.insert(Data::default()), from)?,
            "apiVersion" | "uri" | "retryCount" | "configurationId" => skip(from)?,
            _ => self.top.fill(key, from)?,
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

impl<'a> Fill<'a> for Data<'a> {
    fn fill(&mut self, key: Cow<'a, str>, from: &mut Scan<'a>) -> Result<(), Broken> {
        match &*key {
            "accountId" => self.account_id = text(from)?,
            "envelopeId" => self.envelope_id = text(from)?,
            "recipientId" => self.recipient_id = text(from)?,
            "envelopeSummary" if from.next()? == b'n' => {
                self.summary = None;
                skip(from)?;
            }
            "envelopeSummary" => fill(self.summary.insert(Summary::default()), from)?,
            "templateId" => self.template_id = text(from)?,
            "agreementId" => self.agreement_id = text(from)?,
            "reassignedRecipientId" => self.reassigned_recipient_id = text(from)?,
            "name" => self.name = text(from)?,
            _ => skip(from)?,
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

impl<'a> Fill<'a> for Summary<'a> {
    fn fill(&mut self, key: Cow<'a, str>, from: &mut Scan<'a>) -> Result<(), Broken> {
        let envelope = &mut self.envelope;
        match &*key {
            "status" => envelope.status = text(from)?,
            "envelopeId" => self.told.envelope_id = text(from)?,
            "accountId" => self.told.account_id = text(from)?,
            "emailSubject" => envelope.subject = text(from)?,
            "createdDateTime" => envelope.created_at = moment(from)?,
            "initialSentDateTime" => self.initial_sent_at = moment(from)?,
            "sentDateTime" => envelope.sent_at = moment(from)?,
            "deliveredDateTime" => envelope.delivered_at = moment(from)?,
            "completedDateTime" => envelope.completed_at = moment(from)?,
            "declinedDateTime" => envelope.declined_at = moment(from)?,
            "voidedDateTime" => envelope.voided_at = moment(from)?,
            "deletedDateTime" => envelope.deleted_at = moment(from)?,
            "statusChangedDateTime" => envelope.status_changed_at = moment(from)?,
            "lastModifiedDateTime" => self.told.last_modified_at = moment(from)?,
            "voidedReason" => envelope.voided_reason = text(from)?,
            "sender" => self.sender_account_id = object::<Sender<'_>>(from)?.0,
            "recipients" => envelope.recipients = object::<Recipients<'_>>(from)?.0,
            "customFields" => envelope.custom_fields = object::<CustomFields<'_>>(from)?.0,
            _ => skip(from)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Sender<'a>(Option<Cow<'a, str>>);

impl<'a> Fill<'a> for Sender<'a> {
    fn fill(&mut self, key: Cow<'a, str>, from: &mut Scan<'a>) -> Result<(), Broken> {
        match &*key {
            "accountId" => self.0 = text(from)?,
            _ => skip(from)?,
        }
        Ok(())
    }
}

/// All recipients of all lists (`signers`, `carbonCopies`, whatever lists DocuSign may add): what has a
/// `recipientId` is one.
#[derive(Default)]
struct Recipients<'a>(Vec<Recipient<'a>>);

impl<'a> Fill<'a> for Recipients<'a> {
    fn fill(&mut self, key: Cow<'a, str>, from: &mut Scan<'a>) -> Result<(), Broken> {
        let is_count = matches!(&*key, "recipientCount" | "currentRoutingOrder");
        if is_count || self.0.len() > RECIPIENTS_MAX {
            return skip(from);
        }
        let all = list::<Recipient<'_>>(from, RECIPIENTS_MAX)?;
        for mut recipient in all.into_iter().filter(|recipient| !recipient.id.is_empty()) {
            recipient.kind = key.clone();
            self.0.push(recipient);
        }
        Ok(())
    }
}

impl<'a> Fill<'a> for Recipient<'a> {
    fn fill(&mut self, key: Cow<'a, str>, from: &mut Scan<'a>) -> Result<(), Broken> {
        match &*key {
            "recipientId" => self.id = text(from)?.unwrap_or_default(),
            // In-person signers may be named by `signerName` alone.
            "name" => self.name = text(from)?.or(self.name.take()),
            "signerName" => self.name = self.name.take().or(text(from)?),
            "email" => self.email = text(from)?.or(self.email.take()),
            "signerEmail" => self.email = self.email.take().or(text(from)?),
            "routingOrder" => self.routing_order = text(from)?.and_then(|order| order.parse().ok()),
            "status" => self.status = text(from)?,
            "sentDateTime" => self.sent_at = moment(from)?,
            "deliveredDateTime" => self.delivered_at = moment(from)?,
            "signedDateTime" => self.signed_at = moment(from)?,
            "declinedDateTime" => self.declined_at = moment(from)?,
            "declinedReason" => self.declined_reason = text(from)?,
            "autoRespondedReason" => self.autoresponded_reason = text(from)?,
            _ => skip(from)?,
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

impl<'a> Fill<'a> for CustomFields<'a> {
    fn fill(&mut self, _: Cow<'a, str>, from: &mut Scan<'a>) -> Result<(), Broken> {
        let all = list::<CustomField<'_>>(from, CUSTOM_FIELDS_MAX)?;
        let room = CUSTOM_FIELDS_MAX.saturating_sub(self.0.len());
        let named = all.into_iter().filter_map(|field| Some((field.name?, field.value.unwrap_or_default())));
        self.0.extend(named.take(room));
        Ok(())
    }
}

impl<'a> Fill<'a> for CustomField<'a> {
    fn fill(&mut self, key: Cow<'a, str>, from: &mut Scan<'a>) -> Result<(), Broken> {
        match &*key {
            "name" => self.name = text(from)?,
            "value" => self.value = text(from)?,
            _ => skip(from)?,
        }
        Ok(())
    }
}
