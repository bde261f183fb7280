//! Envelopes over REST: one, a list, and the status of a set.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::simulator::life::{Envelope, EnvelopeStatus, Reminders};
use crate::simulator::shape::{self, Include, Times, lies_in};

use super::errors::{Answer, ApiError};
use super::page::{self, ENVELOPES, Query, given};
use super::{Shared, lock};

/// `GET …/envelopes/{envelope}`.
pub(super) async fn get(
    path: web::Path<(String, String)>,
    query: web::Query<Query>,
    shared: web::Data<Shared>,
) -> Answer {
    let (_, envelope) = found(&shared, &path.0, &path.1)?;
    let include = Include::parse(query.get("include").map_or("", String::as_str));
    Ok(HttpResponse::Ok().json(shape::envelope(&envelope, include, Times::SevenDigits)))
}

/// `GET …/envelopes/{envelope}/notification`: expiry and reminders.
pub(super) async fn notification(path: web::Path<(String, String)>, shared: web::Data<Shared>) -> Answer {
    let (_, envelope) = found(&shared, &path.0, &path.1)?;
    let reminders = envelope.reminders;
    let days = |of: fn(Reminders) -> u32| reminders.map_or(0, of).to_string();
    Ok(HttpResponse::Ok().json(json!({
        "useAccountDefaults": "false",
        "expirations": {
            "expireEnabled": "true", "expireAfter": envelope.expire_after.to_string(),
            "expireWarn": envelope.expire_warn.to_string(),
        },
        "reminders": {
            "reminderEnabled": if reminders.is_some() { "true" } else { "false" },
            "reminderDelay": days(|own| own.delay), "reminderFrequency": days(|own| own.frequency),
        },
    })))
}

/// The account in a path.
pub(super) fn account(shared: &Shared, account: &str) -> Result<Uuid, ApiError> {
    lock(&shared.world).account_id(account).ok_or_else(ApiError::no_such_account)
}

/// The account and the envelope in a path.
pub(super) fn found(shared: &Shared, of: &str, envelope: &str) -> Result<(Uuid, Arc<Envelope>), ApiError> {
    let account = account(shared, of)?;
    let id = envelope.parse().map_err(|_| ApiError::no_such_envelope())?;
    let envelope = lock(&shared.world).envelope(account, id).ok_or_else(ApiError::no_such_envelope)?;
    Ok((account, envelope))
}

/// `GET …/envelopes` (listStatusChanges).
pub(super) async fn list(
    path: web::Path<String>,
    query: web::Query<Query>,
    shared: web::Data<Shared>,
) -> Answer {
    let account = account(&shared, &path)?;
    let mut asked = Asked::parse(&query)?;
    let transactions: Vec<_> =
        given(&query, "transaction_ids").into_iter().flat_map(|list| list.split(',')).collect();
    let now = shared.clock.now();
    let world = lock(&shared.world);
    let by_transaction = transactions.iter().filter_map(|id| {
        let id = id.trim();
        Some((id, world.by_transaction(account, id, now)?))
    });
    let by_transaction: Vec<_> = by_transaction.collect();
    if !transactions.is_empty() {
        let ids = by_transaction.iter().map(|(_, envelope)| envelope.id);
        asked.ids = Some(ids.chain(asked.ids.unwrap_or_default()).collect());
    }
    let matching: Vec<Arc<Envelope>> =
        world.envelopes(account).filter(|e| asked.matches(e)).cloned().collect();
    drop(world);
    let mut page = page(account, &query, matching)?;
    if !transactions.is_empty() {
        let status = |(id, envelope): &(&str, Arc<Envelope>)| json!({"transactionId": id, "envelopeId": envelope.id, "status": envelope.status.word()});
        page["envelopeTransactionStatuses"] = by_transaction.iter().map(status).collect();
    }
    Ok(HttpResponse::Ok().json(page))
}

