//! What the broker has said to a batch so far.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A batch's answers, written by the connection and read by the lane.
#[derive(Debug)]
pub(in crate::broker) struct Slip(Mutex<Answers>);

#[derive(Debug)]
struct Answers {
    /// The tag of the batch's first message; the others follow.
    first: u64,
    /// Of each message whether it was taken, once that is known.
    each: Vec<Option<bool>>,
    left: usize,
    /// Messages that came back, by their ids, and why.
    returned: HashMap<String, String>,
    /// The batch's frames once they are written, for the next batch to be written into.
    spent: Vec<u8>,
}

impl Slip {
    pub(in crate::broker) fn new(first: u64, count: usize) -> Self {
        let (each, returned) = (vec![None; count], HashMap::new());
        Self(Mutex::new(Answers { first, each, left: count, returned, spent: Vec::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a message was `taken` or not, or all up to it that had no answer yet; true once all are answered.
    pub(super) fn answer(&self, tag: u64, multiple: bool, taken: bool) -> bool {
        let answers = &mut *self.lock();
        // With `multiple`, zero stands for all.
        let upto = if tag == 0 && multiple { u64::MAX } else { tag };
        let known = (answers.each.len() as u64).min(upto.saturating_add(1).saturating_sub(answers.first));
        // Less than the length of a list.
        let upto = known as usize;
        let from = if multiple { 0 } else { upto.saturating_sub(1) };
        if multiple || upto as u64 + answers.first == tag.saturating_add(1) {
            for one in answers.each[from..upto].iter_mut().filter(|one| one.is_none()) {
                *one = Some(taken);
                answers.left -= 1;
            }
        }
        answers.left == 0
    }

    pub(super) fn came_back(&self, message_id: String, why: String) {
        self.lock().returned.insert(message_id, why);
    }

    /// Gives back the room that its frames took.
    pub(super) fn spent(&self, frames: Vec<u8>) {
        self.lock().spent = frames;
    }

    /// Room for other frames.
    pub(in crate::broker) fn room(&self) -> Vec<u8> {
        let mut room = std::mem::take(&mut self.lock().spent);
        room.clear();
        room
    }

    /// How many answers there are.
    pub(in crate::broker) fn count(&self) -> usize {
        let answers = self.lock();
        answers.each.len() - answers.left + answers.returned.len()
    }

    /// What was said to each, and which came back.
    pub(in crate::broker) fn read(&self) -> (Vec<Option<bool>>, HashMap<String, String>) {
        let answers = &mut *self.lock();
        (answers.each.clone(), std::mem::take(&mut answers.returned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_one_by_one_or_many_at_a_time_and_each_counts_once() {
        let slip = Slip::new(11, 5);
        assert!(!slip.answer(12, false, true));
        assert!(!slip.answer(12, false, false), "the first answer stands");
        assert!(!slip.answer(13, true, false));
        assert_eq!(slip.read().0, [Some(false), Some(true), Some(false), None, None]);
        assert!(slip.answer(0, true, true));
        assert_eq!(slip.read().0, [Some(false), Some(true), Some(false), Some(true), Some(true)]);
    }

    #[test]
    fn answers_to_other_batches_say_nothing() {
        let slip = Slip::new(11, 2);
        for (tag, multiple) in [(10, false), (10, true), (0, false), (13, false), (u64::MAX, false)] {
            assert!(!slip.answer(tag, multiple, true), "{tag}");
        }
        assert_eq!(slip.read().0, [None, None]);
        assert!(slip.answer(40, true, true));
    }
}
