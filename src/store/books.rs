//! The books: counts kept in the transactions of what they count, and the rows counted by hand.

use crate::base::books::{Counts, Rows};

use super::ledger::read_state;
use super::session::{Row, Session};
use super::{Error, Store};

/// What the present transaction adds to the books.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) quarantined: i64,
    pub(super) released: i64,
    pub(super) dropped: i64,
    pub(super) deliveries_pruned: i64,
    pub(super) told: i64,
    pub(super) told_pruned: i64,
    pub(super) enriched: i64,
    pub(super) replayed: i64,
    pub(super) changes_pruned: i64,
    /// The newest change pruned.
    pub(super) pruned_to: i64,
    pub(super) put_back: i64,
    pub(super) published: i64,
    pub(super) published_again: i64,
    pub(super) fetches: i64,
    pub(super) noted: i64,
}

impl Tally {
    /// Writes it down, where there is anything to write.
    pub(super) fn write(self, session: &Session) -> Result<(), Error> {
        if self == Self::default() {
            return Ok(());
        }
        session.write(
            "UPDATE books SET quarantined = quarantined + ?1, released = released + ?2, dropped = dropped + ?3, \
             deliveries_pruned = deliveries_pruned + ?4, told = told + ?5, told_pruned = told_pruned + ?6, \
             enriched = enriched + ?7, replayed = replayed + ?8, changes_pruned = changes_pruned + ?9, \
             pruned_to = CASE WHEN ?10 > pruned_to THEN ?10 ELSE pruned_to END, put_back = put_back + ?11, \
             published = published + ?12, published_again = published_again + ?13, fetches = fetches + ?14, \
             noted = noted + ?15 WHERE one = 1",
            &[
                self.quarantined.into(),
                self.released.into(),
                self.dropped.into(),
                self.deliveries_pruned.into(),
                self.told.into(),
                self.told_pruned.into(),
                self.enriched.into(),
                self.replayed.into(),
                self.changes_pruned.into(),
                self.pruned_to.into(),
                self.put_back.into(),
                self.published.into(),
                self.published_again.into(),
                self.fetches.into(),
                self.noted.into(),
            ],
        )
    }
}

impl Store {
    /// The books: what was counted since the store was made, and what stands in it, all at one moment.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn books(&self) -> Result<Counts, Error> {
        self.readers.read(counts).await
    }

    /// The books, and every row counted by hand. Takes a reader for as long as that lasts: minutes on a large store.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn books_by_hand(&self) -> Result<(Counts, Rows), Error> {
        self.readers.read(rows).await
    }
}

/// One statement, and so one moment, on any database.
macro_rules! counts_sql {
    ($more:literal) => {
        concat!(
            "SELECT (SELECT coalesce(max(seq), 0) FROM deliveries), t.accepted, t.duplicates, b.quarantined, ",
            "(SELECT count(*) FROM deliveries WHERE outcome = 'quarantined'), b.released, b.dropped, ",
            "(SELECT coalesce(max(position), 0) FROM changes), t.changes, b.told, b.enriched, b.replayed, b.put_back, ",
            "t.settled, b.published, b.published_again, (SELECT count(*) FROM outbox), b.fetches, ",
            "(SELECT count(*) FROM enrichments), b.noted",
            $more,
            " FROM totals t, books b"
        )
    };
}

fn read_counts(row: &Row<'_>) -> Result<Counts, Error> {
    Ok(Counts {
        last_delivery: row.count(0)?,
        accepted: row.count(1)?,
        duplicates: row.count(2)?,
        quarantined: row.count(3)?,
        quarantine: row.count(4)?,
        released: row.count(5)?,
        dropped: row.count(6)?,
        last_position: row.count(7)?,
        changes: row.count(8)?,
        told: row.count(9)?,
        enriched: row.count(10)?,
        replayed: row.count(11)?,
        put_back: row.count(12)?,
        settled: row.count(13)?,
        published: row.count(14)?,
        published_again: row.count(15)?,
        outbox: row.count(16)?,
        fetches: row.count(17)?,
        fetches_open: row.count(18)?,
        noted: row.count(19)?,
    })
}

/// The counts: two indexes' ends, two rows, and three small tables.
fn counts(session: &Session) -> Result<Counts, Error> {
    Ok(session.row(counts_sql!(""), &[], read_counts)?.unwrap_or_default())
}

/// Places that a report names at most.
const PLACES_MAX: i64 = 10;
/// States read at a time.
const STATES: i64 = 1_000;

