//! From an envelope, as DocuSign's REST API tells it, to the unified signing request: beside [`super::map`] the
//! one module that says both.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::base::limits;
use crate::docusign::tolerant::Scalar;
use crate::docusign::{self, Envelope, EnvelopeDocument, Recipient, Tab};

use super::document::{Document, DocumentField, Place, Position, Reference};
use super::participant::{Contact, Email, Participant};
use super::request::{Collection, CustomField, Group, SigningRequest, Status, Url};

/// Recipient lists by DocuSign's name and by ours.
pub(super) const PARTICIPANT_KINDS: [(&str, &str); 12] = [
    ("signers", "signer"),
    ("inPersonSigners", "in_person_signer"),
    ("carbonCopies", "carbon_copy"),
    ("certifiedDeliveries", "certified_delivery"),
    ("agents", "agent"),
    ("editors", "editor"),
    ("intermediaries", "intermediary"),
    ("seals", "seal"),
    ("witnesses", "witness"),
    ("notaries", "notary"),
    ("notaryWitnesses", "notary_witness"),
    ("participants", "participant"),
];

/// Tab lists by DocuSign's name, without `Tabs`, and by ours.
pub(super) const FIELD_KINDS: [(&str, &str); 9] = [
    ("signHere", "signature"),
    ("initialHere", "initials"),
    ("fullName", "full_name"),
    ("dateSigned", "signing_date"),
    ("company", "company_name"),
    ("title", "title"),
    ("text", "text"),
    ("email", "email"),
    ("emailAddress", "email"),
];

/// The signing request in an answer to `GET /envelopes/{id}`.
///
/// `base` is the address of the account's REST API, to which DocuSign's own addresses are relative. What was
/// entered into fields and the answer itself (`remote_data`) are left out.
///
/// # Errors
/// When `json` is no JSON object; the text says where, never what.
pub fn signing_request(json: &str, base: &str) -> Result<SigningRequest, String> {
    // A JSON list would be read as the fields of an envelope in their order.
    if !json.trim_start().starts_with('{') {
        return Err("not a JSON object".to_owned());
    }
    let envelope: Envelope = serde_json::from_str(json).or_else(|why| {
        // A key that is told twice is no reason to refuse the rest: as in deliveries, its last value stands.
        let whole = serde_json::from_str::<serde_json::Value>(json).and_then(serde_json::from_value);
        whole.map_err(|_| {
            format!("not the JSON of an envelope, at line {} column {}", why.line(), why.column())
        })
    })?;
    Ok(from_envelope(&envelope, base))
}

/// The signing request that an envelope is.
pub fn from_envelope(envelope: &Envelope, base: &str) -> SigningRequest {
    let id = envelope.envelope_id.text().unwrap_or_default().to_ascii_lowercase();
    let urls = Urls { base };
    let mut participants: Vec<_> = envelope
        .recipients
        .0
        .iter()
        .take(limits::RECIPIENTS_MAX)
        .map(|(list, one)| participant(list, one))
        .collect();
    participants.sort_by(|a, b| in_order(a.routing_order, b.routing_order));
    let mut groups: Vec<_> = participants.iter().filter_map(|one| one.group.clone()).collect();
    groups.sort_by(|a, b| a.id.cmp(&b.id));
    groups.dedup();
    let (document_fields, fields_told) = document_fields(envelope, &id);
    SigningRequest {
        name: envelope.email_subject.owned(),
        description: envelope.email_blurb.owned(),
        kind: None,
        status: envelope.status.text().map(Status::of_signing_request),
        cancellation_reason: envelope.voided_reason.owned(),
        collections: envelope.folders.into_iter().map(collection).collect(),
        groups,
        documents: documents(envelope, &id, base),
        custom_fields: custom_fields(envelope),
        urls: urls.of(&envelope.envelope_uri),
        created_at: envelope.created_date_time.time(),
        updated_at: envelope.last_modified_date_time.time(),
        last_activity_at: envelope.status_changed_date_time.time(),
        expires_at: envelope.expire_date_time.time(),
        is_partial_response: fields_told > document_fields.len()
            || envelope.recipients.0.len() > participants.len(),
        source: None,
        remote_data: None,
        id,
        participants,
        document_fields,
    }
}

/// By number, those without one last; equal ones stay as they were told.
fn in_order(a: Option<u32>, b: Option<u32>) -> Ordering {
    a.is_none().cmp(&b.is_none()).then(a.cmp(&b))
}

fn participant(list: &str, recipient: &Recipient) -> Participant {
    let kind = renamed(&PARTICIPANT_KINDS, list);
    // In-person signers: `name` and `email` may stay empty, the signer and the host have names of their own.
    let name = recipient.signer_name.text().or(recipient.name.text());
    let email = recipient.signer_email.text().or(recipient.email.text());
    let host = contact(None, recipient.host_name.text(), recipient.host_email.text());
    Participant {
        id: recipient.recipient_id.owned(),
        name: name.map(str::to_owned),
        emails: emails(email),
        is_signer: matches!(list, "signers" | "inPersonSigners"),
        kind,
        routing_order: recipient.routing_order.number(),
        role: recipient.role_name.owned(),
        status: recipient.status.text().map(Status::of_participant),
        reason: recipient.declined_reason.owned().or_else(|| recipient.auto_responded_reason.owned()),
        group: recipient.signing_group_id.owned().map(|id| Group { id, kind: "signing_group" }),
        host,
        sent_at: recipient.sent_date_time.time(),
        delivered_at: recipient.delivered_date_time.time(),
        signed_at: recipient.signed_date_time.time(),
        declined_at: recipient.declined_date_time.time(),
    }
}

