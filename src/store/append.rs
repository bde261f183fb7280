//! Writing a delivery and its changes: the transaction that stands between a delivery and its 200.

use jiff::Timestamp;

use crate::base::{ChangeId, DeliveryId, Outcome, limits};
use crate::connect::Delivery;
use crate::connect::signature::SignedBy;
use crate::signing::change::ENRICHED_TYPE;
use crate::signing::state::{Cause, activity_id};
use crate::signing::{AccountChange, Change, ChangeKind, Observation, Origin};

use super::body::Packed;
use super::enrichment;
use super::feed::signed;
use super::ledger::{Claim, Ledger, Wants};
use super::{Appended, Arrival, EnrichedChange, Enrichment, Error, Found, Reading, evidence};

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

/// A delivery as it is written, whoever told it.
struct Incoming<'a> {
    delivery: &'a Delivery,
    signed_by: SignedBy,
    origin: Origin,
    /// What it says, or why it cannot be read.
    reading: Result<&'a Observation, &'a str>,
}

/// Appends one arrival; `packed` holds its headers and bytes, ready to be written.
pub(super) fn append(ledger: &mut Ledger, arrival: &Arrival, packed: &Packed) -> Result<Appended, Error> {
    let reading = match &arrival.reading {
        Reading::Understood(seen) => Ok(seen.as_ref()),
        Reading::Unreadable(why) => Err(why.as_str()),
    };
    let (delivery, signed_by) = (arrival.delivery.delivery(), arrival.delivery.signed_by());
    write_delivery(ledger, &Incoming { delivery, signed_by, origin: Origin::Connect, reading }, packed)
}

/// Appends what was found over REST, where it makes a change. Where it makes none, nothing is written at all.
pub(super) fn append_found(ledger: &mut Ledger, found: &Found, packed: &Packed) -> Result<Appended, Error> {
    let (delivery, seen) = (found.answer.delivery(), &found.seen);
    let cause = cause(delivery.id, delivery.received_at, Origin::Reconcile);
    let mut state = ledger.state_of(&seen.account, &seen.subject)?;
    // A look tells no activity: whether one is known is never asked.
    if state.apply(seen, cause, |_| true).is_empty() {
        let (outcome, changes) = (Outcome::Duplicate, Vec::new());
        return Ok(Appended { outcome, delivery_id: delivery.id, changes });
    }
    let (signed_by, origin, reading) = (SignedBy::NOBODY, Origin::Reconcile, Ok(seen.as_ref()));
    write_delivery(ledger, &Incoming { delivery, signed_by, origin, reading }, packed)
}

