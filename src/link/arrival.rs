//! A user back from DocuSign: the code is exchanged, an account is chosen, tried and kept.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::credentials::later;
use super::links::{Back, Error, Links, Returned};
use crate::base::{AccountId, AccountState, Grant as Way, limits};
use crate::rest::{self, Access, Call, Client, Grant, Identity, Keyring, Membership, Promise, Token};
use crate::store::{Credentials, IntegratedAccount, Link};

/// What DocuSign sent a user back with.
#[derive(Debug, Default)]
pub struct Callback {
    /// The state that we gave.
    pub state: String,
    /// The code, where the user allowed it.
    pub code: Option<SecretString>,
    /// Else why there is none.
    pub error: Option<String>,
}

/// What comes next for a user who is back.
#[derive(Debug)]
pub enum Arrival {
    /// They choose one of their accounts.
    Choose {
        /// What the choice is sent with.
        ticket: SecretString,
        /// The accounts.
        choices: Vec<Choice>,
        /// Where they go afterwards.
        redirect_to: Option<String>,
    },
    /// An account is linked.
    Done(Done),
}

/// A linked account, and where its user goes now.
#[derive(Debug, Clone)]
pub struct Done {
    /// The account: active, or with the reason why not.
    pub account: IntegratedAccount,
    /// Where its user goes.
    pub redirect_to: Option<String>,
}

/// An account that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// DocuSign's id.
    pub account: AccountId,
    /// Its name, where known.
    pub name: Option<String>,
    /// The host of its API.
    base_uri: String,
    /// Whose account it would be: the DocuSign user.
    user_id: Option<String>,
    /// Whether its user calls it the default.
    pub is_default: bool,
}

impl Choice {
    fn of(membership: &Membership, user_id: Option<&String>) -> Self {
        Self {
            account: membership.account.clone(),
            name: membership.name.as_ref().map(|name| short(name)),
            base_uri: membership.base_uri.to_string(),
            user_id: user_id.cloned(),
            is_default: membership.is_default,
        }
    }

    /// Told whose account it is, where DocuSign did not say.
    pub(super) fn belong_to(&mut self, user_id: &str) {
        self.user_id.get_or_insert_with(|| user_id.to_owned());
    }

    /// All accounts of a user's.
    pub(super) fn among(identity: &Identity) -> Vec<Self> {
        identity.accounts.iter().map(|one| Self::of(one, identity.user_id.as_ref())).collect()
    }
}

fn short(text: &str) -> String {
    text[..text.floor_char_boundary(limits::TEXT_TAKEN_BYTES_MAX)].to_owned()
}

/// Tokens while their user chooses.
#[derive(Deserialize)]
struct Waiting {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    ends_at: Timestamp,
}

#[derive(Serialize)]
struct Shown<'a> {
    access_token: &'a str,
    refresh_token: Option<&'a str>,
    ends_at: Timestamp,
}

/// One token, as it is: tries an account that the keyring does not know yet.
#[derive(Debug)]
struct Candidate(Access);

impl Keyring for Candidate {
    fn access<'a>(&'a self, _: &'a AccountId) -> Promise<'a, Result<Access, rest::Error>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }

    fn refused<'a>(&'a self, _: &'a Access) -> Promise<'a, bool> {
        Box::pin(std::future::ready(false))
    }

    fn accounts(&self) -> Promise<'_, Result<Vec<AccountId>, rest::Error>> {
        Box::pin(std::future::ready(Ok(vec![self.0.account.clone()])))
    }
}

