//! DocuSign's authorisation server: each of its grants as one call that remembers nothing.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::answer::refusal;
use super::settings::{address, below};
use super::userinfo::{Identity, UserInfo};
use super::{Error, Refused, Settings, http, jwt};
use crate::base::{Clock, limits};
use crate::docusign::tolerant::Scalar;

/// What an account is asked for when it is linked: most calls, and refresh tokens whose life starts anew with each use.
const LINK_SCOPE: &str = "signature extended";
/// What the user of the JWT grant consents to.
const JWT_SCOPE: &str = "signature impersonation";

/// The authorisation server as our integration knows it; cheap to clone.
#[derive(Clone)]
pub struct Authority(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    auth: Url,
    client_id: String,
    client_secret: Option<SecretString>,
    redirect_url: Option<String>,
    key: Option<jwt::Key>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("auth", &self.0.auth.as_str()).finish_non_exhaustive()
    }
}

/// What a grant gave.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The access token.
    pub access_token: SecretString,
    /// With it the next access token is asked for; each use gives a new one. JWT grants have none.
    pub refresh_token: Option<SecretString>,
    /// How long the access token is good.
    pub life: Duration,
}

/// Proof of an authorization code: what PKCE (RFC 7636) makes of a random text.
#[derive(Debug, Clone)]
pub struct Challenge(String);

