//! What every call passes: it is counted, meets the faults in force, needs a live token and a call left in its
//! account's budget; and every answer carries DocuSign's headers.

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody, SizedStream, to_bytes};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use uuid::Uuid;

use super::budget::{Exceeded, Left};
use super::errors::ApiError;
use super::estates::Asking;
use super::faults::FaultKind;
use super::grants::TokenKind;
use super::{REST, Shared, Socket, lock};

/// How long the server has to write the first half of an answer that is cut short.
const FLUSH: Duration = Duration::from_millis(20);

/// The middleware.
pub(super) async fn gate(
    shared: web::Data<Shared>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if request.path().starts_with("/simulator/") {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    }
    let call = name(&request);
    lock(&shared.calls).count(&call);
    let account = account(&shared, request.path());
    let faults = lock(&shared.faults).draw(&call, &shared.dice);
    let (delays, faults): (Vec<_>, Vec<_>) =
        faults.into_iter().partition(|fault| matches!(fault, FaultKind::Slow { .. }));
    for delay in delays {
        if let FaultKind::Slow { ms } = delay {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }
    let left = account.and_then(|account| spend(&shared, account));
    let fault = faults.into_iter().next();
    let refused = match &fault {
        Some(fault) => answer_of(&shared, fault, request.request()),
        None => None,
    };
    let refused = refused.or_else(|| refusal(&shared, &request, account, left));
    let response = match refused {
        Some(answer) => request.into_response(answer).map_into_boxed_body(),
        None => next.call(request).await?.map_into_boxed_body(),
    };
    let mut response = if fault == Some(FaultKind::Truncate) { truncated(response).await } else { response };
    headers(&shared, left, response.headers_mut());
    Ok(response)
}

/// The call's name: its method and the pattern of its route, without what all of REST begins with.
fn name(request: &ServiceRequest) -> String {
    let pattern = request.match_pattern().unwrap_or_else(|| "(unknown)".to_owned());
    let short = pattern.strip_prefix(REST).filter(|short| !short.is_empty()).unwrap_or(&pattern);
    format!("{} {short}", request.method())
}

/// The account in a REST path.
fn account(shared: &Shared, path: &str) -> Option<Uuid> {
    let named = path.strip_prefix("/restapi/v2.1/accounts/")?.split('/').next()?;
    lock(&shared.world).account_id(named)
}

fn spend(shared: &Shared, account: Uuid) -> Option<Left> {
    let limits = lock(&shared.controls).limits;
    lock(&shared.world).spend(account, shared.clock.now(), limits)
}

/// Why a call is turned away: no token, a dead one, one of somebody who is no member of the account, or no call left.
fn refusal(
    shared: &Shared,
    request: &ServiceRequest,
    account: Option<Uuid>,
    left: Option<Left>,
) -> Option<HttpResponse> {
    if !request.path().starts_with("/restapi/") {
        return None;
    }
    let token = bearer(request.headers());
    let Some(token) = token else { return Some(ApiError::no_token().answer()) };
    let terms = lock(&shared.tokens).alive(TokenKind::Access, token, shared.clock.now());
    let Some(terms) = terms else { return Some(ApiError::dead_token().answer()) };
    request.extensions_mut().insert(Asking(terms.user));
    if account.is_some_and(|account| !shared.is_member(terms.user, account)) {
        return Some(ApiError::no_such_account().answer());
    }
    left.and_then(|left| left.exceeded).map(|exceeded| throttled(shared, exceeded))
}

/// The access token of a call.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn throttled(shared: &Shared, exceeded: Exceeded) -> HttpResponse {
    let limits = lock(&shared.controls).limits;
    let status = if limits.answered_400 { StatusCode::BAD_REQUEST } else { StatusCode::TOO_MANY_REQUESTS };
    ApiError::new(status, exceeded.code(), exceeded.message(limits)).answer()
}

/// The answer that a fault puts in the place of the right one.
fn answer_of(shared: &Shared, fault: &FaultKind, request: &HttpRequest) -> Option<HttpResponse> {
    match fault {
        FaultKind::Slow { .. } | FaultKind::Truncate => None,
        FaultKind::Throttle => Some(throttled(shared, Exceeded::Hourly)),
        FaultKind::ThrottleBurst => Some(throttled(shared, Exceeded::Burst)),
        FaultKind::Unauthorized => Some(ApiError::dead_token().answer()),
        FaultKind::Status { status, retry_after } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let error = ApiError::new(status, "UNSPECIFIED_ERROR", "An unexpected error has occurred.");
            let mut answer = error.answer();
            if let Some(seconds) = retry_after {
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*seconds));
            }
            Some(answer)
        }
        FaultKind::Reset => {
            if let Some(socket) = request.conn_data::<Socket>() {
                socket.end();
            }
            Some(HttpResponse::ServiceUnavailable().finish())
        }
    }
}

/// Half of a body under a length that promises all of it; then the connection ends.
async fn truncated(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let (request, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let whole = to_bytes(body).await.unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    let body = stream::iter([Ok::<Bytes, std::io::Error>(half)]).chain(stream::once(async {
        // The server writes what it has only while it waits for more.
        tokio::time::sleep(FLUSH).await;
        Err(std::io::Error::other("truncated on demand"))
    }));
    let body = Box::pin(body);
    // One byte more than there is, so that even an empty body is cut short.
    let body = SizedStream::new(whole.len() as u64 + 1, body);
    ServiceResponse::new(request, head.set_body(BoxBody::new(body)))
}

fn headers(shared: &Shared, left: Option<Left>, headers: &mut HeaderMap) {
    let mut put = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("x-docusign-tracetoken", shared.dice.uuid().to_string());
    put("x-docusign-node", "SIMULATOR1".to_owned());
    if let Some(left) = left {
        let limits = lock(&shared.controls).limits;
        put("x-ratelimit-limit", limits.hourly.to_string());
        put("x-ratelimit-remaining", left.hourly.to_string());
        put("x-ratelimit-reset", left.reset.to_string());
        put("x-burstlimit-limit", limits.burst.to_string());
        put("x-burstlimit-remaining", left.burst.to_string());
    }
}
