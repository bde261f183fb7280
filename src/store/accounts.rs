//! Linked accounts, leave to link one, and users on their way to DocuSign and back.
//!
//! Whatever changes an account's state says so in the same transaction, as `account.<state>.<account>`. Secrets come
//! in sealed: the store cannot read them.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::base::{AccountId, AccountState, Grant};
use crate::signing::AccountChange;
use crate::signing::account::ACCOUNT_TYPE;

use super::append::note;
use super::feed::{among, signed};
use super::ledger::Ledger;
use super::session::{Row, Session, Value};
use super::{Error, Store};

/// An account that a user linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegratedAccount {
    /// Ours: a UUID.
    pub id: String,
    /// DocuSign's, once it is known.
    pub account: Option<AccountId>,
    /// Its name at DocuSign.
    pub name: Option<String>,
    /// Whose it is, in the words of whoever made the link token.
    pub tenant: String,
    /// The DocuSign user who linked it, or in whose name we ask.
    pub user_id: Option<String>,
    /// The host of its API.
    pub base_uri: Option<String>,
    /// How its tokens are had.
    pub grant: Grant,
    /// Where it stands.
    pub state: AccountState,
    /// Why, where that is not plain: a code, never a secret.
    pub reason: Option<String>,
    /// When its credentials were last exchanged.
    pub refreshed_at: Option<Timestamp>,
    /// Grows with each change of its credentials.
    pub version: u64,
    /// When it was linked first.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
}

/// What becomes of an account's sealed credentials as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// They stay.
    Keep,
    /// These replace them.
    Set(Vec<u8>),
    /// There are none any more.
    Drop,
}

/// Leave to link one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// SHA-256 of the token that was given out.
    pub digest: Vec<u8>,
    /// Whose account it will be.
    pub tenant: String,
    /// The one account of DocuSign's that may be chosen; any where none.
    pub account: Option<AccountId>,
    /// The integrated account that is linked again, or that came of it.
    pub integrated: Option<String>,
    /// Where the user goes afterwards.
    pub redirect_to: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

/// A user on the way to DocuSign and back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// SHA-256 of the `state` that comes back.
    pub state: Vec<u8>,
    /// The link's digest.
    pub link: Vec<u8>,
    /// SHA-256 of what the user's browser was given to show again.
    pub browser: Vec<u8>,
    /// Sealed: the PKCE verifier.
    pub secret: Vec<u8>,
    /// The integrated account, once there is one.
    pub integrated: Option<String>,
    /// Among which accounts the user chooses, as JSON.
    pub choices: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Which accounts to list, in the order of their ids.
#[derive(Debug, Clone, Default)]
pub struct AccountQuery {
    /// Only those after this id.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Only in this state.
    pub state: Option<AccountState>,
    /// Only this tenant's.
    pub tenant: Option<String>,
    /// Only those of these accounts of DocuSign's.
    pub among: Option<Vec<AccountId>>,
}

macro_rules! select_accounts {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "SELECT id, account, name, tenant, user_id, base_uri, access, state, reason, refreshed_at, version, ",
            "created_at, updated_at FROM accounts ",
            $($rest),+
        )
    };
}

fn read_account(row: &Row<'_>) -> Result<IntegratedAccount, Error> {
    let damaged = || Error::Rejected("a linked account is damaged".into());
    Ok(IntegratedAccount {
        id: row.text(0)?,
        account: row.text_maybe(1)?.as_deref().map(AccountId::new),
        name: row.text_maybe(2)?,
        tenant: row.text(3)?,
        user_id: row.text_maybe(4)?,
        base_uri: row.text_maybe(5)?,
        grant: Grant::from_word(&row.text(6)?).ok_or_else(damaged)?,
        state: AccountState::from_word(&row.text(7)?).ok_or_else(damaged)?,
        reason: row.text_maybe(8)?,
        refreshed_at: row.time_maybe(9)?,
        version: row.count(10)?,
        created_at: row.time(11)?,
        updated_at: row.time(12)?,
    })
}

fn account(session: &Session, id: &str) -> Result<Option<IntegratedAccount>, Error> {
    session.row(select_accounts!("WHERE id = ?1"), &[id.into()], read_account)
}

fn account_of(session: &Session, account: &AccountId) -> Result<Option<IntegratedAccount>, Error> {
    session.row(select_accounts!("WHERE account = ?1"), &[account.as_str().into()], read_account)
}

