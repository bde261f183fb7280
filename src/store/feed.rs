//! Reading: the feed, deliveries, timelines and counts.

use crate::base::{AccountId, ChangeId, DeliveryId, Position, SigningRequestId, Subject};
use crate::connect::Format;
use crate::signing::Entry;

use super::body::Large;
use super::ledger::read_state;
use super::session::{Row, Session, Value};
use super::{DeliveryDetail, DeliveryQuery, DeliveryRow, Error, FeedQuery, FeedRow, Timeline, Totals, body};

/// A whole number as the database takes it.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Accounts as `is_among!` takes them: each between two separators, which no id of DocuSign's has in it.
pub(super) fn among(accounts: Option<&[AccountId]>) -> Option<String> {
    let texts = accounts?.iter().map(AccountId::as_str).filter(|id| !id.contains('|'));
    Some(texts.fold(String::from("|"), |list, id| list + id + "|"))
}

/// Reads the twelve columns of a change joined with its subject.
pub(super) fn read_entry(row: &Row<'_>) -> Result<Entry, Error> {
    Ok(Entry {
        position: Position(row.count(0)?),
        subject_ref: row.int(1)?,
        id: ChangeId(row.uuid(2)?),
        account: AccountId::new(&row.text(3)?),
        subject: read_subject(&row.text(4)?, &row.text(5)?)?,
        sequence: row.count(6)?,
        routing_key: row.text(7)?,
        event_type: row.text(8)?,
        occurred_at: row.time(9)?,
        traceparent: row.text(10)?,
        body: row.text(11)?,
    })
}

pub(super) fn read_subject(kind: &str, id: &str) -> Result<Subject, Error> {
    Subject::from_parts(kind, id).ok_or_else(|| Error::Rejected("a stored subject is damaged".into()))
}

fn read_feed_row(row: &Row<'_>) -> Result<FeedRow, Error> {
    Ok(FeedRow { entry: read_entry(row)?, published: row.int(12)? == 0, published_at: row.time_maybe(13)? })
}

macro_rules! feed_sql {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "SELECT c.position, c.subject_ref, c.id, s.account, s.kind, s.id, c.sequence, c.routing_key, c.event_type, ",
            "c.occurred_at, c.traceparent, c.body, ",
            "(SELECT count(*) FROM outbox o WHERE o.position = c.position), ",
            "(SELECT p.published_at FROM publications p WHERE p.position = c.position) FROM changes c ",
            "JOIN subjects s ON s.ref = c.subject_ref ",
            $($rest),+
        )
    };
}

/// Changes of the feed. A signing request's are found by its subjects, all others by walking the feed.
pub(super) fn feed(session: &Session, query: &FeedQuery) -> Result<Vec<FeedRow>, Error> {
    let status: Value<'_> = query.status.as_deref().into();
    let account: Value<'_> = query.account.as_ref().map(AccountId::as_str).into();
    let limit: Value<'_> = signed(query.limit as u64).into();
    let accounts = among(query.among.as_deref());
    let accounts: Value<'_> = accounts.as_deref().into();
    let after: Value<'_> =
        if query.newest_first && query.after.0 == 0 { i64::MAX.into() } else { signed(query.after.0).into() };
    match (&query.signing_request, query.newest_first) {
        (Some(id), newest_first) => {
            let mut rows = session.rows(
                feed_sql!(
                    "WHERE c.subject_ref IN (SELECT ref FROM subjects WHERE id = ?1 AND kind = 'signing_request') \
                     AND (c.what = ?2 OR ?2 IS NULL) AND (s.account = ?3 OR ?3 IS NULL) AND ",
                    is_among!("s.account", "?7"),
                    " AND (CASE WHEN ?5 = 1 THEN c.position < ?4 ELSE c.position > ?4 END) \
                     ORDER BY CASE WHEN ?5 = 1 THEN -c.position ELSE c.position END LIMIT ?6"
                ),
                &[id.as_str().into(), status, account, after, i64::from(newest_first).into(), limit, accounts],
                read_feed_row,
            )?;
            rows.truncate(query.limit);
            Ok(rows)
        }
        (None, false) => session.rows(
            feed_sql!(
                "WHERE c.position > ?1 AND (c.what = ?2 OR ?2 IS NULL) AND (s.account = ?3 OR ?3 IS NULL) AND ",
                is_among!("s.account", "?5"),
                " ORDER BY c.position LIMIT ?4"
            ),
            &[after, status, account, limit, accounts],
            read_feed_row,
        ),
        (None, true) => session.rows(
            feed_sql!(
                "WHERE c.position < ?1 AND (c.what = ?2 OR ?2 IS NULL) AND (s.account = ?3 OR ?3 IS NULL) AND ",
                is_among!("s.account", "?5"),
                " ORDER BY c.position DESC LIMIT ?4"
            ),
            &[after, status, account, limit, accounts],
            read_feed_row,
        ),
    }
}

/// One change by its message id, searched from the newest end.
pub(super) fn change(session: &Session, id: ChangeId) -> Result<Option<FeedRow>, Error> {
    let id = id.0;
    session.row(
        feed_sql!("WHERE c.id = ?1 ORDER BY c.position DESC LIMIT 1"),
        &[id.as_bytes().as_slice().into()],
        read_feed_row,
    )
}

macro_rules! delivery_sql {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "SELECT d.id, d.source, d.received_at, d.format, d.event, s.account, s.kind, s.id, d.outcome, d.reason, ",
            "d.body_bytes, d.changes, d.seq, d.stored_at FROM deliveries d LEFT JOIN subjects s ON s.ref = d.subject_ref ",
            $($rest),+
        )
    };
}

