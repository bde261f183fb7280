//! Calls that are passed on to an account's own API as they came, with our token in the place of the caller's.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response};
use secrecy::ExposeSecret as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::{RateLimit, refusal, trace_token};
use super::http::plain_http_client;
use super::keyring::Access;
use super::{Astray, Client, Error, NOT_GRANTED, Purpose, Target};
use crate::base::{AccountId, limits};
use crate::docusign::is_id;
use crate::telemetry::Metric;

/// Passes calls on for the accounts of a client, within the same budgets; cheap to clone.
#[derive(Clone)]
pub struct Forwarder {
    client: Client,
    http: reqwest::Client,
    turns: Arc<Semaphore>,
    waits: Waits,
}

/// How long is waited for DocuSign.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// For the head of an answer.
    pub head: Duration,
    /// For each further piece of it.
    pub quiet: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self { head: limits::FORWARD_HEAD_TIMEOUT, quiet: limits::FORWARD_QUIET }
    }
}

impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Forwarder")
    }
}

/// A body on its way.
pub type Pieces = BoxStream<'static, io::Result<Bytes>>;

/// The body of a call.
pub enum Body {
    /// All of it, so that the call can be made again.
    Whole(Bytes),
    /// As it arrives. It ends with an error where it does not arrive whole.
    Streamed(Pieces),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Whole(_)) { "Whole" } else { "Streamed" })
    }
}

/// A call to be passed on.
#[derive(Debug)]
pub struct Incoming {
    /// Its method.
    pub method: String,
    /// Whose account it is about, and where it goes.
    pub target: Target,
    /// Its headers as they came.
    pub headers: Vec<(String, Bytes)>,
    /// Its body.
    pub body: Body,
}

/// DocuSign's answer.
pub struct Passed {
    /// Its status.
    pub status: u16,
    /// Its headers, but for those that are meant for us.
    pub headers: Vec<(String, Bytes)>,
    /// Its body.
    pub body: Pieces,
}

impl Passed {
    /// The answer where it is a success. Else what it means, as of any other call; its body is read for that.
    ///
    /// # Errors
    /// What DocuSign refuses.
    pub async fn success(mut self, now: Timestamp) -> Result<Self, Error> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let mut body = Vec::new();
        // A refusal whose body is lost or too long is judged by its status.
        while let Some(piece) = self.body.next().await {
            match piece {
                Ok(piece) if body.len() + piece.len() <= limits::REST_SHORT_ANSWER_BYTES_MAX => {
                    body.extend_from_slice(&piece);
                }
                _ => {
                    body.clear();
                    break;
                }
            }
        }
        Err(refusal(self.status, &headers(self.headers), &body, now).error)
    }
}

impl fmt::Debug for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passed").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Why a call has no answer of DocuSign's.
#[derive(Debug, Clone)]
pub enum Unforwarded {
    /// Its address leads nowhere that we pass calls on to.
    Astray(Astray),
    /// We have no such account.
    Unknown,
    /// The account is ours, and its user has to let us in again.
    Closed(Error),
    /// The path names another account than the parameter.
    OtherAccount,
    /// The account, or the envelope, has no call left.
    Throttled {
        /// When it has one again.
        until: Timestamp,
        /// Calls by the hour and calls left, where DocuSign told them.
        left: Option<(u32, u32)>,
    },
    /// Too many calls are being passed on.
    Busy,
    /// DocuSign did not answer in time.
    Slow,
    /// No answer came; the reason is for the log.
    Broken(String),
}

impl Unforwarded {
    /// Its stable word in metrics.
    fn word(&self) -> &'static str {
        match self {
            Self::Astray(_) => "astray",
            Self::Unknown | Self::OtherAccount => "unknown",
            Self::Closed(_) => "closed",
            Self::Throttled { .. } => "throttled",
            Self::Busy => "busy",
            Self::Slow => "slow",
            Self::Broken(_) => "broken",
        }
    }
}

/// Headers that are of one connection and no other (RFC 9110, 7.6.1), beside those that `Connection` names.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// What a call carries for us: who its caller is and by which way it came. DocuSign is told none of it, nor anything
/// that would make another call of it than the one that was let in.
const FOR_US: [&str; 12] = [
    "authorization",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "via",
    "x-docusign-authentication",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-real-ip",
    "x-request-id",
];
/// What an answer tells of DocuSign's own host: here it would speak of ours.
const OF_ITS_HOST: [&str; 7] = [
    "alt-svc",
    "clear-site-data",
    "content-security-policy",
    "content-security-policy-report-only",
    "set-cookie",
    "strict-transport-security",
    "x-request-id",
];

impl Forwarder {
    /// Passes calls on for the accounts of `client`.
    ///
    /// # Errors
    /// When the user agent cannot be sent.
    pub fn new(client: Client, user_agent: &str) -> Result<Self, Error> {
        Self::waiting(client, user_agent, Waits::default())
    }