fn write_delivery(ledger: &mut Ledger, incoming: &Incoming<'_>, packed: &Packed) -> Result<Appended, Error> {
    let delivery = incoming.delivery;
    ledger.now = ledger.now.max(delivery.received_at);
    let seq = ledger.next_delivery();
    let (subject, outcome, changes) = match incoming.reading {
        Err(why) => (None, Outcome::Quarantined(why.to_owned()), Vec::new()),
        Ok(seen) => {
            let cause = cause(delivery.id, delivery.received_at, incoming.origin);
            let Applied { reference, previous, changes } =
                apply(ledger, seen, cause, seq, &delivery.traceparent)?;
            let outcome = if changes.is_empty() { Outcome::Duplicate } else { Outcome::Accepted };
            (Some((reference, previous, seen)), outcome, changes)
        }
    };
    match outcome {
        Outcome::Accepted => ledger.added.accepted += 1,
        Outcome::Duplicate => ledger.added.duplicates += 1,
        Outcome::Quarantined(_) => ledger.books.quarantined += 1,
        Outcome::Refused(_) => {}
    }
    let reason = if let Outcome::Quarantined(why) = &outcome { Some(why.as_str()) } else { None };
    let seen = subject.map(|(_, _, seen)| seen);
    let told_by = (delivery, incoming.signed_by);
    let number = evidence::receipt(ledger, told_by, packed, seen, (outcome.word(), reason), changes.len())?;
    ledger.session.write(
        "INSERT INTO deliveries (seq, id, source, received_at, format, event, subject_ref, outcome, reason, body_bytes, \
         changes, stored_at, evidence, previous) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        &[
            seq.into(),
            delivery.id.0.as_bytes().as_slice().into(),
            delivery.source.as_str().into(),
            delivery.received_at.into(),
            seen.map(|seen| seen.format.word()).into(),
            seen.map(|seen| seen.event.as_str()).into(),
            subject.map(|(reference, ..)| reference).into(),
            outcome.word().into(),
            reason.into(),
            signed(delivery.body.length()).into(),
            signed(changes.len() as u64).into(),
            ledger.at.into(),
            number.into(),
            subject.map_or(0, |(_, previous, _)| previous).into(),
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

/// What came of an observation.
struct Applied {
    /// The subject's number.
    reference: i64,
    /// The number of the subject's newest delivery before this one, where that is older.
    previous: i64,
    /// The kinds of the changes.
    changes: Vec<&'static str>,
}

/// Runs the state machine on what the delivery `seq` says, and writes what it makes.
fn apply(
    ledger: &mut Ledger,
    seen: &Observation,
    cause: Cause,
    seq: i64,
    traceparent: &str,
) -> Result<Applied, Error> {
    let known = known_activity(ledger, seen)?;
    let held = ledger.open_subject(&seen.account, &seen.subject)?;
    let before = held.state.sequence;
    let changes = held.state.apply(seen, cause, |_| known);
    let (reference, previous) = (held.reference, held.last_delivery);
    held.last_delivery = previous.max(seq);
    for change in &changes {
        write_change(ledger, reference, change, traceparent)?;
        ledger.books.told += 1;
    }
    if !changes.is_empty() && ledger.enrich && seen.subject.signing_request().is_some() {
        claim_fetch(ledger, reference, before, cause.received_at, traceparent);
    }
    Ok(Applied { reference, previous, changes: changes.iter().map(Change::kind_word).collect() })
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
    let linked = ledger.linked(&change.account)?;
    let record = Record {
        id: change.id,
        reference,
        sequence: change.sequence,
        routing_key: &change.routing_key(),
        event_type: change.kind.event_type(),
        occurred_at: change.occurred_at.at,
        received_at: change.received_at,
        traceparent,
        body: &change.body(linked.as_deref()),
    };
    write(ledger, &record)
}

fn write(ledger: &mut Ledger, record: &Record<'_>) -> Result<(), Error> {
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
    )
}

/// Writes a change that tells of a linked account.
pub(super) fn note(
    ledger: &mut Ledger,
    change: &AccountChange<'_>,
    event_type: &'static str,
) -> Result<(), Error> {
    ledger.now = ledger.now.max(change.at);
    let held = ledger.open_subject(change.account, &change.subject())?;
    held.state.sequence += 1;
    let (reference, sequence) = (held.reference, held.state.sequence);
    let id = change.id(sequence);
    // No delivery told it: a trace of its own, known by the change's id.
    let (trace, span) = (id.0.simple().to_string(), id.0.as_u64_pair().0);
    let record = Record {
        id,
        reference,
        sequence,
        routing_key: &change.routing_key(),
        event_type,
        occurred_at: change.at,
        received_at: change.at,
        traceparent: &format!("00-{trace}-{span:016x}-01"),
        body: &change.body(sequence),
    };
    ledger.books.noted += 1;
    write(ledger, &record)
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
    let cause = cause(id, received_at, Origin::Replay);
    let Applied { reference, previous, changes } = apply(ledger, seen, cause, seq, traceparent)?;
    let previous = if previous > seq { step_in(ledger, previous, seq)? } else { Some(previous) };
    if previous.is_none() {
        // All that came after it is pruned: the line begins with it.
        ledger.open_subject(&seen.account, &seen.subject)?.last_delivery = seq;
    }
    ledger.session.execute(
        "UPDATE deliveries SET outcome = 'released', subject_ref = ?2, format = ?3, event = ?4, changes = ?5, \
         previous = ?6 WHERE seq = ?1",
        &[
            seq.into(),
            reference.into(),
            seen.format.word().into(),
            seen.event.as_str().into(),
            signed(changes.len() as u64).into(),
            previous.unwrap_or(0).into(),
        ],
    )?;
    ledger.books.released += 1;
    evidence::resolution(ledger, id, "released", at, Some(seen), changes.len())?;
    let outcome = if changes.is_empty() { Outcome::Duplicate } else { Outcome::Accepted };
    Ok(Some(Appended { outcome, delivery_id: id, changes }))
}

/// Makes room for a delivery in its subject's line, which is in the order of numbers and begins at `newest`; the
/// number of the one before it, or none where nothing of the line is there any more.
fn step_in(ledger: &Ledger, newest: i64, seq: i64) -> Result<Option<i64>, Error> {
    let after = ledger.session.row(
        line_of_deliveries!("SELECT min(seq) FROM line WHERE seq > ?3"),
        &[newest.into(), i64::MAX.into(), seq.into()],
        |row| row.int_maybe(0),
    )?;
    let Some(after) = after.flatten() else { return Ok(None) };
    let sql = "SELECT previous FROM deliveries WHERE seq = ?1";
    let previous = ledger.session.row(sql, &[after.into()], |row| row.int(0))?;
    let sql = "UPDATE deliveries SET previous = ?2 WHERE seq = ?1";
    ledger.session.execute(sql, &[after.into(), seq.into()])?;
    Ok(Some(previous.unwrap_or(0)))
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
    let covered = claim.covers.iter().map(|c| c.sequence).max().unwrap_or(claim.covers_after);
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
