//! The deliveries of one life in the order in which they are sent: messages, their duplicates, swapped ones and
//! forged ones.

use std::collections::VecDeque;

use crate::base::Dice;
use crate::simulator::connect::{Format, Message, Messages};
use crate::simulator::life::Life;

use super::spoil::Spoilt;

/// How many messages of a life are looked at ahead: one may be swapped with a later one among these, and a
/// duplicate comes after at most so many others.
const AHEAD: usize = 4;

/// The share of duplicates that come from a second configuration; the others are retries.
const SECOND_CONFIGURATIONS: f64 = 0.3;

/// How often something goes wrong, each from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// A message is sent once more.
    pub duplicate: f64,
    /// A message is sent after a later one of the same life.
    pub reorder: f64,
    /// Beside the message goes a forged one whose signature is wrong.
    pub bad_signature: f64,
    /// A message is never sent.
    pub drop: f64,
}

/// One delivery to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The message.
    pub message: Message,
    /// True for a copy of an earlier one.
    pub duplicate: bool,
    /// What is wrong with its signature, if anything.
    pub spoilt: Option<Spoilt>,
}

/// All deliveries of one life, lazily. Its dice are its own, so that they come out the same whoever sends them.
#[derive(Debug)]
pub struct Course {
    messages: Messages<Life>,
    ahead: VecDeque<Planned>,
    ready: VecDeque<Planned>,
    faults: Faults,
    dice: Dice,
}

impl Course {
    pub(super) fn new(life: Life, format: Format, faults: Faults, dice: Dice) -> Self {
        let messages = Messages::of(life, format);
        Self { messages, ahead: VecDeque::new(), ready: VecDeque::new(), faults, dice }
    }

    fn place(&self, bound: usize) -> usize {
        usize::try_from(self.dice.below(bound as u64)).unwrap_or(0)
    }

    fn look_ahead(&mut self) {
        while self.ahead.len() < AHEAD
            && let Some(message) = self.messages.next()
        {
            // Dice are thrown only where they decide: without this fault, traffic is what it is.
            if self.faults.drop > 0.0 && self.dice.chance(self.faults.drop) {
                continue;
            }
            self.ahead.push_back(Planned { message, duplicate: false, spoilt: None });
        }
    }
}

impl Iterator for Course {
    type Item = Planned;

    fn next(&mut self) -> Option<Planned> {
        if let Some(planned) = self.ready.pop_front() {
            return Some(planned);
        }
        self.look_ahead();
        if self.ahead.len() > 1 && self.dice.chance(self.faults.reorder) {
            let later = 1 + self.place(self.ahead.len() - 1);
            self.ahead.swap(0, later);
        }
        let planned = self.ahead.pop_front()?;
        if !planned.duplicate && self.dice.chance(self.faults.duplicate) {
            let mut copy = Planned { duplicate: true, ..planned.clone() };
            copy.message.second_configuration = self.dice.chance(SECOND_CONFIGURATIONS);
            copy.message.retry_count = u32::from(!copy.message.second_configuration);
            let after = self.place(self.ahead.len() + 1);
            self.ahead.insert(after, copy);
        }
        if self.dice.chance(self.faults.bad_signature) {
            let forged = Planned { spoilt: Some(Spoilt::drawn(&self.dice)), ..planned.clone() };
            self.ready.push_back(planned);
            return Some(forged);
        }
        Some(planned)
    }
}
