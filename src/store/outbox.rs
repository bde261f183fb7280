//! The unpublished changes: read in order, settled with the broker's receipt.

use jiff::Timestamp;

use crate::base::{AccountId, Position, limits};
use crate::signing::{Entry, Receipt};

use super::feed::{among, read_entry, signed};
use super::ledger::Ledger;
use super::session::{Session, Value};
use super::{Backlog, Error, Parts, evidence};

pub(super) fn unsettled(
    session: &Session,
    parts: Parts,
    after: Position,
    limit: usize,
) -> Result<Vec<Entry>, Error> {
    session.rows(
        concat!(
            "SELECT c.position, c.subject_ref, c.id, s.account, s.kind, s.id, c.sequence, c.routing_key, ",
            "c.event_type, c.occurred_at, c.traceparent, c.body FROM outbox o ",
            "JOIN changes c ON c.position = o.position JOIN subjects s ON s.ref = c.subject_ref ",
            "WHERE o.position > ?1 AND ",
            in_parts!("c.subject_ref", "?3"),
            " ORDER BY o.position LIMIT ?2"
        ),
        &[signed(after.0).into(), signed(limit as u64).into(), parts.mask().into()],
        read_entry,
    )
}

pub(super) fn settle(ledger: &mut Ledger, receipts: &[Receipt]) -> Result<(), Error> {
    let mut positions: Vec<i64> = receipts.iter().map(|receipt| signed(receipt.position().0)).collect();
    positions.sort_unstable();
    // Positions without a gap between them are one statement: those of a backlog mostly are.
    let runs: Vec<&[i64]> = positions.chunk_by(|one, next| next - one <= 1).collect();
    let ends = |run: &&[i64]| [run.first(), run.last()].map(|end| Value::from(end.copied().unwrap_or(0)));
    // The first time is the one that counts: when subscribers could have it.
    let published: Vec<_> = runs.iter().map(|run| [&ends(run)[..], &[ledger.at.into()]].concat()).collect();
    let published = ledger.session.execute_each(
        "INSERT INTO publications (position, published_at) SELECT position, CAST(?3 AS BIGINT) FROM outbox \
         WHERE position BETWEEN ?1 AND ?2 ON CONFLICT (position) DO NOTHING",
        &published,
    )?;
    let settled: Vec<_> = runs.iter().map(|run| ends(run).to_vec()).collect();
    let gone =
        ledger.session.execute_each("DELETE FROM outbox WHERE position BETWEEN ?1 AND ?2", &settled)?;
    ledger.added.settled += i64::try_from(gone).unwrap_or(0);
    ledger.books.published += i64::try_from(published).unwrap_or(0);
    ledger.books.published_again += i64::try_from(gone.saturating_sub(published)).unwrap_or(0);
    Ok(())
}

pub(super) fn backlog(session: &Session) -> Result<Backlog, Error> {
    let found = session.row(
        "SELECT (SELECT count(*) FROM outbox), (SELECT appended_at FROM outbox ORDER BY position LIMIT 1)",
        &[],
        |row| Ok(Backlog { changes: row.count(0)?, oldest_at: row.time_maybe(1)? }),
    )?;
    Ok(found.unwrap_or_default())
}

pub(super) fn republish(
    ledger: &mut Ledger,
    positions: &[Position],
    accounts: Option<&[AccountId]>,
) -> Result<usize, Error> {
    let (mut count, accounts) = (0, among(accounts));
    for position in positions.iter().take(limits::PAGE_ROWS_MAX) {
        count += ledger.session.execute(
            concat!(
                "INSERT INTO outbox (position, appended_at) SELECT c.position, c.received_at FROM changes c ",
                "JOIN subjects s ON s.ref = c.subject_ref WHERE c.position = ?1 AND ",
                is_among!("s.account", "?2"),
                " ON CONFLICT (position) DO NOTHING"
            ),
            &[signed(position.0).into(), accounts.as_deref().into()],
        )?;
    }
    ledger.books.put_back += i64::try_from(count).unwrap_or(0);
    Ok(count)
}

