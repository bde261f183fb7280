//! Opening a store: its place, its connections, and the threads that serve it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use secrecy::SecretString;
use tokio::sync::watch;

use crate::base::{Clock, Position, SystemClock, limits};
use crate::evidence::Head;
use crate::failpoint::{self, Step};

use super::body::{self, Large};
use super::leases::{Keeper, Leases};
use super::ledger::Ledger;
use super::lookout::{Log, Lookout};
use super::readers::Readers;
use super::session::{Address, Session};
use super::tokens::{self, ReadTokens};
use super::writer::Writer;
use super::{Error, Store, migrations};

/// Where and how to open a store.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it is.
    pub place: Place,
    /// Whether changes are to be enriched: each then leaves a claim for the enricher.
    pub enrich: bool,
}

impl Settings {
    /// A SQLite file, made where missing, together with its folder. Large bodies lie beside it in `bodies/`.
    pub fn sqlite(path: impl Into<PathBuf>, enrich: bool) -> Self {
        Self { place: Place::Sqlite(path.into()), enrich }
    }
}

/// Where a store is.
#[derive(Debug, Clone)]
pub enum Place {
    /// In a SQLite file, which one process has open at a time.
    Sqlite(PathBuf),
    /// On a PostgreSQL server, which several nodes may share.
    Postgres {
        /// `postgres://…`, with a password perhaps.
        url: SecretString,
        /// A folder of this node's own, for what does not fit into memory on its way.
        folder: PathBuf,
        /// This node's name, different from every other's at any time.
        node: String,
    },
}

impl Place {
    /// Reads a `postgres://` URL as [`Store::open`] will; how it is shown, without its password.
    ///
    /// # Errors
    /// What is wrong with it; the URL is not quoted.
    pub fn check_postgres(url: &SecretString) -> Result<String, String> {
        Address::parse(url).map(|address| address.to_string())
    }
}

/// What ends when the store is closed.
#[derive(Debug)]
pub(super) struct Threads {
    writer: JoinHandle<()>,
    lookout: Lookout,
    /// Held for as long as a file is open: a second process would not see our states in memory.
    _lock: Option<Lock>,
}

/// A locked file, unlocked when it is dropped. Closing it would not do: a child that is just being started shares it.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Where it cannot be unlocked it is so by the end of this process at the latest.
        let _ = self.0.unlock();
    }
}

impl Threads {
    /// Waits until what waited is written.
    pub(super) fn stop(self) {
        // Fails only where the thread panicked, which it has said itself.
        let _ = self.writer.join();
        self.lookout.stop();
    }
}

pub(super) fn failed(place: &impl ToString, why: impl std::fmt::Display) -> Error {
    Error::Open { path: place.to_string(), why: why.to_string() }
}

/// Opens a store to read it only, whether or not others have it open; and where its large bodies are.
pub(super) fn open_to_read(place: &Place) -> Result<(Session, Large), Error> {
    match place {
        Place::Sqlite(path) => {
            let session = Session::sqlite_reader(path).map_err(|why| failed(&path.display(), why))?;
            Ok((session, Large::Files(Arc::new(bodies_beside(path)))))
        }
        Place::Postgres { url, folder, .. } => {
            let address = Address::parse(url).map_err(|why| failed(&"postgres://…", why))?;
            let session = Session::postgres(&address, limits::STORE_ANSWER_TIMEOUT);
            let session = session.map_err(|why| failed(&address, why))?;
            Ok((session, Large::Pieces(Arc::new(folder.join("bodies")))))
        }
    }
}

/// Where the large bodies of a file lie.
fn bodies_beside(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.join("bodies")
}

/// Takes the lock beside the file, so that one process at a time writes it.
fn lock(path: &Path) -> Result<Lock, Error> {
    let failed = |why: &dyn std::fmt::Display| failed(&path.display(), why);
    let file = File::create(path.with_extension("lock")).map_err(|e| failed(&e))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => {
            Err(failed(&"another process has it open: stop that one, or give this one another data_dir"))
        }
        Err(TryLockError::Error(e)) => Err(failed(&e)),
    }
}

