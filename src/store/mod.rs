//! The store's door: everything that must survive, behind one type that hides the database.
//!
//! A thread of its own writes, in groups: all that waits goes into one transaction, and each waiter is answered
//! once that transaction is on disk. A few reader threads serve everything else. The code behind the door is
//! synchronous and speaks one body of SQL through `session`, so that a second database can stand beside SQLite.

mod append;
mod body;
mod books;
mod enrichment;
mod error;
mod feed;
mod ledger;
mod migrations;
mod outbox;
mod readers;
mod replay;
mod session;
mod types;
mod writer;

pub use error::Error;
pub use replay::{Life, LifeDelivery, LifeRead, ReplayOrder, ReplayRange, Republished, Walked};
pub use types::*;

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::base::{ChangeId, Clock, DeliveryId, Position, SigningRequestId, SystemClock, limits};
use crate::signing::{Entry, Receipt};

use body::Packed;
use ledger::Ledger;
use readers::Readers;
use session::Session;
use writer::Writer;

/// Where and how to open a store.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The SQLite file; made where missing, together with its folder. Large bodies lie beside it in `bodies/`.
    pub path: PathBuf,
    /// Whether changes are to be enriched: each then leaves a claim for the enricher.
    pub enrich: bool,
}

/// A handle on the store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    /// For the faces, whose queries may be long.
    readers: Readers,
    /// For relay and enricher, who must not wait behind those.
    flow_readers: Readers,
    writer: Arc<Mutex<Option<Writer>>>,
    last: watch::Receiver<Position>,
    claimed: Arc<Mutex<HashSet<i64>>>,
    bodies: Arc<PathBuf>,
    threads: Arc<Mutex<Option<Threads>>>,
}

/// What ends when the store is closed.
#[derive(Debug)]
struct Threads {
    writer: JoinHandle<()>,
    checkpoint: JoinHandle<()>,
    stop_checkpoint: mpsc::Sender<()>,
    /// Held for as long as the store is open: a second process would not see our states in memory.
    _lock: File,
}

