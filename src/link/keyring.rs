//! The keyring of linked accounts; who is not linked is asked for as the configured user, where there is one.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex as Lock, PoisonError};

use jiff::Timestamp;
use tokio::sync::Mutex;
use url::Url;

use super::credentials::Pair;
use crate::base::{AccountId, AccountState, Clock, Dice, limits};
use crate::rest::{Access, Authority, Error, Grant, Keyring, Promise, Raw, Refused, Token, User};
use crate::store::{Credentials, IntegratedAccount, Store};
use crate::vault::Vault;

/// What a keyring works with.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Where accounts are kept.
    pub store: Store,
    /// What seals their credentials.
    pub vault: Arc<Vault>,
    /// Who gives tokens.
    pub authority: Authority,
    /// A name that no other node has.
    pub node: String,
    /// What the time is.
    pub clock: Arc<dyn Clock>,
    /// Spreads renewals.
    pub dice: Dice,
}

/// The linked accounts. Cheap to clone; clones share their tokens.
#[derive(Clone)]
pub struct Linked(Arc<Inner>);

struct Inner {
    tools: Tools,
    user: Option<Arc<User>>,
    slots: Lock<HashMap<AccountId, Arc<Mutex<Slot>>>>,
}

impl fmt::Debug for Linked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Linked")
    }
}

/// What is known of one account; behind the lock that makes its renewals one at a time.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) held: Option<Held>,
    /// A token that was refused though its time is not over.
    pub(super) refused: Option<u64>,
    /// A pair that was had and could not be written down yet. The one before it is dead.
    pub(super) unsaved: Option<(IntegratedAccount, Vec<u8>)>,
    /// Tokens had by the JWT grant so far.
    pub(super) impersonated: u64,
}

/// A token in use.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) access: Access,
    pub(super) renew_at: Timestamp,
    /// When the store is asked again whether the account is still linked as it was.
    pub(super) look_at: Timestamp,
}

impl Linked {
    /// A keyring that makes no call yet.
    pub fn new(tools: Tools, user: Option<Arc<User>>) -> Self {
        Self(Arc::new(Inner { tools, user, slots: Lock::default() }))
    }

    pub(super) fn tools(&self) -> &Tools {
        &self.0.tools
    }

    /// What seals credentials, and whatever else only we may make.
    pub fn vault(&self) -> &Arc<Vault> {
        &self.tools().vault
    }

    /// A grant's tokens, sealed for the integrated account `id`.
    pub fn seal(&self, id: &str, grant: Grant) -> Vec<u8> {
        let tools = self.tools();
        Pair::of(grant, None, tools.clock.now()).seal(&tools.vault, id)
    }

    /// Forgets what is held in memory of an account: it was linked anew or removed.
    pub fn forget(&self, account: &AccountId) {
        self.slots(|slots| slots.remove(account));
    }

