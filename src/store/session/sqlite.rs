//! SQLite below a session: the only file that names its library.

mod waiting;

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, OpenFlags, ToSql, params_from_iter};

use crate::base::limits;

use super::{Checkpointed, Error, Value};
use waiting::{Waiting, weight};

pub(super) type Row<'a> = &'a rusqlite::Row<'a>;

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

pub(super) fn int(row: Row<'_>, column: usize) -> Result<Option<i64>, Error> {
    Ok(row.get(column)?)
}

pub(super) fn text(row: Row<'_>, column: usize) -> Result<Option<String>, Error> {
    Ok(row.get(column)?)
}

pub(super) fn blob(row: Row<'_>, column: usize) -> Result<Option<Vec<u8>>, Error> {
    Ok(row.get(column)?)
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        // SQLite's message may quote a statement, never its arguments: statements are constants.
        let text = error.to_string();
        if is_broken(&error) { Self::Unavailable(text) } else { Self::Rejected(text) }
    }
}

/// True for faults of the disk or file, which would strike every other write in the same way.
fn is_broken(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
        )
    )
}

/// One connection to a file.
#[derive(Debug)]
pub(in crate::store) struct Connection {
    inner: rusqlite::Connection,
    /// Rows that are written before anything else is asked.
    waiting: RefCell<Waiting>,
}

impl Connection {
    pub(super) fn open_writer(path: &Path) -> Result<Self, Error> {
        let connection = rusqlite::Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Checkpoints run on a connection of their own (see `checkpoint`): in the writer, they would stand in the
        // way of the next commit.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "cache_size", -16_384)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self { inner: connection, waiting: RefCell::default() })
    }

