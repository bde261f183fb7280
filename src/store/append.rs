//! Writing a delivery and its changes: the transaction that stands between a delivery and its 200.

use jiff::Timestamp;

use crate::base::{ChangeId, DeliveryId, Outcome, Position, limits};
use crate::signing::change::ENRICHED_TYPE;
use crate::signing::state::{Cause, activity_id};
use crate::signing::{Change, ChangeKind, Observation, Origin};

use super::body::Packed;
use super::enrichment;
use super::feed::signed;
use super::ledger::{Claim, Ledger, Wants};
use super::{Appended, Arrival, EnrichedChange, Enrichment, Error, Reading, evidence};

/// What appending an arrival will ask the database for.
pub(super) fn wants(arrival: &Arrival) -> Wants {
    let Reading::Understood(seen) = &arrival.reading else { return Wants::default() };
    let activity = seen.activity.as_ref();
    Wants {
        subject: Some((seen.account.clone(), seen.subject.clone())),
        activity: activity.map(|activity| activity_id(&seen.account, &seen.subject, &seen.event, activity)),
    }
}

/// A change as it is written: its fixed columns, whatever made it.
struct Record<'a> {
    id: ChangeId,
    reference: i64,
    sequence: u64,
    routing_key: &'a str,
    event_type: &'a str,
    occurred_at: Timestamp,
    received_at: Timestamp,
    traceparent: &'a str,
    body: &'a str,
}

/// Appends one arrival; `packed` holds its headers and bytes, ready to be written.
pub(super) fn append(ledger: &mut Ledger, arrival: &Arrival, packed: &Packed) -> Result<Appended, Error> {
    let delivery = arrival.delivery.delivery();
    ledger.now = ledger.now.max(delivery.received_at);
    let (subject, outcome, changes) = match &arrival.reading {
        Reading::Unreadable(why) => (None, Outcome::Quarantined(why.clone()), Vec::new()),
        Reading::Understood(seen) => {
            let cause = cause(delivery.id, delivery.received_at, Origin::Connect);
            let (reference, changes) = apply(ledger, seen, cause, &delivery.traceparent)?;
            let outcome = if changes.is_empty() { Outcome::Duplicate } else { Outcome::Accepted };
            (Some((reference, seen)), outcome, changes)
        }
    };
    match outcome {
        Outcome::Accepted => ledger.added.accepted += 1,
        Outcome::Duplicate => ledger.added.duplicates += 1,
        Outcome::Quarantined(_) => ledger.books.quarantined += 1,
        Outcome::Refused(_) => {}
    }
    let seq = ledger.next_delivery();
    let reason = if let Outcome::Quarantined(why) = &outcome { Some(why.as_str()) } else { None };
    let seen = subject.map(|(_, seen)| seen.as_ref());
    let number = evidence::receipt(ledger, arrival, packed, seen, (outcome.word(), reason), changes.len())?;
    ledger.session.write(
        "INSERT INTO deliveries (seq, id, source, received_at, format, event, subject_ref, outcome, reason, body_bytes, \
         changes, stored_at, evidence) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        &[
            seq.into(),
            delivery.id.0.as_bytes().as_slice().into(),
            delivery.source.as_str().into(),
            delivery.received_at.into(),
            subject.map(|(_, seen)| seen.format.word()).into(),
            subject.map(|(_, seen)| seen.event.as_str()).into(),
            subject.map(|(reference, _)| reference).into(),
            outcome.word().into(),
            reason.into(),
            signed(delivery.body.length()).into(),
            signed(changes.len() as u64).into(),
            ledger.at.into(),
            number.into(),
        ],
    )?;
    ledger.session.write(
        "INSERT INTO bodies (seq, headers, encoding, body) VALUES (?1, ?2, ?3, ?4)",
        &[seq.into(), packed.headers.as_str().into(), packed.encoding.into(), packed.bytes().into()],
    )?;
    Ok(Appended { outcome, delivery_id: delivery.id, changes })
}

