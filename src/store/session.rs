//! One connection to the database: the only file that names its library.
//!
//! Statements are constants with numbered parameters, arguments and rows go through [`Value`] and [`Row`], so that
//! the code above is one body whichever database stands below.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, params_from_iter};

use super::Error;

/// One argument of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Blob(&'a [u8]),
}

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

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Int(nanoseconds(at))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Blob(bytes)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer; columns by their number.
pub(super) struct Row<'a>(&'a rusqlite::Row<'a>);

impl Row<'_> {
    pub(super) fn int(&self, column: usize) -> Result<i64, Error> {
        Ok(self.0.get(column)?)
    }

    pub(super) fn int_maybe(&self, column: usize) -> Result<Option<i64>, Error> {
        Ok(self.0.get(column)?)
    }

    pub(super) fn count(&self, column: usize) -> Result<u64, Error> {
        Ok(u64::try_from(self.int(column)?).unwrap_or(0))
    }

    pub(super) fn text(&self, column: usize) -> Result<String, Error> {
        Ok(self.0.get(column)?)
    }

    pub(super) fn text_maybe(&self, column: usize) -> Result<Option<String>, Error> {
        Ok(self.0.get(column)?)
    }

    pub(super) fn blob(&self, column: usize) -> Result<Vec<u8>, Error> {
        Ok(self.0.get::<_, Option<Vec<u8>>>(column)?.unwrap_or_default())
    }

    pub(super) fn uuid(&self, column: usize) -> Result<uuid::Uuid, Error> {
        uuid::Uuid::from_slice(&self.blob(column)?)
            .map_err(|_| Error::Unavailable("a stored id is damaged".into()))
    }

    pub(super) fn time(&self, column: usize) -> Result<Timestamp, Error> {
        Ok(from_nanoseconds(self.int(column)?))
    }

    pub(super) fn time_maybe(&self, column: usize) -> Result<Option<Timestamp>, Error> {
        Ok(self.0.get::<_, Option<i64>>(column)?.map(from_nanoseconds))
    }
}

/// Times are kept as nanoseconds since 1970: good until 2262.
pub(super) fn nanoseconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)
}

fn from_nanoseconds(number: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(number)).unwrap_or(Timestamp::UNIX_EPOCH)
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

/// One connection.
#[derive(Debug)]
pub(super) struct Session(Connection);

impl Session {
    /// The writer's connection: every commit is on disk before it returns.
    pub(super) fn open_writer(path: &Path) -> Result<Self, Error> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Checkpoints run on a connection of their own (see `Session::checkpoint`): in the writer, they would
        // stand in the way of the next commit.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "cache_size", -16_384)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self(connection))
    }

    /// A connection that only reads.
    pub(super) fn open_reader(path: &Path) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "cache_size", -4_096)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self(connection))
    }

    /// Runs a statement; the number of rows changed.
    pub(super) fn execute(&self, sql: &'static str, arguments: &[Value<'_>]) -> Result<usize, Error> {
        Ok(self.0.prepare_cached(sql)?.execute(params_from_iter(arguments))?)
    }

    /// All rows of a query.
    pub(super) fn rows<T>(
        &self,
        sql: &'static str,
        arguments: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(arguments))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(&Row(row))?);
        }
        Ok(found)
    }

    /// The first row of a query.
    pub(super) fn row<T>(
        &self,
        sql: &'static str,
        arguments: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(arguments))?;
        rows.next()?.map(|row| read(&Row(row))).transpose()
    }

    /// Opens a transaction that may write.
    pub(super) fn begin(&self) -> Result<(), Error> {
        self.execute("BEGIN IMMEDIATE", &[]).map(drop)
    }

    /// Commits: on return it is on disk.
    pub(super) fn commit(&self) -> Result<(), Error> {
        self.execute("COMMIT", &[]).map(drop)
    }

    /// Gives up the transaction, if one is open.
    pub(super) fn rollback(&self) {
        if !self.0.is_autocommit() {
            // Nothing is lost by a rollback that fails: the next BEGIN fails too, and says so.
            let _ = self.execute("ROLLBACK", &[]);
        }
    }

    /// Runs several statements at once: migrations.
    pub(super) fn batch(&self, sql: &str) -> Result<(), Error> {
        Ok(self.0.execute_batch(sql)?)
    }

    /// Moves what the write-ahead log holds into the database, as far as readers allow.
    pub(super) fn checkpoint(&self, all: bool) -> Result<(), Error> {
        let sql = if all { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "PRAGMA wal_checkpoint(PASSIVE)" };
        Ok(self.0.query_row(sql, [], |_| Ok(()))?)
    }
}
