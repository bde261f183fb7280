//! Lists that change while they are walked.

use std::sync::{Mutex, PoisonError};

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A list that others change, of which a call gives at most so many.
struct Changing(Mutex<Vec<u32>>, usize);

impl Changing {
    fn list(&self) -> std::sync::MutexGuard<'_, Vec<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows for Changing {
    async fn window(&self, start: u64, count: usize) -> Result<Window, Error> {
        assert!(count > 0 && count <= self.1, "{count}");
        let list = self.list();
        let rows = list.iter().skip(start as usize).take(count);
        let rows: Vec<_> = rows
            .map(|n| Row { id: n.to_string(), json: RawValue::from_string(n.to_string()).unwrap() })
            .collect();
        let more = start as usize + rows.len() < list.len();
        Ok(Window { rows, more, base: String::new() })
    }

    fn most(&self) -> usize {
        self.1
    }
}

fn number(item: &Item) -> u32 {
    serde_json::from_str::<serde_json::Value>(&item.unified).unwrap()["n"].as_u64().unwrap() as u32
}

async fn read(rows: &Changing, place: Place, limit: usize, keep: impl Fn(u32) -> bool) -> (Vec<u32>, Page) {
    let unify = |row: &Row, _: &str| {
        let n: u32 = row.id.parse().unwrap();
        keep(n).then(|| Item::new(&json!({"n": n}), Some(&row.json)))
    };
    let page = page(rows, place, limit, unify).await.unwrap();
    (page.items.iter().map(number).collect(), page)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    /// What was in the list from the beginning to the end is told once, whatever is inserted where meanwhile.
    #[test]
    fn whatever_is_inserted_meanwhile_all_that_was_there_is_told_once(
        count in 0u32..300, limit in 1usize..40, most in 8usize..120, keeps in 1u32..4,
        inserts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12), 0..40),
    ) {
        let rows = Changing(Mutex::new((0..count).collect()), most);
        let told = run(async {
            let (mut told, mut place, mut new, mut inserts) = (Vec::new(), Place::default(), 1_000, inserts.into_iter());
            loop {
                let (page, Page { next, .. }) = read(&rows, place, limit, |n| n % keeps == 0).await;
                told.extend(page);
                let Some(next) = next else { break told };
                place = next;
                if let Some((at, many)) = inserts.next() {
                    let mut list = rows.list();
                    for _ in 0..many {
                        let at = at.index(list.len() + 1);
                        list.insert(at, new);
                        new += 1;
                    }
                }
            }
        });
        let mut old: Vec<_> = told.iter().copied().filter(|n| *n < 1_000).collect();
        prop_assert_eq!(&old, &(0..count).filter(|n| n % keeps == 0).collect::<Vec<_>>());
        old.dedup();
        let mut all = told.clone();
        all.sort_unstable();
        all.dedup();
        prop_assert_eq!(all.len(), told.len(), "none twice");
    }

    /// Going back gives the pages that going on gave.
    #[test]
    fn going_back_gives_the_pages_that_going_on_gave(count in 1u32..120, limit in 1usize..30, most in 8usize..80) {
        let rows = Changing(Mutex::new((0..count).collect()), most);
        run(async {
            let (mut pages, mut place, mut last) = (Vec::new(), Place::default(), None);
            loop {
                let (told, page) = read(&rows, place, limit, |_| true).await;
                pages.push(told);
                last = page.prev.or(last);
                match page.next {
                    Some(next) => place = next,
                    None => break,
                }
            }
            pages.pop();
            while let Some(place) = last {
                let (told, page) = read(&rows, place, limit, |_| true).await;
                assert_eq!(Some(told), pages.pop());
                last = page.prev;
            }
            assert!(pages.is_empty());
        });
    }
}

#[test]
fn the_last_object_of_a_page_may_be_removed_and_nothing_is_left_out() {
    let rows = Changing(Mutex::new((0..30).collect()), 100);
    run(async {
        let (told, page) = read(&rows, Place::default(), 10, |_| true).await;
        assert_eq!(told, (0..10).collect::<Vec<_>>());
        rows.list().retain(|n| ![9, 3].contains(n));
        let (told, _) = read(&rows, page.next.unwrap(), 10, |_| true).await;
        assert_eq!(told, (10..20).collect::<Vec<_>>());
    });
}

#[test]
fn a_page_of_which_filters_leave_nothing_says_where_to_go_on() {
    let rows = Changing(Mutex::new((0..5_000).collect()), 10);
    let (told, page) = run(read(&rows, Place::default(), 10, |_| false));
    assert!(told.is_empty() && page.next.is_some_and(|next| next.start > 10));
}
