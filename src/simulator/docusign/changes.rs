//! Changes over REST: envelopes made, sent, voided, purged and resent, as a sender's program does.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::simulator::life::{
    Account, Act, Envelope, EnvelopeStatus, Person, Recipient, Role, Step, TextTab, perform,
};
use crate::simulator::shape::seven_digits;

use super::envelopes::{account, found, status_asked};
use super::errors::{Answer, ApiError};
use super::{Shared, lock, templates};

/// `POST …/envelopes`: a draft, or an envelope sent at once. The same `transactionId` gives the same envelope.
pub(super) async fn create(path: web::Path<String>, body: Bytes, shared: web::Data<Shared>) -> Answer {
    let account = account(&shared, &path)?;
    let asked = object(&body)?;
    let transaction = text(&asked, "transactionId");
    let known = transaction.as_deref().and_then(|id| lock(&shared.world).by_transaction(account, id));
    if let Some(known) = known {
        return Ok(created(&known));
    }
    let status = match text(&asked, "status") {
        None => EnvelopeStatus::Created,
        Some(word) => status_asked(&word)
            .filter(|status| *status != EnvelopeStatus::Voided)
            .ok_or_else(|| ApiError::invalid(format!("'{word}' is no status to create an envelope in.")))?,
    };
    let holder = lock(&shared.world).account(account).cloned().ok_or_else(ApiError::no_such_account)?;
    let mut envelope = drafted(&shared, holder, &asked)?;
    let sent = status == EnvelopeStatus::Sent;
    if sent && (envelope.recipients.is_empty() || envelope.documents.is_empty()) {
        return Err(incomplete());
    }
    let acts = if sent { vec![Act::Create, Act::Send] } else { vec![Act::Create] };
    shared.perform(&mut envelope, &acts);
    if let Some(transaction) = transaction {
        lock(&shared.world).remember_transaction(account, transaction, envelope.id);
    }
    Ok(created(&envelope))
}

fn incomplete() -> ApiError {
    let message = "The Envelope is not Complete. A Complete Envelope Requires Documents, Recipients, Tabs, and \
                   a Subject Line.";
    ApiError::new(StatusCode::BAD_REQUEST, "ENVELOPE_IS_INCOMPLETE", message)
}

fn created(envelope: &Envelope) -> HttpResponse {
    HttpResponse::Created().json(json!({
        "envelopeId": envelope.id,
        "uri": format!("/envelopes/{}", envelope.id),
        "statusDateTime": seven_digits(envelope.status_changed_at),
        "status": envelope.status.word(),
    }))
}

/// `PUT …/envelopes/{envelope}`: sends a draft, voids, purges, renames or sends once more.
pub(super) async fn update(
    path: web::Path<(String, String)>,
    query: web::Query<HashMap<String, String>>,
    body: Bytes,
    shared: web::Data<Shared>,
) -> Answer {
    let (_, envelope) = found(&shared, &path.0, &path.1)?;
    let asked = if body.is_empty() { json!({}) } else { object(&body)? };
    let mut envelope = Arc::unwrap_or_clone(envelope);
    let mut acts = Vec::new();
    if let Some(word) = text(&asked, "status") {
        acts.push(move_to(&envelope, &word, &asked)?);
    }
    if let Some(subject) = text(&asked, "emailSubject") {
        envelope.subject = subject;
    }
    if let Some(blurb) = text(&asked, "emailBlurb") {
        envelope.blurb = blurb;
    }
    let purge = text(&asked, "purgeState");
    if let Some(state) = &purge {
        if !state.starts_with("documents_") || !is_over(&envelope) {
            let message = "Only documents of completed, declined and voided envelopes can be purged.";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST_PARAMETER", message));
        }
        acts.push(Act::Purge);
    }
    if query.get("resend_envelope").is_some_and(|word| word == "true") {
        acts.push(Act::Resend);
    }
    let id = envelope.id;
    shared.perform(&mut envelope, &acts);
    let mut answer = json!({"envelopeId": id});
    if let Some(state) = purge {
        answer["purgeState"] = json!(state);
    }
    Ok(HttpResponse::Ok().json(answer))
}

fn is_over(envelope: &Envelope) -> bool {
    use EnvelopeStatus as S;
    matches!(envelope.status, S::Completed | S::Declined | S::Voided)
}

