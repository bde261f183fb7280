//! How far a run has come: which page comes next, and when there is none.
//!
//! First those whose status changed within the window, the oldest first. The next page begins at the time of the last
//! one seen, and not at a number: an envelope that changes while pages are read leaves its place, and all behind it would
//! move up past the border of a page. Then those that were modified, the newest first: a recipient can act without the
//! envelope's status changing.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::base::limits;
use crate::rest::{By, StatusChanges};

use super::flow::earlier;

/// An envelope of a page, as far as paging needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Times {
    pub(super) status_changed: Option<Timestamp>,
    pub(super) modified: Option<Timestamp>,
}

/// Where a run is.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    by: By,
    /// The window.
    window: (Timestamp, Timestamp),
    /// What the present pages begin at.
    from: Timestamp,
    start: u64,
    count: u32,
    /// The signing requests seen, for pages overlap.
    seen: HashSet<String>,
    pub(super) attempts: u32,
}

impl Cursor {
    pub(super) fn new(from: Timestamp, to: Timestamp, count: u32) -> Self {
        let (by, window, seen) = (By::StatusChanged, (from, to), HashSet::new());
        Self { by, window, from, start: 0, count, seen, attempts: 0 }
    }

    /// The page that comes next.
    pub(super) fn asks(&self) -> StatusChanges {
        let (_, to) = self.window;
        StatusChanges { by: self.by, from: self.from, to, start: self.start, count: self.count }
    }

    /// Whether it was seen on a page before.
    pub(super) fn has_seen(&self, id: &str) -> bool {
        self.seen.contains(id)
    }

    /// It was seen, and done with.
    pub(super) fn saw(&mut self, id: &str) {
        if self.seen.len() >= limits::RECONCILE_SEEN_MAX {
            // What is then looked at twice is found to be known.
            self.seen.clear();
        }
        self.seen.insert(id.to_owned());
    }

    /// After a page; false where it was the last.
    pub(super) fn moves_on(&mut self, page: &[Times], more: bool) -> bool {
        self.attempts = 0;
        match self.by {
            By::StatusChanged if more => {
                self.go_behind(page);
                true
            }
            By::StatusChanged => {
                let life = limits::RECONCILE_LIFE_MAX;
                (self.by, self.from, self.start) = (By::Modified, earlier(self.window.0, life), 0);
                true
            }
            By::Modified => {
                // The newest come first: behind one from before the window there are only older ones.
                let older = |times: &Times| times.modified.is_some_and(|at| at < self.window.0);
                self.start += page.len() as u64;
                more && !page.iter().any(older)
            }
        }
    }

    /// Begins the next page at the time of the last one of this; by number only where times do not lead on: all of the
    /// page are of one moment, or they are not in the order that was asked for.
    fn go_behind(&mut self, page: &[Times]) {
        let times: Option<Vec<_>> = page.iter().map(|times| times.status_changed).collect();
        let last = times.filter(|times| times.is_sorted()).and_then(|times| times.last().copied());
        // A second before: nobody says how finely DocuSign compares.
        let next = last.map(|last| earlier(last, Duration::from_secs(1)));
        if let Some(next) = next.filter(|next| *next > self.from) {
            (self.from, self.start) = (next, 0);
        } else {
            // Some of the page once more, for those that moved up meanwhile.
            let rows = page.len() as u64;
            self.start += (rows - rows / 10).max(1);
        }
    }

    /// Takes smaller pages from now on; false where they are small already.
    pub(super) fn take_smaller(&mut self) -> bool {
        let smaller = self.count.min(limits::RECONCILE_PAGE_SMALL);
        std::mem::replace(&mut self.count, smaller) > smaller
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn changed(seconds: &[i64]) -> Vec<Times> {
        seconds.iter().map(|s| Times { status_changed: Some(at(*s)), modified: Some(at(*s)) }).collect()
    }

    fn modified(seconds: &[i64]) -> Vec<Times> {
        seconds.iter().map(|s| Times { status_changed: None, modified: Some(at(*s)) }).collect()
    }

    #[test]
    fn the_next_page_begins_at_the_time_of_the_last_one_seen() {
        let mut cursor = Cursor::new(at(0), at(100), 3);
        assert!(cursor.moves_on(&changed(&[5, 9, 20]), true));
        assert_eq!((cursor.asks().from, cursor.asks().start, cursor.asks().to), (at(19), 0, at(100)));
    }

    #[test]
    fn a_page_of_one_moment_or_in_no_order_is_followed_by_number_with_an_overlap() {
        for page in [
            changed(&[1; 20]),
            changed(&[50, 7, 9, 8, 3, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74]),
        ] {
            let mut cursor = Cursor::new(at(0), at(100), 20);
            assert!(cursor.moves_on(&page, true));
            assert_eq!((cursor.asks().from, cursor.asks().start), (at(0), 18), "{page:?}");
        }
    }

    #[test]
    fn those_modified_come_next_until_one_is_from_before_the_window() {
        let mut cursor = Cursor::new(at(0), at(100), 2);
        assert!(cursor.moves_on(&changed(&[5]), false));
        assert_eq!((cursor.asks().by, cursor.asks().start), (By::Modified, 0));
        assert!(cursor.moves_on(&modified(&[90, 80]), true));
        assert_eq!(cursor.asks().start, 2);
        assert!(!cursor.moves_on(&modified(&[70, -1]), true));
        assert!(!cursor.moves_on(&modified(&[70, 60]), false));
    }

    #[test]
    fn paging_ends_whatever_order_the_pages_come_in() {
        // However times stand, each page begins later or at a higher number.
        let mut cursor = Cursor::new(at(0), at(100), 2);
        for page in
            [changed(&[0, 0]), changed(&[0, 0]), modified(&[3, 2]), changed(&[1, 9]), changed(&[9, 9])]
        {
            let before = (cursor.asks().from, cursor.asks().start);
            assert!(cursor.moves_on(&page, true));
            let after = (cursor.asks().from, cursor.asks().start);
            assert!(after > before, "{before:?} {after:?}");
        }
    }
}
