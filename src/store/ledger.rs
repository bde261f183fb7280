//! What the writer holds while it writes: its connection, the states in memory, and the next numbers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::{AccountId, Clock, Position, Subject, limits};
use crate::signing::State;

use super::Error;
use super::books::Tally;
use super::session::Session;

type Key = (AccountId, Subject);

/// A subject's short number and state.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    pub(super) reference: i64,
    pub(super) state: State,
    stored: bool,
}

/// Counts added within the present transaction.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Added {
    pub(super) accepted: i64,
    pub(super) duplicates: i64,
    pub(super) changes: i64,
    pub(super) settled: i64,
    subjects: i64,
}

/// The writer's hands. Everything in it agrees with the database between transactions; after a rollback it is
/// made anew.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) session: Session,
    pub(super) enrich: bool,
    pub(super) added: Added,
    /// What the transaction adds to the books.
    pub(super) books: Tally,
    pub(super) clock: Arc<dyn Clock>,
    /// When the present transaction was begun.
    pub(super) at: Timestamp,
    young: HashMap<Key, Held>,
    old: HashMap<Key, Held>,
    dirty: HashSet<Key>,
    /// The latest time seen in this transaction.
    pub(super) now: Timestamp,
    last_position: u64,
    last_delivery: i64,
    last_subject: i64,
}

impl Ledger {
    pub(super) fn open(session: Session, enrich: bool, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let mut ledger = Self {
            session,
            enrich,
            added: Added::default(),
            books: Tally::default(),
            at: clock.now(),
            clock,
            young: HashMap::new(),
            old: HashMap::new(),
            dirty: HashSet::new(),
            now: Timestamp::UNIX_EPOCH,
            last_position: 0,
            last_delivery: 0,
            last_subject: 0,
        };
        ledger.reset()?;
        Ok(ledger)
    }

    /// Forgets everything and reads the last numbers again.
    pub(super) fn reset(&mut self) -> Result<(), Error> {
        self.young.clear();
        self.old.clear();
        self.dirty.clear();
        self.added = Added::default();
        self.books = Tally::default();
        let last = |sql| self.session.row(sql, &[], |row| row.int(0)).map(Option::unwrap_or_default);
        // Pruning never takes the newest rows, so the greatest number is the last one given.
        let position = last("SELECT coalesce(max(position), 0) FROM changes")?;
        self.last_delivery = last("SELECT coalesce(max(seq), 0) FROM deliveries")?;
        self.last_subject = last("SELECT coalesce(max(ref), 0) FROM subjects")?;
        self.last_position = u64::try_from(position).unwrap_or(0);
        Ok(())
    }

    pub(super) fn last_position(&self) -> Position {
        Position(self.last_position)
    }

    pub(super) fn next_position(&mut self) -> i64 {
        self.last_position += 1;
        i64::try_from(self.last_position).unwrap_or(i64::MAX)
    }

    pub(super) fn next_delivery(&mut self) -> i64 {
        self.last_delivery += 1;
        self.last_delivery
    }

    /// The state of a subject, read from the database or begun. It counts as changed from now on.
    pub(super) fn open_subject(
        &mut self,
        account: &AccountId,
        subject: &Subject,
    ) -> Result<&mut Held, Error> {
        let key = (account.clone(), subject.clone());
        if !self.young.contains_key(&key) {
            let held = match self.old.remove(&key) {
                Some(held) => held,
                None => self.read_subject(&key)?,
            };
            self.young.insert(key.clone(), held);
        }
        self.dirty.insert(key.clone());
        Ok(self.young.entry(key).or_default())
    }

    fn read_subject(&mut self, (account, subject): &Key) -> Result<Held, Error> {
        let found = self.session.row(
            "SELECT ref, state FROM subjects WHERE id = ?1 AND kind = ?2 AND account = ?3",
            &[subject.id().into(), subject.kind().into(), account.as_str().into()],
            |row| Ok((row.int(0)?, row.text(1)?)),
        )?;
        Ok(match found {
            Some((reference, state)) => Held { reference, state: read_state(&state)?, stored: true },
            None => {
                self.last_subject += 1;
                self.added.subjects += 1;
                Held { reference: self.last_subject, state: State::default(), stored: false }
            }
        })
    }

    /// Writes the states and counts that the transaction changed: each once, however many deliveries changed it.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        let now = self.now;
        for key in self.dirty.drain() {
            let Some(held) = self.young.get_mut(&key) else { continue };
            let state = serde_json::to_string(&held.state).map_err(|e| Error::Unavailable(e.to_string()))?;
            if held.stored {
                self.session.execute(
                    "UPDATE subjects SET state = ?2, updated_at = ?3 WHERE ref = ?1",
                    &[held.reference.into(), state.as_str().into(), now.into()],
                )?;
            } else {
                let (account, subject) = &key;
                self.session.execute(
                    "INSERT INTO subjects (ref, id, kind, account, state, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    &[
                        held.reference.into(),
                        subject.id().into(),
                        subject.kind().into(),
                        account.as_str().into(),
                        state.as_str().into(),
                        now.into(),
                    ],
                )?;
                held.stored = true;
            }
        }
        let added = std::mem::take(&mut self.added);
        self.session.execute(
            "UPDATE totals SET accepted = accepted + ?1, duplicates = duplicates + ?2, changes = changes + ?3, \
             subjects = subjects + ?4, settled = settled + ?5",
            &[
                added.accepted.into(),
                added.duplicates.into(),
                added.changes.into(),
                added.subjects.into(),
                added.settled.into(),
            ],
        )?;
        std::mem::take(&mut self.books).write(&self.session)?;
        // Two generations: what was not asked for since the last turn is forgotten, so memory stays bounded.
        if self.young.len() >= limits::STORE_CACHE_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        Ok(())
    }
}

pub(super) fn read_state(text: &str) -> Result<State, Error> {
    serde_json::from_str(text).map_err(|_| Error::Unavailable("a stored state is damaged".into()))
}
