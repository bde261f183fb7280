//! `ANY /proxy/{path}`: DocuSign's own API for our accounts, as it is, with our token in the place of the caller's.

use actix_web::body::{BodyStream, SizedStream};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, BytesMut, Data, Payload};
use actix_web::{HttpRequest, HttpResponse, Resource};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::base::limits;
use crate::rest::{Body, Incoming, Passed, Target, Unforwarded};

use super::caller::{Caller, Scope};
use super::problem::remote::Remote;
use super::{Api, Problem};

/// The path as the reference tells it.
pub(super) const PATH: &str = "/proxy/{path}";
/// What all its paths begin with.
const BEFORE: &str = "/proxy/";
/// Methods that are passed on.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

/// The path, whatever follows it.
pub(super) fn resource() -> Resource {
    web::resource("/proxy/{path:.*}").default_service(web::to(forward))
}

/// Calls DocuSign's own API
///
/// `/proxy/restapi/v2.1/accounts/{account}/…` reaches the same path of the account's own API, with our token in the
/// place of the caller's: method, body, status, headers and bytes are otherwise as they are. So DocuSign's own SDKs
/// work with their base path set to `…/proxy/restapi` and our API token as their access token. Instead of the account's
/// path, `/proxy/…?integrated_account_id=` names the account. What DocuSign refuses, it refuses in its own words;
/// errors of ours have our shape. GET and HEAD need the scope `read`, all else `write`.
#[utoipa::path(
    get, path = PATH, tag = "docusign", operation_id = "getDocuSign",
    params(
        ("path" = String, Path, description = "`restapi/v2.1/accounts/{account}` and what lies below; or, with `integrated_account_id`, what lies below alone"),
        ("integrated_account_id" = Option<String>, Query, description = "The account; where the path names one too, it must be the same. Not passed on, unlike all other parameters"),
    ),
    responses(
        (status = "2XX", description = "As DocuSign answers: JSON, or the bytes of a file", content(
            (Value = "application/json"), (Vec<u8> = "*/*"),
        )),
        (status = "4XX", description = "As DocuSign answers; or, as a problem: not let in, no such account, a path that leads elsewhere, no call left", content(
            (Value = "application/json"), (Vec<u8> = "*/*"),
        )),
        (status = "5XX", description = "As DocuSign answers; or, as a problem: it did not answer, or too many calls are under way", content(
            (Value = "application/json"), (Vec<u8> = "*/*"),
        )),
    ),
)]
pub(super) async fn forward(
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require(match *request.method() {
        Method::GET | Method::HEAD => Scope::Read,
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE => Scope::Write,
        _ => return Err(Problem::MethodUnknown(METHODS)),
    })?;
    // As it came: what actix gives as the path's rest is decoded already.
    let path = request.uri().path().strip_prefix(BEFORE).ok_or(Problem::PathUnknown)?;
    let mut target = Target::read(path, request.uri().query()).map_err(Remote::Path)?;
    if caller.accounts().is_some() {
        // Another one than the caller may use is refused alike, whether or not there is one.
        let account = api.forwarder.account(&target).await.map_err(|why| remote(why, api.clock.now()))?;
        caller.require_account(&account)?;
        // And it is this one that is called, whatever the name that it was told by has come to mean.
        target.account = Some(account);
    }
    let headers = request.headers().iter();
    let headers = headers
        .map(|(name, value)| (name.as_str().to_owned(), Bytes::copy_from_slice(value.as_bytes())))
        .collect();
    let too_large = CancellationToken::new();
    let body = body(&request, payload, too_large.clone()).await?;
    let call = Incoming { method: request.method().as_str().to_owned(), target, headers, body };
    match api.forwarder.forward(call).await {
        Ok(passed) => answer(passed, request.method()),
        Err(_) if too_large.is_cancelled() => Err(Remote::BodyTooLarge.into()),
        Err(why) => Err(remote(why, api.clock.now()).into()),
    }
}

