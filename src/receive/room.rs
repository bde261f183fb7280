//! Room for deliveries: how many may be under way, and how many bytes they may hold in memory and in the spool.
//!
//! Of each there is an amount that all sources share and beside it an amount of each source's own, which nobody else
//! can take. So what is held is bounded in all, and a flood at some sources leaves every other one its own. Nobody
//! waits for room: where there is none, a delivery is refused, and comes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::limits;

/// What there is a bounded amount of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Deliveries under way.
    Deliveries,
    /// Bytes in memory.
    Memory,
    /// Bytes in the spool.
    Spool,
}

/// What is left of each kind.
#[derive(Debug)]
struct Left([AtomicU64; 3]);

impl Left {
    /// Takes `wanted`, or as much of it as there is; how much.
    fn take(&self, kind: Kind, wanted: u64) -> u64 {
        let mut taken = 0;
        let left = &self.0[kind as usize];
        let take = |left: u64| {
            taken = left.min(wanted);
            Some(left - taken)
        };
        // The closure always gives a value, so this cannot fail.
        let _ = left.fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        taken
    }

    fn give_back(&self, kind: Kind, amount: u64) {
        self.0[kind as usize].fetch_add(amount, Ordering::AcqRel);
    }
}

/// An amount of each kind; cheap to clone. One is shared by all sources, and each source has one of its own.
#[derive(Debug, Clone)]
pub struct Room(Arc<Left>);

impl Room {
    /// Room for so many deliveries, bytes in memory and bytes in the spool.
    pub fn of(deliveries: u64, memory: u64, spool: u64) -> Self {
        Self(Arc::new(Left([deliveries.into(), memory.into(), spool.into()])))
    }

    /// What all sources share, where a delivery may have `body_bytes_max` bytes: a few of the largest always fit.
    pub fn shared(body_bytes_max: u64) -> Self {
        let spool = limits::SPOOL_BYTES_MAX.max(body_bytes_max.saturating_mul(2));
        Self::of(limits::DELIVERIES_MAX, limits::HELD_BYTES_MAX, spool)
    }

    /// What one source has of its own.
    pub(super) fn own() -> Self {
        Self::of(limits::OWN_DELIVERIES, limits::OWN_HELD_BYTES, limits::OWN_SPOOL_BYTES)
    }

    #[cfg(test)]
    fn left(&self) -> [u64; 3] {
        self.0.0.each_ref().map(|left| left.load(Ordering::Acquire))
    }
}

/// What one delivery holds of its source's own room and of the shared one; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Hold {
    rooms: [Room; 2],
    taken: [[u64; 3]; 2],
}

impl Hold {
    /// Lets a delivery begin; none where too many are under way.
    pub(super) fn begin(own: &Room, shared: &Room) -> Option<Self> {
        let mut hold = Self { rooms: [own.clone(), shared.clone()], taken: [[0; 3]; 2] };
        hold.set(Kind::Deliveries, 1).then_some(hold)
    }

    /// Holds `amount` from now on, whatever it was before; false, and nothing more than before, where there is no
    /// room for it.
    pub(super) fn set(&mut self, kind: Kind, amount: u64) -> bool {
        let held: u64 = self.taken.iter().map(|taken| taken[kind as usize]).sum();
        if amount < held {
            self.give_back(kind, held - amount);
            return true;
        }
        let mut missing = amount - held;
        // Its own first: what is shared is left to those who have used up theirs.
        for (room, taken) in self.rooms.iter().zip(&mut self.taken) {
            let got = room.0.take(kind, missing);
            taken[kind as usize] += got;
            missing -= got;
        }
        if missing > 0 {
            self.give_back(kind, amount - held - missing);
        }
        missing == 0
    }

    /// Gives some back, of what is shared first.
    fn give_back(&mut self, kind: Kind, mut amount: u64) {
        for (room, taken) in self.rooms.iter().zip(&mut self.taken).rev() {
            let back = amount.min(taken[kind as usize]);
            taken[kind as usize] -= back;
            amount -= back;
            room.0.give_back(kind, back);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        for kind in [Kind::Deliveries, Kind::Memory, Kind::Spool] {
            self.set(kind, 0);
        }
    }
}

// The store's queue has a place for every delivery that may be under way, of all sources together, and some for the
// flows: one source can fill its own room and the shared one, but never the queue.
const _: () = assert!(
    limits::DELIVERIES_MAX + limits::OWN_DELIVERIES * limits::SOURCES_MAX as u64
        <= limits::STORE_QUEUE_MAX as u64 - 256
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whoever_fills_the_shared_room_leaves_the_others_their_own() {
        let (shared, a, b) = (Room::of(3, 100, 0), Room::of(1, 10, 0), Room::of(1, 10, 0));
        let mut flood: Vec<Hold> = std::iter::from_fn(|| Hold::begin(&a, &shared)).collect();
        assert_eq!(flood.len(), 4);
        let filled: Vec<bool> = flood.iter_mut().map(|hold| hold.set(Kind::Memory, 50)).collect();
        assert_eq!(filled, [true, true, false, false], "110 bytes are within reach of `a`");
        assert!(flood[2].set(Kind::Memory, 10), "what was refused took nothing");
        let mut other = Hold::begin(&b, &shared).expect("room of its own");
        assert!(other.set(Kind::Memory, 10) && !other.set(Kind::Memory, 11));
        assert!(Hold::begin(&b, &shared).is_none());
        drop(flood);
        assert!(other.set(Kind::Memory, 110) && Hold::begin(&b, &shared).is_some());
        drop(other);
        assert_eq!((shared.left(), a.left(), b.left()), ([3, 100, 0], [1, 10, 0], [1, 10, 0]));
    }

    proptest! {
        #[test]
        fn whatever_is_taken_and_refused_all_of_it_comes_back(steps in prop::collection::vec((0_usize..6, 0_usize..3, 0_u64..40), 0..60)) {
            let (shared, owns) = (Room::of(3, 60, 60), [Room::of(1, 10, 10), Room::of(1, 10, 10)]);
            let mut holds: Vec<Option<Hold>> = (0..6).map(|_| None).collect();
            for (which, kind, amount) in steps {
                let kind = [Kind::Deliveries, Kind::Memory, Kind::Spool][kind];
                match &mut holds[which] {
                    Some(hold) if kind != Kind::Deliveries => { hold.set(kind, amount); }
                    slot => *slot = Hold::begin(&owns[which % 2], &shared),
                }
                let of_all = |kind: Kind| holds.iter().flatten().flat_map(|hold| hold.taken).map(|taken| taken[kind as usize]).sum::<u64>();
                for kind in [Kind::Deliveries, Kind::Memory, Kind::Spool] {
                    let left: u64 = [&shared, &owns[0], &owns[1]].iter().map(|room| room.left()[kind as usize]).sum();
                    prop_assert_eq!(left + of_all(kind), [5, 80, 80][kind as usize]);
                }
            }
            drop(holds);
            prop_assert_eq!((shared.left(), owns[0].left(), owns[1].left()), ([3, 60, 60], [1, 10, 10], [1, 10, 10]));
        }
    }
}
