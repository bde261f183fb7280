//! The books: they balance after everything that can happen, and each kind of loss is seen and named.

use countersign::base::ChangeId;
use countersign::base::books::{Counts, Rows, equations, imbalances, row_equations};
use countersign::signing::{ParticipantStatus, SigningRequestStatus};
use countersign::store::{Arrival, EnrichedChange, Reading, Resolution, Store};
use jiff::SignedDuration;

use super::place;
use crate::support::{Place, activity, participant, status};

pub(super) async fn audited(store: &Store) -> (Vec<&'static str>, Counts, Rows) {
    let quick = store.books().await.unwrap();
    let (counts, rows) = store.books_by_hand().await.unwrap();
    assert_eq!(quick, counts);
    let all: Vec<_> = equations(&counts).into_iter().chain(row_equations(&counts, &rows)).collect();
    (imbalances(&all).map(|equation| equation.name).collect(), counts, rows)
}

/// A life with everything in it: duplicates, activities, quarantines that end in each way, and a fetch.
pub(super) async fn busy(place: &Place) -> Store {
    let store = place.open().await;
    for number in 0..5 {
        place.tell(&store, status(number, SigningRequestStatus::Sent)).await;
        place.tell(&store, participant(number, "1", ParticipantStatus::Completed)).await;
        place.tell(&store, activity(number, "envelope-resent", b"x")).await;
        place.tell(&store, status(number, SigningRequestStatus::Sent)).await;
    }
    let mut ids = Vec::new();
    for body in [b"{", b"[", b"<"] {
        let delivery = place.delivery(body);
        ids.push(delivery.delivery().id);
        store.append(Arrival { delivery, reading: Reading::Unreadable("broken".into()) }).await.unwrap();
    }
    let observation = Box::new(status(9, SigningRequestStatus::Sent));
    let released = Resolution::Released { observation, traceparent: String::new() };
    store.resolve_quarantine(ids[0], released, place.now).await.unwrap().unwrap();
    store.resolve_quarantine(ids[1], Resolution::Dropped, place.now).await.unwrap().unwrap();
    let due = place.now + SignedDuration::from_secs(5);
    for claim in store.claim_enrichments(due, 2).await.unwrap() {
        let enriched = EnrichedChange {
            id: ChangeId(uuid::Uuid::from_u128(claim.subject_ref.try_into().unwrap())),
            routing_key: "enriched.sent.a".into(),
            occurred_at: due,
            received_at: due,
            body: Box::new(|sequence| format!("{{\"sequence\":{sequence}}}")),
        };
        // One more change comes in during the fetch of the first.
        place.tell(&store, status(0, SigningRequestStatus::Completed)).await;
        store.complete_enrichment(claim, enriched).await.unwrap();
    }
    store
}

#[tokio::test]
async fn the_books_balance_after_everything_that_can_happen_and_over_restarts() {
    let mut place = place().await;
    let store = busy(&place).await;
    let (wrong, counts, rows) = audited(&store).await;
    assert_eq!((wrong, rows.places.len()), (vec![], 0), "{counts:?} {rows:?}");
    assert_eq!((counts.quarantined, counts.quarantine, counts.released, counts.dropped), (3, 1, 1, 1));
    assert_eq!((counts.accepted, counts.duplicates, counts.told, counts.enriched), (16, 6, 17, 2));
    store.close().await;
    let store = place.open().await;
    assert_eq!(audited(&store).await.1, counts, "nothing of it was in memory only");
    // Years later all of it is pruned but what waits, and what is new goes on from there.
    let long_after = place.now + SignedDuration::from_hours(24 * 400);
    let old = std::mem::replace(&mut place.now, long_after);
    place.tell(&store, status(1, SigningRequestStatus::Completed)).await;
    while store.prune(old + SignedDuration::from_hours(24)).await.unwrap().rows() > 0 {}
    let (wrong, counts, rows) = audited(&store).await;
    assert_eq!(wrong, [""; 0], "{counts:?} {rows:?}");
    assert!(rows.deliveries_pruned > 20, "{rows:?}");
}

#[tokio::test]
async fn the_newest_delivery_is_kept_whatever_its_age_so_that_its_number_is_never_given_twice() {
    let place = place().await;
    let store = place.open().await;
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    place.tell(&store, status(2, SigningRequestStatus::Sent)).await;
    let long_after = place.now + SignedDuration::from_hours(24 * 400);
    assert_eq!(store.prune(long_after).await.unwrap().deliveries, 1);
    assert_eq!(store.prune(long_after).await.unwrap().deliveries, 0);
    store.close().await;
    let store = place.open().await;
    place.tell(&store, status(3, SigningRequestStatus::Sent)).await;
    let (wrong, counts, _) = audited(&store).await;
    assert_eq!((wrong, counts.last_delivery), (vec![], 3));
}
