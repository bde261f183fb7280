//! Which change goes next, on which lane: pure bookkeeping over what was read from the outbox.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::base::{Dice, Position, limits};
use crate::signing::Entry;

/// Changes of one subject that are kept in memory; more stay in the store until these are gone.
const SUBJECT_MAX: usize = 64;
/// Changes kept in memory for all lanes together.
const HELD_MAX: usize = 4 * limits::RELAY_PAGE;
/// Subjects that may wait for another attempt at a time; while more do, nothing new is read.
const PARKED_MAX: usize = 1_000;

/// Deals changes to lanes. A subject has at most one change in flight, and its next one goes only after that one is
/// confirmed.
#[derive(Debug)]
pub(super) struct Dealer {
    lanes: Vec<VecDeque<Entry>>,
    held: usize,
    /// Changes in memory, by subject: waiting and in flight.
    by_subject: HashMap<i64, usize>,
    /// All positions waiting or in flight: what a second reading from the start leaves out.
    positions: BTreeSet<Position>,
    cursor: Position,
    parked: HashMap<i64, Parked>,
    /// Subjects with more in the store than is kept here.
    overflown: HashSet<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Parked {
    due: Option<Instant>,
    failures: u32,
}

impl Dealer {
    pub(super) fn new(lanes: usize) -> Self {
        Self {
            lanes: (0..lanes).map(|_| VecDeque::new()).collect(),
            held: 0,
            by_subject: HashMap::new(),
            positions: BTreeSet::new(),
            cursor: Position(0),
            parked: HashMap::new(),
            overflown: HashSet::new(),
        }
    }

    /// The position after which to read on.
    pub(super) fn cursor(&self) -> Position {
        self.cursor
    }

    /// Whether another page may be read.
    pub(super) fn has_room(&self) -> bool {
        self.held + limits::RELAY_PAGE <= HELD_MAX && self.waiting() < PARKED_MAX
    }

    fn waiting(&self) -> usize {
        self.parked.values().filter(|p| p.due.is_some()).count()
    }

    /// When the next parked subject may be tried again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.parked.values().filter_map(|p| p.due).min()
    }

    /// Lets subjects try again whose time has come, by reading from the start.
    pub(super) fn wake(&mut self, now: Instant) {
        for parked in self.parked.values_mut() {
            if parked.due.is_some_and(|due| due <= now) {
                parked.due = None;
                self.cursor = Position(0);
            }
        }
    }

    /// Takes in a page of the outbox, in order.
    pub(super) fn take(&mut self, page: Vec<Entry>) {
        for entry in page {
            self.cursor = self.cursor.max(entry.position);
            let subject = entry.subject_ref;
            if self.positions.contains(&entry.position)
                || self.parked.get(&subject).is_some_and(|p| p.due.is_some())
            {
                continue;
            }
            let count = self.by_subject.entry(subject).or_insert(0);
            if *count >= SUBJECT_MAX || self.overflown.contains(&subject) {
                self.overflown.insert(subject);
                continue;
            }
            *count += 1;
            self.held += 1;
            self.positions.insert(entry.position);
            let lane = usize::try_from(subject.rem_euclid(self.lanes.len() as i64)).unwrap_or(0);
            self.lanes[lane].push_back(entry);
        }
    }

    /// The next batch of a lane at rest: oldest first, one for each subject.
    pub(super) fn batch(&mut self, lane: usize, most: usize) -> Vec<Entry> {
        let mut taken = HashSet::new();
        let mut batch = Vec::new();
        let mut rest = VecDeque::with_capacity(self.lanes[lane].len());
        while let Some(entry) = self.lanes[lane].pop_front() {
            if batch.len() < most && taken.insert(entry.subject_ref) {
                batch.push(entry);
            } else {
                rest.push_back(entry);
                if batch.len() == most {
                    break;
                }
            }
        }
        rest.append(&mut self.lanes[lane]);
        self.lanes[lane] = rest;
        batch
    }

    /// A batch is back: what was not refused is settled; a refused change's subject waits for its next attempt.
    pub(super) fn landed(
        &mut self,
        lane: usize,
        batch: &[Entry],
        refused: &[usize],
        now: Instant,
        dice: &Dice,
    ) {
        for (index, entry) in batch.iter().enumerate() {
            self.release(entry.subject_ref, entry.position);
            if refused.contains(&index) {
                self.park(lane, entry.subject_ref, now, dice);
            } else {
                self.parked.remove(&entry.subject_ref);
            }
        }
    }

    fn release(&mut self, subject: i64, position: Position) {
        self.held -= 1;
        self.positions.remove(&position);
        let left = self.by_subject.get_mut(&subject).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            self.by_subject.remove(&subject);
            if self.overflown.remove(&subject) {
                self.cursor = Position(0);
            }
        }
    }

    /// The subject's changes leave memory; they are read again when it is due.
    fn park(&mut self, lane: usize, subject: i64, now: Instant, dice: &Dice) {
        let (gone, kept) =
            std::mem::take(&mut self.lanes[lane]).into_iter().partition(|e: &Entry| e.subject_ref == subject);
        self.lanes[lane] = kept;
        let gone: VecDeque<Entry> = gone;
        for entry in gone {
            self.release(subject, entry.position);
        }
        self.overflown.remove(&subject);
        let failures = self.parked.get(&subject).map_or(0, |p| p.failures);
        let due = Some(now + wait(failures, dice));
        self.parked.insert(subject, Parked { due, failures: failures.saturating_add(1) });
    }
}

