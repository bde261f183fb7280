//! Envelopes in DocuSign's JSON, shared by REST answers and by Connect's `envelopeSummary`: nearly every scalar is
//! a string, absent times are absent, and sections come only when they are asked for.

mod folder;
mod recipients;
mod tabs;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::Serialize;
use uuid::Uuid;

use super::life::{Account, CustomField, Envelope, ListField};

use folder::folder;

pub use folder::{Folder, SystemFolder, lies_in};
pub use recipients::{Recipients, recipients};
pub use tabs::{radio_id, tab, tabs_of, tabs_of_all, value};

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// `2022-12-09T18:29:24.5000000Z`: REST, and the head of Connect's messages.
    SevenDigits,
    /// `2022-12-09T18:29:24.5Z`: Connect's summaries.
    Trimmed,
}

impl Times {
    /// Writes a time.
    pub fn write(self, at: Timestamp) -> String {
        match self {
            Self::SevenDigits => seven_digits(at),
            Self::Trimmed => at.to_string(),
        }
    }

    fn maybe(self, at: Option<Timestamp>) -> Option<String> {
        at.map(|at| self.write(at))
    }
}

/// `2022-12-09T18:29:24.5000000Z`.
pub fn seven_digits(at: Timestamp) -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(7));
    PRINTER.timestamp_to_string(&at)
}

/// Which sections of an envelope are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Include {
    /// `recipients`.
    pub recipients: bool,
    /// `tabs`, inside of recipients.
    pub tabs: bool,
    /// `documents`.
    pub documents: bool,
    /// `custom_fields`.
    pub custom_fields: bool,
    /// `folders`.
    pub folders: bool,
}

impl Include {
    /// Reads `include=recipients,documents`; words that mean nothing here are passed over. Tabs stand in
    /// recipients, so that asking for tabs gives these too.
    pub fn parse(list: &str) -> Self {
        let mut include = Self::default();
        for word in list.split(',') {
            match word.trim() {
                "recipients" => include.recipients = true,
                "tabs" => (include.recipients, include.tabs) = (true, true),
                "documents" => include.documents = true,
                "custom_fields" => include.custom_fields = true,
                "folders" => include.folders = true,
                _ => {}
            }
        }
        include
    }
}

/// An envelope as JSON tells it, in the order of the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvelopeView<'a> {
    status: &'static str,
    documents_uri: String,
    recipients_uri: String,
    attachments_uri: String,
    envelope_uri: String,
    email_subject: &'a str,
    email_blurb: &'a str,
    envelope_id: Uuid,
    signing_location: &'static str,
    custom_fields_uri: String,
    notification_uri: String,
    enable_wet_sign: &'static str,
    allow_markup: &'static str,
    allow_reassign: &'static str,
    created_date_time: String,
    last_modified_date_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_date_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_sent_date_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_date_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_date_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voided_date_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voided_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_date_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    declined_date_time: Option<String>,
    status_changed_date_time: String,
    documents_combined_uri: String,
    certificate_uri: String,
    templates_uri: String,
    expire_enabled: &'static str,
    expire_date_time: String,
    expire_after: String,
    sender: Sender<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    folders: Option<Vec<Folder<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_fields: Option<CustomFields<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipients: Option<Recipients<'a>>,
    auto_navigation: &'static str,
    envelope_id_stamping: &'static str,
    authoritative_copy: &'static str,
    purge_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope_documents: Option<Vec<DocumentView<'a>>>,
    is21_c_f_r_part11: &'static str,
    signer_can_sign_on_mobile: &'static str,
    is_signature_provider_envelope: &'static str,
    has_form_data_changed: &'static str,
    allow_comments: &'static str,
    has_comments: &'static str,
    allow_view_history: &'static str,
    envelope_metadata: EnvelopeMetadata,
    any_signer: Option<&'static str>,
    envelope_location: &'static str,
    is_dynamic_envelope: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EnvelopeMetadata {
    allow_advanced_correct: &'static str,
    enable_sign_with_notary: &'static str,
    allow_correct: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sender<'a> {
    user_name: &'a str,
    user_id: Uuid,
    account_id: Uuid,
    email: &'a str,
    ip_address: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CustomFields<'a> {
    text_custom_fields: Vec<TextCustomField<'a>>,
    list_custom_fields: Vec<ListCustomField<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TextCustomField<'a> {
    field_id: &'a str,
    name: &'a str,
    show: &'static str,
    required: &'static str,
    value: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ListCustomField<'a> {
    list_items: &'a [String],
    field_id: &'a str,
    name: &'a str,
    show: &'static str,
    required: &'static str,
    value: &'a str,
}

/// A document of an envelope as JSON tells it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentView<'a> {
    document_id: &'a str,
    document_id_guid: Uuid,
    name: &'a str,
    r#type: &'static str,
    uri: String,
    order: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pages: Option<[Page; 1]>,
    available_document_types: [AvailableType; 1],
    display: &'static str,
    include_in_download: &'static str,
    signer_must_acknowledge: &'static str,
    template_required: &'static str,
    authoritative_copy: &'static str,
    #[serde(rename = "PDFBytes", skip_serializing_if = "Option::is_none")]
    pdf_bytes: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    page_id: Uuid,
    sequence: &'static str,
    height: &'static str,
    width: &'static str,
    dpi: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AvailableType {
    r#type: &'static str,
    is_default: &'static str,
}

fn flag(on: bool) -> &'static str {
    if on { "true" } else { "false" }
}

