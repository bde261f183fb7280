//! Calls to DocuSign's REST API, within each account's budget.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::answer::{RateLimit, Scope, refusal, trace_token};
use super::budget::Budget;
use super::oauth::{OAuth, Token};
use super::settings::{address, below};
use super::userinfo::{Memory, Place, Places};
use super::{Error, Refused, Settings, http, http_client};
use crate::base::{AccountId, Clock, Dice, limits};
use crate::telemetry::{Metric, Metrics};

/// DocuSign's REST API for one user and all accounts that the user has; cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    oauth: OAuth,
    base_uri: Option<Url>,
    places: Memory,
    budget: Budget,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// What to include in an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Include {
    /// All recipients.
    Recipients,
    /// The list of documents, without their bytes.
    Documents,
    /// Custom fields.
    CustomFields,
    /// The recipients' tabs.
    Tabs,
    /// The folders in which it lies.
    Folders,
}

impl Include {
    /// All of these.
    pub const ALL: [Self; 5] =
        [Self::Recipients, Self::Documents, Self::CustomFields, Self::Tabs, Self::Folders];

    fn word(self) -> &'static str {
        match self {
            Self::Recipients => "recipients",
            Self::Documents => "documents",
            Self::CustomFields => "custom_fields",
            Self::Tabs => "tabs",
            Self::Folders => "folders",
        }
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Fetched {
    /// The JSON object as DocuSign wrote it.
    pub json: Box<RawValue>,
    /// The address of the account's API, to which addresses inside `json` are relative.
    pub base: String,
    /// What DocuSign told about our calls.
    pub rate: RateLimit,
    /// DocuSign's trace token.
    pub trace_token: Option<String>,
}

/// An answer of status 2xx.
pub(super) struct Answer {
    pub(super) body: Bytes,
    pub(super) rate: RateLimit,
    trace_token: Option<String>,
}

/// A call about an account: its path below the account's, and what goes with it.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(&'a str, String)],
    /// JSON.
    pub(super) body: Option<&'a Value>,
}

/// A request as it goes out, but for its token.
struct Outgoing<'a> {
    method: Method,
    url: Url,
    body: Option<&'a Value>,
}

impl Outgoing<'_> {
    fn get(url: Url) -> Self {
        Self { method: Method::GET, url, body: None }
    }
}

impl Client {
    /// A client that makes no call yet.
    ///
    /// # Errors
    /// [`Error::Settings`] naming the setting that is missing or wrong.
    pub fn new(
        settings: Settings,
        clock: Arc<dyn Clock>,
        dice: Dice,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        let http = http_client(&settings.user_agent, limits::REST_TIMEOUT)?;
        Self::with_http(http, settings, clock, dice, metrics)
    }

    /// The same over an HTTP client that [`http_client`] built.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_http(
        http: reqwest::Client,
        settings: Settings,
        clock: Arc<dyn Clock>,
        dice: Dice,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        let base_uri =
            settings.base_uri.as_deref().map(|text| address("docusign.base_uri", text)).transpose()?;
        let oauth = OAuth::new(http.clone(), settings, clock.clone(), dice)?;
        let (places, budget) = (Memory::default(), Budget::default());
        Ok(Self(Arc::new(Inner { http, oauth, base_uri, places, budget, clock, metrics })))
    }

    /// `GET /envelopes/{id}?include=…`.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::again`] says whether and when to try again. Where the account has no call left,
    /// none is made.
    pub async fn envelope(
        &self,
        account: &AccountId,
        envelope_id: &str,
        include: &[Include],
    ) -> Result<Fetched, Error> {
        let inner = &*self.0;
        is_id(account.as_str(), "ACCOUNT_ID_INVALID")?;
        is_id(envelope_id, "ENVELOPE_ID_INVALID")?;
        let _leave = inner.budget.ask(account, inner.clock.now())?;
        let place = inner.place(account).await?;
        let mut url = place.url(&["envelopes", envelope_id]);
        if !include.is_empty() {
            let words: Vec<_> = include.iter().map(|one| one.word()).collect();
            url.query_pairs_mut().append_pair("include", &words.join(","));
        }
        let answer = inner.counted(account, &Outgoing::get(url)).await?;
        let unreadable = || Error::Malformed("it is not a JSON object".to_owned());
        let json: Box<RawValue> = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
        if !json.get().starts_with('{') {
            return Err(unreadable());
        }
        let base = place.url(&[]).into();
        Ok(Fetched { json, base, rate: answer.rate, trace_token: answer.trace_token })
    }

    /// Makes a call about an account. Where the account has no call left, none is made.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) async fn about(&self, account: &AccountId, call: &Call<'_>) -> Result<Answer, Error> {
        let inner = &*self.0;
        is_id(account.as_str(), "ACCOUNT_ID_INVALID")?;
        let _leave = inner.budget.ask(account, inner.clock.now())?;
        let mut url = inner.place(account).await?.url(call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        inner.counted(account, &Outgoing { method: call.method.clone(), url, body: call.body }).await
    }

    /// The user's accounts, asked afresh: tells whether we are let in at all.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn accounts(&self) -> Result<Vec<AccountId>, Error> {
        Ok(self.0.userinfo().await?.accounts())
    }
}

