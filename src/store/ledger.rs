//! What the writer holds while it writes: its connection, the states in memory, and the next numbers.

use std::collections::HashSet;
use std::sync::Arc;

use hashbrown::HashMap;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::base::{AccountId, ChangeId, Clock, Position, Subject, limits};
use crate::evidence::{Head, Link};
use crate::signing::State;

use super::Error;
use super::books::Tally;
use super::late::Late;
use super::memory::{Held, Key, Memory};
use super::session::{Row, Session, Value};

/// What a write will ask for, told ahead so that a whole group's wants are read in one round trip.
#[derive(Debug, Default)]
pub(super) struct Wants {
    pub(super) subject: Option<Key>,
    pub(super) activity: Option<ChangeId>,
}

/// A fetch that is wanted.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) reference: i64,
    pub(super) due_at: Timestamp,
    /// It answers all changes after this sequence.
    pub(super) covers_after: u64,
    pub(super) traceparent: String,
}

impl Claim {
    fn arguments(&self) -> Vec<Value<'_>> {
        let covers_after = i64::try_from(self.covers_after).unwrap_or(i64::MAX);
        vec![self.reference.into(), self.due_at.into(), covers_after.into(), self.traceparent.as_str().into()]
    }
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
    /// This node's name, left behind with each transaction: who finds another's must read anew.
    node: String,
    pub(super) added: Added,
    /// What the transaction adds to the books.
    pub(super) books: Tally,
    pub(super) clock: Arc<dyn Clock>,
    /// When the present transaction was begun.
    pub(super) at: Timestamp,
    /// Our ids of accounts, as far as they were asked for; none where an account is not linked.
    pub(super) linked: HashMap<AccountId, Option<String>>,
    /// Fetches that the transaction came to want, one for each signing request.
    claims: Vec<Claim>,
    /// Activities that this transaction asked for, and whether they were published before.
    activities: HashMap<ChangeId, bool>,
    memory: Memory,
    /// States that are not in their rows yet. All of those are in `memory`, or it is empty.
    late: Late,
    /// A state as it is written: memory that is used again.
    text: Vec<u8>,
    /// The latest time seen in this transaction.
    pub(super) now: Timestamp,
    last_position: u64,
    last_delivery: i64,
    last_subject: i64,
    /// Where the chain of evidence ends.
    pub(super) head: Head,
    /// Where those who sign look for it.
    heads: watch::Sender<Head>,
}

impl Ledger {
    pub(super) fn open(
        session: Session,
        enrich: bool,
        node: String,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let mut ledger = Self {
            session,
            enrich,
            node,
            added: Added::default(),
            books: Tally::default(),
            at: clock.now(),
            clock,
            linked: HashMap::new(),
            claims: Vec::new(),
            activities: HashMap::new(),
            memory: Memory::default(),
            late: Late::default(),
            text: Vec::new(),
            now: Timestamp::UNIX_EPOCH,
            last_position: 0,
            last_delivery: 0,
            last_subject: 0,
            head: Head::default(),
            heads: watch::Sender::default(),
        };
        ledger.reset()?;
        Ok(ledger)
    }

    /// Forgets everything and reads the last numbers again.
    pub(super) fn reset(&mut self) -> Result<(), Error> {
        self.memory.clear();
        self.activities.clear();
        self.linked.clear();
        self.added = Added::default();
        self.books = Tally::default();
        self.claims.clear();
        self.late = Late::found(&self.session)?;
        // Pruning never takes the newest rows, so the greatest number is the last one given.
        let last = self.session.row(
            "SELECT (SELECT coalesce(max(position), 0) FROM changes), (SELECT coalesce(max(seq), 0) FROM deliveries), \
             (SELECT coalesce(max(ref), 0) FROM subjects), (SELECT coalesce(max(number), 0) FROM evidence), \
             (SELECT link FROM evidence ORDER BY number DESC LIMIT 1), \
             (SELECT coalesce(max(number), 0) FROM evidence WHERE kind = 4)",
            &[],
            |row| {
                let link = row.blob(4)?.try_into().map_or(Link::ORIGIN, Link);
                let head = Head { number: row.count(3)?, link, signed: row.count(5)? };
                Ok((row.count(0)?, row.int(1)?, row.int(2)?, head))
            },
        )?;
        (self.last_position, self.last_delivery, self.last_subject, self.head) = last.unwrap_or_default();
        Ok(())
    }

