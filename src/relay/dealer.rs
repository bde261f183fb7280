//! Who goes next: deals changes read from the outbox to lanes, one at a time per subject, in bounded memory.
//!
//! No I/O and no clock of its own: the relay turns it, and so do tests. The next change of a subject goes only once the
//! one before it is confirmed, by whatever lane is free: were #1 refused and #2 taken, order would be lost.
//! What does not fit in memory is left in the store and remembered by the position of the first one left.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use tokio::time::Instant;

use crate::base::{Position, limits};
use crate::signing::Entry;
use crate::store::Parts;

/// How much the dealer may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Changes in one batch of a lane.
    pub(crate) window: usize,
    /// Bytes of their bodies; one change is taken whatever its size.
    pub(crate) load: usize,
    /// Changes read at a time.
    pub(crate) page: usize,
    /// Changes held.
    pub(crate) held: usize,
    /// Bytes of their bodies.
    pub(crate) bytes: usize,
    /// Changes held for one subject.
    pub(crate) line: usize,
    /// Subjects parked before nothing new is read.
    pub(crate) parked: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            window: limits::RELAY_WINDOW,
            load: limits::RELAY_BATCH_BYTES_MAX,
            page: limits::RELAY_PAGE,
            held: limits::RELAY_HELD_MAX,
            bytes: limits::RELAY_HELD_BYTES_MAX,
            line: limits::RELAY_LINE_MAX,
            parked: limits::RELAY_PARKED_MAX,
        }
    }
}

/// What to read from the outbox: `limit` changes of some parts after `after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) parts: Parts,
    pub(crate) after: Position,
    pub(crate) limit: usize,
    /// Everything up to here is visible to this reading.
    pub(crate) last: Position,
}

/// The changes of one subject that are held, in order.
#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Entry>,
    /// One is with the broker.
    flying: bool,
    /// Among those that are ready.
    queued: bool,
    /// Confirmed, but still unpublished in the store.
    unsettled: usize,
    /// The last one taken in.
    last: Position,
    /// The first one that did not fit.
    left: Option<Position>,
    /// As it stands among those that wait to be read.
    wanted: Option<Position>,
    /// Times in a row that the broker did not take the first one.
    refusals: u32,
    /// When it is to be tried again.
    due: Option<Instant>,
}

/// Deals changes to lanes.
#[derive(Debug)]
pub(crate) struct Dealer {
    bounds: Bounds,
    /// This node's share: subjects of other parts are other nodes'.
    parts: Parts,
    lines: HashMap<i64, Line>,
    /// Subjects with a change to publish.
    ready: VecDeque<i64>,
    /// Everything up to here was taken in or left.
    cursor: Position,
    /// Lines that have room again, by the first change that they left.
    wanted: BTreeSet<(Position, i64)>,
    parked: BTreeSet<(Instant, i64)>,
    held: usize,
    bytes: usize,
    /// Bytes of a typical body: large at first, so that the first page is small.
    typical: usize,
    look_again: bool,
    /// Routing keys whose changes the broker does not answer, so that they are tried apart from the others.
    suspects: HashSet<String>,
    /// Subjects whose next change has such a routing key.
    apart: VecDeque<i64>,
    /// The last page did not fit: nothing is read until something held is gone.
    choked: bool,
}