fn wait(failures: u32, dice: &Dice) -> Duration {
    super::backoff(failures, dice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{AccountId, ChangeId, SigningRequestId, Subject};

    fn entry(position: u64, subject: i64) -> Entry {
        Entry {
            position: Position(position),
            subject_ref: subject,
            id: ChangeId(uuid::Uuid::from_u128(u128::from(position))),
            account: AccountId::new("a"),
            subject: Subject::SigningRequest(SigningRequestId::new(&subject.to_string())),
            sequence: position,
            routing_key: "signing_request.sent.a".into(),
            event_type: "t".into(),
            occurred_at: jiff::Timestamp::UNIX_EPOCH,
            traceparent: String::new(),
            body: "{}".into(),
        }
    }

    /// An outbox and a broker in memory: publishes everything, refusing as `refuses` says, and gives the order in
    /// which changes were confirmed.
    fn publish_all(
        entries: &[Entry],
        lanes: usize,
        mut refuses: impl FnMut(&Entry) -> bool,
    ) -> Vec<(i64, u64)> {
        let (mut dealer, dice, mut now) = (Dealer::new(lanes), Dice::seeded(3), Instant::now());
        let mut outbox: Vec<Entry> = entries.to_vec();
        let mut confirmed = Vec::new();
        let mut turns = 0;
        while !outbox.is_empty() {
            turns += 1;
            assert!(turns < 100_000, "it never ends: {} left", outbox.len());
            dealer.wake(now);
            while dealer.has_room() {
                let after = dealer.cursor();
                let page: Vec<Entry> =
                    outbox.iter().filter(|e| e.position > after).take(limits::RELAY_PAGE).cloned().collect();
                let last = page.len() < limits::RELAY_PAGE;
                dealer.take(page);
                if last {
                    break;
                }
            }
            for lane in 0..lanes {
                let batch = dealer.batch(lane, 16);
                let subjects: HashSet<i64> = batch.iter().map(|e| e.subject_ref).collect();
                assert_eq!(subjects.len(), batch.len(), "a subject has two changes in flight");
                let refused: Vec<usize> = (0..batch.len()).filter(|i| refuses(&batch[*i])).collect();
                for (index, entry) in batch.iter().enumerate() {
                    if !refused.contains(&index) {
                        confirmed.push((entry.subject_ref, entry.position.0));
                        outbox.retain(|e| e.position != entry.position);
                    }
                }
                dealer.landed(lane, &batch, &refused, now, &dice);
            }
            now += Duration::from_millis(50);
        }
        assert_eq!(dealer.held, 0);
        assert!(dealer.positions.is_empty() && dealer.by_subject.is_empty());
        confirmed
    }

    fn in_order(confirmed: &[(i64, u64)], total: usize) {
        assert_eq!(confirmed.len(), total, "each exactly once");
        let mut last: HashMap<i64, u64> = HashMap::new();
        for (subject, position) in confirmed {
            assert!(
                last.insert(*subject, *position).unwrap_or(0) < *position,
                "subject {subject} out of order"
            );
        }
    }

    #[test]
    fn every_change_goes_out_once_and_in_the_order_of_its_subject() {
        let entries: Vec<Entry> = (1..=5_000).map(|p| entry(p, (p * 7 % 90) as i64)).collect();
        in_order(&publish_all(&entries, 4, |_| false), 5_000);
    }

    #[test]
    fn refused_changes_come_again_and_are_never_overtaken_by_their_own() {
        let entries: Vec<Entry> = (1..=2_000).map(|p| entry(p, (p % 37) as i64)).collect();
        let dice = Dice::seeded(11);
        in_order(&publish_all(&entries, 3, |_| dice.chance(0.2)), 2_000);
    }

    #[test]
    fn one_subject_with_thousands_of_changes_leaves_room_for_the_others() {
        let mut entries: Vec<Entry> = (1..=9_000).map(|p| entry(p, 1)).collect();
        entries.extend((9_001..=9_020).map(|p| entry(p, p as i64)));
        let confirmed = publish_all(&entries, 2, |_| false);
        in_order(&confirmed, 9_020);
        let last_other = confirmed.iter().rposition(|(subject, _)| *subject != 1).unwrap();
        assert!(last_other < 500, "the others waited for {last_other} changes");
    }

    #[test]
    fn memory_stays_bounded_whatever_the_backlog() {
        let mut dealer = Dealer::new(4);
        let mut position = 0;
        while dealer.has_room() {
            dealer.take(
                (0..limits::RELAY_PAGE as u64)
                    .map(|i| entry(position + i + 1, (position + i) as i64))
                    .collect(),
            );
            position += limits::RELAY_PAGE as u64;
        }
        assert!(dealer.held <= HELD_MAX);
    }
}
