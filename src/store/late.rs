//! States that are late: each is written to the end of a table at once, and to its subject's row with many others.
//!
//! A subject's row lies anywhere, and so has a page of its own to be written with each delivery. Brought in together and
//! in the order of their rows, states share those pages, and of those of one subject only the newest is written. What is
//! late is in the database like all else: a crash loses nothing of it, and readers see it through the view `standing`.
//! The writer alone reads rows without the view: it has in memory whatever is late, or brings it in first.
//!
//! On a shared store nothing is late: every node would have to look for it.

use crate::base::limits;

use super::Error;
use super::session::{Session, Value};

/// How much is late.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Late {
    rows: usize,
    bytes: usize,
}

impl Late {
    /// What a process that ended, or a transaction before this one, left.
    pub(super) fn found(session: &Session) -> Result<Self, Error> {
        if session.is_shared() {
            return Ok(Self::default());
        }
        let sql = "SELECT count(*), coalesce(sum(length(state)), 0) FROM late";
        let found = session.row(sql, &[], |row| Ok((row.count(0)?, row.count(1)?)))?.unwrap_or_default();
        Ok(Self { rows: found.0 as usize, bytes: found.1 as usize })
    }

    /// Writes the state of a subject that has a row: where it is late to the end of that table, else to its row.
    pub(super) fn write(
        &mut self,
        session: &Session,
        reference: i64,
        newest: [Value<'_>; 2],
        state: &str,
    ) -> Result<(), Error> {
        let [last_delivery, updated_at] = newest;
        let arguments = [reference.into(), last_delivery, updated_at, state.into()];
        if session.is_shared() {
            return session.write(TO_ITS_ROW, &arguments);
        }
        self.rows += 1;
        self.bytes += state.len();
        session.write(
            "INSERT INTO late (ref, last_delivery, updated_at, state) VALUES (?1, ?2, ?3, ?4)",
            &arguments,
        )
    }

    /// Whether it is time to bring them in, with a transaction that changed so many states. Where deliveries come one by one,
    /// it is the few that wait meanwhile for whom it must not take long; where many come together, all get on faster
    /// when more share a page.
    pub(super) fn is_due(&self, changed: usize) -> bool {
        let few = (1..=limits::STORE_FEW).contains(&changed);
        let most = if few { limits::STORE_LATE_FEW_MAX } else { limits::STORE_LATE_MAX };
        self.rows >= most || self.bytes >= limits::STORE_LATE_BYTES_MAX
    }

    /// Brings all that is late to its rows, within a transaction.
    pub(super) fn bring_in(&mut self, session: &Session) -> Result<(), Error> {
        if self.rows == 0 {
            return Ok(());
        }
        let newest = session.rows(
            "SELECT ref, last_delivery, updated_at, state FROM late \
             WHERE n IN (SELECT max(n) FROM late GROUP BY ref) ORDER BY ref",
            &[],
            |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?, row.text(3)?)),
        )?;
        let newest: Vec<Vec<Value<'_>>> = newest
            .iter()
            .map(|(reference, last_delivery, updated_at, state)| {
                vec![
                    (*reference).into(),
                    (*last_delivery).into(),
                    (*updated_at).into(),
                    state.as_str().into(),
                ]
            })
            .collect();
        session.execute_each(TO_ITS_ROW, &newest)?;
        session.write("DELETE FROM late", &[])?;
        *self = Self::default();
        Ok(())
    }
}

const TO_ITS_ROW: &str = "UPDATE subjects SET last_delivery = ?2, updated_at = ?3, state = ?4 WHERE ref = ?1";
