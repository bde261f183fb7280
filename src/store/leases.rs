//! Which node does which part of the work: leases that move when a node dies.
//!
//! Signing requests are dealt into [`PARTS`] parts, and each node that relays has a fair share of them, for as long
//! as it renews its lease; so has each that enriches. The database's clock alone says when a lease ends, and each
//! node counts its own as over some time before that, so clocks need not agree.
//!
//! A lease saves doubled work; nothing rests on it. Order holds without it: a relay publishes what comes next about a
//! signing request only after what came before was confirmed, to itself or, settled in the store, to another. So the
//! first time that each change is published always follows the one before, whoever publishes, and all that two
//! holders of one part can cause is a repeated message.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::base::limits;

use super::Error;
use super::session::{Session, Value};

/// Into so many parts the work is dealt: some for each of as many nodes as anyone runs.
pub const PARTS: u32 = 32;
// Statements have the number in their texts (`in_parts!`, and the migration that makes the leases).
const _: () = assert!(PARTS == 32);

/// Work that nodes share, or that one of them does at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Publishing changes, dealt by signing request.
    Relay,
    /// Fetching signing requests, dealt alike.
    Enrich,
    /// What one node does for all: pruning.
    Keep,
}

impl Work {
    const ALL: [Self; 3] = [Self::Relay, Self::Enrich, Self::Keep];

    fn word(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Enrich => "enrich",
            Self::Keep => "keep",
        }
    }

    fn parts(self) -> u32 {
        if self == Self::Keep { 1 } else { PARTS }
    }
}

/// The parts that a node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts(u32);

impl Parts {
    /// Everything: the only node.
    pub const ALL: Self = Self(u32::MAX);
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// True without any part.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a subject is in one of them.
    pub fn hold(self, subject_ref: i64) -> bool {
        // The remainder is less than the number of parts.
        self.0 & (1 << subject_ref.rem_euclid(i64::from(PARTS))) != 0
    }

    /// Those of `others` that are not among these.
    pub fn missing(self, others: Self) -> Self {
        Self(others.0 & !self.0)
    }

    /// As statements ask for it: bit by bit, by the subject's number modulo [`PARTS`].
    pub(super) fn mask(self) -> i64 {
        i64::from(self.0)
    }

    /// These, by their numbers.
    pub fn of(parts: impl IntoIterator<Item = i64>) -> Self {
        Self(parts.into_iter().fold(0, |mask, part| mask | 1 << part.rem_euclid(i64::from(PARTS))))
    }
}

/// What this node has of each work; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Leases {
    /// On a store of one node everything is its own.
    shared: bool,
    held: [watch::Sender<Parts>; 3],
    /// Whether anyone here wants a share of it.
    wanted: Arc<[AtomicBool; 3]>,
}

impl Leases {
    pub(super) fn new(shared: bool) -> Self {
        let parts = if shared { Parts::NONE } else { Parts::ALL };
        Self { shared, held: [(); 3].map(|()| watch::Sender::new(parts)), wanted: Arc::default() }
    }

    /// Asks for a share from now on; a view of what is had.
    pub(super) fn take_part(&self, work: Work) -> watch::Receiver<Parts> {
        self.wanted[work as usize].store(true, Ordering::Relaxed);
        self.held[work as usize].subscribe()
    }

    /// Asks for no share any more.
    pub(super) fn let_go(&self, work: Work) {
        self.wanted[work as usize].store(false, Ordering::Relaxed);
    }

    pub(super) fn parts(&self, work: Work) -> Parts {
        *self.held[work as usize].borrow()
    }

    fn set(&self, work: Work, parts: Parts) {
        self.held[work as usize].send_if_modified(|held| std::mem::replace(held, parts) != parts);
    }
}

/// Renews what this node has and takes what it lacks, turn by turn. Only on a shared store.
#[derive(Debug)]
pub(super) struct Keeper {
    leases: Leases,
    node: String,
    /// Given up in the last turn: others may have them once what was under way has ended.
    leaving: [Vec<i64>; 3],
    /// Until when what is had may be counted on without being renewed.
    good_until: Option<Instant>,
}

impl Keeper {
    pub(super) fn new(leases: Leases, node: String) -> Self {
        Self { leases, node, leaving: Default::default(), good_until: None }
    }