/// The counts, and the rows counted one by one: minutes on a large store, and never in the way of a write.
fn rows(session: &Session) -> Result<(Counts, Rows), Error> {
    let found = session.row(
        // A change up to `since` was settled before publications were written down. A number may be missing where
        // the change before it may have been pruned: pruning goes by position, and leaves what waits.
        counts_sql!(
            ", (SELECT count(*) FROM deliveries), b.deliveries_pruned, \
             (SELECT CAST(coalesce(sum(changes), 0) AS BIGINT) FROM deliveries), b.told_pruned, \
             (SELECT count(*) FROM changes), b.changes_pruned, \
             (SELECT count(*) FROM changes c WHERE c.position > b.since \
                AND NOT EXISTS (SELECT 1 FROM publications p WHERE p.position = c.position) \
                AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.position = c.position)), \
             (SELECT count(*) FROM outbox o WHERE NOT EXISTS (SELECT 1 FROM changes c WHERE c.position = o.position)), \
             (SELECT count(*) FROM (SELECT sequence - lag(sequence) OVER (PARTITION BY subject_ref ORDER BY sequence) \
                AS step FROM changes WHERE position > (SELECT pruned_to FROM books)) s WHERE step > 1) \
             + (SELECT count(*) FROM (SELECT min(sequence) AS lowest FROM changes GROUP BY subject_ref) s \
                WHERE lowest > 1 AND (SELECT pruned_to FROM books) = 0)"
        ),
        &[],
        |row| {
            let rows = Rows {
                deliveries: row.count(20)?,
                deliveries_pruned: row.count(21)?,
                told: row.count(22)?,
                told_pruned: row.count(23)?,
                changes: row.count(24)?,
                changes_pruned: row.count(25)?,
                stranded: row.count(26)?,
                orphans: row.count(27)?,
                gaps: row.count(28)?,
                heads: 0,
                places: Vec::new(),
            };
            Ok((read_counts(row)?, rows))
        },
    )?;
    let (counts, mut rows) = found.unwrap_or_default();
    if rows.gaps > 0 {
        rows.places = gaps(session)?;
    }
    heads(session, &mut rows)?;
    Ok((counts, rows))
}

/// Where some numbers are left out.
fn gaps(session: &Session) -> Result<Vec<String>, Error> {
    session.rows(
        "SELECT s.id, s.account, g.sequence FROM (SELECT subject_ref, sequence, \
         sequence - coalesce(lag(sequence) OVER (PARTITION BY subject_ref ORDER BY sequence), \
         CASE WHEN (SELECT pruned_to FROM books) = 0 THEN 0 ELSE sequence - 1 END) AS step \
         FROM changes WHERE position > (SELECT pruned_to FROM books)) g JOIN subjects s ON s.ref = g.subject_ref \
         WHERE g.step > 1 ORDER BY s.ref, g.sequence LIMIT ?1",
        &[PLACES_MAX.into()],
        |row| {
            let (id, account, sequence) = (row.text(0)?, row.text(1)?, row.count(2)?);
            Ok(format!("{id} of account {account}: nothing directly before sequence {sequence}"))
        },
    )
}

/// Compares each state's last sequence with the newest change that is there.
fn heads(session: &Session, rows: &mut Rows) -> Result<(), Error> {
    let mut after = 0;
    loop {
        let page = session.rows(
            "SELECT s.ref, s.id, s.account, s.state, max(c.sequence) FROM standing s \
             JOIN changes c ON c.subject_ref = s.ref WHERE s.ref > ?1 AND s.ref <= ?1 + ?2 \
             AND c.position > (SELECT pruned_to FROM books) GROUP BY s.ref, s.id, s.account, s.state",
            &[after.into(), STATES.into()],
            |row| Ok((row.text(1)?, row.text(2)?, read_state(&row.text(3)?)?.sequence, row.count(4)?)),
        )?;
        for (id, account, known, newest) in page.into_iter().filter(|(_, _, known, newest)| known != newest) {
            rows.heads += 1;
            if rows.places.len() < PLACES_MAX as usize {
                let told = format!(
                    "{id} of account {account}: the state is at {known}, the newest change at {newest}"
                );
                rows.places.push(told);
            }
        }
        let last = session.row("SELECT coalesce(max(ref), 0) FROM subjects", &[], |row| row.int(0))?;
        after += STATES;
        if after >= last.unwrap_or(0) {
            return Ok(());
        }
    }
}
