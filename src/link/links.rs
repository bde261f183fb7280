//! Linking an account: leave to do so, a user's way to DocuSign and back, and the account that comes of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::credentials::later;
use super::keyring::{Linked, Tools};
use super::upkeep::Unfit;
use crate::base::{AccountId, limits};
use crate::rest::{self, Challenge, Client};
use crate::store::{self, Authorization, IntegratedAccount, Link};
use crate::vault;

/// Our path for users whom DocuSign sends back.
const CALLBACK: &str = "/oauth/callback";

/// Why an account could not be linked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Linking is not set up: this setting is missing.
    #[error("accounts cannot be linked: {0} is not set")]
    NotSetUp(&'static str),
    /// No link has this token.
    #[error("there is no such link")]
    LinkUnknown,
    /// It was used.
    #[error("the link was used already")]
    LinkUsed,
    /// Its time is over.
    #[error("the link is no longer good")]
    LinkExpired,
    /// No user is on the way with this state: it was made up, used already, or its time is over.
    #[error("nobody is on the way with this state")]
    StateUnknown,
    /// The state was given to another browser.
    #[error("the state was given to another browser")]
    ForeignBrowser,
    /// The user is back, and there is no account to link.
    #[error("{}", .0.why)]
    Back(Box<Returned>),
    /// The account cannot be linked.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// No account is linked under this id.
    #[error("there is no such integrated account")]
    AccountUnknown,
    /// It was changed time and again meanwhile.
    #[error("the account is being changed by others")]
    Overtaken,
    /// DocuSign.
    #[error(transparent)]
    Docusign(#[from] rest::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// What was sealed does not open.
    #[error(transparent)]
    Vault(#[from] vault::Error),
}

/// A user who came back without an account.
#[derive(Debug, Clone)]
pub struct Returned {
    /// Why.
    pub why: Back,
    /// The link's token: it is still good.
    pub again: SecretString,
    /// Where the user goes otherwise.
    pub redirect_to: Option<String>,
}

/// Why a user came back without an account.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Back {
    /// They did not allow it.
    #[error("the user did not allow it")]
    Denied,
    /// DocuSign did not ask them: this is its code.
    #[error("DocuSign did not ask the user: {0}")]
    Refused(String),
    /// DocuSign does not take the code, or does not answer.
    #[error(transparent)]
    Docusign(rest::Error),
    /// They have no account.
    #[error("the user has no account")]
    NoAccount,
    /// The one account that the link is for is none of theirs, or was not offered.
    #[error("the account {0} is none of the user's")]
    NotTheirs(AccountId),
    /// It is linked for another tenant.
    #[error("the account {0} is linked for another tenant")]
    Taken(AccountId),
}

/// What a link is to be for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Whose account it will be, in the caller's words.
    pub tenant: Option<String>,
    /// The integrated account that is linked again.
    pub integrated: Option<String>,
    /// The one account of DocuSign's that may be chosen.
    pub account: Option<AccountId>,
    /// Where the user goes afterwards.
    pub redirect_to: Option<Url>,
    /// How long it is good.
    pub life: Option<Duration>,
}

/// A link as it is given out, once.
#[derive(Debug)]
pub struct Made {
    /// Its token: whoever has it can link an account.
    pub token: SecretString,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The page that a user opens.
    pub url: SecretString,
}

/// What a user is told before they go to DocuSign.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// The link.
    pub link: Link,
    /// The integrated account that is linked again.
    pub again: Option<IntegratedAccount>,
}

/// Where a user is sent.
#[derive(Debug)]
pub struct Departure {
    /// DocuSign, with a state.
    pub url: SecretString,
}

/// What a way is sealed with: the proof of its code, or the tokens had for it.
#[derive(Deserialize)]
pub(super) struct Luggage {
    /// The link's token, to try again with.
    pub(super) link: SecretString,
    pub(super) verifier: Option<SecretString>,
    pub(super) tokens: Option<SecretString>,
}

#[derive(Serialize)]
struct Packed<'a> {
    link: &'a str,
    verifier: Option<&'a str>,
    tokens: Option<&'a str>,
}

/// The accounts' way in. Cheap to clone.
#[derive(Clone)]
pub struct Links(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) linked: Linked,
    pub(super) client: Client,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Links")
    }
}

/// What a secret is known by where it must not be read.
pub(super) fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret).to_vec()
}

/// The place that a way's luggage is sealed for.
fn place(state: &[u8]) -> String {
    format!("authorization {}", URL_SAFE_NO_PAD.encode(state))
}

impl Links {
    /// What links accounts for a keyring; its client tries whether they work.
    pub fn new(linked: Linked, client: Client) -> Self {
        Self(Arc::new(Inner { linked, client }))
    }

    pub(super) fn tools(&self) -> &Tools {
        self.0.linked.tools()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.tools().clock.now()
    }

