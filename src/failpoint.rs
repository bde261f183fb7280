//! Named steps at which a debug build can be made to die, so that tests can kill it at every one of them.
//!
//! `FAILPOINT=before_commit:3` in the environment of a debug build ends the process the third time it comes to that
//! step: as a power cut would, without a destructor or a buffer written. A release build has none of this: it
//! reads no variable, and [`pass`] is nothing.

/// A step of the line at which a crash is of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The store's schema is as wanted; nothing has been served yet.
    Migrated,
    /// A delivery is verified; nothing of it is stored.
    Verified,
    /// A large delivery's bytes lie in their lasting place; no row names them yet.
    BodyMoved,
    /// A transaction is written and not committed.
    BeforeCommit,
    /// It is committed, and nobody has been told.
    AfterCommit,
    /// A delivery's outcome is known and counted; its answer has not been written.
    BeforeAnswer,
    /// The topology is declared, and nothing published yet.
    Declared,
    /// Unpublished changes are read from the outbox.
    OutboxRead,
    /// A batch is handed to the connection, and no confirm has been waited for.
    Published,
    /// A batch's answers are there, and the store does not know.
    Confirmed,
    /// Confirmed changes are settled, and the relay has not gone on.
    Settled,
    /// A fetch is claimed, and no call made.
    Claimed,
    /// DocuSign has answered, and nothing of it is written.
    Fetched,
    /// The enriched change is written, and the enricher has not gone on.
    Completed,
    /// A failed fetch is put off, and the enricher has not gone on.
    PutOff,
    /// The write-ahead log is copied into the database.
    Checkpointed,
    /// On a shared store, this node's leases are renewed.
    LeasesRenewed,
    /// A stop was asked for: requests are finished, the flows still run.
    Stopping,
}

impl Step {
    /// All of them, in the order of the line.
    pub const ALL: [Self; 18] = [
        Self::Migrated,
        Self::Verified,
        Self::BodyMoved,
        Self::BeforeCommit,
        Self::AfterCommit,
        Self::BeforeAnswer,
        Self::Declared,
        Self::OutboxRead,
        Self::Published,
        Self::Confirmed,
        Self::Settled,
        Self::Claimed,
        Self::Fetched,
        Self::Completed,
        Self::PutOff,
        Self::Checkpointed,
        Self::LeasesRenewed,
        Self::Stopping,
    ];

    /// Its name in the variable.
    pub fn word(self) -> &'static str {
        match self {
            Self::Migrated => "migrated",
            Self::Verified => "verified",
            Self::BodyMoved => "body_moved",
            Self::BeforeCommit => "before_commit",
            Self::AfterCommit => "after_commit",
            Self::BeforeAnswer => "before_answer",
            Self::Declared => "declared",
            Self::OutboxRead => "outbox_read",
            Self::Published => "published",
            Self::Confirmed => "confirmed",
            Self::Settled => "settled",
            Self::Claimed => "claimed",
            Self::Fetched => "fetched",
            Self::Completed => "completed",
            Self::PutOff => "put_off",
            Self::Checkpointed => "checkpointed",
            Self::LeasesRenewed => "leases_renewed",
            Self::Stopping => "stopping",
        }
    }
}

/// The variable that arms a debug build.
pub const VARIABLE: &str = "FAILPOINT";

/// Comes past a step: a debug build that was told to die here does.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn pass(_: Step) {}

/// Comes past a step: a debug build that was told to die here does.
#[cfg(debug_assertions)]
pub fn pass(step: Step) {
    use std::sync::atomic::Ordering;
    let Some(armed) = armed::get().filter(|armed| armed.step == step) else { return };
    if armed.left.fetch_sub(1, Ordering::SeqCst) == 1 {
        // Only this thread stands still: whatever was promised too early still gets out, and is found broken.
        std::thread::sleep(LINGER);
        std::process::abort();
    }
}

/// How long the rest of the process goes on once a thread has come to its step.
#[cfg(debug_assertions)]
const LINGER: std::time::Duration = std::time::Duration::from_millis(100);

/// Where the process is to die, read once.
#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::AtomicU32;

    use super::{Step, VARIABLE};

    #[derive(Debug)]
    pub(super) struct Armed {
        pub(super) step: Step,
        /// Passings left, the deadly one included.
        pub(super) left: AtomicU32,
    }

    pub(super) fn get() -> Option<&'static Armed> {
        static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
        ARMED.get_or_init(|| read(&std::env::var(VARIABLE).ok()?)).as_ref()
    }

    /// `step:n`. What names no step arms nothing: tests notice, as the process then lives on.
    pub(super) fn read(text: &str) -> Option<Armed> {
        let (word, count) = text.split_once(':')?;
        let step = Step::ALL.into_iter().find(|step| step.word() == word)?;
        let left = count.parse().ok().filter(|count| *count > 0)?;
        Some(Armed { step, left: AtomicU32::new(left) })
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn every_step_is_listed_once_under_a_name_of_its_own_and_read_back() {
        for (index, step) in Step::ALL.into_iter().enumerate() {
            assert_eq!(Step::ALL.iter().position(|other| other.word() == step.word()), Some(index));
            let armed = armed::read(&format!("{}:2", step.word()));
            assert!(armed.is_some_and(|a| a.step == step && a.left.load(Ordering::SeqCst) == 2), "{step:?}");
        }
        for wrong in ["", "settled", "settled:0", "settled:x", "nowhere:1"] {
            assert!(armed::read(wrong).is_none(), "{wrong}");
        }
    }
}
