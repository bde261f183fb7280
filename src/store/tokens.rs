//! Tokens of the HTTP API: made, listed and revoked. The store knows digests and no token.

use jiff::Timestamp;
use uuid::Uuid;

use crate::base::{AccountId, Scope, limits};

use super::feed::signed;
use super::ledger::Ledger;
use super::session::{Row, Session, Value};
use super::{Error, Store};

/// A token of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Ours: a time-ordered UUID.
    pub id: Uuid,
    /// What it is for, in the words of whoever made it.
    pub name: String,
    /// SHA-256 of the text that was given out.
    pub digest: Vec<u8>,
    /// What it allows.
    pub scope: Scope,
    /// The accounts that it is for, by DocuSign's ids; all where there are none here.
    pub accounts: Vec<AccountId>,
    /// The token that made it.
    pub made_by: Option<Uuid>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, give or take [`limits::TOKEN_USE_NOTED_EVERY`].
    pub last_used_at: Option<Timestamp>,
}

/// All tokens, in the order in which they were made, those that ended among them.
#[derive(Debug, Clone)]
pub struct ReadTokens {
    /// Grows with each that is made or revoked.
    pub version: u64,
    /// The tokens.
    pub tokens: Vec<ApiToken>,
}

fn bytes(id: &Uuid) -> Value<'_> {
    id.as_bytes().as_slice().into()
}

/// A token; none where it cannot be read, such as a scope that a newer version knows: it lets nobody in then.
fn read_token(row: &Row<'_>) -> Result<Option<ApiToken>, Error> {
    let accounts: Result<Vec<AccountId>, _> = serde_json::from_str(&row.text(4)?);
    let (Some(scope), Ok(accounts)) = (Scope::from_word(&row.text(3)?), accounts) else { return Ok(None) };
    Ok(Some(ApiToken {
        id: row.uuid(0)?,
        name: row.text(1)?,
        digest: row.blob(2)?,
        scope,
        accounts,
        made_by: Uuid::from_slice(&row.blob(5)?).ok(),
        created_at: row.time(6)?,
        expires_at: row.time_maybe(7)?,
        revoked_at: row.time_maybe(8)?,
        last_used_at: row.time_maybe(9)?,
    }))
}

fn all(session: &Session) -> Result<Vec<ApiToken>, Error> {
    let rows = session.rows(
        "SELECT id, name, digest, scope, accounts, made_by, created_at, expires_at, revoked_at, last_used_at \
         FROM tokens ORDER BY id",
        &[],
        read_token,
    )?;
    Ok(rows.into_iter().flatten().collect())
}

fn version(session: &Session) -> Result<u64, Error> {
    let found = session.row("SELECT version FROM token_list", &[], |row| row.count(0))?;
    Ok(found.unwrap_or_default())
}

pub(super) fn read(session: &Session) -> Result<ReadTokens, Error> {
    // The version first: what is made or revoked in between is read again, and never missed.
    let version = version(session)?;
    Ok(ReadTokens { version, tokens: all(session)? })
}

fn add(ledger: &Ledger, token: &ApiToken) -> Result<bool, Error> {
    let session = &ledger.session;
    let kept = jiff::SignedDuration::try_from(limits::TOKENS_ENDED_KEPT).unwrap_or_default();
    let forgotten = token.created_at.checked_sub(kept).unwrap_or(token.created_at);
    session.execute("DELETE FROM tokens WHERE revoked_at < ?1 OR expires_at < ?1", &[forgotten.into()])?;
    let count = session.row("SELECT count(*) FROM tokens", &[], |row| row.count(0))?;
    if count.unwrap_or_default() >= limits::TOKENS_MAX as u64 {
        return Ok(false);
    }
    let accounts = serde_json::to_string(&token.accounts).map_err(|e| Error::Rejected(e.to_string()))?;
    session.execute(
        "INSERT INTO tokens (id, name, digest, scope, accounts, made_by, created_at, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        &[
            bytes(&token.id),
            token.name.as_str().into(),
            token.digest.as_slice().into(),
            token.scope.word().into(),
            accounts.as_str().into(),
            token.made_by.as_ref().map(|id| id.as_bytes().as_slice()).into(),
            token.created_at.into(),
            token.expires_at.into(),
        ],
    )?;
    session.execute("UPDATE token_list SET version = version + 1", &[])?;
    Ok(true)
}

fn revoke(ledger: &Ledger, id: &Uuid, at: Timestamp) -> Result<bool, Error> {
    let session = &ledger.session;
    let revoked = session.execute(
        "UPDATE tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        &[bytes(id), at.into()],
    )?;
    session.execute("UPDATE token_list SET version = version + ?1", &[signed(revoked as u64).into()])?;
    Ok(revoked > 0)
}

impl Store {
    /// Keeps a token; false where there are as many as can be. Those that ended long ago are forgotten.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn add_token(&self, token: ApiToken) -> Result<bool, Error> {
        self.writer()?.write(move |ledger| add(ledger, &token)).await
    }

    /// All tokens as they were when the store was opened: for when it cannot be read afterwards.
    pub fn tokens_at_start(&self) -> ReadTokens {
        self.tokens.as_ref().clone()
    }

    /// All tokens.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn tokens(&self) -> Result<ReadTokens, Error> {
        self.flow_readers.read(read).await
    }

    /// All tokens, where their version is another than `known`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn tokens_since(&self, known: u64) -> Result<Option<ReadTokens>, Error> {
        let look = move |session: &Session| {
            if version(session)? == known { Ok(None) } else { read(session).map(Some) }
        };
        self.flow_readers.read(look).await
    }

    /// Revokes a token; false where there is no such token, or it was revoked before.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn revoke_token(&self, id: Uuid, at: Timestamp) -> Result<bool, Error> {
        self.writer()?.write(move |ledger| revoke(ledger, &id, at)).await
    }

    /// Notes that a token was used.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn note_token_use(&self, id: Uuid, at: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE tokens SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at < ?2 OR last_used_at IS NULL)";
        let write =
            move |ledger: &mut Ledger| ledger.session.execute(sql, &[bytes(&id), at.into()]).map(drop);
        self.writer()?.write(write).await
    }
}