    fn slots<T>(&self, change: impl FnOnce(&mut HashMap<AccountId, Arc<Mutex<Slot>>>) -> T) -> T {
        change(&mut self.0.slots.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn slot(&self, account: &AccountId) -> Arc<Mutex<Slot>> {
        self.slots(|slots| {
            if slots.len() >= limits::REST_ACCOUNTS_MAX && !slots.contains_key(account) {
                // What is in use, or holds the only copy of a pair, stays.
                let idle = |slot: &Arc<Mutex<Slot>>| slot.try_lock().is_ok_and(|slot| slot.unsaved.is_none());
                slots.retain(|_, slot| Arc::strong_count(slot) > 1 || !idle(slot));
            }
            Arc::clone(slots.entry(account.clone()).or_default())
        })
    }

    async fn give(&self, account: &AccountId) -> Result<Access, Error> {
        let slot = self.slot(account);
        let mut slot = slot.lock().await;
        let now = self.tools().clock.now();
        self.save(&mut slot).await?;
        if let Some(held) = slot.held.as_ref().filter(|held| now < held.renew_at && now < held.look_at) {
            return Ok(held.access.clone());
        }
        let row = self.tools().store.account_of(account).await.map_err(unstored)?;
        match row {
            Some(row) => self.renew(&mut slot, row).await,
            None => {
                *slot = Slot::default();
                match &self.0.user {
                    Some(user) => user.access(account).await,
                    None => Err(not_linked()),
                }
            }
        }
    }

    /// Writes down what could not be written when it was had.
    async fn save(&self, slot: &mut Slot) -> Result<(), Error> {
        let Some((row, sealed)) = slot.unsaved.clone() else { return Ok(()) };
        let put = self.tools().store.put_account(row, Credentials::Set(sealed)).await;
        put.map_err(unstored)?;
        slot.unsaved = None;
        Ok(())
    }

    async fn drop_refused(&self, access: &Access) -> bool {
        let linked = self.tools().store.account_of(&access.account).await;
        match linked {
            Ok(Some(_)) => {}
            Ok(None) => {
                return match &self.0.user {
                    Some(user) => user.refused(access).await,
                    None => false,
                };
            }
            Err(_) => return false,
        }
        let slot = self.slot(&access.account);
        let mut slot = slot.lock().await;
        // Another call may have had it renewed meanwhile.
        if slot.held.as_ref().is_some_and(|held| held.access.token.is(&access.token)) {
            slot.held = None;
            slot.refused = Some(access.token.serial());
        }
        true
    }

    async fn list(&self) -> Result<Vec<AccountId>, Error> {
        let linked = self.all(Some(AccountState::Active)).await?;
        let mut all: Vec<_> = linked.into_iter().filter_map(|row| row.account).collect();
        if let Some(user) = &self.0.user {
            // Linked or not, an account is there once.
            match user.accounts().await {
                Ok(more) => all.extend(more.into_iter().filter(|id| !all.contains(id)).collect::<Vec<_>>()),
                Err(error) if all.is_empty() => return Err(error),
                // The linked ones can be called all the same.
                Err(error) => tracing::warn!(%error, "the configured user's accounts could not be asked for"),
            }
        }
        Ok(all)
    }
}

impl Keyring for Linked {
    fn access<'a>(&'a self, account: &'a AccountId) -> Promise<'a, Result<Access, Error>> {
        Box::pin(self.give(account))
    }

    fn host<'a>(&'a self, account: &'a AccountId) -> Promise<'a, Option<Url>> {
        Box::pin(async move {
            match (self.tools().store.account_of(account).await.ok()?, &self.0.user) {
                (Some(row), _) => Url::parse(row.base_uri.as_deref()?).ok(),
                (None, Some(user)) => user.host(account).await,
                (None, None) => None,
            }
        })
    }

    fn refused<'a>(&'a self, access: &'a Access) -> Promise<'a, bool> {
        Box::pin(self.drop_refused(access))
    }

    fn named<'a>(&'a self, id: &'a str) -> Promise<'a, Result<Option<AccountId>, Error>> {
        Box::pin(async move {
            let row = self.tools().store.account(id).await.map_err(unstored)?;
            // Else it may be DocuSign's own id, of an account of the configured user's perhaps.
            Ok(row.map_or_else(|| Some(AccountId::new(id)), |row| row.account))
        })
    }

    fn accounts(&self) -> Promise<'_, Result<Vec<AccountId>, Error>> {
        Box::pin(self.list())
    }
}

pub(super) fn unstored(error: crate::store::Error) -> Error {
    Error::Connection(format!("the store could not be asked for the account: {error}"))
}

fn told(code: &str) -> Refused {
    let raw = Raw::default();
    Refused { status: None, code: code.to_owned(), message: String::new(), trace_token: None, raw }
}

fn not_linked() -> Error {
    Error::NotFound(told("ACCOUNT_NOT_LINKED"))
}

/// Its user has to link the account again.
pub(super) fn needs_reauth(reason: Option<&str>) -> Error {
    Error::Unauthorized(told(reason.unwrap_or("ACCOUNT_NEEDS_REAUTH")))
}

/// A way in by this token.
pub(super) fn access(row: &IntegratedAccount, token: Token) -> Result<Access, Error> {
    let damaged = || Error::Settings(format!("integrated account {} has no base URI: link it again", row.id));
    let base_uri = row.base_uri.as_deref().and_then(|text| Url::parse(text).ok()).ok_or_else(damaged)?;
    let account = row.account.clone().ok_or_else(not_linked)?;
    Ok(Access { account, base_uri, token })
}