    /// Opens a transaction. What is in memory is forgotten where another node wrote since the last one; what the
    /// group wants is read ahead where each question would cost a round trip.
    pub(super) fn begin(&mut self, wants: impl Iterator<Item = Wants>) -> Result<(), Error> {
        self.activities.clear();
        self.at = self.clock.now();
        let Some(last_writer) = self.session.begin()? else {
            return if self.memory.is_empty() { self.bring_in() } else { Ok(()) };
        };
        if last_writer != self.node {
            self.reset()?;
        }
        let (mut subjects, mut activities) = (HashSet::new(), HashSet::new());
        for Wants { subject, activity } in wants {
            subjects.extend(subject);
            activities.extend(activity);
        }
        self.read_ahead(
            subjects
                .into_iter()
                .filter(|(account, subject)| self.memory.get(account, subject).is_none())
                .collect(),
        )?;
        let ids: Vec<ChangeId> = activities.into_iter().collect();
        let arguments: Vec<_> = ids.iter().map(|id| vec![id.0.as_bytes().as_slice().into()]).collect();
        let found = self.session.row_each(ACTIVITY, &arguments, |_| Ok(()))?;
        self.activities.extend(ids.into_iter().zip(found.iter().map(Option::is_some)));
        Ok(())
    }

    fn read_ahead(&mut self, keys: Vec<Key>) -> Result<(), Error> {
        let arguments: Vec<_> = keys.iter().map(|key| subject_arguments(key).to_vec()).collect();
        let found = self.session.row_each(SUBJECT, &arguments, read_held)?;
        for (key, found) in keys.into_iter().zip(found) {
            // What is not there is begun by the first who writes it, and not before: numbers have no gaps.
            if let Some(held) = found {
                self.memory.put(key, held);
            }
        }
        Ok(())
    }

    /// Our id of an account, where it is linked.
    pub(super) fn linked(&mut self, account: &AccountId) -> Result<Option<String>, Error> {
        if let Some(known) = self.linked.get(account) {
            return Ok(known.clone());
        }
        let sql = "SELECT id FROM accounts WHERE account = ?1";
        let found = self.session.row(sql, &[account.as_str().into()], |row| row.text(0))?;
        if self.linked.len() >= limits::REST_ACCOUNTS_MAX {
            self.linked.clear();
        }
        self.linked.insert(account.clone(), found.clone());
        Ok(found)
    }

    /// Whether an activity was published before.
    pub(super) fn knows_activity(&mut self, id: ChangeId) -> Result<bool, Error> {
        if let Some(known) = self.activities.get(&id) {
            return Ok(*known);
        }
        // Those that this transaction remembers are among the known.
        let argument = id.0.as_bytes().as_slice().into();
        Ok(self.session.row_apart(ACTIVITY, &[argument], |_| Ok(()))?.is_some())
    }

    /// An activity is published from now on.
    pub(super) fn remember_activity(&mut self, id: ChangeId, at: Timestamp) -> Result<(), Error> {
        self.activities.insert(id, true);
        let sql = "INSERT INTO activities_seen (id, seen_at) VALUES (?1, ?2)";
        self.session.write(sql, &[id.0.as_bytes().as_slice().into(), at.into()])
    }

    /// Tells where the chain of evidence ends, and whom it tells. Once what made it so is on disk.
    pub(super) fn announce_head(&self) -> watch::Receiver<Head> {
        self.heads.send_if_modified(|head| {
            let before = std::mem::replace(head, self.head).unsigned();
            let (now, many) = (self.head.unsigned(), limits::EVIDENCE_UNSIGNED_MAX);
            // Each wake costs a thread its sleep: whoever signs waits for the first, and for many.
            (before == 0 && now > 0) || (before < many && now >= many)
        });
        self.heads.subscribe()
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
        let place = match self.memory.find(account, subject) {
            Some(place) => place,
            None => {
                let key = (account.clone(), subject.clone());
                let held = self.read_subject(&key)?;
                self.memory.put(key, held)
            }
        };
        Ok(self.memory.change(place))
    }

    /// The state of a subject as it stands, for a look at it: nothing counts as changed.
    pub(super) fn state_of(&self, account: &AccountId, subject: &Subject) -> Result<State, Error> {
        if let Some(held) = self.memory.get(account, subject) {
            return Ok(held.state.clone());
        }
        let key = (account.clone(), subject.clone());
        let found = self.session.row(SUBJECT, &subject_arguments(&key), read_held)?;
        Ok(found.unwrap_or_default().state)
    }

