//! Deliveries go in once, come out as they were, and survive whatever happens to the process.

use countersign::base::{Outcome, Position};
use countersign::signing::{ParticipantStatus, SigningRequestStatus};
use countersign::store::{Arrival, DeliveryQuery, Error, Parts, Reading, Resolution, StoredBody};

use super::books::audited;
use super::place;
use crate::support::{Place, activity, participant, signing_request, status};

#[tokio::test]
async fn the_first_telling_is_accepted_and_the_second_is_a_duplicate() {
    let place = place().await;
    let store = place.open().await;
    let first = place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    let second = place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    assert_eq!((first.outcome, first.changes.len()), (Outcome::Accepted, 1));
    assert_eq!((second.outcome, second.changes.len()), (Outcome::Duplicate, 0));
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.accepted, totals.duplicates, totals.changes, totals.signing_requests), (1, 1, 1, 1));
}

#[tokio::test]
async fn an_activity_is_remembered_by_what_makes_it_different() {
    let place = place().await;
    let store = place.open().await;
    let outcomes = [
        place.tell(&store, activity(1, "envelope-resent", b"one")).await.outcome,
        place.tell(&store, activity(1, "envelope-resent", b"one")).await.outcome,
        place.tell(&store, activity(1, "envelope-resent", b"two")).await.outcome,
    ];
    assert_eq!(outcomes, [Outcome::Accepted, Outcome::Duplicate, Outcome::Accepted]);
}

#[tokio::test]
async fn all_that_was_answered_is_there_after_the_store_is_opened_again() {
    let place = place().await;
    let store = place.open().await;
    for number in 0..20 {
        place.tell(&store, status(number, SigningRequestStatus::Sent)).await;
        place.tell(&store, participant(number, "1", ParticipantStatus::Completed)).await;
    }
    store.close().await;
    let store = place.open().await;
    assert_eq!(*store.last_position().borrow(), Position(40));
    assert_eq!(store.backlog().await.unwrap().changes, 40);
    // Sequences and positions go on where they stopped, and what was told is still known.
    assert_eq!(place.tell(&store, status(3, SigningRequestStatus::Sent)).await.outcome, Outcome::Duplicate);
    place.tell(&store, status(3, SigningRequestStatus::Completed)).await;
    let last = store.unsettled(Parts::ALL, Position(40), 10).await.unwrap();
    assert_eq!((last[0].position, last[0].sequence), (Position(41), 3));
}

#[tokio::test]
async fn of_those_that_share_a_transaction_only_what_cannot_be_written_fails() {
    let place = place().await;
    let store = place.open().await;
    place.tell(&store, status(0, SigningRequestStatus::Sent)).await;
    // From here on the first id of these dice is taken, whichever dice the place has.
    let (delivery, reading) = (Place::new(None).delivery(b"first"), Reading::Unreadable("first".into()));
    let _ = store.append(Arrival { delivery, reading }).await;
    let tasks: Vec<_> = (1..=100)
        .map(|number| {
            // The same dice give that id again.
            let delivery = if number % 10 == 3 {
                Place::new(None).delivery(b"again")
            } else {
                place.delivery(format!("{number}").as_bytes())
            };
            let reading = Reading::Understood(Box::new(status(number % 40, SigningRequestStatus::Completed)));
            let store = store.clone();
            tokio::spawn(async move { (number, store.append(Arrival { delivery, reading }).await) })
        })
        .collect();
    for task in tasks {
        let (number, answer) = task.await.unwrap();
        match answer {
            Ok(_) => assert_ne!(number % 10, 3),
            Err(error) => assert!(number % 10 == 3 && matches!(error, Error::Rejected(_)), "{error}"),
        }
    }
    assert_eq!(*store.last_position().borrow(), Position(37), "what failed made no change");
    let (wrong, counts, rows) = audited(&store).await;
    assert_eq!((wrong, rows.places.len()), (vec![], 0), "{counts:?} {rows:?}");
}

#[tokio::test]
async fn many_at_once_share_transactions_and_each_gets_its_own_answer() {
    let place = place().await;
    let store = place.open().await;
    let tasks: Vec<_> = (0..600)
        .map(|number| {
            let (store, seen) = (store.clone(), status(number % 300, SigningRequestStatus::Completed));
            let delivery = place.delivery(format!("{number}").as_bytes());
            let id = delivery.delivery().id;
            tokio::spawn(async move {
                let arrival = Arrival { delivery, reading: Reading::Understood(Box::new(seen)) };
                let appended = store.append(arrival).await.unwrap();
                assert_eq!(appended.delivery_id, id);
                appended.changes.len()
            })
        })
        .collect();
    let mut changes = 0;
    for task in tasks {
        changes += task.await.unwrap();
    }
    assert_eq!(changes, 300, "each of 300 signing requests is completed once, though told twice");
    assert_eq!(store.unsettled(Parts::ALL, Position(0), 1_000).await.unwrap().len(), 300);
}

#[tokio::test]
async fn bytes_and_headers_come_back_as_they_were_received() {
    let place = place().await;
    let store = place.open().await;
    let plain: Vec<u8> = (0..=255).collect();
    let repetitive = b"<a/>".repeat(10_000);
    let spool = place.folder.path().join("spool");
    std::fs::create_dir_all(&spool).unwrap();
    for (body, large) in [(&plain, false), (&repetitive, false), (&repetitive, true), (&Vec::new(), false)] {
        let delivery = if large { place.large(body, &spool) } else { place.delivery(body) };
        let id = delivery.delivery().id;
        store.append(Arrival { delivery, reading: Reading::Unreadable("test".into()) }).await.unwrap();
        let detail = store.delivery(id).await.unwrap().unwrap();
        assert_eq!(detail.headers[0].0, "x-docusign-signature-1");
        assert_eq!(detail.row.body_bytes, body.len() as u64);
        match detail.body.unwrap() {
            StoredBody::Inline(bytes) => assert_eq!(bytes.as_ref(), body.as_slice()),
            StoredBody::File(path) => assert_eq!(&std::fs::read(path).unwrap(), body),
        }
    }
}

