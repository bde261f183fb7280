//! What the writer holds while it writes: its connection, the states in memory, and the next numbers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::base::{AccountId, ChangeId, Clock, Position, Subject, limits};
use crate::evidence::{Head, Link};
use crate::signing::State;

use super::Error;
use super::books::Tally;
use super::late::Late;
use super::session::{Row, Session, Value};

pub(super) type Key = (AccountId, Subject);

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

/// A subject's short number and state, and the number of its newest delivery: the line of all begins there.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    pub(super) reference: i64,
    pub(super) state: State,
    pub(super) last_delivery: i64,
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
    young: HashMap<Key, Held>,
    /// About how much `young` holds: each state counts, and each of its participants, whenever it is written.
    young_weight: usize,
    old: HashMap<Key, Held>,
    dirty: HashSet<Key>,
    /// States that are not in their rows yet. Those are in `young` or `old`, or both are empty.
    late: Late,
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
            young: HashMap::new(),
            young_weight: 0,
            old: HashMap::new(),
            dirty: HashSet::new(),
            late: Late::default(),
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
        self.young.clear();
        self.young_weight = 0;
        self.old.clear();
        self.dirty.clear();
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
            let forgotten = self.young.is_empty() && self.old.is_empty();
            return if forgotten { self.bring_in() } else { Ok(()) };
        };
        if last_writer != self.node {
            self.reset()?;
        }
        let (mut subjects, mut activities) = (HashSet::new(), HashSet::new());
        for Wants { subject, activity } in wants {
            subjects.extend(subject);
            activities.extend(activity);
        }
        self.read_ahead(subjects.into_iter().filter(|key| !self.holds(key)).collect())?;
        let ids: Vec<ChangeId> = activities.into_iter().collect();
        let arguments: Vec<_> = ids.iter().map(|id| vec![id.0.as_bytes().as_slice().into()]).collect();
        let found = self.session.row_each(ACTIVITY, &arguments, |_| Ok(()))?;
        self.activities.extend(ids.into_iter().zip(found.iter().map(Option::is_some)));
        Ok(())
    }

    fn holds(&self, key: &Key) -> bool {
        self.young.contains_key(key) || self.old.contains_key(key)
    }

    fn read_ahead(&mut self, keys: Vec<Key>) -> Result<(), Error> {
        let arguments: Vec<_> = keys.iter().map(|key| subject_arguments(key).to_vec()).collect();
        let found = self.session.row_each(SUBJECT, &arguments, read_held)?;
        for (key, found) in keys.into_iter().zip(found) {
            // What is not there is begun by the first who writes it, and not before: numbers have no gaps.
            self.young.extend(found.map(|held| (key, held)));
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
        Ok(self.session.row(ACTIVITY, &[id.0.as_bytes().as_slice().into()], |_| Ok(()))?.is_some())
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

    /// The state of a subject as it stands, for a look at it: nothing counts as changed.
    pub(super) fn state_of(&self, account: &AccountId, subject: &Subject) -> Result<State, Error> {
        let key = (account.clone(), subject.clone());
        if let Some(held) = self.young.get(&key).or_else(|| self.old.get(&key)) {
            return Ok(held.state.clone());
        }
        let found = self.session.row(SUBJECT, &subject_arguments(&key), read_held)?;
        Ok(found.unwrap_or_default().state)
    }

    fn read_subject(&mut self, key: &Key) -> Result<Held, Error> {
        let found = self.session.row(SUBJECT, &subject_arguments(key), read_held)?;
        Ok(found.unwrap_or_else(|| {
            self.last_subject += 1;
            self.added.subjects += 1;
            Held { reference: self.last_subject, ..Held::default() }
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
        let now = self.now;
        for key in self.dirty.drain() {
            let Some(held) = self.young.get_mut(&key) else { continue };
            self.young_weight += 1 + held.state.participant_count();
            let state = serde_json::to_string(&held.state).map_err(|e| Error::Unavailable(e.to_string()))?;
            if held.stored {
                let newest = [held.last_delivery.into(), now.into()];
                self.late.write(&self.session, held.reference, newest, &state)?;
            } else {
                let (account, subject) = &key;
                self.session.write(
                    "INSERT INTO subjects (ref, id, kind, account, state, updated_at, last_delivery) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    &[
                        held.reference.into(),
                        subject.id().into(),
                        subject.kind().into(),
                        account.as_str().into(),
                        state.as_str().into(),
                        now.into(),
                        held.last_delivery.into(),
                    ],
                )?;
                held.stored = true;
            }
        }
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
        // Two generations: what was not asked for since the last turn is forgotten, so memory stays bounded.
        let turn = self.young_weight >= limits::STORE_CACHE_MAX / 2;
        if turn || self.late.is_full() {
            self.bring_in()?;
        }
        if turn {
            self.old = std::mem::take(&mut self.young);
            self.young_weight = 0;
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
    Ok(Held {
        reference: row.int(0)?,
        state: read_state(&row.text(1)?)?,
        last_delivery: row.int(2)?,
        stored: true,
    })
}

pub(super) fn read_state(text: &str) -> Result<State, Error> {
    serde_json::from_str(text).map_err(|_| Error::Unavailable("a stored state is damaged".into()))
}
