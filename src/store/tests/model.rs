//! The model: what a store is, with nothing but lists in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::operation::{Answer, Books, FETCHED, Fact, Operation, Row, Telling};

const DAY: u64 = 24 * 3600;
/// Changes within this time after the first are answered by one fetch, in milliseconds.
const COALESCE: u64 = 500;

#[derive(Debug, Clone)]
struct Change {
    row: Row,
    received_at: u64,
}

#[derive(Debug, Clone)]
struct Delivery {
    number: usize,
    received_at: u64,
    outcome: &'static str,
    changes: usize,
}

/// A fetch that is wanted; times in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Fetch {
    due_at: u64,
    attempts: u32,
    covers_after: u64,
}

/// A store, simply. Times are seconds since the beginning unless they say otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    now: u64,
    told: BTreeSet<(u8, Fact)>,
    /// When each activity was told first; forgotten in time.
    activities: BTreeMap<(u8, u8), u64>,
    sequences: BTreeMap<u8, u64>,
    feed: Vec<Change>,
    waiting: BTreeSet<u64>,
    deliveries: Vec<Delivery>,
    numbers: usize,
    fetches: BTreeMap<u8, Fetch>,
    /// Claimed signing requests, and the sequences that the claim covers.
    claims: BTreeMap<u8, Vec<u64>>,
    last_position: u64,
    accepted: u64,
    duplicates: u64,
    appended: u64,
}

impl Model {
    /// When each delivery was received, by its number.
    pub(super) fn received(&self) -> impl Iterator<Item = (usize, u64)> {
        self.deliveries.iter().map(|delivery| (delivery.number, delivery.received_at))
    }

    pub(super) fn perform(&mut self, operation: &Operation) -> Answer {
        match operation {
            Operation::Tell(telling) => Answer::Told(vec![self.tell(telling)]),
            Operation::TellTogether(tellings) => {
                Answer::Told(tellings.iter().map(|telling| self.tell(telling)).collect())
            }
            Operation::Quarantine => {
                self.deliver("quarantined", 0);
                Answer::Told(vec![("quarantined", 0)])
            }
            Operation::Release(which, telling) => Answer::Resolved(self.resolve(*which, Some(telling))),
            Operation::Drop(which) => Answer::Resolved(self.resolve(*which, None)),
            Operation::Settle(bits) => {
                let oldest: Vec<_> = self.waiting.iter().copied().take(16).collect();
                let settled = oldest.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
                Answer::Count(settled.filter(|(_, position)| self.waiting.remove(position)).count())
            }
            Operation::Republish(positions) => {
                let there =
                    |position: &&u64| self.feed.iter().any(|change| change.row.position == **position);
                let there: Vec<_> = positions.iter().filter(there).collect();
                Answer::Count(there.into_iter().filter(|position| self.waiting.insert(**position)).count())
            }
            Operation::Prune(days) => {
                Answer::Count(self.prune(self.now.saturating_sub(u64::from(*days) * DAY)))
            }
            Operation::Claim(most) => {
                let due = self.due();
                self.claim(due.into_iter().map(|(_, subject)| subject).take(*most))
            }
            Operation::Complete(which) => self.complete(*which),
            Operation::Defer(which, seconds) => {
                let Some(subject) = picked(&self.claims, *which) else { return Answer::Done };
                self.claims.remove(&subject);
                let due_at = (self.now + u64::from(*seconds)) * 1_000;
                self.fetches.entry(subject).and_modify(|fetch| {
                    *fetch = Fetch { due_at, attempts: fetch.attempts + 1, ..*fetch };
                });
                Answer::Done
            }
            Operation::Wait(seconds) => {
                self.now += u64::from(*seconds);
                Answer::Done
            }
            Operation::BringIn => Answer::Done,
            Operation::Reopen | Operation::Crash => {
                self.claims.clear();
                Answer::Done
            }
        }
    }

    fn deliver(&mut self, outcome: &'static str, changes: usize) {
        self.deliveries.push(Delivery { number: self.numbers, received_at: self.now, outcome, changes });
        self.numbers += 1;
    }

