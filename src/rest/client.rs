//! Calls to DocuSign's REST API, within each account's budget.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use secrecy::ExposeSecret as _;
use serde_json::value::RawValue;

use super::answer::{Meaning, RateLimit, Scope, refusal, trace_token};
use super::budget::{Budget, Purpose, Standing};
use super::keyring::{Access, Keyring, account_url};
use super::user::User;
use super::{Error, Raw, Refused, Settings, http, http_client};
use crate::base::{AccountId, Clock, Dice, limits};
use crate::docusign::is_id;
use crate::telemetry::{Metric, Metrics};

/// DocuSign's REST API for all accounts of a keyring; cheap to clone.
#[derive(Clone)]
pub struct Client(pub(super) Arc<Inner>);

pub(super) struct Inner {
    http: reqwest::Client,
    pub(super) keyring: Arc<dyn Keyring>,
    pub(super) budget: Budget,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Metrics,
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

    /// As the parameter `include` names them.
    pub fn words(these: &[Self]) -> String {
        these.iter().map(|one| one.word()).collect::<Vec<_>>().join(",")
    }

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

/// One call about an account; its answer is read into memory.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// The method.
    pub method: Method,
    /// What follows `/accounts/{account}` in its path, segment by segment; they are escaped.
    pub path: &'a [&'a str],
    /// Its query.
    pub query: Vec<(&'a str, String)>,
    /// The JSON that it sends.
    pub body: Option<String>,
    /// What it is made for.
    pub purpose: Purpose,
}

impl<'a> Call<'a> {
    /// A call that only reads.
    pub fn get(path: &'a [&'a str]) -> Self {
        Self { method: Method::GET, path, query: Vec::new(), body: None, purpose: Purpose::default() }
    }

    /// A call that sends JSON.
    pub fn sending(method: Method, path: &'a [&'a str], json: &impl serde::Serialize) -> Self {
        // Our own types: text, numbers and lists, on which serde_json cannot fail.
        let body = serde_json::to_string(json).unwrap_or_default();
        Self { method, path, query: Vec::new(), body: Some(body), purpose: Purpose::default() }
    }

    /// The same for another purpose than a routine of the background.
    #[must_use]
    pub fn of(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    /// The envelope that it is about, where it is about one.
    fn envelope(&self) -> Option<&'a str> {
        match self.path {
            ["envelopes", envelope, ..] => Some(*envelope),
            _ => None,
        }
    }

    /// The same with one more parameter.
    #[must_use]
    pub fn with(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }
}

/// An answer of status 2xx.
#[derive(Debug)]
pub struct Answer {
    /// Its body.
    pub body: Bytes,
    /// The address of the account's API, to which addresses inside the body are relative.
    pub base: String,
    /// What DocuSign told about our calls.
    pub rate: RateLimit,
    /// DocuSign's trace token.
    pub trace_token: Option<String>,
}

