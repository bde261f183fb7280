//! Who has the keys: where each account's API is, and with which token it is called.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::Error;
use super::settings::below;
use crate::base::AccountId;

/// An answer that takes its time.
pub type Promise<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An access token as it is sent, and which of those that its keyring had it is.
#[derive(Debug, Clone)]
pub struct Token {
    pub(super) secret: Arc<SecretString>,
    serial: u64,
}

impl Token {
    /// A token; `serial` is another one for each that its account has.
    pub fn new(secret: SecretString, serial: u64) -> Self {
        Self { secret: Arc::new(secret), serial }
    }

    /// Whether it is the same one.
    pub fn is(&self, other: &Self) -> bool {
        self.serial == other.serial
    }

    /// Its number.
    pub fn serial(&self) -> u64 {
        self.serial
    }
}

/// A way into an account's REST API.
#[derive(Debug, Clone)]
pub struct Access {
    /// The account, as its API is to be asked for it.
    pub account: AccountId,
    /// The host of its API, such as `https://eu.docusign.net`.
    pub base_uri: Url,
    /// The token to send.
    pub token: Token,
}

impl Access {
    /// `{base_uri}/restapi/v2.1/accounts/{account}` and what lies below; segments are escaped.
    pub fn url(&self, segments: &[&str]) -> Url {
        below(&account_url(&self.base_uri, &self.account), segments)
    }
}

/// `{base_uri}/restapi/v2.1/accounts/{account}`.
pub(super) fn account_url(base_uri: &Url, account: &AccountId) -> Url {
    below(base_uri, &["restapi", "v2.1", "accounts", account.as_str()])
}

/// Whoever knows the accounts and keeps their tokens fresh: the configured user, or the linked accounts.
pub trait Keyring: fmt::Debug + Send + Sync {
    /// A way into the account's API with a token that is good now. However many ask at a time, one request is made.
    fn access<'a>(&'a self, account: &'a AccountId) -> Promise<'a, Result<Access, Error>>;

    /// The host of the account's API, where that is known without asking DocuSign. Who does not know, asks.
    fn host<'a>(&'a self, _account: &'a AccountId) -> Promise<'a, Option<Url>> {
        Box::pin(std::future::ready(None))
    }

    /// Forgets a token that was refused. Whether asking again can give another one.
    fn refused<'a>(&'a self, access: &'a Access) -> Promise<'a, bool>;

    /// The account that a caller names by the id that we gave it when it was linked, or by DocuSign's own; none where
    /// there is no such account. Who links no accounts knows DocuSign's alone.
    fn named<'a>(&'a self, id: &'a str) -> Promise<'a, Result<Option<AccountId>, Error>> {
        Box::pin(std::future::ready(Ok(Some(AccountId::new(id)))))
    }

    /// The accounts that can be called now.
    fn accounts(&self) -> Promise<'_, Result<Vec<AccountId>, Error>>;
}
