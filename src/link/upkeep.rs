//! Linked accounts in the hands of an operator: linked by our key, tried again, removed.

use super::arrival::{Choice, tried};
use super::links::{Error, Links};
use crate::base::{AccountId, AccountState, Grant as Way};
use crate::rest::{self, Keyring as _};
use crate::store::{Credentials, IntegratedAccount};

/// An account that is linked without its user, who consented once to our asking in their name.
#[derive(Debug, Clone)]
pub struct Impersonated {
    /// Whose account it will be, in the caller's words.
    pub tenant: String,
    /// The DocuSign user.
    pub user_id: String,
    /// The account; the user's default where none.
    pub account: Option<AccountId>,
}

/// Why an account cannot be linked by our key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The user has no account, or not this one.
    #[error("the user has no account")]
    NoAccount,
    /// It is none of the user's.
    #[error("the account {0} is none of the user's")]
    NotTheirs(AccountId),
    /// It is linked for another tenant.
    #[error("the account {0} is linked for another tenant")]
    Taken(AccountId),
}

impl Links {
    /// Links an account by the JWT grant.
    ///
    /// # Errors
    /// [`Error::Docusign`] with [`rest::Error::ConsentRequired`] where the user has to consent first;
    /// [`Error::Unfit`].
    pub async fn impersonate(&self, wanted: Impersonated) -> Result<IntegratedAccount, Error> {
        let tools = self.tools();
        if !tools.authority.has_key() {
            return Err(Error::NotSetUp("docusign.private_key"));
        }
        let grant = tools.authority.impersonate(&wanted.user_id).await?;
        let identity = tools.authority.identity(&grant.access_token).await?;
        let mut choices = Choice::among(&identity);
        for choice in &mut choices {
            choice.belong_to(&wanted.user_id);
        }
        let chosen = match &wanted.account {
            Some(account) => choices
                .iter()
                .find(|choice| choice.account == *account)
                .ok_or_else(|| Unfit::NotTheirs(account.clone()))?,
            None => {
                choices.iter().find(|choice| choice.is_default).or(choices.first()).ok_or(Unfit::NoAccount)?
            }
        };
        let stored = tools.store.account_of(&chosen.account).await?;
        if stored.as_ref().is_some_and(|stored| stored.tenant != wanted.tenant) {
            return Err(Unfit::Taken(chosen.account.clone()).into());
        }
        self.keep(stored, chosen, &wanted.tenant, Way::Jwt, &grant).await
    }

    /// Has an account's token renewed now, and tries whether it works: what was refused before may be mended.
    ///
    /// # Errors
    /// [`Error::AccountUnknown`]; what DocuSign or the store says where the answer is not known.
    pub async fn refresh(&self, id: &str) -> Result<IntegratedAccount, Error> {
        let row = self.stored(id).await?;
        let account = row.account.clone().ok_or(Error::AccountUnknown)?;
        let linked = &self.0.linked;
        // Consent that was given since heals an account whose tokens we ask for ourselves.
        if row.grant == Way::Jwt && row.state == AccountState::NeedsReauth {
            self.write(row, Credentials::Keep, |row| {
                (row.state, row.reason) = (AccountState::Connecting, None);
            })
            .await?;
        }
        match linked.access(&account).await {
            Ok(access) => drop(linked.refused(&access).await),
            Err(why) => {
                // What the keyring found out is in the store by now.
                let row = self.stored(id).await?;
                let its_user = matches!(why, rest::Error::Unauthorized(_));
                let known = its_user && row.state == AccountState::NeedsReauth;
                return if known { Ok(row) } else { Err(why.into()) };
            }
        }
        let (state, reason) = tried(&self.0.client, &account, self.now()).await;
        let row = self.stored(id).await?;
        if row.state == AccountState::NeedsReauth || (row.state, &row.reason) == (state, &reason) {
            return Ok(row);
        }
        self.write(row, Credentials::Keep, |row| (row.state, row.reason) = (state, reason.clone())).await
    }

    async fn stored(&self, id: &str) -> Result<IntegratedAccount, Error> {
        self.tools().store.account(id).await?.ok_or(Error::AccountUnknown)
    }

    /// Removes an account with its credentials.
    ///
    /// # Errors
    /// [`Error::AccountUnknown`]; the store's.
    pub async fn remove(&self, id: &str) -> Result<IntegratedAccount, Error> {
        let gone = self.tools().store.remove_account(id, self.now()).await?.ok_or(Error::AccountUnknown)?;
        if let Some(account) = &gone.account {
            self.0.linked.forget(account);
        }
        tracing::info!(integrated_account = gone.id, account = ?gone.account, "an account was removed");
        Ok(gone)
    }
}