/// Deletes what is older than `before`, few rows at a time; the deliveries that went, whose files are to follow, and how many
/// changes did.
pub(super) fn prune(
    ledger: &mut Ledger,
    before: Timestamp,
) -> Result<(Vec<crate::base::DeliveryId>, usize), Error> {
    const ROWS: i64 = limits::STORE_PRUNE_ROWS as i64;
    // Delivery ids are time-ordered: every id of before that moment is less than the least id at it.
    let bound = crate::base::Dice::seeded(0).uuid_at(before);
    let mut least = *bound.as_bytes();
    least[6..].fill(0);
    let session = &ledger.session;
    let old = session.rows(
        "SELECT d.seq, d.id, d.evidence, d.changes FROM deliveries d \
         WHERE d.id < ?1 AND d.outcome <> 'quarantined' AND d.seq < (SELECT max(seq) FROM deliveries) \
         ORDER BY d.id LIMIT ?2",
        &[least.as_slice().into(), ROWS.into()],
        |row| Ok((row.int(0)?, crate::base::DeliveryId(row.uuid(1)?), row.count(2)?, row.int(3)?)),
    )?;
    ledger.books.deliveries_pruned += signed(old.len() as u64);
    for (seq, _, _, changes) in &old {
        ledger.books.told_pruned += changes;
        session.write("DELETE FROM bodies WHERE seq = ?1", &[(*seq).into()])?;
        session.write("DELETE FROM deliveries WHERE seq = ?1", &[(*seq).into()])?;
    }
    // Of deliveries that went, or that were never written though their bytes were.
    session.execute(
        "DELETE FROM body_pieces WHERE id IN (SELECT p.id FROM body_pieces p WHERE p.id < ?1 \
         AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.id = p.id) LIMIT ?2)",
        &[least.as_slice().into(), ROWS.into()],
    )?;
    session.execute(
        "DELETE FROM activities_seen WHERE id IN (SELECT id FROM activities_seen WHERE seen_at < ?1 LIMIT ?2)",
        &[before.into(), ROWS.into()],
    )?;
    let changes = prune_changes(ledger, before, ROWS)?;
    evidence::pruned(ledger, before, old.iter().map(|(_, _, number, _)| *number).collect())?;
    Ok((old.into_iter().map(|(_, id, _, _)| id).collect(), changes))
}

/// Deletes old changes that do not wait to be published, and when they were published; how many.
fn prune_changes(ledger: &mut Ledger, before: Timestamp, rows: i64) -> Result<usize, Error> {
    /// Times as many are looked at as go: those that wait are among them, and stay.
    const LOOK: i64 = 20;
    let session = &ledger.session;
    // The newest change stays whatever its age: the next position is counted from it.
    let newest = session.row(
        "SELECT coalesce(max(position), 0) FROM (SELECT position FROM (SELECT c.position, c.received_at FROM changes c \
         WHERE c.position < (SELECT max(position) FROM changes) ORDER BY c.position LIMIT ?3) o \
         WHERE received_at < ?1 AND position NOT IN (SELECT position FROM outbox) ORDER BY position LIMIT ?2) n",
        &[before.into(), rows.into(), (LOOK * rows).into()],
        |row| row.int(0),
    )?;
    let Some(newest) = newest.filter(|newest| *newest > 0) else { return Ok(0) };
    let gone = session.execute(
        "DELETE FROM changes WHERE position <= ?2 AND received_at < ?1 AND position NOT IN (SELECT position FROM outbox)",
        &[before.into(), newest.into()],
    )?;
    session.execute(
        "DELETE FROM publications WHERE position <= ?1 \
         AND NOT EXISTS (SELECT 1 FROM changes c WHERE c.position = publications.position)",
        &[newest.into()],
    )?;
    ledger.books.changes_pruned += i64::try_from(gone).unwrap_or(0);
    ledger.books.pruned_to = newest;
    Ok(gone)
}
