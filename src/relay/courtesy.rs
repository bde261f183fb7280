//! How the relay yields to deliveries: while they come it publishes in turns. Where many come, or a backlog goes out besides, it
//! rests between turns, so that the store, the broker and the cores they share are free for answers most of the time. Where few
//! come and nothing else waits, small turns without rests keep each of the broker's bursts short: answers wait for those too.
//!
//! As much as came meanwhile is published without a rest once it fills a batch: so what comes never outruns what goes, and a
//! backlog shrinks in the turns besides. No clock of its own.

use std::time::Duration;

use tokio::time::Instant;

use crate::base::{Position, limits};

#[derive(Debug)]
pub(super) struct Courtesy {
    /// The newest change that was seen.
    newest: Position,
    /// When a newer one was last seen.
    came_at: Option<Instant>,
    /// Changes that came and were not matched by as many published.
    owed: usize,
    /// Whether what is out is of a backlog, and not only of what came.
    backlog: bool,
    rest_until: Option<Instant>,
}

impl Courtesy {
    /// What the store holds up to `newest` is a backlog.
    pub(super) fn new(newest: Position) -> Self {
        Self { newest, came_at: None, owed: 0, backlog: false, rest_until: None }
    }

    /// Takes note of how far the store has come.
    pub(super) fn see(&mut self, newest: Position, now: Instant) {
        let came = newest.0.saturating_sub(self.newest.0);
        if came > 0 {
            (self.newest, self.came_at) = (newest, Some(now));
            let came = usize::try_from(came).unwrap_or(usize::MAX);
            // More than that is a backlog as any other.
            self.owed = self.owed.saturating_add(came).min(limits::RELAY_HELD_MAX);
        }
    }

    /// How many changes may set out now.
    pub(super) fn room(&self, now: Instant) -> usize {
        let yields = self.came_at.is_some_and(|at| now.saturating_duration_since(at) < limits::RELAY_YIELD);
        if !yields || self.owed >= limits::RELAY_WINDOW {
            return usize::MAX;
        }
        let rests = self.rest_until.is_some_and(|until| now < until);
        if rests { 0 } else { self.owed.max(limits::RELAY_TURN) }
    }

    /// So many set out. Where they are not back soon, others do not wait for them: one queue may be slow.
    pub(super) fn set_out(&mut self, count: usize, now: Instant) {
        self.backlog |= count > self.owed.max(limits::RELAY_FEW);
        self.owed = self.owed.saturating_sub(count);
        self.rest_until = Some(now + limits::RELAY_REST_MAX);
    }

    /// A batch is back after so long. What came meanwhile has been seen.
    pub(super) fn back(&mut self, took: Duration, now: Instant) {
        let rests = std::mem::take(&mut self.backlog) || self.owed >= limits::RELAY_FEW;
        let rest = took.saturating_mul(limits::RELAY_REST).min(limits::RELAY_REST_MAX);
        self.rest_until = rests.then(|| now + rest);
    }