    fn read_subject(&mut self, key: &Key) -> Result<Held, Error> {
        // Those that this transaction writes are in memory.
        let found = self.session.row_apart(SUBJECT, &subject_arguments(key), read_held)?;
        Ok(found.unwrap_or_else(|| {
            self.last_subject += 1;
            self.added.subjects += 1;
            Held::begun(self.last_subject, key.clone())
        }))
    }

    /// A change wants its signing request to be fetched. A burst leaves one claim, due a moment after its first
    /// change, with the trace context of its last.
    pub(super) fn want_fetch(&mut self, claim: Claim) {
        match self.claims.iter_mut().find(|known| known.reference == claim.reference) {
            Some(known) => known.traceparent = claim.traceparent,
            None => self.claims.push(claim),
        }
    }

    /// Writes the claims that the transaction left: those that are there already keep their time.
    fn flush_claims(&mut self) -> Result<(), Error> {
        let claims = std::mem::take(&mut self.claims);
        if claims.is_empty() {
            return Ok(());
        }
        let new: Vec<Vec<Value<'_>>> = claims.iter().map(Claim::arguments).collect();
        let count = self.session.execute_each(
            "INSERT INTO enrichments (subject_ref, due_at, attempts, covers_after, traceparent) VALUES (?1, ?2, 0, ?3, ?4) \
             ON CONFLICT (subject_ref) DO NOTHING",
            &new,
        )?;
        self.books.fetches += i64::try_from(count).unwrap_or(0);
        if count < claims.len() {
            for claim in &claims {
                self.session.write(
                    "UPDATE enrichments SET traceparent = ?2 WHERE subject_ref = ?1",
                    &[claim.reference.into(), claim.traceparent.as_str().into()],
                )?;
            }
        }
        Ok(())
    }

    /// Brings what is late to its rows.
    pub(super) fn bring_in(&mut self) -> Result<(), Error> {
        self.late.bring_in(&self.session)
    }

    /// Writes the states and counts that the transaction changed: each once, however many deliveries changed it.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        self.flush_claims()?;
        let (now, changed) = (self.now, self.memory.changed());
        let (session, late, text) = (&self.session, &mut self.late, &mut self.text);
        self.memory.write_changed(|held| {
            text.clear();
            let state = serde_json::to_writer(&mut *text, &held.state).map(|()| std::str::from_utf8(text));
            let Ok(Ok(state)) = state else {
                return Err(Error::Unavailable("a state cannot be written".into()));
            };
            let Some((account, subject)) = held.begun.take() else {
                return late.write(session, held.reference, [held.last_delivery.into(), now.into()], state);
            };
            session.write(
                "INSERT INTO subjects (ref, id, kind, account, state, updated_at, last_delivery) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                &[
                    held.reference.into(),
                    subject.id().into(),
                    subject.kind().into(),
                    account.as_str().into(),
                    state.into(),
                    now.into(),
                    held.last_delivery.into(),
                ],
            )
        })?;
        let added = std::mem::take(&mut self.added);
        self.session.write(
            "UPDATE totals SET accepted = accepted + ?1, duplicates = duplicates + ?2, changes = changes + ?3, \
             subjects = subjects + ?4, settled = settled + ?5, writer = ?6 WHERE one = 1",
            &[
                added.accepted.into(),
                added.duplicates.into(),
                added.changes.into(),
                added.subjects.into(),
                added.settled.into(),
                self.node.as_str().into(),
            ],
        )?;
        std::mem::take(&mut self.books).write(&self.session)?;
        let turn = self.memory.is_full();
        if turn || self.late.is_due(changed) {
            self.bring_in()?;
        }
        if turn {
            self.memory.turn();
        }
        Ok(())
    }
}

const SUBJECT: &str =
    "SELECT ref, state, last_delivery FROM subjects WHERE id = ?1 AND kind = ?2 AND account = ?3";
const ACTIVITY: &str = "SELECT 1 FROM activities_seen WHERE id = ?1";

pub(super) fn subject_arguments((account, subject): &Key) -> [Value<'_>; 3] {
    [subject.id().into(), subject.kind().into(), account.as_str().into()]
}

pub(super) fn read_held(row: &Row<'_>) -> Result<Held, Error> {
    Ok(Held::stored(row.int(0)?, read_state(&row.text(1)?)?, row.int(2)?))
}

pub(super) fn read_state(text: &str) -> Result<State, Error> {
    serde_json::from_str(text).map_err(|_| Error::Unavailable("a stored state is damaged".into()))
}