fn list(session: &Session, query: &AccountQuery) -> Result<Vec<IntegratedAccount>, Error> {
    session.rows(
        select_accounts!(
            "WHERE id > ?1 AND (state = ?2 OR ?2 IS NULL) AND (tenant = ?3 OR ?3 IS NULL) AND ",
            is_among!("account", "?5"),
            " ORDER BY id LIMIT ?4"
        ),
        &[
            query.after.as_deref().unwrap_or_default().into(),
            query.state.map(AccountState::word).into(),
            query.tenant.as_deref().into(),
            signed(query.limit as u64).into(),
            among(query.among.as_deref()).as_deref().into(),
        ],
        read_account,
    )
}

/// Tells of a state, in the transaction that brought it.
fn tell(
    ledger: &mut Ledger,
    now: &IntegratedAccount,
    state: Option<AccountState>,
    previous: Option<AccountState>,
) -> Result<(), Error> {
    let unknown = AccountId::unknown();
    let change = AccountChange {
        account: now.account.as_ref().unwrap_or(&unknown),
        integrated: &now.id,
        name: now.name.as_deref(),
        tenant: &now.tenant,
        state,
        previous,
        reason: now.reason.as_deref(),
        at: now.updated_at,
    };
    note(ledger, &change, ACCOUNT_TYPE)
}

/// Writes an account as it is now. A version other than the stored one means that someone else was faster: then
/// nothing is written, and what is stored is the answer.
fn put(
    ledger: &mut Ledger,
    wanted: &IntegratedAccount,
    credentials: &Credentials,
) -> Result<IntegratedAccount, Error> {
    let stored = account(&ledger.session, &wanted.id)?;
    if let Some(stored) = stored.as_ref().filter(|stored| stored.version != wanted.version) {
        return Ok(stored.clone());
    }
    let mut now = wanted.clone();
    now.version += u64::from(*credentials != Credentials::Keep);
    let sealed: Value<'_> = match credentials {
        Credentials::Set(sealed) => sealed.as_slice().into(),
        Credentials::Keep | Credentials::Drop => Value::Null,
    };
    let keep: i64 = i64::from(*credentials == Credentials::Keep);
    ledger.session.execute(
        "INSERT INTO accounts (id, account, name, tenant, user_id, base_uri, access, state, reason, credentials, \
         refreshed_at, version, claimed_until, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0, ?13, ?14) \
         ON CONFLICT (id) DO UPDATE SET account = excluded.account, name = excluded.name, tenant = excluded.tenant, \
         user_id = excluded.user_id, base_uri = excluded.base_uri, access = excluded.access, state = excluded.state, \
         reason = excluded.reason, \
         credentials = CASE WHEN ?15 = 1 THEN accounts.credentials ELSE excluded.credentials END, \
         refreshed_at = excluded.refreshed_at, version = excluded.version, claimed_until = 0, \
         updated_at = excluded.updated_at",
        &[
            now.id.as_str().into(),
            now.account.as_ref().map(AccountId::as_str).into(),
            now.name.as_deref().into(),
            now.tenant.as_str().into(),
            now.user_id.as_deref().into(),
            now.base_uri.as_deref().into(),
            now.grant.word().into(),
            now.state.word().into(),
            now.reason.as_deref().into(),
            sealed,
            now.refreshed_at.into(),
            signed(now.version).into(),
            now.created_at.into(),
            now.updated_at.into(),
            keep.into(),
        ],
    )?;
    ledger.linked.clear();
    let previous = stored.as_ref().map(|stored| stored.state);
    let moved = stored.is_none_or(|stored| stored.state != now.state || stored.account != now.account);
    if moved {
        tell(ledger, &now, Some(now.state), previous)?;
    }
    Ok(now)
}

fn remove(ledger: &mut Ledger, id: &str, at: Timestamp) -> Result<Option<IntegratedAccount>, Error> {
    let Some(mut gone) = account(&ledger.session, id)? else { return Ok(None) };
    ledger.linked.clear();
    ledger.session.execute("DELETE FROM accounts WHERE id = ?1", &[id.into()])?;
    (gone.updated_at, gone.reason) = (at, None);
    tell(ledger, &gone, None, Some(gone.state))?;
    Ok(Some(gone))
}

