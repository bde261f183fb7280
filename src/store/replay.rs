//! What a replay reads and writes: ranges of deliveries, whole lives, and changes that were never published.

use crate::base::{AccountId, ChangeId, DeliveryId, Position, Subject, limits};
use crate::signing::change::ENRICHED_TYPE;
use crate::signing::{Change, ChangeKind, Entry};
use jiff::Timestamp;

use super::append::{claim_fetch, write_made};
use super::feed::{read_entry, read_subject, signed};
use super::ledger::{Ledger, read_state};
use super::session::{Session, Value};
use super::{Error, Store, outbox};

/// No delivery is on its way for longer, its time limit and a wait for the store included.
const ARRIVAL_MILLIS_MAX: u64 = 120_000;
/// Deliveries looked at for the ends of a range: more than arrive within that time.
const NUMBERS_MAX: i64 = 1_000_000;

/// Deliveries by their numbers: from the first to the last that began to arrive within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayRange {
    /// The first one's number.
    pub first: i64,
    /// The last one's.
    pub last: i64,
    /// When the oldest delivery that is kept at all began to arrive, where older ones were pruned.
    pub kept_since: Option<Timestamp>,
}

/// A delivery that a replay walks over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// Its number.
    pub number: i64,
    /// The store's number of what it is about; none where it could not be read.
    pub subject_ref: Option<i64>,
    /// Its outcome.
    pub outcome: String,
    /// True where it is the first within the range that is about its subject.
    pub first: bool,
}

/// A delivery of a life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeDelivery {
    /// Its number.
    pub number: i64,
    /// Its id.
    pub id: DeliveryId,
    /// When it arrived.
    pub received_at: Timestamp,
    /// True where it was released from quarantine, and so applied later than it came.
    pub released: bool,
    /// Changes that it made.
    pub changes: u64,
    /// False once its bytes have been pruned.
    pub kept: bool,
}

/// Everything about one subject of one account, as of one moment.
#[derive(Debug, Clone)]
pub struct Life {
    /// The store's number for it.
    pub subject_ref: i64,
    /// The account.
    pub account: AccountId,
    /// What it is about.
    pub subject: Subject,
    /// The sequence of its last change.
    pub sequence: u64,
    /// Its deliveries, oldest first.
    pub deliveries: Vec<LifeDelivery>,
    /// Its changes but for enriched ones, oldest first.
    pub changes: Vec<Entry>,
    /// Its enriched changes.
    pub enriched: u64,
}

/// What was found of a life.
#[derive(Debug, Clone)]
pub enum LifeRead {
    /// All of it.
    Whole(Box<Life>),
    /// It has more deliveries or changes than are replayed together.
    TooLong(AccountId, Subject),
    /// It changed with every look.
    Restless(AccountId, Subject),
}

/// Changes of one subject to be published by a replay.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReplayOrder {
    /// To be appended, since they are not there; each with its trace context.
    pub missing: Vec<(Change, String)>,
    /// To be written anew in their places, and published again under their ids.
    pub different: Vec<(Position, Change)>,
    /// To be published again as they are.
    pub same: Vec<Position>,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Republished {
    /// Changes appended: their ids, and the first words of their routing keys.
    pub appended: Vec<(ChangeId, &'static str)>,
    /// Changes that wait to be published again.
    pub put_back: usize,
}

impl Store {
    /// The numbers of the deliveries with ids from `from` up to and without `to`; none where there are none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn replay_range(
        &self,
        from: Option<DeliveryId>,
        to: Option<DeliveryId>,
    ) -> Result<Option<ReplayRange>, Error> {
        self.readers.read(move |session| range(session, from, to)).await
    }

    /// Deliveries of a range after a number, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn walk(&self, range: ReplayRange, after: i64, limit: usize) -> Result<Vec<Walked>, Error> {
        self.readers.read(move |session| walk(session, range, after, limit)).await
    }

    /// All about one subject, by the store's number for it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn life(&self, subject_ref: i64) -> Result<Option<LifeRead>, Error> {
        self.readers.read(move |session| life(session, subject_ref)).await
    }

    /// Publishes what a replay chose of one subject, in one durable transaction.
    ///
    /// # Errors
    /// When it could not be written; nothing of it is then.
    pub async fn publish_replayed(&self, subject_ref: i64, order: ReplayOrder) -> Result<Republished, Error> {
        self.writer()?.write(move |ledger| publish(ledger, subject_ref, &order)).await
    }
}

