//! JSON messages: single events and aggregates. Compact, in the key order seen on the wire.

use serde::Serialize;
use uuid::Uuid;

use crate::simulator::life::{Envelope, Subject, Template};
use crate::simulator::shape::{self, EnvelopeView, Include, Times};

use super::{Configuration, Format, Message, padding};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SingleEvent<'a> {
    event: &'static str,
    api_version: &'static str,
    uri: String,
    retry_count: u32,
    configuration_id: u64,
    generated_date_time: String,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    account_id: Uuid,
    user_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reassigned_recipient_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope_summary: Option<EnvelopeView<'a>>,
}

/// One event.
pub(super) fn single_event(message: &Message, configuration: &Configuration) -> Vec<u8> {
    let step = &message.step;
    let (object, data) = match &step.subject {
        Subject::Envelope(envelope) => {
            let mut data = about_envelope(envelope, configuration);
            data.recipient_id = step.recipient_id.as_deref();
            data.reassigned_recipient_id = step.reassigned_recipient_id.as_deref();
            (format!("envelopes/{}", envelope.id), data)
        }
        Subject::Template(template) => (format!("templates/{}", template.id), about_template(template)),
    };
    written(&SingleEvent {
        event: step.event,
        api_version: "v2.1",
        uri: format!("/restapi/v2.1/accounts/{}/{object}", data.account_id),
        retry_count: message.retry_count,
        configuration_id: message.configuration_id(configuration),
        generated_date_time: shape::seven_digits(message.generated_at(Format::Json)),
        data,
    })
}

/// The envelope as it stands: the object itself, without saying what changed. A template has no snapshot.
pub(super) fn aggregate(message: &Message, configuration: &Configuration) -> Vec<u8> {
    message
        .step
        .subject
        .envelope()
        .map(|envelope| written(&summary(envelope, configuration)))
        .unwrap_or_default()
}

fn about_envelope<'a>(envelope: &'a Envelope, configuration: &Configuration) -> Data<'a> {
    Data {
        account_id: envelope.account.id,
        user_id: envelope.account.sender.user_id,
        envelope_id: Some(envelope.id),
        template_id: None,
        name: None,
        recipient_id: None,
        reassigned_recipient_id: None,
        envelope_summary: configuration.summary.then(|| summary(envelope, configuration)),
    }
}

fn about_template(template: &Template) -> Data<'_> {
    Data {
        account_id: template.account.id,
        user_id: template.account.sender.user_id,
        envelope_id: None,
        template_id: Some(template.id),
        name: Some(&template.name),
        recipient_id: None,
        reassigned_recipient_id: None,
        envelope_summary: None,
    }
}

fn summary<'a>(envelope: &'a Envelope, configuration: &Configuration) -> EnvelopeView<'a> {
    let documents = configuration.document_bytes > 0;
    let include =
        Include { documents: documents || configuration.include.documents, ..configuration.include };
    let view = shape::envelope(envelope, include, Times::Trimmed);
    if documents {
        view.with_bytes(&padding(configuration.document_bytes, envelope.id.as_u128()))
    } else {
        view
    }
}

fn written(value: &impl Serialize) -> Vec<u8> {
    // Plain structs of text and numbers: serde_json cannot fail on them.
    serde_json::to_vec(value).unwrap_or_default()
}
