//! What every answer carries: a request id (also in every log line of the request), and a few careful headers.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::web::Data;
use tracing::Instrument as _;

use crate::base::limits;

use super::Api;

/// The header of the request id, in requests and answers.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Stamps answers. Wrap the whole application in `actix_web::middleware::from_fn(web::stamp)`.
///
/// # Errors
/// Only those of the service within; they are answers by then.
pub async fn stamp(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let id = request_id(&request);
    let span = tracing::info_span!(
        "request",
        request_id = id.to_str().unwrap_or_default(),
        method = %request.method(),
        path = request.path(),
    );
    let stamped = async {
        let mut answer = next.call(request).await?;
        tracing::debug!(status = answer.status().as_u16(), "answered");
        let headers = answer.headers_mut();
        headers.insert(REQUEST_ID, id);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        Ok(answer)
    };
    stamped.instrument(span).await
}

/// The caller's own id where it is short and plain, so that it can be followed through several services; else ours.
fn request_id(request: &ServiceRequest) -> HeaderValue {
    let plain = |id: &&HeaderValue| {
        let bytes = id.as_bytes();
        !bytes.is_empty()
            && bytes.len() <= limits::REQUEST_ID_BYTES_MAX
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(b))
    };
    if let Some(given) = request.headers().get(REQUEST_ID).filter(plain) {
        return given.clone();
    }
    let made = request.app_data::<Data<Api>>().map(|api| api.dice.uuid_at(api.clock.now()).to_string());
    made.and_then(|id| HeaderValue::from_str(&id).ok()).unwrap_or_else(|| HeaderValue::from_static("unknown"))
}