impl Challenge {
    /// Of a verifier: 43 to 128 letters, digits, `-`, `.`, `_`, `~`.
    pub fn of(verifier: &SecretString) -> Self {
        use base64::Engine as _;
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(verifier.expose_secret().as_bytes());
        Self(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    access_token: Option<SecretString>,
    refresh_token: Option<SecretString>,
    expires_in: Scalar,
    error: Scalar,
    error_description: Scalar,
}

impl Authority {
    /// The server that the settings name.
    ///
    /// # Errors
    /// [`Error::Settings`] naming the setting that is wrong.
    pub fn new(http: reqwest::Client, settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Ok(Self(Arc::new(Inner {
            http,
            auth: address("docusign.auth_url", &settings.auth_url)?,
            client_id: settings.client_id.trim().to_owned(),
            client_secret: settings.client_secret.clone(),
            redirect_url: settings.redirect_url.clone(),
            // Beside a token that was made elsewhere, the key is not used at all.
            key: match (&settings.access_token, &settings.private_key) {
                (None, Some(key)) => Some(jwt::Key::read(key)?),
                _ => None,
            },
            clock,
        })))
    }

    /// Whether users can be sent to it to link their accounts; the setting that is missing where not.
    pub fn lacks_for_linking(&self) -> Option<&'static str> {
        if self.0.client_id.is_empty() {
            return Some("docusign.client_id");
        }
        self.0.redirect_url.is_none().then_some("docusign.redirect_url")
    }

    /// Where users come back to.
    pub fn redirect_url(&self) -> Option<&str> {
        self.0.redirect_url.as_deref()
    }

    /// Its address.
    pub fn url(&self) -> &Url {
        &self.0.auth
    }

    /// Whether it can be asked in a user's name with our key.
    pub fn has_key(&self) -> bool {
        self.0.key.is_some() && !self.0.client_id.is_empty()
    }

    /// Where a user lets us have an account: comes back to `docusign.redirect_url` with `code` and `state`.
    pub fn authorize_url(&self, state: &str, challenge: &Challenge) -> String {
        let mut url = self.asking(LINK_SCOPE);
        url.query_pairs_mut()
            .append_pair("state", state)
            .append_pair("code_challenge", &challenge.0)
            .append_pair("code_challenge_method", "S256");
        url.into()
    }

    /// Where the user of the JWT grant lets the integration act for them, once.
    pub fn consent_url(&self) -> String {
        self.asking(JWT_SCOPE).into()
    }

    fn asking(&self, scope: &str) -> Url {
        let mut url = below(&self.0.auth, &["oauth", "auth"]);
        let redirect = self.0.redirect_url.as_deref().unwrap_or("<a redirect URI of the integration>");
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("scope", scope)
            .append_pair("client_id", &self.0.client_id)
            .append_pair("redirect_uri", redirect);
        url
    }

    /// Exchanges an authorization code, which is good once and for minutes.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] where it is refused; else see [`Error`].
    pub async fn exchange(&self, code: &str, verifier: &SecretString) -> Result<Grant, Error> {
        let redirect = self.0.redirect_url.as_deref().unwrap_or_default();
        self.ask(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier.expose_secret()),
        ])
        .await
    }

    /// Exchanges a refresh token for a new pair. The old one is to be taken for dead from then on.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] where it is refused; else see [`Error`].
    pub async fn refresh(&self, refresh_token: &SecretString) -> Result<Grant, Error> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
        self.ask(&form).await
    }

    /// Asks in the name of a user who consented to it.
    ///
    /// # Errors
    /// [`Error::ConsentRequired`] where the user did not; else see [`Error`].
    pub async fn impersonate(&self, user_id: &str) -> Result<Grant, Error> {
        let Some(key) = &self.0.key else {
            return Err(Error::Settings(
                "docusign.private_key is missing: the JWT grant needs it".to_owned(),
            ));
        };
        let assertion =
            key.assertion(&self.0.client_id, user_id.trim(), &self.audience(), self.0.clock.now())?;
        self.ask(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.expose_secret()),
        ])
        .await
    }

    /// Who the user of a token is, and which accounts they have.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn identity(&self, token: &SecretString) -> Result<Identity, Error> {
        Ok(Identity::from(&self.userinfo(token).await?))
    }

    /// The same as DocuSign tells it.
    pub(super) async fn userinfo(&self, token: &SecretString) -> Result<UserInfo, Error> {
        let url = below(&self.0.auth, &["oauth", "userinfo"]);
        let response = self.0.http.get(url).bearer_auth(token.expose_secret()).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = http::body(response, limits::REST_SHORT_ANSWER_BYTES_MAX).await?;
        if !status.is_success() {
            return Err(refusal(status.as_u16(), &headers, &body, self.0.clock.now()).error);
        }
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(Error::Malformed("the list of accounts is not a JSON object".to_owned()));
        }
        let info = serde_json::from_slice(&body);
        info.map_err(|_| Error::Malformed("the list of accounts is not JSON".to_owned()))
    }

    async fn ask(&self, form: &[(&str, &str)]) -> Result<Grant, Error> {
        let inner = &*self.0;
        let request = inner.http.post(below(&inner.auth, &["oauth", "token"]));
        let is_jwt = form.iter().any(|(key, _)| *key == "assertion");
        let request = match &inner.client_secret {
            // An assertion is proof enough of who asks.
            _ if is_jwt => request.form(form),
            Some(secret) => request.basic_auth(&inner.client_id, Some(secret.expose_secret())).form(form),
            // A public integration tells its name, and PKCE is its proof.
            None => request.form(&[form, &[("client_id", inner.client_id.as_str())]].concat()),
        };
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = http::body(response, limits::REST_SHORT_ANSWER_BYTES_MAX).await?;
        let answer: Option<Answer> =
            if body.trim_ascii_start().starts_with(b"{") { serde_json::from_slice(&body).ok() } else { None };
        let answer = answer.unwrap_or_default();
        if status.is_success() {
            return granted(answer);
        }
        let meaning = refusal(status.as_u16(), &headers, &body, inner.clock.now()).error;
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
        let host = self.0.auth.host_str().unwrap_or_default();
        self.0.auth.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

fn granted(answer: Answer) -> Result<Grant, Error> {
    let full = |token: &SecretString| !token.expose_secret().is_empty();
    let access_token = answer.access_token.filter(full);
    let access_token = access_token.ok_or_else(|| Error::Malformed("it holds no access token".to_owned()))?;
    // A token said to end at once would be asked for without end.
    let life = u64::from(answer.expires_in.number().unwrap_or(3600)).max(60);
    let refresh_token = answer.refresh_token.filter(full);
    Ok(Grant { access_token, refresh_token, life: Duration::from_secs(life) })
}