/// Takes the exchange of an account's refresh token upon a node; false where its version is another or another node
/// is at it.
fn claim(
    ledger: &Ledger,
    (id, version): (&str, u64),
    node: &str,
    (now, until): (Timestamp, Timestamp),
) -> Result<bool, Error> {
    let changed = ledger.session.execute(
        "UPDATE accounts SET claimed_by = ?3, claimed_until = ?5 WHERE id = ?1 AND version = ?2 \
         AND (claimed_until <= ?4 OR claimed_by = ?3)",
        &[id.into(), signed(version).into(), node.into(), now.into(), until.into()],
    )?;
    Ok(changed > 0)
}

fn add_link(ledger: &Ledger, link: &Link, now: Timestamp) -> Result<(), Error> {
    // What ended long ago is told apart from what never was for a day, and then forgotten.
    let forgotten = now.checked_sub(jiff::SignedDuration::from_hours(24)).unwrap_or(now);
    ledger.session.execute("DELETE FROM links WHERE expires_at < ?1", &[forgotten.into()])?;
    ledger.session.execute(
        "INSERT INTO links (digest, tenant, account, integrated, redirect_to, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[
            link.digest.as_slice().into(),
            link.tenant.as_str().into(),
            link.account.as_ref().map(AccountId::as_str).into(),
            link.integrated.as_deref().into(),
            link.redirect_to.as_deref().into(),
            link.expires_at.into(),
        ],
    )?;
    Ok(())
}

fn link(session: &Session, digest: &[u8]) -> Result<Option<Link>, Error> {
    session.row(
        "SELECT digest, tenant, account, integrated, redirect_to, expires_at, used_at FROM links WHERE digest = ?1",
        &[digest.into()],
        |row| {
            Ok(Link {
                digest: row.blob(0)?,
                tenant: row.text(1)?,
                account: row.text_maybe(2)?.as_deref().map(AccountId::new),
                integrated: row.text_maybe(3)?,
                redirect_to: row.text_maybe(4)?,
                expires_at: row.time(5)?,
                used_at: row.time_maybe(6)?,
            })
        },
    )
}

fn take_link(ledger: &Ledger, digest: &[u8], now: Timestamp) -> Result<Option<Link>, Error> {
    let taken = ledger.session.execute(
        "UPDATE links SET used_at = ?2 WHERE digest = ?1 AND used_at IS NULL AND expires_at > ?2",
        &[digest.into(), now.into()],
    )?;
    if taken == 0 { Ok(None) } else { link(&ledger.session, digest) }
}

fn add_authorization(ledger: &Ledger, one: &Authorization, now: Timestamp) -> Result<(), Error> {
    ledger.session.execute("DELETE FROM authorizations WHERE expires_at < ?1", &[now.into()])?;
    ledger.session.execute(
        "INSERT INTO authorizations (state, link, browser, secret, integrated, choices, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[
            one.state.as_slice().into(),
            one.link.as_slice().into(),
            one.browser.as_slice().into(),
            one.secret.as_slice().into(),
            one.integrated.as_deref().into(),
            one.choices.as_deref().into(),
            one.expires_at.into(),
        ],
    )?;
    Ok(())
}

fn authorization(session: &Session, state: &[u8]) -> Result<Option<Authorization>, Error> {
    session.row(
        "SELECT state, link, browser, secret, integrated, choices, expires_at FROM authorizations WHERE state = ?1",
        &[state.into()],
        |row| {
            Ok(Authorization {
                state: row.blob(0)?,
                link: row.blob(1)?,
                browser: row.blob(2)?,
                secret: row.blob(3)?,
                integrated: row.text_maybe(4)?,
                choices: row.text_maybe(5)?,
                expires_at: row.time(6)?,
            })
        },
    )
}

fn take_authorization(ledger: &Ledger, state: &[u8], now: Timestamp) -> Result<Option<Authorization>, Error> {
    let found = authorization(&ledger.session, state)?;
    ledger.session.execute("DELETE FROM authorizations WHERE state = ?1", &[state.into()])?;
    Ok(found.filter(|found| found.expires_at > now))
}

/// How many accounts stand in each state; those in which none does are left out.
fn count(session: &Session) -> Result<Vec<(String, u64)>, Error> {
    let sql = "SELECT state, count(*) FROM accounts GROUP BY state";
    session.rows(sql, &[], |row| Ok((row.text(0)?, row.count(1)?)))
}

