//! Renewing a linked account's token: claimed, exchanged, written down, and only then used.

use std::time::Duration;

use jiff::Timestamp;

use super::credentials::{Pair, later};
use super::keyring::{Held, Linked, Slot, access, needs_reauth, unstored};
use crate::base::{AccountState, Grant, limits};
use crate::rest::{Access, Error, Token};
use crate::store::{AccountQuery, Credentials, IntegratedAccount};

impl Linked {
    /// A way in by what the store tells of an account, with a token that is good now.
    pub(super) async fn renew(&self, slot: &mut Slot, row: IntegratedAccount) -> Result<Access, Error> {
        slot.held = None;
        if row.state == AccountState::NeedsReauth {
            return Err(needs_reauth(row.reason.as_deref()));
        }
        let held = match row.grant {
            Grant::Jwt => self.impersonate(slot, row).await?,
            Grant::Code => self.exchange(slot, row).await?,
        };
        slot.refused = None;
        slot.held = Some(held.clone());
        Ok(held.access)
    }

    /// A token had at `had_at`, to be renewed ahead of its end.
    fn hold(&self, access: Access, had_at: Timestamp, ends_at: Timestamp) -> Held {
        let tools = self.tools();
        let life = Duration::try_from(ends_at.duration_since(had_at)).unwrap_or_default();
        // A little different each time, so that several accounts and nodes do not ask at once.
        let ahead = limits::TOKEN_RENEW_AHEAD.min(life / 2).mul_f64(1.0 - 0.2 * tools.dice.fraction());
        let renew_at = ends_at.checked_sub(ahead).unwrap_or(ends_at);
        Held { access, renew_at, look_at: later(tools.clock.now(), limits::ACCOUNT_LOOK) }
    }

