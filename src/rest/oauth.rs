//! The access token: asked for once whoever needs it, renewed ahead of its end, dropped when it is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::answer::{later, refusal};
use super::settings::{address, below};
use super::{Again, Error, Refused, Settings, http, jwt};
use crate::base::{Clock, Dice, limits};
use crate::docusign::tolerant::Scalar;

/// A token as it is sent, and which of those that we had it is.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) secret: Arc<SecretString>,
    serial: u64,
}

#[derive(Debug)]
struct Held {
    token: Token,
    renew_at: Timestamp,
    ends_at: Timestamp,
}

/// What is known about our token; behind the lock that makes renewals one at a time.
#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    /// The last request failed so, and until then it is not repeated.
    failed: Option<(Error, Timestamp)>,
}

/// Where tokens come from.
enum Source {
    Given(Token),
    Grant(Box<jwt::Key>),
}

pub(super) struct OAuth {
    http: reqwest::Client,
    auth: Url,
    settings: Settings,
    source: Source,
    clock: Arc<dyn Clock>,
    dice: Dice,
    state: Mutex<State>,
    /// Requests answered so far, well or ill: who waited for one shares its answer.
    answered: AtomicU64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    access_token: Option<SecretString>,
    expires_in: Scalar,
    error: Scalar,
    error_description: Scalar,
}

impl OAuth {
    pub(super) fn new(
        http: reqwest::Client,
        settings: Settings,
        clock: Arc<dyn Clock>,
        dice: Dice,
    ) -> Result<Self, Error> {
        let auth = address("docusign.auth_url", &settings.auth_url)?;
        let source = match (&settings.access_token, &settings.private_key) {
            (Some(token), _) => Source::Given(Token { secret: Arc::new(token.clone()), serial: 0 }),
            (None, Some(pem)) => {
                for (name, value) in [("client_id", &settings.client_id), ("user_id", &settings.user_id)] {
                    if value.trim().is_empty() {
                        return Err(Error::Settings(format!(
                            "docusign.{name} is missing, private_key needs it"
                        )));
                    }
                }
                Source::Grant(Box::new(jwt::Key::read(pem)?))
            }
            (None, None) => {
                return Err(Error::Settings(
                    "docusign.private_key is missing: without it nothing can be fetched".to_owned(),
                ));
            }
        };
        let (state, answered) = (Mutex::default(), AtomicU64::new(0));
        Ok(Self { http, auth, settings, source, clock, dice, state, answered })
    }

    /// Where the authorisation server is.
    pub(super) fn auth(&self) -> &Url {
        &self.auth
    }

    /// A token that is good now. However many ask at a time, one request is made.
    pub(super) async fn token(&self) -> Result<Token, Error> {
        let key = match &self.source {
            Source::Given(token) => return Ok(token.clone()),
            Source::Grant(key) => key,
        };
        let answered_before = self.answered.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        if let Some(held) = state.held.as_ref().filter(|held| now < held.renew_at) {
            return Ok(held.token.clone());
        }
        if let Some((error, until)) = &state.failed
            && (now < *until || self.answered.load(Ordering::Acquire) > answered_before)
        {
            return Err(error.clone());
        }
        let result = self.request(key, now).await;
        let serial = self.answered.fetch_add(1, Ordering::AcqRel) + 1;
        match result {
            Ok((secret, life)) => {
                state.failed = None;
                let token = Token { secret: Arc::new(secret), serial };
                let renew_at = later(now, life.saturating_sub(self.ahead(life)));
                state.held = Some(Held { token: token.clone(), renew_at, ends_at: later(now, life) });
                Ok(token)
            }
            Err(error) => self.failed(&mut state, error, now),
        }
    }

    /// How long before its end a token is renewed; a little different each time, so that several nodes do not
    /// ask at once.
    fn ahead(&self, life: Duration) -> Duration {
        limits::TOKEN_RENEW_AHEAD.min(life / 2).mul_f64(1.0 - 0.2 * self.dice.fraction())
    }

    /// A renewal that failed is no harm while the token at hand is good.
    fn failed(&self, state: &mut State, error: Error, now: Timestamp) -> Result<Token, Error> {
        let pause = later(now, limits::TOKEN_REFUSED_MEMORY);
        if let Some(held) = state.held.as_mut().filter(|held| now < held.ends_at) {
            tracing::warn!(%error, "the token could not be renewed ahead of its end");
            held.renew_at = pause.min(held.ends_at);
            return Ok(held.token.clone());
        }
        let until = match error.again() {
            Again::At(until) => until,
            Again::Later => now,
            Again::Mended | Again::Never => pause,
        };
        state.failed = Some((error.clone(), until));
        Err(error)
    }

    /// Forgets a token that was refused. Whether asking again can give another one.
    pub(super) async fn forget(&self, token: &Token) -> bool {
        if matches!(self.source, Source::Given(_)) {
            return false;
        }
        let mut state = self.state.lock().await;
        // Another call may have had it renewed meanwhile.
        if state.held.as_ref().is_some_and(|held| held.token.serial == token.serial) {
            state.held = None;
        }
        true
    }

    async fn request(&self, key: &jwt::Key, now: Timestamp) -> Result<(SecretString, Duration), Error> {
        let Settings { client_id, user_id, .. } = &self.settings;
        let assertion = key.assertion(client_id.trim(), user_id.trim(), &self.audience(), now)?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.expose_secret()),
        ];
        let response = self.http.post(below(&self.auth, &["oauth", "token"])).form(&form).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = http::body(response, limits::REST_SHORT_ANSWER_BYTES_MAX).await?;
        let answer: Option<Answer> =
            if body.trim_ascii_start().starts_with(b"{") { serde_json::from_slice(&body).ok() } else { None };
        let answer = answer.unwrap_or_default();
        if status.is_success() {
            let token = answer.access_token.filter(|token| !token.expose_secret().is_empty());
            let token = token.ok_or_else(|| Error::Malformed("it holds no access token".to_owned()))?;
            // A token said to end at once would be asked for without end.
            let life = u64::from(answer.expires_in.number().unwrap_or(3600)).max(60);
            return Ok((token, Duration::from_secs(life)));
        }
        let meaning = refusal(status.as_u16(), &headers, &body, now).error;
        Err(match (meaning, answer.error.text()) {
            (_, Some("consent_required")) => Error::ConsentRequired { url: self.consent_url() },
            // Whatever it refuses, it refuses us: there is nothing else in a token request.
            (
                Error::Refused(r) | Error::Forbidden(r) | Error::NotFound(r) | Error::Unauthorized(r),
                error,
            ) => {
                let code =
                    error.map_or(r.code, |error| error.chars().take(limits::REST_WORDS_MAX.0).collect());
                let message = answer.error_description.owned().unwrap_or(r.message);
                Error::Unauthorized(Refused { code, message, ..r })
            }
            (other, _) => other,
        })
    }

    /// The authorisation server by host, without the scheme.
    fn audience(&self) -> String {
        let host = self.auth.host_str().unwrap_or_default();
        self.auth.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Where the user lets the integration act for them, once.
    fn consent_url(&self) -> String {
        let mut url = below(&self.auth, &["oauth", "auth"]);
        let redirect = self.settings.redirect_url.as_deref().unwrap_or("<a redirect URI of the integration>");
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("scope", "signature impersonation")
            .append_pair("client_id", self.settings.client_id.trim())
            .append_pair("redirect_uri", redirect);
        url.into()
    }
}
