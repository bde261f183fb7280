//! The dealer against a model of store and broker: whatever they do, nothing is missing, order holds, memory is bounded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::base::{AccountId, ChangeId, SigningRequestId, Subject};

const BOUNDS: Bounds = Bounds { window: 3, load: 250, page: 4, held: 12, bytes: 100_000, line: 4, parked: 3 };
const LANES: usize = 2;

fn entry(position: u64, subject: i64) -> Entry {
    Entry {
        position: Position(position),
        subject_ref: subject,
        id: ChangeId(uuid::Uuid::from_u128(position.into())),
        account: AccountId::new("a"),
        subject: Subject::SigningRequest(SigningRequestId::new(&subject.to_string())),
        sequence: position,
        routing_key: format!("key-{}", subject % 3),
        event_type: "t".into(),
        occurred_at: jiff::Timestamp::UNIX_EPOCH,
        traceparent: String::new(),
        body: "x".repeat(100),
    }
}

/// Store and broker as far as the dealer sees them.
struct World {
    dealer: Dealer,
    unsettled: BTreeMap<u64, i64>,
    last: u64,
    flights: Vec<Option<Vec<Entry>>>,
    receipts: Vec<(u64, i64)>,
    now: Instant,
    confirmed: HashMap<i64, Vec<u64>>,
    flying: BTreeSet<i64>,
}

#[derive(Debug, Clone)]
enum Turn {
    Append(i64),
    Read,
    Launch(usize),
    /// Lands a lane's batch; each answer by its number: 0 refused, 1 silent, else confirmed.
    Land(usize, Vec<u8>),
    Settle(usize),
    Pass,
    PutBack(u64),
    /// Changes with this routing key are from now on tried apart.
    Suspect(u8),
    /// This node's share is the subjects of this mask, which may come while a page is being read.
    Hold(u8, bool),
}

/// The slot of changes that are tried apart, behind those of the lanes.
const TRIAL: usize = LANES;

impl World {
    fn new() -> Self {
        Self {
            dealer: Dealer::new(BOUNDS),
            unsettled: BTreeMap::new(),
            last: 0,
            flights: vec![None; LANES + 1],
            receipts: Vec::new(),
            now: Instant::now(),
            confirmed: HashMap::new(),
            flying: BTreeSet::new(),
        }
    }

    fn append(&mut self, subject: i64) {
        self.last += 1;
        self.unsettled.insert(self.last, subject);
    }

    /// True where something was read.
    fn read(&mut self) -> bool {
        self.read_while(|_| ())
    }

    fn read_while(&mut self, meanwhile: impl FnOnce(&mut Dealer)) -> bool {
        let Some(reading) = self.dealer.reading(Position(self.last)) else {
            meanwhile(&mut self.dealer);
            return false;
        };
        let after =
            self.unsettled.range(reading.after.0 + 1..).filter(|(_, subject)| reading.parts.hold(**subject));
        let page = after.take(reading.limit).map(|(position, subject)| entry(*position, *subject)).collect();
        meanwhile(&mut self.dealer);
        self.dealer.admit(reading, page);
        assert!(self.dealer.held <= BOUNDS.held, "{} held", self.dealer.held);
        for line in self.dealer.lines.values() {
            // One more for the change that was in flight and came back.
            assert!(line.waiting.len() <= BOUNDS.line + 1);
        }
        true
    }

    fn launch(&mut self, lane: usize) -> bool {
        if self.flights[lane].is_some() {
            return false;
        }
        let batch = match lane {
            TRIAL => self.dealer.trial().into_iter().collect(),
            _ => self.dealer.batch(usize::MAX),
        };
        for entry in &batch {
            assert!(self.flying.insert(entry.subject_ref), "two of one subject in flight");
            let again = self.receipts.iter().any(|(position, _)| *position == entry.position.0);
            assert!(!again, "{} published again while its receipt waits", entry.position);
        }
        assert!(batch.len() <= BOUNDS.window);
        // One more may have begun below the bound.
        assert!(batch.iter().skip(1).map(|entry| entry.body.len()).sum::<usize>() <= BOUNDS.load);
        let some = !batch.is_empty();
        self.flights[lane] = some.then_some(batch);
        some
    }