/// An envelope with the sections asked for.
pub fn envelope(envelope: &Envelope, include: Include, times: Times) -> EnvelopeView<'_> {
    let uri = format!("/envelopes/{}", envelope.id);
    let under = |what: &str| format!("{uri}/{what}");
    EnvelopeView {
        status: envelope.status.word(),
        documents_uri: under("documents"),
        recipients_uri: under("recipients"),
        attachments_uri: under("attachments"),
        email_subject: &envelope.subject,
        email_blurb: &envelope.blurb,
        envelope_id: envelope.id,
        signing_location: "online",
        custom_fields_uri: under("custom_fields"),
        notification_uri: under("notification"),
        enable_wet_sign: "true",
        allow_markup: "false",
        allow_reassign: "true",
        created_date_time: times.write(envelope.created_at),
        last_modified_date_time: times.write(envelope.modified_at),
        delivered_date_time: times.maybe(envelope.delivered_at),
        initial_sent_date_time: times.maybe(envelope.initial_sent_at),
        sent_date_time: times.maybe(envelope.sent_at),
        completed_date_time: times.maybe(envelope.completed_at),
        voided_date_time: times.maybe(envelope.voided_at),
        voided_reason: envelope.voided_reason.as_deref(),
        deleted_date_time: times.maybe(envelope.deleted_at),
        declined_date_time: times.maybe(envelope.declined_at),
        status_changed_date_time: times.write(envelope.status_changed_at),
        documents_combined_uri: under("documents/combined"),
        certificate_uri: under("documents/certificate"),
        templates_uri: under("templates"),
        expire_enabled: "true",
        expire_date_time: times.write(envelope.expires_at),
        expire_after: envelope.expire_after.to_string(),
        sender: sender(&envelope.account),
        folders: include.folders.then(|| vec![folder(envelope)]),
        custom_fields: include.custom_fields.then(|| custom_fields(envelope)),
        recipients: include.recipients.then(|| recipients(envelope, include.tabs, times)),
        auto_navigation: "true",
        envelope_id_stamping: "true",
        authoritative_copy: "false",
        purge_state: if envelope.purge_queued { "documents_queued" } else { "unpurged" },
        envelope_documents: include.documents.then(|| documents(envelope)),
        is21_c_f_r_part11: "false",
        signer_can_sign_on_mobile: "true",
        is_signature_provider_envelope: "false",
        has_form_data_changed: "false",
        allow_comments: "true",
        has_comments: "false",
        allow_view_history: "true",
        envelope_metadata: EnvelopeMetadata {
            allow_advanced_correct: "true",
            enable_sign_with_notary: "false",
            allow_correct: flag(envelope.status.in_flight()),
        },
        any_signer: None,
        envelope_location: "current_site",
        is_dynamic_envelope: "false",
        envelope_uri: uri,
    }
}

fn sender(account: &Account) -> Sender<'_> {
    Sender {
        user_name: &account.sender.name,
        user_id: account.sender.user_id,
        account_id: account.id,
        email: &account.sender.email,
        ip_address: &account.sender_ip,
    }
}

fn custom_fields(envelope: &Envelope) -> CustomFields<'_> {
    let text = envelope.custom_fields.iter().map(|CustomField { id, name, value }| TextCustomField {
        field_id: id,
        name,
        show: "true",
        required: "false",
        value,
    });
    let lists = envelope.list_fields.iter().map(|ListField { id, name, value, items }| ListCustomField {
        list_items: items,
        field_id: id,
        name,
        show: "true",
        required: "false",
        value,
    });
    CustomFields { text_custom_fields: text.collect(), list_custom_fields: lists.collect() }
}

/// The documents of an envelope, its certificate last.
pub fn documents(envelope: &Envelope) -> Vec<DocumentView<'_>> {
    let contents = envelope.documents.iter().enumerate().map(|(place, document)| {
        let page = Page {
            page_id: Uuid::from_u128(document.guid.as_u128() ^ 1),
            sequence: "1",
            height: "792",
            width: "612",
            dpi: "72",
        };
        let order = (place + 1).to_string();
        view(envelope, &document.id, document.guid, &document.name, ("content", order), Some([page]))
    });
    let guid = Uuid::from_u128(envelope.id.as_u128() ^ 1);
    let certificate = view(envelope, "certificate", guid, "Summary", ("summary", "999".to_owned()), None);
    contents.chain([certificate]).collect()
}

fn view<'a>(
    envelope: &Envelope,
    document_id: &'a str,
    document_id_guid: Uuid,
    name: &'a str,
    (kind, order): (&'static str, String),
    pages: Option<[Page; 1]>,
) -> DocumentView<'a> {
    DocumentView {
        document_id,
        document_id_guid,
        name,
        r#type: kind,
        uri: format!("/envelopes/{}/documents/{document_id}", envelope.id),
        order,
        pages,
        available_document_types: [AvailableType { r#type: "electronic", is_default: "true" }],
        display: "inline",
        include_in_download: "true",
        signer_must_acknowledge: "no_interaction",
        template_required: "false",
        authoritative_copy: "false",
        pdf_bytes: None,
    }
}

impl EnvelopeView<'_> {
    /// Puts the documents' bytes (base64) inside, as a Connect configuration with `documents` does.
    pub fn with_bytes(mut self, base64: &str) -> Self {
        for document in self.envelope_documents.iter_mut().flatten() {
            document.pdf_bytes = Some(base64.to_owned());
        }
        self
    }
}
