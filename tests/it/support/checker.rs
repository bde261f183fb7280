//! The checker: keeps the books of a run from outside, and says what is missing in the end.
//!
//! What was answered 200 must be stored, and what is stored must have been published: the first is read over the HTTP
//! API, the second was heard by the independent subscriber.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use uuid::Uuid;

use super::server::Server;
use super::subscriber::Report;
use super::traffic::{Traffic, answered_id};
use super::{PATIENCE, eventually};

/// Deliveries sent and answered so far. Ids are kept as numbers: a million take sixteen megabytes.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    sent: AtomicU64,
    answered: Mutex<Vec<u128>>,
}

/// The books, closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Books {
    /// Deliveries sent, each counted once however often it was tried.
    pub(crate) sent: u64,
    /// Of these, answered 200.
    pub(crate) answered: u64,
    /// Deliveries that the store holds: also those whose answer was lost on its way.
    pub(crate) stored: u64,
    /// Changes that the store holds.
    pub(crate) changes: u64,
    /// Different ids that the subscriber heard.
    pub(crate) published: u64,
    /// Messages that it heard.
    pub(crate) consumed: u64,
    /// Those among them whose id it had heard before.
    pub(crate) duplicates: u64,
    /// Answered and not stored, or stored and not published.
    pub(crate) lost: u64,
    /// Published and not stored.
    pub(crate) made_up: u64,
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, answered, stored, changes, published, consumed, duplicates, lost, made_up } = self;
        write!(
            f,
            "sent {sent} · answered 200 {answered} · stored {stored} ({changes} changes) · published {published} · \
             consumed {consumed} · duplicates by id {duplicates} · made up {made_up} · lost {lost}"
        )
    }
}

impl Books {
    fn of(
        sent: u64,
        answered: &[u128],
        stored: &HashSet<u128>,
        changes: &HashSet<u128>,
        seen: &Report,
    ) -> Self {
        let lost = answered.iter().filter(|id| !stored.contains(id)).count()
            + changes.difference(&seen.heard).count();
        Self {
            sent,
            answered: answered.len() as u64,
            stored: stored.len() as u64,
            changes: changes.len() as u64,
            published: seen.ids,
            consumed: seen.messages,
            duplicates: seen.duplicates,
            lost: lost as u64,
            made_up: seen.heard.difference(changes).count() as u64,
        }
    }

    /// Prints the line, and fails unless answered ⊆ stored ⊆ published.
    pub(crate) fn assert_nothing_lost(&self) {
        println!("{self}");
        assert_eq!((self.lost, self.made_up), (0, 0), "{self}");
        assert_eq!(self.sent, self.answered, "everything was answered 200 in the end: {self}");
    }
}

impl Checker {
    fn ids(&self) -> MutexGuard<'_, Vec<u128>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down that a delivery is sent for the first time.
    pub(crate) fn send_begins(&self) {
        self.sent.fetch_add(1, Ordering::SeqCst);
    }

    /// Writes down the id under which a delivery was answered 200.
    pub(crate) fn is_answered(&self, id: Uuid) {
        self.ids().push(id.as_u128());
    }

    /// How many deliveries were answered 200 so far.
    pub(crate) fn answered(&self) -> u64 {
        self.ids().len() as u64
    }

    /// The ids answered after the first `count`, and how many there are in all.
    pub(crate) fn answered_since(&self, count: usize) -> (HashSet<u128>, usize) {
        let ids = self.ids();
        (ids.iter().skip(count).copied().collect(), ids.len())
    }

    /// How many deliveries were sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Sends traffic as DocuSign would, each delivery until it is answered 200, eight at a time, to one address after
    /// another.
    pub(crate) async fn send(&self, traffic: &Traffic, urls: &[String]) {
        let deliveries = traffic.bodies.iter().enumerate().map(|(number, body)| async move {
            self.send_begins();
            let mut tries = number;
            let id = eventually("a delivery is answered 200", PATIENCE, async || {
                tries += 1;
                let attempt = answered_id(&urls[tries % urls.len()], body);
                if urls.len() == 1 {
                    return attempt.await;
                }
                // One that is frozen or cut off must not hold up the rest: DocuSign's way in would leave it out.
                tokio::time::timeout(Duration::from_secs(3), attempt).await.ok().flatten()
            })
            .await;
            self.is_answered(id);
        });
        stream::iter(deliveries).buffer_unordered(8).collect::<Vec<_>>().await;
    }

    /// Deliveries that were answered 200 and are not in the store.
    pub(crate) async fn forgotten(&self, server: &Server) -> Vec<Uuid> {
        let stored: HashSet<u128> = stored_deliveries(server).await;
        self.ids().iter().filter(|id| !stored.contains(id)).map(|id| Uuid::from_u128(*id)).collect()
    }

    /// Closes the books over a server that has published everything, and what a subscriber bound from the beginning
    /// has heard.
    pub(crate) async fn close(&self, server: &Server, seen: &Report) -> Books {
        let (stored, changes) = (stored_deliveries(server).await, stored_changes(server).await);
        Books::of(self.sent(), &self.ids(), &stored, &changes, seen)
    }
}

/// The ids of all deliveries, page by page.
async fn stored_deliveries(server: &Server) -> HashSet<u128> {
    ids(server, "/v1/deliveries?limit=1000", "before", |row| row["id"].as_str()).await
}

/// The ids of all changes, page by page.
pub(crate) async fn stored_changes(server: &Server) -> HashSet<u128> {
    ids(server, "/v1/changes?limit=1000", "after", |row| row["change"]["id"].as_str()).await
}

async fn ids(
    server: &Server,
    list: &str,
    cursor: &str,
    id: impl Fn(&Value) -> Option<&str>,
) -> HashSet<u128> {
    let (mut all, mut path) = (HashSet::new(), list.to_owned());
    loop {
        let (status, page) = server.get(&path).await;
        assert_eq!(status, 200, "{path}: {page}");
        let rows = page["result"].as_array().expect("a list");
        all.extend(rows.iter().map(|row| id(row).expect("an id").parse::<Uuid>().expect("a UUID").as_u128()));
        let Some(next) = page["next_cursor"].as_str() else { return all };
        path = format!("{list}&{cursor}={next}");
    }
}

#[test]
fn the_checker_counts_what_was_answered_and_not_stored_and_what_was_stored_and_not_heard() {
    let numbers = |all: &[u128]| all.iter().copied().collect::<HashSet<_>>();
    let seen = Report { ids: 2, messages: 3, duplicates: 1, heard: numbers(&[11, 99]), ..Report::default() };
    let books = Books::of(4, &[1, 2, 3], &numbers(&[1, 2, 5]), &numbers(&[11, 12]), &seen);
    // 3 was answered and forgotten, 12 was stored and never heard, 99 was heard and never stored.
    assert_eq!((books.lost, books.made_up), (2, 1));
    assert!(std::panic::catch_unwind(|| books.assert_nothing_lost()).is_err());
}
