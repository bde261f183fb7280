//! Writing the chain of evidence: every record in the transaction of what it tells of.
//!
//! The last link is kept in the ledger's memory, and checkpoints are signed from there by the writer itself, never
//! from what the database says later: who changes the database meanwhile does not get a signature for it.

use jiff::Timestamp;

use crate::base::limits;
use crate::connect::Delivery;
use crate::connect::signature::SignedBy;
use crate::evidence::chain::record_digest;
use crate::evidence::record::{DeliveryReceipt, Kind, Pruned, PrunedRecord, ResolutionRecord, Says, runs};
use crate::evidence::{Checkpoint, Head, Link, Record, Signer};
use crate::signing::Observation;

use super::Error;
use super::body::Packed;
use super::feed::signed;
use super::ledger::Ledger;
use super::session::{Row, Session};

/// Where the chain ends; an empty one where nothing was chained yet.
pub(super) fn read_head(session: &Session) -> Result<Head, Error> {
    let last = "SELECT number, link FROM evidence ORDER BY number DESC LIMIT 1";
    let last = session.row(last, &[], |row| Ok((row.count(0)?, read_link(row, 1)?)))?;
    let Some((number, link)) = last else { return Ok(Head::default()) };
    let signed = "SELECT number FROM evidence WHERE kind = 4 ORDER BY number DESC LIMIT 1";
    Ok(Head { number, link, signed: session.row(signed, &[], |row| row.count(0))?.unwrap_or(0) })
}

pub(super) fn read_link(row: &Row<'_>, column: usize) -> Result<Link, Error> {
    let link = row.blob(column)?.try_into();
    link.map(Link).map_err(|_| Error::Rejected("a link of the chain of evidence is damaged".into()))
}

/// Chains one more record.
fn chain(ledger: &mut Ledger, record: &Record) -> Result<(), Error> {
    chain_bytes(ledger, record.kind(), record.number(), &record.encode())
}

fn chain_bytes(ledger: &mut Ledger, kind: Kind, number: u64, record: &[u8]) -> Result<(), Error> {
    let mut head = ledger.head;
    head.number = number;
    head.link = head.link.after(&record_digest(record));
    if kind == Kind::Checkpoint {
        head.signed = head.number;
    }
    ledger.session.write(
        "INSERT INTO evidence (number, kind, record, link) VALUES (?1, ?2, ?3, ?4)",
        &[signed(head.number).into(), (kind as i64).into(), record.into(), head.link.0.as_slice().into()],
    )?;
    ledger.head = head;
    Ok(())
}

/// Chains the receipt of a delivery; its record's number.
pub(super) fn receipt(
    ledger: &mut Ledger,
    (delivery, signed_by): (&Delivery, SignedBy),
    packed: &Packed,
    seen: Option<&Observation>,
    (outcome, reason): (&str, Option<&str>),
    changes: usize,
) -> Result<i64, Error> {
    let number = ledger.head.number + 1;
    let says = seen.map_or([""; 5], |seen| {
        let (account, subject) = (seen.account.as_str(), &seen.subject);
        [seen.format.word(), &seen.event, account, subject.kind(), subject.id()]
    });
    let record = DeliveryReceipt {
        number,
        id: delivery.id,
        received_at: delivery.received_at,
        source: delivery.source.as_str(),
        signed_by,
        headers: &packed.headers_digest,
        body: &packed.body_digest,
        body_bytes: delivery.body.length(),
        says,
        outcome,
        reason: reason.unwrap_or_default(),
        changes: changes as u64,
    };
    chain_bytes(ledger, Kind::Delivery, number, &record.encode())?;
    Ok(signed(number))
}

fn says(seen: &Observation) -> Says {
    Says {
        format: seen.format.word().to_owned(),
        event: seen.event.clone(),
        account: seen.account.as_str().to_owned(),
        kind: seen.subject.kind().to_owned(),
        subject: seen.subject.id().to_owned(),
    }
}

/// Chains the end of a quarantine.
pub(super) fn resolution(
    ledger: &mut Ledger,
    id: crate::base::DeliveryId,
    how: &str,
    at: Timestamp,
    seen: Option<&Observation>,
    changes: usize,
) -> Result<(), Error> {
    let record = ResolutionRecord {
        number: ledger.head.number + 1,
        at,
        id,
        how: how.to_owned(),
        says: seen.map(says).unwrap_or_default(),
        changes: changes as u64,
    };
    chain(ledger, &Record::Resolution(Box::new(record)))
}

/// Chains that deliveries were pruned; `numbers` are those of their records.
pub(super) fn pruned(ledger: &mut Ledger, before: Timestamp, mut numbers: Vec<u64>) -> Result<(), Error> {
    // What came in before there was a chain has no record.
    numbers.retain(|number| *number > 0);
    if numbers.is_empty() {
        return Ok(());
    }
    numbers.sort_unstable();
    let number = ledger.head.number + 1;
    let record = PrunedRecord { number, before, what: Pruned::Deliveries, runs: runs(numbers) };
    chain(ledger, &Record::Pruned(record))
}

/// Signs for all that no checkpoint covers yet; none where there is nothing.
pub(super) fn checkpoint(
    ledger: &mut Ledger,
    signer: &Signer,
    at: Timestamp,
) -> Result<Option<Checkpoint>, Error> {
    if ledger.head.unsigned() == 0 {
        return Ok(None);
    }
    let checkpoint = signer.sign(ledger.head, at);
    chain(ledger, &Record::Checkpoint(checkpoint.clone()))?;
    Ok(Some(checkpoint))
}

/// Removes records from the beginning of the chain up to before a checkpoint that was signed before `before`: that one
/// is what the rest hangs from. At most some thousands at a time; how many went.
pub(super) fn prune_records(ledger: &mut Ledger, before: Timestamp) -> Result<u64, Error> {
    let first = "SELECT coalesce(min(number), 0) FROM evidence";
    let first = ledger.session.row(first, &[], |row| row.count(0))?.unwrap_or(0);
    let furthest = first.saturating_add(limits::EVIDENCE_PRUNE_ROWS);
    let mut checkpoints = ledger.session.rows(
        "SELECT record FROM evidence WHERE kind = 4 AND number > ?1 AND number <= ?2 ORDER BY number DESC",
        &[signed(first).into(), signed(furthest).into()],
        |row| row.blob(0),
    )?;
    if checkpoints.is_empty() {
        // More came at once than a checkpoint waits for: all of those go together.
        checkpoints = ledger.session.rows(
            "SELECT record FROM evidence WHERE kind = 4 AND number > ?1 ORDER BY number LIMIT 1",
            &[signed(furthest).into()],
            |row| row.blob(0),
        )?;
    }
    // One that is damaged is no anchor; `audit verify` names it.
    let anchor = checkpoints.iter().find_map(|record| match Record::decode(record) {
        Ok(Record::Checkpoint(checkpoint)) if checkpoint.at < before => Some(checkpoint),
        _ => None,
    });
    let Some(anchor) = anchor else { return Ok(0) };
    let number = ledger.head.number + 1;
    let runs = vec![(1, anchor.covers())];
    chain(ledger, &Record::Pruned(PrunedRecord { number, before, what: Pruned::Records, runs }))?;
    ledger.session.execute("DELETE FROM evidence WHERE number < ?1", &[signed(anchor.number).into()])?;
    Ok(anchor.number - first)
}
