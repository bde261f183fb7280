//! One connection to the database, whichever it is: the same body of SQL runs on both.
//!
//! Statements are constants with numbered parameters (`?1`), arguments and rows go through [`Value`] and [`Row`].
//! The two files below are the only ones that name a database's library.

mod postgres;
mod sqlite;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::Error;

pub(super) use postgres::Address;

/// One argument of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Blob(&'a [u8]),
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
pub(super) enum Row<'a> {
    Sqlite(sqlite::Row<'a>),
    Postgres(&'a postgres::Row),
}

macro_rules! column {
    ($self:ident.$get:ident($column:ident)) => {
        match $self {
            Self::Sqlite(row) => sqlite::$get(row, $column),
            Self::Postgres(row) => postgres::$get(row, $column),
        }
    };
}

impl Row<'_> {
    pub(super) fn int_maybe(&self, column: usize) -> Result<Option<i64>, Error> {
        column!(self.int(column))
    }

    /// Bytes, or none.
    pub(super) fn blob_maybe(&self, column: usize) -> Result<Option<Vec<u8>>, Error> {
        column!(self.blob(column))
    }

    /// A whole number; yes and no are 1 and 0.
    pub(super) fn int(&self, column: usize) -> Result<i64, Error> {
        self.int_maybe(column)?.ok_or_else(damaged)
    }

    pub(super) fn count(&self, column: usize) -> Result<u64, Error> {
        Ok(u64::try_from(self.int(column)?).unwrap_or(0))
    }

    pub(super) fn text(&self, column: usize) -> Result<String, Error> {
        self.text_maybe(column)?.ok_or_else(damaged)
    }

    pub(super) fn text_maybe(&self, column: usize) -> Result<Option<String>, Error> {
        column!(self.text(column))
    }

    /// Bytes; none where there are none.
    pub(super) fn blob(&self, column: usize) -> Result<Vec<u8>, Error> {
        Ok(self.blob_maybe(column)?.unwrap_or_default())
    }

    pub(super) fn uuid(&self, column: usize) -> Result<uuid::Uuid, Error> {
        uuid::Uuid::from_slice(&self.blob(column)?)
            .map_err(|_| Error::Unavailable("a stored id is damaged".into()))
    }

    pub(super) fn time(&self, column: usize) -> Result<Timestamp, Error> {
        Ok(from_nanoseconds(self.int(column)?))
    }

    pub(super) fn time_maybe(&self, column: usize) -> Result<Option<Timestamp>, Error> {
        Ok(self.int_maybe(column)?.map(from_nanoseconds))
    }
}

fn damaged() -> Error {
    Error::Rejected("a stored row is damaged".into())
}

/// Times are kept as nanoseconds since 1970: good until 2262.
pub(super) fn nanoseconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)
}

fn from_nanoseconds(number: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(number)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// What a checkpoint found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checkpointed {
    /// Pages in the write-ahead log.
    pub(super) pages: u64,
    /// Whether all that was in it at the beginning is in the database now.
    pub(super) whole: bool,
}

/// One connection.
#[derive(Debug)]
pub(super) enum Session {
    Sqlite(sqlite::Connection),
    Postgres(Box<postgres::Connection>),
}

macro_rules! either {
    ($self:ident.$call:ident($($argument:expr),*)) => {
        match $self {
            Self::Sqlite(connection) => connection.$call($($argument),*),
            Self::Postgres(connection) => connection.$call($($argument),*),
        }
    };
}

impl Session {
    /// The writer's connection to a SQLite file: every commit is on disk before it returns.
    pub(super) fn sqlite_writer(path: &Path) -> Result<Self, Error> {
        sqlite::Connection::open_writer(path).map(Self::Sqlite)
    }

    /// A connection to a SQLite file that only reads.
    pub(super) fn sqlite_reader(path: &Path) -> Result<Self, Error> {
        sqlite::Connection::open_reader(path).map(Self::Sqlite)
    }

    /// A connection to PostgreSQL. One that was lost is made anew by the next transaction or query.
    pub(super) fn postgres(address: &Address, patience: Duration) -> Result<Self, Error> {
        postgres::Connection::open(address, patience).map(|connection| Self::Postgres(Box::new(connection)))
    }

