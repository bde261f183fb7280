//! What waits to be published waits in order, and leaves only with a receipt.

use countersign::base::Position;
use countersign::signing::SigningRequestStatus;
use countersign::store::{FeedQuery, Parts};

use super::place;
use crate::support::status;

#[tokio::test]
async fn unsettled_changes_come_in_order_and_page_by_page() {
    let place = place().await;
    let store = place.open().await;
    for number in 0..25 {
        place.tell(&store, status(number, SigningRequestStatus::Sent)).await;
    }
    let first = store.unsettled(Parts::ALL, Position(0), 10).await.unwrap();
    let second = store.unsettled(Parts::ALL, first[9].position, 100).await.unwrap();
    let all: Vec<u64> = first.iter().chain(&second).map(|entry| entry.position.0).collect();
    assert_eq!(all, (1..=25).collect::<Vec<_>>());
    assert!(first.iter().all(|entry| entry.routing_key.starts_with("signing_request.sent.")));
    assert!(store.backlog().await.unwrap().oldest_at.is_some());
}

#[tokio::test]
async fn a_change_put_back_waits_again_and_twice_is_once() {
    let place = place().await;
    let store = place.open().await;
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    // It waits already, so nothing is put back; and what does not exist cannot be.
    assert_eq!(store.republish(vec![Position(1), Position(99)]).await.unwrap(), 0);
    let row = store.feed(FeedQuery { limit: 1, ..FeedQuery::default() }).await.unwrap().remove(0);
    assert!(!row.published);
}

#[tokio::test]
async fn watchers_wake_on_every_commit() {
    let place = place().await;
    let store = place.open().await;
    let mut last = store.last_position();
    assert_eq!(*last.borrow_and_update(), Position(0));
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    last.changed().await.unwrap();
    assert_eq!(*last.borrow_and_update(), Position(1));
}