impl Client {
    /// A client for the user whom the settings name. It makes no call yet.
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
        let user = User::new(http.clone(), &settings, Arc::clone(&clock), dice)?;
        Ok(Self::over(Arc::new(user), http, clock, metrics))
    }

    /// A client for the accounts of a keyring.
    pub fn over(
        keyring: Arc<dyn Keyring>,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        Self(Arc::new(Inner { http, keyring, budget: Budget::default(), clock, metrics }))
    }

    /// A client over the same connections for the accounts of another keyring, with budgets of its own.
    #[must_use]
    pub fn by_keyring(&self, keyring: Arc<dyn Keyring>) -> Self {
        let inner = &*self.0;
        Self::over(keyring, inner.http.clone(), Arc::clone(&inner.clock), inner.metrics.clone())
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
        self.envelope_for(Purpose::default(), account, envelope_id, include).await
    }

    /// The same for another purpose than a routine of the background.
    ///
    /// # Errors
    /// As [`Client::envelope`].
    pub async fn envelope_for(
        &self,
        purpose: Purpose,
        account: &AccountId,
        envelope_id: &str,
        include: &[Include],
    ) -> Result<Fetched, Error> {
        let path = ["envelopes", envelope_id];
        if !is_id(envelope_id) {
            return Err(unknown("ENVELOPE_ID_INVALID"));
        }
        let mut call = Call::get(&path).of(purpose);
        if !include.is_empty() {
            call = call.with("include", Include::words(include));
        }
        let answer = self.call(account, &call).await?;
        let unreadable = || Error::Malformed("it is not a JSON object".to_owned());
        let json: Box<RawValue> = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
        if !json.get().starts_with('{') {
            return Err(unreadable());
        }
        Ok(Fetched { json, base: answer.base, rate: answer.rate, trace_token: answer.trace_token })
    }

    /// One call about an account, within its budget, timed and counted; with a fresh token once more where ours is
    /// refused.
    ///
    /// # Errors
    /// See [`Error`]. Where the account has no call left, none is made.
    pub async fn call(&self, account: &AccountId, call: &Call<'_>) -> Result<Answer, Error> {
        let inner = &*self.0;
        if !is_id(account.as_str()) {
            return Err(unknown("ACCOUNT_ID_INVALID"));
        }
        let _leave = inner.budget.ask(account, call.envelope(), call.purpose, inner.clock.now())?;
        let access = inner.keyring.access(account).await?;
        let began = Instant::now();
        let result = match inner.send(account, call, &access).await {
            Err(Error::Unauthorized(_)) if inner.keyring.refused(&access).await => {
                let access = inner.keyring.access(account).await?;
                inner.send(account, call, &access).await
            }
            result => result,
        };
        inner.metrics.time(Metric::FetchTime, began.elapsed().as_secs_f64());
        inner.metrics.count(Metric::Fetches, result.as_ref().map_or_else(Error::word, |_| "ok"), 1);
        result
    }

    /// The account that a caller names by the id that we gave it when it was linked, or by DocuSign's own; none where
    /// there is no such account.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn named(&self, id: &str) -> Result<Option<AccountId>, Error> {
        self.0.keyring.named(id).await
    }

    /// The address of the account's API, where that is known without any call.
    pub async fn base(&self, account: &AccountId) -> Option<String> {
        let told = is_id(account.as_str()) && *account != AccountId::unknown();
        let host = if told { self.0.keyring.host(account).await } else { None };
        host.map(|host| account_url(&host, account).into())
    }

    /// How the account's calls stand; none where none was made yet.
    pub fn standing(&self, account: &AccountId) -> Option<Standing> {
        self.0.budget.standing(account, self.0.clock.now())
    }

    /// The accounts that can be called, asked afresh: tells whether we are let in at all.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn accounts(&self) -> Result<Vec<AccountId>, Error> {
        self.0.keyring.accounts().await
    }
}

fn unknown(code: &str) -> Error {
    Error::NotFound(Refused {
        status: None,
        code: code.to_owned(),
        message: String::new(),
        trace_token: None,
        raw: Raw::default(),
    })
}

impl Inner {
    /// Takes in what an answer tells about the account's calls, and where it refuses one for too many, how far that
    /// reaches.
    pub(super) fn told(
        &self,
        account: &AccountId,
        envelope: Option<&str>,
        rate: RateLimit,
        refused: Option<&Meaning>,
    ) {
        let now = self.clock.now();
        self.budget.told(account, rate, now);
        if let Some(Meaning { error: Error::Throttled { until, .. }, scope: Some(scope) }) = refused {
            match (scope, envelope) {
                (Scope::Envelope, Some(envelope)) => {
                    self.budget.close_envelope(account, envelope, *until, now);
                }
                (Scope::Envelope, None) => {}
                (Scope::Account, _) => self.budget.close(account, *until),
            }
        }
        if let Some(left) = rate.remaining {
            self.metrics.set(Metric::RateRemaining, account.as_str(), i64::from(left));
        }
    }

    async fn send(&self, account: &AccountId, call: &Call<'_>, access: &Access) -> Result<Answer, Error> {
        let mut url = access.url(call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let mut request = self.http.request(call.method.clone(), url.clone());
        request = request.bearer_auth(access.token.secret.expose_secret()).header(ACCEPT, "application/json");
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let rate = RateLimit::read(&headers);
        let trace_token = trace_token(&headers);
        tracing::debug!(path = url.path(), status = status.as_u16(), trace_token, "answered by DocuSign");
        if status.is_success() {
            self.told(account, call.envelope(), rate, None);
            let body = http::body(response, limits::REST_ANSWER_BYTES_MAX).await?;
            return Ok(Answer { body, base: access.url(&[]).into(), rate, trace_token });
        }
        // A refusal whose body is lost or too long is judged by its status.
        let body = http::body(response, limits::REST_SHORT_ANSWER_BYTES_MAX).await.unwrap_or_default();
        let meaning = refusal(status.as_u16(), &headers, &body, self.clock.now());
        self.told(account, call.envelope(), rate, Some(&meaning));
        Err(meaning.error)
    }
}