fn remote(why: Unforwarded, now: Timestamp) -> Remote {
    match why {
        Unforwarded::Astray(astray) => Remote::Path(astray),
        Unforwarded::Unknown => Remote::AccountUnknown,
        Unforwarded::Closed(why) => Remote::AccountClosed(why.to_string()),
        Unforwarded::OtherAccount => Remote::OtherAccount,
        Unforwarded::Throttled { until, left } => {
            let seconds = until.duration_since(now).as_millis().max(0).div_euclid(1_000) + 1;
            Remote::Throttled { seconds: u64::try_from(seconds).unwrap_or(1), left }
        }
        Unforwarded::Busy => Remote::Busy,
        Unforwarded::Slow => Remote::Slow,
        Unforwarded::Broken(why) => Remote::Broken(why),
    }
}

impl From<Remote> for Problem {
    fn from(remote: Remote) -> Self {
        Self::Remote(remote)
    }
}

/// The request's body: whole where it is small, else as it arrives. One that turns out to be too large ends with an
/// error, and `too_large` tells.
pub(super) async fn body(
    request: &HttpRequest,
    mut payload: Payload,
    too_large: CancellationToken,
) -> Result<Body, Remote> {
    let told = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let length = told.or((!chunked).then_some(0_u64));
    if length.is_some_and(|length| length > limits::FORWARD_BYTES_MAX) {
        return Err(Remote::BodyTooLarge);
    }
    if length.is_some_and(|length| length <= limits::FORWARD_WHOLE_BYTES_MAX) {
        let mut whole = BytesMut::new();
        // Never more than was told: actix counts.
        while let Some(piece) = payload.next().await {
            whole.extend_from_slice(&piece.map_err(|_| Remote::BodyBroken)?);
        }
        return Ok(Body::Whole(whole.freeze()));
    }
    let (sender, receiver) = mpsc::channel(limits::FORWARD_PIECES_WAITING);
    actix_web::rt::spawn(pump(payload, sender, too_large));
    let pieces = stream::unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Ok(None)) => None,
            Some(Ok(Some(piece))) => Some((Ok(piece), Some(receiver))),
            Some(Err(error)) => Some((Err(error), None)),
            // Whoever reads it has stopped: not to be taken for its end.
            None => Some((Err(std::io::ErrorKind::UnexpectedEof.into()), None)),
        }
    });
    Ok(Body::Streamed(pieces.boxed()))
}

/// Takes a body from its connection, which stays on its own thread, to the call that it is for, as fast as that goes;
/// then says that this was all.
async fn pump(
    mut payload: Payload,
    sender: mpsc::Sender<std::io::Result<Option<Bytes>>>,
    too_large: CancellationToken,
) {
    let mut size = 0;
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|error: PayloadError| std::io::Error::other(error.to_string()));
        size += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        let piece = if size > limits::FORWARD_BYTES_MAX {
            too_large.cancel();
            Err(std::io::Error::other("the body is too large"))
        } else {
            piece
        };
        let last = piece.is_err();
        // The call has ended, or the body cannot go on.
        if sender.send(piece.map(Some)).await.is_err() || last {
            return;
        }
    }
    // Where nobody listens any more, nobody needs to know.
    let _ = sender.send(Ok(None)).await;
}

fn answer(passed: Passed, method: &Method) -> Result<HttpResponse, Problem> {
    let strange = |what: &str| Remote::Broken(format!("its {what} cannot be passed on"));
    let status = StatusCode::from_u16(passed.status).map_err(|_| strange("status"))?;
    let mut answer = HttpResponse::build(status);
    let mut length = None;
    for (name, value) in passed.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| strange("headers"))?;
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| strange("headers"))?;
        if name == CONTENT_LENGTH {
            length = value.to_str().ok().and_then(|text| text.parse::<u64>().ok());
        } else {
            answer.append_header((name, value));
        }
    }
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    Ok(match length {
        _ if bodiless => answer.finish(),
        // A stream keeps the length that the header tells, which a body of none would not.
        Some(length) if *method == Method::HEAD => {
            answer.no_chunking(length).body(BodyStream::new(passed.body))
        }
        None if *method == Method::HEAD => answer.finish(),
        Some(length) => answer.body(SizedStream::new(length, passed.body)),
        None => answer.body(BodyStream::new(passed.body)),
    })
}
