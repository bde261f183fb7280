//! A thread beside the writer: checkpoints SQLite's log; on a shared store, sees what other nodes append and keeps
//! this one's leases.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::base::{Position, limits};
use crate::failpoint::{self, Step};

use super::Error;
use super::leases::Keeper;
use super::session::{Checkpointed, Session};

/// The thread, for as long as the store is open.
#[derive(Debug)]
pub(super) struct Lookout {
    thread: JoinHandle<()>,
    stop: mpsc::Sender<()>,
}

/// What writer and lookout tell each other of SQLite's write-ahead log.
#[derive(Debug, Clone, Default)]
pub(super) struct Log(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    long: AtomicBool,
    groups: AtomicU64,
    writes: AtomicU64,
}

/// What was committed so far.
#[derive(Debug, Clone, Copy, Default)]
struct Committed {
    groups: u64,
    writes: u64,
}

impl Log {
    /// Says to the writer that the log has become long.
    ///
    /// A checkpoint beside a busy writer never copies the very last page, and so the log would grow for as long as the
    /// writer is busy. What was written during the checkpoint is little: the writer copies that itself.
    fn say_long(&self) {
        self.0.long.store(true, Ordering::Relaxed);
    }

    /// Whether that was said since the last time.
    pub(super) fn take_long(&self) -> bool {
        self.0.long.load(Ordering::Relaxed) && self.0.long.swap(false, Ordering::Relaxed)
    }

    /// Says to the lookout that a group of so many writes was committed.
    pub(super) fn say_committed(&self, writes: usize) {
        self.0.writes.fetch_add(writes as u64, Ordering::Relaxed);
        self.0.groups.fetch_add(1, Ordering::Release);
    }

    fn committed(&self) -> Committed {
        let groups = self.0.groups.load(Ordering::Acquire);
        Committed { groups, writes: self.0.writes.load(Ordering::Relaxed) }
    }
}

/// When to checkpoint.
#[derive(Debug)]
struct Turns {
    /// What was committed before all was copied last; none where that is not known.
    copied: Option<Committed>,
    at: Instant,
}

impl Turns {
    /// Whether it is time. Not while nothing is written. Where deliveries come one by one, soon: the less is copied at once,
    /// the shorter a commit beside it waits. Where many share a commit it is cheaper to copy seldom.
    fn is_due(&self, now: Committed) -> bool {
        let long_ago = self.at.elapsed() >= limits::STORE_CHECKPOINT_EVERY;
        let Some(copied) = self.copied else { return long_ago };
        let (groups, writes) = (now.groups - copied.groups, now.writes.saturating_sub(copied.writes));
        let small = writes <= groups * limits::STORE_FEW as u64;
        groups > 0 && (long_ago || small && groups >= limits::STORE_CHECKPOINT_GROUPS)
    }
}

impl Lookout {
    /// Checkpoints the write-ahead log: inside the writer, that would stand in the way of the next commit. `file` is
    /// the database's own, which may be closed only once the writer is gone: with it go SQLite's locks on it.
    pub(super) fn checkpoints(session: Session, file: File, log: Log) -> Result<Self, Error> {
        let mut turns = Turns { copied: None, at: Instant::now() };
        Self::start(limits::STORE_CHECKPOINT_LOOK_EVERY, move |last_turn| {
            let committed = log.committed();
            if !last_turn && !turns.is_due(committed) {
                return;
            }
            let mut done = copy(&session, &file, last_turn);
            if done.as_ref().is_ok_and(|found| found.pages > limits::STORE_LOG_PAGES_MAX) {
                // What came meanwhile is copied at once, so that next to nothing is left to the writer.
                done = copy(&session, &file, last_turn);
                if done.is_ok() {
                    log.say_long();
                }
            }
            let whole = done.as_ref().is_ok_and(|found| found.whole);
            turns = Turns { copied: whole.then_some(committed), at: Instant::now() };
            match done {
                Err(error) if !last_turn => {
                    tracing::warn!(%error, "the write-ahead log could not be checkpointed; it is tried again");
                }
                _ => failpoint::pass(Step::Checkpointed),
            }
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

/// Copies what is in the log to the database, and has it brought to the disk.
///
/// SQLite syncs the database only where nothing came to the log meanwhile. Beside a busy writer that is the checkpoint by
/// which the writer begins the log anew: it alone would wait for all that was copied before.
fn copy(session: &Session, file: &File, all: bool) -> Result<Checkpointed, Error> {
    let found = session.checkpoint(all)?;
    file.sync_data().map_err(|why| Error::Unavailable(why.to_string()))?;
    Ok(found)
}

/// Tells watchers of new changes. Never back: what was announced was on disk.
pub(super) fn announce(last: &watch::Sender<Position>, now: Position) {
    last.send_if_modified(|position| {
        let newer = now > *position;
        *position = now.max(*position);
        newer
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(groups: u64, writes: u64) -> Committed {
        Committed { groups, writes }
    }

    #[tokio::test(start_paused = true)]
    async fn small_commits_are_copied_soon_and_large_ones_seldom_and_nothing_not_at_all() {
        let turns = Turns { copied: Some(committed(7, 90)), at: Instant::now() };
        let enough = 7 + limits::STORE_CHECKPOINT_GROUPS;
        assert!(turns.is_due(committed(enough, 90 + limits::STORE_CHECKPOINT_GROUPS)));
        assert!(!turns.is_due(committed(enough - 1, 91)), "too few to be worth it");
        assert!(!turns.is_due(committed(enough, 1_000)), "many share a commit");
        tokio::time::advance(limits::STORE_CHECKPOINT_EVERY).await;
        assert!(turns.is_due(committed(enough, 1_000)));
        assert!(turns.is_due(committed(8, 91)));
        assert!(!turns.is_due(committed(7, 90)), "nothing was written");
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_copied_is_tried_again_though_nothing_more_is_written() {
        let turns = Turns { copied: None, at: Instant::now() };
        assert!(!turns.is_due(committed(500, 500)), "not at once: a reader holds it up");
        tokio::time::advance(limits::STORE_CHECKPOINT_EVERY).await;
        assert!(turns.is_due(Committed::default()));
    }
}
