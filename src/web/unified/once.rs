//! `Idempotency-Key`: a request that is sent again with its key is not carried out again, and has the answer that it had.
//!
//! What was begun goes on though its caller leaves: the answer is kept for when they ask again. An answer that says
//! nothing of the request itself (429, 5xx, and 401 of credentials) is not kept. Where a process ends midway the key can be
//! claimed again after a while; signing requests are made under an id derived from the key, so that DocuSign makes one.

use std::future::Future;

use actix_web::body::MessageBody as _;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Meant;
use super::query::Query;
use crate::base::digest::digest_of;
use crate::base::{AccountId, limits};
use crate::store::{KeptAnswer, Keyed, Turn};
use crate::web::caller::Caller;
use crate::web::problem::key::Key;
use crate::web::problem::remote::Remote;
use crate::web::problem::unified::Unified;
use crate::web::{Api, Problem};

/// The header that names a request.
const KEY: &str = "idempotency-key";
/// The header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The key that a request was sent with, as it is stored; none where it has none, or changes nothing.
pub(super) fn key(
    request: &HttpRequest,
    meant: &Meant,
    caller: &Caller,
    account: &AccountId,
    (query, api): (&Query, &Api),
) -> Result<Option<Keyed>, Problem> {
    let mut told = request.headers().get_all(KEY);
    let Some(key) = told.next().filter(|_| !meant.method.act.only_reads()) else { return Ok(None) };
    let bad = || Problem::from(Unified::Key(Key::Bad));
    let key = key.to_str().map_err(|_| bad())?.trim();
    let is_one = key.bytes().all(|byte| byte.is_ascii_graphic());
    if told.next().is_some() || key.is_empty() || key.len() > limits::IDEMPOTENCY_KEY_BYTES_MAX || !is_one {
        return Err(bad());
    }
    let who = match caller.token() {
        Some(token) => token.id.to_string(),
        None if caller.is_machine() => "machine".to_owned(),
        None => "configured".to_owned(),
    };
    let id = digest(&[&who, account.as_str(), request.path(), key]);
    // A file is not read yet: it is known by its kind and its length.
    let header =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let file =
        if query.asked.json.is_null() { [header("content-type"), header("content-length")] } else { [""; 2] };
    let json = query.asked.json.to_string();
    let digest = digest(&[request.method().as_str(), request.query_string(), &json, file[0], file[1]]);
    let at = api.clock.now();
    let until = at.checked_add(limits::IDEMPOTENCY_CLAIM).unwrap_or(at);
    Ok(Some(Keyed { id, digest, claim: api.dice.uuid(), at, until }))
}

fn digest(parts: &[&str]) -> [u8; 32] {
    digest_of(parts.iter().map(|part| part.as_bytes()))
}

/// What the flow knows a key by: another request, or another caller's, has another one.
pub(super) fn name(keyed: &Keyed) -> String {
    URL_SAFE_NO_PAD.encode([keyed.id, keyed.digest].concat())
}

/// Carries out a request with a key, unless it was before.
pub(super) async fn once(
    api: Data<Api>,
    keyed: Keyed,
    work: impl Future<Output = Result<HttpResponse, Problem>> + 'static,
) -> Result<HttpResponse, Problem> {
    let refused = |key| Err(Unified::Key(key).into());
    match api.store.begin_keyed(keyed.clone()).await? {
        Turn::Yours => {}
        Turn::Kept(answer) => return again(answer),
        Turn::Other => return refused(Key::Other),
        Turn::UnderWay(until) => {
            let left = until.duration_since(keyed.at).as_secs();
            return refused(Key::UnderWay(u64::try_from(left).unwrap_or(1)));
        }
    }
    let carried = actix_web::rt::spawn(async move {
        let answer = tokio::time::timeout(limits::IDEMPOTENCY_WORK_TIMEOUT, work).await;
        keep(&api, keyed, answer.unwrap_or_else(|_| Err(Remote::Slow.into()))).await
    });
    carried.await.unwrap_or_else(|_| Err(Problem::Internal("a request with a key did not end".into())))
}

/// An answer that was given before.
fn again(kept: KeptAnswer) -> Result<HttpResponse, Problem> {
    let Some(body) = kept.body else { return Err(Unified::Key(Key::AnswerGone).into()) };
    let status = StatusCode::from_u16(kept.status)
        .map_err(|_| Problem::Internal("a kept answer has no status".into()))?;
    let mut answer = HttpResponse::build(status);
    for (name, value) in kept.headers {
        answer.insert_header((name, value));
    }
    Ok(answer.insert_header((REPLAYED, HeaderValue::from_static("true"))).body(body))
}

/// Whether an answer tells of the request itself, and so would be the same again.
fn is_kept(status: StatusCode) -> bool {
    !status.is_server_error() && !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED)
}

/// Keeps an answer, or lets the key go; and hands the answer on.
async fn keep(
    api: &Api,
    keyed: Keyed,
    answer: Result<HttpResponse, Problem>,
) -> Result<HttpResponse, Problem> {
    let status = answer.as_ref().map_or_else(Problem::status, HttpResponse::status);
    if !is_kept(status) {
        if let Err(error) = api.store.let_go_keyed(keyed).await {
            tracing::warn!(%error, "a key could not be let go: its claim ends by itself");
        }
        return answer;
    }
    let answer = answer.unwrap_or_else(|problem| problem.error_response());
    let headers = [CONTENT_TYPE, LOCATION].into_iter().filter_map(|name| {
        let value = answer.headers().get(&name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let headers = headers.collect();
    let (head, body) = answer.into_parts();
    let (body, answer) = match body.try_into_bytes() {
        Ok(bytes) => (Some(bytes.clone()), head.set_body(bytes).map_into_boxed_body()),
        // A file on its way: it is not read twice.
        Err(body) => (None, head.set_body(body)),
    };
    let body = body.filter(|body: &Bytes| body.len() <= limits::IDEMPOTENCY_ANSWER_BYTES_MAX);
    let kept = KeptAnswer { status: status.as_u16(), headers, body: body.map(|body| body.to_vec()) };
    if let Err(error) = api.store.keep_answer(keyed, kept).await {
        tracing::warn!(%error, "an answer could not be kept: its key can be claimed again after a while");
    }
    Ok(answer)
}