fn move_to(envelope: &Envelope, word: &str, asked: &Value) -> Result<Act, ApiError> {
    let refused = |code, message: &str| ApiError::new(StatusCode::BAD_REQUEST, code, message);
    match status_asked(word) {
        Some(EnvelopeStatus::Sent) if envelope.status == EnvelopeStatus::Created => {
            if envelope.recipients.is_empty() || envelope.documents.is_empty() {
                return Err(incomplete());
            }
            Ok(Act::Send)
        }
        Some(EnvelopeStatus::Voided) if envelope.status.in_flight() => {
            let reason = text(asked, "voidedReason").filter(|reason| !reason.trim().is_empty());
            let reason = reason.ok_or_else(|| ApiError::invalid("A 'voidedReason' is required to void."))?;
            Ok(Act::Void(reason))
        }
        Some(EnvelopeStatus::Voided) => Err(refused(
            "ENVELOPE_CANNOT_VOID_INVALID_STATE",
            "Only envelopes in the 'Sent' or 'Delivered' states may be voided.",
        )),
        _ => Err(refused("ENVELOPE_INVALID_STATUS", "The envelope cannot come to this status from its own.")),
    }
}

fn object(body: &[u8]) -> Result<Value, ApiError> {
    let value: Value = serde_json::from_slice(body).map_err(ApiError::invalid_body)?;
    if value.is_object() { Ok(value) } else { Err(ApiError::invalid_body("It must be an object.")) }
}

/// A scalar, which clients write as a string, a number or a boolean.
pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

pub(super) fn items<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    let list = path.iter().try_fold(value, |value, name| value.get(name));
    list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn drafted(shared: &Shared, holder: Arc<Account>, asked: &Value) -> Result<Envelope, ApiError> {
    let dice = &shared.dice;
    let subject = text(asked, "emailSubject").unwrap_or_default();
    let mut envelope = Envelope::draft(holder, subject, shared.clock.now(), dice);
    envelope.blurb = text(asked, "emailBlurb").unwrap_or_default();
    for document in items(asked, &["documents"]) {
        let name = text(document, "name").unwrap_or_else(|| "Document".to_owned());
        envelope.add_document(name, dice);
        if let (Some(id), Some(added)) = (text(document, "documentId"), envelope.documents.last_mut()) {
            added.id = id;
        }
    }
    for field in items(asked, &["customFields", "textCustomFields"]) {
        let name = text(field, "name").unwrap_or_default();
        envelope.add_custom_field(&name, text(field, "value").unwrap_or_default(), dice);
    }
    let lists = [("signers", Role::Signer), ("carbonCopies", Role::CarbonCopy)];
    for (list, role) in lists {
        for recipient in items(asked, &["recipients", list]) {
            add_recipient(shared, &mut envelope, recipient, role)?;
        }
    }
    if let Some(id) = text(asked, "templateId") {
        templates::fill_in(shared, &mut envelope, &id, asked)?;
    }
    Ok(envelope)
}

pub(super) fn add_recipient(
    shared: &Shared,
    envelope: &mut Envelope,
    asked: &Value,
    role: Role,
) -> Result<(), ApiError> {
    let required = |name: &str| {
        let told = text(asked, name).filter(|value| !value.is_empty());
        told.ok_or_else(|| ApiError::invalid(format!("A recipient's '{name}' is missing.")))
    };
    let dice = &shared.dice;
    let user_id = Uuid::from_u128(dice.uuid().as_u128());
    let person = Person { user_id, name: required("name")?, email: required("email")? };
    let number = (envelope.recipients.len() + 1).to_string();
    let id = text(asked, "recipientId").unwrap_or(number);
    if envelope.recipients.iter().any(|known| known.id == id) {
        let message = "The recipient_id is not unique within the envelope.";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "INVALID_RECIPIENT_ID", message));
    }
    let order = text(asked, "routingOrder").and_then(|order| order.parse().ok()).unwrap_or(1);
    let mut recipient = Recipient::new(id, role, person, order, dice);
    recipient.client_user_id = text(asked, "clientUserId");
    if let Some(name) = text(asked, "roleName") {
        recipient.role_name = name;
    }
    for tab in items(asked, &["tabs", "textTabs"]) {
        let label = text(tab, "tabLabel").unwrap_or_default();
        recipient.texts.push(TextTab { label, value: text(tab, "value").unwrap_or_default() });
    }
    envelope.recipients.push(recipient);
    Ok(())
}

impl Shared {
    /// Lets acts happen to an envelope now, keeps what becomes of it, and has it told over Connect.
    fn perform(&self, envelope: &mut Envelope, acts: &[Act]) {
        let now = self.clock.now();
        let told: Vec<_> = acts.iter().flat_map(|act| perform(act, envelope, now, &self.dice)).collect();
        envelope.modified_at = now;
        lock(&self.world).put(Arc::new(envelope.clone()));
        let sent = acts.contains(&Act::Send).then(|| envelope.clone());
        self.tell(Step::told_at_once(told, now), sent);
    }
}