    /// Runs a statement; the number of rows changed.
    pub(super) fn execute(&self, sql: &'static str, arguments: &[Value<'_>]) -> Result<usize, Error> {
        either!(self.execute(sql, arguments))
    }

    /// Runs a statement whose answer nobody needs, within a transaction. It waits for company and goes out before the
    /// next answer is asked for, with the commit at the latest; a fault shows only then. What waits is run statement
    /// by statement: none may need another's row.
    pub(super) fn write(&self, sql: &'static str, arguments: &[Value<'_>]) -> Result<(), Error> {
        either!(self.write(sql, arguments))
    }

    /// Runs a statement with each of many arguments, in order; the number of rows changed in all.
    pub(super) fn execute_each(
        &self,
        sql: &'static str,
        arguments: &[Vec<Value<'_>>],
    ) -> Result<usize, Error> {
        either!(self.execute_each(sql, arguments))
    }

    /// All rows of a query.
    pub(super) fn rows<T>(
        &self,
        sql: &'static str,
        arguments: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        match self {
            Self::Sqlite(connection) => connection.rows(sql, arguments, |row| read(&Row::Sqlite(row))),
            Self::Postgres(connection) => {
                let rows = connection.rows(sql, arguments)?;
                rows.iter().map(|row| read(&Row::Postgres(row))).collect()
            }
        }
    }

    /// The first row of a query.
    pub(super) fn row<T>(
        &self,
        sql: &'static str,
        arguments: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        if let Self::Sqlite(connection) = self {
            connection.flush()?;
        }
        self.row_apart(sql, arguments, read)
    }

    /// The first row of a query about what nothing that waits has written (see [`Session::write`]). On SQLite, where
    /// questions come one by one, what waits goes on waiting.
    pub(super) fn row_apart<T>(
        &self,
        sql: &'static str,
        arguments: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match self {
            Self::Sqlite(connection) => connection.row_apart(sql, arguments, |row| read(&Row::Sqlite(row))),
            Self::Postgres(connection) => {
                connection.rows(sql, arguments)?.first().map(|row| read(&Row::Postgres(row))).transpose()
            }
        }
    }

    /// The first row of a query for each of many arguments, in order: on PostgreSQL in one round trip.
    pub(super) fn row_each<T>(
        &self,
        sql: &'static str,
        arguments: &[Vec<Value<'_>>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<Option<T>>, Error> {
        match self {
            Self::Sqlite(_) => {
                arguments.iter().map(|arguments| self.row(sql, arguments, |row| read(row))).collect()
            }
            Self::Postgres(connection) => connection
                .rows_each(sql, arguments)?
                .iter()
                .map(|rows| rows.first().map(|row| read(&Row::Postgres(row))).transpose())
                .collect(),
        }
    }

    /// Opens a transaction that may write, once no other does: in this process or on any node. Where another node
    /// may have written meanwhile, the answer is which one wrote last.
    pub(super) fn begin(&self) -> Result<Option<String>, Error> {
        either!(self.begin())
    }

    /// Commits: on return it is on disk.
    pub(super) fn commit(&self) -> Result<(), Error> {
        either!(self.commit())
    }

    /// Gives up the transaction, if one is open.
    pub(super) fn rollback(&self) {
        either!(self.rollback());
    }

    /// Brings the database to the shape of `steps`, which none but this session does meanwhile.
    pub(super) fn migrate(&self, steps: &[super::migrations::Step]) -> Result<(), Error> {
        either!(self.alone(true))?;
        let migrated = super::migrations::run(self, steps);
        either!(self.alone(false))?;
        migrated
    }

    /// Runs several statements at once: migrations.
    pub(super) fn batch(&self, sql: &str) -> Result<(), Error> {
        either!(self.batch(sql))
    }

    /// Whether others may write the same database meanwhile.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// The text of a migration for this database.
    pub(super) fn dialect(&self, step: &super::migrations::Step) -> &'static str {
        match self {
            Self::Sqlite(_) => step.sqlite,
            Self::Postgres(_) => step.postgres,
        }
    }

    /// Copies what SQLite's write-ahead log holds into its database, as far as readers allow.
    /// Once all is copied and nobody reads it there, the next transaction begins the log anew.
    pub(super) fn checkpoint(&self, all: bool) -> Result<Checkpointed, Error> {
        match self {
            Self::Sqlite(connection) => connection.checkpoint(all),
            // PostgreSQL does so by itself.
            Self::Postgres(_) => Ok(Checkpointed { pages: 0, whole: true }),
        }
    }
}