/// The numbers of the deliveries with ids from `from` up to and without `to`; none where there are none.
fn range(
    session: &Session,
    from: Option<DeliveryId>,
    to: Option<DeliveryId>,
) -> Result<Option<ReplayRange>, Error> {
    let from = from.map_or(0, |id| id.0.as_u128());
    let to = to.map_or(u128::MAX, |id| id.0.as_u128());
    let bytes = |from: u128, to: u128| (from.to_be_bytes(), to.to_be_bytes());
    let id = |sql| {
        let (from, to) = bytes(from, to);
        session.row(sql, &[from.as_slice().into(), to.as_slice().into()], |row| row.uuid(0))
    };
    let oldest = id("SELECT id FROM deliveries WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1")?;
    let newest = id("SELECT id FROM deliveries WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT 1")?;
    let (Some(oldest), Some(newest)) = (oldest, newest) else { return Ok(None) };
    // Ids are made when deliveries begin to arrive, numbers when they are stored: a slow one is overtaken, though by
    // none that began so much later.
    let slow = u128::from(ARRIVAL_MILLIS_MAX) << 80;
    let number = |sql, from: u128, to: u128| {
        let (from, to) = bytes(from, to);
        let arguments = [from.as_slice().into(), to.as_slice().into(), NUMBERS_MAX.into()];
        session.row(sql, &arguments, |row| row.int_maybe(0)).map(Option::flatten)
    };
    // The inner order keeps to the index of ids.
    let first = number(
        "SELECT min(seq) FROM (SELECT seq FROM deliveries WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3) d",
        oldest.as_u128(),
        oldest.as_u128().saturating_add(slow).min(to),
    )?;
    let last = number(
        "SELECT max(seq) FROM (SELECT seq FROM deliveries WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3) d",
        newest.as_u128().saturating_sub(slow).max(from),
        to,
    )?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
    let pruned = session.row("SELECT deliveries_pruned FROM books", &[], |row| row.int(0))?.unwrap_or(0);
    let kept_since = if pruned > 0 {
        session.row("SELECT received_at FROM deliveries ORDER BY id LIMIT 1", &[], |row| row.time(0))?
    } else {
        None
    };
    Ok(Some(ReplayRange { first, last, kept_since }))
}

/// Deliveries of a range after a number, at most `limit`.
fn walk(session: &Session, range: ReplayRange, after: i64, limit: usize) -> Result<Vec<Walked>, Error> {
    session.rows(
        "SELECT seq, subject_ref, outcome, previous FROM deliveries \
         WHERE seq >= ?1 AND seq <= ?2 AND seq > ?3 ORDER BY seq LIMIT ?4",
        &[range.first.into(), range.last.into(), after.into(), signed(limit as u64).into()],
        |row| {
            Ok(Walked {
                number: row.int(0)?,
                subject_ref: row.int_maybe(1)?,
                outcome: row.text(2)?,
                first: row.int(3)? < range.first,
            })
        },
    )
}

/// A whole life, read again while it changes.
fn life(session: &Session, reference: i64) -> Result<Option<LifeRead>, Error> {
    let subject = || {
        session.row(
            "SELECT account, kind, id, state, last_delivery FROM standing WHERE ref = ?1",
            &[reference.into()],
            |row| {
                let subject = read_subject(&row.text(1)?, &row.text(2)?)?;
                let sequence = read_state(&row.text(3)?)?.sequence;
                Ok((AccountId::new(&row.text(0)?), subject, sequence, row.int(4)?))
            },
        )
    };
    for _ in 0..limits::REPLAY_LOOKS_MAX {
        let Some((account, subject_of, sequence, newest)) = subject()? else { return Ok(None) };
        let deliveries = deliveries(session, newest)?;
        let changes = changes(session, reference)?;
        if deliveries.len() > limits::REPLAY_LIFE_MAX || changes.len() > limits::REPLAY_CHANGES_MAX {
            return Ok(Some(LifeRead::TooLong(account, subject_of)));
        }
        let enriched = session.row(
            "SELECT count(*) FROM changes WHERE subject_ref = ?1 AND event_type = ?2",
            &[reference.into(), ENRICHED_TYPE.into()],
            |row| row.count(0),
        )?;
        // Each change moves the sequence: where it stands still, all was read as of one moment.
        if subject()?.is_some_and(|(_, _, after, _)| after == sequence) {
            return Ok(Some(LifeRead::Whole(Box::new(Life {
                subject_ref: reference,
                account,
                subject: subject_of,
                sequence,
                deliveries,
                changes,
                enriched: enriched.unwrap_or(0),
            }))));
        }
    }
    Ok(subject()?.map(|(account, subject, ..)| LifeRead::Restless(account, subject)))
}

/// A life's deliveries, found from its newest; one more than are replayed together where there are more.
fn deliveries(session: &Session, newest: i64) -> Result<Vec<LifeDelivery>, Error> {
    session.rows(
        line_of_deliveries!(
            "SELECT d.seq, d.id, d.received_at, d.outcome, d.changes, \
             (SELECT count(*) FROM bodies b WHERE b.seq = d.seq) \
             FROM deliveries d WHERE d.seq IN (SELECT seq FROM line) ORDER BY d.seq"
        ),
        &[newest.into(), signed(limits::REPLAY_LIFE_MAX as u64 + 1).into()],
        |row| {
            Ok(LifeDelivery {
                number: row.int(0)?,
                id: DeliveryId(row.uuid(1)?),
                received_at: row.time(2)?,
                released: row.text(3)? == "released",
                changes: row.count(4)?,
                kept: row.int(5)? > 0,
            })
        },
    )
}

