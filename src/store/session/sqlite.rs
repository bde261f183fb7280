//! SQLite below a session: the only file that names its library.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, OpenFlags, ToSql, params_from_iter};

use super::{Error, Value};

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
pub(in crate::store) struct Connection(rusqlite::Connection);

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
        Ok(Self(connection))
    }

    pub(super) fn open_reader(path: &Path) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "cache_size", -4_096)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self(connection))
    }

    pub(super) fn execute(&self, sql: &'static str, arguments: &[Value<'_>]) -> Result<usize, Error> {
        Ok(self.0.prepare_cached(sql)?.execute(params_from_iter(arguments))?)
    }

    pub(super) fn write(&self, sql: &'static str, arguments: &[Value<'_>]) -> Result<(), Error> {
        self.execute(sql, arguments).map(drop)
    }

    pub(super) fn execute_each(
        &self,
        sql: &'static str,
        arguments: &[Vec<Value<'_>>],
    ) -> Result<usize, Error> {
        let mut statement = self.0.prepare_cached(sql)?;
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
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(arguments))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
        Ok(found)
    }

    pub(super) fn row<T>(
        &self,
        sql: &'static str,
        arguments: &[Value<'_>],
        read: impl FnOnce(Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(arguments))?;
        rows.next()?.map(read).transpose()
    }

    /// Nobody else writes the file: see the lock beside it.
    pub(super) fn begin(&self) -> Result<Option<String>, Error> {
        self.execute("BEGIN IMMEDIATE", &[]).map(|_| None)
    }

    pub(super) fn commit(&self) -> Result<(), Error> {
        self.execute("COMMIT", &[]).map(drop)
    }

    pub(super) fn rollback(&self) {
        if !self.0.is_autocommit() {
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
        Ok(self.0.execute_batch(sql)?)
    }

    pub(super) fn checkpoint(&self, all: bool) -> Result<u64, Error> {
        let sql = if all { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "PRAGMA wal_checkpoint(PASSIVE)" };
        let pages: i64 = self.0.prepare_cached(sql)?.query_row([], |row| row.get(1))?;
        Ok(u64::try_from(pages).unwrap_or(0))
    }
}