impl Store {
    /// Opens the store, migrating it first. It tells times by the machine's clock.
    ///
    /// # Errors
    /// When the file or server cannot be opened, the file is locked by another process, or either was made by a
    /// newer version.
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        Self::open_by(settings, Arc::new(SystemClock))
    }

    /// Opens the store, which writes down by `clock` when deliveries were stored and changes published.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_by(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let enrich = settings.enrich;
        match &settings.place {
            Place::Sqlite(path) => Self::open_sqlite(path, enrich, clock),
            Place::Postgres { url, folder, node } => {
                let address = Address::parse(url).map_err(|why| failed(&"postgres://…", why))?;
                let open = || Self::open_postgres(&address, folder, node, enrich, clock);
                // In a thread of its own: this one may turn an event loop, inside which no other may be waited for.
                std::thread::scope(|threads| threads.spawn(open).join())
                    .unwrap_or_else(|_| Err(Error::Unavailable("opening it failed".into())))
            }
        }
    }

    fn open_sqlite(path: &Path, enrich: bool, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let failed = |why: Error| failed(&path.display(), why);
        let disk = |why: std::io::Error| failed(Error::Unavailable(why.to_string()));
        let bodies = bodies_beside(path);
        fs::create_dir_all(&bodies).map_err(disk)?;
        let large = Large::Files(Arc::new(bodies));
        let lock = lock(path)?;
        let session = Session::sqlite_writer(path).map_err(failed)?;
        session.migrate(migrations::STEPS).map_err(failed)?;
        failpoint::pass(Step::Migrated);
        body::sweep(&session, &large).map_err(failed)?;
        let ledger = Ledger::open(session, enrich, String::new(), clock).map_err(failed)?;
        let read = || Session::sqlite_reader(path);
        let readers = Readers::open(limits::STORE_READERS, read).map_err(failed)?;
        let flow_readers = Readers::open(limits::STORE_FLOW_READERS, read).map_err(failed)?;
        let log = Log::default();
        let session = Session::sqlite_writer(path).map_err(failed)?;
        let file = File::open(path).map_err(disk)?;
        let lookout = Lookout::checkpoints(session, file, log.clone()).map_err(failed)?;
        let (last, watched) = watch::channel(ledger.last_position());
        let told = (watched, ledger.announce_head(), tokens::read(&ledger.session).map_err(failed)?);
        let (writer, thread) = Writer::start(ledger, last, log).map_err(disk)?;
        let threads = Threads { writer: thread, lookout, _lock: Some(lock) };
        Ok(Self::of(readers, flow_readers, writer, told, Leases::new(false), large, threads))
    }

    fn open_postgres(
        address: &Address,
        folder: &Path,
        node: &str,
        enrich: bool,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let failed = |why: Error| failed(address, why);
        let disk = |why: std::io::Error| failed(Error::Unavailable(why.to_string()));
        let bodies = folder.join("bodies");
        fs::create_dir_all(&bodies).map_err(disk)?;
        let large = Large::Pieces(Arc::new(bodies));
        let session = Session::postgres(address, limits::STORE_ANSWER_TIMEOUT).map_err(failed)?;
        session.migrate(migrations::STEPS).map_err(failed)?;
        failpoint::pass(Step::Migrated);
        body::sweep(&session, &large).map_err(failed)?;
        let ledger = Ledger::open(session, enrich, node.to_owned(), clock).map_err(failed)?;
        let read = || Session::postgres(address, limits::STORE_ANSWER_TIMEOUT);
        let readers = Readers::open(limits::STORE_READERS, read).map_err(failed)?;
        let flow_readers = Readers::open(limits::STORE_FLOW_READERS, read).map_err(failed)?;
        let (last, watched) = watch::channel(ledger.last_position());
        let told = (watched, ledger.announce_head(), tokens::read(&ledger.session).map_err(failed)?);
        let leases = Leases::new(true);
        let keeper = Keeper::new(leases.clone(), node.to_owned());
        let session = Session::postgres(address, limits::STORE_LEASE_TIMEOUT).map_err(failed)?;
        let lookout = Lookout::watches(session, last.clone(), keeper).map_err(failed)?;
        let (writer, thread) = Writer::start(ledger, last, Log::default()).map_err(disk)?;
        let threads = Threads { writer: thread, lookout, _lock: None };
        Ok(Self::of(readers, flow_readers, writer, told, leases, large, threads))
    }

    fn of(
        readers: Readers,
        flow_readers: Readers,
        writer: Writer,
        (last, head, tokens): (watch::Receiver<Position>, watch::Receiver<Head>, ReadTokens),
        leases: Leases,
        large: Large,
        threads: Threads,
    ) -> Self {
        Self {
            readers,
            flow_readers,
            writer: Arc::new(Mutex::new(Some(writer))),
            last,
            head,
            tokens: Arc::new(tokens),
            leases,
            claimed: Arc::default(),
            large,
            threads: Arc::new(Mutex::new(Some(threads))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_closed_while_a_child_is_being_started_can_be_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("countersign.db");
        let held = lock(&path).unwrap();
        assert!(lock(&path).is_err());
        // What a fork has until it runs its program.
        let inherited = held.0.try_clone().unwrap();
        drop(held);
        lock(&path).unwrap();
        drop(inherited);
    }
}