fn cause(delivery_id: DeliveryId, received_at: Timestamp, origin: Origin) -> Cause {
    Cause { origin, received_at, delivery_id: Some(delivery_id) }
}

/// Runs the state machine and writes what it makes; the subject's number and the kinds of the changes.
fn apply(
    ledger: &mut Ledger,
    seen: &Observation,
    cause: Cause,
    traceparent: &str,
) -> Result<(i64, Vec<&'static str>), Error> {
    let known = known_activity(ledger, seen)?;
    let held = ledger.open_subject(&seen.account, &seen.subject)?;
    let before = held.state.sequence;
    let changes = held.state.apply(seen, cause, |_| known);
    let reference = held.reference;
    for change in &changes {
        write_change(ledger, reference, change, traceparent)?;
        ledger.books.told += 1;
    }
    if !changes.is_empty() && ledger.enrich && seen.subject.signing_request().is_some() {
        claim_fetch(ledger, reference, before, cause.received_at, traceparent);
    }
    Ok((reference, changes.iter().map(Change::kind_word).collect()))
}

/// Whether the observation's activity was published before. Looked up ahead, as the state machine does no I/O.
fn known_activity(ledger: &mut Ledger, seen: &Observation) -> Result<bool, Error> {
    let Some(activity) = &seen.activity else { return Ok(false) };
    ledger.knows_activity(activity_id(&seen.account, &seen.subject, &seen.event, activity))
}

fn write_change(
    ledger: &mut Ledger,
    reference: i64,
    change: &Change,
    traceparent: &str,
) -> Result<(), Error> {
    if change.kind == ChangeKind::Activity {
        ledger.remember_activity(change.id, change.received_at)?;
    }
    write_made(ledger, reference, change, traceparent)
}

/// Writes a change that the state machine made.
pub(super) fn write_made(
    ledger: &mut Ledger,
    reference: i64,
    change: &Change,
    traceparent: &str,
) -> Result<(), Error> {
    let record = Record {
        id: change.id,
        reference,
        sequence: change.sequence,
        routing_key: &change.routing_key(),
        event_type: change.kind.event_type(),
        occurred_at: change.occurred_at.at,
        received_at: change.received_at,
        traceparent,
        body: &change.body(),
    };
    write(ledger, &record).map(drop)
}

fn write(ledger: &mut Ledger, record: &Record<'_>) -> Result<Position, Error> {
    let position = ledger.next_position();
    ledger.added.changes += 1;
    let what = record.routing_key.split('.').nth(1).unwrap_or_default();
    ledger.session.write(
        "INSERT INTO changes (position, id, subject_ref, sequence, what, routing_key, event_type, occurred_at, \
         received_at, traceparent, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        &[
            position.into(),
            record.id.0.as_bytes().as_slice().into(),
            record.reference.into(),
            signed(record.sequence).into(),
            what.into(),
            record.routing_key.into(),
            record.event_type.into(),
            record.occurred_at.into(),
            record.received_at.into(),
            record.traceparent.into(),
            record.body.into(),
        ],
    )?;
    ledger.session.write(
        "INSERT INTO outbox (position, appended_at) VALUES (?1, ?2)",
        &[position.into(), record.received_at.into()],
    )?;
    Ok(ledger.last_position())
}

/// Leaves a claim for the enricher; a burst leaves one, due a moment after its first change.
pub(super) fn claim_fetch(
    ledger: &mut Ledger,
    reference: i64,
    covers_after: u64,
    at: Timestamp,
    traceparent: &str,
) {
    let due_at = at.checked_add(limits::ENRICH_COALESCE).unwrap_or(at);
    ledger.want_fetch(Claim { reference, due_at, covers_after, traceparent: traceparent.to_owned() });
}

