//! Signing requests that wait to be fetched.

use jiff::Timestamp;

use crate::base::{AccountId, ChangeId, SigningRequestId};
use crate::signing::change::ENRICHED_TYPE;

use super::feed::signed;
use super::ledger::{Ledger, read_state};
use super::session::Session;
use super::{Covered, Enrichment, Error, Parts};

/// Changes that one answer can name; a signing request with more waiting has its oldest left out.
const COVERED_MAX: i64 = 1_000;

/// Fetches due at `now` in these parts, oldest first; the caller leaves out those already claimed.
pub(super) fn due(session: &Session, parts: Parts, now: Timestamp, limit: usize) -> Result<Vec<i64>, Error> {
    session.rows(
        concat!(
            "SELECT subject_ref FROM enrichments WHERE due_at <= ?1 AND ",
            in_parts!("subject_ref", "?3"),
            " ORDER BY due_at LIMIT ?2"
        ),
        &[now.into(), signed(limit as u64).into(), parts.mask().into()],
        |row| row.int(0),
    )
}

/// When each of the next fetches in these parts falls due.
pub(super) fn upcoming(
    session: &Session,
    parts: Parts,
    limit: usize,
) -> Result<Vec<(i64, Timestamp)>, Error> {
    session.rows(
        concat!(
            "SELECT subject_ref, due_at FROM enrichments WHERE ",
            in_parts!("subject_ref", "?2"),
            " ORDER BY due_at LIMIT ?1"
        ),
        &[signed(limit as u64).into(), parts.mask().into()],
        |row| Ok((row.int(0)?, row.time(1)?)),
    )
}

/// All about one fetch; none when it is no longer wanted.
pub(super) fn read(session: &Session, reference: i64) -> Result<Option<Enrichment>, Error> {
    let found = session.row(
        "SELECT s.account, s.id, s.state, e.attempts, e.covers_after, e.traceparent, \
         (SELECT a.id FROM accounts a WHERE a.account = s.account) FROM enrichments e \
         JOIN standing s ON s.ref = e.subject_ref WHERE e.subject_ref = ?1",
        &[reference.into()],
        |row| {
            let account = AccountId::new(&row.text(0)?);
            let signing_request = SigningRequestId::new(&row.text(1)?);
            let state = read_state(&row.text(2)?)?;
            let attempts = u32::try_from(row.int(3)?).unwrap_or(u32::MAX);
            let (subject_ref, status) = (reference, state.status());
            let claim = Enrichment {
                subject_ref,
                account,
                integrated_account: row.text_maybe(6)?,
                signing_request,
                status,
                attempts,
                covers: Vec::new(),
                covers_after: row.count(4)?,
                traceparent: row.text(5)?,
            };
            Ok(claim)
        },
    )?;
    let Some(mut claim) = found else { return Ok(None) };
    claim.covers = session.rows(
        "SELECT id, sequence FROM (SELECT id, sequence FROM changes WHERE subject_ref = ?1 AND sequence > ?2 \
         AND event_type <> ?3 ORDER BY sequence DESC LIMIT ?4) AS newest ORDER BY sequence",
        &[reference.into(), signed(claim.covers_after).into(), ENRICHED_TYPE.into(), COVERED_MAX.into()],
        |row| Ok(Covered { id: ChangeId(row.uuid(0)?), sequence: row.count(1)? }),
    )?;
    Ok(Some(claim))
}

/// Whether a claim is still the present one: another node may have answered it meanwhile.
pub(super) fn is_current(ledger: &Ledger, claim: &Enrichment) -> Result<bool, Error> {
    let sql = "SELECT covers_after FROM enrichments WHERE subject_ref = ?1";
    let after = ledger.session.row(sql, &[claim.subject_ref.into()], |row| row.count(0))?;
    Ok(after == Some(claim.covers_after))
}

pub(super) fn defer(
    ledger: &Ledger,
    claim: &Enrichment,
    until: Timestamp,
    attempts: u32,
    why: &str,
) -> Result<(), Error> {
    ledger.session.execute(
        "UPDATE enrichments SET due_at = ?2, attempts = ?3, last_error = ?4 WHERE subject_ref = ?1 AND covers_after = ?5",
        &[
            claim.subject_ref.into(),
            until.into(),
            i64::from(attempts).into(),
            why.into(),
            signed(claim.covers_after).into(),
        ],
    )?;
    Ok(())
}