    fn tell(&mut self, telling: &Telling) -> (&'static str, usize) {
        let changes = self.take(telling, self.now);
        let outcome = if changes > 0 { "accepted" } else { "duplicate" };
        *(if changes > 0 { &mut self.accepted } else { &mut self.duplicates }) += 1;
        self.deliver(outcome, changes);
        (outcome, changes)
    }

    /// Appends what was not told before; the number of changes.
    fn take(&mut self, telling: &Telling, received_at: u64) -> usize {
        let subject = telling.subject;
        let before = *self.sequences.entry(subject).or_default();
        let mut changes = 0;
        for fact in &telling.facts {
            let new = match fact {
                Fact::Activity(which) => self.activities.insert_if_absent((subject, *which), received_at),
                fact => self.told.insert((subject, *fact)),
            };
            if new {
                self.append(subject, fact.what(), received_at);
                changes += 1;
            }
        }
        if changes > 0 {
            let due_at = received_at * 1_000 + COALESCE;
            self.fetches.entry(subject).or_insert(Fetch { due_at, attempts: 0, covers_after: before });
        }
        changes
    }

    fn append(&mut self, subject: u8, what: &str, received_at: u64) {
        let sequence = self.sequences.entry(subject).or_default();
        *sequence += 1;
        self.last_position += 1;
        self.appended += 1;
        self.waiting.insert(self.last_position);
        let position = self.last_position;
        let row = Row { position, subject, sequence: *sequence, what: what.to_owned(), published: false };
        self.feed.push(Change { row, received_at });
    }

    fn resolve(&mut self, which: u8, released: Option<&Telling>) -> Option<(&'static str, usize)> {
        // A delivery that was pruned cannot be in quarantine, so its number finds none.
        let number = usize::from(which).checked_rem(self.numbers)?;
        let at =
            self.deliveries.iter().position(|one| one.number == number && one.outcome == "quarantined")?;
        let Some(telling) = released else {
            self.deliveries[at].outcome = "dropped";
            return Some(("quarantined", 0));
        };
        let changes = self.take(telling, self.deliveries[at].received_at);
        self.deliveries[at].outcome = "released";
        self.deliveries[at].changes = changes;
        Some((if changes > 0 { "accepted" } else { "duplicate" }, changes))
    }

    fn prune(&mut self, before: u64) -> usize {
        let count = self.deliveries.len();
        // The newest stays whatever its age: the next number is counted from it.
        let newest = self.numbers.saturating_sub(1);
        self.deliveries
            .retain(|one| one.received_at >= before || one.outcome == "quarantined" || one.number == newest);
        self.activities.retain(|_, told_at| *told_at >= before);
        let (last, waiting) = (self.last_position, &self.waiting);
        self.feed.retain(|change| {
            let position = change.row.position;
            change.received_at >= before || position == last || waiting.contains(&position)
        });
        count - self.deliveries.len()
    }

    /// The changes of a signing request after a sequence, fetched ones left out.
    fn after(&self, subject: u8, sequence: u64) -> Vec<u64> {
        let rows = self.feed.iter().map(|change| &change.row);
        let of = rows.filter(|row| row.subject == subject && row.sequence > sequence && row.what != FETCHED);
        of.map(|row| row.sequence).collect()
    }

    /// Fetches that are due and not claimed, the oldest first.
    fn due(&self) -> Vec<(u64, u8)> {
        let now = self.now * 1_000;
        let open = self.fetches.iter().filter(|(subject, _)| !self.claims.contains_key(*subject));
        let mut due: Vec<_> = open.map(|(subject, fetch)| (fetch.due_at, *subject)).collect();
        due.retain(|(due_at, _)| *due_at <= now);
        due.sort_unstable();
        due
    }

    fn claim(&mut self, subjects: impl IntoIterator<Item = u8>) -> Answer {
        let mut claimed = Vec::new();
        for subject in subjects {
            let fetch = self.fetches[&subject];
            let covers = self.after(subject, fetch.covers_after);
            self.claims.insert(subject, covers.clone());
            claimed.push((subject, fetch.attempts, covers));
        }
        claimed.sort_unstable();
        Answer::Claimed(claimed)
    }

    /// Whether a signing request came to its end.
    fn is_over(&self, subject: u8) -> bool {
        let told = self.told.iter().filter(|(of, _)| *of == subject);
        told.into_iter().any(|(_, fact)| matches!(fact, Fact::Request(status) if status.is_over()))
    }

