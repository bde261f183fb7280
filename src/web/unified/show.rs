//! Answers of the unified APIs: lists, objects and files, in the format asked for.

use actix_web::body::{BodyStream, SizedStream};
use actix_web::http::header::{
    CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ContentType, HeaderName, HeaderValue, RETRY_AFTER,
};
use actix_web::{HttpResponse, ResponseError as _};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::base::{AccountId, limits};
use crate::rest::{Passed, Standing};
use crate::unify::{Item, Method, Page, Reply, Resource};

use super::query::{Format, Query};
use crate::web::problem::unified::Unified;
use crate::web::{Api, Problem};

/// A page of a list, or with `truto_ignore_limit` all of it.
pub(super) async fn list(
    api: &Api,
    resource: &'static Resource,
    method: &'static Method,
    account: &AccountId,
    query: &Query,
) -> Result<HttpResponse, Problem> {
    let (unifier, asked) = (&api.unifier, &query.asked);
    let place = unifier.place(resource, account, asked, &query.cursor).map_err(Unified::of)?;
    let mut page = unifier.list(method, account, asked, place).await.map_err(Unified::of)?;
    while query.all && page.items.len() < limits::UNIFY_ALL_MAX {
        let Some(next) = page.next.take() else { break };
        let more = unifier.list(method, account, asked, next).await.map_err(Unified::of)?;
        page.items.extend(more.items);
        page.next = more.next;
    }
    let Page { items, next, prev, is_partial } = page;
    let cursor = |place| unifier.cursor(resource, account, asked, &place);
    let mut body = String::with_capacity(items.iter().map(|item| item.unified.len() + 256).sum());
    body.push_str("{\"result\":");
    match &query.key_by {
        Some(field) => keyed(&items, field, query, &mut body),
        None => listed(&items, query, &mut body),
    }
    let (next, prev) = (json!(next.map(cursor)), json!(prev.map(cursor)));
    body.push_str(&format!(
        ",\"next_cursor\":{next},\"prev_cursor\":{prev},\"result_count\":{}",
        items.len()
    ));
    if is_partial && query.format == Format::Unified {
        body.push_str(",\"is_partial_response\":true");
    }
    body.push('}');
    Ok(HttpResponse::Ok().insert_header(ContentType::json()).body(body))
}

fn listed(items: &[Item], query: &Query, body: &mut String) {
    body.push('[');
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            body.push(',');
        }
        write(item, query, body);
    }
    body.push(']');
}

/// The objects by a field of theirs, the last of those that have it alike. One without it is left out.
fn keyed(items: &[Item], field: &str, query: &Query, body: &mut String) {
    let mut all = Map::new();
    for item in items {
        let unified: Value = serde_json::from_str(&item.unified).unwrap_or_default();
        let key = match &unified[field] {
            Value::String(text) => text.clone(),
            Value::Null => continue,
            other => other.to_string(),
        };
        let mut written = String::new();
        write(item, query, &mut written);
        all.insert(key, serde_json::from_str(&written).unwrap_or_default());
    }
    body.push_str(&Value::Object(all).to_string());
}

/// One object in the format asked for.
fn write(item: &Item, query: &Query, out: &mut String) {
    match (query.format, &item.remote) {
        (Format::Raw, Some(remote)) => out.push_str(remote.get()),
        _ if query.exclude.is_empty() => item.write(query.with_remote, out),
        _ => {
            let mut whole = String::new();
            item.write(query.with_remote, &mut whole);
            let mut fields: Map<String, Value> = serde_json::from_str(&whole).unwrap_or_default();
            fields.retain(|name, _| !query.exclude.contains(name));
            out.push_str(&Value::Object(fields).to_string());
        }
    }
}

/// What is no list.
pub(super) fn reply(reply: Reply, query: &Query) -> Result<HttpResponse, Problem> {
    match reply {
        Reply::Item(item) => {
            let mut body = String::new();
            write(&item, query, &mut body);
            Ok(HttpResponse::Ok().insert_header(ContentType::json()).body(body))
        }
        Reply::Deleted(id) => Ok(HttpResponse::Ok().json(json!({ "id": id }))),
        Reply::Result(result) => Ok(HttpResponse::Ok().json(json!({ "result": result }))),
        Reply::File(passed) => Ok(file(passed)),
    }
}

/// A file as DocuSign sends it: its kind, its name and its bytes.
fn file(passed: Passed) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    let mut length = None;
    for (name, value) in passed.headers {
        let Ok(value) = HeaderValue::from_maybe_shared(value) else { continue };
        match HeaderName::from_bytes(name.as_bytes()) {
            Ok(CONTENT_LENGTH) => length = value.to_str().ok().and_then(|text| text.parse().ok()),
            Ok(name @ (CONTENT_TYPE | CONTENT_DISPOSITION)) => {
                answer.insert_header((name, value));
            }
            _ => {}
        }
    }
    match length {
        Some(length) => answer.body(SizedStream::new(length, passed.body)),
        None => answer.body(BodyStream::new(passed.body)),
    }
}

/// The answer with the normalised headers that tell how many calls to DocuSign are left.
pub(super) fn with_rate(
    answer: Result<HttpResponse, Problem>,
    standing: Standing,
    now: Timestamp,
) -> Result<HttpResponse, Problem> {
    let until = match &answer {
        Err(Problem::Unified(unified)) => unified.until(),
        _ => None,
    };
    let left =
        |until: Timestamp| until.duration_since(now).as_millis().max(0).div_euclid(1_000).unsigned_abs() + 1;
    let mut answer = answer.unwrap_or_else(|problem| problem.error_response());
    if let Some(until) = until {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(u64::try_from(left(until)).unwrap_or(1)));
    }
    let seconds = until.or(standing.reset_at).map(|reset| u64::try_from(left(reset)).unwrap_or(1));
    let told = [
        ("ratelimit-limit", standing.limit.map(u64::from)),
        ("ratelimit-remaining", standing.remaining.map(u64::from)),
        ("ratelimit-reset", seconds),
    ];
    for (name, number) in told {
        if let Some(number) = number {
            answer.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(number));
        }
    }
    Ok(answer)
}
