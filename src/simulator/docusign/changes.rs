//! Changes over REST: envelopes made, sent, voided, purged and resent, as a sender's program does.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::simulator::life::{Act, Envelope, EnvelopeStatus, Step, perform};
use crate::simulator::shape::seven_digits;

use super::body::{filled, object, text};
use super::definition::{drafted, notification};
use super::envelopes::{account, found, status_asked};
use super::errors::{Answer, ApiError};
use super::page::{Query, says};
use super::{Shared, lock};

/// `POST …/envelopes`: a draft, or an envelope sent at once. The same `transactionId` gives the same envelope.
pub(super) async fn create(path: web::Path<String>, body: Bytes, shared: web::Data<Shared>) -> Answer {
    let account = account(&shared, &path)?;
    let asked = object(&body)?;
    let transaction = filled(&asked, "transactionId");
    let now = shared.clock.now();
    let known = transaction.as_deref().and_then(|id| lock(&shared.world).by_transaction(account, id, now));
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
    if sent && !is_complete(&envelope) {
        return Err(incomplete());
    }
    let acts = if sent { vec![Act::Create, Act::Send] } else { vec![Act::Create] };
    shared.perform(&mut envelope, &acts);
    if let Some(transaction) = transaction {
        lock(&shared.world).remember_transaction(account, transaction, (envelope.id, now));
    }
    Ok(created(&envelope))
}

fn is_complete(envelope: &Envelope) -> bool {
    !(envelope.recipients.is_empty() || envelope.documents.is_empty() || envelope.subject.trim().is_empty())
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
    query: web::Query<Query>,
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
    let changes = ["emailSubject", "emailBlurb", "notification"];
    if envelope.is_over() && changes.iter().any(|name| asked.get(name).is_some()) {
        return Err(ApiError::invalid_status("The envelope cannot be changed any more."));
    }
    notification(&mut envelope, &asked);
    if let Some(subject) = text(&asked, "emailSubject") {
        envelope.subject = subject;
    }
    if let Some(blurb) = text(&asked, "emailBlurb") {
        envelope.blurb = blurb;
    }
    let purge = text(&asked, "purgeState");
    if let Some(state) = &purge {
        let purgeable = envelope.is_over() && envelope.status != EnvelopeStatus::Deleted;
        if !state.starts_with("documents_") || !purgeable {
            let message = "Only documents of completed, declined and voided envelopes can be purged.";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST_PARAMETER", message));
        }
        acts.push(Act::Purge);
    }
    if says(&query, "resend_envelope") {
        if envelope.is_over() {
            let message =
                "Only envelopes in the 'Created', 'Sent', 'Delivered' or 'Correct' states may be locked.";
            return Err(ApiError::bad("EDIT_LOCK_INVALID_STATE_FOR_LOCK", message));
        }
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

fn move_to(envelope: &Envelope, word: &str, asked: &Value) -> Result<Act, ApiError> {
    let refused = |code, message: &str| ApiError::new(StatusCode::BAD_REQUEST, code, message);
    match status_asked(word) {
        Some(EnvelopeStatus::Sent) if envelope.status == EnvelopeStatus::Created => {
            if !is_complete(envelope) {
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

impl Shared {
    /// Lets acts happen to an envelope now, keeps what becomes of it, and has it told over Connect.
    pub(super) fn perform(&self, envelope: &mut Envelope, acts: &[Act]) {
        let now = self.clock.now();
        let known = lock(&self.world).envelope(envelope.account.id, envelope.id);
        if acts.is_empty() && known.is_some_and(|known| *known == *envelope) {
            return;
        }
        let told: Vec<_> = acts.iter().flat_map(|act| perform(act, envelope, now, &self.dice)).collect();
        envelope.modified_at = now;
        lock(&self.world).put(Arc::new(envelope.clone()));
        let sent = acts.contains(&Act::Send).then(|| envelope.clone());
        self.tell(Step::told_at_once(told, now), sent);
    }
}