impl Store {
    /// How many linked accounts stand in a state.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn accounts_by_state(&self) -> Result<Vec<(AccountState, u64)>, Error> {
        let counts: HashMap<_, _> = self.readers.read(count).await?.into_iter().collect();
        let of = |state: AccountState| counts.get(state.word()).copied().unwrap_or_default();
        Ok(AccountState::ALL.into_iter().map(|state| (state, of(state))).collect())
    }

    /// Linked accounts, in the order of their ids.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn accounts(&self, query: AccountQuery) -> Result<Vec<IntegratedAccount>, Error> {
        self.flow_readers.read(move |session| list(session, &query)).await
    }

    /// A linked account by our id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn account(&self, id: &str) -> Result<Option<IntegratedAccount>, Error> {
        let id = id.to_owned();
        self.flow_readers.read(move |session| account(session, &id)).await
    }

    /// A linked account by DocuSign's id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn account_of(&self, id: &AccountId) -> Result<Option<IntegratedAccount>, Error> {
        let id = id.clone();
        self.flow_readers.read(move |session| account_of(session, &id)).await
    }

    /// An account's version and sealed credentials.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn credentials(&self, id: &str) -> Result<Option<(u64, Vec<u8>)>, Error> {
        let id = id.to_owned();
        let sql = "SELECT version, credentials FROM accounts WHERE id = ?1 AND credentials IS NOT NULL";
        self.flow_readers
            .read(move |session| {
                session.row(sql, &[id.as_str().into()], |row| Ok((row.count(0)?, row.blob(1)?)))
            })
            .await
    }

    /// Writes an account as it is now, and tells of it where its state or its DocuSign account is another than before.
    /// The answer is what is stored then: with another version than asked for plus one, where someone was faster.
    ///
    /// # Errors
    /// When it could not be written; [`Error::Rejected`] where another row has the same DocuSign account.
    pub async fn put_account(
        &self,
        account: IntegratedAccount,
        credentials: Credentials,
    ) -> Result<IntegratedAccount, Error> {
        self.writer()?.write(move |ledger| put(ledger, &account, &credentials)).await
    }

    /// Removes an account with its credentials, and tells of it; none where there is no such account.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn remove_account(&self, id: &str, at: Timestamp) -> Result<Option<IntegratedAccount>, Error> {
        let id = id.to_owned();
        self.writer()?.write(move |ledger| remove(ledger, &id, at)).await
    }

    /// Takes the exchange of an account's refresh token upon a node until a time; false where the account has another
    /// version or another node is at it.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn claim_refresh(
        &self,
        id: &str,
        version: u64,
        node: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, Error> {
        let (id, node) = (id.to_owned(), node.to_owned());
        self.writer()?.write(move |ledger| claim(ledger, (&id, version), &node, (now, until))).await
    }

    /// Keeps a link.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn add_link(&self, link: Link, now: Timestamp) -> Result<(), Error> {
        self.writer()?.write(move |ledger| add_link(ledger, &link, now)).await
    }

    /// A link, used or not, by its token's digest; forgotten a day after its end.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn link(&self, digest: &[u8]) -> Result<Option<Link>, Error> {
        let digest = digest.to_vec();
        self.flow_readers.read(move |session| link(session, &digest)).await
    }

    /// Uses a link: once, and before its end.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn take_link(&self, digest: &[u8], now: Timestamp) -> Result<Option<Link>, Error> {
        let digest = digest.to_vec();
        self.writer()?.write(move |ledger| take_link(ledger, &digest, now)).await
    }

    /// Notes which integrated account came of a link.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn finish_link(&self, digest: &[u8], integrated: &str) -> Result<(), Error> {
        let (digest, integrated) = (digest.to_vec(), integrated.to_owned());
        let sql = "UPDATE links SET integrated = ?2 WHERE digest = ?1";
        let write = move |ledger: &mut Ledger| {
            ledger.session.execute(sql, &[digest.as_slice().into(), integrated.as_str().into()]).map(drop)
        };
        self.writer()?.write(write).await
    }

    /// Keeps a user's way to DocuSign and back; those that ended are forgotten.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn add_authorization(&self, one: Authorization, now: Timestamp) -> Result<(), Error> {
        self.writer()?.write(move |ledger| add_authorization(ledger, &one, now)).await
    }

    /// A way by the digest of its state, left where it is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn authorization(&self, state: &[u8]) -> Result<Option<Authorization>, Error> {
        let state = state.to_vec();
        self.flow_readers.read(move |session| authorization(session, &state)).await
    }

    /// Takes a way by the digest of its state: once, and before its end.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn take_authorization(
        &self,
        state: &[u8],
        now: Timestamp,
    ) -> Result<Option<Authorization>, Error> {
        let state = state.to_vec();
        self.writer()?.write(move |ledger| take_authorization(ledger, &state, now)).await
    }
}