    pub(super) fn open_reader(path: &Path) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "cache_size", -4_096)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self { inner: connection, waiting: RefCell::default() })
    }

    pub(super) fn execute(&self, sql: &'static str, arguments: &[Value<'_>]) -> Result<usize, Error> {
        self.flush()?;
        Ok(self.inner.prepare_cached(sql)?.execute(params_from_iter(arguments))?)
    }

    pub(super) fn write(&self, sql: &'static str, arguments: &[Value<'_>]) -> Result<(), Error> {
        if weight(arguments) > limits::STORE_COMPANY_BYTES_MAX {
            // What it waits with would save nothing against its copy.
            return self.execute(sql, arguments).map(drop);
        }
        let full = {
            let mut waiting = self.waiting.borrow_mut();
            waiting.add(sql, arguments);
            waiting.bytes() > limits::STORE_COMPANY_BYTES_MAX
        };
        if full { self.flush() } else { Ok(()) }
    }

    /// Writes what waits: each statement is looked up once, and its rows go in one after the other.
    pub(super) fn flush(&self) -> Result<(), Error> {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            return Ok(());
        }
        // None of them needs another's row, so that those of one kind can go together.
        let written = waiting.kinds().iter().try_for_each(|rows| {
            let mut statement = self.inner.prepare_cached(rows.sql())?;
            rows.each().try_for_each(|row| statement.execute(params_from_iter(row)).map(drop))
        });
        // A fault is the end of the transaction, and so of all that waited.
        waiting.clear();
        Ok(written?)
    }

    pub(super) fn execute_each(
        &self,
        sql: &'static str,
        arguments: &[Vec<Value<'_>>],
    ) -> Result<usize, Error> {
        self.flush()?;
        let mut statement = self.inner.prepare_cached(sql)?;
        let mut changed = 0;
        for arguments in arguments {
            changed += statement.execute(params_from_iter(arguments))?;
        }
        Ok(changed)
    }

    pub(super) fn rows<T>(
        &self,
        sql: &'static str,
        arguments: &[Value<'_>],
        mut read: impl FnMut(Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.flush()?;
        let mut statement = self.inner.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(arguments))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
        Ok(found)
    }

    /// The first row; what waits goes on waiting, and must not be what is asked for.
    pub(super) fn row_apart<T>(
        &self,
        sql: &'static str,
        arguments: &[Value<'_>],
        read: impl FnOnce(Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let mut statement = self.inner.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(arguments))?;
        rows.next()?.map(read).transpose()
    }

    /// Nobody else writes the file: see the lock beside it.
    pub(super) fn begin(&self) -> Result<Option<String>, Error> {
        self.execute("BEGIN IMMEDIATE", &[]).map(|_| None)
    }

    pub(super) fn commit(&self) -> Result<(), Error> {
        // What waits is written first.
        self.execute("COMMIT", &[]).map(drop)
    }

    pub(super) fn rollback(&self) {
        self.waiting.borrow_mut().clear();
        if !self.inner.is_autocommit() {
            // Nothing is lost by a rollback that fails: the next BEGIN fails too, and says so.
            let _ = self.execute("ROLLBACK", &[]);
        }
    }

    /// The lock beside the file serves for this too.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)] // as its sister on PostgreSQL
    pub(super) fn alone(&self, _: bool) -> Result<(), Error> {
        Ok(())
    }

    pub(super) fn batch(&self, sql: &str) -> Result<(), Error> {
        self.flush()?;
        Ok(self.inner.execute_batch(sql)?)
    }

    pub(super) fn checkpoint(&self, all: bool) -> Result<Checkpointed, Error> {
        let sql = if all { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "PRAGMA wal_checkpoint(PASSIVE)" };
        let counts = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let (pages, copied) = self.inner.prepare_cached(sql)?.query_row([], counts)?;
        Ok(Checkpointed { pages: u64::try_from(pages).unwrap_or(0), whole: copied == pages })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADD: &str = "INSERT INTO kept (n, bytes, text) VALUES (?1, ?2, ?3)";
    const EMPTY: &str = "DELETE FROM kept";

    fn connection(folder: &tempfile::TempDir) -> Connection {
        let connection = Connection::open_writer(&folder.path().join("store.sqlite")).unwrap();
        connection.batch("CREATE TABLE kept (n INTEGER PRIMARY KEY, bytes BLOB, text TEXT)").unwrap();
        connection.begin().unwrap();
        connection
    }

    fn add(connection: &Connection, number: i64, bytes: &[u8]) -> Result<(), Error> {
        connection.write(ADD, &[number.into(), bytes.into(), Some("ten \u{20ac}").into()])
    }

    fn kept(connection: &Connection) -> Vec<(i64, usize, String)> {
        let read = |row: Row<'_>| {
            let bytes = blob(row, 1)?.unwrap_or_default();
            Ok((int(row, 0)?.unwrap_or_default(), bytes.len(), text(row, 2)?.unwrap_or_default()))
        };
        connection.rows("SELECT n, bytes, text FROM kept ORDER BY n", &[], read).unwrap()
    }

    #[test]
    fn what_waits_is_found_by_whoever_asks_and_is_there_after_the_commit() {
        let folder = tempfile::tempdir().unwrap();
        let connection = connection(&folder);
        add(&connection, 1, b"").unwrap();
        connection.write(EMPTY, &[]).unwrap();
        assert_eq!(kept(&connection), [], "in the order in which each statement was first written");
        connection.write(EMPTY, &[]).unwrap();
        add(&connection, 2, b"two").unwrap();
        add(&connection, 3, b"").unwrap();
        let ten = || "ten \u{20ac}".to_owned();
        assert_eq!(kept(&connection), [(2, 3, ten()), (3, 0, ten())]);
        add(&connection, 4, b"").unwrap();
        assert_eq!(connection.execute("DELETE FROM kept WHERE n > 2", &[]).unwrap(), 2);
        add(&connection, 5, b"").unwrap();
        connection.commit().unwrap();
        let other = Connection::open_reader(&folder.path().join("store.sqlite")).unwrap();
        assert_eq!(kept(&other), [(2, 3, ten()), (5, 0, ten())]);
    }

    #[test]
    fn a_question_about_something_else_leaves_what_waits_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let connection = connection(&folder);
        add(&connection, 1, b"").unwrap();
        let (count, read) = ("SELECT count(*) FROM kept", |row: Row<'_>| int(row, 0));
        assert_eq!(connection.row_apart(count, &[], read).unwrap(), Some(Some(0)));
        connection.flush().unwrap();
        assert_eq!(connection.row_apart(count, &[], read).unwrap(), Some(Some(1)));
    }

    #[test]
    fn what_waits_has_a_bound_and_what_is_beyond_it_alone_does_not_wait() {
        let folder = tempfile::tempdir().unwrap();
        let connection = connection(&folder);
        let bytes = vec![7; limits::STORE_COMPANY_BYTES_MAX / 4];
        for number in 0..10 {
            add(&connection, number, &bytes).unwrap();
            assert!(connection.waiting.borrow().bytes() <= limits::STORE_COMPANY_BYTES_MAX);
        }
        add(&connection, 10, b"").unwrap();
        add(&connection, 11, &vec![7; limits::STORE_COMPANY_BYTES_MAX]).unwrap();
        assert!(connection.waiting.borrow().is_empty());
        assert_eq!(kept(&connection).len(), 12);
    }

    #[test]
    fn a_row_that_is_refused_shows_with_the_next_question_and_a_rollback_forgets_what_waits() {
        let folder = tempfile::tempdir().unwrap();
        let connection = connection(&folder);
        for number in [1, 2, 1, 3] {
            add(&connection, number, b"").unwrap();
        }
        assert!(matches!(connection.commit(), Err(Error::Rejected(_))));
        connection.rollback();
        connection.begin().unwrap();
        add(&connection, 4, b"").unwrap();
        connection.rollback();
        assert_eq!(kept(&connection), []);
    }
}