/// Ends a quarantine by applying what the delivery is now read to say.
pub(super) fn release(
    ledger: &mut Ledger,
    id: DeliveryId,
    at: Timestamp,
    seen: &Observation,
    traceparent: &str,
) -> Result<Option<Appended>, Error> {
    let found = ledger.session.row(
        "SELECT seq, received_at FROM deliveries WHERE id = ?1 AND outcome = 'quarantined'",
        &[id.0.as_bytes().as_slice().into()],
        |row| Ok((row.int(0)?, row.time(1)?)),
    )?;
    let Some((seq, received_at)) = found else { return Ok(None) };
    let (reference, changes) = apply(ledger, seen, cause(id, received_at, Origin::Replay), traceparent)?;
    ledger.session.execute(
        "UPDATE deliveries SET outcome = 'released', subject_ref = ?2, format = ?3, event = ?4, changes = ?5 WHERE seq = ?1",
        &[
            seq.into(),
            reference.into(),
            seen.format.word().into(),
            seen.event.as_str().into(),
            signed(changes.len() as u64).into(),
        ],
    )?;
    ledger.books.released += 1;
    evidence::resolution(ledger, id, "released", at, Some(seen), changes.len())?;
    let outcome = if changes.is_empty() { Outcome::Duplicate } else { Outcome::Accepted };
    Ok(Some(Appended { outcome, delivery_id: id, changes }))
}

/// Ends a quarantine without applying anything.
pub(super) fn drop_quarantined(
    ledger: &mut Ledger,
    id: DeliveryId,
    at: Timestamp,
) -> Result<Option<Appended>, Error> {
    let changed = ledger.session.execute(
        "UPDATE deliveries SET outcome = 'dropped' WHERE id = ?1 AND outcome = 'quarantined'",
        &[id.0.as_bytes().as_slice().into()],
    )?;
    if changed == 0 {
        return Ok(None);
    }
    ledger.books.dropped += 1;
    evidence::resolution(ledger, id, "dropped", at, None, 0)?;
    let outcome = Outcome::Quarantined("dropped".into());
    Ok(Some(Appended { outcome, delivery_id: id, changes: Vec::new() }))
}

/// Appends the enriched change and ends its claim; what came in meanwhile keeps one, due at once after coalescing.
pub(super) fn complete(
    ledger: &mut Ledger,
    claim: &Enrichment,
    enriched: &EnrichedChange,
) -> Result<(), Error> {
    if !enrichment::is_current(ledger, claim)? {
        // Another node took this one's part over and was faster.
        return Ok(());
    }
    ledger.now = ledger.now.max(enriched.received_at);
    let subject = crate::base::Subject::SigningRequest(claim.signing_request.clone());
    let held = ledger.open_subject(&claim.account, &subject)?;
    held.state.sequence += 1;
    let (reference, sequence) = (held.reference, held.state.sequence);
    let record = Record {
        id: enriched.id,
        reference,
        sequence,
        routing_key: &enriched.routing_key,
        event_type: ENRICHED_TYPE,
        occurred_at: enriched.occurred_at,
        received_at: enriched.received_at,
        traceparent: &claim.traceparent,
        body: &(enriched.body)(sequence),
    };
    write(ledger, &record)?;
    ledger.books.enriched += 1;
    let covered = claim.covers.iter().map(|c| c.sequence).max().unwrap_or(0);
    let more = ledger.session.row(
        "SELECT 1 FROM changes WHERE subject_ref = ?1 AND sequence > ?2 AND event_type <> ?3 LIMIT 1",
        &[reference.into(), signed(covered).into(), ENRICHED_TYPE.into()],
        |_| Ok(()),
    )?;
    if more.is_some() {
        ledger.books.fetches += 1;
        let due_at =
            enriched.received_at.checked_add(limits::ENRICH_COALESCE).unwrap_or(enriched.received_at);
        ledger.session.execute(
            "UPDATE enrichments SET covers_after = ?2, due_at = ?3, attempts = 0, last_error = NULL WHERE subject_ref = ?1",
            &[reference.into(), signed(covered).into(), due_at.into()],
        )?;
    } else {
        ledger.session.execute("DELETE FROM enrichments WHERE subject_ref = ?1", &[reference.into()])?;
    }
    Ok(())
}