fn changes(session: &Session, reference: i64) -> Result<Vec<Entry>, Error> {
    session.rows(
        "SELECT c.position, c.subject_ref, c.id, s.account, s.kind, s.id, c.sequence, c.routing_key, c.event_type, \
         c.occurred_at, c.traceparent, c.body FROM changes c JOIN subjects s ON s.ref = c.subject_ref \
         WHERE c.subject_ref = ?1 AND c.event_type <> ?2 ORDER BY c.sequence LIMIT ?3",
        &[reference.into(), ENRICHED_TYPE.into(), signed(limits::REPLAY_CHANGES_MAX as u64 + 1).into()],
        read_entry,
    )
}

/// Publishes what a replay chose of one subject. What came to be there meanwhile is not appended twice.
fn publish(ledger: &mut Ledger, reference: i64, order: &ReplayOrder) -> Result<Republished, Error> {
    let mut done = Republished::default();
    for (change, traceparent) in &order.missing {
        if let Some(kind) = append_missing(ledger, reference, change, traceparent)? {
            done.appended.push((change.id, kind));
        }
    }
    for (position, change) in &order.different {
        write_anew(ledger, reference, *position, change)?;
    }
    let positions: Vec<Position> =
        order.different.iter().map(|(position, _)| *position).chain(order.same.iter().copied()).collect();
    for positions in positions.chunks(limits::PAGE_ROWS_MAX) {
        done.put_back += outbox::republish(ledger, positions, None)?;
    }
    Ok(done)
}

/// Appends a change that is not there; the first word of its routing key, or none where it is there now, or the
/// delivery that tells it is not.
fn append_missing(
    ledger: &mut Ledger,
    reference: i64,
    made: &Change,
    traceparent: &str,
) -> Result<Option<&'static str>, Error> {
    let (id, delivery) = (made.id.0, made.delivery_id.map(|delivery| delivery.0));
    let id: Value<'_> = id.as_bytes().as_slice().into();
    let there = ledger.session.row(
        "SELECT 1 FROM changes WHERE subject_ref = ?1 AND id = ?2",
        &[reference.into(), id],
        |_| Ok(()),
    )?;
    if there.is_some() {
        return Ok(None);
    }
    let delivery: Value<'_> = delivery.as_ref().map(|id| id.as_bytes().as_slice()).into();
    let told =
        ledger.session.execute("UPDATE deliveries SET changes = changes + 1 WHERE id = ?1", &[delivery])?;
    if told == 0 {
        return Ok(None);
    }
    ledger.now = ledger.now.max(made.received_at);
    let held = ledger.open_subject(&made.account, &made.subject)?;
    let before = held.state.sequence;
    let change = held.state.adopt(made);
    if change.kind == ChangeKind::Activity {
        ledger.session.execute(
            "INSERT INTO activities_seen (id, seen_at) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
            &[id, change.received_at.into()],
        )?;
    }
    write_made(ledger, reference, &change, traceparent)?;
    ledger.books.replayed += 1;
    if ledger.enrich && change.subject.signing_request().is_some() {
        claim_fetch(ledger, reference, before, ledger.at, traceparent);
    }
    Ok(Some(change.kind_word()))
}

/// Writes a change anew in its place: what it says is today's, where it stands and how it is called stay.
fn write_anew(ledger: &mut Ledger, reference: i64, position: Position, change: &Change) -> Result<(), Error> {
    let position = signed(position.0);
    let id = change.id.0;
    let arguments = [position.into(), reference.into(), id.as_bytes().as_slice().into()];
    let sql = "SELECT sequence FROM changes WHERE position = ?1 AND subject_ref = ?2 AND id = ?3";
    let Some(sequence) = ledger.session.row(sql, &arguments, |row| row.count(0))? else { return Ok(()) };
    let linked = ledger.linked(&change.account)?;
    let origin = crate::signing::Origin::Replay;
    let change = Change { sequence, origin, ..change.clone() };
    let routing_key = change.routing_key();
    let what = routing_key.split('.').nth(1).unwrap_or_default();
    ledger.session.execute(
        "UPDATE changes SET what = ?2, routing_key = ?3, event_type = ?4, occurred_at = ?5, body = ?6 WHERE position = ?1",
        &[
            position.into(),
            what.into(),
            routing_key.as_str().into(),
            change.kind.event_type().into(),
            change.occurred_at.at.into(),
            change.body(linked.as_deref()).as_str().into(),
        ],
    )?;
    Ok(())
}