    /// Performs it as the store did, where the store has a choice: of fetches due at the same time, it may claim any.
    /// Accounts (one has the even numbers, one the odd) take turns, and in each those at their end go first.
    pub(super) fn perform_as(&mut self, operation: &Operation, answer: &Answer) -> Answer {
        let (Operation::Claim(most), Answer::Claimed(claimed)) = (operation, answer) else {
            return self.perform(operation);
        };
        let due = self.due();
        assert_eq!(claimed.len(), due.len().min(*most), "of {due:?}");
        let (chosen, left): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|(_, subject)| claimed.iter().any(|(one, _, _)| one == subject));
        let of = |all: &[(u64, u8)], account: u8| -> Vec<(bool, u64)> {
            let own = all.iter().filter(|(_, subject)| subject % 2 == account);
            own.map(|(due_at, subject)| (!self.is_over(*subject), *due_at)).collect()
        };
        for account in [0, 1] {
            let (taken, passed_over) = (of(&chosen, account), of(&left, account));
            let in_order = passed_over.iter().min().is_none_or(|first| taken.iter().max() <= Some(first));
            assert!(in_order, "{left:?} before {chosen:?}");
            let turns = of(&chosen, 1 - account).len();
            assert!(passed_over.is_empty() || taken.len() + 1 >= turns, "{left:?} out of turn: {chosen:?}");
        }
        self.claim(chosen.into_iter().map(|(_, subject)| subject))
    }

    fn complete(&mut self, which: u8) -> Answer {
        let Some(subject) = picked(&self.claims, which) else { return Answer::Done };
        let covers = self.claims.remove(&subject).unwrap_or_default();
        self.append(subject, FETCHED, self.now);
        let covered = covers.last().copied().unwrap_or(self.fetches[&subject].covers_after);
        if self.after(subject, covered).is_empty() {
            self.fetches.remove(&subject);
        } else {
            let due_at = self.now * 1_000 + COALESCE;
            self.fetches.insert(subject, Fetch { due_at, attempts: 0, covers_after: covered });
        }
        Answer::Done
    }

    pub(super) fn books(&self) -> Books {
        let published = |row: &Row| !self.waiting.contains(&row.position);
        let rows =
            self.feed.iter().map(|change| Row { published: published(&change.row), ..change.row.clone() });
        let oldest =
            self.waiting.first().and_then(|first| self.feed.iter().find(|c| c.row.position == *first));
        let unclaimed = self.fetches.iter().filter(|(subject, _)| !self.claims.contains_key(*subject));
        let quarantined = self.deliveries.iter().filter(|one| one.outcome == "quarantined").count();
        Books {
            feed: rows.collect(),
            unsettled: self.waiting.iter().copied().collect(),
            backlog: (self.waiting.len() as u64, oldest.map(|change| change.received_at)),
            deliveries: self
                .deliveries
                .iter()
                .rev()
                .map(|one| (one.number, one.outcome.to_owned(), one.changes as u64))
                .collect(),
            totals: [
                self.accepted,
                self.duplicates,
                quarantined as u64,
                self.appended,
                self.sequences.len() as u64,
                self.fetches.len() as u64,
            ],
            fetches: self.fetches.iter().map(|(subject, f)| (*subject, f.due_at, f.attempts)).collect(),
            next_fetch: unclaimed.map(|(_, fetch)| fetch.due_at).min(),
            last_position: self.last_position,
        }
    }
}

/// The claim that an operation picks.
pub(super) fn picked<T>(claims: &BTreeMap<u8, T>, which: u8) -> Option<u8> {
    let at = usize::from(which).checked_rem(claims.len())?;
    claims.keys().nth(at).copied()
}

trait InsertIfAbsent<K, V> {
    /// True where the key was not there.
    fn insert_if_absent(&mut self, key: K, value: V) -> bool;
}

impl<K: Ord, V> InsertIfAbsent<K, V> for BTreeMap<K, V> {
    fn insert_if_absent(&mut self, key: K, value: V) -> bool {
        let before = self.len();
        self.entry(key).or_insert(value);
        self.len() > before
    }
}
