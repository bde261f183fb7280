//! PostgreSQL below a session: a blocking face over its asynchronous library, with statements sent together.
//!
//! Each connection has an event loop of its own, which turns only while its thread waits for an answer. So the code
//! behind the store's door stays synchronous, and a round trip costs no hand-over between threads. A connection that
//! was lost is made anew by the next query or transaction; within a transaction its loss is the transaction's end.

mod address;
mod batch;
mod value;

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::maybe_done;
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use crate::base::limits;

use super::{Error, Value};
use batch::{columns, for_many};
use value::{Owned, owned};

pub(in crate::store) use address::Address;
pub(super) use tokio_postgres::Row;
pub(super) use value::{blob, int, text};

/// Taken while a database is brought to its present shape, so that of several nodes one does it.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_lock(4722041931)";
const MIGRATION_UNLOCK: &str = "SELECT pg_advisory_unlock(4722041931)";
/// What a writer does it does by keys. Plans are kept, and one made while a table was small would walk it for as long
/// as nobody has counted it anew.
const BEGIN: &str = "BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
                     SET LOCAL jit = off";
/// The one row of `totals` is the baton: who holds it writes, on whatever node. A node that dies lets go of it.
const TAKE_BATON: &str = "SELECT writer FROM totals WHERE one = 1 FOR UPDATE";

/// One connection to a server.
pub(in crate::store) struct Connection {
    address: Address,
    /// How long an answer is waited for.
    patience: Duration,
    /// Taken out only to be dropped without waiting.
    runtime: Option<Runtime>,
    inner: RefCell<Inner>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection({})", self.address)
    }
}

#[derive(Default)]
struct Inner {
    live: Option<Live>,
    in_transaction: bool,
    /// Statements whose answers nobody needs, to be sent together.
    waiting: Vec<Job>,
    waiting_bytes: usize,
    /// After a failed attempt to connect: no other before this.
    not_before: Option<Instant>,
}

struct Job {
    sql: &'static str,
    arguments: Vec<Owned>,
}

struct Live {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    /// The same for many rows at once, where a statement can be put so.
    for_many: HashMap<&'static str, Option<Statement>>,
}