impl Links {
    /// Takes in a user whom DocuSign sent back, in the browser that has the secret `browser`.
    ///
    /// # Errors
    /// [`Error::StateUnknown`] and [`Error::ForeignBrowser`] before anything else is looked at; [`Error::Back`].
    pub async fn arrive(&self, callback: Callback, browser: Option<&str>) -> Result<Arrival, Error> {
        let (way, luggage) = self.take_way(&callback.state, browser, false).await?;
        let link = self.good_link(&way.link).await?;
        let failed = |why| back(why, &luggage.link, &link);
        let code = match (callback.code, callback.error) {
            (Some(code), None) => code,
            (_, Some(denied)) if denied == "access_denied" => return Err(failed(Back::Denied)),
            (_, error) => {
                let word: String = error.unwrap_or_default().chars().take(limits::REST_WORDS_MAX.0).collect();
                return Err(failed(Back::Refused(word)));
            }
        };
        let verifier = luggage.verifier.clone().unwrap_or_default();
        let authority = &self.tools().authority;
        let grant = authority.exchange(code.expose_secret(), &verifier).await;
        let grant = grant.map_err(|why| failed(Back::Docusign(why)))?;
        let identity = authority.identity(&grant.access_token).await;
        let choices = Choice::among(&identity.map_err(|why| failed(Back::Docusign(why)))?);
        let chosen = match (&link.account, choices.as_slice()) {
            (Some(wanted), _) => {
                let chosen = choices.iter().find(|choice| choice.account == *wanted);
                chosen.ok_or_else(|| failed(Back::NotTheirs(wanted.clone())))?
            }
            (None, []) => return Err(failed(Back::NoAccount)),
            (None, [only]) => only,
            (None, _) => {
                let tokens = shown(&grant, self.now());
                let listed = serde_json::to_string(&choices).unwrap_or_default();
                let tokens = tokens.expose_secret();
                let ticket = self.go_on((&link, &luggage.link), way.browser, tokens, listed).await?;
                return Ok(Arrival::Choose { ticket, choices, redirect_to: link.redirect_to });
            }
        };
        self.finish(&link, chosen, grant, &luggage.link).await.map(Arrival::Done)
    }

    /// Takes in which account a user chose.
    ///
    /// # Errors
    /// As [`Links::arrive`].
    pub async fn choose(&self, ticket: &str, account: &str, browser: Option<&str>) -> Result<Done, Error> {
        let (way, luggage) = self.take_way(ticket, browser, true).await?;
        let link = self.good_link(&way.link).await?;
        let choices: Vec<Choice> =
            serde_json::from_str(way.choices.as_deref().unwrap_or_default()).unwrap_or_default();
        let account = AccountId::new(account);
        let chosen = choices.iter().find(|choice| choice.account == account);
        let chosen = chosen.ok_or_else(|| back(Back::NotTheirs(account), &luggage.link, &link))?;
        let tokens = luggage.tokens.as_ref().map(|tokens| tokens.expose_secret()).unwrap_or_default();
        let waiting: Waiting = serde_json::from_str(tokens).map_err(|_| crate::vault::Error::Damaged)?;
        let life = Duration::try_from(waiting.ends_at.duration_since(self.now())).unwrap_or_default();
        let (access_token, refresh_token) = (waiting.access_token, waiting.refresh_token);
        self.finish(&link, chosen, Grant { access_token, refresh_token, life }, &luggage.link).await
    }

    /// Links the chosen account. The link is used from here on, whatever comes.
    async fn finish(
        &self,
        link: &Link,
        chosen: &Choice,
        grant: Grant,
        token: &SecretString,
    ) -> Result<Done, Error> {
        let store = &self.tools().store;
        let stored = match &link.integrated {
            Some(id) => Some(store.account(id).await?.ok_or(Error::AccountUnknown)?),
            None => store.account_of(&chosen.account).await?,
        };
        if stored.as_ref().is_some_and(|stored| stored.tenant != link.tenant) {
            return Err(back(Back::Taken(chosen.account.clone()), token, link));
        }
        store.take_link(&link.digest, self.now()).await?.ok_or(Error::LinkUsed)?;
        let account = self.keep(stored, chosen, &link.tenant, Way::Code, &grant).await?;
        Ok(Done { account, redirect_to: link.redirect_to.clone() })
    }