    async fn impersonate(&self, slot: &mut Slot, row: IntegratedAccount) -> Result<Held, Error> {
        let user = row.user_id.clone().unwrap_or_default();
        match self.tools().authority.impersonate(&user).await {
            Ok(grant) => {
                slot.impersonated += 1;
                let access = access(&row, Token::new(grant.access_token, slot.impersonated))?;
                let now = self.tools().clock.now();
                Ok(self.hold(access, now, later(now, grant.life)))
            }
            Err(error @ Error::ConsentRequired { .. }) => {
                self.give_up(row, "consent_required").await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// The stored pair, or a new one where its time is over or it was refused.
    async fn exchange(&self, slot: &mut Slot, mut row: IntegratedAccount) -> Result<Held, Error> {
        let patience = later(self.tools().clock.now(), limits::REFRESH_CLAIM);
        loop {
            let (pair, now) = (self.pair(&mut row).await?, self.tools().clock.now());
            let access = access(&row, Token::new(pair.access_token.clone(), row.version))?;
            let refused = slot.refused == Some(row.version);
            let held = self.hold(access, row.refreshed_at.unwrap_or(row.created_at), pair.ends_at);
            let good = !refused && now < pair.ends_at;
            if good && now < held.renew_at {
                return Ok(held);
            }
            // Good, but it should be another by now: it is tried again soon.
            let soon = later(now, limits::TOKEN_REFUSED_MEMORY).min(pair.ends_at);
            let held = Held { renew_at: soon, ..held };
            let Some(refresh_token) = &pair.refresh_token else {
                if good {
                    return Ok(held);
                }
                self.give_up(row, "no_refresh_token").await?;
                return Err(needs_reauth(Some("no_refresh_token")));
            };
            let tools = self.tools();
            let until = later(now, limits::REFRESH_CLAIM);
            let claimed = tools.store.claim_refresh(&row.id, row.version, &tools.node, now, until).await;
            match claimed {
                Ok(true) => {}
                // Another node is at it, and this token is good enough meanwhile.
                Ok(false) | Err(_) if good => return Ok(held),
                Err(error) => return Err(unstored(error)),
                Ok(false) => {
                    if now >= patience {
                        return Err(Error::Connection("another node is renewing the token".to_owned()));
                    }
                    tokio::time::sleep(limits::REFRESH_LOOK).await;
                    continue;
                }
            }
            match tools.authority.refresh(refresh_token).await {
                Ok(grant) => {
                    let pair = Pair::of(grant, Some(refresh_token.clone()), tools.clock.now());
                    row = self.write(slot, row, &pair).await?;
                }
                Err(Error::Unauthorized(why)) if why.code == "invalid_grant" => {
                    let version = row.version;
                    let _ = self.pair(&mut row).await?;
                    if row.version == version {
                        self.give_up(row, &why.code).await?;
                        return Err(Error::Unauthorized(why));
                    }
                }
                Err(error) if good => {
                    tracing::warn!(%error, account = ?row.account, "a token could not be renewed ahead of its end");
                    return Ok(held);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The stored pair, and the account as it is stored with it.
    async fn pair(&self, row: &mut IntegratedAccount) -> Result<Pair, Error> {
        let tools = self.tools();
        let stored = tools.store.account(&row.id).await.map_err(unstored)?;
        *row = stored.ok_or_else(|| needs_reauth(Some("ACCOUNT_REMOVED")))?;
        let sealed = tools.store.credentials(&row.id).await.map_err(unstored)?;
        let (version, sealed) = sealed.ok_or_else(|| needs_reauth(row.reason.as_deref()))?;
        row.version = version;
        let opened = Pair::open(&tools.vault, &row.id, &sealed);
        opened.map_err(|why| Error::Settings(format!("integrated account {}: {why}", row.id)))
    }

    /// Writes a new pair down. Where that fails, the pair is kept in memory until it can be.
    async fn write(
        &self,
        slot: &mut Slot,
        row: IntegratedAccount,
        pair: &Pair,
    ) -> Result<IntegratedAccount, Error> {
        let tools = self.tools();
        let now = tools.clock.now();
        let sealed = pair.seal(&tools.vault, &row.id);
        let row = IntegratedAccount { refreshed_at: Some(now), updated_at: now, ..row };
        slot.unsaved = Some((row.clone(), sealed.clone()));
        let written = tools.store.put_account(row, Credentials::Set(sealed)).await.map_err(unstored)?;
        slot.unsaved = None;
        Ok(written)
    }

    async fn give_up(&self, row: IntegratedAccount, reason: &str) -> Result<(), Error> {
        tracing::warn!(integrated_account = row.id, reason, "an account has to be linked again");
        let now = self.tools().clock.now();
        let state = AccountState::NeedsReauth;
        let row = IntegratedAccount { state, reason: Some(reason.to_owned()), updated_at: now, ..row };
        self.tools().store.put_account(row, Credentials::Keep).await.map_err(unstored)?;
        Ok(())
    }

    /// Renews whatever has not been for long: a refresh token that nobody uses ends after 30 days. How many were
    /// renewed.
    pub async fn keep_alive(&self) -> Result<usize, Error> {
        let old = self.tools().clock.now().checked_sub(limits::REFRESH_IDLE_MAX);
        let (old, mut renewed) = (old.unwrap_or(Timestamp::UNIX_EPOCH), 0);
        for row in self.active().await? {
            let idle = row.grant == Grant::Code && row.refreshed_at.is_none_or(|at| at < old);
            let Some(account) = row.account.filter(|_| idle) else { continue };
            // Told so, the next who needs a token has it renewed.
            let slot = self.slot(&account);
            let mut slot = slot.lock().await;
            slot.refused = Some(row.version);
            let found = self.tools().store.account(&row.id).await.map_err(unstored)?;
            let Some(found) = found else { continue };
            match self.renew(&mut slot, found).await {
                Ok(_) => renewed += 1,
                Err(error) => {
                    tracing::warn!(%error, %account, "a token that was long unused could not be renewed")
                }
            }
        }
        Ok(renewed)
    }

    /// Seals anew whatever a previous key sealed: how many were, and how many open by no key that we have.
    pub async fn rotate(&self) -> Result<(usize, usize), Error> {
        let (tools, mut done) = (self.tools(), (0, 0));
        for row in self.all(None).await? {
            let Some((version, sealed)) = tools.store.credentials(&row.id).await.map_err(unstored)? else {
                continue;
            };
            if tools.vault.is_current(&sealed) {
                continue;
            }
            let Ok(pair) = Pair::open(&tools.vault, &row.id, &sealed) else {
                done.1 += 1;
                continue;
            };
            let anew = Credentials::Set(pair.seal(&tools.vault, &row.id));
            let row = IntegratedAccount { version, ..row };
            tools.store.put_account(row, anew).await.map_err(unstored)?;
            done.0 += 1;
        }
        Ok(done)
    }

    async fn active(&self) -> Result<Vec<IntegratedAccount>, Error> {
        self.all(Some(AccountState::Active)).await
    }

    /// All accounts in a state, page by page.
    pub(super) async fn all(&self, state: Option<AccountState>) -> Result<Vec<IntegratedAccount>, Error> {
        let mut query = AccountQuery { limit: limits::PAGE_ROWS_MAX, state, ..AccountQuery::default() };
        let mut all = Vec::new();
        loop {
            let page = self.tools().store.accounts(query.clone()).await.map_err(unstored)?;
            query.after = page.last().map(|last| last.id.clone());
            let full = page.len() == query.limit;
            all.extend(page);
            if !full {
                return Ok(all);
            }
        }
    }
}