    fn land(&mut self, lane: usize, answers: &[u8]) -> bool {
        let Some(batch) = self.flights[lane].take() else { return false };
        for (index, entry) in batch.into_iter().enumerate() {
            let subject = entry.subject_ref;
            self.flying.remove(&subject);
            match answers.get(index).copied().unwrap_or(2) {
                0 => {
                    let wait = Duration::from_secs(u64::from(self.dealer.refusals(subject)) + 1);
                    self.dealer.refused(entry, self.now + wait);
                }
                1 => self.dealer.unanswered(entry),
                _ => {
                    self.dealer.confirmed(&entry);
                    self.dealer.cleared(&entry.routing_key);
                    self.confirmed.entry(subject).or_default().push(entry.position.0);
                    self.receipts.push((entry.position.0, subject));
                }
            }
        }
        true
    }

    fn settle(&mut self, most: usize) -> bool {
        let count = most.min(self.receipts.len());
        for (position, subject) in self.receipts.drain(..count) {
            self.unsettled.remove(&position);
            self.dealer.settled(subject);
        }
        count > 0
    }

    fn pass(&mut self) -> bool {
        let Some(due) = self.dealer.next_due() else { return false };
        self.now = self.now.max(due);
        self.dealer.wake(self.now);
        true
    }

    fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Append(subject) => self.append(subject),
            Turn::Read => drop(self.read()),
            Turn::Launch(lane) => drop(self.launch(lane)),
            Turn::Land(lane, answers) => drop(self.land(lane, &answers)),
            Turn::Settle(most) => drop(self.settle(most)),
            Turn::Pass => drop(self.pass()),
            Turn::PutBack(position) => self.put_back(position),
            Turn::Hold(mask, false) => self.dealer.hold(share(mask)),
            Turn::Hold(mask, true) => drop(self.read_while(|dealer| dealer.hold(share(mask)))),
            Turn::Suspect(key) => self.dealer.suspect(&format!("key-{key}")),
        }
    }

    fn put_back(&mut self, position: u64) {
        let known = self.confirmed.iter().find(|(_, all)| all.contains(&position));
        if let Some(subject) = known.map(|(subject, _)| *subject) {
            self.unsettled.insert(position, subject);
        }
        self.dealer.look_again();
    }

    /// Everything goes well from now on, until nothing happens any more.
    fn finish(&mut self) {
        self.dealer.hold(Parts::ALL);
        for _ in 0..10_000 {
            let mut busy = self.read() | self.settle(usize::MAX) | self.pass();
            for lane in 0..=TRIAL {
                busy |= self.launch(lane);
                busy |= self.land(lane, &[]);
            }
            if !busy {
                return;
            }
        }
        panic!("it never comes to rest: {:?}", self.dealer);
    }
}

/// The subjects of a mask; there are eight.
fn share(mask: u8) -> Parts {
    Parts::of((0..8).filter(|subject| mask & (1 << subject) != 0))
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        // Subject 0 is a busy one.
        6 => prop_oneof![2 => Just(0_i64), 3 => 0..8_i64].prop_map(Turn::Append),
        4 => Just(Turn::Read),
        4 => (0..=TRIAL).prop_map(Turn::Launch),
        4 => (0..=TRIAL, prop::collection::vec(0..6_u8, 0..4)).prop_map(|(lane, a)| Turn::Land(lane, a)),
        2 => (1..6_usize).prop_map(Turn::Settle),
        2 => Just(Turn::Pass),
        1 => (0..3_u8).prop_map(Turn::Suspect),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(mask, reading)| Turn::Hold(mask, reading)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_missing_nothing_comes_twice_and_order_holds(turns in prop::collection::vec(turn(), 0..300)) {
        let mut world = World::new();
        let mut appended: HashMap<i64, Vec<u64>> = HashMap::new();
        for turn in turns {
            if let Turn::Append(subject) = turn {
                appended.entry(subject).or_default().push(world.last + 1);
            }
            world.take(turn);
        }
        world.finish();
        prop_assert_eq!(world.unsettled.len(), 0);
        // One confirm for each, in order: silence and refusals are no confirms.
        prop_assert_eq!(&world.confirmed, &appended);
        prop_assert!(world.dealer.lines.is_empty() && world.dealer.wanted.is_empty(), "{:?}", world.dealer);
        prop_assert_eq!((world.dealer.held, world.dealer.bytes), (0, 0));
    }

    #[test]
    fn what_an_operator_puts_back_goes_out_again(
        turns in prop::collection::vec(turn(), 0..200),
        back in prop::collection::vec(1..60_u64, 1..12),
    ) {
        let mut world = World::new();
        for turn in turns {
            world.take(turn);
        }
        for position in back {
            world.take(Turn::PutBack(position));
            world.take(Turn::Read);
        }
        // One look sees one page, and leaves alone what is behind a change of its subject that is under way; looks
        // come again every few seconds.
        for _ in 0..12 {
            world.finish();
            world.dealer.look_again();
        }
        prop_assert_eq!(world.unsettled.len(), 0);
    }
}