/// What the envelopes of a list must be like.
struct Asked {
    ids: Option<Vec<Uuid>>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    of_status: String,
    statuses: Option<Vec<String>>,
    custom_field: Option<(String, String)>,
    text: Option<String>,
    folders: Option<Vec<String>>,
}

impl Asked {
    fn parse(query: &Query) -> Result<Self, ApiError> {
        let given = |name: &str| given(query, name);
        let from = given("from_date").map(|text| date("from_date", text)).transpose()?;
        let ids = given("envelope_ids").map(ids).transpose()?;
        if from.is_none() && ids.is_none() && given("transaction_ids").is_none() {
            return Err(ApiError::invalid(
                "Query parameter 'from_date' must be set to a valid DateTime, or 'envelope_ids' or \
                 'transaction_ids' must be specified.",
            ));
        }
        let statuses = given("status").filter(|list| !list.split(',').any(|s| s.trim() == "any"));
        let field = given("custom_field").map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Ok(Self {
            ids,
            from,
            to: given("to_date").map(|text| date("to_date", text)).transpose()?,
            of_status: given("from_to_status").map_or_else(|| "changed".to_owned(), |s| s.to_lowercase()),
            statuses: statuses.map(|list| list.split(',').map(|s| s.trim().to_lowercase()).collect()),
            custom_field: field.map(|(name, value)| (name.to_owned(), value.to_owned())),
            text: given("search_text").map(|text| text.to_lowercase()),
            folders: given("folder_ids")
                .map(|list| list.split(',').map(|one| one.trim().to_lowercase()).collect()),
        })
    }

    fn matches(&self, envelope: &Envelope) -> bool {
        let at = reached(envelope, &self.of_status);
        let since = self.from.is_none_or(|from| at.is_some_and(|at| at >= from));
        let until = self.to.is_none_or(|to| at.is_some_and(|at| at <= to));
        let status = envelope.status.word();
        since
            && until
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&envelope.id))
            && self.statuses.as_ref().is_none_or(|statuses| statuses.iter().any(|s| s == status))
            && self.text.as_ref().is_none_or(|text| says(envelope, text))
            && self
                .folders
                .as_ref()
                .is_none_or(|folders| folders.iter().any(|one| lies_in_asked(envelope, one)))
            && self.custom_field.as_ref().is_none_or(|(name, value)| {
                envelope.custom_fields.iter().any(|f| f.name == *name && f.value == *value)
            })
    }
}

/// Whether a text, in small letters, stands in what a search looks at: the subject, and names and addresses.
fn says(envelope: &Envelope, text: &str) -> bool {
    let people = envelope.recipients.iter().map(|recipient| &recipient.person);
    let people = people.flat_map(|person| [&person.name, &person.email]);
    people.chain([&envelope.subject]).any(|told| told.to_lowercase().contains(text))
}

/// Whether an envelope lies in a folder: one by its id, one of the system by its word, or one of the views that
/// DocuSign calls folders too.
fn lies_in_asked(envelope: &Envelope, folder: &str) -> bool {
    use EnvelopeStatus as S;
    let (id, _, kind) = lies_in(envelope);
    let sender = envelope.account.sender.user_id;
    let own_turn = || envelope.recipients.iter().any(|own| own.person.user_id == sender);
    match folder {
        "completed" => envelope.status == S::Completed,
        "draft" | "drafts" => kind == "draft",
        "out_for_signature" | "waiting_for_others" => envelope.status.in_flight(),
        "awaiting_my_signature" => envelope.status.in_flight() && own_turn(),
        word => word == kind || word == id.to_string(),
    }
}

/// When an envelope came to a status; `changed` is its last change of any.
fn reached(envelope: &Envelope, status: &str) -> Option<Timestamp> {
    match status {
        "created" => Some(envelope.created_at),
        "sent" => envelope.initial_sent_at,
        "delivered" => envelope.delivered_at,
        "completed" => envelope.completed_at,
        "declined" => envelope.declined_at,
        "voided" => envelope.voided_at,
        "deleted" => envelope.deleted_at,
        // DocuSign's own words: a list of `timedout` is always empty.
        "timedout" => None,
        _ => Some(envelope.status_changed_at),
    }
}