/// Refuses what is not an id of DocuSign's: there is no such thing, and it has no place in an address.
fn is_id(id: &str, code: &str) -> Result<(), Error> {
    if !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Ok(());
    }
    let (code, message) = (code.to_owned(), String::new());
    Err(Error::NotFound(Refused { status: None, code, message, trace_token: None }))
}

impl Inner {
    async fn place(&self, account: &AccountId) -> Result<Place, Error> {
        match &self.base_uri {
            // No account told: which one is the user's is only known by asking.
            Some(base) if *account != AccountId::unknown() => Ok(Place::new(account.clone(), base.clone())),
            configured => {
                let place = self.places.place(account, self.clock.now(), self.userinfo()).await?;
                Ok(configured.as_ref().map_or(place.clone(), |base| Place::new(place.account, base.clone())))
            }
        }
    }

    async fn userinfo(&self) -> Result<Places, Error> {
        let url = below(self.oauth.auth(), &["oauth", "userinfo"]);
        let answer = self.let_in(&Outgoing::get(url), limits::REST_SHORT_ANSWER_BYTES_MAX, |_, _| {}).await?;
        if !answer.body.trim_ascii_start().starts_with(b"{") {
            return Err(Error::Malformed("the list of accounts is not a JSON object".to_owned()));
        }
        let info = serde_json::from_slice(&answer.body);
        let info = info.map_err(|_| Error::Malformed("the list of accounts is not JSON".to_owned()))?;
        Ok(Places::read(&info))
    }

    /// One call about an account: timed, counted, and its rate limits taken in.
    async fn counted(&self, account: &AccountId, outgoing: &Outgoing<'_>) -> Result<Answer, Error> {
        let began = Instant::now();
        let told = |rate: RateLimit, refused: Option<(&Error, Scope)>| {
            let now = self.clock.now();
            self.budget.told(account, rate, now);
            if let Some((Error::Throttled { until, .. }, Scope::Account)) = refused {
                self.budget.close(account, *until);
            }
            if let Some(left) = rate.remaining {
                self.metrics.set(Metric::RateRemaining, account.as_str(), i64::from(left));
            }
        };
        let result = self.let_in(outgoing, limits::REST_ANSWER_BYTES_MAX, told).await;
        self.metrics.time(Metric::FetchTime, began.elapsed().as_secs_f64());
        self.metrics.count(Metric::Fetches, result.as_ref().map_or_else(Error::word, |_| "ok"), 1);
        result
    }

    /// A call with our token; with a fresh one once more where that is refused.
    async fn let_in(
        &self,
        outgoing: &Outgoing<'_>,
        limit: usize,
        told: impl Fn(RateLimit, Option<(&Error, Scope)>),
    ) -> Result<Answer, Error> {
        let token = self.oauth.token().await?;
        match self.call(outgoing, limit, &token, &told).await {
            Err(Error::Unauthorized(_)) if self.oauth.forget(&token).await => {
                let token = self.oauth.token().await?;
                self.call(outgoing, limit, &token, &told).await
            }
            result => result,
        }
    }

    async fn call(
        &self,
        outgoing: &Outgoing<'_>,
        limit: usize,
        token: &Token,
        told: &impl Fn(RateLimit, Option<(&Error, Scope)>),
    ) -> Result<Answer, Error> {
        let url = &outgoing.url;
        let mut request =
            self.http.request(outgoing.method.clone(), url.clone()).bearer_auth(token.secret.expose_secret());
        if let Some(body) = outgoing.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let response = request.header(ACCEPT, "application/json").send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let rate = RateLimit::read(&headers);
        let trace_token = trace_token(&headers);
        tracing::debug!(path = url.path(), status = status.as_u16(), trace_token, "answered by DocuSign");
        if status.is_success() {
            told(rate, None);
            return Ok(Answer { body: http::body(response, limit).await?, rate, trace_token });
        }
        // A refusal whose body is lost or too long is judged by its status.
        let body = http::body(response, limits::REST_SHORT_ANSWER_BYTES_MAX).await.unwrap_or_default();
        let meaning = refusal(status.as_u16(), &headers, &body, self.clock.now());
        told(rate, meaning.scope.map(|scope| (&meaning.error, scope)));
        Err(meaning.error)
    }
}