    /// The same with other waits.
    ///
    /// # Errors
    /// As [`Forwarder::new`].
    pub fn waiting(client: Client, user_agent: &str, waits: Waits) -> Result<Self, Error> {
        let http = plain_http_client(user_agent, limits::FORWARD_TIMEOUT)?;
        Ok(Self { client, http, turns: Arc::new(Semaphore::new(limits::FORWARDS_MAX)), waits })
    }

    /// Whether the account can be called now.
    ///
    /// # Errors
    /// [`Unforwarded`] where it cannot.
    pub async fn knows(&self, account: &AccountId) -> Result<(), Unforwarded> {
        if !is_id(account.as_str()) {
            return Err(Unforwarded::Unknown);
        }
        let access = self.client.0.keyring.access(account).await;
        access.map(drop).map_err(|error| self.no_way_in(error, account))
    }

    /// Passes a call on. Where it is dropped before it ends, so is the call.
    ///
    /// # Errors
    /// [`Unforwarded`] where DocuSign's answer cannot be had. What DocuSign refuses is an answer as well.
    pub async fn forward(&self, call: Incoming) -> Result<Passed, Unforwarded> {
        let began = Instant::now();
        let passed = self.pass(call).await;
        let metrics = &self.client.0.metrics;
        metrics.time(Metric::ForwardTime, began.elapsed().as_secs_f64());
        let result = match &passed {
            Ok(passed) => class(passed.status),
            Err(why) => why.word(),
        };
        metrics.count(Metric::Forwards, result, 1);
        passed
    }

    async fn pass(&self, call: Incoming) -> Result<Passed, Unforwarded> {
        let inner = &*self.client.0;
        let turn = Arc::clone(&self.turns).try_acquire_owned().map_err(|_| Unforwarded::Busy)?;
        let account = self.account(&call.target).await?;
        let access = inner.keyring.access(&account).await.map_err(|error| self.no_way_in(error, &account))?;
        let asked =
            inner.budget.ask(&account, call.target.envelope(), Purpose::Interactive, inner.clock.now());
        let leave = asked.map_err(|error| self.no_way_in(error, &account))?;
        let head = tokio::time::timeout(self.waits.head, self.answered(call, &account, access));
        let (response, buffered) = head.await.map_err(|_| Unforwarded::Slow)??;
        // Its head told how many calls are left, this one counted.
        drop(leave);
        Ok(self.passed(response, buffered, turn))
    }

    /// The account that a call is about, by DocuSign's id. Whether we have it shows when it is called.
    ///
    /// # Errors
    /// [`Unforwarded`] where what names it can be no account, or path and parameter name two.
    pub async fn account(&self, target: &Target) -> Result<AccountId, Unforwarded> {
        let Some(id) = &target.named else { return target.account.clone().ok_or(Unforwarded::Unknown) };
        if !is_id(id) {
            return Err(Unforwarded::Unknown);
        }
        let named = self.client.0.keyring.named(id).await;
        let named = named.map_err(|error| Unforwarded::Broken(error.to_string()))?;
        let named = named.ok_or(Unforwarded::Unknown)?;
        match &target.account {
            Some(account) if *account != named => Err(Unforwarded::OtherAccount),
            _ => Ok(named),
        }
    }

    /// Why an account cannot be called.
    fn no_way_in(&self, error: Error, account: &AccountId) -> Unforwarded {
        match error {
            Error::Unauthorized(refused) if refused.code == NOT_GRANTED => Unforwarded::Unknown,
            Error::NotFound(_) => Unforwarded::Unknown,
            Error::Throttled { until, .. } => self.throttled(until, account),
            Error::Unauthorized(_)
            | Error::ConsentRequired { .. }
            | Error::Forbidden(_)
            | Error::Refused(_)
            | Error::Settings(_) => Unforwarded::Closed(error),
            Error::Upstream(_) | Error::Connection(_) | Error::Malformed(_) | Error::TooLarge { .. } => {
                Unforwarded::Broken(error.to_string())
            }
        }
    }

    fn throttled(&self, until: Timestamp, account: &AccountId) -> Unforwarded {
        let standing = self.client.standing(account).unwrap_or_default();
        Unforwarded::Throttled { until, left: standing.limit.zip(standing.remaining) }
    }

    /// DocuSign's answer, and as much of its body as was read already: with a fresh token once more where ours is
    /// refused and the body is still at hand.
    async fn answered(
        &self,
        call: Incoming,
        account: &AccountId,
        access: Access,
    ) -> Result<(Response, Vec<io::Result<Bytes>>), Unforwarded> {
        let inner = &*self.client.0;
        let Incoming { method, target, headers, body } = call;
        let method = Method::from_bytes(method.as_bytes());
        let method = method.map_err(|_| Unforwarded::Astray(Astray::Elsewhere))?;
        let whole = if let Body::Whole(bytes) = &body { Some(bytes.clone()) } else { None };
        let headers = onward(headers, whole.is_some());
        let send = async |access: &Access, body: reqwest::Body| {
            let url = target.url(access).map_err(Unforwarded::Astray)?;
            let token = access.token.secret.expose_secret();
            let request = self.http.request(method.clone(), url).headers(headers.clone());
            let sent = request.bearer_auth(token).body(body).send().await;
            sent.map_err(|error| Unforwarded::Broken(Error::from(error).to_string()))
        };
        let body = match body {
            Body::Whole(bytes) => bytes.into(),
            Body::Streamed(pieces) => reqwest::Body::wrap_stream(pieces),
        };
        let mut response = send(&access, body).await?;
        if response.status().as_u16() == 401
            && inner.keyring.refused(&access).await
            && let Some(bytes) = whole
            && let Ok(access) = inner.keyring.access(account).await
        {
            inner.told(account, target.envelope(), RateLimit::read(response.headers()), None);
            response = send(&access, bytes.into()).await?;
        }
        let buffered = self.take_in(&mut response, account, target.envelope()).await;
        Ok((response, buffered))
    }