/// A date in a query; without an offset it is meant in DocuSign's own zone.
pub(super) fn date(name: &str, text: &str) -> Result<Timestamp, ApiError> {
    let pacific = || TimeZone::get("America/Los_Angeles").unwrap_or(TimeZone::UTC);
    let local = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(pacific()).ok();
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| local().map(|zoned| zoned.timestamp()))
        .ok_or_else(|| ApiError::invalid(format!("'{name}' is not a valid DateTime.")))
}

fn ids(list: &str) -> Result<Vec<Uuid>, ApiError> {
    let parsed: Result<Vec<_>, _> = list.split(',').map(|id| id.trim().parse()).collect();
    parsed.map_err(|_| ApiError::invalid("'envelope_ids' must be a list of GUIDs."))
}

fn page(account: Uuid, query: &Query, mut matching: Vec<Arc<Envelope>>) -> Result<Value, ApiError> {
    sort(&mut matching, query);
    let include = Include::parse(given(query, "include").unwrap_or_default());
    let view = |envelope: Arc<Envelope>| json!(shape::envelope(&envelope, include, Times::SevenDigits));
    page::page((account, "/envelopes"), query, ENVELOPES, ("envelopes", matching), view)
}

fn sort(envelopes: &mut [Arc<Envelope>], query: &Query) {
    let by = query.get("order_by").map_or("last_modified", String::as_str);
    match by {
        "subject" | "envelope_name" => envelopes.sort_by(|a, b| (&a.subject, a.id).cmp(&(&b.subject, b.id))),
        "status" => envelopes.sort_by_key(|e| (e.status, e.id)),
        "expire" => envelopes.sort_by_key(|e| (e.expires_at, e.id)),
        "last_modified" => envelopes.sort_by_key(|e| (e.modified_at, e.id)),
        other => envelopes.sort_by_key(|e| (reached(e, other), e.id)),
    }
    if query.get("order").is_none_or(|order| order != "asc") {
        envelopes.reverse();
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Set {
    envelope_ids: Vec<String>,
    transaction_ids: Vec<String>,
}

/// `PUT …/envelopes/status?envelope_ids=request_body`.
pub(super) async fn status_of_set(
    path: web::Path<String>,
    query: web::Query<Query>,
    body: bytes::Bytes,
    shared: web::Data<Shared>,
) -> Answer {
    let account = account(&shared, &path)?;
    let set: Set = if body.is_empty() {
        Set::default()
    } else {
        serde_json::from_slice(&body).map_err(ApiError::invalid_body)?
    };
    let in_body = query.get("envelope_ids").is_none_or(|list| list == "request_body");
    let wanted = match query.get("envelope_ids") {
        Some(list) if !in_body => ids(list)?,
        _ => ids_of(&set.envelope_ids)?,
    };
    let now = shared.clock.now();
    let world = lock(&shared.world);
    let by_id = wanted.iter().filter_map(|id| world.envelope(account, *id));
    let by_transaction = set.transaction_ids.iter().filter_map(|id| world.by_transaction(account, id, now));
    let found: Vec<_> = by_id.chain(by_transaction).collect();
    drop(world);
    Ok(HttpResponse::Ok().json(page(account, &Query::new(), found)?))
}

fn ids_of(texts: &[String]) -> Result<Vec<Uuid>, ApiError> {
    if texts.is_empty() { Ok(Vec::new()) } else { ids(&texts.join(",")) }
}

/// The status word that a body asks an envelope to come to.
pub(super) fn status_asked(word: &str) -> Option<EnvelopeStatus> {
    match word.to_ascii_lowercase().as_str() {
        "created" => Some(EnvelopeStatus::Created),
        "sent" => Some(EnvelopeStatus::Sent),
        "voided" => Some(EnvelopeStatus::Voided),
        _ => None,
    }
}
