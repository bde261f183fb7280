//! A thread beside the writer: checkpoints SQLite's log; on a shared store, sees what other nodes append and keeps
//! this one's leases.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::base::{Position, limits};
use crate::failpoint::{self, Step};

use super::Error;
use super::leases::Keeper;
use super::session::Session;

/// The thread, for as long as the store is open.
#[derive(Debug)]
pub(super) struct Lookout {
    thread: JoinHandle<()>,
    stop: mpsc::Sender<()>,
}

/// Says to the writer that SQLite's write-ahead log has become long.
///
/// A checkpoint beside a busy writer never copies the very last page, and so the log would grow for as long as the
/// writer is busy. What was written during the checkpoint is little: the writer copies that itself.
#[derive(Debug, Clone, Default)]
pub(super) struct LongLog(Arc<AtomicBool>);

impl LongLog {
    fn say(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was said since the last time.
    pub(super) fn take(&self) -> bool {
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed)
    }
}

impl Lookout {
    /// Checkpoints the write-ahead log: inside the writer, that would stand in the way of the next commit. `file` is
    /// the database's own, which may be closed only once the writer is gone: with it go SQLite's locks on it.
    pub(super) fn checkpoints(session: Session, file: File, long: LongLog) -> Result<Self, Error> {
        Self::start(limits::STORE_CHECKPOINT_EVERY, move |last_turn| {
            match copy(&session, &file, last_turn) {
                // What came meanwhile is copied at once, so that next to nothing is left to the writer.
                Ok(pages) if pages > limits::STORE_LOG_PAGES_MAX => match copy(&session, &file, last_turn) {
                    Ok(_) => long.say(),
                    Err(error) => untaken(&error),
                },
                Err(error) if !last_turn => untaken(&error),
                _ => {}
            }
            failpoint::pass(Step::Checkpointed);
        })
    }

    /// Watches a store that other nodes write too.
    pub(super) fn watches(
        session: Session,
        last: watch::Sender<Position>,
        mut keeper: Keeper,
    ) -> Result<Self, Error> {
        let mut renew_at = Instant::now();
        Self::start(limits::STORE_LOOK_EVERY, move |last_turn| {
            if last_turn {
                return keeper.leave(&session);
            }
            match session.row("SELECT coalesce(max(position), 0) FROM changes", &[], |row| row.count(0)) {
                Ok(position) => announce(&last, Position(position.unwrap_or_default())),
                Err(error) => tracing::debug!(%error, "it cannot be seen what other nodes append"),
            }
            if Instant::now() >= renew_at {
                renew_at = Instant::now() + limits::LEASE_RENEW_EVERY;
                keeper.turn(&session);
                failpoint::pass(Step::LeasesRenewed);
            }
        })
    }

    fn start(every: Duration, mut turn: impl FnMut(bool) + Send + 'static) -> Result<Self, Error> {
        let (stop, stopped) = mpsc::channel();
        let run = move || {
            while stopped.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
                turn(false);
            }
            turn(true);
        };
        let thread = std::thread::Builder::new().name("store-lookout".into()).spawn(run);
        Ok(Self { thread: thread.map_err(|e| Error::Unavailable(e.to_string()))?, stop })
    }

    /// Does the last turn and ends.
    pub(super) fn stop(self) {
        // Either fails only where the thread has panicked, which it has said itself.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

/// Copies what is in the log to the database, and has it brought to the disk; how many pages the log has.
///
/// SQLite syncs the database only where nothing came to the log meanwhile. Beside a busy writer that is the checkpoint by
/// which the writer begins the log anew: it alone would wait for all that was copied before.
fn copy(session: &Session, file: &File, all: bool) -> Result<u64, Error> {
    let pages = session.checkpoint(all)?;
    file.sync_data().map_err(|why| Error::Unavailable(why.to_string()))?;
    Ok(pages)
}

fn untaken(error: &Error) {
    tracing::warn!(%error, "the write-ahead log could not be checkpointed; it is tried again");
}

/// Tells watchers of new changes. Never back: what was announced was on disk.
pub(super) fn announce(last: &watch::Sender<Position>, now: Position) {
    last.send_if_modified(|position| {
        let newer = now > *position;
        *position = now.max(*position);
        newer
    });
}