impl Dealer {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            parts: Parts::ALL,
            lines: HashMap::new(),
            ready: VecDeque::new(),
            cursor: Position::default(),
            wanted: BTreeSet::new(),
            parked: BTreeSet::new(),
            held: 0,
            bytes: 0,
            typical: bounds.bytes / 64,
            look_again: false,
            suspects: HashSet::new(),
            apart: VecDeque::new(),
            choked: false,
        }
    }

    /// What to read next, if there is room for it; `last` is the position of the newest change.
    pub(crate) fn reading(&mut self, last: Position) -> Option<Reading> {
        let room = self.bounds.held.saturating_sub(self.held);
        if self.parked.len() >= self.bounds.parked
            || (self.held > 0 && (room < self.bounds.page || self.choked))
        {
            return None;
        }
        let after = if let Some((left, _)) = self.wanted.first() {
            Position(left.0.saturating_sub(1))
        } else if std::mem::take(&mut self.look_again) {
            Position::default()
        } else if last > self.cursor {
            self.cursor
        } else {
            return None;
        };
        let bytes = self.bounds.bytes.saturating_sub(self.bytes);
        let limit = (bytes / self.typical.max(1)).clamp(1, self.bounds.page);
        Some(Reading { parts: self.parts, after, limit, last })
    }

    /// Asks for a look at the oldest unpublished changes, among which may be some that were put back.
    pub(crate) fn look_again(&mut self) {
        self.look_again = true;
    }

    /// This node's share is another now. What was gained is read from the beginning; what was lost is left to others,
    /// but for what is with the broker already.
    pub(crate) fn hold(&mut self, parts: Parts) {
        let gained = self.parts.missing(parts);
        self.parts = parts;
        if !gained.is_empty() {
            self.rewind();
        }
        let lost: Vec<i64> = self.lines.keys().copied().filter(|subject| !parts.hold(*subject)).collect();
        for subject in lost {
            self.give_up(subject);
        }
    }

    /// Reads all from the beginning again. What was left in the store comes by then; were it asked for first, a reading
    /// beyond the cursor would bring changes before those that precede them.
    fn rewind(&mut self) {
        self.cursor = Position::default();
        self.wanted.clear();
        let all: Vec<i64> = self.lines.keys().copied().collect();
        for subject in all {
            if let Some(line) = self.lines.get_mut(&subject) {
                (line.left, line.wanted) = (None, None);
            }
            self.review(subject);
        }
    }

    /// Drops what waits in a line. Should its part come back, it is read again.
    fn give_up(&mut self, subject: i64) {
        let Some(line) = self.lines.get_mut(&subject) else { return };
        if let Some(first) = line.waiting.front() {
            line.last = Position(first.position.0.saturating_sub(1));
        }
        let dropped =
            line.waiting.drain(..).fold((0, 0), |(n, bytes), entry| (n + 1, bytes + entry.body.len()));
        (line.left, line.refusals) = (None, 0);
        if let Some(due) = line.due.take() {
            self.parked.remove(&(due, subject));
        }
        self.released(dropped.0, dropped.1);
        self.review(subject);
    }

    /// Takes in what was read; in order, and only as much as there is room for.
    pub(crate) fn admit(&mut self, reading: Reading, page: Vec<Entry>) {
        if reading.after > self.cursor {
            // It was set out before a rewind.
            return;
        }
        if !page.is_empty() {
            self.typical = (page.iter().map(|entry| entry.body.len()).sum::<usize>() / page.len()).max(256);
        }
        let exhausted = page.len() < reading.limit;
        let mut upto = reading.after;
        // In the order of the page, which is the one to publish in: what is confirmed together is then settled together.
        let (mut met, mut seen, mut turned_away) = (Vec::new(), HashSet::new(), HashSet::new());
        self.choked = false;
        for entry in page {
            let (position, subject) = (entry.position, entry.subject_ref);
            if !self.take_in(reading.after, entry, &mut turned_away) {
                self.choked = true;
                break;
            }
            upto = position;
            if seen.insert(subject) {
                met.push(subject);
            }
        }
        if exhausted && !self.choked {
            upto = upto.max(reading.last);
        }
        self.serve(reading.after, upto, &turned_away);
        for subject in met {
            self.review(subject);
        }
        // One that was set out before a part was gained has not seen that one's changes.
        if reading.parts.missing(self.parts).is_empty() {
            self.cursor = self.cursor.max(upto);
        }
    }

    /// False where there is no room for it at all.
    fn take_in(&mut self, after: Position, entry: Entry, turned_away: &mut HashSet<i64>) -> bool {
        let subject = entry.subject_ref;
        if !self.parts.hold(subject) {
            return true;
        }
        if let Some(line) = self.lines.get_mut(&subject) {
            if entry.position <= line.last {
                return true;
            }
            // What follows the first one left must wait, unless this page holds that one too.
            let follows = line.left.is_some_and(|left| line.wanted != Some(left) || left <= after);
            if follows || turned_away.contains(&subject) {
                return true;
            }
            if line.refusals > 0 || line.waiting.len() >= self.bounds.line {
                line.left = Some(entry.position);
                turned_away.insert(subject);
                return true;
            }
        }
        let length = entry.body.len();
        let over = self.held >= self.bounds.held || self.bytes.saturating_add(length) > self.bounds.bytes;
        if over && self.held > 0 {
            return false;
        }
        self.held += 1;
        self.bytes += length;
        let line = self.lines.entry(subject).or_default();
        line.last = entry.position;
        line.waiting.push_back(entry);
        true
    }

    /// Lines that wanted what lies in the part just read have it now, or it is gone. Beyond that part there may be
    /// more, up to where the cursor has been.
    fn serve(&mut self, after: Position, upto: Position, turned_away: &HashSet<i64>) {
        let part = (Position(after.0.saturating_add(1)), i64::MIN)..=(upto, i64::MAX);
        if upto <= after {
            return;
        }
        let served: Vec<_> = self.wanted.range(part).map(|(_, subject)| *subject).collect();
        for subject in served {
            let more = (upto < self.cursor).then_some(Position(upto.0.saturating_add(1)));
            if let Some(line) = self.lines.get_mut(&subject).filter(|_| !turned_away.contains(&subject)) {
                line.left = more;
            }
            self.review(subject);
        }
    }

    /// The next batch: at most one change of each subject. Empty where nothing is ready.
    pub(crate) fn batch(&mut self, most: usize) -> Vec<Entry> {
        let most = most.min(self.bounds.window);
        let mut batch = Vec::with_capacity(most.min(self.ready.len()));
        let mut bytes = 0;
        while batch.len() < most && bytes < self.bounds.load {
            let Some(subject) = self.ready.pop_front() else { break };
            if self.is_suspect(subject) {
                self.apart.push_back(subject);
            } else if let Some(entry) = self.launched(subject) {
                bytes += entry.body.len();
                batch.push(entry);
            }
        }
        batch
    }

    /// The next change that is to be tried apart from the others.
    pub(crate) fn trial(&mut self) -> Option<Entry> {
        loop {
            let subject = self.apart.pop_front()?;
            if let Some(entry) = self.launched(subject) {
                return Some(entry);
            }
        }
    }

    fn launched(&mut self, subject: i64) -> Option<Entry> {
        let line = self.lines.get_mut(&subject)?;
        line.queued = false;
        if line.flying || line.due.is_some() {
            // Queued before it was given up and taken back.
            return None;
        }
        let entry = line.waiting.pop_front()?;
        line.flying = true;
        Some(entry)
    }

    fn is_suspect(&self, subject: i64) -> bool {
        let next = || self.lines.get(&subject)?.waiting.front();
        !self.suspects.is_empty() && next().is_some_and(|entry| self.suspects.contains(&entry.routing_key))
    }

    /// The broker does not answer changes of this routing key.
    pub(crate) fn suspect(&mut self, routing_key: &str) {
        if self.suspects.len() < self.bounds.parked {
            self.suspects.insert(routing_key.to_owned());
        }
    }

    /// It has answered one.
    pub(crate) fn cleared(&mut self, routing_key: &str) {
        if !self.suspects.is_empty() && self.suspects.remove(routing_key) {
            self.ready.append(&mut self.apart);
        }
    }

    /// The broker holds it. It stays on the books until it is settled.
    pub(crate) fn confirmed(&mut self, entry: &Entry) {
        self.bytes = self.bytes.saturating_sub(entry.body.len());
        if let Some(line) = self.lines.get_mut(&entry.subject_ref) {
            line.flying = false;
            line.refusals = 0;
            line.unsettled += 1;
        }
        self.review(entry.subject_ref);
    }

    /// The store has taken one of the subject's confirmed changes off the unpublished.
    pub(crate) fn settled(&mut self, subject: i64) {
        self.released(1, 0);
        if let Some(line) = self.lines.get_mut(&subject) {
            line.unsettled = line.unsettled.saturating_sub(1);
        }
        self.review(subject);
    }

    /// Nothing is known of it: it goes first in its line again.
    pub(crate) fn unanswered(&mut self, entry: Entry) {
        let subject = entry.subject_ref;
        let line = self.lines.entry(subject).or_default();
        line.flying = false;
        line.waiting.push_front(entry);
        if !self.parts.hold(subject) {
            self.give_up(subject);
        }
        self.review(subject);
    }

    /// How often in a row the broker did not take this subject's change.
    pub(crate) fn refusals(&self, subject: i64) -> u32 {
        self.lines.get(&subject).map_or(0, |line| line.refusals)
    }

    /// The broker did not take it: its subject is parked until `due`, holding nothing but this change.
    pub(crate) fn refused(&mut self, entry: Entry, due: Instant) {
        let subject = entry.subject_ref;
        let line = self.lines.entry(subject).or_default();
        line.flying = false;
        line.refusals = line.refusals.saturating_add(1);
        line.due = Some(due);
        if let Some(next) = line.waiting.front() {
            line.left = Some(next.position);
            line.last = entry.position;
        }
        let dropped =
            line.waiting.drain(..).fold((0, 0), |(n, bytes), entry| (n + 1, bytes + entry.body.len()));
        line.waiting.push_back(entry);
        self.parked.insert((due, subject));
        self.released(dropped.0, dropped.1);
        if !self.parts.hold(subject) {
            self.give_up(subject);
        }
        self.review(subject);
    }

    /// When the next parked subject is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.parked.first().map(|(due, _)| *due)
    }

    /// Parked subjects that are due get ready.
    pub(crate) fn wake(&mut self, now: Instant) {
        while let Some((due, subject)) = self.parked.first().copied().filter(|(due, _)| *due <= now) {
            self.parked.remove(&(due, subject));
            if let Some(line) = self.lines.get_mut(&subject) {
                line.due = None;
            }
            self.review(subject);
        }
    }

    fn released(&mut self, entries: usize, bytes: usize) {
        self.held = self.held.saturating_sub(entries);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.choked = false;
    }

    /// Puts a line where it belongs after a change: among the ready, among those that want more, or away.
    fn review(&mut self, subject: i64) {
        let Some(line) = self.lines.get_mut(&subject) else { return };
        let room = line.refusals == 0 && line.waiting.len() <= self.bounds.line / 4;
        let wants = line.left.filter(|_| room);
        if wants != line.wanted {
            if let Some(before) = line.wanted.take() {
                self.wanted.remove(&(before, subject));
            }
            self.wanted.extend(wants.map(|left| (left, subject)));
            line.wanted = wants;
        }
        if !line.waiting.is_empty() {
            if !line.queued && !line.flying && line.due.is_none() {
                line.queued = true;
                self.ready.push_back(subject);
            }
        } else if !line.flying && line.unsettled == 0 && line.left.is_none() {
            self.lines.remove(&subject);
        }
    }
}

#[cfg(test)]
mod tests;