    /// 256 random bits as 43 letters, digits, `-` and `_`.
    pub fn secret(&self) -> SecretString {
        let mut bytes = [0; 32];
        self.tools().dice.fill(&mut bytes);
        SecretString::from(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Where users reach us: what the redirect URL has before `/oauth/callback`.
    ///
    /// # Errors
    /// [`Error::NotSetUp`].
    pub fn public(&self) -> Result<Url, Error> {
        if let Some(missing) = self.tools().authority.lacks_for_linking() {
            return Err(Error::NotSetUp(missing));
        }
        let redirect = self.tools().authority.redirect_url().unwrap_or_default();
        let url = Url::parse(redirect.strip_suffix(CALLBACK).unwrap_or(redirect));
        let mut url = url.map_err(|_| Error::NotSetUp("docusign.redirect_url"))?;
        if !redirect.ends_with(CALLBACK) {
            // Some proxy leads from there to our own path; of the others it tells nothing.
            url.set_path("");
            url.set_query(None);
        }
        Ok(url)
    }

    /// Where users are sent to log in.
    pub fn docusign(&self) -> &Url {
        self.tools().authority.url()
    }

    /// Makes a link.
    ///
    /// # Errors
    /// [`Error::NotSetUp`]; [`Error::AccountUnknown`] for the one that is to be linked again; the store's.
    pub async fn make(&self, wanted: Wanted) -> Result<Made, Error> {
        let mut url = self.public()?;
        let (token, now) = (self.secret(), self.now());
        let mut link = Link {
            digest: digest(token.expose_secret()),
            tenant: wanted.tenant.unwrap_or_default(),
            account: wanted.account,
            integrated: wanted.integrated,
            redirect_to: wanted.redirect_to.map(String::from),
            expires_at: later(now, wanted.life.unwrap_or(limits::LINK_LIFE)),
            used_at: None,
        };
        if let Some(id) = &link.integrated {
            let again = self.tools().store.account(id).await?.ok_or(Error::AccountUnknown)?;
            // It stays whose it is, and what it is.
            (link.tenant, link.account) = (again.tenant, again.account.or(link.account));
        }
        let expires_at = link.expires_at;
        self.tools().store.add_link(link, now).await?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("connect-account");
        }
        url.query_pairs_mut().append_pair("link_token", token.expose_secret());
        Ok(Made { token, expires_at, url: SecretString::from(String::from(url)) })
    }

    /// What a link is for, while it is good.
    ///
    /// # Errors
    /// [`Error::LinkUnknown`], [`Error::LinkUsed`], [`Error::LinkExpired`].
    pub async fn look(&self, token: &str) -> Result<Invitation, Error> {
        self.public()?;
        let link = self.good_link(&digest(token)).await?;
        let again = match &link.integrated {
            Some(id) => Some(self.tools().store.account(id).await?.ok_or(Error::AccountUnknown)?),
            None => None,
        };
        Ok(Invitation { link, again })
    }

    pub(super) async fn good_link(&self, digest: &[u8]) -> Result<Link, Error> {
        let link = self.tools().store.link(digest).await?.ok_or(Error::LinkUnknown)?;
        if link.used_at.is_some() {
            return Err(Error::LinkUsed);
        }
        if link.expires_at <= self.now() { Err(Error::LinkExpired) } else { Ok(link) }
    }

    /// Sends a user to DocuSign, who comes back in the browser that was given the secret `browser`.
    ///
    /// # Errors
    /// As [`Links::look`].
    pub async fn begin(&self, token: &str, browser: &str) -> Result<Departure, Error> {
        let link = self.look(token).await?.link;
        let (state, verifier) = (self.secret(), self.secret());
        let luggage = Packed { link: token, verifier: Some(verifier.expose_secret()), tokens: None };
        self.send_off(&state, &link, digest(browser), &luggage, None).await?;
        let url = self.tools().authority.authorize_url(state.expose_secret(), &Challenge::of(&verifier));
        Ok(Departure { url: SecretString::from(url) })
    }

    /// Keeps a way that goes on with the answer to a page: its tokens meanwhile, and what may be chosen.
    pub(super) async fn go_on(
        &self,
        link: (&Link, &SecretString),
        browser: Vec<u8>,
        tokens: &str,
        choices: String,
    ) -> Result<SecretString, Error> {
        let state = self.secret();
        let luggage = Packed { link: link.1.expose_secret(), verifier: None, tokens: Some(tokens) };
        self.send_off(&state, link.0, browser, &luggage, Some(choices)).await?;
        Ok(state)
    }

    async fn send_off(
        &self,
        state: &SecretString,
        link: &Link,
        browser: Vec<u8>,
        luggage: &Packed<'_>,
        choices: Option<String>,
    ) -> Result<(), Error> {
        let (state, now) = (digest(state.expose_secret()), self.now());
        // Plain texts: serde_json cannot fail on them.
        let text = SecretString::from(serde_json::to_string(luggage).unwrap_or_default());
        let way = Authorization {
            link: link.digest.clone(),
            browser,
            secret: self.tools().vault.seal(&place(&state), &text),
            integrated: link.integrated.clone(),
            choices,
            expires_at: later(now, limits::AUTHORIZATION_LIFE),
            state,
        };
        Ok(self.tools().store.add_authorization(way, now).await?)
    }

    /// Takes the way of a state, once, for the browser to which it was given; another one leaves it as it is.
    pub(super) async fn take_way(
        &self,
        state: &str,
        browser: Option<&str>,
        chooses: bool,
    ) -> Result<(Authorization, Luggage), Error> {
        let (store, state) = (&self.tools().store, digest(state));
        let way = store.authorization(&state).await?.filter(|way| way.choices.is_some() == chooses);
        let way = way.ok_or(Error::StateUnknown)?;
        if browser.is_none_or(|browser| digest(browser) != way.browser) {
            return Err(Error::ForeignBrowser);
        }
        let way = store.take_authorization(&state, self.now()).await?.ok_or(Error::StateUnknown)?;
        let text = self.tools().vault.open(&place(&state), &way.secret)?;
        let luggage = serde_json::from_str(text.expose_secret()).map_err(|_| vault::Error::Damaged)?;
        Ok((way, luggage))
    }
}