fn read_delivery(row: &Row<'_>) -> Result<DeliveryRow, Error> {
    let subject = match (row.text_maybe(6)?, row.text_maybe(7)?) {
        (Some(kind), Some(id)) => Some(read_subject(&kind, &id)?),
        _ => None,
    };
    Ok(DeliveryRow {
        id: DeliveryId(row.uuid(0)?),
        source: row.text(1)?,
        received_at: row.time(2)?,
        format: row.text_maybe(3)?.and_then(|word| Format::from_word(&word)),
        event: row.text_maybe(4)?,
        account: row.text_maybe(5)?.map(|id| AccountId::new(&id)),
        subject,
        outcome: row.text(8)?,
        reason: row.text_maybe(9)?,
        body_bytes: row.count(10)?,
        changes: row.count(11)?,
        stored_at: row.time_maybe(13)?,
    })
}

pub(super) fn deliveries(session: &Session, query: &DeliveryQuery) -> Result<Vec<DeliveryRow>, Error> {
    let before = query.before.map_or([0xff; 16], |id| *id.0.as_bytes());
    let outcome: Value<'_> = query.outcome.as_deref().into();
    let account: Value<'_> = query.account.as_ref().map(AccountId::as_str).into();
    let limit: Value<'_> = signed(query.limit as u64).into();
    let accounts = among(query.among.as_deref());
    if query.outcome.as_deref() == Some("quarantined") && query.account.is_none() && accounts.is_none() {
        // Few among millions: the partial index finds them without walking the rest.
        return session.rows(
            delivery_sql!("WHERE d.outcome = 'quarantined' AND d.id < ?1 ORDER BY d.seq DESC LIMIT ?2"),
            &[before.as_slice().into(), limit],
            read_delivery,
        );
    }
    session.rows(
        delivery_sql!(
            "WHERE d.id < ?1 AND (d.outcome = ?2 OR ?2 IS NULL) AND (s.account = ?3 OR ?3 IS NULL) AND ",
            is_among!("s.account", "?5"),
            " ORDER BY d.id DESC LIMIT ?4"
        ),
        &[before.as_slice().into(), outcome, account, limit, accounts.as_deref().into()],
        read_delivery,
    )
}

pub(super) fn delivery(
    session: &Session,
    id: DeliveryId,
    large: &Large,
) -> Result<Option<DeliveryDetail>, Error> {
    let found =
        session.row(delivery_sql!("WHERE d.id = ?1"), &[id.0.as_bytes().as_slice().into()], |row| {
            Ok((read_delivery(row)?, row.int(12)?))
        })?;
    let Some((row, seq)) = found else { return Ok(None) };
    let kept =
        session.row("SELECT headers, encoding, body FROM bodies WHERE seq = ?1", &[seq.into()], |row| {
            Ok((row.text(0)?, row.int(1)?, row.blob(2)?))
        })?;
    let Some((headers, encoding, bytes)) = kept else {
        return Ok(Some(DeliveryDetail { row, headers: Vec::new(), body: None }));
    };
    let headers = serde_json::from_str(&headers).unwrap_or_default();
    Ok(Some(DeliveryDetail { row, headers, body: Some(body::unpack(session, encoding, bytes, large, id)?) }))
}

/// The newest rows of each list, oldest first.
const TIMELINE_ROWS: i64 = 1_000;

pub(super) fn timelines(session: &Session, id: &SigningRequestId) -> Result<Vec<Timeline>, Error> {
    let subjects = session.rows(
        "SELECT ref, account, state, last_delivery FROM standing \
         WHERE id = ?1 AND kind = 'signing_request' ORDER BY account",
        &[id.as_str().into()],
        |row| Ok((row.int(0)?, row.text(1)?, read_state(&row.text(2)?)?, row.int(3)?)),
    )?;
    let mut timelines = Vec::with_capacity(subjects.len());
    for (reference, account, state, last_delivery) in subjects {
        let deliveries = session.rows(
            line_of_deliveries!(delivery_sql!("WHERE d.seq IN (SELECT seq FROM line) ORDER BY d.seq")),
            &[last_delivery.into(), TIMELINE_ROWS.into()],
            read_delivery,
        )?;
        let mut changes = session.rows(
            feed_sql!("WHERE c.subject_ref = ?1 ORDER BY c.sequence DESC LIMIT ?2"),
            &[reference.into(), TIMELINE_ROWS.into()],
            read_feed_row,
        )?;
        changes.reverse();
        let enrichment = session.row(
            "SELECT due_at, attempts, last_error FROM enrichments WHERE subject_ref = ?1",
            &[reference.into()],
            |row| Ok((row.time(0)?, u32::try_from(row.int(1)?).unwrap_or(0), row.text_maybe(2)?)),
        )?;
        let account = AccountId::new(&account);
        timelines.push(Timeline {
            account,
            signing_request: id.clone(),
            state,
            deliveries,
            changes,
            enrichment,
        });
    }
    Ok(timelines)
}

pub(super) fn totals(session: &Session) -> Result<Totals, Error> {
    let found = session.row(
        "SELECT accepted, duplicates, changes, subjects, \
         (SELECT count(*) FROM deliveries WHERE outcome = 'quarantined'), (SELECT count(*) FROM enrichments) FROM totals",
        &[],
        |row| {
            Ok(Totals {
                accepted: row.count(0)?,
                duplicates: row.count(1)?,
                changes: row.count(2)?,
                signing_requests: row.count(3)?,
                quarantined: row.count(4)?,
                enrichments: row.count(5)?,
            })
        },
    )?;
    Ok(found.unwrap_or_default())
}