fn documents(envelope: &Envelope, id: &str, base: &str) -> Vec<Document> {
    let sender = sender(envelope);
    let told = envelope.envelope_documents.into_iter();
    told.map(|told| document(told, id, base, sender.as_ref())).collect()
}

/// Who sent an envelope.
pub fn sender(envelope: &Envelope) -> Option<Contact> {
    let sender = envelope.sender.0.as_ref()?;
    contact(sender.user_id.text(), sender.user_name.text(), sender.email.text())
}

/// A document of the signing request with that id, which `sender` sent.
pub fn document(told: &EnvelopeDocument, id: &str, base: &str, sender: Option<&Contact>) -> Document {
    Document {
        id: told.document_id.owned(),
        name: told.name.owned(),
        signing_request: reference(id),
        urls: Urls { base }.of(&told.uri),
        created_by: sender.cloned(),
        scope: told.kind.owned(),
    }
}

/// The fields of all recipients up to the bound, and how many were told.
fn document_fields(envelope: &Envelope, id: &str) -> (Vec<DocumentField>, usize) {
    let told = || {
        let recipients = envelope.recipients.0.iter().map(|(_, recipient)| recipient);
        recipients.flat_map(|recipient| {
            // `tabGroups`, the one list that holds no tabs, does not end so.
            let tabs = recipient.tabs.0.iter();
            tabs.filter_map(move |(list, tab)| Some((recipient, list.strip_suffix("Tabs")?, tab)))
        })
    };
    let fields = told().take(limits::DOCUMENT_FIELDS_MAX);
    (fields.map(|(recipient, kind, tab)| document_field(id, recipient, kind, tab)).collect(), told().count())
}

/// A field of the signing request with that id: a tab of a recipient's, and the name of its list without `Tabs`.
pub fn document_field(id: &str, recipient: &Recipient, kind: &str, tab: &Tab) -> DocumentField {
    // A group of radio buttons stands where its first button does.
    let radio = tab.radios.0.first();
    let or_radio =
        |own: &Scalar, of: fn(&docusign::Radio) -> &Scalar| own.owned().or_else(|| of(radio?).owned());
    let required = tab.required.flag().or_else(|| tab.optional.flag().map(|optional| !optional));
    DocumentField {
        id: tab.tab_id.owned(),
        label: tab.tab_label.owned().or_else(|| tab.group_name.owned()),
        kind: renamed(&FIELD_KINDS, kind),
        is_read_only: tab.locked.flag().or_else(|| radio?.locked.flag()),
        is_required: required.or_else(|| radio?.required.flag()),
        document: Place {
            id: tab.document_id.owned(),
            page_number: or_radio(&tab.page_number, |radio| &radio.page_number),
            position: Position {
                x: or_radio(&tab.x_position, |radio| &radio.x_position),
                y: or_radio(&tab.y_position, |radio| &radio.y_position),
            },
        },
        signing_request: reference(id),
        participant: Reference { id: tab.recipient_id.owned().or_else(|| recipient.recipient_id.owned()) },
    }
}

fn custom_fields(envelope: &Envelope) -> Vec<CustomField> {
    let Some(fields) = &envelope.custom_fields.0 else { return Vec::new() };
    let unified = |kind| {
        move |field: &docusign::CustomField| CustomField {
            id: field.field_id.owned(),
            name: field.name.owned(),
            value: field.value.owned(),
            kind,
            is_required: field.required.flag(),
        }
    };
    let text = fields.text_custom_fields.into_iter().map(unified("text"));
    text.chain(fields.list_custom_fields.into_iter().map(unified("list"))).collect()
}

fn collection(folder: &docusign::Folder) -> Collection {
    Collection { id: folder.folder_id.owned(), name: folder.name.owned() }
}

fn contact(id: Option<&str>, name: Option<&str>, email: Option<&str>) -> Option<Contact> {
    let known = id.or(name).or(email).is_some();
    known.then(|| Contact { id: id.map(str::to_owned), name: name.map(str::to_owned), emails: emails(email) })
}

fn emails(email: Option<&str>) -> Vec<Email> {
    email.map(|email| Email { email: email.to_owned() }).into_iter().collect()
}

fn reference(id: &str) -> Reference {
    Reference { id: (!id.is_empty()).then(|| id.to_owned()) }
}

/// Our word for DocuSign's, or DocuSign's own where we have none.
fn renamed(table: &[(&str, &'static str)], word: &str) -> Cow<'static, str> {
    let ours = table.iter().find(|(theirs, _)| *theirs == word);
    ours.map_or_else(|| Cow::Owned(word.to_owned()), |(_, ours)| Cow::Borrowed(*ours))
}

/// Makes DocuSign's addresses, which are relative to the account, whole.
pub(super) struct Urls<'a> {
    pub(super) base: &'a str,
}

impl Urls<'_> {
    pub(super) fn of(&self, uri: &Scalar) -> Vec<Url> {
        let whole = uri.text().map(|uri| match uri.strip_prefix('/') {
            Some(_) => format!("{}{uri}", self.base.trim_end_matches('/')),
            None => uri.to_owned(),
        });
        whole.map(|url| Url { url, kind: "view" }).into_iter().collect()
    }
}
