//! Envelopes over REST: one, a list, and the status of a set.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;
use uuid::Uuid;

use crate::base::limits;
use crate::simulator::life::{Envelope, EnvelopeStatus};
use crate::simulator::shape::{self, Include, Times};

use super::errors::{Answer, ApiError};
use super::{Shared, lock};

type Query = web::Query<HashMap<String, String>>;

/// `GET …/envelopes/{envelope}`.
pub(super) async fn get(
    path: web::Path<(String, String)>,
    query: Query,
    shared: web::Data<Shared>,
) -> Answer {
    let (_, envelope) = found(&shared, &path.0, &path.1)?;
    let include = Include::parse(query.get("include").map_or("", String::as_str));
    Ok(HttpResponse::Ok().json(shape::envelope(&envelope, include, Times::SevenDigits)))
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
pub(super) async fn list(path: web::Path<String>, query: Query, shared: web::Data<Shared>) -> Answer {
    let account = account(&shared, &path)?;
    let asked = Asked::parse(&query)?;
    let matching: Vec<Arc<Envelope>> =
        lock(&shared.world).envelopes(account).filter(|e| asked.matches(e)).cloned().collect();
    let page = page(account, &query, matching)?;
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
}

impl Asked {
    fn parse(query: &HashMap<String, String>) -> Result<Self, ApiError> {
        let given = |name: &str| query.get(name).filter(|value| !value.is_empty());
        let from = given("from_date").map(|text| date("from_date", text)).transpose()?;
        let ids = given("envelope_ids").map(|list| ids(list)).transpose()?;
        if from.is_none() && ids.is_none() {
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
            && self.text.as_ref().is_none_or(|text| envelope.subject.to_lowercase().contains(text))
            && self.custom_field.as_ref().is_none_or(|(name, value)| {
                envelope.custom_fields.iter().any(|f| f.name == *name && f.value == *value)
            })
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
fn date(name: &str, text: &str) -> Result<Timestamp, ApiError> {
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

fn number(query: &HashMap<String, String>, name: &str, default: usize) -> Result<usize, ApiError> {
    match query.get(name) {
        None => Ok(default),
        Some(text) if text.is_empty() => Ok(default),
        Some(text) => text.parse().map_err(|_| ApiError::invalid(format!("'{name}' must be a number."))),
    }
}

fn page(
    account: Uuid,
    query: &HashMap<String, String>,
    mut matching: Vec<Arc<Envelope>>,
) -> Result<Value, ApiError> {
    let count = number(query, "count", limits::SIMULATOR_PAGE_MAX)?;
    if count > limits::SIMULATOR_PAGE_MAX {
        let most = limits::SIMULATOR_PAGE_MAX;
        return Err(ApiError::invalid(format!("'count' must be at most {most}.")));
    }
    let start = number(query, "start_position", 0)?;
    sort(&mut matching, query);
    let include = Include::parse(query.get("include").map_or("", String::as_str));
    let total = matching.len();
    let rows: Vec<_> = matching
        .iter()
        .skip(start)
        .take(count)
        .map(|envelope| shape::envelope(envelope, include, Times::SevenDigits))
        .collect();
    let next = start + rows.len();
    let link = |start: usize| link(account, query, start, count);
    Ok(json!({
        "resultSetSize": rows.len().to_string(),
        "totalSetSize": total.to_string(),
        "startPosition": start.to_string(),
        "endPosition": next.saturating_sub(1).to_string(),
        // The last page has an empty link, and links leave out what all of REST begins with.
        "nextUri": if next < total { link(next) } else { String::new() },
        "previousUri": if start > 0 { link(start.saturating_sub(count)) } else { String::new() },
        "envelopes": rows,
    }))
}

fn sort(envelopes: &mut [Arc<Envelope>], query: &HashMap<String, String>) {
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

fn link(account: Uuid, query: &HashMap<String, String>, start: usize, count: usize) -> String {
    let mut kept: Vec<_> = query.iter().filter(|(name, _)| *name != "start_position").collect();
    kept.sort();
    let mut written = Serializer::new(String::new());
    written.append_pair("start_position", &start.to_string());
    if !query.contains_key("count") {
        written.append_pair("count", &count.to_string());
    }
    written.extend_pairs(kept);
    format!("/accounts/{account}/envelopes?{}", written.finish())
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
    query: Query,
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
    let world = lock(&shared.world);
    let by_id = wanted.iter().filter_map(|id| world.envelope(account, *id));
    let by_transaction = set.transaction_ids.iter().filter_map(|id| world.by_transaction(account, id));
    let found: Vec<_> = by_id.chain(by_transaction).collect();
    drop(world);
    Ok(HttpResponse::Ok().json(page(account, &HashMap::new(), found)?))
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
