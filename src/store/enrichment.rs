//! Signing requests that wait to be fetched.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use crate::base::{AccountId, ChangeId, SigningRequestId};
use crate::signing::SigningRequestStatus;
use crate::signing::change::ENRICHED_TYPE;

use super::feed::signed;
use super::ledger::{Ledger, read_state};
use super::session::Session;
use super::types::MAKES_WAY;
use super::{Covered, Enrichment, Error, Parts};

/// Changes that one answer can name; a signing request with more waiting has its oldest left out.
const COVERED_MAX: i64 = 1_000;

/// Fetches that are looked at to choose those to be claimed: far more than an hour's calls of many accounts.
const LOOKED_AT_MAX: i64 = 100_000;

/// A fetch that may be claimed.
struct Candidate {
    reference: i64,
    account: String,
    is_over: bool,
    due_at: Timestamp,
}

/// Fetches due at `now` in these parts and not claimed. Accounts take turns, so that one with many holds up no other;
/// in each, signing requests that came to their end go first, then those that wait longest. Those that make way for
/// others ([`MAKES_WAY`]) are due at once when they come to their end.
pub(super) fn due(
    session: &Session,
    parts: Parts,
    now: Timestamp,
    limit: usize,
    claimed: &HashSet<i64>,
) -> Result<Vec<i64>, Error> {
    // First: what is brought to its row in between is seen there, and what is over stays so.
    let over_late = over_late(session)?;
    let found = session.rows(
        concat!(
            "SELECT e.subject_ref, s.account, s.state, e.due_at FROM enrichments e JOIN subjects s ON s.ref = e.subject_ref \
             WHERE (e.due_at <= ?1 OR e.last_error LIKE ?4) AND ",
            in_parts!("e.subject_ref", "?3"),
            " ORDER BY e.due_at LIMIT ?2"
        ),
        &[now.into(), LOOKED_AT_MAX.into(), parts.mask().into(), format!("{MAKES_WAY}%").as_str().into()],
        |row| {
            let reference = row.int(0)?;
            let is_over = over_late.contains(&reference) || is_over(&row.text(2)?)?;
            Ok(Candidate { reference, account: row.text(1)?, is_over, due_at: row.time(3)? })
        },
    )?;
    let may = |one: &Candidate| (one.is_over || one.due_at <= now) && !claimed.contains(&one.reference);
    Ok(in_turns(found.into_iter().filter(may).collect(), limit))
}

/// Those of which only a state that is late says that they are over. The view `standing` would look through all of
/// these for each fetch that waits.
fn over_late(session: &Session) -> Result<HashSet<i64>, Error> {
    if session.is_shared() {
        return Ok(HashSet::new());
    }
    let late = session.rows(
        "SELECT ref, state FROM late WHERE n IN (SELECT max(n) FROM late GROUP BY ref)",
        &[],
        |row| Ok((row.int(0)?, is_over(&row.text(1)?)?)),
    )?;
    Ok(late.into_iter().filter(|(_, over)| *over).map(|(reference, _)| reference).collect())
}

fn is_over(state: &str) -> Result<bool, Error> {
    Ok(read_state(state)?.status().is_some_and(SigningRequestStatus::is_over))
}

/// The first `limit` when accounts take turns.
fn in_turns(mut candidates: Vec<Candidate>, limit: usize) -> Vec<i64> {
    candidates.sort_by_key(|one| (!one.is_over, one.due_at, one.reference));
    let mut turns: HashMap<&str, usize> = HashMap::new();
    let mut placed: Vec<_> = candidates
        .iter()
        .map(|one| {
            let turn = turns.entry(&one.account).or_default();
            *turn += 1;
            (*turn, one.due_at, one.reference)
        })
        .collect();
    placed.sort_unstable();
    placed.into_iter().take(limit).map(|(_, _, reference)| reference).collect()
}

/// How many fetches wait in an account.
pub(super) fn waiting(session: &Session, account: &AccountId) -> Result<u64, Error> {
    let sql =
        "SELECT count(*) FROM enrichments e JOIN subjects s ON s.ref = e.subject_ref WHERE s.account = ?1";
    Ok(session.row(sql, &[account.as_str().into()], |row| row.count(0))?.unwrap_or_default())
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
                fetched_at: None,
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
    // Where a message carried it all, nothing was fetched. No text inside a body can look like this key: its quotes
    // are escaped there.
    claim.fetched_at = session.row(
        "SELECT received_at FROM changes WHERE subject_ref = ?1 AND event_type = ?2 \
         AND body NOT LIKE '%\"carried_by\":{%' ORDER BY sequence DESC LIMIT 1",
        &[reference.into(), ENRICHED_TYPE.into()],
        |row| row.time(0),
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