#[tokio::test]
async fn a_quarantine_is_ended_once_by_release_or_by_drop() {
    let place = place().await;
    let store = place.open().await;
    let mut ids = Vec::new();
    for body in [b"{", b"["] {
        let delivery = place.delivery(body);
        ids.push(delivery.delivery().id);
        let arrival = Arrival { delivery, reading: Reading::Unreadable("broken".into()) };
        assert_eq!(store.append(arrival).await.unwrap().outcome, Outcome::Quarantined("broken".into()));
    }
    assert_eq!(store.totals().await.unwrap().quarantined, 2);
    let release = || Resolution::Released {
        observation: Box::new(status(9, SigningRequestStatus::Sent)),
        traceparent: String::new(),
    };
    assert_eq!(
        store.resolve_quarantine(ids[0], release(), place.now).await.unwrap().unwrap().changes.len(),
        1
    );
    assert!(store.resolve_quarantine(ids[0], release(), place.now).await.unwrap().is_none());
    assert!(store.resolve_quarantine(ids[1], Resolution::Dropped, place.now).await.unwrap().is_some());
    assert!(store.resolve_quarantine(ids[1], release(), place.now).await.unwrap().is_none());
    assert_eq!(store.totals().await.unwrap().quarantined, 0);
    let dropped = DeliveryQuery { limit: 10, outcome: Some("dropped".into()), ..DeliveryQuery::default() };
    assert_eq!(store.deliveries(dropped).await.unwrap()[0].id, ids[1]);
}

#[tokio::test]
async fn a_quarantine_can_be_released_though_all_that_came_after_it_was_pruned() {
    let place = place().await;
    let store = place.open().await;
    let delivery = place.delivery(b"{");
    let id = delivery.delivery().id;
    let unreadable = Reading::Unreadable("broken".into());
    store.append(Arrival { delivery, reading: unreadable }).await.unwrap();
    place.tell(&store, status(9, SigningRequestStatus::Delivered)).await;
    // The newest delivery of all is never pruned.
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    let later = place.now.checked_add(jiff::SignedDuration::from_hours(24)).unwrap();
    assert_eq!(store.prune(later).await.unwrap().deliveries, 1);
    let observation = Box::new(status(9, SigningRequestStatus::Sent));
    let how = Resolution::Released { observation, traceparent: String::new() };
    assert_eq!(store.resolve_quarantine(id, how, place.now).await.unwrap().unwrap().changes.len(), 1);
    let timeline = store.timelines(signing_request(9).as_str()).await.unwrap();
    assert_eq!(timeline[0].deliveries.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), [id]);
}

#[tokio::test]
async fn a_released_delivery_stands_in_its_timeline_where_it_came() {
    let place = place().await;
    let store = place.open().await;
    let mut ids = Vec::new();
    for number in 0..6 {
        let readable = number % 3 == 1;
        let delivery = place.delivery(format!("{number}").as_bytes());
        ids.push(delivery.delivery().id);
        let reading = if readable {
            Reading::Understood(Box::new(participant(1, &format!("{number}"), ParticipantStatus::Sent)))
        } else {
            Reading::Unreadable("broken".into())
        };
        store.append(Arrival { delivery, reading }).await.unwrap();
    }
    // Between two, before all, after all, and beside one that was released.
    for number in [3, 0, 5, 2] {
        let observation = Box::new(participant(1, &format!("{number}"), ParticipantStatus::Sent));
        let released = Resolution::Released { observation, traceparent: String::new() };
        store.resolve_quarantine(ids[number], released, place.now).await.unwrap().unwrap();
    }
    let timelines = store.timelines(signing_request(1).as_str()).await.unwrap();
    let told: Vec<_> = timelines[0].deliveries.iter().map(|row| row.id).collect();
    assert_eq!(told, ids);
    let sequences: Vec<_> = timelines[0].changes.iter().map(|row| row.entry.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let place = place().await;
    let store = place.open().await;
    store.close().await;
    assert!(matches!(store.probe().await, Err(Error::Unavailable(_))));
    assert!(matches!(store.totals().await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn pruning_takes_old_deliveries_and_published_changes_but_neither_waiting_nor_quarantined_ones() {
    let mut place = place().await;
    let store = place.open().await;
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    let quarantined = place.delivery(b"?");
    let kept = quarantined.delivery().id;
    store
        .append(Arrival { delivery: quarantined, reading: Reading::Unreadable("broken".into()) })
        .await
        .unwrap();
    let old = place.now;
    place.now = "2027-01-23T10:00:00Z".parse().unwrap();
    place.tell(&store, status(2, SigningRequestStatus::Sent)).await;
    let cut = "2026-12-23T10:00:00Z".parse().unwrap();
    assert!(old < cut);
    assert_eq!(store.prune(cut).await.unwrap().deliveries, 1);
    assert_eq!(store.prune(cut).await.unwrap().deliveries, 0);
    assert!(store.delivery(kept).await.unwrap().is_some());
    assert_eq!(
        store.unsettled(Parts::ALL, Position(0), 10).await.unwrap().len(),
        2,
        "an unpublished change is never pruned"
    );
    // What a signing request was told is known for ever: the duplicate is still one.
    assert_eq!(place.tell(&store, status(1, SigningRequestStatus::Sent)).await.outcome, Outcome::Duplicate);
    assert_eq!(store.timelines(signing_request(1).as_str()).await.unwrap().len(), 1);
}