    /// Keeps an account with what was granted: connecting where it is new, and then as a call with it shows.
    pub(super) async fn keep(
        &self,
        stored: Option<IntegratedAccount>,
        chosen: &Choice,
        tenant: &str,
        way: Way,
        grant: &Grant,
    ) -> Result<IntegratedAccount, Error> {
        let now = self.now();
        let is_new = stored.is_none();
        let row = stored.unwrap_or_else(|| IntegratedAccount {
            id: self.tools().dice.uuid_at(now).to_string(),
            account: None,
            name: None,
            tenant: tenant.to_owned(),
            user_id: None,
            base_uri: None,
            grant: way,
            state: AccountState::Connecting,
            reason: None,
            refreshed_at: None,
            version: 0,
            created_at: now,
            updated_at: now,
        });
        let sealed = self.0.linked.seal(&row.id, grant.clone());
        let credentials = move || match way {
            Way::Code => Credentials::Set(sealed.clone()),
            Way::Jwt => Credentials::Drop,
        };
        let become_chosen = |row: &mut IntegratedAccount| {
            row.account = Some(chosen.account.clone());
            row.name = chosen.name.clone().or(row.name.take());
            (row.base_uri, row.grant) = (Some(chosen.base_uri.clone()), way);
            row.user_id = chosen.user_id.clone().or(row.user_id.take());
            row.refreshed_at = Some(now);
        };
        let row = if is_new {
            self.write(row, credentials(), |row| {
                become_chosen(row);
                (row.state, row.reason) = (AccountState::Connecting, None);
            })
            .await?
        } else {
            row
        };
        let (state, reason) = self.tried(chosen, &grant.access_token).await;
        let credentials = if is_new { Credentials::Keep } else { credentials() };
        let row = self
            .write(row, credentials, |row| {
                become_chosen(row);
                (row.state, row.reason) = (state, reason.clone());
            })
            .await?;
        self.0.linked.forget(&chosen.account);
        tracing::info!(
            integrated_account = row.id,
            account = chosen.account.as_str(),
            state = row.state.word(),
            reason = row.reason,
            "an account was linked"
        );
        Ok(row)
    }

    /// Makes one call with a token: the state that it shows, and why.
    pub(super) async fn tried(
        &self,
        chosen: &Choice,
        token: &SecretString,
    ) -> (AccountState, Option<String>) {
        let Ok(base_uri) = Url::parse(&chosen.base_uri) else {
            return (AccountState::ValidationError, Some("BASE_URI_INVALID".to_owned()));
        };
        let token = Token::new(token.clone(), 0);
        let access = Access { account: chosen.account.clone(), base_uri, token };
        let client = self.0.client.by_keyring(Arc::new(Candidate(access)));
        tried(&client, &chosen.account, self.now()).await
    }

    /// Changes a stored account, again where somebody else was faster.
    pub(super) async fn write(
        &self,
        mut row: IntegratedAccount,
        credentials: Credentials,
        change: impl Fn(&mut IntegratedAccount),
    ) -> Result<IntegratedAccount, Error> {
        let grows = u64::from(credentials != Credentials::Keep);
        for _ in 0..limits::ACCOUNT_TRIES_MAX {
            change(&mut row);
            row.updated_at = self.now();
            let expected = row.version + grows;
            let written = self.tools().store.put_account(row.clone(), credentials.clone()).await?;
            if written.version == expected {
                return Ok(written);
            }
            row = written;
        }
        Err(Error::Overtaken)
    }
}

/// What one cheap call shows of an account: whether it works, or why not.
pub(super) async fn tried(
    client: &Client,
    account: &AccountId,
    now: Timestamp,
) -> (AccountState, Option<String>) {
    let call = Call::get(&["envelopes"]).with("from_date", now.to_string()).with("count", "1");
    match client.call(account, &call).await {
        // That it has no call left now says that it works.
        Ok(_) | Err(rest::Error::Throttled { .. }) => (AccountState::Active, None),
        Err(why) => (AccountState::ValidationError, Some(why.code())),
    }
}

fn shown(grant: &Grant, now: Timestamp) -> SecretString {
    let shown = Shown {
        access_token: grant.access_token.expose_secret(),
        refresh_token: grant.refresh_token.as_ref().map(|token| token.expose_secret()),
        ends_at: later(now, grant.life),
    };
    // Plain texts and a time: serde_json cannot fail on them.
    SecretString::from(serde_json::to_string(&shown).unwrap_or_default())
}

fn back(why: Back, token: &SecretString, link: &Link) -> Error {
    let (again, redirect_to) = (token.clone(), link.redirect_to.clone());
    Error::Back(Box::new(Returned { why, again, redirect_to }))
}
