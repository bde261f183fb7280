//! The one writer: what waits goes into one transaction, and everyone is answered once it is on disk.

use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};

use crate::base::{Position, limits};
use crate::failpoint::{self, Step};

use super::Error;
use super::ledger::{Ledger, Wants};
use super::lookout::{Log, announce};

/// One write that waits. It may be run twice: when its group fails, each is tried again alone.
trait Write: Send {
    fn run(&mut self, ledger: &mut Ledger) -> Result<(), Error>;
    fn weight(&self) -> usize;
    fn wants(&self) -> Wants;
    fn answer(self: Box<Self>, committed: Result<(), Error>);
}

struct Waiting<T, F, W> {
    write: F,
    weight: usize,
    wants: W,
    /// What it made; of use once that is committed.
    made: Result<T, Error>,
    reply: Option<Reply<T, F, W>>,
}

/// The whole write goes back to who asked: memory is given back cheapest where it was taken, and not in the writer,
/// whose time is everyone's.
type Reply<T, F, W> = oneshot::Sender<Box<Waiting<T, F, W>>>;

impl<T, F, W> Write for Waiting<T, F, W>
where
    T: Send,
    F: FnMut(&mut Ledger) -> Result<T, Error> + Send,
    W: Fn() -> Wants + Send,
{
    fn run(&mut self, ledger: &mut Ledger) -> Result<(), Error> {
        self.made = Ok((self.write)(ledger)?);
        Ok(())
    }

    fn weight(&self) -> usize {
        self.weight
    }

    fn wants(&self) -> Wants {
        (self.wants)()
    }

    fn answer(mut self: Box<Self>, committed: Result<(), Error>) {
        if let Err(error) = committed {
            self.made = Err(error);
        }
        if let Some(reply) = self.reply.take() {
            // A caller that has gone away needs no answer.
            let _ = reply.send(self);
        }
    }
}

/// The way to the writer; cheap to clone.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Write>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("room", &self.queue.capacity()).finish()
    }
}

impl Writer {
    /// Starts the writer's thread; it ends when the last way to it is gone.
    pub(super) fn start(
        ledger: Ledger,
        last: watch::Sender<Position>,
        log: Log,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (queue, waiting) = mpsc::channel(limits::STORE_QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(ledger, waiting, &last, &log))?;
        Ok((Self { queue }, thread))
    }

    /// Writes at once or not at all: [`Error::Busy`] when too many wait. For deliveries, which can be sent again.
    pub(super) async fn try_write<T: Send + 'static>(
        &self,
        weight: usize,
        wants: impl Fn() -> Wants + Send + 'static,
        write: impl FnMut(&mut Ledger) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (waiting, answer) = waiting(weight, wants, write);
        self.queue.try_send(waiting).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => Error::Busy,
            mpsc::error::TrySendError::Closed(_) => closed(),
        })?;
        answer.await.map_err(|_| closed())?.made
    }

    /// Writes, waiting for room. For flows, which have nothing better to do.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        write: impl FnMut(&mut Ledger) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (waiting, answer) = waiting(256, Wants::default, write);
        self.queue.send(waiting).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?.made
    }
}

type Asked<T, F, W> = (Box<Waiting<T, F, W>>, oneshot::Receiver<Box<Waiting<T, F, W>>>);

/// A write, and where it comes back to.
fn waiting<T, F, W>(weight: usize, wants: W, write: F) -> Asked<T, F, W> {
    let (reply, answer) = oneshot::channel();
    let made = Err(Error::Rejected("it was not written".into()));
    (Box::new(Waiting { write, weight, wants, made, reply: Some(reply) }), answer)
}

fn closed() -> Error {
    Error::Unavailable("it is closing".into())
}

fn run(
    mut ledger: Ledger,
    mut waiting: mpsc::Receiver<Box<dyn Write>>,
    last: &watch::Sender<Position>,
    log: &Log,
) {
    let mut group: Vec<Box<dyn Write>> = Vec::with_capacity(limits::STORE_GROUP_MAX);
    while let Some(first) = waiting.blocking_recv() {
        let mut weight = first.weight();
        group.push(first);
        while group.len() < limits::STORE_GROUP_MAX && weight < limits::STORE_GROUP_BYTES_MAX {
            let Ok(next) = waiting.try_recv() else { break };
            weight += next.weight();
            group.push(next);
        }
        let committed = commit(&mut ledger, &mut group, log);
        if matches!(committed, Err(Error::Rejected(_))) && group.len() > 1 {
            // One of them cannot be written: alone, only that one fails.
            for mut one in group.drain(..) {
                let committed = commit(&mut ledger, std::slice::from_mut(&mut one), log);
                announce(last, ledger.last_position());
                ledger.announce_head();
                one.answer(committed);
            }
            continue;
        }
        // Before those who wrote are answered: who is answered finds it told.
        announce(last, ledger.last_position());
        ledger.announce_head();
        for one in group.drain(..) {
            one.answer(committed.clone());
        }
        if log.take_long()
            && let Err(error) = ledger.session.checkpoint(false)
        {
            tracing::warn!(%error, "the write-ahead log could not be checkpointed; it is tried again");
        }
    }
}

fn commit(ledger: &mut Ledger, group: &mut [Box<dyn Write>], log: &Log) -> Result<(), Error> {
    let written = transact(ledger, group);
    if written.is_ok() {
        log.say_committed(group.len());
    } else {
        ledger.session.rollback();
        // What is in memory ran ahead of the database: forget it. Should even reading fail now, every further
        // write fails at its own BEGIN and resets again.
        if let Err(error) = ledger.reset() {
            tracing::error!(%error, "the store cannot be read after a failed write");
        }
    }
    written
}

fn transact(ledger: &mut Ledger, group: &mut [Box<dyn Write>]) -> Result<(), Error> {
    ledger.begin(group.iter().map(|one| one.wants()))?;
    for one in group.iter_mut() {
        one.run(ledger)?;
    }
    ledger.flush()?;
    failpoint::pass(Step::BeforeCommit);
    ledger.session.commit()?;
    failpoint::pass(Step::AfterCommit);
    Ok(())
}
