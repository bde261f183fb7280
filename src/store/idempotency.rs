//! Answers kept for keys: who asks again with a key is given the answer that it was given before, and nothing is done
//! twice. A key is claimed while its request is under way, by one at a time.

use jiff::Timestamp;
use uuid::Uuid;

use crate::base::limits;

use super::feed::signed;
use super::ledger::Ledger;
use super::session::{Row, Session};
use super::{Error, Store};

/// A request with a key, about to be carried out.
#[derive(Debug, Clone)]
pub struct Keyed {
    /// SHA-256 of who asks, of which account, at which path, and the key.
    pub id: [u8; 32],
    /// SHA-256 of all else that is asked.
    pub digest: [u8; 32],
    /// Ours: whoever claims the key anew has another.
    pub claim: Uuid,
    /// Now.
    pub at: Timestamp,
    /// Until when nobody else may carry it out.
    pub until: Timestamp,
}

/// What becomes of a request with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It is to be carried out, and then answered for or let go.
    Yours,
    /// It was carried out before: this was the answer.
    Kept(KeptAnswer),
    /// It is being carried out, until then at the latest.
    UnderWay(Timestamp),
    /// The key was sent with another request.
    Other,
}

/// An answer that is given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Its HTTP status.
    pub status: u16,
    /// Those of its headers that belong to its body.
    pub headers: Vec<(String, String)>,
    /// Its body; none where it was too large to be kept.
    pub body: Option<Vec<u8>>,
}

/// A key as it is stored.
struct Stored {
    digest: Vec<u8>,
    claimed_until: Timestamp,
    begun_at: Timestamp,
    answer: Option<KeptAnswer>,
}

fn read_stored(row: &Row<'_>) -> Result<Stored, Error> {
    let answer = match row.int_maybe(3)? {
        None => None,
        Some(status) => Some(KeptAnswer {
            status: u16::try_from(status).map_err(|_| Error::Rejected("a kept answer is damaged".into()))?,
            headers: serde_json::from_str(&row.text_maybe(4)?.unwrap_or_default()).unwrap_or_default(),
            body: row.blob_maybe(5)?,
        }),
    };
    Ok(Stored { digest: row.blob(0)?, claimed_until: row.time(1)?, begun_at: row.time(2)?, answer })
}

fn stored(session: &Session, id: &[u8; 32]) -> Result<Option<Stored>, Error> {
    session.row(
        "SELECT digest, claimed_until, begun_at, status, headers, body FROM idempotency WHERE id = ?1",
        &[id.as_slice().into()],
        read_stored,
    )
}

/// When what was begun before is forgotten.
fn forgotten(at: Timestamp) -> Timestamp {
    at.checked_sub(limits::IDEMPOTENCY_KEPT).unwrap_or(at)
}

fn begin(ledger: &Ledger, keyed: &Keyed) -> Result<Turn, Error> {
    let known = stored(&ledger.session, &keyed.id)?.filter(|known| known.begun_at >= forgotten(keyed.at));
    let begun_at = match known {
        None => keyed.at,
        Some(known) if known.digest != keyed.digest => return Ok(Turn::Other),
        Some(Stored { answer: Some(answer), .. }) => return Ok(Turn::Kept(answer)),
        Some(known) if known.claimed_until > keyed.at => return Ok(Turn::UnderWay(known.claimed_until)),
        // Whoever had it is gone, or let it go.
        Some(known) => known.begun_at,
    };
    ledger.session.execute(
        "INSERT INTO idempotency (id, digest, claim, claimed_until, begun_at) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, claim = excluded.claim, \
         claimed_until = excluded.claimed_until, begun_at = excluded.begun_at, status = NULL, headers = NULL, \
         body = NULL",
        &[
            keyed.id.as_slice().into(),
            keyed.digest.as_slice().into(),
            keyed.claim.as_bytes().as_slice().into(),
            keyed.until.into(),
            begun_at.into(),
        ],
    )?;
    Ok(Turn::Yours)
}

fn keep(ledger: &Ledger, keyed: &Keyed, answer: &KeptAnswer) -> Result<(), Error> {
    let headers = serde_json::to_string(&answer.headers).map_err(|e| Error::Rejected(e.to_string()))?;
    ledger.session.execute(
        "UPDATE idempotency SET status = ?3, headers = ?4, body = ?5, claimed_until = 0 \
         WHERE id = ?1 AND claim = ?2",
        &[
            keyed.id.as_slice().into(),
            keyed.claim.as_bytes().as_slice().into(),
            i64::from(answer.status).into(),
            headers.as_str().into(),
            answer.body.as_deref().into(),
        ],
    )?;
    Ok(())
}

fn let_go(ledger: &Ledger, keyed: &Keyed) -> Result<(), Error> {
    ledger.session.execute(
        "UPDATE idempotency SET claimed_until = 0 WHERE id = ?1 AND claim = ?2",
        &[keyed.id.as_slice().into(), keyed.claim.as_bytes().as_slice().into()],
    )?;
    Ok(())
}

fn prune(ledger: &Ledger, at: Timestamp) -> Result<u64, Error> {
    const ROWS: i64 = limits::STORE_PRUNE_ROWS as i64;
    let old = ledger.session.execute(
        "DELETE FROM idempotency WHERE id IN \
         (SELECT id FROM idempotency WHERE begun_at < ?1 ORDER BY begun_at LIMIT ?2)",
        &[forgotten(at).into(), ROWS.into()],
    )?;
    let over = ledger.session.execute(
        "DELETE FROM idempotency WHERE id IN \
         (SELECT id FROM idempotency WHERE claimed_until <= ?3 ORDER BY begun_at DESC LIMIT ?2 OFFSET ?1)",
        &[signed(limits::IDEMPOTENCY_KEYS_MAX as u64).into(), ROWS.into(), at.into()],
    )?;
    Ok((old + over) as u64)
}

impl Store {
    /// Claims a key for a request, where it is free.
    ///
    /// # Errors
    /// When it could not be written; the request must not be carried out then.
    pub async fn begin_keyed(&self, keyed: Keyed) -> Result<Turn, Error> {
        self.writer()?.write(move |ledger| begin(ledger, &keyed)).await
    }

    /// Keeps the answer to a request with a key, unless somebody else has claimed the key since.
    ///
    /// # Errors
    /// When it could not be written; the claim then ends by itself.
    pub async fn keep_answer(&self, keyed: Keyed, answer: KeptAnswer) -> Result<(), Error> {
        self.writer()?.write(move |ledger| keep(ledger, &keyed, &answer)).await
    }

    /// Ends the claim on a key whose request came to nothing: the same request may be carried out again.
    ///
    /// # Errors
    /// When it could not be written; the claim then ends by itself.
    pub async fn let_go_keyed(&self, keyed: Keyed) -> Result<(), Error> {
        self.writer()?.write(move |ledger| let_go(ledger, &keyed)).await
    }

    /// Forgets keys that were first sent longer than [`limits::IDEMPOTENCY_KEPT`] before `at`, and the oldest of more
    /// than [`limits::IDEMPOTENCY_KEYS_MAX`]; how many, at most some thousands a call.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn prune_keyed(&self, at: Timestamp) -> Result<u64, Error> {
        self.writer()?.write(move |ledger| prune(ledger, at)).await
    }
}
