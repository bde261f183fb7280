//! An envelope's recipients over REST: told, added, changed and removed, each with its own error in the answer.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::simulator::life::{Act, Envelope, EnvelopeStatus, RecipientStatus, Role};
use crate::simulator::shape::{self, Times};

use super::Shared;
use super::body::{object, text};
use super::definition::{add_recipient, alter_recipient, listed};
use super::envelopes::found;
use super::errors::{Answer, ApiError};
use super::page::{Query, says};

type Path = web::Path<(String, String)>;

/// `GET …/envelopes/{envelope}/recipients`.
pub(super) async fn list(path: Path, query: web::Query<Query>, shared: web::Data<Shared>) -> Answer {
    let (_, envelope) = found(&shared, &path.0, &path.1)?;
    Ok(HttpResponse::Ok().json(shape::recipients(
        &envelope,
        says(&query, "include_tabs"),
        Times::SevenDigits,
    )))
}

/// An envelope whose recipients can be changed still.
fn open(shared: &Shared, path: &Path) -> Result<Envelope, ApiError> {
    let (_, envelope) = found(shared, &path.0, &path.1)?;
    if envelope.is_over() {
        return Err(ApiError::invalid_status("The envelope's recipients cannot be changed any more."));
    }
    Ok(Arc::unwrap_or_clone(envelope))
}

/// The lists of a body, which has them at its top.
fn asked(body: &[u8]) -> Result<Value, ApiError> {
    Ok(json!({"recipients": object(body)?}))
}

fn acts(envelope: &Envelope, query: &Query) -> Vec<Act> {
    let mut acts = Vec::new();
    if envelope.status.in_flight() {
        acts.push(Act::Amend);
    }
    if says(query, "resend_envelope") {
        acts.push(Act::Resend);
    }
    acts
}

/// `POST …/envelopes/{envelope}/recipients`.
pub(super) async fn add(
    path: Path,
    query: web::Query<Query>,
    body: Bytes,
    shared: web::Data<Shared>,
) -> Answer {
    let mut envelope = open(&shared, &path)?;
    let asked = asked(&body)?;
    for (role, one) in listed(&asked) {
        add_recipient(&shared, &mut envelope, one, role)?;
    }
    let acts = acts(&envelope, &query);
    shared.perform(&mut envelope, &acts);
    Ok(HttpResponse::Created().json(shape::recipients(&envelope, false, Times::SevenDigits)))
}

/// `PUT …/envelopes/{envelope}/recipients`: changes those whose ids are known, and adds the others.
pub(super) async fn alter(
    path: Path,
    query: web::Query<Query>,
    body: Bytes,
    shared: web::Data<Shared>,
) -> Answer {
    let mut envelope = open(&shared, &path)?;
    let asked = asked(&body)?;
    let mut results = Vec::new();
    for (role, one) in listed(&asked) {
        let id = text(one, "recipientId").unwrap_or_default();
        let who = envelope.recipients.iter().position(|own| own.id == id);
        let done = match who {
            Some(who) if is_done(&envelope, who) => Err(cannot_be_changed()),
            Some(who) => alter_recipient(&shared, &mut envelope, who, one),
            None => add_recipient(&shared, &mut envelope, one, role),
        };
        // A success has its `errorDetails` too.
        let details = match done {
            Ok(()) => json!({"errorCode": "SUCCESS", "message": ""}),
            Err(error) => error.details(),
        };
        let mut result = json!({"recipientId": id, "errorDetails": details});
        if let Some(own) = envelope.recipients.iter().find(|own| own.id == id) {
            result["recipientIdGuid"] = json!(own.guid);
        }
        results.push(result);
    }
    let acts = acts(&envelope, &query);
    shared.perform(&mut envelope, &acts);
    Ok(HttpResponse::Ok().json(json!({"recipientUpdateResults": results})))
}

fn is_done(envelope: &Envelope, who: usize) -> bool {
    use RecipientStatus as R;
    matches!(envelope.recipients[who].status, R::Completed | R::Declined)
}

fn cannot_be_changed() -> ApiError {
    let message = "The recipient has completed their part and cannot be changed.";
    ApiError::bad("RECIPIENT_UPDATE_FAILED", message)
}

/// `DELETE …/envelopes/{envelope}/recipients`.
pub(super) async fn remove(path: Path, body: Bytes, shared: web::Data<Shared>) -> Answer {
    let envelope = open(&shared, &path)?;
    let asked = asked(&body)?;
    let ids =
        listed(&asked).into_iter().map(|(role, one)| (role, text(one, "recipientId").unwrap_or_default()));
    let ids = ids.collect();
    Ok(removed(&shared, envelope, ids))
}

/// `DELETE …/envelopes/{envelope}/recipients/{recipient}`.
pub(super) async fn remove_one(
    path: web::Path<(String, String, String)>,
    shared: web::Data<Shared>,
) -> Answer {
    let (of, id, recipient) = path.into_inner();
    let envelope = open(&shared, &web::Path::from((of, id)))?;
    let known = envelope.recipients.iter().find(|own| own.id == recipient);
    let role = known.ok_or_else(ApiError::no_such_recipient)?.role;
    Ok(removed(&shared, envelope, vec![(role, recipient)]))
}

/// Removes recipients, and tells for each whether it is gone.
fn removed(shared: &Shared, mut envelope: Envelope, ids: Vec<(Role, String)>) -> HttpResponse {
    let mut lists: Map<String, Value> = Map::new();
    let mut any = false;
    for (role, id) in ids {
        let mut told = json!({"recipientId": id});
        match take_out(&mut envelope, &id) {
            Ok(()) => any = true,
            Err(error) => told["errorDetails"] = error.details(),
        }
        let list = lists.entry(role.list()).or_insert_with(|| json!([]));
        list.as_array_mut().into_iter().for_each(|list| list.push(told.clone()));
    }
    let acts = if any { acts(&envelope, &Query::new()) } else { Vec::new() };
    shared.perform(&mut envelope, &acts);
    lists.insert("recipientCount".to_owned(), json!(envelope.recipients.len().to_string()));
    HttpResponse::Ok().json(lists)
}

fn take_out(envelope: &mut Envelope, id: &str) -> Result<(), ApiError> {
    let who = envelope.recipients.iter().position(|own| own.id == id);
    let who = who.ok_or_else(ApiError::no_such_recipient)?;
    if is_done(envelope, who) {
        return Err(cannot_be_changed());
    }
    if envelope.status != EnvelopeStatus::Created && envelope.recipients.len() == 1 {
        let message = "An envelope that was sent must have a recipient.";
        return Err(ApiError::bad("RECIPIENT_UPDATE_FAILED", message));
    }
    envelope.recipients.remove(who);
    // The trail names recipients by their places.
    for occurrence in &mut envelope.history {
        occurrence.recipient = match occurrence.recipient {
            Some(place) if place == who => None,
            Some(place) if place > who => Some(place - 1),
            same => same,
        };
    }
    Ok(())
}