#[test]
fn a_parked_subject_holds_up_no_other_and_keeps_one_change_in_memory() {
    let mut world = World::new();
    for subject in [1, 1, 1, 2, 2] {
        world.append(subject);
    }
    while world.read() {}
    // Both subjects' first changes, of which the first one's is refused.
    assert!(world.launch(0));
    assert!(world.land(0, &[0]));
    assert_eq!(world.dealer.lines[&1].waiting.len(), 1);
    assert!(world.launch(0));
    assert!(world.land(0, &[]));
    assert_eq!(world.confirmed[&2], [4, 5]);
    assert!(!world.launch(1), "parked until it is due");
    world.finish();
    assert_eq!(world.confirmed[&1], [1, 2, 3]);
}

#[test]
fn with_too_many_parked_nothing_new_is_read_until_some_are_due() {
    let mut world = World::new();
    for subject in 0..4 {
        world.append(subject * 2);
    }
    while world.read() {}
    for _ in 0..2 {
        world.launch(0);
        world.land(0, &[0, 0, 0]);
    }
    assert!(world.dealer.parked.len() >= BOUNDS.parked);
    world.append(99);
    assert!(!world.read());
    assert!(world.pass());
    while world.dealer.parked.len() >= BOUNDS.parked {
        assert!(world.pass());
    }
    assert!(world.read());
    world.finish();
    assert_eq!(world.unsettled.len(), 0);
}

#[test]
fn changes_of_a_suspect_routing_key_are_tried_apart_until_one_is_answered() {
    let mut world = World::new();
    // Subjects 0, 3 and 6 share a routing key.
    for subject in [0, 3, 6, 1] {
        world.append(subject);
    }
    world.dealer.suspect("key-0");
    while world.read() {}
    for lane in 0..LANES {
        if world.launch(lane) {
            world.land(lane, &[]);
        }
    }
    assert_eq!(world.confirmed.keys().collect::<Vec<_>>(), [&1]);
    assert!(world.launch(TRIAL) && !world.launch(TRIAL), "one at a time");
    world.land(TRIAL, &[]);
    assert!(!world.launch(TRIAL), "cleared, the others go with all again");
    world.finish();
    assert_eq!(world.unsettled.len(), 0);
}

#[test]
fn one_huge_change_passes_and_nothing_is_read_beside_it() {
    let mut dealer = Dealer::new(BOUNDS);
    let huge = |position| Entry { body: "x".repeat(BOUNDS.bytes * 2), ..entry(position, position as i64) };
    let reading = dealer.reading(Position(3)).unwrap();
    dealer.admit(reading, vec![huge(1), huge(2), huge(3)]);
    assert_eq!(dealer.held, 1);
    assert_eq!(dealer.reading(Position(3)), None);
    let batch = dealer.batch(10);
    assert_eq!(batch.len(), 1);
    dealer.confirmed(&batch[0]);
    dealer.settled(1);
    let next = dealer.reading(Position(3)).unwrap();
    assert_eq!((next.after, next.limit), (Position(1), 1), "large bodies are read one by one");
}