    /// Takes in what an answer tells about the account's calls. What it reads of the body for that is given back.
    async fn take_in(
        &self,
        response: &mut Response,
        account: &AccountId,
        envelope: Option<&str>,
    ) -> Vec<io::Result<Bytes>> {
        let inner = &*self.client.0;
        let (status, rate) = (response.status().as_u16(), RateLimit::read(response.headers()));
        let trace_token = trace_token(response.headers());
        tracing::debug!(
            path = response.url().path(),
            status,
            trace_token,
            "passed on and answered by DocuSign"
        );
        let mut buffered = Vec::new();
        if !matches!(status, 400 | 429) {
            inner.told(account, envelope, rate, None);
            return buffered;
        }
        // Whether it is for too many calls stands in the body (rest.md §2).
        let mut whole = Vec::new();
        while whole.len() < limits::BODY_PIECE_BYTES {
            match response.chunk().await {
                Ok(Some(piece)) => {
                    whole.extend_from_slice(&piece);
                    buffered.push(Ok(piece));
                }
                Ok(None) => break,
                Err(error) => {
                    buffered.push(Err(broken(error)));
                    break;
                }
            }
        }
        let meaning = refusal(status, response.headers(), &whole, inner.clock.now());
        inner.told(account, envelope, rate, Some(&meaning));
        buffered
    }

    /// The answer as it goes on to the caller, who holds `turn` until its end.
    fn passed(
        &self,
        response: Response,
        buffered: Vec<io::Result<Bytes>>,
        turn: OwnedSemaphorePermit,
    ) -> Passed {
        let named = named_by_connection(response.headers());
        let ours = |name: &HeaderName| {
            let name = name.as_str();
            HOP_BY_HOP.contains(&name) || OF_ITS_HOST.contains(&name) || named.iter().any(|one| one == name)
        };
        let headers = response.headers().iter().filter(|(name, _)| !ours(name));
        let headers = headers
            .map(|(name, value)| (name.as_str().to_owned(), Bytes::copy_from_slice(value.as_bytes())))
            .collect();
        let status = response.status().as_u16();
        let failed = buffered.iter().any(Result::is_err);
        let rest = (!failed).then(|| response.bytes_stream().map(|piece| piece.map_err(broken)));
        let all = stream::iter(buffered).chain(stream::iter(rest).flatten());
        let quiet = self.waits.quiet;
        let state = (all.boxed(), turn, false);
        let body = stream::unfold(state, move |(mut pieces, turn, ended)| async move {
            if ended {
                return None;
            }
            let piece = tokio::time::timeout(quiet, pieces.next()).await;
            let piece = piece.unwrap_or_else(|_| Some(Err(io::ErrorKind::TimedOut.into())))?;
            let ended = piece.is_err();
            Some((piece, (pieces, turn, ended)))
        });
        Passed { status, headers, body: body.boxed() }
    }
}

fn broken(error: reqwest::Error) -> io::Error {
    io::Error::other(Error::from(error).to_string())
}

fn class(status: u16) -> &'static str {
    match status {
        ..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}

fn headers(told: Vec<(String, Bytes)>) -> HeaderMap {
    let mut all = HeaderMap::with_capacity(told.len());
    for (name, value) in told {
        let name = HeaderName::from_bytes(name.as_bytes());
        // Both came as such.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_maybe_shared(value)) {
            all.append(name, value);
        }
    }
    all
}

/// The headers of a call that go on; a body that is at hand tells its length by itself.
fn onward(told: Vec<(String, Bytes)>, whole: bool) -> HeaderMap {
    let mut all = headers(told);
    let named = named_by_connection(&all);
    for name in HOP_BY_HOP.into_iter().chain(FOR_US).chain(named.iter().map(String::as_str)) {
        all.remove(name);
    }
    let forwarding: Vec<_> =
        all.keys().filter(|name| name.as_str().starts_with("x-forwarded-")).cloned().collect();
    for name in forwarding {
        all.remove(name);
    }
    if whole {
        all.remove(CONTENT_LENGTH);
    }
    all
}

/// Headers that `Connection` names as its own. It cannot take away what the call needs.
fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
    names.filter(|name| *name != AUTHORIZATION.as_str() && *name != CONTENT_LENGTH.as_str()).collect()
}