/// Why a statement failed, and whether the connection is of further use.
struct Failed {
    error: Error,
    lost: bool,
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(said) = error.as_db_error() else {
            let text = std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
            return Self { error: Error::Unavailable(format!("postgresql: {text}")), lost: true };
        };
        // The message, but not the detail: that one quotes values.
        let (code, text) =
            (said.code().code(), format!("postgresql: {} ({})", said.message(), said.code().code()));
        // Faults of server or connection, which would strike every other write in the same way: connection (08),
        // conflicts with other nodes (40), login (28), resources (53), limits on time (55, 57), disk (58), a server
        // that lets nobody write (25006, a standby), itself (XX).
        let broken =
            ["08", "28", "40", "53", "55", "57", "58", "XX"].iter().any(|class| code.starts_with(class))
                || matches!(code, "25006" | "25P03");
        let lost = code.starts_with("08") || code.starts_with("57P") || code == "25P03" || error.is_closed();
        Self { error: if broken { Error::Unavailable(text) } else { Error::Rejected(text) }, lost }
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failed>> + 'a>>;

impl Connection {
    pub(super) fn open(address: &Address, patience: Duration) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|why| Error::Unavailable(why.to_string()))?;
        let connection =
            Self { address: address.clone(), patience, runtime: Some(runtime), inner: RefCell::default() };
        let mut inner = connection.inner.borrow_mut();
        connection.connect(&mut inner)?;
        drop(inner);
        Ok(connection)
    }

    fn connect(&self, inner: &mut Inner) -> Result<(), Error> {
        let now = Instant::now();
        if inner.not_before.is_some_and(|at| now < at) {
            return Err(Error::Unavailable("postgresql cannot be reached".into()));
        }
        match self.wait(self.address.connect()) {
            Ok(client) => {
                inner.live = Some(Live { client, statements: HashMap::new(), for_many: HashMap::new() });
                inner.not_before = None;
                Ok(())
            }
            Err(failed) => {
                inner.not_before = Some(now + limits::STORE_RECONNECT_WAIT);
                Err(failed.error)
            }
        }
    }

    /// Waits for an answer, but not for ever.
    fn wait<T>(&self, answer: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
        let closed = || Failed { error: Error::Unavailable("it is closing".into()), lost: true };
        let runtime = self.runtime.as_ref().ok_or_else(closed)?;
        runtime.block_on(async {
            tokio::time::timeout(self.patience, answer).await.unwrap_or_else(|_| {
                let text = format!("postgresql did not answer within {} s", self.patience.as_secs_f32());
                Err(Failed { error: Error::Unavailable(text), lost: true })
            })
        })
    }

    /// Asks, on a new connection where there is none. Outside a transaction what was asked of a connection that
    /// turns out to be dead is asked once more on a new one.
    fn ask<T>(&self, ask: impl AsyncFn(&mut Live) -> Result<T, Failed>) -> Result<T, Error> {
        let mut inner = self.inner.borrow_mut();
        let mut tries = if inner.in_transaction || inner.live.is_none() { 1 } else { 2 };
        loop {
            if inner.live.is_none() {
                if inner.in_transaction {
                    return Err(Error::Unavailable("the connection to postgresql was lost".into()));
                }
                self.connect(&mut inner)?;
            }
            let Some(live) = &mut inner.live else { continue };
            let failed = match self.wait(ask(live)) {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            tries -= 1;
            if failed.lost {
                inner.live = None;
            }
            if !failed.lost || tries == 0 {
                return Err(failed.error);
            }
        }
    }

    pub(super) fn rows(&self, sql: &'static str, arguments: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        self.flush()?;
        let arguments = owned(arguments);
        self.ask(async |live| {
            let statement = live.prepare(sql).await?;
            Ok(live.client.query(&statement, &parameters(&arguments)).await?)
        })
    }

    pub(super) fn rows_each(
        &self,
        sql: &'static str,
        arguments: &[Vec<Value<'_>>],
    ) -> Result<Vec<Vec<Row>>, Error> {
        self.flush()?;
        let all: Vec<Vec<Owned>> = arguments.iter().map(|arguments| owned(arguments)).collect();
        self.ask(async |live| {
            if let Some(statement) = live.prepare_for_many(sql, all.len()).await? {
                let rows: Vec<&[Owned]> = all.iter().map(Vec::as_slice).collect();
                let found = live.client.query(&statement, &parameters(&columns(&rows))).await?;
                return Ok(by_place(found, all.len()));
            }
            let statement = live.prepare(sql).await?;
            let (client, statement) = (&live.client, &statement);
            let ask = async |arguments| Ok(client.query(statement, &parameters(arguments)).await?);
            together(all.iter().map(|arguments| ask(arguments))).await
        })
    }

    pub(super) fn execute(&self, sql: &'static str, arguments: &[Value<'_>]) -> Result<usize, Error> {
        self.execute_each(sql, &[arguments.to_vec()])
    }

    pub(super) fn execute_each(
        &self,
        sql: &'static str,
        arguments: &[Vec<Value<'_>>],
    ) -> Result<usize, Error> {
        self.flush()?;
        let jobs: Vec<Job> =
            arguments.iter().map(|arguments| Job { sql, arguments: owned(arguments) }).collect();
        self.run(&jobs)
    }

    pub(super) fn write(&self, sql: &'static str, arguments: &[Value<'_>]) -> Result<(), Error> {
        let job = Job { sql, arguments: owned(arguments) };
        let full = {
            let mut inner = self.inner.borrow_mut();
            inner.waiting_bytes += job.arguments.iter().map(Owned::length).sum::<usize>();
            inner.waiting.push(job);
            inner.waiting_bytes > limits::STORE_PIPELINE_BYTES_MAX
        };
        if full { self.flush() } else { Ok(()) }
    }

    /// Sends what waits, and waits for its answers.
    fn flush(&self) -> Result<(), Error> {
        let jobs = {
            let mut inner = self.inner.borrow_mut();
            inner.waiting_bytes = 0;
            std::mem::take(&mut inner.waiting)
        };
        if jobs.is_empty() {
            return Ok(());
        }
        // None of them needs another's row, so that those of one kind can go together.
        let mut kinds: Vec<(&'static str, Vec<&[Owned]>)> = Vec::new();
        for job in &jobs {
            match kinds.iter_mut().find(|(sql, _)| std::ptr::eq(*sql, job.sql)) {
                Some((_, rows)) => rows.push(&job.arguments),
                None => kinds.push((job.sql, vec![&job.arguments])),
            }
        }
        self.ask(async |live| {
            let mut sent = Vec::new();
            for (sql, rows) in &kinds {
                match live.prepare_for_many(sql, rows.len()).await? {
                    Some(statement) => sent.push((statement, Arguments::Columns(columns(rows)))),
                    None => {
                        let statement = live.prepare(sql).await?;
                        sent.extend(rows.iter().map(|row| (statement.clone(), Arguments::Row(row))));
                    }
                }
            }
            let client = &live.client;
            let sent = sent.iter().map(async |(statement, arguments)| {
                Ok(client.execute(statement, &arguments.parameters()).await?)
            });
            together(sent).await.map(drop)
        })
    }

    /// Sends all at once; the rows changed in all.
    fn run(&self, jobs: &[Job]) -> Result<usize, Error> {
        let changed = self.ask(async |live| {
            let mut statements = Vec::with_capacity(jobs.len());
            for job in jobs {
                statements.push(live.prepare(job.sql).await?);
            }
            let client = &live.client;
            let sent = jobs.iter().zip(&statements).map(async |(job, statement)| {
                Ok(client.execute(statement, &parameters(&job.arguments)).await?)
            });
            together(sent).await
        })?;
        Ok(usize::try_from(changed.iter().sum::<u64>()).unwrap_or(usize::MAX))
    }

    pub(super) fn begin(&self) -> Result<Option<String>, Error> {
        let writer = self.ask(async |live| {
            let statement = live.prepare(TAKE_BATON).await?;
            let client = &live.client;
            let begin = async { Ok(client.batch_execute(BEGIN).await.map(|()| None)?) };
            let take = async { Ok(client.query_opt(&statement, &[]).await?) };
            let both: [Boxed<'_, Option<Row>>; 2] = [Box::pin(begin), Box::pin(take)];
            Ok(together(both).await?.pop().flatten())
        });
        // Begun or not: what comes before the commit must not run outside a transaction.
        self.inner.borrow_mut().in_transaction = true;
        match writer? {
            Some(row) => text(&row, 0).map(|writer| Some(writer.unwrap_or_default())),
            None => Err(super::damaged()),
        }
    }

    pub(super) fn commit(&self) -> Result<(), Error> {
        self.flush()?;
        self.batch("COMMIT")?;
        self.inner.borrow_mut().in_transaction = false;
        Ok(())
    }

    pub(super) fn rollback(&self) {
        let open = {
            let mut inner = self.inner.borrow_mut();
            inner.waiting.clear();
            inner.waiting_bytes = 0;
            std::mem::take(&mut inner.in_transaction) && inner.live.is_some()
        };
        if open && self.batch("ROLLBACK").is_err() {
            // Whatever state it is in, the server rolls back what a closed connection left.
            self.inner.borrow_mut().live = None;
        }
    }

    /// Keeps other nodes out while `on`.
    pub(super) fn alone(&self, on: bool) -> Result<(), Error> {
        self.batch(if on { MIGRATION_LOCK } else { MIGRATION_UNLOCK })
    }

    pub(super) fn batch(&self, sql: &str) -> Result<(), Error> {
        self.ask(async |live| Ok(live.client.batch_execute(sql).await?))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for it is not allowed where a connection may be dropped: on an event loop.
            runtime.shutdown_background();
        }
    }
}

impl Live {
    async fn prepare(&mut self, sql: &'static str) -> Result<Statement, Failed> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&numbered(sql)).await?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    /// The statement for so many rows at once; none for few, or where it cannot be put so.
    async fn prepare_for_many(
        &mut self,
        sql: &'static str,
        rows: usize,
    ) -> Result<Option<Statement>, Failed> {
        if rows < 2 {
            return Ok(None);
        }
        if let Some(statement) = self.for_many.get(sql) {
            return Ok(statement.clone());
        }
        let statement = match for_many(sql, self.prepare(sql).await?.params()) {
            Some(sql) => Some(self.client.prepare(&sql).await?),
            None => None,
        };
        self.for_many.insert(sql, statement.clone());
        Ok(statement)
    }
}

/// Sends each, in order, before any answer is waited for: one round trip for all.
async fn together<T>(
    asked: impl IntoIterator<Item = impl Future<Output = Result<T, Failed>>>,
) -> Result<Vec<T>, Failed> {
    let mut under_way = Vec::new();
    for one in asked {
        let mut one = Box::pin(maybe_done(one));
        // A request is sent when it is first polled.
        poll_fn(|context| {
            let _ = one.as_mut().poll(context);
            Poll::Ready(())
        })
        .await;
        under_way.push(one);
    }
    let mut answers = Vec::with_capacity(under_way.len());
    for mut one in under_way {
        one.as_mut().await;
        answers.extend(one.as_mut().take_output().transpose()?);
    }
    Ok(answers)
}

fn parameters<T: ToSql + Sync>(arguments: &[T]) -> Vec<&(dyn ToSql + Sync)> {
    arguments.iter().map(|argument| argument as &(dyn ToSql + Sync)).collect()
}

/// What a statement is told: for one row, or for many.
enum Arguments<'a> {
    Row(&'a [Owned]),
    Columns(Vec<batch::Column<'a>>),
}

impl Arguments<'_> {
    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        match self {
            Self::Row(row) => parameters(row),
            Self::Columns(columns) => parameters(columns),
        }
    }
}

/// The rows found for each of so many arguments: the last column tells for which.
fn by_place(found: Vec<Row>, count: usize) -> Vec<Vec<Row>> {
    let mut places: Vec<Vec<Row>> = (0..count).map(|_| Vec::new()).collect();
    for row in found {
        let place = int(&row, row.len() - 1).ok().flatten().and_then(|place| usize::try_from(place - 1).ok());
        if let Some(rows) = place.and_then(|place| places.get_mut(place)) {
            rows.push(row);
        }
    }
    places
}

/// `?1` as PostgreSQL writes it: `$1`. No statement of ours has a question mark in a text.
fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}
