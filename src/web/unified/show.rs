//! Answers of the unified APIs: lists, objects and files, in the format asked for.

use actix_web::body::{BodyStream, SizedStream};
use actix_web::http::header::{
    CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ContentType, HeaderName, HeaderValue, RETRY_AFTER,
};
use actix_web::{HttpResponse, ResponseError as _};
use jiff::Timestamp;
use serde_json::json;

use crate::base::{AccountId, limits};
use crate::rest::{Passed, Standing};
use crate::unify::{Method, Page, Reply, Resource};

use super::form;
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
    form::check(&items, query)?;
    let cursor = |place| unifier.cursor(resource, account, asked, &place);
    let mut body = String::with_capacity(items.iter().map(|item| item.unified.len() + 256).sum());
    body.push_str("{\"result\":");
    match &query.key_by {
        Some(field) => form::keyed(&items, field, query, &mut body)?,
        None => form::listed(&items, query, &mut body),
    }
    let (next, prev) = (json!(next.map(cursor)), json!(prev.map(cursor)));
    body.push_str(&format!(
        ",\"next_cursor\":{next},\"prev_cursor\":{prev},\"result_count\":{}",
        items.len()
    ));
    if is_partial && query.format != Format::Raw {
        body.push_str(",\"is_partial_response\":true");
    }
    body.push('}');
    Ok(HttpResponse::Ok().insert_header(ContentType::json()).body(body))
}

/// What is no list.
pub(super) fn reply(reply: Reply, query: &Query) -> Result<HttpResponse, Problem> {
    match reply {
        Reply::Item(item) => {
            let mut body = String::new();
            form::write(&item, query, &mut body);
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
