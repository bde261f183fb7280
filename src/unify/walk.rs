//! Walks lists that DocuSign gives by positions alone, so that what comes or goes meanwhile makes nothing appear twice
//! and hides nothing.
//!
//! A position says nothing once something was inserted before it. So a [`Place`] also names the last objects before it,
//! and each page is read from a little before its place: it goes on behind the one of them that is found.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Error, Item, Page};
use crate::base::limits;

/// A place in a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// So many objects of DocuSign's list came before it.
    #[serde(rename = "s")]
    pub start: u64,
    /// The ids of the last of those, the nearest first; of the first after it where the page before it is meant.
    #[serde(rename = "a")]
    pub anchors: Vec<String>,
    /// Whether the page before it is meant.
    #[serde(rename = "b", default)]
    pub back: bool,
}

/// One object as DocuSign tells it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Its id.
    pub(super) id: String,
    /// All that was told of it.
    pub(super) json: Box<RawValue>,
}

/// Some objects in a row of a list.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The objects.
    pub(super) rows: Vec<Row>,
    /// Whether there are more after them.
    pub(super) more: bool,
    /// The address of the account's API.
    pub(super) base: String,
}

/// A list that can be read from any position.
pub(super) trait Rows: Sync {
    /// At most so many objects from `start` on.
    fn window(&self, start: u64, count: usize) -> impl Future<Output = Result<Window, Error>> + Send;

    /// How many objects one call gives at most.
    fn most(&self) -> usize;
}

/// A list that was read as a whole.
pub(super) struct Whole {
    /// All its objects.
    pub(super) rows: Vec<Row>,
    /// The address of the account's API.
    pub(super) base: String,
}

impl Rows for Whole {
    async fn window(&self, start: u64, count: usize) -> Result<Window, Error> {
        let start = usize::try_from(start).unwrap_or(usize::MAX).min(self.rows.len());
        let end = start.saturating_add(count).min(self.rows.len());
        let rows = self.rows[start..end].to_vec();
        Ok(Window { rows, more: end < self.rows.len(), base: self.base.clone() })
    }

    fn most(&self) -> usize {
        usize::MAX
    }
}

/// One list behind another. The one in front is whole, so that positions in the other are known.
pub(super) struct Behind<'a, T> {
    /// The one in front.
    pub(super) front: Whole,
    /// The other; none where it is not wanted.
    pub(super) other: Option<&'a T>,
}

impl<T: Rows> Rows for Behind<'_, T> {
    async fn window(&self, start: u64, count: usize) -> Result<Window, Error> {
        let length = self.front.rows.len() as u64;
        match self.other {
            Some(other) if start >= length => other.window(start - length, count).await,
            other => {
                let window = self.front.window(start, count).await?;
                Ok(Window { more: window.more || other.is_some(), ..window })
            }
        }
    }

    fn most(&self) -> usize {
        self.other.map_or(usize::MAX, Rows::most)
    }
}

/// The page at `place` of at most `limit` objects. `unify` maps one, or leaves it out; it is told the address of the
/// account's API beside it.
///
/// Where filters leave out very many, a page may hold fewer than there are: it then says where to go on.
pub(super) async fn page(
    rows: &impl Rows,
    place: Place,
    limit: usize,
    unify: impl Fn(&Row, &str) -> Option<Item>,
) -> Result<Page, Error> {
    let (from, limit, mut window, mut at) = if place.back {
        let end = find(rows, &place, 0).await?.0;
        let from = end.saturating_sub(limit as u64);
        // A page at the start of the list may be a short one, and ends where the present one began.
        (from, usize::try_from(end - from).unwrap_or(limit), None, from)
    } else {
        let (at, window) = find(rows, &place, limit).await?;
        (at, limit, window, at)
    };
    let mut anchors = if place.back { Vec::new() } else { place.anchors };
    let (mut items, mut first, mut calls, mut more) = (Vec::new(), None, 0, true);
    while items.len() < limit && more && calls < limits::UNIFY_CALLS_FOR_PAGE_MAX {
        let (start, next) = match window.take() {
            Some(found) => found,
            None => (at, rows.window(at, (limit - items.len()).min(rows.most())).await?),
        };
        calls += 1;
        let skipped = usize::try_from(at - start).unwrap_or(usize::MAX).min(next.rows.len());
        let (mut left, length) = (next.rows.len() - skipped, next.rows.len());
        for row in &next.rows[skipped..] {
            if items.len() == limit {
                break;
            }
            (at, left) = (at + 1, left - 1);
            first.get_or_insert_with(|| row.id.clone());
            anchors.insert(0, row.id.clone());
            anchors.truncate(limits::UNIFY_ANCHORS);
            items.extend(unify(row, &next.base));
        }
        more = left > 0 || (next.more && length > 0);
    }
    let next = more.then_some(Place { start: at, anchors, back: false });
    let prev = (from > 0).then(|| Place { start: from, anchors: first.into_iter().collect(), back: true });
    Ok(Page { items, next, prev, is_partial: false })
}

/// Where a place is now, and the objects around it where they were read to find it, with the position of the first.
async fn find(rows: &impl Rows, place: &Place, limit: usize) -> Result<(u64, Option<(u64, Window)>), Error> {
    if place.anchors.is_empty() {
        return Ok((place.start, None));
    }
    let slack = limits::UNIFY_OVERLAP;
    let mut start = place.start.saturating_sub(slack as u64);
    let mut end = start;
    let mut count = limit.saturating_add(2 * slack).min(rows.most());
    let mut best: Option<Found> = None;
    // Most often it is where it was; else further on, for others came before it.
    for _ in 0..limits::UNIFY_SEARCHES {
        let window = rows.window(start, count).await?;
        let (length, more) = (window.rows.len() as u64, window.more);
        if nearer(&mut best, place, start, window) || !more {
            break;
        }
        start += length;
        count = rows.most().min(limits::UNIFY_SEARCH_ROWS);
    }
    // Or nearer the start, for much before it is gone.
    for _ in 0..limits::UNIFY_SEARCHES {
        if best.is_some() || end == 0 {
            break;
        }
        let most = rows.most().min(limits::UNIFY_SEARCH_ROWS);
        let count = usize::try_from(end).unwrap_or(most).min(most);
        end -= count as u64;
        let window = rows.window(end, count).await?;
        nearer(&mut best, place, end, window);
    }
    // Where all that it was known by is gone, its position is the best that is left.
    Ok(best.map_or((place.start, None), |found| (found.at, Some((found.start, found.window)))))
}

/// Where one of a place's anchors was found.
struct Found {
    /// Which: 0 is the nearest.
    anchor: usize,
    /// The position of the place, by that anchor.
    at: u64,
    /// The objects among which it was found, and the position of the first.
    start: u64,
    window: Window,
}

/// Takes in the objects from `start` on; whether the nearest anchor is among them. Only where that one is nowhere is
/// another as good: something may have come between them.
fn nearer(best: &mut Option<Found>, place: &Place, start: u64, window: Window) -> bool {
    let known = best.as_ref().map_or(place.anchors.len(), |found| found.anchor);
    let found = place.anchors[..known]
        .iter()
        .enumerate()
        .find_map(|(anchor, id)| Some((anchor, window.rows.iter().position(|row| row.id == *id)? as u64)));
    if let Some((anchor, index)) = found {
        *best = Some(Found { anchor, at: start + index + u64::from(!place.back), start, window });
    }
    best.as_ref().is_some_and(|found| found.anchor == 0)
}

#[cfg(test)]
#[path = "tests/walk.rs"]
mod tests;