    /// When the rest ends, while it lasts.
    pub(super) fn rest_until(&self, now: Instant) -> Option<Instant> {
        self.rest_until.filter(|_| self.room(now) == 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: usize = limits::RELAY_WINDOW;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// A store with a backlog, and one more change that just came.
    fn visited(now: Instant) -> Courtesy {
        let mut courtesy = Courtesy::new(Position(100_000));
        courtesy.see(Position(100_001), now);
        courtesy
    }

    #[test]
    fn a_backlog_goes_out_without_a_rest_while_nothing_comes() {
        let now = Instant::now();
        let mut courtesy = Courtesy::new(Position(100_000));
        for _ in 0..10 {
            courtesy.see(Position(100_000), now);
            assert_eq!(courtesy.room(now), usize::MAX);
            courtesy.set_out(WINDOW, now);
            courtesy.back(ms(5), now);
            assert_eq!(courtesy.rest_until(now), None);
        }
    }

    #[test]
    fn while_deliveries_come_a_backlog_goes_out_in_turns_with_rests_twice_as_long_as_each_took() {
        let now = Instant::now();
        let mut courtesy = visited(now);
        assert_eq!(courtesy.room(now), limits::RELAY_TURN);
        courtesy.set_out(limits::RELAY_TURN, now);
        assert_eq!(courtesy.room(now + ms(4)), 0, "while the turn is under way");
        courtesy.back(ms(4), now + ms(4));
        assert_eq!(courtesy.rest_until(now + ms(4)), Some(now + ms(12)));
        assert_eq!(courtesy.room(now + ms(11)), 0);
        assert_eq!(courtesy.room(now + ms(12)), limits::RELAY_TURN);
        assert_eq!(courtesy.rest_until(now + ms(12)), None);
    }

    #[test]
    fn without_a_backlog_it_rests_where_many_come_during_a_turn_and_not_where_few_do() {
        let now = Instant::now();
        let mut courtesy = visited(now);
        courtesy.set_out(1, now);
        let few = 100_000 + limits::RELAY_FEW as u64;
        courtesy.see(Position(few), now + ms(4));
        assert_eq!(courtesy.room(now + ms(4)), 0, "while the turn is under way");
        courtesy.back(ms(4), now + ms(4));
        assert_eq!(courtesy.rest_until(now + ms(4)), None);
        assert_eq!(courtesy.room(now + ms(4)), limits::RELAY_TURN);
        courtesy.set_out(limits::RELAY_FEW - 1, now + ms(4));
        courtesy.see(Position(few + limits::RELAY_FEW as u64), now + ms(8));
        courtesy.back(ms(4), now + ms(8));
        assert_eq!(courtesy.rest_until(now + ms(8)), Some(now + ms(16)));
    }

    #[test]
    fn once_no_more_come_the_rest_is_over() {
        let now = Instant::now();
        let mut courtesy = visited(now);
        courtesy.see(Position(100_001 + limits::RELAY_FEW as u64), now);
        let last = now + limits::RELAY_YIELD;
        courtesy.back(ms(9), last - ms(1));
        assert_eq!(courtesy.room(last - ms(1)), 0);
        assert_eq!(courtesy.room(last), usize::MAX);
    }

    #[test]
    fn a_batch_that_is_not_answered_holds_up_the_others_no_longer_than_the_longest_rest() {
        let now = Instant::now();
        let mut courtesy = visited(now);
        courtesy.set_out(1, now);
        assert_eq!(courtesy.rest_until(now), Some(now + limits::RELAY_REST_MAX));
        courtesy.see(Position(100_002), now + limits::RELAY_REST_MAX);
        assert_eq!(courtesy.room(now + limits::RELAY_REST_MAX), limits::RELAY_TURN);
    }

    #[test]
    fn as_much_as_came_meanwhile_goes_out_in_the_next_turn_and_at_once_when_it_fills_a_batch() {
        let now = Instant::now();
        let mut courtesy = visited(now);
        courtesy.set_out(limits::RELAY_TURN, now);
        courtesy.see(Position(100_101), now);
        courtesy.back(ms(5), now);
        assert_eq!(courtesy.room(now), 0);
        assert_eq!(courtesy.room(now + ms(10)), 100);
        courtesy.see(Position(100_001 + WINDOW as u64), now);
        assert_eq!(courtesy.room(now), usize::MAX);
    }

    proptest! {
        /// Deliveries that never end are matched by as many published changes, whatever their rate and the broker's pace.
        #[test]
        fn what_comes_never_outruns_what_goes(rate in 1_u64..20, took in 1_u64..30) {
            let start = Instant::now();
            let mut courtesy = Courtesy::new(Position(0));
            let (mut came, mut gone, mut back_at) = (0, 0_usize, None);
            for millisecond in 1..2_000 {
                let now = start + ms(millisecond);
                came += rate;
                courtesy.see(Position(came), now);
                if back_at == Some(millisecond) {
                    back_at = None;
                    courtesy.back(ms(took), now);
                }
                // One lane alone, which is out until its batch is back.
                if back_at.is_none() {
                    let count = courtesy.room(now).min(WINDOW);
                    if count > 0 {
                        courtesy.set_out(count, now);
                        gone += count;
                        back_at = Some(millisecond + took);
                    }
                }
            }
            // What one lane can do at all, or all that came but for what came during the last turns.
            let able = WINDOW * usize::try_from(1_900 / (took + 1)).unwrap();
            let came = usize::try_from(came).unwrap();
            prop_assert!(gone + 2 * WINDOW >= came.min(able), "{gone} of {came}, able to {able}");
        }
    }
}