fn open_error(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::Open { path: path.display().to_string(), why: why.to_string() }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the lock beside the database, so that one process at a time writes it.
fn lock(path: &Path) -> Result<File, Error> {
    let file = File::create(path.with_extension("lock")).map_err(|e| open_error(path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(open_error(
            path,
            "another process has it open: stop that one, or give this one another data_dir",
        )),
        Err(TryLockError::Error(e)) => Err(open_error(path, e)),
    }
}

fn start_checkpoints(path: PathBuf, stopped: mpsc::Receiver<()>) -> Result<JoinHandle<()>, Error> {
    let session = Session::open_writer(&path)?;
    let run = move || {
        while stopped.recv_timeout(limits::STORE_CHECKPOINT_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
            if let Err(error) = session.checkpoint(false) {
                tracing::warn!(%error, "the write-ahead log could not be checkpointed; it is tried again");
            }
        }
        let _ = session.checkpoint(true);
    };
    let thread = std::thread::Builder::new().name("store-checkpoint".into());
    thread.spawn(run).map_err(|e| Error::Unavailable(e.to_string()))
}

impl Store {
    /// Opens the store, migrating it first. It tells times by the machine's clock.
    ///
    /// # Errors
    /// When the file cannot be opened, is locked by another process, or was made by a newer version.
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        Self::open_by(settings, Arc::new(SystemClock))
    }

    /// Opens the store, which writes down by `clock` when deliveries were stored and changes published.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_by(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let path = &settings.path;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let bodies = folder.join("bodies");
        fs::create_dir_all(&bodies).map_err(|e| open_error(path, e))?;
        let lock = lock(path)?;
        let session = Session::open_writer(path).map_err(|e| open_error(path, e))?;
        migrations::migrate(&session).map_err(|e| open_error(path, e))?;
        body::sweep(&session, &bodies).map_err(|e| open_error(path, e))?;
        let ledger = Ledger::open(session, settings.enrich, clock).map_err(|e| open_error(path, e))?;
        let readers = Readers::open(path, limits::STORE_READERS).map_err(|e| open_error(path, e))?;
        let flow_readers =
            Readers::open(path, limits::STORE_FLOW_READERS).map_err(|e| open_error(path, e))?;
        let (stop_checkpoint, stopped) = mpsc::channel();
        let checkpoint = start_checkpoints(path.clone(), stopped).map_err(|e| open_error(path, e))?;
        let (sender, last) = watch::channel(ledger.last_position());
        let (writer, thread) = Writer::start(ledger, sender).map_err(|e| open_error(path, e))?;
        Ok(Self {
            readers,
            flow_readers,
            writer: Arc::new(Mutex::new(Some(writer))),
            last,
            claimed: Arc::default(),
            bodies: Arc::new(bodies),
            threads: Arc::new(Mutex::new(Some(Threads {
                writer: thread,
                checkpoint,
                stop_checkpoint,
                _lock: lock,
            }))),
        })
    }

    fn writer(&self) -> Result<Writer, Error> {
        held(&self.writer).clone().ok_or_else(|| Error::Unavailable("it is closed".into()))
    }

    /// Writes a delivery and the changes that it makes, in one durable transaction shared with others that wait.
    ///
    /// # Errors
    /// [`Error::Busy`] at once when too many wait; [`Error::Unavailable`] when it could not be written. In both
    /// cases nothing was stored.
    pub async fn append(&self, arrival: Arrival) -> Result<Appended, Error> {
        let packed = Packed::pack(arrival.delivery.delivery(), &self.bodies)?;
        let file = packed.file.clone();
        let weight = packed.weight();
        let written =
            self.writer()?.try_write(weight, move |ledger| append::append(ledger, &arrival, &packed)).await;
        if let (Err(_), Some(file)) = (&written, file) {
            // Left behind it would only waste room: the delivery will come again under another id.
            let _ = fs::remove_file(file);
        }
        written
    }

    /// The position of the last change committed; wakes its watchers on every commit.
    pub fn last_position(&self) -> watch::Receiver<Position> {
        self.last.clone()
    }

    /// Unpublished changes after a position, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn unsettled(&self, after: Position, limit: usize) -> Result<Vec<Entry>, Error> {
        self.flow_readers.read(move |session| outbox::unsettled(session, after, limit)).await
    }

    /// Marks changes as published. Settling one twice is no error.
    ///
    /// # Errors
    /// When it could not be written; the changes will then be published again.
    pub async fn settle(&self, receipts: Vec<Receipt>) -> Result<(), Error> {
        self.writer()?.write(move |ledger| outbox::settle(ledger, &receipts)).await
    }

    /// How much waits to be published, and since when.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn backlog(&self) -> Result<Backlog, Error> {
        self.readers.read(outbox::backlog).await
    }

    /// Signing requests whose fetch is due at `now` and which are not claimed yet, at most `limit`. A claim lasts
    /// until it is completed, deferred, or the process ends.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn claim_enrichments(&self, now: Timestamp, limit: usize) -> Result<Vec<Enrichment>, Error> {
        let claimed: HashSet<i64> = held(&self.claimed).clone();
        let due = self.flow_readers.read(move |session| {
            let mut found = enrichment::due(session, now, limit + claimed.len())?;
            found.retain(|reference| !claimed.contains(reference));
            found.truncate(limit);
            found
                .into_iter()
                .map(|reference| enrichment::read(session, reference))
                .collect::<Result<Vec<_>, _>>()
        });
        let mut due: Vec<Enrichment> = due.await?.into_iter().flatten().collect();
        let mut claimed = held(&self.claimed);
        due.retain(|claim| claimed.insert(claim.subject_ref));
        Ok(due)
    }

    /// When the next unclaimed fetch falls due; none when nothing waits.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next_enrichment_at(&self) -> Result<Option<Timestamp>, Error> {
        let claimed: HashSet<i64> = held(&self.claimed).clone();
        let query = move |session: &Session| {
            enrichment::upcoming(session, claimed.len() + 1).map(|next| (next, claimed))
        };
        let (next, claimed) = self.flow_readers.read(query).await?;
        Ok(next.into_iter().find(|(reference, _)| !claimed.contains(reference)).map(|(_, at)| at))
    }

    /// Appends the enriched change and ends the claim; what came in meanwhile keeps its own claim, due later.
    ///
    /// # Errors
    /// When it could not be written; the claim then stays open.
    pub async fn complete_enrichment(
        &self,
        claim: Enrichment,
        enriched: EnrichedChange,
    ) -> Result<(), Error> {
        let reference = claim.subject_ref;
        let written = self.writer()?.write(move |ledger| append::complete(ledger, &claim, &enriched)).await;
        // Written or not, the claim is over; where it was not, its row is still there and due.
        held(&self.claimed).remove(&reference);
        written
    }

    /// Gives a claim back, due again at `until`; `attempts` is its new count of failed attempts.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn defer_enrichment(
        &self,
        claim: Enrichment,
        until: Timestamp,
        attempts: u32,
        why: String,
    ) -> Result<(), Error> {
        let reference = claim.subject_ref;
        let write = move |ledger: &mut Ledger| enrichment::defer(ledger, reference, until, attempts, &why);
        let written = self.writer()?.write(write).await;
        held(&self.claimed).remove(&reference);
        written
    }

    /// Changes in the order of the feed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn feed(&self, query: FeedQuery) -> Result<Vec<FeedRow>, Error> {
        self.readers.read(move |session| feed::feed(session, &query)).await
    }

    /// One change by its message id. Ids are not indexed (they are hashes, and an index over them would cost more
    /// than all else that a change writes): this reads the feed from its newest end.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn change(&self, id: ChangeId) -> Result<Option<FeedRow>, Error> {
        self.readers.read(move |session| feed::change(session, id)).await
    }

    /// Puts stored changes back among the unpublished; the number put back.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn republish(&self, positions: Vec<Position>) -> Result<usize, Error> {
        let count = self.writer()?.write(move |ledger| outbox::republish(ledger, &positions)).await?;
        Ok(count)
    }

    /// Deliveries, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<DeliveryRow>, Error> {
        self.readers.read(move |session| feed::deliveries(session, &query)).await
    }

    /// One delivery with its headers and raw bytes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryDetail>, Error> {
        let folder = Arc::clone(&self.bodies);
        self.readers.read(move |session| feed::delivery(session, id, &folder)).await
    }

    /// Everything known about a signing request, one timeline per account that has it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn timelines(&self, signing_request: &str) -> Result<Vec<Timeline>, Error> {
        let id = SigningRequestId::new(signing_request);
        self.readers.read(move |session| feed::timelines(session, &id)).await
    }

    /// Ends a quarantine: released (and applied) or dropped. `None` when there is no such open quarantine.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn resolve_quarantine(
        &self,
        id: DeliveryId,
        how: Resolution,
    ) -> Result<Option<Appended>, Error> {
        self.writer()?
            .write(move |ledger| match &how {
                Resolution::Released { observation, traceparent } => {
                    append::release(ledger, id, observation, traceparent)
                }
                Resolution::Dropped => append::drop_quarantined(ledger, id),
            })
            .await
    }

    /// Counts for metrics, health and the dashboard.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn totals(&self) -> Result<Totals, Error> {
        self.readers.read(feed::totals).await
    }

    /// Drops bodies and duplicate memory older than `before`; the number of deliveries pruned, at most some
    /// thousands a call so that the writer is never held up for long.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn prune(&self, before: Timestamp) -> Result<usize, Error> {
        let gone = self.writer()?.write(move |ledger| outbox::prune(ledger, before)).await?;
        for id in &gone {
            // Most have no file of their own.
            let _ = fs::remove_file(body::file_of(&self.bodies, *id));
        }
        Ok(gone.len())
    }

    /// Tries a small durable write, for `/readyz`.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn probe(&self) -> Result<(), Error> {
        self.writer()?
            .write(|ledger| ledger.session.execute("UPDATE totals SET one = 1", &[]).map(drop))
            .await
    }

    /// Writes what still waits and closes the database.
    pub async fn close(&self) {
        held(&self.writer).take();
        let Some(threads) = held(&self.threads).take() else { return };
        let stop = move || {
            let _ = threads.writer.join();
            let _ = threads.stop_checkpoint.send(());
            let _ = threads.checkpoint.join();
        };
        // A join that fails means that the thread panicked, which it has said itself.
        let _ = tokio::task::spawn_blocking(stop).await;
        self.readers.close();
        self.flow_readers.close();
    }
}