    /// One turn. Where the store cannot be asked, what is had is kept until it may have gone to another.
    pub(super) fn turn(&mut self, session: &Session) {
        if !self.leases.shared {
            return;
        }
        let began = Instant::now();
        let mut renewed = Ok(());
        for work in Work::ALL {
            if self.leases.wanted[work as usize].load(Ordering::Relaxed) {
                renewed = renewed.and_then(|()| self.renew(session, work));
            } else {
                // Not renewed, it ends by itself.
                self.leases.set(work, Parts::NONE);
            }
        }
        match renewed {
            Ok(()) => self.good_until = Some(began + limits::LEASE - limits::LEASE_MARGIN),
            Err(error) => {
                tracing::debug!(%error, "leases could not be renewed");
                if self.good_until.is_some_and(|until| Instant::now() >= until) {
                    self.good_until = None;
                    tracing::warn!(%error, "leases could not be renewed in time: other nodes do this one's part");
                    for work in Work::ALL {
                        self.leases.set(work, Parts::NONE);
                    }
                }
            }
        }
    }

    fn renew(&mut self, session: &Session, work: Work) -> Result<(), Error> {
        let (word, node) = (Value::Text(work.word()), Value::Text(&self.node));
        let lease = milliseconds(limits::LEASE);
        session.execute(ALIVE, &[word, node, lease])?;
        session.execute(FORGET, &[])?;
        let leaving = &mut self.leaving[work as usize];
        let arguments: Vec<_> = leaving.drain(..).map(|part| vec![word, Value::Int(part), node]).collect();
        session.execute_each(LEAVE, &arguments)?;
        let nodes = session.row(COUNT, &[word], |row| row.count(0))?.unwrap_or(1).max(1);
        let share = u64::from(work.parts()).div_ceil(nodes);
        let mut mine = session.rows(RENEW, &[word, node, lease], |row| row.int(0))?;
        mine.sort_unstable();
        let share = usize::try_from(share).unwrap_or(usize::MAX);
        if mine.len() > share {
            // Let go of here first, and for others to take a turn later: by then what was under way has ended.
            *leaving = mine.split_off(share);
        } else if mine.len() < share {
            let lacks = i64::try_from(share - mine.len()).unwrap_or(i64::MAX);
            mine.extend(session.rows(TAKE, &[word, node, lease, Value::Int(lacks)], |row| row.int(0))?);
        }
        let parts = if work == Work::Keep && !mine.is_empty() { Parts::ALL } else { Parts::of(mine) };
        self.leases.set(work, parts);
        Ok(())
    }

    /// Lets go of everything: the node stops.
    pub(super) fn leave(&mut self, session: &Session) {
        for work in Work::ALL {
            self.leases.set(work, Parts::NONE);
        }
        if self.leases.shared {
            let node = [Value::Text(self.node.as_str())];
            // What cannot be let go of ends by itself.
            let left = session.execute(LEAVE_ALL, &node).and_then(|_| session.execute(GONE, &node));
            if let Err(error) = left {
                tracing::debug!(%error, "leases could not be given up; they end by themselves");
            }
        }
    }
}

fn milliseconds(time: Duration) -> Value<'static> {
    Value::Int(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

/// The database's own clock, which all nodes share, in milliseconds. The statements here are PostgreSQL's alone:
/// no other store is shared.
macro_rules! by_its_clock {
    ($($piece:literal),*) => {
        by_its_clock!(@ "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)", $($piece),*)
    };
    (@ $now:literal, $first:literal $(, $piece:literal)*) => { concat!($first $(, $now, $piece)*) };
}

const ALIVE: &str = by_its_clock!(
    "INSERT INTO nodes (work, node, until) VALUES (?1, ?2, ",
    " + ?3) ON CONFLICT (work, node) DO UPDATE SET until = excluded.until"
);
/// Nodes that have been gone for an hour.
const FORGET: &str = by_its_clock!("DELETE FROM nodes WHERE until < ", " - 3600000");
const COUNT: &str = by_its_clock!("SELECT count(*) FROM nodes WHERE work = ?1 AND until > ", "");
const RENEW: &str =
    by_its_clock!("UPDATE leases SET until = ", " + ?3 WHERE work = ?1 AND holder = ?2 RETURNING part");
const TAKE: &str = by_its_clock!(
    "UPDATE leases SET holder = ?2, until = ",
    " + ?3 WHERE work = ?1 AND part IN (SELECT part FROM leases WHERE work = ?1 AND until < ",
    " ORDER BY part LIMIT ?4 FOR UPDATE SKIP LOCKED) RETURNING part"
);
const LEAVE: &str = "UPDATE leases SET holder = '', until = 0 WHERE work = ?1 AND part = ?2 AND holder = ?3";
const LEAVE_ALL: &str = "UPDATE leases SET holder = '', until = 0 WHERE holder = ?1";
const GONE: &str = "DELETE FROM nodes WHERE node = ?1";
