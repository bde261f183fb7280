//! What every answer carries: a request id (also in every log line of the request), and a few careful headers.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::web::Data;
use tracing::Instrument as _;

use crate::base::limits;

use super::{Api, Pulse};

/// The header of the request id, in requests and answers.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every answer carries, whatever it is.
static ALWAYS: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // No other site's page may load an answer, not even without seeing it.
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];
/// What it carries unless it says otherwise.
static UNLESS_TOLD: [(HeaderName, HeaderValue); 2] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    // What is no page of ours runs and loads nothing, should a browser show it all the same.
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
];

/// Stamps answers. Wrap the whole application in `actix_web::middleware::from_fn(web::stamp)`.
///
/// # Errors
/// Only those of the service within; they are answers by then.
pub async fn stamp(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    if let Some(pulse) = request.conn_data::<Pulse>() {
        pulse.asked();
    }
    let id = request_id(&request);
    let span = tracing::info_span!(
        "request",
        request_id = id.to_str().unwrap_or_default(),
        method = request.method().as_str(),
        path = beginning(request.path()),
        // The id of the stored token that let it in, once that is known.
        token = tracing::field::Empty,
    );
    let stamped = async {
        let mut answer = next.call(request).await?;
        tracing::debug!(status = answer.status().as_u16(), "answered");
        let headers = answer.headers_mut();
        headers.insert(REQUEST_ID, id);
        for (name, value) in &ALWAYS {
            headers.insert(name.clone(), value.clone());
        }
        for (name, value) in &UNLESS_TOLD {
            if !headers.contains_key(name) {
                headers.insert(name.clone(), value.clone());
            }
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
    let made = request.app_data::<Data<Api>>().map(|api| api.dice.uuid_at(api.clock.now()));
    made.and_then(|id| HeaderValue::from_str(id.hyphenated().encode_lower(&mut [0; 36])).ok())
        .unwrap_or_else(|| HeaderValue::from_static("unknown"))
}

/// As much of a path as is logged.
fn beginning(path: &str) -> &str {
    &path[..path.floor_char_boundary(limits::PATH_BYTES_LOGGED)]
}
