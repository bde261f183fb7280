//! The states that the writer keeps in memory: each found by one look, in two generations so that memory stays bounded.

use std::hash::Hash;

use hashbrown::{Equivalent, HashMap};

use crate::base::{AccountId, Subject, limits};
use crate::signing::State;

use super::Error;

pub(super) type Key = (AccountId, Subject);

/// A subject's short number and state, and the number of its newest delivery: the line of all begins there.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    pub(super) reference: i64,
    pub(super) state: State,
    pub(super) last_delivery: i64,
    /// Its key, for as long as it has no row.
    pub(super) begun: Option<Key>,
    /// Whether the present transaction changed it.
    changed: bool,
}

impl Held {
    /// One that has a row.
    pub(super) fn stored(reference: i64, state: State, last_delivery: i64) -> Self {
        Self { reference, state, last_delivery, ..Self::default() }
    }

    /// One that has none yet.
    pub(super) fn begun(reference: i64, key: Key) -> Self {
        Self { reference, begun: Some(key), ..Self::default() }
    }
}

/// A key that is asked for: as [`Key`], but not owned.
#[derive(Hash)]
struct Asked<'a>(&'a AccountId, &'a Subject);

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, (account, subject): &Key) -> bool {
        self.1 == subject && self.0 == account
    }
}

#[derive(Debug, Default)]
struct Generation {
    places: HashMap<Key, usize>,
    held: Vec<Held>,
}

impl Generation {
    fn place(&self, account: &AccountId, subject: &Subject) -> Option<usize> {
        self.places.get(&Asked(account, subject)).copied()
    }

    fn put(&mut self, key: Key, held: Held) -> usize {
        let place = self.held.len();
        self.held.push(held);
        self.places.insert(key, place);
        place
    }
}

/// Where a state is, until the next turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(usize);

/// What is in memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    young: Generation,
    /// About how much `young` holds: each state counts, and each of its participants, whenever it is written.
    weight: usize,
    old: Generation,
    /// What the present transaction changed: places among the young, in the order of their first change.
    changed: Vec<usize>,
}

impl Memory {
    pub(super) fn is_empty(&self) -> bool {
        self.young.held.is_empty() && self.old.held.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// A state for a look at it: it grows no younger.
    pub(super) fn get(&self, account: &AccountId, subject: &Subject) -> Option<&Held> {
        let within = |generation: &'_ Generation| generation.place(account, subject);
        within(&self.young)
            .map(|place| &self.young.held[place])
            .or_else(|| within(&self.old).map(|place| &self.old.held[place]))
    }

    /// Where a state is that will be asked for again; none where it is not in memory.
    pub(super) fn find(&mut self, account: &AccountId, subject: &Subject) -> Option<Place> {
        if let Some(place) = self.young.place(account, subject) {
            return Some(Place(place));
        }
        let (key, place) = self.old.places.remove_entry(&Asked(account, subject))?;
        let held = std::mem::take(&mut self.old.held[place]);
        Some(self.put(key, held))
    }

    pub(super) fn put(&mut self, key: Key, held: Held) -> Place {
        Place(self.young.put(key, held))
    }

    /// A state to be changed: it is written with the present transaction.
    pub(super) fn change(&mut self, Place(place): Place) -> &mut Held {
        let held = &mut self.young.held[place];
        if !std::mem::replace(&mut held.changed, true) {
            self.changed.push(place);
        }
        held
    }

    /// How many states the present transaction changed.
    pub(super) fn changed(&self) -> usize {
        self.changed.len()
    }

    /// Writes each state that was changed, once.
    pub(super) fn write_changed(
        &mut self,
        mut write: impl FnMut(&mut Held) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for place in self.changed.drain(..) {
            let held = &mut self.young.held[place];
            held.changed = false;
            self.weight += 1 + held.state.participant_count();
            write(held)?;
        }
        Ok(())
    }

    /// Whether it is time for another generation.
    pub(super) fn is_full(&self) -> bool {
        self.weight >= limits::STORE_CACHE_MAX / 2
    }

    /// Begins another generation: what was not asked for since the last turn is forgotten.
    pub(super) fn turn(&mut self) {
        self.old = std::mem::take(&mut self.young);
        self.weight = 0;
    }
}

#[cfg(test)]
mod tests {
    use crate::base::SigningRequestId;

    use super::*;

    fn key(number: i64) -> Key {
        let id = SigningRequestId::new(&number.to_string());
        (AccountId::new("one"), Subject::SigningRequest(id))
    }

    fn holding(numbers: &[i64]) -> Memory {
        let mut memory = Memory::default();
        for number in numbers {
            memory.put(key(*number), Held::stored(*number, State::default(), 0));
        }
        memory
    }

    fn find(memory: &mut Memory, number: i64) -> Option<Place> {
        let (account, subject) = key(number);
        memory.find(&account, &subject)
    }

    fn reference(memory: &Memory, number: i64) -> Option<i64> {
        let (account, subject) = key(number);
        memory.get(&account, &subject).map(|held| held.reference)
    }

    #[test]
    fn what_is_asked_for_outlives_a_turn_and_the_rest_is_forgotten_with_the_next() {
        let mut memory = holding(&[1, 2, 3]);
        memory.turn();
        let place = find(&mut memory, 2).unwrap();
        assert_eq!(memory.change(place).reference, 2);
        assert_eq!([1, 2, 3, 4].map(|number| reference(&memory, number)), [Some(1), Some(2), Some(3), None]);
        memory.write_changed(|_| Ok(())).unwrap();
        memory.turn();
        assert_eq!([1, 2, 3].map(|number| reference(&memory, number)), [None, Some(2), None]);
        assert!(find(&mut memory, 1).is_none());
    }

    #[test]
    fn what_a_transaction_changed_is_written_once_in_the_order_of_its_first_change() {
        let mut memory = holding(&[1, 2, 3]);
        for number in [3, 1, 3, 1] {
            let place = find(&mut memory, number).unwrap();
            memory.change(place).state.sequence += 1;
        }
        let mut written = Vec::new();
        for _ in 0..2 {
            let write = |held: &mut Held| {
                written.push((held.reference, held.state.sequence));
                Ok(())
            };
            memory.write_changed(write).unwrap();
        }
        assert_eq!(written, [(3, 2), (1, 2)]);
    }
}
